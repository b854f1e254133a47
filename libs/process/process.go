// Package process holds what the parts of one process share, whether it serves one context or all of them: log,
// metrics, tracing, the directory of users, the check of tokens, the gRPC server, connections to neighbours.
//
// A service's main reads top to bottom:
//
//	var cfg struct{ process.Config; process.Database; app.Config }
//	config.Load(&cfg, …)
//	p, err := process.Open(ctx, "deals", cfg.Config, keys)   // what is shared
//	db, err := cfg.Database.Open(ctx, p)                     // the service's own database: db.App, db.System
//	a, err := app.New(ctx, cfg.App, app.Deps{…})             // the service
//	a.Register(p.Server)
//	return p.Run(ctx, a.Components()...)
//
// The suite opens one process and several databases and apps.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"

	"kontor.internal/libs/admin"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/logx"
	"kontor.internal/libs/runner"
	"kontor.internal/libs/telemetry"
)

// Config is what every process may be told.
type Config struct {
	GRPCAddr      string        `env:"KONTOR_GRPC_ADDR" flag:"grpc-addr" default:"127.0.0.1:9090" help:"address of the gRPC services"`
	AdminAddr     string        `env:"KONTOR_ADMIN_ADDR" flag:"admin-addr" default:"127.0.0.1:9100" help:"address of health checks, metrics and profiles"`
	Brokers       []string      `env:"KONTOR_KAFKA_BROKERS" help:"Kafka brokers, host:port,host:port"`
	RedisURL      string        `env:"KONTOR_REDIS_URL" secret:"true" help:"Redis, redis://host:port/0"`
	Neighbours    []string      `env:"KONTOR_SERVICES" help:"addresses of the other services, name=host:port,…; what is not named is at name:9090"`
	ServiceSecret string        `env:"KONTOR_SERVICE_SECRET" secret:"true" help:"secret that the services of an installation share"`
	LogLevel      string        `env:"KONTOR_LOG_LEVEL" flag:"log-level" default:"info" help:"debug, info, warn or error"`
	LogText       bool          `env:"KONTOR_LOG_TEXT" help:"log lines for people instead of JSON"`
	OTLPEndpoint  string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT" help:"OTLP collector of traces, http://host:4317; none if empty"`
	SampleRatio   float64       `env:"KONTOR_TRACE_RATIO" default:"1" help:"share of traces that are recorded"`
	DrainDelay    time.Duration `env:"KONTOR_DRAIN_DELAY" default:"0s" help:"how long to go on serving after the signal to stop"`
}

// Keys fetches the public keys that access tokens are signed with, by a connection to identity.
type Keys func(ctx context.Context, identity grpc.ClientConnInterface) ([]byte, error)

// Options are what a process is given by its main rather than told by its operator.
type Options struct {
	// Version of the binary.
	Version string
	// Keys is required.
	Keys Keys
	// Log lines go there; standard error if nil.
	Output io.Writer
	// Clock is the system's if nil.
	Clock clock.Clock
	// Local names services that this very process serves.
	Local []string
	// Alone says that no other process serves them: nobody else's relay has to be told of what is written here.
	Alone bool
}

// Process is what the parts of one process share.
type Process struct {
	Name          string
	Log           *slog.Logger
	Clock         clock.Clock
	Metrics       *prometheus.Registry
	Telemetry     *telemetry.Telemetry
	Brokers       []string
	Redis         *redis.Client // nil if there is none
	Directory     *authz.Directory
	Verifier      *authn.Verifier
	Server        *grpcserver.Server
	ServiceSecret string
	// Front are components that call the gRPC server of this very process: started after it, stopped before.
	Front []runner.Component

	cfg   Config
	local []string
	alone bool

	mu        sync.Mutex
	conns     map[string]grpc.ClientConnInterface
	checks    []admin.Check
	readiness *admin.Readiness
	closers   []func()
}

// NewLog is the log of a process, for what goes on before Open. Lines go to standard error if w is nil.
func NewLog(name string, cfg Config, w io.Writer) (*slog.Logger, error) {
	level, err := logx.ParseLevel(cfg.LogLevel)
	if err != nil {
		return nil, err
	}
	if w == nil {
		w = os.Stderr
	}
	return logx.New(w, logx.Options{Level: level, Text: cfg.LogText, Service: name}), nil
}

// required refuses what every process would start without, and then never get ready or be turned away by its neighbours.
func (c Config) required() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("KONTOR_KAFKA_BROKERS is required: events and the directory of users come from there"))
	}
	if c.ServiceSecret == "" {
		errs = append(errs, errors.New("KONTOR_SERVICE_SECRET is required: services prove with it to each other what they are"))
	}
	return errors.Join(errs...)
}

