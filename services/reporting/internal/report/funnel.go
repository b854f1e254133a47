package report

import (
	"context"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// funnel see [definitions].
//
// A deal has reached a stage when it stands in it or in a later one, has been in one, or is won. Conversion is of those
// who reached a stage how many reached the next; a lost deal counts as far as it came.
func (x *run) funnel(ctx context.Context) error {
	if err := x.onePipeline(ctx); err != nil {
		return err
	}
	stages, err := x.Store.Stages(ctx, x.Organization, x.sel.PipelineID)
	if err != nil {
		return err
	}
	f := &funnel{standing: map[string]StageCount{}, reached: map[string]int64{}}
	counts, err := x.Store.StageCounts(ctx, x.sel)
	if err != nil {
		return err
	}
	for _, c := range counts {
		f.standing[c.StageID] = c
		f.deals += c.Deals
		f.unconverted += c.Unconverted
	}
	// Stages taken out of the pipeline are shown while deals stand in them.
	f.stages = slices.DeleteFunc(stages, func(s Stage) bool { return s.Retired && f.standing[s.ID].Deals == 0 })
	if err := x.reach(ctx, f); err != nil {
		return err
	}
	seconds, err := x.Store.TimeInStage(ctx, x.sel)
	if err != nil {
		return err
	}
	x.report.Columns = []Column{
		{"stage", "Stage", RefColumn},
		{"deals", "Deals", Number},
		{"share", "Share", Percent},
		{"amount", "Sum", Money},
		{"reached", "Came this far", Number},
		{"to_next", "To next", Percent},
		{"to_won", "To won", Percent},
		{"time_in_stage", "Time in stage", Duration},
	}
	for i, st := range f.stages {
		x.report.Rows = append(x.report.Rows, x.funnelRow(f, i, st, seconds))
	}
	x.funnelTotals(f)
	return x.lostBy(ctx, f.stages)
}

type funnel struct {
	stages      []Stage
	standing    map[string]StageCount
	deals       int64
	unconverted int64
	reached     map[string]int64
	won         int64
}

// onePipeline takes the only pipeline where none is named.
func (x *run) onePipeline(ctx context.Context) error {
	if x.sel.PipelineID != "" {
		return nil
	}
	all, err := x.Store.Pipelines(ctx, x.Organization)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return ErrNoPipeline
	}
	if len(all) > 1 {
		return ErrWhich
	}
	for id := range all {
		x.sel.PipelineID, x.PipelineID = id, id
	}
	return nil
}

// reach counts from the far end: who came to a stage came to all before it.
func (x *run) reach(ctx context.Context, f *funnel) error {
	furthest, err := x.Store.Reached(ctx, x.sel)
	if err != nil {
		return err
	}
	at := map[string]int64{}
	for _, r := range furthest {
		at[r.StageID] += r.Deals
	}
	for _, st := range f.stages {
		if st.Kind == StageWon {
			f.won += f.standing[st.ID].Deals
		}
	}
	sum := f.won
	for _, st := range slices.Backward(f.stages) {
		if st.Kind == StageOpen {
			sum += at[st.ID]
			f.reached[st.ID] = sum
		}
	}
	return nil
}

func (x *run) funnelRow(f *funnel, i int, st Stage, seconds map[string]float64) []Cell {
	c := f.standing[st.ID]
	state := isOpen
	switch st.Kind {
	case StageWon:
		state = isWon
	case StageLost:
		state = isLost
	case StageOpen:
	}
	behind := x.filter(equals("stage_id", st.ID), x.period(state))
	row := []Cell{
		ref("stage", st.ID, st.Name), count(c.Deals).behind(behind), share(c.Deals, f.deals).behind(behind),
		amount(x.base, c.Sum).behind(behind),
		{},
		{},
		{},
		{},
	}
	if st.Kind != StageOpen {
		return row
	}
	reached, won := f.reached[st.ID], x.filter(isWon, x.period(isWon))
	next, onward := f.won, won
	for j, later := range f.stages[i+1:] {
		if later.Kind == StageOpen {
			next, onward = f.reached[later.ID], x.filter(x.reachedFilter(f, i+1+j), x.worked())
			break
		}
	}
	row[4] = count(reached).behind(x.filter(x.reachedFilter(f, i), x.worked()))
	row[5], row[6] = share(next, reached).behind(onward), share(f.won, reached).behind(won)
	if s, ok := seconds[st.ID]; ok {
		row[7] = number(s)
	}
	return row
}

// reachedFilter finds the deals that came to an open stage or further: won ones, and those that are or were in the stage
// or in a later open one.
func (x *run) reachedFilter(f *funnel, i int) string {
	parts := []string{isWon}
	for _, st := range f.stages[i:] {
		if st.Kind == StageOpen {
			parts = append(parts, equals("visited_stage_id", st.ID))
		}
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// funnelTotals adds a row for each currency.
func (x *run) funnelTotals(f *funnel) {
	sums := map[string]decimal.Decimal{}
	for _, c := range f.standing {
		for currency, sum := range c.ByCurrency {
			sums[currency] = sums[currency].Add(sum)
		}
	}
	currencies := make([]string, 0, len(sums))
	for c := range sums {
		currencies = append(currencies, c)
	}
	slices.Sort(currencies)
	for _, c := range currencies {
		behind := x.filter(equals("currency", c), x.worked())
		x.report.Totals = append(x.report.Totals, []Cell{text(c), {}, {}, amount(c, sums[c]).behind(behind), {}, {}, {}, {}})
	}
	if len(x.report.Totals) == 1 {
		x.report.Totals[0][1] = count(f.deals).behind(x.filter(x.worked()))
	}
	x.note(f.unconverted)
}

// lostBy is the table of deals lost, by stage and reason.
func (x *run) lostBy(ctx context.Context, stages []Stage) error {
	s := x.sel
	s.Only = LostOnly
	lost, err := x.Store.LostBy(ctx, s)
	if err != nil {
		return err
	}
	t := &Table{Title: "Lost by stage and reason", Columns: []Column{
		{"stage", "Lost from", RefColumn}, {"reason", "Reason", Text}, {"deals", "Deals", Number}, {"amount", "Sum", Money},
	}}
	for _, l := range lost {
		stage := Cell{}
		if i := slices.IndexFunc(stages, func(s Stage) bool { return s.ID == l.StageID }); i >= 0 {
			stage = ref("stage", l.StageID, stages[i].Name)
		}
		where := ""
		if l.StageID != "" {
			where = equals("lost_stage_id", l.StageID)
		}
		behind := x.filter(where, equals("lost_reason", l.Reason), isLost, x.period(isLost))
		t.Rows = append(t.Rows, []Cell{stage, text(l.Reason), count(l.Deals).behind(behind), amount(x.base, l.Sum).behind(behind)})
	}
	x.report.Breakdown = t
	return nil
}
