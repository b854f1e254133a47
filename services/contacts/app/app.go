// Package app wires the contacts service. Read it top to bottom: it is the only file that knows every package.
package app

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

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
	"kontor.internal/libs/imports"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/pg/migrate"
	"kontor.internal/libs/runner"
	"kontor.internal/libs/search"
	"kontor.internal/libs/undo"
	"kontor.internal/proto/fileclient"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/api"
	"kontor.internal/services/contacts/internal/bulkwork"
	"kontor.internal/services/contacts/internal/clients"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/intake"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
	"kontor.internal/services/contacts/internal/store/migrations"
	"kontor.internal/services/contacts/internal/wire"
	"kontor.internal/services/contacts/internal/work"
)

// Name of the service: of its database, its operations and its grant to act for users.
const Name = "contacts"

// Config is what the operator may set.
type Config struct {
	// Workers is how many jobs run at a time in this process.
	Workers int `env:"KONTOR_CONTACTS_WORKERS" default:"4" help:"imports and other jobs that run at a time"`
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

// App is the contacts service.
type App struct {
	api        *api.Server
	components []runner.Component
}

// New wires the service. Nothing runs yet.
func New(_ context.Context, cfg Config, d Deps) (*App, error) {
	// Neighbours: deals for converted leads, identity for users, the catalog for products, files for imports and leads.
	deals, err := clients.NewDeals(d.Dial)
	if err != nil {
		return nil, err
	}
	identity, err := clients.NewIdentity(d.Dial, d.Directory)
	if err != nil {
		return nil, err
	}
	catalog, err := clients.NewCatalog(d.Dial)
	if err != nil {
		return nil, err
	}
	files, err := d.Dial("files")
	if err != nil {
		return nil, fmt.Errorf("dial files: %w", err)
	}

	// ② rules, on ③ the store.
	var worker *jobs.Client // made last: its workers need what follows
	custom := &customfields.Definitions{
		DB: d.DB, Topic: publish.Topic, Clock: d.Clock,
		Kinds: []customfields.KindSpec{
			{Name: string(record.Lead), Message: &contactsv1.Lead{}, Stages: true},
			{Name: string(record.Contact), Message: &contactsv1.Contact{}},
			{Name: string(record.Company), Message: &contactsv1.Company{}},
		},
		Enqueue: customfields.Enqueue(func() *jobs.Client { return worker }),
	}
	kept := store.New(d.DB, custom)
	members := users{d.Directory}
	contacts := contact.New(kept.Contacts(), members, fieldsOf(custom, record.Contact, wire.Contact), d.Clock)
	companies := company.New(kept.Companies(), members, fieldsOf(custom, record.Company, wire.Company), d.Clock)
	leads := lead.New(lead.Leads{
		Config:      kept.Config(d.Clock),
		Conversions: kept.Conversions(work.Enqueue(func() *jobs.Client { return worker })),
		Contacts:    contacts, Companies: companies, Deals: deals,
	}, kept.Leads(), members, fieldsOf(custom, record.Lead, wire.LeadStored), d.Clock)

	// Imports: files come from the files service, a job runs them on behalf of who asked.
	operations := &operation.Store{Service: Name, DB: d.DB, Clock: d.Clock}
	run := &imports.Runner{
		DB: d.DB, Files: fileclient.New(files), Operations: operations, Log: d.Log, As: identity.As,
		Permitted: imports.PermittedBy(d.Directory),
		Targets:   intake.Targets(kept, contacts, companies, leads),
		Lookups:   intake.Lookups(kept, identity.LookUpUsers, catalog.LookUpProducts),
		Locale: func(org string) imports.Locale {
			o, _ := d.Directory.Organization(org)
			return imports.Locale{TimeZone: o.Location(), Currency: o.BaseCurrency}
		},
	}

	back := &undo.Runner{
		DB: d.DB, Files: run.Files, Operations: operations, Log: d.Log, As: identity.As, Permitted: mayUndo(run),
		Targets: intake.Undos(kept, contacts, companies, leads), Undoable: []string{"import", bulk.OperationKind},
	}

	// Bulk changes; what they did is taken back like imports.
	mass := &bulk.Runner{
		DB: d.DB, Files: run.Files, Operations: operations, Log: d.Log, As: identity.As,
		Targets: bulkwork.Targets(kept, contacts, companies, leads, func(org string) *time.Location {
			o, _ := d.Directory.Organization(org)
			return o.Location()
		}),
	}

	// Jobs.
	workers := river.NewWorkers()
	if err := imports.AddWorker(workers, run); err != nil {
		return nil, err
	}
	if err := bulk.AddWorker(workers, mass); err != nil {
		return nil, err
	}
	if err := undo.AddWorker(workers, back); err != nil {
		return nil, err
	}
	carrier := &work.Files{As: identity.As, Carry: clients.NewFiles(files).Carry, Log: d.Log}
	river.AddWorker(workers, carrier)
	river.AddWorker(workers, &work.Deals{Leads: leads, As: identity.As, Make: deals.Make, Files: carrier})
	river.AddWorker(workers, &work.Upkeep{Store: kept, Directory: d.Directory, Clock: d.Clock, Log: d.Log})
	river.AddWorker(workers, &customfields.Worker{
		Definitions: custom, Service: Name,
		Compute: (&work.Formulas{Store: kept, Contacts: contacts, Companies: companies, Leads: leads, Clock: d.Clock}).Compute,
	})
	river.AddWorker(workers, &work.Scan{Store: kept, Operations: operations})
	joined := merges(kept, contacts, companies, leads)
	batch := batches(d, kept, operations, custom, joined, identity.As, func() *jobs.Client { return worker })
	river.AddWorker(workers, &work.Merges{Runner: batch})
	startScan := work.StartScan(kept, operations, func() *jobs.Client { return worker })
	worker, err = jobs.New(jobs.Config{
		DB: d.SystemDB, Workers: workers, Periodic: work.Periodic(), Log: d.Log,
		Queues: map[string]int{river.QueueDefault: max(cfg.Workers, 1)},
	})
	if err != nil {
		return nil, fmt.Errorf("jobs of contacts: %w", err)
	}
	run.Enqueue = imports.Enqueue(worker)
	back.Enqueue = undo.Enqueue(worker)
	mass.Enqueue = bulk.Enqueue(worker)

	// ④ telling, and housekeeping.
	relay := &outbox.Relay{
		DB: d.SystemDB, Brokers: d.Brokers, Topics: []broker.Topic{{Name: publish.Topic}}, Log: d.Log, Metrics: labelled(d.Metrics),
	}
	d.DB.OnWrite(relay.Wake)
	d.SystemDB.OnWrite(relay.Wake)
	upkeep := &pg.Maintenance{DB: d.SystemDB, Log: d.Log}
	keys := &search.Filler{DB: d.SystemDB, Tables: store.Fillings(), Log: d.Log}

	return &App{
		// ① the gRPC face.
		api: &api.Server{
			Contacts: contacts, Companies: companies, Leads: leads, LookUp: kept, Exports: kept, Searcher: kept, Directory: d.Directory,
			Duplicates: api.Duplicates{Contacts: kept.Contacts(), Companies: kept.Companies(), Leads: kept.Leads(), Found: kept, Scan: startScan, Merge: batch.Start},
			Merges:     joined,
			Operations: operations, CustomFields: customfields.Server{Definitions: custom}, Import: startImport(run), Bulk: mass.Start, Preview: run.PreviewFor, Undo: startUndo(back, batch), Clock: d.Clock,
		},
		components: []runner.Component{
			{Name: "contacts outbox relay", Run: relay.Run},
			{Name: "contacts jobs", Run: worker.Run},
			{Name: "contacts maintenance", Run: upkeep.Run},
			{Name: "contacts search keys", Run: keys.Run},
		},
	}, nil
}

// startImport starts imports for the caller.
func startImport(run *imports.Runner) func(context.Context, record.Kind, string, string, bool) (string, error) {
	return func(ctx context.Context, kind record.Kind, fileID, mapping string, dryRun bool) (string, error) {
		who := authn.MustFrom(ctx)
		return run.Start(ctx, imports.Request{
			Organization: who.OrganizationID, UserID: who.UserID, Kind: string(kind), FileID: fileID, Mapping: mapping, DryRun: dryRun,
		})
	}
}

// Register puts the service on a server.
func (a *App) Register(s grpc.ServiceRegistrar) { a.api.Register(s) }

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

// labelled tells the service's metrics from those of others in the process.
func labelled(r prometheus.Registerer) prometheus.Registerer {
	if r == nil {
		return nil
	}
	return prometheus.WrapRegistererWith(prometheus.Labels{"service": Name}, r)
}

// mayUndo asks for the right to import where an import is taken back. Of bulk changes every record is asked for by itself.
func mayUndo(run *imports.Runner) func(ctx context.Context, org, userID, of, kind string) error {
	return func(ctx context.Context, org, userID, of, kind string) error {
		if strings.HasPrefix(of, bulk.OperationKind+"/") {
			return nil
		}
		return run.Permitted(ctx, org, userID, kind)
	}
}

// fieldsOf is the custom fields of a kind; message is how its records are shown.
func fieldsOf[T any, M proto.Message](d *customfields.Definitions, kind record.Kind, message func(*T) M) record.Custom[T] {
	return record.Custom[T]{
		Fields: func(ctx context.Context, org string) (*customfields.Kind, error) {
			return d.Kind(ctx, org, string(kind))
		},
		Message: func(r *T) proto.Message { return message(r) },
	}
}

// users implements record.Users on what identity tells.
type users struct{ *authz.Directory }

// Active see record.Users.
func (u users) Active(org, id string) bool {
	user, ok := u.User(org, id)
	return ok && user.Active
}

// Country see record.Users.
func (u users) Country(org string) string {
	o, _ := u.Organization(org)
	return o.Country
}
