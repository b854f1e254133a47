// Package app wires the deals service. Read it top to bottom: it is the only file that knows every package.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/id"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/pg/migrate"
	"kontor.internal/libs/runner"
	"kontor.internal/libs/search"
	"kontor.internal/libs/undo"
	"kontor.internal/proto/fileclient"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/deals/internal/api"
	"kontor.internal/services/deals/internal/bulkwork"
	"kontor.internal/services/deals/internal/clients"
	"kontor.internal/services/deals/internal/consume"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/importer"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
	"kontor.internal/services/deals/internal/store/migrations"
	"kontor.internal/services/deals/internal/views"
)

// Name of the service: of its database, its operations and its grant to act for users.
const Name = "deals"

// Config is what the operator may set.
type Config struct {
	// FoldEvery is the pause between two rounds of folding the sums of boards.
	FoldEvery time.Duration `env:"KONTOR_DEALS_FOLD_EVERY" default:"1s" help:"pause between two rounds of adding up the boards"`
	// BaseEvery is the pause between two looks at the organisations' base currencies.
	BaseEvery time.Duration `env:"KONTOR_DEALS_BASE_EVERY" default:"2s" help:"pause between two looks for a changed base currency"`
	// Workers is how many imports and other jobs run at a time.
	Workers int `env:"KONTOR_DEALS_WORKERS" default:"2" help:"imports and other jobs that run at a time"`
}

// Deps are what the service shares with the process it runs in.
type Deps struct {
	Log       *slog.Logger
	DB        *pg.DB // as kontor_app
	SystemDB  *pg.DB // as kontor_system
	Brokers   []string
	Directory *authz.Directory
	// Dial returns the connection to another service.
	Dial func(service string) (grpc.ClientConnInterface, error)
	// Clock is the machine's if nil.
	Clock clock.Clock
	// Metrics takes the service's metrics; none are kept if nil.
	Metrics prometheus.Registerer
}

// App is the deals service.
type App struct {
	deals      *api.Server
	bulk       *api.BulkServer
	pipelines  *api.PipelinesServer
	operations *api.OperationsServer
	custom     api.CustomFieldsServer
	components []runner.Component
}

