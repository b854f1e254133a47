package rest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
)

// WEB-1: a request that cannot be read is answered by place and field, without a word of the libraries that read it.
func TestMalformedRequestsAreToldByField(t *testing.T) {
	t.Parallel()
	body := func(text string) string { return protojson.Unmarshal([]byte(text), &dealsv1.Deal{}).Error() }
	for name, c := range map[string]struct{ said, message, field string }{
		"an unknown field":   {body(`{"nope": 1}`), "the body cannot be read at line 1, column 2", "nope"},
		"a wrong type":       {body("{\n \"probability\": \"x\"}"), "the body cannot be read at line 2, column 17", "probability"},
		"half a body":        {body(`{`), "the request cannot be read", ""},
		"a number":           {`parsing field "page_size": strconv.ParseInt: parsing "x": invalid syntax`, "the request cannot be read", "pageSize"},
		"a path":             {`type mismatch, parameter: id, error: strconv.ParseInt: parsing "x"`, "the request cannot be read", "id"},
		"too many":           {`too many values for field "filter": a, b`, "the request cannot be read", "filter"},
		"nothing we can say": {"EOF", "the request cannot be read", ""},
	} {
		e := malformed(c.said)
		require.Equal(t, c.message, e.Msg, "%s: %s", name, c.said)
		require.Equal(t, "MALFORMED_REQUEST", e.Reason, name)
		if c.field == "" {
			require.Empty(t, e.Fields, name)
			continue
		}
		require.Len(t, e.Fields, 1, "%s: %s", name, c.said)
		require.Equal(t, c.field, e.Fields[0].Field, name)
		require.NotRegexp(t, `proto:|strconv|parsing`, e.Msg+e.Fields[0].Description, name)
	}
}
