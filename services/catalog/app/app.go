// Package app wires catalog. Read it top to bottom.
package app

import (
	"context"
	"errors"
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
	"kontor.internal/libs/id"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/runner"
	"kontor.internal/libs/search"
	"kontor.internal/libs/undo"
	"kontor.internal/proto/fileclient"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/api"
	"kontor.internal/services/catalog/internal/bulkwork"
	"kontor.internal/services/catalog/internal/clients"
	"kontor.internal/services/catalog/internal/currency"
	"kontor.internal/services/catalog/internal/pricetype"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/section"
	"kontor.internal/services/catalog/internal/store"
	"kontor.internal/services/catalog/internal/store/migrations"
)

// Name of the service and of its database.
const Name = "catalog"

// Config is what the operator may set.
type Config struct {
	// ImportWorkers is how many imports and other jobs run at a time.
	ImportWorkers int `env:"KONTOR_CATALOG_IMPORTS" default:"2" help:"imports and other jobs that run at a time"`
}

// Deps are what catalog shares with the process it runs in.
type Deps struct {
	Log   *slog.Logger
	Clock clock.Clock
	// DB works as kontor_app, SystemDB as kontor_system.
	DB, SystemDB *pg.DB
	Brokers      []string
	Directory    *authz.Directory
	// Dial returns the connection to another service.
	Dial    func(service string) (grpc.ClientConnInterface, error)
	Metrics prometheus.Registerer
}

// App is catalog.
type App struct {
	products   *api.Products
	bulk       *api.Bulk
	sections   *api.Sections
	priceTypes *api.PriceTypes
	currencies *api.Currencies
	operations *api.Operations
	custom     api.CustomFields
	directory  *authz.Directory

	relay *outbox.Relay
	jobs  *jobs.Client
	tidy  *pg.Maintenance
	keys  *search.Filler
}

// Migrations are the schema of catalog's database, beside that of its jobs.
func Migrations() fs.FS { return migrations.Files }

// Topics are those that catalog publishes to.
func Topics() []broker.Topic { return []broker.Topic{{Name: publish.Topic}} }

// New wires catalog. Nothing runs before Components do.
func New(cfg Config, d Deps) (*App, error) {
	settings := func(org string) currency.Settings {
		o, _ := d.Directory.Organization(org)
		return currency.Settings{Base: o.BaseCurrency, Location: o.Location()}
	}

	// The aggregates, each with its store.
	var work *jobs.Client // made last: its workers need what follows
	fields := &customfields.Definitions{
		DB: d.DB, Topic: publish.Topic, Clock: d.Clock,
		Kinds:   []customfields.KindSpec{{Name: publish.KindProduct, Message: &catalogv1.Product{}}},
		Enqueue: customfields.Enqueue(func() *jobs.Client { return work }),
	}
	custom := customOf(fields, d.Directory)
	products := &store.Products{DB: d.DB, Custom: fields, Zone: func(org string) *time.Location { return settings(org).Location }}
	sections := &store.Sections{DB: d.DB}
	priceTypes := &store.PriceTypes{DB: d.DB}
	rates := &store.Rates{DB: d.DB}
	productRules := &product.Service{Store: products, Clock: d.Clock, NewID: id.New, Custom: custom}
	sectionRules := &section.Service{Store: sections, Clock: d.Clock, NewID: id.New}
	priceTypeRules := &pricetype.Service{Store: priceTypes, Clock: d.Clock, NewID: id.New}
	currencyRules := &currency.Service{Store: rates, Clock: d.Clock, NewID: id.New, Settings: settings}

	// Imports: jobs that act for the user who started them.
	filesConn, err := d.Dial("files")
	if err != nil {
		return nil, fmt.Errorf("dial files: %w", err)
	}
	behalf, err := clients.NewBehalf(d.Dial, Name, d.Directory)
	if err != nil {
		return nil, err
	}
	operations := &operation.Store{Service: Name, DB: d.DB, Clock: d.Clock}
	target := (&store.ProductImport{Now: d.Clock.Now, NewID: id.New, Base: priceTypeRules.Base, Custom: custom}).Target()
	runs := &imports.Runner{
		DB: d.DB, Files: fileclient.New(filesConn), Operations: operations, As: behalf.As, Log: d.Log,
		Permitted: imports.PermittedBy(d.Directory),
		Targets:   map[string]imports.Target{target.Kind: target},
		Locale: func(org string) imports.Locale {
			s := settings(org)
			return imports.Locale{TimeZone: s.Location, Currency: s.Base}
		},
	}
	// Bulk changes, and what takes them and imports back.
	many := &bulkwork.Products{Store: products, Clock: d.Clock, Setter: api.BulkSetter, Custom: custom}
	mass := &bulk.Runner{
		DB: d.DB, Files: runs.Files, Operations: operations, Log: d.Log, As: runs.As,
		Targets: map[string]bulk.Target{publish.KindProduct: many},
	}
	back := &undo.Runner{
		DB: d.DB, Files: runs.Files, Operations: operations, Log: d.Log, As: runs.As, Permitted: mayUndo(runs),
		Targets:  map[string]undo.Target{publish.KindProduct: many.Undo(), publish.KindSection: bulkwork.Sections(sections, d.Clock)},
		Undoable: []string{"import", bulk.OperationKind},
	}
	workers := river.NewWorkers()
	if err := errors.Join(imports.AddWorker(workers, runs), bulk.AddWorker(workers, mass), undo.AddWorker(workers, back)); err != nil {
		return nil, err
	}
	river.AddWorker(workers, &customfields.Worker{
		Definitions: fields, Service: Name,
		Compute: func(ctx context.Context, org, _, after string, limit int) (string, error) {
			c, err := custom(ctx, org)
			if err != nil {
				return "", err
			}
			return products.Recompute(ctx, org, after, limit, d.Clock.Now(), c)
		},
	})
	work, err = jobs.New(jobs.Config{
		DB: d.SystemDB, Workers: workers, Queues: map[string]int{river.QueueDefault: max(cfg.ImportWorkers, 1)}, Log: d.Log,
	})
	if err != nil {
		return nil, err
	}
	runs.Enqueue, mass.Enqueue, back.Enqueue = imports.Enqueue(work), bulk.Enqueue(work), undo.Enqueue(work)

	relay := &outbox.Relay{DB: d.SystemDB, Brokers: d.Brokers, Topics: Topics(), Log: d.Log, Metrics: d.Metrics}
	d.DB.OnWrite(relay.Wake)

	productsServer := &api.Products{
		Products: productRules, PriceTypes: priceTypeRules, Store: products, DB: d.DB, Settings: settings, Operations: operations,
		Preview: runs.PreviewFor,
		Import: func(ctx context.Context, fileID, mapping string, dryRun bool) (string, error) {
			who := authn.MustFrom(ctx)
			return runs.Start(ctx, imports.Request{
				Organization: who.OrganizationID, UserID: who.UserID, Kind: target.Kind, FileID: fileID, Mapping: mapping, DryRun: dryRun,
			})
		},
	}
	return &App{
		products:   productsServer,
		bulk:       &api.Bulk{Products: productsServer, Start: mass.Start},
		sections:   &api.Sections{Sections: sectionRules, Store: sections},
		priceTypes: &api.PriceTypes{PriceTypes: priceTypeRules, Store: priceTypes},
		currencies: &api.Currencies{Currencies: currencyRules, Store: rates, Settings: settings},
		operations: &api.Operations{Operations: operations, Undo: back.Start},
		custom:     api.CustomFields{Server: customfields.Server{Definitions: fields}},
		directory:  d.Directory,
		relay:      relay, jobs: work, tidy: &pg.Maintenance{DB: d.SystemDB, Log: d.Log},
		keys: &search.Filler{DB: d.SystemDB, Tables: store.Fillings(), Log: d.Log},
	}, nil
}