// New wires the service. Nothing runs yet.
func New(_ context.Context, cfg Config, d Deps) (*App, error) {
	// ② rules, on ③ the store.
	var work *jobs.Client // made last: its workers need what follows
	custom := &customfields.Definitions{
		DB: d.DB, Topic: publish.Topic, Clock: d.Clock,
		Kinds:   []customfields.KindSpec{{Name: publish.KindDeal, Message: &dealsv1.Deal{}, Stages: true, Pipelines: true}},
		Enqueue: customfields.Enqueue(func() *jobs.Client { return work }),
	}
	dealStore := &store.Deals{DB: d.DB, Custom: custom}
	pipelineStore := &store.Pipelines{DB: d.DB, System: d.SystemDB}
	organizations := directory{d.Directory}
	pipelines := &pipeline.Service{Store: pipelineStore, Clock: d.Clock, NewID: id.New}
	catalog, err := clients.NewCatalog(d.Dial)
	if err != nil {
		return nil, err
	}
	contacts, err := clients.NewContacts(d.Dial)
	if err != nil {
		return nil, err
	}
	checked := customOf(custom, organizations)
	merges := &store.Merges{DB: d.DB, System: d.SystemDB, Clock: d.Clock}
	deals := &deal.Service{
		Merged: merges.Current,
		Custom: checked,
		Store:  dealStore, Pipelines: pipelines, Products: catalog, Clients: contacts, Rates: &views.Rates{DB: d.DB},
		Organizations: organizations, Clock: d.Clock, NewID: id.New,
	}

	// Imports: files come from the files service, a job runs them on behalf of who asked.
	operations := &operation.Store{Service: Name, DB: d.DB, Clock: d.Clock}
	imported := &importer.Importer{
		Custom:        checked,
		Organizations: organizations, Directory: d.Directory, Pipelines: pipelines, Store: pipelineStore, Clock: d.Clock, NewID: id.New,
	}
	run, err := newImports(d, operations, imported)
	if err != nil {
		return nil, err
	}
	dealsServer := &api.Server{
		Deals: deals, Pipelines: pipelines, Store: dealStore, DB: d.DB, Directory: d.Directory, Clock: d.Clock,
		Import: startImport(run, pipelines), Preview: previewImport(run, pipelines), Operations: operations,
	}

	// Bulk changes, and what takes them and imports back.
	mass := &bulk.Runner{
		DB: d.DB, Files: run.Files, Operations: operations, Log: d.Log, As: run.As,
		Targets: map[string]bulk.Target{
			publish.KindDeal: &bulkwork.Deals{Rules: deals, Store: dealStore, Draft: api.BulkDraft, Query: dealsServer.Query},
		},
	}
	back := &undo.Runner{
		DB: d.DB, Files: run.Files, Operations: operations, Log: d.Log, As: run.As, Permitted: mayUndo(run),
		Targets: map[string]undo.Target{publish.KindDeal: bulkwork.Undo(deals)}, Undoable: []string{"import", bulk.OperationKind},
	}

	workers := river.NewWorkers()
	if err := errors.Join(imports.AddWorker(workers, run), bulk.AddWorker(workers, mass), undo.AddWorker(workers, back)); err != nil {
		return nil, err
	}
	river.AddWorker(workers, &customfields.Worker{
		Definitions: custom, Service: Name,
		Compute: func(ctx context.Context, org, _, after string, limit int) (string, error) {
			c, err := checked(ctx, org)
			if err != nil {
				return "", err
			}
			return dealStore.Recompute(ctx, org, after, limit, d.Clock.Now(), c)
		},
	})
	work, err = jobs.New(jobs.Config{DB: d.SystemDB, Workers: workers, Queues: map[string]int{river.QueueDefault: cfg.Workers}, Log: d.Log})
	if err != nil {
		return nil, fmt.Errorf("jobs of deals: %w", err)
	}
	run.Enqueue = imports.Enqueue(work)
	mass.Enqueue = bulk.Enqueue(work)
	back.Enqueue = undo.Enqueue(work)

	// ① the gRPC face.
	a := &App{
		deals:      dealsServer,
		bulk:       &api.BulkServer{Server: dealsServer, Start: mass.Start},
		pipelines:  &api.PipelinesServer{Pipelines: pipelines, Store: pipelineStore, Directory: d.Directory},
		operations: &api.OperationsServer{Operations: operations, Undo: back.Start},
		custom:     api.CustomFieldsServer{Server: customfields.Server{Definitions: custom}},
	}

	// ④ telling, ⑤ being told, ⑥ sums, and housekeeping.
	relay := &outbox.Relay{
		DB: d.SystemDB, Brokers: d.Brokers, Topics: []broker.Topic{{Name: publish.Topic}}, Log: d.Log, Metrics: labelled(d.Metrics),
	}
	d.DB.OnWrite(relay.Wake)
	d.SystemDB.OnWrite(relay.Wake)
	consumer := &inbox.Consumer{
		Name: consume.Name, Topics: consume.Topics(), Brokers: d.Brokers, DB: d.SystemDB, Log: d.Log, Metrics: labelled(d.Metrics),
		Handlers: consume.Handlers(func(ctx context.Context, tx pgx.Tx, org string, r views.Rate) error {
			if _, base := organizations.Settings(org); base != "" && r.BaseCurrency != base {
				return nil // of a base currency that was, told once more by a replay
			}
			return store.Rerate(ctx, d.SystemDB, tx, org, r, d.Clock.Now())
		}),
		Together: []inbox.Together{consume.Names()},
	}
	consume.AddMerges(consumer.Handlers, merges)
	folder := &views.Folder{DB: d.SystemDB, Every: cfg.FoldEvery, Log: d.Log}
	rebaser := &store.Rebaser{
		DB: d.DB, System: d.SystemDB, Organizations: organizations.baseCurrencies, Clock: d.Clock, Every: cfg.BaseEvery, Log: d.Log,
	}
	upkeep := &pg.Maintenance{DB: d.SystemDB, Log: d.Log}
	keys := &search.Filler{DB: d.SystemDB, Tables: store.Fillings(), Log: d.Log}
	bin := &purger{db: d.SystemDB, clock: d.Clock, log: d.Log}
	a.components = []runner.Component{
		{Name: "deals outbox relay", Run: relay.Run},
		{Name: "deals consumer", Run: consumer.Run},
		{Name: "deals jobs", Run: work.Run},
		{Name: "deals board sums", Run: folder.Run},
		{Name: "deals base amounts", Run: rebaser.Run},
		{Name: "deals maintenance", Run: upkeep.Run},
		{Name: "deals bin", Run: bin.Run},
		{Name: "deals search keys", Run: keys.Run},
	}
	return a, nil
}

// customOf returns what custom fields of deals are checked by.
func customOf(d *customfields.Definitions, o directory) func(context.Context, string) (deal.Custom, error) {
	return func(ctx context.Context, org string) (deal.Custom, error) {
		kind, err := d.Kind(ctx, org, publish.KindDeal)
		return deal.Custom{
			Fields:  kind,
			Message: func(d *deal.Deal) proto.Message { return publish.Deal(d) },
			User:    func(id string) bool { return o.ActiveUser(org, id) },
		}, err
	}
}

// labelled tells the service's metrics from those of others in the process.
func labelled(r prometheus.Registerer) prometheus.Registerer {
	if r == nil {
		return nil
	}
	return prometheus.WrapRegistererWith(prometheus.Labels{"service": Name}, r)
}

