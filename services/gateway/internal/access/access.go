// Package access writes one log line per request, counts requests, gives each an ID, and catches panics.
package access

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"kontor.internal/libs/id"
	"kontor.internal/libs/telemetry"
	"kontor.internal/services/gateway/internal/rest"
)

// Observer watches requests.
type Observer struct {
	log      *slog.Logger
	now      func() time.Time
	duration *prometheus.HistogramVec
	traced   bool
}

// New returns an observer that registers its metrics. traced says that spans of requests are recorded.
func New(log *slog.Logger, metrics prometheus.Registerer, now func() time.Time, traced bool) (*Observer, error) {
	o := &Observer{log: log, now: now, traced: traced, duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "kontor_http_request_duration_seconds", Help: "Requests by area, method and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"area", "method", "status"})}
	if metrics != nil {
		if err := metrics.Register(o.duration); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return o, nil
}

// Handler watches next. A panic is answered by fail as a failure of ours.
func (o *Observer) Handler(fail func(http.ResponseWriter, *http.Request, error), next http.Handler) http.Handler {
	observed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.serve(w, r, fail, next)
	})
	if !o.traced {
		// No span is recorded, but log lines and events of a request still share one trace.
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			observed(w, r.WithContext(telemetry.Continue(r.Context(), r.Header.Get(telemetry.Header))))
		})
	}
	return otelhttp.NewHandler(observed, "gateway", otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		return r.Method + " " + area(r.URL.Path)
	}))
}

func (o *Observer) serve(w http.ResponseWriter, r *http.Request, fail func(http.ResponseWriter, *http.Request, error), next http.Handler) {
	start := o.now()
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	requestID := id.New()
	w.Header().Set(rest.HeaderRequestID, requestID)
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint,err113 // documented to be this very value
				panic(p)
			}
			o.log.ErrorContext(r.Context(), "panic while answering", "request_id", requestID,
				"error", fmt.Sprint(p), "stack", string(debug.Stack()))
			if !rec.wrote {
				fail(rec, r, errInternal)
			}
		}
		took := o.now().Sub(start)
		o.duration.WithLabelValues(area(r.URL.Path), method(r.Method), strconv.Itoa(rec.status)).Observe(took.Seconds())
		o.log.LogAttrs(r.Context(), level(r.URL.Path, rec.status), "request",
			slog.String("request_id", requestID), slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Int("status", rec.status), slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	}()
	next.ServeHTTP(rec, r)
}

var errInternal = errors.New("panic")

func level(path string, status int) slog.Level {
	// That the process is not ready is what a probe asks, not a failure.
	if status >= http.StatusInternalServerError && path != "/readyz" {
		return slog.LevelError
	}
	return slog.LevelDebug // each service writes its own line for the same call
}

// area is the collection a path is about: few enough to count by.
func area(path string) string {
	rest, ok := strings.CutPrefix(path, "/v1/")
	if !ok {
		return "site"
	}
	name, _, _ := strings.Cut(rest, "/")
	name, _, _ = strings.Cut(name, ":")
	if !known[name] {
		return "other"
	}
	return name
}

//nolint:gochecknoglobals // a table; labels must not be made of what callers write
var known = map[string]bool{
	"sessions": true, "me": true, "users": true, "departments": true, "roles": true, "settings": true,
	"serviceAccounts": true, "apiKeys": true, "files": true, "leads": true, "leadStatuses": true, "leadSettings": true,
	"contacts": true, "companies": true, "products": true, "sections": true, "priceTypes": true, "currencies": true,
	"exchangeRates": true, "deals": true, "pipelines": true, "reports": true, "operations": true, "events": true,
	"customFields": true,
}

func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return m
	}
	return "other"
}

type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader see [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write see [http.ResponseWriter].
func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
