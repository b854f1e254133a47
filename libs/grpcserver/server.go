// Package grpcserver makes a gRPC server with our fixed chain around every handler:
//
//	trace → request log and metrics → error map → recover → authentication → permission → request ID → validation → handler
//
// Each method says in its kontor.options.v1.permission option who may call it; a server with a method that does not
// say so refuses to start. Handlers find the caller with authn.MustFrom and the caller's scope with authz.ScopeFrom,
// and return errors as they are: expected failures (apperr) reach the caller, everything else is logged and shown as
// "internal error".
//
// One server may hold the services of one context or of all.
package grpcserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"buf.build/go/protovalidate"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/telemetry"
)

// Verifier checks access tokens. *authn.Verifier is one.
type Verifier interface {
	Verify(ctx context.Context, token string) (authn.Principal, error)
}

// Options of a server. Log, Verifier and Directory are required.
type Options struct {
	// Log gets one line per call.
	Log *slog.Logger
	// Verifier checks access tokens.
	Verifier Verifier
	// Directory decides who may do what.
	Directory *authz.Directory
	// ServiceSecret lets services call the methods that are for services only. The zero value lets nobody.
	ServiceSecret authn.ServiceSecret
	// Metrics takes the server's metrics; none are kept if nil.
	Metrics prometheus.Registerer
	// Telemetry traces calls; nil is off.
	Telemetry *telemetry.Telemetry
	// Timeout is the deadline of unary calls that come without one; 30 s if zero.
	Timeout time.Duration
	// MaxReceive and MaxSend bound messages in bytes; 4 MiB and 16 MiB if zero.
	MaxReceive, MaxSend int
	// Reflection lets tools list the services.
	Reflection bool
	// StopTimeout is how long running calls may take to end when the server stops; 15 s if zero.
	StopTimeout time.Duration
	// GRPC are further options, such as transport credentials.
	GRPC []grpc.ServerOption
}

const (
	defaultTimeout     = 30 * time.Second
	defaultStopTimeout = 15 * time.Second
	defaultMaxReceive  = 4 << 20
	defaultMaxSend     = 16 << 20
)

// Server is a gRPC server. Register services on it, then Run it.
type Server struct {
	*grpc.Server

	opts     Options
	health   *health.Server
	validate protovalidate.Validator
	metrics  *metrics
	table    atomic.Pointer[table]
	local    local
	serving  atomic.Bool
}

// New returns a server without services.
func New(o Options) (*Server, error) {
	if o.Log == nil || o.Verifier == nil || o.Directory == nil {
		return nil, errors.New("grpcserver: Log, Verifier and Directory are required")
	}
	validate, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("grpcserver: validator: %w", err)
	}
	s := &Server{opts: o, validate: validate, health: health.NewServer()}
	if s.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, err
	}
	s.opts.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	s.local.init(s, o.Telemetry)

	opts := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(s.unary),
		grpc.ChainStreamInterceptor(s.stream),
		grpc.MaxRecvMsgSize(cmp.Or(o.MaxReceive, defaultMaxReceive)),
		grpc.MaxSendMsgSize(cmp.Or(o.MaxSend, defaultMaxSend)),
		// Workers keep their grown stacks, which a new goroutine for every call would have to grow again.
		grpc.NumStreamWorkers(uint32(4 * runtime.GOMAXPROCS(0))),
		// A stop waits for connections that have not said anything yet.
		grpc.ConnectionTimeout(5 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: time.Minute, Timeout: 20 * time.Second,
			// Clients reconnect now and then, and so find new replicas.
			MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: 10 * time.Minute,
		}),
	}
	opts = append(opts, o.Telemetry.ServerOptions()...)
	s.Server = grpc.NewServer(append(opts, o.GRPC...)...)
	healthpb.RegisterHealthServer(s, s.health)
	if o.Reflection {
		reflection.Register(s.Server)
	}
	return s, nil
}

// Check returns an error that names every registered method without a complete permission option. Run and Serve call
// it before they accept anything.
func (s *Server) Check() error {
	_, err := s.methods()
	return err
}

// NotReady tells health checks that the server is about to stop. It goes on serving.
func (s *Server) NotReady() { s.health.Shutdown() }

// Listen opens addr and serves until ctx is done.
func (s *Server) Listen(ctx context.Context, addr string) error {
	if err := s.Check(); err != nil {
		s.Stop()
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		s.Stop()
		return fmt.Errorf("grpc: %w", err)
	}
	return s.Run(ctx, ln)
}

// Run serves on ln until ctx is done, lets running calls end, and returns nil. Calls that do not end in time are cut.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("grpc: %w", err)
	case <-ctx.Done():
	}
	s.health.Shutdown()
	stopped := make(chan struct{})
	go func() {
		s.GracefulStop()
		close(stopped)
	}()
	late := time.NewTimer(cmp.Or(s.opts.StopTimeout, defaultStopTimeout))
	defer late.Stop()
	select {
	case <-stopped:
	case <-late.C:
		s.opts.Log.WarnContext(ctx, "calls still running; cutting them")
		s.Stop()
		<-stopped
	}
	return <-served
}

// Serve serves on ln until Stop or GracefulStop. It returns an error at once if Check does.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.Check(); err != nil {
		s.Stop()
		return errors.Join(err, ln.Close())
	}
	s.serving.Store(true)
	defer s.serving.Store(false)
	if err := s.Server.Serve(ln); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
