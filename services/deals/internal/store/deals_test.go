package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
)

// DEAL-1: what is written is what is read, every field of the contract. A new field that is forgotten on its way fails
// here.
func TestEveryFieldIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defs := &customfields.Definitions{DB: w.db.App, Topic: publish.Topic, Kinds: []customfields.KindSpec{{Name: "deal"}}}
	_, err := defs.Create(w.ctx(), w.org, "deal", &customfieldsv1.CustomField{Label: "Area", Type: customfieldsv1.Type_TYPE_NUMBER})
	require.NoError(t, err)
	w.service.Custom = func(ctx context.Context, org string) (deal.Custom, error) {
		kind, err := defs.Kind(ctx, org, "deal")
		return deal.Custom{Fields: kind}, err
	}
	probability := int32(33)
	made := w.create(deal.Draft{
		Name: "Fleet", Amount: eur("1234.50"), ObserverIDs: []string{id.New()}, Type: "service", Probability: &probability,
		PlannedClose: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC), CompanyID: id.New(), ContactID: id.New(),
		Parties: []deal.Party{{Kind: "contact", ID: id.New(), Role: "decision maker"}}, Source: "fair", LeadID: id.New(),
		Comment: "…", AvailableToEveryone: true, ExternalIDs: []deal.ExternalID{{Source: "shop", ID: "1"}},
		Lines: []deal.LineInput{line("Cars", "2", "99.95")}, Custom: customfields.Values{"area": json.Number("12.5")},
	})
	got, err := w.deals.Get(w.ctx(), w.org, made.ID)
	require.NoError(t, err)
	want, have := publish.Deal(made), publish.Deal(got)
	require.Equal(t, want.String(), have.String())
	lost, err := w.service.Lose(w.ctx(), w.boss(), made.ID, 0, "", w.pipeline.LostReasons[0].ID, "")
	require.NoError(t, err)
	gone, err := w.service.Delete(w.ctx(), w.boss(), lost.ID, 0)
	require.NoError(t, err)
	if got, err = w.deals.Get(w.ctx(), w.org, made.ID); err != nil {
		require.NoError(t, err)
	}
	want, have = publish.Deal(gone), publish.Deal(got)
	require.Equal(t, want.String(), have.String())
	back, err := publish.DealFrom(w.org, have)
	require.NoError(t, err)
	require.Equal(t, have.String(), publish.Deal(back).String(), "read back from an event")

	fields := have.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		// Lost deals have the stage's probability.
		if f := fields.Get(i); f.Name() != "probability_by_hand" {
			require.True(t, have.ProtoReflect().Has(f), "%s is not kept, or not filled by this test", f.Name())
		}
	}
	require.True(t, publish.Deal(made).GetProbabilityByHand())
}

func line(name, quantity, price string) deal.LineInput {
	return deal.LineInput{Line: deal.Line{
		Name: name, Quantity: cash("EUR", quantity).Amount, Price: cash("EUR", price).Amount, TaxIncluded: true,
	}}
}

func TestUnknownDealIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.deals.Get(w.ctx(), w.org, id.New())
	require.ErrorIs(t, err, deal.ErrNotFound)
}

// Another organisation's deal behaves like one that does not exist, in every way of reaching it.
func TestOrganizationsAreIsolated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := inDatabase(t, w.db)
	d := w.create(deal.Draft{Name: "Ours", Amount: eur("5")})

	_, err := other.service.Get(other.ctx(), other.boss(), d.ID)
	require.ErrorIs(t, err, deal.ErrNotFound)
	_, err = other.service.Move(other.ctx(), other.boss(), d.ID, 0, other.stage("Proposal"))
	require.ErrorIs(t, err, deal.ErrNotFound)
	_, err = other.service.Move(other.ctx(), other.boss(), other.create(deal.Draft{}).ID, 0, w.stage("Proposal"))
	require.ErrorIs(t, err, pipeline.ErrStageNotFound)
	deals, _, err := other.deals.List(other.ctx(), other.query(other.boss()), request{})
	require.NoError(t, err)
	require.Len(t, deals, 1)
	require.NotEqual(t, d.ID, deals[0].ID)

	// Row-level security holds where a WHERE is forgotten.
	var n int
	require.NoError(t, w.db.App.QueryRow(w.ctx(), other.org, `SELECT count(*) FROM deals`).Scan(&n))
	require.Equal(t, 1, n)
}

func TestStaleEtagIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.create(deal.Draft{})
	_, err := w.service.Move(w.ctx(), w.boss(), d.ID, d.Version, w.stage("Proposal"))
	require.NoError(t, err)
	_, err = w.service.Move(w.ctx(), w.boss(), d.ID, d.Version, w.stage("Information"))
	require.ErrorIs(t, err, deal.ErrStale)
}

