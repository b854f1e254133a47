package grpcserver

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/clock"
)

// stream is the chain of a streaming call. Every message received is validated; a request_id has no meaning here. The
// stream ends when its caller loses the right to it.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	m := s.lookup(info.FullMethod)
	switch {
	case m == nil:
		return status.Error(codes.Unimplemented, "this method says nothing about who may call it")
	case m.infrastructure:
		return handler(srv, ss)
	}
	c := call{ctx: s.continueTrace(ss.Context()), method: m, start: clock.Instant()}
	m.observe.begin()
	return s.finish(&c, s.handleStream(&c, srv, ss, handler))
}

func (s *Server) handleStream(c *call, srv any, ss grpc.ServerStream, handler grpc.StreamHandler) (err error) {
	defer recoverTo(&err)
	if err := s.admit(c); err != nil {
		return err
	}
	ctx, release := s.watch(c)
	defer release()
	err = handler(srv, &serverStream{ServerStream: ss, ctx: ctx, server: s, call: c})
	// A handler that ends because its context does may not know why.
	var why *apperr.Error
	if errors.As(context.Cause(ctx), &why) {
		return why
	}
	return err
}

// serverStream is a stream with the context of the chain.
type serverStream struct {
	grpc.ServerStream

	ctx    context.Context
	server *Server
	call   *call
	first  any // of what was received
}

// Context returns the stream's context with caller and scope.
func (s *serverStream) Context() context.Context { return s.ctx }

// RecvMsg receives and validates one message.
func (s *serverStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if s.first == nil {
		s.first = m
	}
	if err := s.server.check(m); err != nil {
		return err
	}
	return s.server.checkFields(s.call, s.server.rules(s.call), m)
}

// SendMsg sends one message without what the caller's roles hide by now.
func (s *serverStream) SendMsg(m any) error {
	clearFields(s.call, s.server.rules(s.call), s.first, m)
	return s.ServerStream.SendMsg(m)
}
