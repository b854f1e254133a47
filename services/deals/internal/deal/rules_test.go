package deal_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func counter() func() string {
	var n atomic.Int64
	return func() string { return "id" + strconv.FormatInt(n.Add(1), 10) }
}

func sales() *pipeline.Pipeline { return pipeline.Ready("org", counter(), noon) }

func making() deal.Making {
	return deal.Making{ID: "d", OrganizationID: "org", CreatorID: "u", Pipeline: sales(), Pricing: deal.Pricing{NewID: counter()}}
}

// env has the euro as base and a rate of 0.5 for the dollar.
func env() deal.Env {
	return deal.Env{
		Now: noon, At: noon, Today: deal.Day(noon, time.UTC), BaseCurrency: "EUR",
		ToBase: func(m money.Money) (money.Money, bool) { return m.Convert("EUR", dec("0.5")), m.Currency == "USD" },
	}
}

func made(t *testing.T, in deal.Draft) *deal.Deal {
	t.Helper()
	if in.Name == "" {
		in.Name = "A deal"
	}
	d, ev, err := deal.New(in, making(), env())
	require.NoError(t, err)
	require.Equal(t, *d, ev.After)
	return d
}

// DEAL-1: what a deal is that nothing is said of.
func TestNewDealHasDefaults(t *testing.T) {
	t.Parallel()
	d := made(t, deal.Draft{})
	require.Equal(t, "sale", d.Type)
	require.Equal(t, sales().Stages[0].ID, d.StageID)
	require.Equal(t, int32(10), d.Probability)
	require.Equal(t, "0.00 EUR", d.Amount.String())
	require.Equal(t, deal.FromLines, d.AmountSource)
	require.Equal(t, noon, d.BegunAt)
	require.Equal(t, noon, d.StageEnteredAt)
}

func TestNewDealIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in    deal.Draft
		field string
	}{
		"no name":                        {deal.Draft{Name: "  "}, "name"},
		"an amount finer than a cent":    {deal.Draft{Name: "x", Amount: cash("EUR", "1.005")}, "amount"},
		"a tenth of a yen":               {deal.Draft{Name: "x", Amount: cash("JPY", "1.5")}, "amount"},
		"a probability above 100":        {deal.Draft{Name: "x", Probability: percent(101)}, "probability"},
		"a party that is neither":        {deal.Draft{Name: "x", Parties: []deal.Party{{Kind: "dog", ID: "1"}}}, "parties[0].ref.kind"},
		"two IDs of one source":          {deal.Draft{Name: "x", ExternalIDs: []deal.ExternalID{{Source: "a", ID: "1"}, {Source: "a", ID: "2"}}}, "external_ids[1]"},
		"a lost reason of an open deal":  {deal.Draft{Name: "x", LostReason: "price"}, "lost_reason"},
		"an amount beyond what is meant": {deal.Draft{Name: "x", Amount: cash("EUR", "1000000000000000000")}, "amount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := deal.New(c.in, making(), env())
			require.ErrorIs(t, err, deal.ErrInvalid)
			var e *apperr.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.field, e.Fields[0].Field)
		})
	}
	_, _, err := deal.New(deal.Draft{Name: "x", StageID: sales().Stages[4].ID}, making(), env())
	require.ErrorIs(t, err, deal.ErrStageClosed, "a deal is not made won")
}

func percent(p int32) *int32 { return &p }

