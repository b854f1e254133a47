package testkit

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Spans is a collector in the test's process.
type Spans struct {
	collector.UnimplementedTraceServiceServer

	// Endpoint is its address, as telemetry.Config takes it.
	Endpoint string

	mu    sync.Mutex
	spans []*trace.Span
}

// OTLP starts a collector of traces that ends with the test.
func OTLP(t testing.TB) *Spans {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	s := &Spans{Endpoint: "http://" + ln.Addr().String()}
	srv := grpc.NewServer()
	collector.RegisterTraceServiceServer(srv, s)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-served; err != nil {
			t.Errorf("testkit: collector: %v", err)
		}
	})
	return s
}

// Export implements the collector's RPC.
func (s *Spans) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		for _, scope := range r.GetScopeSpans() {
			s.spans = append(s.spans, scope.GetSpans()...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// All returns what has arrived by now. Exporters send in batches: wait with [Spans.Await].
func (s *Spans) All() []*trace.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.spans)
}

// Await waits for a span of that name and returns it.
func (s *Spans) Await(t testing.TB, name string) *trace.Span {
	t.Helper()
	var found *trace.Span
	Eventually(t, func() error {
		var names []string
		for _, span := range s.All() {
			if span.GetName() == name {
				found = span
				return nil
			}
			names = append(names, span.GetName())
		}
		return fmt.Errorf("no span %q among %q", name, names)
	})
	return found
}
