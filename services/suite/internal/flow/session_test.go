package flow_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
)

// ID-7: signing out ends what runs with the session's access token, everywhere: calls of every service are refused and
// the stream of changes closes, though the token would be good for minutes yet.
func TestSigningOutEndsTheAccessToken(t *testing.T) {
	in := running(t)
	admin := in.organization(t, "SignOut")
	other := in.signIn(t, admin.email)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.base+"/v1/events:watch", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+admin.token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, res.Body.Close()) })
	require.Equal(t, http.StatusOK, res.StatusCode)
	stream := bufio.NewReader(res.Body)
	_, err = stream.ReadString('\n')
	require.NoError(t, err)

	admin.must(http.MethodPost, "/v1/sessions:signOut", object{})
	for _, path := range []string{"/v1/me", "/v1/deals", "/v1/contacts", "/v1/products", "/v1/events:watch"} {
		testkit.Eventually(t, func() error {
			a := admin.do(http.MethodGet, path, nil)
			if a.status != http.StatusUnauthorized || a.object()["reason"] != "SESSION_ENDED" {
				return fmt.Errorf("%s: %d: %s", path, a.status, a.body)
			}
			return nil
		})
	}
	_, err = io.ReadAll(stream) // to its end; the test would run into its deadline otherwise
	require.NoError(t, err)
	other.get("/v1/me")
}
