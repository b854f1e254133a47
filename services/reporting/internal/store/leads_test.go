package store_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/id"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	"kontor.internal/services/reporting/internal/report"
	"kontor.internal/services/reporting/internal/views"
)

// leadWorld is an organisation with statuses of leads and a way to ask for the report.
type leadWorld struct {
	*bundle

	statuses []views.LeadStatus // new, open, converted, junk, and one out of use
	runner   *report.Runner
}

func leadSetup(t *testing.T) *leadWorld {
	t.Helper()
	b := setup(t)
	w := &leadWorld{bundle: b, statuses: []views.LeadStatus{
		{ID: id.New(), Name: "New", Kind: 1},
		{ID: id.New(), Name: "In work", Kind: 2},
		{ID: id.New(), Name: "Converted", Kind: 3},
		{ID: id.New(), Name: "Junk", Kind: 4},
		{ID: id.New(), Name: "Old", Kind: 2, Retired: true},
	}}
	b.put(t, func(ctx context.Context, tx pgx.Tx) error {
		return views.PutLeadStatuses(ctx, tx, b.org, 2, w.statuses)
	})
	stale := []views.LeadStatus{{ID: w.statuses[0].ID, Name: "Renamed since", Kind: 1}}
	b.put(t, func(ctx context.Context, tx pgx.Tx) error { return views.PutLeadStatuses(ctx, tx, b.org, 1, stale) })
	dir := authz.NewDirectory()
	dir.Apply(&accessv1.DirectoryEntry{OrganizationId: b.org, Version: 1, Entry: &accessv1.DirectoryEntry_Organization{
		Organization: &accessv1.DirectoryOrganization{Id: b.org, Name: "Org", TimeZone: "America/New_York", BaseCurrency: "EUR"},
	}})
	w.runner = &report.Runner{Store: b.Store, Directory: dir, Now: b.Now}
	return w
}

func (w *leadWorld) lead(t *testing.T, target views.Target, l views.Lead) {
	t.Helper()
	w.put(t, func(ctx context.Context, tx pgx.Tx) error { return views.PutLead(ctx, tx, w.org, target, &l) })
}

func (w *leadWorld) run(t *testing.T, q report.Query) *report.Report {
	t.Helper()
	q.Organization, q.UserID, q.Report = w.org, w.anna, "lead-funnel"
	r, err := w.runner.Run(t.Context(), q)
	require.NoError(t, err)
	return r
}

// figures are the numbers of a table by the name of the row, columns from to to.
func figures(rows [][]report.Cell, from, to int) map[string][]float64 {
	out := map[string][]float64{}
	for _, row := range rows {
		var ns []float64
		for _, c := range row[from:to] {
			n := -1.0
			if c.Number != nil {
				n = *c.Number
			}
			ns = append(ns, n)
		}
		name := ""
		if row[0].Ref != nil {
			name = row[0].Ref.ID
		} else if row[0].Text != nil {
			name = *row[0].Text
		}
		out[name] = ns
	}
	return out
}