// DEAL-4: twenty users who move one deal at once come one after the other, and each move is kept once.
func TestTwentyConcurrentMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.create(deal.Draft{})
	stages := []string{w.stage("Information"), w.stage("Proposal"), w.stage("Negotiation"), w.stage("New")}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := w.service.Move(w.ctx(), w.boss(), d.ID, 0, stages[i%len(stages)])
			if err != nil {
				t.Errorf("move %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	after, err := w.deals.Get(w.ctx(), w.org, d.ID)
	require.NoError(t, err)
	evs, err := w.db.App.History(w.ctx(), w.org, publish.KindDeal, d.ID, 0, 100)
	require.NoError(t, err)
	require.Len(t, evs, int(after.Version), "one event for each version")
	stays, err := w.deals.Stays(w.ctx(), w.org, d.ID)
	require.NoError(t, err)
	require.Len(t, stays, int(after.Version))
	require.Equal(t, after.StageID, stays[len(stays)-1].StageID)
	for i := 1; i < len(stays); i++ {
		require.Equal(t, stays[i-1].StageID, stays[i].FromStageID, "stay %d", i)
	}
}

// DEAL-2: a stage of another pipeline is a way into that pipeline; one that has gone is refused.
func TestMoveToAnotherPipelineAndToAStageThatHasGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, err := w.pipelines.Create(w.ctx(), w.org, draftOf("Service", "Intake", "Done", "Failed"), false)
	require.NoError(t, err)
	d := w.create(deal.Draft{})

	moved, err := w.service.Move(w.ctx(), w.boss(), d.ID, 0, other.Stages[0].ID)
	require.NoError(t, err)
	require.Equal(t, other.ID, moved.PipelineID)

	_, err = w.service.Win(w.ctx(), w.boss(), d.ID, 0, w.stage("Won"))
	require.ErrorIs(t, err, pipeline.ErrStageNotFound, "a won stage, but of the pipeline it has left")
	_, err = w.service.Move(w.ctx(), w.boss(), d.ID, 0, id.New())
	require.ErrorIs(t, err, pipeline.ErrStageNotFound)
	_, err = w.service.Create(w.ctx(), w.boss(), "", deal.Draft{
		Name: "x", PipelineID: w.pipeline.ID, StageID: other.Stages[0].ID,
	}, deal.Origin{})
	require.ErrorIs(t, err, pipeline.ErrStageNotFound)
}

func draftOf(name string, stages ...string) pipeline.Draft {
	d := pipeline.Draft{Name: name}
	for i, s := range stages {
		kind := pipeline.Open
		switch i {
		case len(stages) - 2:
			kind = pipeline.Won
		case len(stages) - 1:
			kind = pipeline.Lost
		}
		d.Stages = append(d.Stages, pipeline.Stage{Name: s, Kind: kind})
	}
	return d
}

// The database itself refuses a deal in no stage, whatever way the statement comes.
func TestDatabaseRefusesOrphans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.create(deal.Draft{})
	_, err := w.deals.Update(w.ctx(), w.org, d.ID, 0, func(_ context.Context, d *deal.Deal) ([]deal.Event, error) {
		before := *d
		d.StageID, d.Version = id.New(), d.Version+1
		return []deal.Event{deal.Moved{Before: before, After: *d}}, nil
	})
	require.ErrorIs(t, err, pipeline.ErrStageNotFound)
}

// A failure rolls back the row, its event, its stay and its sums together.
func TestFailedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.create(deal.Draft{ExternalIDs: []deal.ExternalID{{Source: "shop", ID: "1"}}, Amount: eur("10")})
	_, err := w.service.Create(w.ctx(), w.boss(), "", deal.Draft{
		Name: "again", ExternalIDs: []deal.ExternalID{{Source: "shop", ID: "1"}}, Amount: eur("10"),
	}, deal.Origin{})
	require.ErrorIs(t, err, deal.ErrExternalID)

	for _, q := range []string{
		`SELECT count(*) FROM deals`, `SELECT count(*) FROM deal_stage_changes`,
		`SELECT count(*) FROM events WHERE kind = 'deal'`, `SELECT sum(deals) FROM board_deltas`,
	} {
		var n int
		require.NoError(t, w.db.App.QueryRow(w.ctx(), w.org, q).Scan(&n))
		require.Equal(t, 1, n, q)
	}
	boom := errors.New("boom")
	_, err = w.deals.Update(w.ctx(), w.org, first.ID, 0, func(context.Context, *deal.Deal) ([]deal.Event, error) { return nil, boom })
	require.ErrorIs(t, err, boom)
}

