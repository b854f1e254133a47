// Package app wires reporting. Read it top to bottom.
package app

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/runner"
	reportingv1 "kontor.internal/proto/gen/kontor/reporting/v1"
	"kontor.internal/services/reporting/internal/api"
	"kontor.internal/services/reporting/internal/consume"
	"kontor.internal/services/reporting/internal/report"
	"kontor.internal/services/reporting/internal/store"
	"kontor.internal/services/reporting/internal/store/migrations"
	"kontor.internal/services/reporting/internal/views"
)

// Name of the service, of its database and of its consumer.
const Name = "reporting"

// replayName is the consumer of what is published once more for a rebuild.
const replayName = Name + ".rebuild"

// Config is what the operator may set.
type Config struct {
	// FoldEvery is the pause between two foldings of the roll-up.
	FoldEvery time.Duration `env:"KONTOR_REPORTING_FOLD_EVERY" default:"1s" help:"pause between two foldings of the roll-up"`
}

// Deps are what reporting shares with the process it runs in.
type Deps struct {
	Log *slog.Logger
	Now func() time.Time
	// DB works as kontor_app, SystemDB as kontor_system.
	DB, SystemDB *pg.DB
	Brokers      []string
	Directory    *authz.Directory
	Metrics      prometheus.Registerer
}

// App is reporting.
type App struct {
	cfg      Config
	d        Deps
	live     *inbox.Consumer
	replay   *inbox.Consumer
	reports  *api.Reports
	rebuilds *api.Rebuilds
}

// Migrations are the schema of reporting's database.
func Migrations() fs.FS { return migrations.Files }

// Topics are those reporting makes if they are missing, beside those it reads.
func Topics() []string { return []string{broker.ReplayTopic(Name)} }

// Sources are the services that publish once more for a rebuild.
func Sources() []string { return consume.Sources() }

// New wires reporting. Nothing runs before Components do.
func New(cfg Config, d Deps) *App {
	return &App{
		cfg: cfg, d: d,
		live: &inbox.Consumer{
			Name: Name, Topics: consume.Topics(), Brokers: d.Brokers, DB: d.SystemDB, Handlers: consume.Handlers(views.Live),
			Together: consume.Together(views.Live), Log: d.Log, Metrics: d.Metrics,
		},
		replay: &inbox.Consumer{
			Name: replayName, Topics: Topics(), Brokers: d.Brokers, DB: d.SystemDB, Handlers: consume.Handlers(views.Replayed),
			Together: consume.Together(views.Replayed),
			// The end of a replay belongs to no organisation, and switches generations for all.
			Role: pg.RoleSystem, Log: d.Log, Metrics: d.Metrics,
		},
		reports: &api.Reports{Runner: &report.Runner{
			Store:     &store.Store{DB: d.DB, System: d.SystemDB, Consumer: Name, Now: d.Now},
			Directory: d.Directory, Now: d.Now,
		}},
		rebuilds: &api.Rebuilds{Rebuilder: rebuilder{d}},
	}
}

// Register puts reporting's services on a server.
func (a *App) Register(r grpc.ServiceRegistrar) {
	reportingv1.RegisterReportsServiceServer(r, a.reports)
	reportingv1.RegisterRebuildServiceServer(r, a.rebuilds)
}

// Components are the parts to run, in order.
func (a *App) Components() []runner.Component {
	return []runner.Component{
		{Name: "reporting facts", Run: a.live.Run},
		{Name: "reporting rebuild", Run: a.replay.Run},
		{Name: "reporting roll-up", Run: a.tidy},
	}
}

// tidy folds the roll-up and sweeps away retired facts, now and then.
func (a *App) tidy(ctx context.Context) error {
	tick := time.NewTicker(a.cfg.FoldEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := a.d.SystemDB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := views.Fold(ctx, tx); err != nil {
				return err
			}
			_, err := views.Sweep(ctx, tx)
			return err
		})
		if err != nil && ctx.Err() == nil {
			a.d.Log.WarnContext(ctx, "roll-up not tidied; trying again", "error", err)
		}
	}
}

// rebuilder see [api.Rebuilder].
type rebuilder struct{ d Deps }

// Start see [api.Rebuilder].
func (r rebuilder) Start(ctx context.Context, sources []string) (generation int64, topic string, err error) {
	topic = broker.ReplayTopic(Name)
	client := broker.NewClient(r.d.Brokers)
	defer client.CloseIdle()
	if err := broker.Ensure(ctx, client.Client, broker.Topic{Name: topic}); err != nil {
		return 0, "", fmt.Errorf("start rebuild: %w", err)
	}
	partitions, err := client.Partitions(ctx, topic)
	if err != nil {
		return 0, "", fmt.Errorf("start rebuild: %w", err)
	}
	var waitingFor []string
	for _, s := range sources {
		for p := range partitions {
			waitingFor = append(waitingFor, "kontor."+s+"/"+strconv.Itoa(p))
		}
	}
	err = r.d.SystemDB.System(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		generation, err = views.StartRebuild(ctx, tx, waitingFor)
		return err
	})
	return generation, topic, err
}

// Get see [api.Rebuilder].
func (r rebuilder) Get(ctx context.Context, generation int64) (serving bool, waitingFor []string, err error) {
	var b views.Rebuild
	err = r.d.SystemDB.System(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		b, err = views.GetRebuild(ctx, tx, generation)
		return err
	})
	return b.Serving, b.WaitingFor, err
}