// Decision 20: the base amount is of the day the amount last changed; without a rate there is none.
func TestBaseAmount(t *testing.T) {
	t.Parallel()
	require.Equal(t, cash("EUR", "10"), made(t, deal.Draft{Amount: cash("EUR", "10")}).Base)
	require.Equal(t, cash("EUR", "5").String(), made(t, deal.Draft{Amount: cash("USD", "10")}).Base.String())
	require.Empty(t, made(t, deal.Draft{Amount: cash("JPY", "10")}).Base.Currency)

	d := made(t, deal.Draft{Amount: cash("USD", "10")})
	tomorrow := env()
	tomorrow.Today = tomorrow.Today.AddDate(0, 0, 1)
	tomorrow.ToBase = func(m money.Money) (money.Money, bool) { return m.Convert("EUR", dec("0.9")), true }
	evs, err := d.Update(deal.Draft{Name: "renamed"}, []string{deal.FieldName}, sales(), deal.Pricing{}, tomorrow)
	require.NoError(t, err)
	require.Len(t, evs, 1)
	require.Equal(t, "5.00 EUR", d.Base.String(), "another rate is no other amount")
	_, err = d.Update(deal.Draft{Amount: cash("USD", "20")}, []string{deal.FieldAmount}, sales(), deal.Pricing{}, tomorrow)
	require.NoError(t, err)
	require.Equal(t, "18.00 EUR", d.Base.String())
	require.Equal(t, tomorrow.Today, d.BaseDate)

	_, err = d.Win(sales(), "", tomorrow)
	require.NoError(t, err)
	require.Equal(t, "18.00 EUR", d.Base.String())
	waiting := made(t, deal.Draft{Amount: cash("JPY", "1000")})
	require.Len(t, waiting.Rate("EUR", dec("0.006"), noon), 1)
	require.Equal(t, "6.00 EUR", waiting.Base.String())
	require.Empty(t, waiting.Rate("EUR", dec("0.007"), noon), "a rate that is there stays")
}

// DEAL-1, DEAL-6: the amount follows the lines until it is set by hand.
func TestAmountFollowsLinesOrHand(t *testing.T) {
	t.Parallel()
	bolt := func(q string) []deal.LineInput {
		return []deal.LineInput{{Line: deal.Line{Name: "Bolt", Quantity: dec(q), Price: dec("2")}}}
	}
	lines, pr := []string{deal.FieldLines}, deal.Pricing{NewID: counter()}
	d := made(t, deal.Draft{Lines: bolt("3")})
	require.Equal(t, "6.00 EUR", d.Amount.String())
	_, err := d.Update(deal.Draft{Lines: bolt("4")}, lines, sales(), pr, env())
	require.NoError(t, err)
	require.Equal(t, "8.00 EUR", d.Amount.String())
	_, err = d.Update(deal.Draft{Amount: cash("EUR", "100")}, []string{deal.FieldAmount}, sales(), pr, env())
	require.NoError(t, err)
	_, err = d.Update(deal.Draft{Lines: bolt("5")}, lines, sales(), pr, env())
	require.NoError(t, err)
	require.Equal(t, "100.00 EUR", d.Amount.String(), "set by hand")
	_, err = d.Update(deal.Draft{AmountSource: deal.FromLines}, []string{deal.FieldAmountSource}, sales(), pr, env())
	require.NoError(t, err)
	require.Equal(t, "10.00 EUR", d.Amount.String())
	_, err = d.Update(deal.Draft{Amount: cash("USD", "1")}, []string{deal.FieldAmount}, sales(), pr, env())
	require.ErrorIs(t, err, deal.ErrCurrency, "euros on the lines, dollars above them")
}

// A change that changes nothing is no event and no version.
func TestUpdateToTheSameIsNothing(t *testing.T) {
	t.Parallel()
	d := made(t, deal.Draft{Name: "same", Amount: cash("EUR", "1.50")})
	evs, err := d.Update(deal.Draft{Name: " same ", Amount: cash("EUR", "1.5")}, []string{deal.FieldName, deal.FieldAmount}, sales(), deal.Pricing{}, env())
	require.NoError(t, err)
	require.Empty(t, evs)
	require.Equal(t, int64(1), d.Version)
	_, err = d.Update(deal.Draft{}, []string{"stage_id"}, sales(), deal.Pricing{}, env())
	require.ErrorIs(t, err, deal.ErrMask, "the stage is changed by moving")
}

