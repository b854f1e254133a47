package admin_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/admin"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var asked atomic.Int64
		r := admin.NewReadiness(
			admin.Check{Name: "postgres", Check: func(context.Context) error {
				asked.Add(1)
				if down.Load() {
					return errors.New("connection refused")
				}
				return nil
			}},
			admin.Check{Name: "directory", Check: func(context.Context) error { return nil }},
		)
		h := (&admin.Server{Readiness: r, Metrics: admin.Registry()}).Handler()
		code, body := get(t, h, "/readyz")
		require.Equal(t, http.StatusOK, code)
		require.JSONEq(t, `{"status":"ready"}`, body)

		down.Store(true)
		code, _ = get(t, h, "/readyz")
		require.Equal(t, http.StatusOK, code, "an answer is good for a second")
		time.Sleep(time.Second)
		code, body = get(t, h, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.JSONEq(t, `{"status":"not ready","failed":{"postgres":"connection refused"}}`, body)
		require.EqualValues(t, 2, asked.Load())

		down.Store(false)
		time.Sleep(time.Second)
		code, _ = get(t, h, "/readyz")
		require.Equal(t, http.StatusOK, code)
		r.NotReady()
		code, body = get(t, h, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Contains(t, body, "stopping")
		code, _ = get(t, h, "/healthz")
		require.Equal(t, http.StatusOK, code, "whoever is stopping is alive")
	})
}

func TestSlowCheckHasFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := admin.NewReadiness(admin.Check{Name: "kafka", Check: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		start := time.Now()
		require.Contains(t, r.Failed(t.Context()), "kafka")
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestPort(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &admin.Server{Readiness: admin.NewReadiness(), Metrics: admin.Registry(), Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	for path, want := range map[string]string{
		"/healthz": "alive", "/readyz": "ready", "/metrics": "go_goroutines", "/debug/pprof/cmdline": "admin",
	} {
		res, err := http.Get("http://" + ln.Addr().String() + path)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode, path)
		require.Contains(t, string(body), want, path)
	}
	cancel()
	require.NoError(t, <-done)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	s.Addr = taken.Addr().String()
	require.ErrorContains(t, s.Run(t.Context()), "admin port")
}
