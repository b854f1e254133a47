// Package grpcclient dials neighbour services: calls are spread over their replicas, carry the caller's token and
// trace, have a deadline, and come back with errors of ours.
package grpcclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/fullstorydev/grpchan"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/telemetry"
)

// Options of a connection. The zero value is a good one.
type Options struct {
	// Timeout is the deadline of unary calls whose context has none; 10 s if zero.
	Timeout time.Duration
	// Raw leaves errors as the statuses they arrive as. The gateway wants them; services want apperr.FromStatus.
	Raw bool
	// Service and Secret, when both are set, prove to methods for services only who is calling.
	Service, Secret string
	// Telemetry traces calls; nil is off.
	Telemetry *telemetry.Telemetry
	// Credentials of the transport; without encryption if nil.
	Credentials credentials.TransportCredentials
	// MaxReceive bounds answers in bytes; 16 MiB if zero.
	MaxReceive int
	// Dialer replaces the network, for tests and connections within a process.
	Dialer func(ctx context.Context, addr string) (net.Conn, error)
	// GRPC are further options.
	GRPC []grpc.DialOption
}

const (
	defaultTimeout    = 10 * time.Second
	defaultMaxReceive = 16 << 20
)

// reconnect says how soon a service that was gone is tried again. Of itself gRPC waits up to two minutes, so that a short
// outage would last long after its end.
func reconnect() grpc.ConnectParams {
	b := backoff.DefaultConfig
	b.BaseDelay, b.MaxDelay = 200*time.Millisecond, 3*time.Second
	return grpc.ConnectParams{Backoff: b, MinConnectTimeout: 5 * time.Second}
}

// Calls go round all addresses that the name resolves to.
const serviceConfig = `{"loadBalancingConfig": [{"round_robin": {}}]}`

// Dial returns a connection to the service at target, "host:port" or a gRPC target. It does not wait for the service.
func Dial(target string, o Options) (*grpc.ClientConn, error) {
	if !strings.Contains(target, ":///") {
		target = "dns:///" + target // all addresses of the name, not the first only
	}
	creds := o.Credentials
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	c := newClient(o)
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithConnectParams(reconnect()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(cmp.Or(o.MaxReceive, defaultMaxReceive))),
		grpc.WithUnaryInterceptor(c.unary),
		grpc.WithStreamInterceptor(c.stream),
	}
	opts = append(opts, o.Telemetry.DialOptions()...)
	if o.Dialer != nil {
		opts = append(opts, grpc.WithContextDialer(o.Dialer))
	}
	conn, err := grpc.NewClient(target, append(opts, o.GRPC...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	return conn, nil
}

// Local is Dial for a service that this very process serves: conn is its server's Local. Of the options only those count
// that do not concern the transport.
func Local(conn grpc.ClientConnInterface, o Options) grpc.ClientConnInterface {
	c := newClient(o)
	return grpchan.InterceptClientConn(conn, c.unary, c.stream)
}

type client struct {
	opts    Options
	timeout time.Duration
	proof   string // of addresses
}

func newClient(o Options) *client {
	return &client{opts: o, timeout: cmp.Or(o.Timeout, defaultTimeout), proof: authn.AddressProof(o.Secret)}
}

func (c *client) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	return c.convert(invoke(c.outgoing(ctx), method, req, reply, cc, opts...))
}

func (c *client) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	s, err := open(c.outgoing(ctx), desc, cc, method, opts...)
	if err != nil {
		return nil, c.convert(err)
	}
	if c.opts.Raw {
		return s, nil
	}
	return &stream{ClientStream: s, client: c}, nil
}

// outgoing puts token, secret, the client's address and trace into the metadata, in one go. What the caller has put there before stays.
func (c *client) outgoing(ctx context.Context) context.Context {
	var kv [12]string
	n := 0
	add := func(k, v string) {
		kv[n], kv[n+1] = k, v
		n += 2
	}
	old, _ := metadata.FromOutgoingContext(ctx)
	if token := authn.Token(ctx); token != "" && len(old[authn.MetadataAuthorization]) == 0 {
		add(authn.MetadataAuthorization, "Bearer "+token)
	}
	if c.opts.Service != "" && c.opts.Secret != "" {
		add(authn.MetadataService, c.opts.Service)
		add(authn.MetadataServiceSecret, c.opts.Secret)
		add(authn.MetadataAddressProof, c.proof)
		if address := authn.Address(ctx); address != "" {
			add(authn.MetadataAddress, address)
		}
	}
	if !c.opts.Telemetry.Enabled() && len(old[telemetry.Header]) == 0 {
		if parent := telemetry.Parent(ctx); parent != "" {
			add(telemetry.Header, parent)
		}
	}
	if n == 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, kv[:n]...)
}

func (c *client) convert(err error) error {
	if err == nil || c.opts.Raw {
		return err
	}
	return apperr.FromStatus(err)
}

// stream converts the errors of a stream.
type stream struct {
	grpc.ClientStream

	client *client
}

// SendMsg sends one message; io.EOF means that the answer tells what went wrong.
func (s *stream) SendMsg(m any) error { return s.convert(s.ClientStream.SendMsg(m)) }

// RecvMsg receives one message; io.EOF is the end.
func (s *stream) RecvMsg(m any) error { return s.convert(s.ClientStream.RecvMsg(m)) }

func (s *stream) convert(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return s.client.convert(err)
}