// customOf returns what custom fields of products are checked by.
func customOf(d *customfields.Definitions, users *authz.Directory) func(context.Context, string) (product.Custom, error) {
	return func(ctx context.Context, org string) (product.Custom, error) {
		kind, err := d.Kind(ctx, org, publish.KindProduct)
		return product.Custom{
			Fields:  kind,
			Message: func(p *product.Product) proto.Message { return publish.Product(p) },
			User: func(id string) bool {
				u, ok := users.User(org, id)
				return ok && u.Active
			},
		}, err
	}
}

// mayUndo asks for the right to import where an import is taken back. Of bulk changes the rights of a single change count.
func mayUndo(runs *imports.Runner) func(ctx context.Context, org, userID, of, kind string) error {
	return func(ctx context.Context, org, userID, of, _ string) error {
		if strings.HasPrefix(of, bulk.OperationKind+"/") {
			return nil
		}
		return runs.Permitted(ctx, org, userID, publish.KindProduct)
	}
}

// Register puts catalog's services on a server.
func (a *App) Register(r grpc.ServiceRegistrar) {
	catalogv1.RegisterProductsServiceServer(r, a.products)
	catalogv1.RegisterSectionsServiceServer(r, a.sections)
	catalogv1.RegisterPriceTypesServiceServer(r, a.priceTypes)
	catalogv1.RegisterCurrenciesServiceServer(r, a.currencies)
	catalogv1.RegisterOperationsServiceServer(r, a.operations)
	catalogv1.RegisterBulkServiceServer(r, a.bulk)
	catalogv1.RegisterExportServiceServer(r, &api.Export{Products: a.products, Directory: a.directory})
	catalogv1.RegisterCustomFieldsServiceServer(r, a.custom)
	catalogv1.RegisterSearchServiceServer(r, &api.Search{Store: a.products.Store})
}

// Components are the parts to run, in order.
func (a *App) Components() []runner.Component {
	return []runner.Component{
		{Name: "catalog tables", Run: a.tidy.Run},
		{Name: "catalog relay", Run: a.relay.Run},
		{Name: "catalog jobs", Run: a.jobs.Run},
		{Name: "catalog search keys", Run: a.keys.Run},
	}
}