// Open makes what is shared. Nothing runs yet, and nothing outside need answer.
func Open(ctx context.Context, name string, cfg Config, o Options) (*Process, error) {
	log, err := NewLog(name, cfg, o.Output)
	if err != nil {
		return nil, err
	}
	if err := cfg.required(); err != nil {
		return nil, err
	}
	p := &Process{
		Name: name, Clock: o.Clock, Metrics: admin.Registry(), Brokers: cfg.Brokers, Directory: authz.NewDirectory(),
		ServiceSecret: cfg.ServiceSecret, cfg: cfg, local: o.Local, alone: o.Alone, conns: make(map[string]grpc.ClientConnInterface),
		Log: log,
	}
	if p.Clock == nil {
		p.Clock = clock.System
	}
	p.Telemetry, err = telemetry.Setup(ctx, telemetry.Config{
		Service: name, Version: o.Version, Endpoint: cfg.OTLPEndpoint, SampleRatio: cfg.SampleRatio, Log: p.Log,
	})
	if err != nil {
		return nil, err
	}
	p.Need("directory", p.Directory.Check)
	if cfg.RedisURL != "" {
		opts, err := redis.ParseURL(cfg.RedisURL)
		if err != nil {
			return nil, errors.New("KONTOR_REDIS_URL is not an address such as redis://host:6379/0") // it may hold a password
		}
		p.Redis = redis.NewClient(opts)
		p.closers = append(p.closers, func() { _ = p.Redis.Close() })
	}
	p.Verifier = authn.NewVerifier(func(ctx context.Context) ([]byte, error) {
		conn, err := p.Dial("identity")
		if err != nil {
			return nil, err
		}
		return o.Keys(ctx, conn)
	}, p.Clock)
	p.Server, err = grpcserver.New(grpcserver.Options{
		Log: p.Log, Verifier: p.Verifier, Directory: p.Directory, Metrics: p.Metrics, Telemetry: p.Telemetry,
		ServiceSecret: authn.NewServiceSecret(cfg.ServiceSecret), Reflection: true,
	})
	if err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

// Dial returns the connection to a service. Connections are made once and shared. To a service of this very process none
// is needed: its calls stay within the process.
func (p *Process) Dial(service string) (grpc.ClientConnInterface, error) {
	return p.dial(p.Name, service, grpcclient.Options{Service: p.Name, Secret: p.ServiceSecret, Telemetry: p.Telemetry})
}

// DialAs is Dial for one of several services in this process, whose name calls for services only then bear.
func (p *Process) DialAs(caller string) func(service string) (grpc.ClientConnInterface, error) {
	return func(service string) (grpc.ClientConnInterface, error) {
		return p.dial(caller, service, grpcclient.Options{Service: caller, Secret: p.ServiceSecret, Telemetry: p.Telemetry})
	}
}

// DialRaw is for a gateway: errors stay the statuses they arrive as, and nothing proves that a service is calling.
func (p *Process) DialRaw(service string) (grpc.ClientConnInterface, error) {
	return p.dial("", service, grpcclient.Options{Raw: true, Telemetry: p.Telemetry})
}

func (p *Process) dial(caller, service string, o grpcclient.Options) (grpc.ClientConnInterface, error) {
	key := caller + " to " + service
	p.mu.Lock()
	defer p.mu.Unlock()
	if conn, ok := p.conns[key]; ok {
		return conn, nil
	}
	if slices.Contains(p.local, service) {
		conn := grpcclient.Local(p.Server.Local(), o)
		p.conns[key] = conn
		return conn, nil
	}
	conn, err := grpcclient.Dial(p.cfg.Address(service), o)
	if err != nil {
		return nil, err
	}
	p.conns[key] = conn
	p.closers = append(p.closers, func() { _ = conn.Close() })
	return conn, nil
}

// defaultPort is where services listen inside a cluster.
const defaultPort = "9090"

// Address is where a service of another process is.
func (c Config) Address(service string) string {
	for _, n := range c.Neighbours {
		if name, addr, ok := strings.Cut(n, "="); ok && name == service {
			return addr
		}
	}
	return net.JoinHostPort(service, defaultPort)
}

// Need makes readiness depend on a check. All are told before Readiness is first asked for.
func (p *Process) Need(name string, check func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checks = append(p.checks, admin.Check{Name: name, Check: check})
}

// Readiness tells whether everything needed is there.
func (p *Process) Readiness() *admin.Readiness {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readiness == nil {
		p.readiness = admin.NewReadiness(p.checks...)
	}
	return p.readiness
}

// Run runs the components until ctx is done: after what they stand on (tracing, admin port, directory) and before the
// gRPC server and Front. They are stopped in the opposite order.
func (p *Process) Run(ctx context.Context, components ...runner.Component) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", p.cfg.GRPCAddr)
	if err != nil {
		return fmt.Errorf("gRPC address: %w", err)
	}
	readiness := p.Readiness()
	adminServer := &admin.Server{Addr: p.cfg.AdminAddr, Readiness: readiness, Metrics: p.Metrics, Log: p.Log}
	directory := &authz.Reader{Brokers: p.Brokers, Directory: p.Directory, Log: p.Log, Clock: p.Clock}
	all := []runner.Component{
		{Name: "telemetry", Run: p.Telemetry.Run},
		{Name: "admin", Run: adminServer.Run},
		{Name: "directory", Run: directory.Run},
	}
	all = append(all, components...)
	all = append(all, runner.Component{Name: "grpc", Run: func(ctx context.Context) error { return p.Server.Run(ctx, ln) }})
	all = append(all, p.Front...)
	g := runner.Group{
		Log: p.Log, DrainDelay: p.cfg.DrainDelay, Components: all,
		NotReady: func() {
			readiness.NotReady()
			p.Server.NotReady()
		},
	}
	return g.Run(ctx)
}

// Close gives up connections, after Run.
func (p *Process) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = make(map[string]grpc.ClientConnInterface)
	for _, c := range slices.Backward(p.closers) {
		c()
	}
	p.closers = nil
	return p.Telemetry.Shutdown(context.WithoutCancel(ctx))
}