// The same request ID has one effect and gives the same answer; with another request it is refused.
func TestRepeatedRequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	request := func(method, hash string) context.Context {
		return idem.With(w.ctx(), idem.Request{Method: method, ID: "r1", Hash: []byte(hash)})
	}
	in := deal.Draft{Name: "Once", Amount: eur("7"), Lines: []deal.LineInput{line("x", "1", "7")}}
	a, err := w.service.Create(request("create", "a"), w.boss(), "", in, deal.Origin{Kind: "user", ID: w.user})
	require.NoError(t, err)
	_, err = w.service.Move(w.ctx(), w.boss(), a.ID, 0, w.stage("Proposal"))
	require.NoError(t, err)

	b, err := w.service.Create(request("create", "a"), w.boss(), "", in, deal.Origin{Kind: "user", ID: w.user})
	require.NoError(t, err)
	require.Equal(t, publish.Deal(a).String(), publish.Deal(b).String(), "the answer of then, not the deal of now")

	_, err = w.service.Create(request("create", "b"), w.boss(), "", in, deal.Origin{})
	require.ErrorIs(t, err, idem.ErrReused)

	first, err := w.service.Win(request("win", "w"), w.boss(), a.ID, 0, "")
	require.NoError(t, err)
	again, err := w.service.Win(request("win", "w"), w.boss(), a.ID, 0, "")
	require.NoError(t, err, "not DEAL_CLOSED: it is the same request")
	require.Equal(t, first.Version, again.Version)
}

// Decision 14: a lead's conversion makes the ID up front and may call again.
func TestCreateWithAnIDMadeUpFront(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chosen := id.New()
	in := deal.Draft{Name: "From a lead", LeadID: id.New()}
	a, err := w.service.Create(w.ctx(), w.boss(), chosen, in, deal.Origin{Kind: "lead", ID: in.LeadID})
	require.NoError(t, err)
	require.Equal(t, chosen, a.ID)
	b, err := w.service.Create(w.ctx(), w.boss(), chosen, in, deal.Origin{Kind: "lead", ID: in.LeadID})
	require.NoError(t, err)
	require.Equal(t, a.ID, b.ID)
	require.Equal(t, int64(1), b.Version)

	somebody := w.boss()
	somebody.UserID = id.New()
	_, err = w.service.Create(w.ctx(), somebody, chosen, in, deal.Origin{})
	require.ErrorIs(t, err, deal.ErrExists)
}

// DEAL-9: won, lost with a reason, reopened to where it came from.
func TestCloseAndReopen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.create(deal.Draft{Amount: eur("100"), StageID: w.stage("Negotiation")})
	won, err := w.service.Win(w.ctx(), w.boss(), d.ID, 0, "")
	require.NoError(t, err)
	require.Equal(t, pipeline.Won, won.State)
	require.Equal(t, now, won.ClosedAt)
	require.Equal(t, int32(100), won.Probability)

	_, err = w.service.Move(w.ctx(), w.boss(), d.ID, 0, w.stage("New"))
	require.ErrorIs(t, err, deal.ErrClosed)
	_, err = w.service.Update(w.ctx(), w.boss(), d.ID, 0, deal.Draft{Amount: eur("1")}, []string{deal.FieldAmount})
	require.ErrorIs(t, err, deal.ErrClosed)

	open, err := w.service.Reopen(w.ctx(), w.boss(), d.ID, 0, "")
	require.NoError(t, err)
	require.Equal(t, w.stage("Negotiation"), open.StageID)
	require.True(t, open.ClosedAt.IsZero())

	_, err = w.service.Lose(w.ctx(), w.boss(), d.ID, 0, "", "", "  ")
	require.ErrorIs(t, err, deal.ErrReasonRequired)
	_, err = w.service.Lose(w.ctx(), w.boss(), d.ID, 0, "", id.New(), "")
	require.ErrorIs(t, err, deal.ErrReasonNotFound)
	lost, err := w.service.Lose(w.ctx(), w.boss(), d.ID, 0, "", w.pipeline.LostReasons[0].ID, "")
	require.NoError(t, err)
	require.Equal(t, "Price", lost.LostReason)
}

// ID-6: what is out of sight is not found; what is seen but not one's own is denied.
func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob := id.New(), id.New()
	d := w.create(deal.Draft{ResponsibleID: ann})
	_, err := w.service.Move(w.ctx(), w.seller(bob), d.ID, 0, w.stage("Proposal"))
	require.ErrorIs(t, err, deal.ErrNotFound)

	_, err = w.service.Update(w.ctx(), w.boss(), d.ID, 0, deal.Draft{ObserverIDs: []string{bob}}, []string{deal.FieldObservers})
	require.NoError(t, err)
	_, err = w.service.Get(w.ctx(), w.seller(bob), d.ID)
	require.NoError(t, err, "an observer sees it")
	_, err = w.service.Move(w.ctx(), w.seller(bob), d.ID, 0, w.stage("Proposal"))
	require.ErrorIs(t, err, deal.ErrForbidden, "and may not change it")
	_, err = w.service.Delete(w.ctx(), w.seller(bob), d.ID, 0)
	require.ErrorIs(t, err, deal.ErrForbidden)
	_, err = w.service.Move(w.ctx(), w.seller(ann), d.ID, 0, w.stage("Proposal"))
	require.NoError(t, err)

	_, err = w.service.Create(w.ctx(), w.seller(bob), "", deal.Draft{Name: "x", ResponsibleID: ann}, deal.Origin{})
	require.ErrorIs(t, err, deal.ErrForbidden)
	nobody := w.seller(bob)
	nobody.View = authz.None()
	_, err = w.service.Get(w.ctx(), nobody, d.ID)
	require.ErrorIs(t, err, deal.ErrNotFound, "who may see no deals at all sees no observed one either")
}

