package suite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/config"
	"kontor.internal/libs/testkit"
	"kontor.internal/services/suite/internal/suite"
)

const (
	adminEmail    = "admin@kontor.test"
	adminPassword = "correct-horse-battery-staple"
)

// running is a suite in the test's process, and an API client of its administrator.
type running struct {
	*suite.Suite

	api
	stop func() error
}

// start runs a suite on the folder until stop or the end of the test.
func start(t *testing.T, dir string) *running {
	t.Helper()
	cfg := configFor(t, dir)
	s, err := suite.Open(t.Context(), cfg, suite.Options{Version: "test", Output: logFile(t, dir)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return errors.Join(<-ran, s.Close(context.Background()))
	}
	t.Cleanup(func() { require.NoError(t, stop()) })
	require.NoError(t, s.AwaitReady(t.Context()))
	return &running{Suite: s, api: api{t: t, base: "http://" + s.HTTPAddr()}, stop: stop}
}

// openDir is a folder that the database's user can pass through.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	return dir
}

func configFor(t *testing.T, dir string) suite.Config {
	t.Helper()
	env := environment(t, dir)
	var cfg suite.Config
	_, err := config.Load(&cfg, config.Source{Env: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}})
	require.NoError(t, err)
	return cfg
}

func environment(t *testing.T, dir string) map[string]string {
	t.Helper()
	return map[string]string{
		"KONTOR_DATA_DIR":       dir,
		"KONTOR_HTTP_ADDR":      testkit.FreeAddr(t),
		"KONTOR_GRPC_ADDR":      testkit.FreeAddr(t),
		"KONTOR_ADMIN_ADDR":     testkit.FreeAddr(t),
		"KONTOR_ADMIN_EMAIL":    adminEmail,
		"KONTOR_ADMIN_PASSWORD": adminPassword,
		"KONTOR_LOG_LEVEL":      "warn",
	}
}

// logFile keeps the suite's log out of the test's output, and shows its end if the test fails.
func logFile(t *testing.T, dir string) io.Writer {
	t.Helper()
	f, err := os.CreateTemp(dir, "log-*")
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(f.Name())
			t.Logf("the suite's log:\n%s", text[max(0, len(text)-8000):])
		}
		_ = f.Close()
	})
	return f
}

// api calls the REST face as the administrator.
type api struct {
	t     *testing.T
	base  string
	token string
}

type object = map[string]any

// problem is an answer that is not a success.
type problem struct {
	Status int
	Text   string
}

func (p *problem) Error() string { return fmt.Sprintf("%d: %s", p.Status, p.Text) }

// call returns the decoded answer, or a *problem.
func (a *api) call(method, path string, body any) (object, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.base+path, in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return a.send(req)
}

func (a *api) send(req *http.Request) (object, error) {
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
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
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, &problem{res.StatusCode, string(text)}
	}
	var out object
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", req.Method, req.URL.Path, err, text)
	}
	return out, nil
}

// must is call for what has to succeed.
func (a *api) must(method, path string, body any) object {
	a.t.Helper()
	out, err := a.call(method, path, body)
	require.NoError(a.t, err, "%s %s", method, path)
	return out
}

func (a *api) signIn() {
	a.t.Helper()
	a.token = ""
	testkit.Eventually(a.t, func() error {
		out, err := a.call(http.MethodPost, "/v1/sessions", object{"email": adminEmail, "password": adminPassword})
		if err == nil {
			a.token, _ = out["accessToken"].(string)
		}
		return err
	})
}
