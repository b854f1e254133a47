// Package app wires identity. It is the only package that knows all others; read New from top to bottom.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/riverqueue/river"
	"google.golang.org/grpc"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/runner"
	"kontor.internal/proto/fileclient"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/api"
	"kontor.internal/services/identity/internal/clients"
	"kontor.internal/services/identity/internal/founding"
	"kontor.internal/services/identity/internal/handover"
	"kontor.internal/services/identity/internal/importer"
	"kontor.internal/services/identity/internal/limit"
	"kontor.internal/services/identity/internal/link"
	"kontor.internal/services/identity/internal/presence"
	"kontor.internal/services/identity/internal/provider"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/secretbox"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/signing"
	"kontor.internal/services/identity/internal/smtp"
	"kontor.internal/services/identity/internal/store"
	"kontor.internal/services/identity/internal/store/migrations"
)

// Name of the service, of its database and of its roles.
const Name = "identity"

// Groups are the database roles it works as besides the usual ones.
func Groups() []string { return []string{pg.RoleAccounts} }

// Migrations of the service's database.
func Migrations() fs.FS { return migrations.FS }

// Config is what the operator may set.
type Config struct {
	// Secret encrypts signing keys and the passwords of mail servers.
	Secret string `env:"KONTOR_IDENTITY_SECRET" secret:"true" help:"encrypts signing keys and mail passwords at rest; at least 16 random characters, kept for ever"`
	// Production refuses to start with secrets that everybody knows.
	Production bool `env:"KONTOR_PRODUCTION" help:"refuse default secrets and weak first passwords"`
	// PublicURL is what links in letters begin with.
	PublicURL string `env:"KONTOR_PUBLIC_URL" default:"http://127.0.0.1:8080" help:"address that people open Kontor under in their browsers; links in mails begin with it"`
	// PasswordMaxAge is the optional rotation of passwords.
	PasswordMaxAge time.Duration `env:"KONTOR_PASSWORD_MAX_AGE" default:"0s" help:"after how long passwords have to be changed; never if 0"`
	// PasswordMinLength is in characters.
	PasswordMinLength int `env:"KONTOR_PASSWORD_MIN_LENGTH" default:"10" help:"shortest password, in characters; never below 8"`
	// AttemptsPerAccount and AttemptsPerAddress bound sign-ins in a quarter of an hour.
	AttemptsPerAccount int64 `env:"KONTOR_SIGN_INS_PER_ACCOUNT" default:"10" help:"sign-in attempts in 15 minutes, one account"`
	AttemptsPerAddress int64 `env:"KONTOR_SIGN_INS_PER_ADDRESS" default:"100" help:"sign-in attempts in 15 minutes, one address"`
}

// Deps are what the service shares with the process it runs in.
type Deps struct {
	Log     *slog.Logger
	Clock   clock.Clock
	Brokers []string
	// DB works as kontor_app, System as kontor_system, Accounts as kontor_accounts.
	DB, System, Accounts *pg.DB
	// Redis counts attempts and keeps presence; nil has attempts counted in the process.
	Redis     *redis.Client
	Directory *authz.Directory
	Verifier  *authn.Verifier
	// ServiceSecret is the one that services share: whoever has it is believed where a caller is.
	ServiceSecret string
	// Dial connects to a service by name.
	Dial    func(service string) (grpc.ClientConnInterface, error)
	Metrics prometheus.Registerer
}

// App is the service.
type App struct {
	deps     Deps
	core     *api.Core
	store    *store.Store
	keys     *signing.Keys
	founding *founding.Service
	jobs     *jobs.Client
	relay    *outbox.Relay
	audit    *store.Audit
}