// newImports returns the runner of imports, without its Enqueue.
func newImports(d Deps, operations *operation.Store, im *importer.Importer) (*imports.Runner, error) {
	filesConn, err := d.Dial("files")
	if err != nil {
		return nil, fmt.Errorf("dial files: %w", err)
	}
	behalf, err := clients.NewBehalf(d.Dial, d.Directory)
	if err != nil {
		return nil, err
	}
	lookups, err := clients.Lookups(d.Dial, im.Seen)
	if err != nil {
		return nil, err
	}
	for kind, l := range im.Lookups() {
		lookups[kind] = l
	}
	target := im.Target()
	return &imports.Runner{
		DB: d.DB, Files: fileclient.New(filesConn), Operations: operations, Targets: map[string]imports.Target{target.Kind: target},
		Lookups: lookups, As: behalf.As, Log: d.Log,
		Permitted: imports.PermittedBy(d.Directory),
		Locale: func(org string) imports.Locale {
			o, _ := d.Directory.Organization(org)
			return imports.Locale{TimeZone: o.Location(), Currency: o.BaseCurrency}
		},
	}, nil
}

// mayUndo asks for the right to import where an import is taken back. Of bulk changes every deal is asked for by itself.
func mayUndo(run *imports.Runner) func(ctx context.Context, org, userID, of, kind string) error {
	return func(ctx context.Context, org, userID, of, kind string) error {
		if strings.HasPrefix(of, bulk.OperationKind+"/") {
			return nil
		}
		return run.Permitted(ctx, org, userID, kind)
	}
}

// previewImport previews imports for the caller, for whom the default pipeline is there too.
func previewImport(run *imports.Runner, pipelines *pipeline.Service) func(context.Context, imports.PreviewCall) (*typev1.ImportPreview, error) {
	return func(ctx context.Context, call imports.PreviewCall) (*typev1.ImportPreview, error) {
		if err := pipelines.EnsureReady(ctx, authn.MustFrom(ctx).OrganizationID); err != nil {
			return nil, err
		}
		return run.PreviewFor(ctx, publish.KindDeal, call)
	}
}

// startImport starts imports for the caller. The default pipeline is there before the first row asks for it.
func startImport(run *imports.Runner, pipelines *pipeline.Service) func(context.Context, string, string, bool) (string, error) {
	return func(ctx context.Context, fileID, mapping string, dryRun bool) (string, error) {
		who := authn.MustFrom(ctx)
		if err := pipelines.EnsureReady(ctx, who.OrganizationID); err != nil {
			return "", err
		}
		return run.Start(ctx, imports.Request{
			Organization: who.OrganizationID, UserID: who.UserID, Kind: publish.KindDeal, FileID: fileID, Mapping: mapping, DryRun: dryRun,
		})
	}
}

// Register puts the service on a server.
func (a *App) Register(s grpc.ServiceRegistrar) {
	dealsv1.RegisterDealsServiceServer(s, a.deals)
	dealsv1.RegisterCustomFieldsServiceServer(s, a.custom)
	dealsv1.RegisterClientsServiceServer(s, &api.ClientsServer{Server: a.deals})
	dealsv1.RegisterPipelinesServiceServer(s, a.pipelines)
	dealsv1.RegisterOperationsServiceServer(s, a.operations)
	dealsv1.RegisterBulkServiceServer(s, a.bulk)
	dealsv1.RegisterExportServiceServer(s, &api.ExportServer{Server: a.deals})
	dealsv1.RegisterSearchServiceServer(s, &api.SearchServer{Server: a.deals})
}

// Components are the long-running parts.
func (a *App) Components() []runner.Component { return a.components }

// Migrate brings the database up to date, as the owner of its tables.
func Migrate(ctx context.Context, ownerURL string) error {
	if err := migrate.Up(ctx, ownerURL, migrations.Files); err != nil {
		return err
	}
	return jobs.Migrate(ctx, ownerURL)
}

// Migrations are the files of Migrate; River's schema comes on top of them.
func Migrations() fs.FS { return migrations.Files }

// CheckSchema returns an error if the database is older than this binary.
func CheckSchema(ctx context.Context, db *pg.DB) error {
	return migrate.Check(ctx, db, migrations.Files)
}

// directory implements deal.Organizations on what identity tells.
type directory struct{ *authz.Directory }

// Settings see deal.Organizations.
func (d directory) Settings(org string) (zone *time.Location, baseCurrency string) {
	o, _ := d.Organization(org)
	return o.Location(), o.BaseCurrency
}

// baseCurrencies are those of all organisations.
func (d directory) baseCurrencies() map[string]string {
	out := map[string]string{}
	for _, org := range d.Organizations() {
		_, out[org] = d.Settings(org)
	}
	return out
}

// ActiveUser see deal.Organizations.
func (d directory) ActiveUser(org, id string) bool {
	u, ok := d.User(org, id)
	return ok && u.Active
}

// purger empties the bin of what has been in it for longer than it is kept.
type purger struct {
	db    *pg.DB
	clock clock.Clock
	log   *slog.Logger
}

// purgeEvery is the pause between two rounds.
const purgeEvery = time.Hour

// Run works until ctx is done. A round that fails is logged and tried again with the next.
func (p *purger) Run(ctx context.Context) error {
	t := time.NewTicker(purgeEvery)
	defer t.Stop()
	for {
		if _, err := store.Purge(ctx, p.db, p.clock.Now()); err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "the bin of deals is not emptied", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