// DEAL-1: the probability is that of the stage until it is set by hand.
func TestProbability(t *testing.T) {
	t.Parallel()
	p := sales()
	d := made(t, deal.Draft{})
	_, err := d.Move(p, p.Stages[2].ID, env())
	require.NoError(t, err)
	require.Equal(t, int32(50), d.Probability)
	_, err = d.Update(deal.Draft{Probability: percent(90)}, []string{deal.FieldProbability}, p, deal.Pricing{}, env())
	require.NoError(t, err)
	_, err = d.Move(p, p.Stages[0].ID, env())
	require.NoError(t, err)
	require.Equal(t, int32(90), d.Probability, "by hand it stays")
	_, err = d.Update(deal.Draft{}, []string{deal.FieldProbability}, p, deal.Pricing{}, env())
	require.NoError(t, err)
	require.Equal(t, int32(10), d.Probability)
	_, err = d.Lose(p, "", "", "no money", env())
	require.NoError(t, err)
	require.Zero(t, d.Probability)
}

// DEAL-3, DEAL-9: which step leads where.
func TestSteps(t *testing.T) {
	t.Parallel()
	p := sales()
	stage := func(name string) string {
		for _, s := range p.Stages {
			if s.Name == name {
				return s.ID
			}
		}
		return name
	}
	move := func(to string) func(*deal.Deal) error {
		return func(d *deal.Deal) error { _, err := d.Move(p, stage(to), env()); return err }
	}
	win := func(d *deal.Deal) error { _, err := d.Win(p, "", env()); return err }
	lose := func(d *deal.Deal) error { _, err := d.Lose(p, "", "", "price", env()); return err }
	reopen := func(d *deal.Deal) error { _, err := d.Reopen(p, "", env()); return err }
	remove := func(d *deal.Deal) error { d.Delete(env()); return nil }
	type steps = []func(*deal.Deal) error
	for name, c := range map[string]struct {
		steps steps
		want  error
		at    string
	}{
		"any jump is free":                   {steps{move("Negotiation"), move("New")}, nil, "New"},
		"to where it is":                     {steps{move("New")}, nil, "New"},
		"a won stage is not moved to":        {steps{move("Won")}, deal.ErrStageClosed, "New"},
		"an unknown stage":                   {steps{move("nowhere")}, pipeline.ErrStageNotFound, "New"},
		"won":                                {steps{win}, nil, "Won"},
		"won twice":                          {steps{win, win}, deal.ErrClosed, "Won"},
		"won, then lost":                     {steps{win, lose}, deal.ErrClosed, "Won"},
		"a closed deal does not move":        {steps{lose, move("New")}, deal.ErrClosed, "Lost"},
		"an open deal is not reopened":       {steps{reopen}, deal.ErrOpen, "New"},
		"reopened to where it came from":     {steps{move("Proposal"), win, reopen}, nil, "Proposal"},
		"reopened, it moves":                 {steps{lose, reopen, move("Information")}, nil, "Information"},
		"nothing happens to it in the bin":   {steps{remove, move("Proposal")}, deal.ErrDeleted, "New"},
		"nor is it won there":                {steps{remove, win}, deal.ErrDeleted, "New"},
		"a closed one is not reopened there": {steps{win, remove, reopen}, deal.ErrDeleted, "Won"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, _, err := deal.New(deal.Draft{Name: "x"}, deal.Making{ID: "d", Pipeline: p, Pricing: deal.Pricing{NewID: counter()}}, env())
			require.NoError(t, err)
			for _, s := range c.steps {
				err = s(d)
			}
			require.ErrorIs(t, err, c.want)
			require.Equal(t, stage(c.at), d.StageID)
		})
	}
}

