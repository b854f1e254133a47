package flow_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"kontor.internal/libs/config"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/suite/internal/cli"
	"kontor.internal/services/suite/internal/suite"
)

// password is everybody's.
const password = "correct-horse-battery-staple"

// shared is the suite that all tests of the package use.
var shared struct {
	once sync.Once
	in   *installation
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.in != nil {
		if err := shared.in.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the suite:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// installation is a running suite.
type installation struct {
	base string
	dir  string
	env  map[string]string
	cfg  suite.Config
	log  string
	stop func() error
}

// running starts the suite at its first use.
func running(t *testing.T) *installation {
	t.Helper()
	shared.once.Do(func() {
		// An address that was free may be taken by one of the embedded servers, which choose theirs later.
		for range 3 {
			if shared.in, shared.err = launch(); !errors.Is(shared.err, syscall.EADDRINUSE) {
				return
			}
		}
	})
	require.NoError(t, shared.err)
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(shared.in.log)
			t.Logf("the suite's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return shared.in
}

func launch() (*installation, error) {
	dir, err := os.MkdirTemp("", "kontor-flow-*")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the database's user passes through
		return nil, err
	}
	in := &installation{dir: dir, env: map[string]string{
		"KONTOR_DATA_DIR": dir, "KONTOR_LOG_LEVEL": "warn", "KONTOR_ADMIN_EMAIL": "operator@kontor.test", "KONTOR_ADMIN_PASSWORD": password,
		// Everything comes from one address here.
		"KONTOR_RATE_PER_ADDRESS": "1000000", "KONTOR_SIGN_INS_PER_ADDRESS": "100000",
	}}
	for _, name := range []string{"KONTOR_HTTP_ADDR", "KONTOR_GRPC_ADDR", "KONTOR_ADMIN_ADDR"} {
		if in.env[name], err = freeAddr(); err != nil {
			return nil, err
		}
	}
	in.base = "http://" + in.env["KONTOR_HTTP_ADDR"]
	if _, err := config.Load(&in.cfg, config.Source{Env: in.lookup}); err != nil {
		return nil, err
	}
	log, err := os.CreateTemp(dir, "log-*")
	if err != nil {
		return nil, err
	}
	in.log = log.Name()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := suite.Open(ctx, in.cfg, suite.Options{Version: "test", Output: log})
	if err != nil {
		cancel()
		return nil, err
	}
	ready, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	ran := make(chan error, 1)
	go func() {
		ran <- s.Run(ctx)
		done() // there is nothing to wait for any more
	}()
	in.stop = func() error {
		cancel()
		return errors.Join(<-ran, s.Close(context.Background()), log.Close(), os.RemoveAll(dir))
	}
	if err := s.AwaitReady(ready); err != nil {
		return nil, errors.Join(err, in.stop())
	}
	return in, nil
}

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

func (in *installation) lookup(name string) (string, bool) {
	v, ok := in.env[name]
	return v, ok
}

// kontor runs the command line with some more environment, "NAME=value", and returns what it printed.
func (in *installation) kontor(t *testing.T, more []string, args ...string) (out string, code int) {
	t.Helper()
	var buf bytes.Buffer
	code = cli.Main(t.Context(), cli.Env{
		Lookup: func(name string) (string, bool) {
			for _, kv := range more {
				if n, v, _ := strings.Cut(kv, "="); n == name {
					return v, true
				}
			}
			return in.lookup(name)
		},
		Stdout: &buf, Stderr: &buf, Version: "test",
	}, args)
	return buf.String(), code
}

// operator is a connection with the right to call what is for services only.
func (in *installation) operator(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := suite.Dial(in.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// organization makes one and signs its administrator in.
func (in *installation) organization(t *testing.T, name string) *caller {
	t.Helper()
	email := "admin@" + strings.ToLower(name) + "-" + id.New() + ".test"
	_, err := identityv1.NewOrganizationsServiceClient(in.operator(t)).CreateOrganization(t.Context(), &identityv1.CreateOrganizationRequest{
		Name: name, AdminEmail: email, AdminPassword: password, BaseCurrency: "USD", Country: "US",
	})
	require.NoError(t, err)
	return in.signIn(t, email)
}

// caller is a signed-in user of the REST face.
type caller struct {
	t     *testing.T
	base  string
	email string
	token string
	// http is the client to use; http.DefaultClient if nil.
	http *http.Client
}

// signIn waits until everybody has heard of the user.
func (in *installation) signIn(t *testing.T, email string) *caller {
	t.Helper()
	c := &caller{t: t, base: in.base, email: email}
	testkit.Eventually(t, func() error {
		c.token = ""
		a := c.do(http.MethodPost, "/v1/sessions", object{"email": email, "password": password})
		if a.status != http.StatusOK {
			return fmt.Errorf("sign in: %d: %s", a.status, a.body)
		}
		c.token, _ = a.object()["accessToken"].(string)
		if a = c.do(http.MethodGet, "/v1/me", nil); a.status != http.StatusOK {
			return fmt.Errorf("me: %d: %s", a.status, a.body)
		}
		return nil
	})
	return c
}

// in is the caller within a subtest.
func (c *caller) in(t *testing.T) *caller {
	o := *c
	o.t = t
	return &o
}

type object = map[string]any

// answer is what the REST face said.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

func (a *answer) object() object {
	a.t.Helper()
	var o object
	require.NoError(a.t, json.Unmarshal(a.body, &o), "%s", a.body)
	return o
}

// do sends a request; headers are names and values in turn.
func (c *caller) do(method, path string, body any, headers ...string) *answer {
	c.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		require.NoError(c.t, err)
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, in)
	require.NoError(c.t, err)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := cmp.Or(c.http, http.DefaultClient).Do(req)
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, res.Body.Close()) }()
	a := &answer{t: c.t, status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(res.Body)
	require.NoError(c.t, err)
	return a
}

// must is do for what has to succeed.
func (c *caller) must(method, path string, body any) object {
	c.t.Helper()
	a := c.do(method, path, body)
	require.Equal(c.t, http.StatusOK, a.status, "%s %s: %s", method, path, a.body)
	return a.object()
}

// ask is must for where a test must not end: in another goroutine, or in a wait.
func (c *caller) ask(method, path string, body any) (object, error) {
	a := c.do(method, path, body)
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %d: %s", method, path, a.status, a.body)
	}
	var o object
	err := json.Unmarshal(a.body, &o)
	return o, err
}

func (c *caller) get(path string, query ...string) object {
	c.t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return c.must(http.MethodGet, path, nil)
}

// count asks a collection how many fit the filter, and wants to be told exactly.
func (c *caller) count(collection, filter string) int {
	c.t.Helper()
	out := c.get("/v1/"+collection+":count", "filter", filter)
	require.NotEqual(c.t, true, out["more"], "%s are too many to count", collection)
	return number(c.t, out["count"])
}

// all lists a collection to its end; what else the list asks for is given as names and values.
func (c *caller) all(collection, filter string, query ...string) []object {
	c.t.Helper()
	var out []object
	for token := ""; ; {
		page := c.get("/v1/"+collection, append([]string{"pageSize", "500", "pageToken", token, "filter", filter}, query...)...)
		list, _ := page[collection].([]any)
		for _, r := range list {
			rec, ok := r.(object)
			require.True(c.t, ok)
			out = append(out, rec)
		}
		if token, _ = page["nextPageToken"].(string); token == "" {
			return out
		}
	}
}

// one finds the only record of the name.
func (c *caller) one(collection, name string) object {
	c.t.Helper()
	found := c.all(collection, fmt.Sprintf("name = %q", name))
	require.Len(c.t, found, 1, "%s called %s", collection, name)
	return found[0]
}

// number reads what JSON writes as a number or, for int64, as a string.
func number(t *testing.T, v any) int {
	t.Helper()
	switch v := v.(type) {
	case float64:
		return int(v)
	case string:
		var n int
		_, err := fmt.Sscan(v, &n)
		require.NoError(t, err)
		return n
	}
	require.Fail(t, "not a number", "%v", v)
	return 0
}

// text reads a string field.
func text(t *testing.T, o object, field string) string {
	t.Helper()
	s, ok := o[field].(string)
	require.True(t, ok, "%s in %v", field, o)
	return s
}
