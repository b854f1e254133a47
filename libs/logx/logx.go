// Package logx sets up the log: one JSON object a line, with the trace and the caller taken from the context.
//
// One line per RPC and per consumed event is written by the server and the consumer; code below returns errors and
// logs nothing. Bodies of requests are never logged.
package logx

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"kontor.internal/libs/authn"
)

// Options says how to log.
type Options struct {
	// Level is the least level that is logged; info if nil.
	Level slog.Leveler
	// Text writes key=value lines, for people at a terminal, instead of JSON.
	Text bool
	// Service is named in every line; left out if empty.
	Service string
}

// New returns a logger that writes to w.
func New(w io.Writer, o Options) *slog.Logger {
	ho := &slog.HandlerOptions{Level: o.Level}
	var h slog.Handler
	if o.Text {
		h = slog.NewTextHandler(w, ho)
	} else {
		h = slog.NewJSONHandler(w, ho)
	}
	log := slog.New(Handler(h))
	if o.Service != "" {
		log = log.With(KeyService, o.Service)
	}
	return log
}

// ParseLevel reads "debug", "info", "warn" or "error".
func ParseLevel(s string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(s)); err != nil {
		return l, fmt.Errorf("log level %q: want debug, info, warn or error", s)
	}
	return l, nil
}

// Handler returns a handler that adds to each record what its context says: trace, organisation and user.
func Handler(next slog.Handler) slog.Handler { return &handler{next: next} }

type handler struct{ next slog.Handler }

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		r.AddAttrs(slog.String(KeyTraceID, sc.TraceID().String()))
	}
	if p, ok := authn.From(ctx); ok {
		if p.OrganizationID != "" {
			r.AddAttrs(slog.String(KeyOrganizationID, p.OrganizationID), slog.String(KeyUserID, p.UserID))
		}
		if p.Service != "" {
			r.AddAttrs(slog.String(KeyActing, p.Service))
		}
	}
	return h.next.Handle(ctx, r)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{next: h.next.WithAttrs(attrs)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{next: h.next.WithGroup(name)}
}
