package report

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Runner answers queries.
type Runner struct {
	Store     Store
	Directory Directory
	Now       func() time.Time
}

// maxRows is how many rows a report shows; totals are of all.
const maxRows = 1000

// leadFunnelName is the name of the one report that is about leads.
const leadFunnelName = "lead-funnel"

// definition is a report and what answers it.
type definition struct {
	Info

	run func(*run, context.Context) error
}

func definitions() []definition {
	return []definition{
		{Info{"funnel", "Funnel", "Where deals stand, and how many come from each stage to the next.", nil}, (*run).funnel},
		{Info{
			leadFunnelName, "Lead funnel", "Where leads stand, and how many of them are converted.",
			[]string{"status", "source", "employee", "department", "month"},
		}, (*run).leadFunnel},
		{Info{
			"deals-by-employee", "Deals by employee", "Deals worked, won and lost, and the income won.",
			[]string{"employee", "department", "top-department"},
		}, (*run).byEmployee},
		{
			Info{"deals-by-company", "Deals by company", "Deals worked, won and lost with each company, and the income won.", nil},
			(*run).byCompany,
		},
		{
			Info{"won-deals", "Won deals", "Deals won in the period.", []string{"deal", "month", "employee", "department", "company"}},
			(*run).wonDeals,
		},
		{Info{
			"overdue-deals", "Overdue deals", "Open deals whose planned day of closing has passed.",
			[]string{"deal", "employee", "department", "stage"},
		}, (*run).overdueDeals},
		{Info{
			"expected-sales", "Expected sales", "What open deals may bring in, and the same weighted by their probability.",
			[]string{"employee", "department", "company", "type", "probability", "month"},
		}, (*run).expectedSales},
		{Info{"open-deals-by-stage", "Open deals by stage", "Open deals and their sums by stage.", nil}, (*run).openByStage},
		{
			Info{"income-by-product", "Income by product", "What won deals brought in, by product.", []string{"product", "section"}},
			(*run).incomeByProduct,
		},
	}
}

// List tells which reports there are, in the order to show them.
func List() []Info {
	var out []Info
	for _, d := range definitions() {
		out = append(out, d.Info)
	}
	return out
}

// run is one query on its way to its answer.
type run struct {
	*Runner
	Query

	base   string // base currency
	sel    Selection
	report *Report
}

// Run answers a query. It returns ErrNoReport, ErrGroupBy, ErrPeriod, ErrNoPipeline, ErrWhich, or what the filter's
// compiler says.
func (r *Runner) Run(ctx context.Context, q Query) (*Report, error) {
	i := slices.IndexFunc(definitions(), func(d definition) bool { return d.Name == q.Report })
	if i < 0 {
		return nil, ErrNoReport
	}
	d := definitions()[i]
	switch {
	case q.GroupBy == "" && len(d.GroupBy) > 0:
		q.GroupBy = d.GroupBy[0]
	case q.GroupBy != "" && !slices.Contains(d.GroupBy, q.GroupBy):
		return nil, ErrGroupBy.WithField("group_by", fmt.Sprintf("one of %v", d.GroupBy))
	}
	org, _ := r.Directory.Organization(q.Organization)
	x := &run{Runner: r, Query: q, base: org.BaseCurrency, report: &Report{Name: q.Report}}
	x.sel = Selection{
		Organization: q.Organization, Scope: q.Scope, UserID: q.UserID, BaseCurrency: org.BaseCurrency, PipelineID: q.PipelineID, Filter: q.Filter, Mode: q.Mode,
		Location: org.Location(), From: startOf(q.From, org.Location()),
	}
	if !q.To.IsZero() {
		x.sel.To = startOf(q.To.AddDate(0, 0, 1), org.Location())
	}
	if !x.sel.From.IsZero() && !x.sel.To.IsZero() && !x.sel.From.Before(x.sel.To) {
		return nil, ErrPeriod
	}
	var err error
	// Read before the numbers, so that it never claims more than they hold.
	if x.report.Freshness, err = r.Store.Freshness(ctx); err != nil {
		return nil, err
	}
	if q.PipelineID != "" {
		if err := x.pipelineExists(ctx); err != nil {
			return nil, err
		}
	}
	if err := d.run(x, ctx); err != nil {
		return nil, err
	}
	if q.Mode == Cohort && q.Report != leadFunnelName { // leads begin on a known day
		if x.report.WithoutDate, err = r.Store.WithoutDate(ctx, x.sel); err != nil {
			return nil, err
		}
	}
	return x.report, nil
}

func (x *run) pipelineExists(ctx context.Context) error {
	all, err := x.Store.Pipelines(ctx, x.Organization)
	if err != nil {
		return err
	}
	if _, ok := all[x.PipelineID]; !ok {
		return ErrNoPipeline
	}
	return nil
}

// startOf is the instant at which the day begins in loc; zero for the zero day.
func startOf(day time.Time, loc *time.Location) time.Time {
	if day.IsZero() {
		return day
	}
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, loc)
}

// totals adds a row for each currency and says what the base currency leaves out. cells makes the row.
func (x *run) totals(ctx context.Context, s Selection, cells func(g Group, currency string) []Cell) error {
	groups, err := x.Store.Groups(ctx, s, ByCurrency, maxRows)
	if err != nil {
		return err
	}
	var unconverted int64
	for _, g := range groups {
		x.report.Totals = append(x.report.Totals, cells(g, g.Key))
		unconverted += g.Unconverted
	}
	x.note(unconverted)
	return nil
}

func (x *run) note(unconverted int64) {
	x.report.Note = "Sums are in " + x.base + ", at the rate of the day each deal's amount last changed; totals are per currency."
	if unconverted > 0 {
		x.report.Note += fmt.Sprintf(" %d deals have no rate to %s and are in no sum.", unconverted, x.base)
	}
}
