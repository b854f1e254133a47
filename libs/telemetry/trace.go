package telemetry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// Header is the W3C header, and gRPC metadata key, that carries a trace from process to process.
const Header = "traceparent"

// Continue returns a context that belongs to the trace that traceparent names, or to a new one if it names none. It
// costs next to nothing: no span is recorded. Servers use it when no exporter is set up, so that log lines, events and
// neighbour services still share one trace ID. A context that already has a trace is returned as it is.
func Continue(ctx context.Context, traceparent string) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	sc, ok := Parse(traceparent)
	if !ok {
		sc = trace.NewSpanContext(trace.SpanContextConfig{TraceID: newTraceID(), SpanID: newSpanID()})
	}
	return trace.ContextWithSpanContext(ctx, sc)
}

// Parent writes the trace of ctx as a traceparent; "" if there is none. Events carry it, so that what they cause can
// be linked to what caused them.
func Parent(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	tid, sid := sc.TraceID(), sc.SpanID()
	b := make([]byte, 0, parentLen)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, tid[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, sid[:])
	if sc.IsSampled() {
		return string(append(b, "-01"...))
	}
	return string(append(b, "-00"...))
}

// parentLen is the length of a traceparent of version 00.
const parentLen = 55

// Parse reads a traceparent. It returns false for anything that is not one.
func Parse(s string) (trace.SpanContext, bool) {
	if len(s) != parentLen || s[:3] != "00-" || s[35] != '-' || s[52] != '-' {
		return trace.SpanContext{}, false
	}
	var (
		tid   trace.TraceID
		sid   trace.SpanID
		flags [1]byte
	)
	if _, err := hex.Decode(tid[:], []byte(s[3:35])); err != nil {
		return trace.SpanContext{}, false
	}
	if _, err := hex.Decode(sid[:], []byte(s[36:52])); err != nil {
		return trace.SpanContext{}, false
	}
	if _, err := hex.Decode(flags[:], []byte(s[53:])); err != nil {
		return trace.SpanContext{}, false
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: tid, SpanID: sid, TraceFlags: trace.TraceFlags(flags[0]) & trace.FlagsSampled, Remote: true,
	})
	return sc, sc.IsValid()
}

// Trace IDs have to be unique, not secret.
func newTraceID() (id trace.TraceID) {
	for !id.IsValid() {
		binary.LittleEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // Not a secret.
		binary.LittleEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // Not a secret.
	}
	return id
}

func newSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.LittleEndian.PutUint64(id[:], rand.Uint64()) //nolint:gosec // Not a secret.
	}
	return id
}