// DEAL-9: a reason is required; the pipeline's own are found by their words too.
func TestLostReasons(t *testing.T) {
	t.Parallel()
	p := sales()
	for name, c := range map[string]struct {
		id, text         string
		want             error
		wantID, wantText string
	}{
		"none":                {"", " ", deal.ErrReasonRequired, "", ""},
		"of the pipeline":     {p.LostReasons[1].ID, "", nil, p.LostReasons[1].ID, "Competitor"},
		"with more words":     {p.LostReasons[1].ID, "Acme was cheaper", nil, p.LostReasons[1].ID, "Acme was cheaper"},
		"in words":            {"", "they moved away", nil, "", "they moved away"},
		"in the list's words": {"", "no NEED", nil, p.LostReasons[2].ID, "no NEED"},
		"of somebody else":    {"x", "", deal.ErrReasonNotFound, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := made(t, deal.Draft{})
			_, err := d.Lose(p, "", c.id, c.text, env())
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.wantID, d.LostReasonID)
			require.Equal(t, c.wantText, d.LostReason)
		})
	}
}

// DEAL-4: how long it was in the stage it left is known if both ends are.
func TestTimeInStage(t *testing.T) {
	t.Parallel()
	p := sales()
	d := made(t, deal.Draft{})
	later := env()
	later.Now, later.At = noon.Add(48*time.Hour), noon.Add(48*time.Hour)
	evs, err := d.Move(p, p.Stages[1].ID, later)
	require.NoError(t, err)
	require.Equal(t, 48*time.Hour, *evs[0].(deal.Moved).Change.InStage)

	unknown := env()
	unknown.At = time.Time{}
	d, _, err = deal.New(deal.Draft{Name: "imported"}, making(), unknown)
	require.NoError(t, err)
	require.True(t, d.BegunAt.IsZero())
	evs, err = d.Move(p, p.Stages[1].ID, later)
	require.NoError(t, err)
	require.Nil(t, evs[0].(deal.Moved).Change.InStage)
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	today := deal.Day(noon, time.UTC)
	for name, c := range map[string]struct {
		state deal.State
		day   time.Time
		want  bool
	}{
		"no day":              {pipeline.Open, time.Time{}, false},
		"today":               {pipeline.Open, today, false},
		"yesterday":           {pipeline.Open, today.AddDate(0, 0, -1), true},
		"yesterday, but won":  {pipeline.Won, today.AddDate(0, 0, -1), false},
		"tomorrow, still won": {pipeline.Won, today.AddDate(0, 0, 1), false},
	} {
		d := deal.Deal{State: c.state, PlannedClose: c.day}
		require.Equal(t, c.want, d.Overdue(today), name)
	}
}

// A new field that Update can change is compared by same, or its change would be lost.
func TestEveryFieldChanges(t *testing.T) {
	t.Parallel()
	in := deal.Draft{
		Name: "other", Amount: cash("EUR", "7"), AmountSource: deal.ByHand, ResponsibleID: "r", ObserverIDs: []string{"o"},
		Type: "service", Probability: percent(77), PlannedClose: noon, CompanyID: "c", ContactID: "p",
		Parties: []deal.Party{{Kind: "company", ID: "x"}}, Source: "fair", Comment: "!", AvailableToEveryone: true,
		Lines:       []deal.LineInput{{Line: deal.Line{Name: "x", Quantity: dec("1"), Price: dec("2")}}},
		ExternalIDs: []deal.ExternalID{{Source: "s", ID: "1"}}, LostReason: "price", LostReasonID: sales().LostReasons[1].ID,
		Custom: customfields.Values{"area": "1"},
	}
	for _, f := range deal.Fields() {
		d := made(t, deal.Draft{})
		if f == deal.FieldLostReason || f == deal.FieldLostReasonID {
			_, err := d.Lose(sales(), "", "", "no idea", env())
			require.NoError(t, err)
		}
		evs, err := d.Update(in, []string{f}, sales(), deal.Pricing{NewID: counter()}, env())
		require.NoError(t, err, f)
		require.Len(t, evs, 1, f)
	}
}
