package grpcserver

import (
	"context"
	"fmt"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/telemetry"
)

// RegisterService adds a service, for callers over the network and within the process.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.Server.RegisterService(desc, impl)
	s.local.channel.RegisterService(desc, impl)
}

// Local returns the connection on which the server's own process calls it: the same chain, metadata, deadlines and
// errors, only that messages are copied instead of being written to a socket and read again. Like any connection it
// answers codes.Unavailable while the server does not serve. Bounds on the size of messages do not hold.
func (s *Server) Local() grpc.ClientConnInterface { return &s.local }

// local is the connection within the process.
type local struct {
	channel inprocgrpc.Channel
	server  *Server
}

func (l *local) init(s *Server, t *telemetry.Telemetry) {
	l.server = s
	l.channel.WithServerUnaryInterceptor(s.unary).WithServerStreamInterceptor(s.stream).WithCloner(copier{})
	if t.Enabled() {
		l.channel.WithServerStatsHandler(t.ServerHandler()).WithClientStatsHandler(t.ClientHandler())
	}
}

// Invoke see [grpc.ClientConnInterface].
func (l *local) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if err := l.ready(); err != nil {
		return err
	}
	return l.channel.Invoke(ctx, method, args, reply, opts...)
}

// NewStream see [grpc.ClientConnInterface].
func (l *local) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	if err := l.ready(); err != nil {
		return nil, err
	}
	return l.channel.NewStream(ctx, desc, method, opts...)
}

func (l *local) ready() error {
	if !l.server.serving.Load() {
		return status.Error(codes.Unavailable, "the services of this process are not serving")
	}
	return nil
}

// copier copies messages between caller and handler, of which each may change its own.
type copier struct{}

// Copy copies the message in into out.
func (copier) Copy(out, in any) error {
	to, ok := out.(proto.Message)
	from, isMessage := in.(proto.Message)
	if !ok || !isMessage || to.ProtoReflect().Descriptor() != from.ProtoReflect().Descriptor() {
		return fmt.Errorf("no way to copy %T to %T", in, out)
	}
	proto.Reset(to)
	proto.Merge(to, from)
	return nil
}

// Clone returns a copy of a message.
func (copier) Clone(in any) (any, error) {
	m, ok := in.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("no way to copy %T", in)
	}
	return proto.Clone(m), nil
}
