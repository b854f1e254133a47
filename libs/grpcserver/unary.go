package grpcserver

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/telemetry"
)

// call is one call on its way through the chain.
type call struct {
	// ctx gains the trace, the caller and the scope as they become known; the completion line is written with it.
	ctx    context.Context
	method *method
	start  time.Time
}

// unary is the whole chain of a unary call, in one function so that it can be read in order and costs one closure.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	m := s.lookup(info.FullMethod)
	switch {
	case m == nil:
		return nil, status.Error(codes.Unimplemented, "this method says nothing about who may call it")
	case m.infrastructure:
		return handler(ctx, req)
	}
	c := call{ctx: s.continueTrace(ctx), method: m, start: clock.Instant()}
	m.observe.begin()
	resp, err := s.handle(&c, req, handler)
	return resp, s.finish(&c, err)
}

func (s *Server) handle(c *call, req any, handler grpc.UnaryHandler) (resp any, err error) {
	defer recoverTo(&err)
	if err := s.admit(c); err != nil {
		return nil, err
	}
	if err := c.openRequest(req); err != nil {
		return nil, err
	}
	if err := s.check(req); err != nil {
		return nil, err
	}
	rules := s.rules(c)
	if err := s.checkFields(c, rules, req); err != nil {
		return nil, err
	}
	ctx := c.ctx
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.opts.Timeout)
		defer cancel()
	}
	if resp, err = handler(ctx, req); err == nil {
		clearFields(c, rules, req, resp)
	}
	return resp, err
}

// openRequest makes the first write of a call with a request_id remember it, and a repetition be recognised.
func (c *call) openRequest(req any) error {
	if !c.method.repeatable {
		return nil
	}
	r, ok := req.(interface{ GetRequestId() string })
	if !ok || r.GetRequestId() == "" {
		return nil
	}
	msg, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
	if err != nil {
		return fmt.Errorf("hash of the request: %w", err)
	}
	sum := sha256.Sum256(raw)
	c.ctx = idem.With(c.ctx, idem.Request{Method: c.method.name, ID: r.GetRequestId(), Hash: sum[:]})
	return nil
}

func (s *Server) continueTrace(ctx context.Context) context.Context {
	if s.opts.Telemetry.Enabled() {
		return ctx // the stats handler has begun a span
	}
	parent := ""
	if v := metadata.ValueFromIncomingContext(ctx, telemetry.Header); len(v) > 0 {
		parent = v[0]
	}
	return telemetry.Continue(ctx, parent)
}

// panicError is a panic of a handler. Its text goes to the log, with the stack.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = &panicError{value: p, stack: debug.Stack()}
	}
}
