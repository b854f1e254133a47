// Package admin serves what operators and probes ask of a process on a port of its own: /healthz (alive), /readyz (can
// serve), /metrics (Prometheus) and /debug/pprof.
package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"kontor.internal/libs/clock"
)

// Check is one thing that must hold for the process to serve.
type Check struct {
	// Name says what is checked, such as "postgres".
	Name string
	// Check returns nil if it holds. It must heed ctx.
	Check func(ctx context.Context) error
}

const (
	// checkTimeout bounds one round of checks; a check that takes longer has failed.
	checkTimeout = 2 * time.Second
	// checkEvery bounds how often the checks are run, however many probes ask.
	checkEvery = time.Second
)

// Readiness answers whether the process can serve. It is not ready before its checks hold, nor after NotReady.
type Readiness struct {
	checks   []Check
	draining atomic.Bool

	mu     sync.Mutex
	asked  time.Time
	failed map[string]string
}

// NewReadiness returns a readiness that needs all checks to hold.
func NewReadiness(checks ...Check) *Readiness { return &Readiness{checks: checks} }

// NotReady says that the process is about to stop; from now on it is never ready.
func (r *Readiness) NotReady() { r.draining.Store(true) }

// Failed runs the checks side by side and returns what does not hold, by name of the check; empty when ready. An
// answer is good for a second.
func (r *Readiness) Failed(ctx context.Context) map[string]string {
	if r.draining.Load() {
		return map[string]string{"process": "stopping"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil && time.Since(r.asked) < checkEvery {
		return r.failed
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(r.checks))
	var wg sync.WaitGroup
	for i, c := range r.checks {
		wg.Go(func() { errs[i] = c.Check(ctx) })
	}
	wg.Wait()
	failed := make(map[string]string)
	for i, err := range errs {
		if err != nil {
			failed[r.checks[i].Name] = err.Error()
		}
	}
	r.failed, r.asked = failed, clock.Instant()
	return failed
}

// ServeHTTP answers 200 when ready and else 503, naming what does not hold.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	failed := r.Failed(req.Context())
	answer := struct {
		Status string            `json:"status"`
		Failed map[string]string `json:"failed,omitempty"`
	}{"ready", failed}
	code := http.StatusOK
	if len(failed) > 0 {
		answer.Status, code = "not ready", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

// Healthz answers 200: whoever can answer is alive. What a process depends on is a matter of readiness; restarting a
// process does not bring its database back.
func Healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"alive"}` + "\n"))
}