// Decision 24: a deleted deal is out of lists, in the bin, and comes back as it was.
func TestBin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.create(deal.Draft{Amount: eur("3")})
	_, err := w.service.Delete(w.ctx(), w.boss(), d.ID, 0)
	require.NoError(t, err)
	_, err = w.service.Move(w.ctx(), w.boss(), d.ID, 0, w.stage("Proposal"))
	require.ErrorIs(t, err, deal.ErrDeleted)
	deals, _, err := w.deals.List(w.ctx(), w.query(w.boss()), request{})
	require.NoError(t, err)
	require.Empty(t, deals)
	q := w.query(w.boss())
	q.Deleted = true
	deals, _, err = w.deals.List(w.ctx(), q, request{})
	require.NoError(t, err)
	require.Len(t, deals, 1)

	back, err := w.service.Undelete(w.ctx(), w.boss(), d.ID, 0)
	require.NoError(t, err)
	require.True(t, back.DeletedAt.IsZero())
	again, err := w.service.Undelete(w.ctx(), w.boss(), d.ID, 0)
	require.NoError(t, err)
	require.Equal(t, back.Version, again.Version, "nothing to do is no event")
}

// Events say what reporting needs: record after the change, way, effective time.
func TestEventsOfADeal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.create(deal.Draft{Name: "A", Amount: eur("10")})
	*w.clock = now.Add(36 * time.Hour)
	_, err := w.service.Update(w.ctx(), w.boss(), d.ID, 0, deal.Draft{Name: "B"}, []string{deal.FieldName})
	require.NoError(t, err)
	_, err = w.service.Win(w.ctx(), w.boss(), d.ID, 0, "")
	require.NoError(t, err)
	evs, err := w.db.App.History(w.ctx(), w.org, publish.KindDeal, d.ID, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"DealWon", "DealUpdated", "DealCreated"}, types(evs))
	require.Equal(t, w.user, evs[0].Actor)
	require.Equal(t, now.Add(36*time.Hour), *evs[0].EffectiveAt)
	m, err := publish.Decode(evs[0])
	require.NoError(t, err)
	require.Contains(t, m.(fmt.Stringer).String(), "time_in_stage:{seconds:129600}")
	m, err = publish.Decode(evs[1])
	require.NoError(t, err)
	require.Contains(t, m.(fmt.Stringer).String(), `paths:"name"`)
}

func types(evs []event.Event) []string {
	out := make([]string, len(evs))
	for i, e := range evs {
		out[i] = e.Type[len("kontor.deals.v1."):]
	}
	return out
}

// request is a list request.
type request struct {
	filter, order, token string
	size                 int32
}

func (r request) GetFilter() string    { return r.filter }
func (r request) GetOrderBy() string   { return r.order }
func (r request) GetPageSize() int32   { return r.size }
func (r request) GetPageToken() string { return r.token }

// Decision 24: what has been in the bin for thirty days goes for good; its events stay.
func TestPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kept, gone, alive := w.create(deal.Draft{}), w.create(deal.Draft{}), w.create(deal.Draft{})
	_, err := w.service.Delete(w.ctx(), w.boss(), gone.ID, 0)
	require.NoError(t, err)
	*w.clock = now.Add(time.Hour)
	_, err = w.service.Delete(w.ctx(), w.boss(), kept.ID, 0)
	require.NoError(t, err)
	n, err := store.Purge(w.ctx(), w.db.System, now.AddDate(0, 0, deal.BinDays).Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, int64(1), n)
	_, err = w.deals.Get(w.ctx(), w.org, gone.ID)
	require.ErrorIs(t, err, deal.ErrNotFound)
	for _, d := range []*deal.Deal{kept, alive} {
		_, err = w.deals.Get(w.ctx(), w.org, d.ID)
		require.NoError(t, err)
	}
	evs, err := w.db.App.History(w.ctx(), w.org, publish.KindDeal, gone.ID, 0, 10)
	require.NoError(t, err)
	require.Len(t, evs, 2)
}