// REP-2: the funnel of leads says what a plain count over the leads' ways says, whatever happened and in whatever order it
// was heard of.
func TestLeadFunnelEqualsPlainCount(t *testing.T) {
	w := leadSetup(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	type plain struct {
		way     []int // statuses, in order
		source  string
		user    string
		month   string
		deleted bool
	}
	var leads []plain
	var events []views.Lead
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	for range 80 {
		p := plain{
			source: []string{"form", "fair", ""}[rnd.IntN(3)], user: []string{w.anna, w.bert}[rnd.IntN(2)], deleted: rnd.IntN(10) == 0,
		}
		made := time.Date(2026, time.Month(1+rnd.IntN(3)), 1, rnd.IntN(24), 0, 0, 0, time.UTC) // around midnight of the zone, too
		p.month = made.In(zone).Format("2006-01")
		lead, at := id.New(), made
		for v := range 1 + rnd.IntN(4) {
			status := 0
			if v > 0 {
				status = rnd.IntN(4)
				at = at.Add(time.Hour)
			}
			p.way = append(p.way, status)
			entered := at
			events = append(events, views.Lead{
				ID: lead, Version: int64(v + 1), StatusID: w.statuses[status].ID, ResponsibleID: &p.user, Source: p.source, CreatedAt: made,
				EnteredAt: &entered,
			})
		}
		if p.deleted {
			last := events[len(events)-1]
			last.Version, last.Deleted, last.EnteredAt = last.Version+1, true, nil
			events = append(events, last)
		}
		leads = append(leads, p)
	}
	events = append(events, events[:40]...) // some twice
	rnd.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for _, e := range events {
		w.lead(t, views.Live, e)
	}

	standing, reached := [4]float64{}, [2]float64{}
	var all, inNew, leftNew float64
	groups := map[string]map[string][]float64{"source": {}, "employee": {}, "month": {}}
	for _, p := range leads {
		if p.deleted {
			continue
		}
		all++
		now, far := p.way[len(p.way)-1], 0
		standing[now]++
		for i, s := range p.way {
			if s == 1 || now == 2 {
				far = 1
			}
			if s == 0 && i+1 < len(p.way) {
				leftNew++
				inNew += 3600
			}
		}
		for i := range far + 1 {
			reached[i]++
		}
		source := p.source
		if source == "" {
			source = "(no source)"
		}
		for by, key := range map[string]string{"source": source, "employee": p.user, "month": p.month} {
			if groups[by][key] == nil {
				groups[by][key] = make([]float64, 4)
			}
			g := groups[by][key]
			g[0]++
			g[[]int{1, 1, 2, 3}[now]]++
		}
	}

	r := w.run(t, report.Query{LeadScope: authz.All()})
	require.Len(t, r.Rows, 4, "a status out of use is shown only while leads are in it")
	got := figures(r.Rows, 1, 7)
	for i, s := range w.statuses[:4] {
		require.InDelta(t, standing[i], got[s.ID][0], 0, s.Name)
		require.InDelta(t, 100*standing[i]/all, got[s.ID][1], 1e-9, s.Name)
	}
	first, second := got[w.statuses[0].ID], got[w.statuses[1].ID]
	require.InDelta(t, 100*reached[0]/all, first[2], 1e-9)
	require.InDelta(t, 100*reached[1]/reached[0], first[3], 1e-9)
	require.InDelta(t, 100*standing[2]/reached[0], first[4], 1e-9)
	require.InDelta(t, inNew/leftNew, first[5], 1e-6)
	require.InDelta(t, 100*standing[2]/reached[1], second[3], 1e-9, "from the last status of work to converted")
	require.InDelta(t, all, figures(r.Totals, 1, 2)[""][0], 0)
	for by, want := range groups {
		require.Equal(t, want, figures(w.run(t, report.Query{LeadScope: authz.All(), GroupBy: by}).Rows, 1, 5), by)
	}

	// A period is about when leads were made, in the organisation's days; the filter is that of the list of leads.
	march := w.run(t, report.Query{LeadScope: authz.All(), GroupBy: "month", From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
	require.Equal(t, map[string][]float64{"2026-03": groups["month"]["2026-03"]}, figures(march.Rows, 1, 5))
	filtered := w.run(t, report.Query{LeadScope: authz.All(), GroupBy: "employee", Filter: `responsible_id = "` + w.bert + `"`})
	require.Equal(t, map[string][]float64{w.bert: groups["employee"][w.bert]}, figures(filtered.Rows, 1, 5))
}

// REP-9, ID-6: whose leads one does not see are in no row and no total; observed ones are. REP-5: every number opens its rows.
func TestLeadFunnelShowsWhatTheListShows(t *testing.T) {
	w := leadSetup(t)
	for i, l := range []views.Lead{
		{ResponsibleID: &w.anna},
		{ResponsibleID: &w.bert},
		{ResponsibleID: &w.bert, ObserverIDs: []string{w.anna}},
		{ResponsibleID: &w.bert, AvailableToEveryone: true},
	} {
		at := w.now.Add(time.Duration(i) * time.Minute)
		l.ID, l.Version, l.StatusID, l.CreatedAt, l.EnteredAt, l.Source = id.New(), 1, w.statuses[0].ID, at, &at, "form"
		w.lead(t, views.Live, l)
	}
	for scope, want := range map[string]float64{"all": 4, "own": 3, "none": 0} {
		s := map[string]authz.Scope{"all": authz.All(), "own": authz.Of(w.anna), "none": authz.None()}[scope]
		for _, by := range []string{"status", "source", "employee", "department", "month"} {
			r := w.run(t, report.Query{LeadScope: s, GroupBy: by})
			sum := 0.0
			for _, row := range r.Rows {
				sum += *row[1].Number
				for i, c := range row[1:] {
					if c.Number != nil && r.Columns[i+1].Kind == report.Number {
						require.Equal(t, "lead", c.List, "%s: %s", by, r.Columns[i+1].Name)
					}
				}
			}
			require.InDelta(t, want, sum, 0, "%s by %s", scope, by)
			require.Equal(t, want > 0, len(r.Totals) == 1)
		}
	}
	r := w.run(t, report.Query{Scope: authz.All(), LeadScope: authz.None()})
	require.Empty(t, r.Totals, "who sees all deals does not see leads by that")
}

// REP-1: leads are rebuilt beside those that serve.
func TestLeadsAreRebuilt(t *testing.T) {
	w := leadSetup(t)
	lead := views.Lead{ID: id.New(), Version: 1, StatusID: w.statuses[0].ID, ResponsibleID: &w.anna, CreatedAt: w.now, EnteredAt: &w.now}
	wrong := lead
	wrong.ID = id.New() // what a bug has left behind
	w.lead(t, views.Live, lead)
	w.lead(t, views.Live, wrong)
	require.NoError(t, w.system.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := views.StartRebuild(ctx, tx, []string{"kontor.contacts/0"})
		return err
	}))
	w.lead(t, views.Replayed, lead)
	total := func() float64 { return *w.run(t, report.Query{LeadScope: authz.All()}).Totals[0][1].Number }
	require.InDelta(t, 2, total(), 0)
	require.NoError(t, w.system.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return views.EndReplay(ctx, tx, "kontor.contacts/0")
	}))
	require.InDelta(t, 1, total(), 0)
}
