package site

import (
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// WEB-6: what the build has compressed is sent as it is, to whom understands it.
func TestServeCompressed(t *testing.T) {
	root := fstest.MapFS{"assets/a.js": {Data: []byte("plain")}, "assets/a.js.gz": {Data: []byte("packed")}, "b.svg": {Data: []byte("x")}}
	for _, c := range []struct {
		name, file, accepts string
		served              bool
	}{
		{"compressed", "assets/a.js", "gzip, br", true},
		{"not understood", "assets/a.js", "br", false},
		{"not compressed by the build", "b.svg", "gzip", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/"+c.file, nil)
			r.Header.Set("Accept-Encoding", c.accepts)
			w := httptest.NewRecorder()
			require.Equal(t, c.served, serveCompressed(w, r, root, c.file))
			if c.served {
				require.Equal(t, "packed", w.Body.String())
				require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
				require.Contains(t, w.Header().Get("Content-Type"), "javascript")
				require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
			}
		})
	}
}
