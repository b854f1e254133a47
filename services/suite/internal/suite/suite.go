package suite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/embedded"
	"kontor.internal/libs/logx"
	"kontor.internal/libs/process"
	"kontor.internal/libs/runner"
	"kontor.internal/proto/jwks"
	gateway "kontor.internal/services/gateway/app"
	identity "kontor.internal/services/identity/app"
	"kontor.internal/services/suite/internal/infra"
)

// Suite is the whole of Kontor in one process.
type Suite struct {
	// Infra is what it runs on.
	Infra *infra.Infra
	// First says how to sign in if this start has made the first administrator.
	First *Administrator

	cfg        Config
	log        *slog.Logger // names no service yet
	process    *process.Process
	components []runner.Component
	closing    sync.Once
	closed     error
}

// Options are what the suite is given by its main rather than told by its operator.
type Options struct {
	Version string
	// Log lines go there; standard error if nil.
	Output io.Writer
}

// Open starts the infrastructure, brings the databases up to date and wires the services. Nothing is served before
// Run. Close it, also after Run.
func Open(ctx context.Context, cfg Config, o Options) (*Suite, error) {
	s := &Suite{cfg: cfg}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func (s *Suite) open(ctx context.Context, o Options) (err error) {
	if s.Infra, err = infra.Claim(s.cfg.DataDir); err != nil {
		if errors.Is(err, embedded.ErrLocked) {
			return fmt.Errorf("Kontor is already running: %w; stop it, or set KONTOR_DATA_DIR to another folder", err) //nolint:staticcheck // a name
		}
		return err
	}
	if err := s.cfg.checkPorts(ctx); err != nil {
		return err
	}
	secret, err := keptSecret(s.cfg.DataDir, rand.Text)
	if err != nil {
		return err
	}
	all := parts()
	// The log is needed first, and addresses that are not known yet last.
	pc := s.cfg.Config
	pc.ServiceSecret = s.cfg.serviceSecret(secret)
	if s.log, err = process.NewLog("", pc, o.Output); err != nil {
		return err
	}
	if err := s.Infra.Start(ctx, s.cfg.infra(s.log)); err != nil {
		return err
	}
	urls, err := provision(ctx, s.Infra.PostgresURL, s.cfg.provision(secret), all)
	if err != nil {
		return err
	}
	pc.Brokers, pc.RedisURL = s.Infra.Brokers, s.Infra.RedisURL
	if err := ensureTopics(ctx, pc.Brokers, all); err != nil {
		return err
	}
	s.process, err = process.Open(ctx, "kontor", pc, process.Options{
		Version: o.Version, Output: o.Output, Keys: jwks.Fetch, Local: names(all), Alone: true,
	})
	if err != nil {
		return err
	}
	for _, p := range all {
		app, err := s.add(ctx, p, secret, urls[p.name].Service)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if founder, ok := app.(*identity.App); ok {
			if err := s.firstAdministrator(ctx, founder); err != nil {
				return err
			}
		}
	}
	return s.addGateway(ctx)
}

// add wires one service.
func (s *Suite) add(ctx context.Context, p part, secret, url string) (service, error) {
	w := wiring{
		Process: s.process, cfg: &s.cfg, secret: secret,
		Log:     s.log.With(logx.KeyService, p.name),
		Metrics: newServiceMetrics(s.process.Metrics, p.name),
		db:      process.Database{URL: url, MaxConns: 12, SystemConns: 6},
	}
	var err error
	if w.pools, err = w.db.Open(ctx, s.process, p.name); err != nil {
		return nil, err
	}
	app, err := p.build(ctx, w)
	if err != nil {
		return nil, err
	}
	app.Register(s.process.Server)
	s.components = append(s.components, app.Components()...)
	return app, nil
}

func (s *Suite) addGateway(ctx context.Context) error {
	p := s.process
	g, err := gateway.New(ctx, s.cfg.Parts.Gateway, gateway.Deps{
		Log: p.Log, Now: p.Clock, Brokers: p.Brokers, Redis: p.Redis, Directory: p.Directory, Verifier: p.Verifier,
		Dial: p.DialRaw, ServiceSecret: p.ServiceSecret, Readiness: p.Readiness(), Metrics: p.Metrics,
		Telemetry: p.Telemetry,
	})
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	p.Front = append(p.Front, g.Components()...)
	return nil
}

// Run serves until ctx is done.
func (s *Suite) Run(ctx context.Context) error { return s.process.Run(ctx, s.components...) }

// AwaitReady waits until everything is ready to serve, and logs what it waits for if that takes long.
func (s *Suite) AwaitReady(ctx context.Context) error {
	const long = 10 * time.Second
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	complain := time.NewTicker(long)
	defer complain.Stop()
	for {
		failed := s.process.Readiness().Failed(ctx)
		if len(failed) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready: %v", failed)
		case <-complain.C:
			s.log.WarnContext(ctx, "still waiting to be ready", "for", failed)
		case <-tick.C:
		}
	}
}

// Close stops the infrastructure and gives the folder up.
func (s *Suite) Close(ctx context.Context) error {
	s.closing.Do(func() {
		var errs []error
		if s.process != nil {
			errs = append(errs, s.process.Close(ctx))
		}
		if s.Infra != nil {
			errs = append(errs, s.Infra.Close())
		}
		s.closed = errors.Join(errs...)
	})
	return s.closed
}

// HTTPAddr is where people find it.
func (s *Suite) HTTPAddr() string { return s.cfg.Parts.Gateway.HTTPAddr }

func (s *Suite) dataFile(name string) string { return filepath.Join(s.cfg.DataDir, name) }

// ensureTopics makes the topics before anybody writes or reads, so that no consumer starts with an error.
func ensureTopics(ctx context.Context, brokers []string, parts []part) error {
	client := broker.NewClient(brokers)
	defer client.CloseIdle()
	topics := []broker.Topic{{Name: broker.DirectoryTopic, Compacted: true}}
	for _, p := range parts {
		topics = append(topics, broker.Topic{Name: "kontor." + p.name + ".v1"})
	}
	return broker.Ensure(ctx, client.Client, topics...)
}
