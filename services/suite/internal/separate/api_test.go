package separate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

type object = map[string]any

// caller is a user of the REST face.
type caller struct {
	t     *testing.T
	base  string
	token string
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d: %s", r.status, r.body) }

// ask sends a request and returns the answer, or a *refusal.
func (c *caller) ask(method, path string, body object) (object, error) {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, in)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, &refusal{res.StatusCode, string(text)}
	}
	var out object
	err = json.Unmarshal(text, &out)
	return out, err
}

// must is ask for what has to succeed.
func (c *caller) must(method, path string, body object) object {
	c.t.Helper()
	out, err := c.ask(method, path, body)
	require.NoError(c.t, err, "%s %s", method, path)
	return out
}

// create makes a record and returns it.
func (c *caller) create(collection, kind string, record object) object {
	c.t.Helper()
	return part(c.t, c.must(http.MethodPost, "/v1/"+collection, record), kind)
}

func part(t *testing.T, o object, field string) object {
	t.Helper()
	p, ok := o[field].(object)
	require.True(t, ok, "%s in %v", field, o)
	return p
}

func list(t *testing.T, o object, field string) []object {
	t.Helper()
	values, ok := o[field].([]any)
	require.True(t, ok, "%s in %v", field, o)
	var out []object
	for _, v := range values {
		p, ok := v.(object)
		require.True(t, ok, "%s in %v", field, o)
		out = append(out, p)
	}
	return out
}

func text(t *testing.T, o object, field string) string {
	t.Helper()
	s, ok := o[field].(string)
	require.True(t, ok, "%s in %v", field, o)
	return s
}
