package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/id"
	"kontor.internal/libs/money"
	"kontor.internal/libs/testkit"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/store"
	"kontor.internal/services/deals/internal/store/migrations"
	"kontor.internal/services/deals/internal/views"
)

// now is when tests take place.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is a database with an organisation, a user and the ready-made pipeline.
type world struct {
	t         *testing.T
	db        *testkit.Database
	org, user string
	deals     *store.Deals
	pipes     *store.Pipelines
	pipelines *pipeline.Service
	service   *deal.Service
	pipeline  *pipeline.Pipeline
	clock     *time.Time
}

// office implements deal.Organizations: every user is there and active but "gone".
type office struct{ gone string }

func (office) Settings(string) (*time.Location, string) { return time.UTC, "EUR" }

func (o office) ActiveUser(_, id string) bool { return id != o.gone }

// shop implements deal.Products.
type shop map[string]deal.Product

func (s shop) Products(_ context.Context, ids []string) (map[string]deal.Product, error) {
	out := map[string]deal.Product{}
	for _, i := range ids {
		if p, ok := s[i]; ok {
			out[i] = p
		}
	}
	return out, nil
}

// friends implements deal.Clients: everybody is there and seen by all.
type friends struct{}

func (friends) Visible(_ context.Context, _ string, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, i := range ids {
		out[i] = true
	}
	return out, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := testkit.Postgres(t, "deals", migrations.Files)
	return inDatabase(t, db)
}

// inDatabase makes another organisation in a database.
func inDatabase(t *testing.T, db *testkit.Database) *world {
	t.Helper()
	at := now
	var clk clock.Clock = func() time.Time { return at }
	w := &world{
		t: t, db: db, org: id.New(), user: id.New(), clock: &at, deals: &store.Deals{DB: db.App},
		pipes: &store.Pipelines{DB: db.App, System: db.System},
	}
	w.pipelines = &pipeline.Service{Store: w.pipes, Clock: clk, NewID: id.New}
	w.service = &deal.Service{
		Store: w.deals, Pipelines: w.pipelines, Products: shop{}, Clients: friends{}, Rates: &views.Rates{DB: db.App},
		Organizations: office{}, Clock: clk, NewID: id.New,
	}
	p, err := w.pipelines.Get(w.ctx(), w.org, "")
	require.NoError(t, err)
	w.pipeline = p
	return w
}

func (w *world) ctx() context.Context {
	return authn.With(w.t.Context(), authn.Principal{OrganizationID: w.org, UserID: w.user})
}

// boss sees and may change everything.
func (w *world) boss() deal.Caller {
	return deal.Caller{OrganizationID: w.org, UserID: w.user, View: authz.All(), Act: authz.All()}
}

// seller sees and may change what the user answers for.
func (w *world) seller(user string) deal.Caller {
	return deal.Caller{OrganizationID: w.org, UserID: user, View: authz.Of(user), Act: authz.Of(user)}
}

func (w *world) query(c deal.Caller) store.Query {
	return store.Query{Caller: c, Zone: time.UTC, Today: deal.Day(now, time.UTC), BaseCurrency: "EUR"}
}

func (w *world) stage(name string) string {
	w.t.Helper()
	for _, s := range w.pipeline.Stages {
		if s.Name == name {
			return s.ID
		}
	}
	w.t.Fatalf("no stage %s", name)
	return ""
}

func (w *world) create(in deal.Draft) *deal.Deal {
	w.t.Helper()
	if in.Name == "" {
		in.Name = "A deal"
	}
	d, err := w.service.Create(w.ctx(), w.boss(), "", in, deal.Origin{Kind: "user", ID: w.user})
	require.NoError(w.t, err)
	return d
}

func eur(amount string) money.Money { return cash("EUR", amount) }

func cash(currency, amount string) money.Money {
	m, err := money.Parse(currency, amount)
	if err != nil {
		panic(err)
	}
	return m
}

func TestEveryKeyBeginsWithTheOrganization(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, "deals", migrations.Files)
	testkit.AssertTenantKeys(t, db, "outbox", "inbox_positions", "inbox_parked")
}
