// Package app wires files. It is the only package that knows all others; read New from top to bottom.
package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"kontor.internal/libs/blob"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/runner"
	"kontor.internal/services/files/internal/api"
	"kontor.internal/services/files/internal/clients"
	"kontor.internal/services/files/internal/consume"
	"kontor.internal/services/files/internal/publish"
	"kontor.internal/services/files/internal/rights"
	"kontor.internal/services/files/internal/store"
	"kontor.internal/services/files/internal/store/migrations"
	"kontor.internal/services/files/internal/sweep"
)

// Name of the service, of its database and of its roles.
const Name = "files"

// Migrations of the service's database.
func Migrations() fs.FS { return migrations.FS }

// Config is what the operator may set.
type Config struct {
	// BlobURL is where contents are.
	BlobURL string `env:"KONTOR_BLOB_URL" help:"where contents of files are kept: file:///folder or s3://bucket?region=…"`
	// MaxSize is in bytes.
	MaxSize int64 `env:"KONTOR_MAX_FILE_SIZE" default:"1073741824" help:"largest file, in bytes"`
	// LinkSecret signs download links.
	LinkSecret string `env:"KONTOR_FILES_SECRET" secret:"true" help:"signs download links; at least 16 random characters, the same for all replicas"`
}

// Deps are what the service shares with the process it runs in.
type Deps struct {
	Log     *slog.Logger
	Clock   clock.Clock
	Brokers []string
	// DB works as kontor_app, System as kontor_system.
	DB, System *pg.DB
	// Dial connects to a service by name.
	Dial    func(service string) (grpc.ClientConnInterface, error)
	Metrics prometheus.Registerer
}

// App is the service.
type App struct {
	deps   Deps
	blobs  *blob.Store
	api    *api.Server
	relay  *outbox.Relay
	merges *inbox.Consumer
	sweep  *sweep.Sweeper
}

const (
	// leastSecret is the shortest secret, in bytes.
	leastSecret    = 16
	defaultMaxSize = 1 << 30
)

// New wires the service. Nothing runs yet; the blob store is opened.
func New(ctx context.Context, cfg Config, d Deps) (*App, error) {
	if cfg.BlobURL == "" {
		return nil, errors.New("KONTOR_BLOB_URL is required: where contents of files are kept")
	}
	if len(cfg.LinkSecret) < leastSecret {
		return nil, errors.New("files: KONTOR_FILES_SECRET needs at least 16 random characters")
	}
	if cfg.MaxSize <= 0 {
		cfg.MaxSize = defaultMaxSize
	}
	blobs, err := blob.Open(ctx, cfg.BlobURL)
	if err != nil {
		return nil, err
	}
	records, err := clients.New(d.Dial)
	if err != nil {
		return nil, err
	}
	a := &App{deps: d, blobs: blobs}
	a.api = &api.Server{
		Store: &store.Store{DB: d.DB, Exists: blobs.Exists, Clock: d.Clock}, Blobs: blobs, Links: blob.NewLinks(linkKey(cfg.LinkSecret)),
		Rights: &rights.Rights{Records: records}, MaxSize: cfg.MaxSize, Clock: d.Clock,
	}
	a.relay = &outbox.Relay{
		DB: d.System, Brokers: d.Brokers, Log: d.Log, Metrics: d.Metrics, Topics: []broker.Topic{{Name: publish.Topic}},
	}
	a.merges = &inbox.Consumer{
		Name: consume.Name, Topics: consume.Topics(), Brokers: d.Brokers, DB: d.System, Log: d.Log, Metrics: d.Metrics,
		Handlers: consume.Handlers(&store.Merges{System: d.System, Clock: d.Clock}), Apart: true,
	}
	a.sweep = &sweep.Sweeper{DB: d.DB, System: d.System, Blobs: blobs, Clock: d.Clock, Log: d.Log}
	d.DB.OnWrite(a.relay.Wake)
	d.System.OnWrite(a.relay.Wake)
	return a, nil
}

// linkKey keeps links apart from whatever else the secret may be used for.
func linkKey(secret string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("kontor/files/links"))
	return m.Sum(nil)
}

// Register puts the service on a server.
func (a *App) Register(to grpc.ServiceRegistrar) { a.api.Register(to) }

// Check is a readiness check: the blob store can be reached.
func (a *App) Check(ctx context.Context) error { return a.blobs.Check(ctx) }

// Components are what runs beside the server.
func (a *App) Components() []runner.Component {
	maintenance := &pg.Maintenance{DB: a.deps.System, Log: a.deps.Log}
	return []runner.Component{
		{Name: "files blobs", Run: a.holdBlobs},
		{Name: "files maintenance", Run: maintenance.Run},
		{Name: "files sweeper", Run: a.sweep.Run},
		{Name: "files consumer", Run: a.merges.Run},
		{Name: "files relay", Run: a.relay.Run},
	}
}

// holdBlobs closes the blob store after everything that uses it has stopped.
func (a *App) holdBlobs(ctx context.Context) error {
	<-ctx.Done()
	return a.blobs.Close()
}