// New wires the service. Nothing runs yet and nothing outside is called.
func New(_ context.Context, cfg Config, d Deps) (*App, error) {
	if cfg.Production {
		if err := founding.CheckSecret("KONTOR_IDENTITY_SECRET", cfg.Secret); err != nil {
			return nil, err
		}
		if err := founding.CheckSecret("KONTOR_SERVICE_SECRET", d.ServiceSecret); err != nil {
			return nil, err
		}
	}
	if cfg.Secret == "" {
		return nil, fmt.Errorf("identity: %w", founding.ErrDefaultSecret)
	}
	st, err := newStore(cfg, d)
	if err != nil {
		return nil, err
	}
	hasher, err := account.NewHasher(runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	a := &App{deps: d, store: st, keys: signing.New(st, d.Clock.Now, d.Log)}
	policy := policyOf(cfg)
	limiter := limit.New(d.Redis, rulesOf(cfg), d.Clock.Now, d.Log)
	a.founding = &founding.Service{Store: st, Hasher: hasher, Policy: policy, Strict: cfg.Production}
	ops := &operation.Store{Service: Name, DB: d.DB, Clock: d.Clock}
	base, err := publicURL(cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	linkKeys, err := link.NewKeys(cfg.Secret)
	if err != nil {
		return nil, err
	}
	linkStore := &store.Links{Store: st, Enqueue: func(ctx context.Context, tx pgx.Tx, job link.Job) error {
		return a.jobs.Insert(ctx, tx, job, nil)
	}}
	sessions := &session.Service{
		Store: st, Accounts: st, Limiter: limiter, Issuer: a.keys, Hasher: hasher, Policy: policy, Now: d.Clock.Now,
	}
	links := &link.Service{Store: linkStore, Keys: linkKeys, Sessions: sessions, Limiter: limiter, Base: base, Now: d.Clock.Now}
	external, providers, err := externalSignIns(cfg, d, st)
	if err != nil {
		return nil, err
	}
	external.Sessions, external.Limiter, external.Base = sessions, limiter, base
	mail := &smtp.Sender{Now: d.Clock.Now}
	books, err := clients.Books(d.Dial)
	if err != nil {
		return nil, err
	}
	handovers := &store.Handovers{
		Store: st, Operations: ops,
		Enqueue: func(ctx context.Context, tx pgx.Tx, org, handoverID string) error {
			return handover.Enqueue(ctx, a.jobs, tx, org, handoverID)
		},
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &handover.Worker{Store: handovers, Books: books, As: a.as, Log: d.Log})
	river.AddWorker(workers, &link.Worker{Links: links, Mail: mail})
	if a.audit, err = a.newAudit(cfg, st, workers); err != nil {
		return nil, err
	}
	runs, err := a.imports(d, ops, workers)
	if err != nil {
		return nil, err
	}
	a.core = &api.Core{
		Store: st, Keys: a.keys, Presence: presence.New(d.Redis, d.Log), Limiter: limiter, Founding: a.founding,
		Imports: runs, Operations: ops, Handovers: handovers, Books: books, Mail: mail, Verify: d.Verifier.Verify, Clock: d.Clock, Log: d.Log,
		Invited: linkStore, Links: links, Sessions: sessions,
		Providers: providers, External: external, LocalProviders: !cfg.Production,
		Services: authn.NewServiceSecret(d.ServiceSecret),
	}
	a.core.Audit = a.audit
	a.relay = &outbox.Relay{
		DB: d.System, Brokers: d.Brokers, Log: d.Log, Metrics: d.Metrics,
		Topics: []broker.Topic{{Name: publish.Topic}, {Name: broker.DirectoryTopic, Compacted: true}},
	}
	d.DB.OnWrite(a.relay.Wake)
	d.System.OnWrite(a.relay.Wake)
	return a, nil
}

// externalSignIns wires the sign-in with OpenID Connect providers.
func externalSignIns(cfg Config, d Deps, st *store.Store) (*provider.Service, *store.Providers, error) {
	secrets, err := secretbox.New(cfg.Secret, "oidc client secrets")
	if err != nil {
		return nil, nil, err
	}
	bindings, err := secretbox.New(cfg.Secret, "external sign-ins")
	if err != nil {
		return nil, nil, err
	}
	providers := &store.Providers{Store: st, Box: secrets}
	return &provider.Service{
		Store: providers, Relying: provider.NewRelying(!cfg.Production, d.Clock.Now), Box: bindings, Now: d.Clock.Now,
	}, providers, nil
}

func newStore(cfg Config, d Deps) (*store.Store, error) {
	keys, err := secretbox.New(cfg.Secret, "signing keys")
	if err != nil {
		return nil, err
	}
	mail, err := secretbox.New(cfg.Secret, "mail passwords")
	if err != nil {
		return nil, err
	}
	factors, err := secretbox.New(cfg.Secret, "second factors")
	if err != nil {
		return nil, err
	}
	return &store.Store{DB: d.DB, System: d.System, Accounts: d.Accounts, Keys: keys, Mail: mail, Factors: factors, Clock: d.Clock}, nil
}

// defaultPublicURL is where the suite listens when nothing else is said.
const defaultPublicURL = "http://127.0.0.1:8080"

func publicURL(s string) (*url.URL, error) {
	u, err := url.Parse(cmp.Or(s, defaultPublicURL))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("KONTOR_PUBLIC_URL: %q is no address such as https://crm.example.com", s)
	}
	return u, nil
}

// leastLength is below what no setting can go.
const leastLength = 8

func policyOf(cfg Config) account.Policy {
	p := account.DefaultPolicy()
	p.MinLength = max(leastLength, cmp.Or(cfg.PasswordMinLength, p.MinLength))
	p.MaxAge = cfg.PasswordMaxAge
	return p
}

func rulesOf(cfg Config) limit.Rules {
	rules := limit.DefaultRules()
	for kind, n := range map[string]int64{"account": cfg.AttemptsPerAccount, "address": cfg.AttemptsPerAddress} {
		if n > 0 {
			rules[kind] = limit.Rule{Attempts: n, Window: rules[kind].Window}
		}
	}
	return rules
}

// imports wires the import of users and the jobs that run it.
func (a *App) imports(d Deps, ops *operation.Store, workers *river.Workers) (*imports.Runner, error) {
	filesConn, err := d.Dial("files")
	if err != nil {
		return nil, fmt.Errorf("dial files: %w", err)
	}
	r := &imports.Runner{
		DB: d.DB, Files: fileclient.New(filesConn), Operations: ops, Log: d.Log,
		Targets:   map[string]imports.Target{"user": importer.Target(a.store, d.Directory)},
		As:        a.as,
		Permitted: imports.PermittedBy(d.Directory),
		Locale: func(org string) imports.Locale {
			o, _ := d.Directory.Organization(org)
			return imports.Locale{TimeZone: o.Location(), Currency: o.BaseCurrency}
		},
		Enqueue: func(ctx context.Context, tx pgx.Tx, org, opID string) error {
			return imports.Enqueue(a.jobs)(ctx, tx, org, opID)
		},
	}
	if err := imports.AddWorker(workers, r); err != nil {
		return nil, err
	}
	a.jobs, err = jobs.New(jobs.Config{DB: d.System, Workers: workers, Log: d.Log})
	return r, err
}

// as lets a job act for a user: identity signs the token itself.
func (a *App) as(ctx context.Context, org, userID string) (context.Context, error) {
	p := authn.Principal{OrganizationID: org, UserID: userID, Service: Name}
	token, _, err := a.keys.Sign(ctx, p)
	if err != nil {
		return nil, err
	}
	return authn.WithToken(ctx, p, token), nil
}

// Register puts the service on a server.
func (a *App) Register(to grpc.ServiceRegistrar) { a.core.Register(to) }

// Components are what runs beside the server.
func (a *App) Components() []runner.Component {
	maintenance := &pg.Maintenance{DB: a.deps.System, Log: a.deps.Log}
	return []runner.Component{
		{Name: "identity maintenance", Run: maintenance.Run},
		{Name: "identity upkeep", Run: a.upkeep},
		{Name: "identity signing keys", Run: a.keys.Run},
		{Name: "identity relay", Run: a.relay.Run},
		{Name: "identity jobs", Run: a.jobs.Run},
		{Name: "identity audit log", Run: auditConsumer(a.deps, a.audit).Run},
	}
}

// upkeep brings the ready-made roles to what this version says, deletes what nobody can use any more, and mends the
// directory.
func (a *App) upkeep(ctx context.Context) error {
	const every = time.Hour
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		err := errors.Join(a.store.RefreshReadyMadeRoles(ctx), a.store.Sweep(ctx, a.deps.Clock.Now()), a.mendDirectory(ctx))
		if err != nil && ctx.Err() == nil {
			a.deps.Log.WarnContext(ctx, "upkeep of identity; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// mendDirectory publishes the directory entries of organisations that the topic has lost: a broker whose data is gone, or
// a new one, starts empty, and nobody could do anything. The event table has them all.
func (a *App) mendDirectory(ctx context.Context) error {
	// What was written just now may still be on its way.
	const recent = time.Minute
	for !a.deps.Directory.Ready() {
		select {
		case <-ctx.Done():
			return nil
		case <-a.deps.Directory.Changed():
		case <-time.After(time.Second):
		}
	}
	orgs, err := a.store.OrganizationsBefore(ctx, a.deps.Clock.Now().Add(-recent))
	if err != nil {
		return err
	}
	for _, org := range orgs {
		if _, known := a.deps.Directory.Organization(org); known {
			continue
		}
		n, err := a.store.RepublishDirectory(ctx, org)
		if err != nil {
			return err
		}
		a.relay.Wake()
		a.deps.Log.WarnContext(ctx, "the directory's topic has lost an organisation; published once more",
			"organization_id", org, "entries", n)
	}
	return nil
}
