package grpcserver

import (
	"context"
	"fmt"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kontor.internal/libs/telemetry"
)

// RegisterService adds a service, for callers over the network and within the process.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.Server.RegisterService(desc, impl)
	s.local.channel.RegisterService(desc, impl)
}

// Local returns the connection on which the server's own process calls it: the same chain, metadata, deadlines and
// errors, only that messages are handed over instead of being written to a socket and read again: a handler must not
// keep its answer. Like any connection it
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
	return l.channel.Invoke(ctx, method, args, answer{reply}, opts...)
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

// answer is where the caller of a unary method wants its answer.
type answer struct{ message any }

// copier copies messages between caller and handler, of which each may change its own.
type copier struct{}

// Copy copies the message in into out. An answer is no longer its handler's: what is in it is handed over.
func (copier) Copy(out, in any) error {
	a, answers := out.(answer)
	if answers {
		out = a.message
	}
	to, ok := out.(proto.Message)
	from, isMessage := in.(proto.Message)
	if !ok || !isMessage || to.ProtoReflect().Descriptor() != from.ProtoReflect().Descriptor() {
		return fmt.Errorf("no way to copy %T to %T", in, out)
	}
	proto.Reset(to)
	if !answers {
		proto.Merge(to, from)
		return nil
	}
	dst, src := to.ProtoReflect(), from.ProtoReflect()
	src.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		dst.Set(f, v)
		return true
	})
	dst.SetUnknown(src.GetUnknown())
	return nil
}

// Clone returns a copy of a message of a stream.
func (copier) Clone(in any) (any, error) {
	m, ok := in.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("no way to copy %T", in)
	}
	return proto.Clone(m), nil
}
