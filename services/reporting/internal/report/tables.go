package report

import (
	"context"
	"time"
)

// byEmployee see [definitions].
func (x *run) byEmployee(ctx context.Context) error { return x.volume(ctx, x.GroupBy, "Employee") }

// byCompany see [definitions].
func (x *run) byCompany(ctx context.Context) error { return x.volume(ctx, "company", "Company") }

// volume is deals worked, won and lost by group. Worked are deals that were open at some time within the period.
func (x *run) volume(ctx context.Context, groupBy, title string) error {
	if groupBy == "department" || groupBy == "top-department" {
		title = "Department"
	}
	x.report.Columns = []Column{
		{groupBy, title, RefColumn},
		{"worked", "Worked", Number},
		{"open", "Open", Number},
		{"won", "Won", Number},
		{"lost", "Lost", Number},
		{"win_share", "Won of closed", Percent},
		{"won_income", "Income", Money},
		{"open_amount", "Open sum", Money},
	}
	parts, err := x.parts(ctx, x.sel, groupBy)
	if err != nil {
		return err
	}
	row := func(label Cell, g Group, currency, where string) []Cell {
		return []Cell{
			label,
			count(g.Deals).behind(x.filter(where, x.worked())),
			count(g.Open).behind(x.filter(where, isOpen, x.period(isOpen))),
			count(g.Won).behind(x.filter(where, isWon, x.period(isWon))),
			count(g.Lost).behind(x.filter(where, isLost, x.period(isLost))),
			share(g.Won, g.Won+g.Lost).behind(x.filter(where, isWon, x.period(isWon))),
			amount(currency, g.WonSum).behind(x.filter(where, isWon, x.period(isWon))),
			amount(currency, g.OpenSum).behind(x.filter(where, isOpen, x.period(isOpen))),
		}
	}
	for _, p := range parts {
		x.report.Rows = append(x.report.Rows, row(p.label, p.group, x.base, p.where))
	}
	return x.totals(ctx, x.sel, func(g Group, currency string) []Cell {
		return row(text(currency), g, currency, equals("currency", currency))
	})
}

// worked is the filter for deals of either state within the period.
func (x *run) worked() string {
	p := x.period(isWon)
	if p == "" || x.Mode == Cohort {
		return p
	}
	return "(" + isOpen + " OR (" + p + "))"
}

// wonDeals see [definitions].
func (x *run) wonDeals(ctx context.Context) error {
	s := x.sel
	s.Only = WonOnly
	if x.GroupBy == "deal" {
		return x.list(ctx, s, "close_date", "Closed", isWon, func(d Deal) *time.Time { return d.ClosedAt })
	}
	return x.sums(ctx, s, isWon, "income", "Income", func(g Group, currency string) Cell { return amount(currency, g.WonSum) })
}

// overdueDeals see [definitions].
func (x *run) overdueDeals(ctx context.Context) error {
	s := x.sel
	s.Only, s.Mode = Overdue, Snapshot
	now := x.Now().In(s.Location)
	s.From, s.To = time.Time{}, startOf(now, s.Location)
	overdue := isOpen + ` AND planned_close_date < "` + now.Format(time.DateOnly) + `"`
	if x.GroupBy == "deal" {
		return x.list(ctx, s, "planned_close_date", "Planned", overdue, func(d Deal) *time.Time { return d.Planned })
	}
	return x.sums(ctx, s, overdue, "amount", "Sum", func(g Group, currency string) Cell { return amount(currency, g.OpenSum) })
}

// sums is one count and one sum by group.
func (x *run) sums(ctx context.Context, s Selection, state, name, title string, sum func(Group, string) Cell) error {
	parts, err := x.parts(ctx, s, x.GroupBy)
	if err != nil {
		return err
	}
	x.report.Columns = []Column{
		groupColumn(x.GroupBy), {"deals", "Deals", Number}, {name, title, Money},
	}
	row := func(label Cell, g Group, currency, where string) []Cell {
		behind := x.filter(where, state, x.period(state))
		return []Cell{label, count(g.Deals).behind(behind), sum(g, currency).behind(behind)}
	}
	for _, p := range parts {
		x.report.Rows = append(x.report.Rows, row(p.label, p.group, x.base, p.where))
	}
	return x.totals(ctx, s, func(g Group, currency string) []Cell {
		return row(text(currency), g, currency, equals("currency", currency))
	})
}

// list is one row for each deal.
func (x *run) list(ctx context.Context, s Selection, dayName, dayTitle, state string, day func(Deal) *time.Time) error {
	deals, err := x.Store.Deals(ctx, s, maxRows)
	if err != nil {
		return err
	}
	x.report.Columns = []Column{
		{"deal", "Deal", RefColumn},
		{"company", "Company", RefColumn},
		{"employee", "Employee", RefColumn},
		{dayName, dayTitle, Date},
		{"amount", "Amount", Money},
		{"base_amount", "In " + x.base, Money},
	}
	groups := make([]Group, len(deals))
	for i, d := range deals {
		groups[i].Key = d.CompanyID
	}
	companies, err := x.names(ctx, "company", groups)
	if err != nil {
		return err
	}
	for _, d := range deals {
		when, company, base := Cell{}, Cell{}, Cell{}
		if t := day(d); t != nil {
			when = text(t.Format(time.DateOnly))
		}
		if d.CompanyID != "" {
			company = ref("company", d.CompanyID, companies[d.CompanyID])
		}
		if d.BaseAmount != nil {
			base = amount(x.base, *d.BaseAmount)
		}
		x.report.Rows = append(x.report.Rows, []Cell{
			ref("deal", d.ID, d.Name), company, ref("user", d.ResponsibleID, x.userName(d.ResponsibleID)),
			when, amount(d.Amount.Currency, d.Amount.Amount), base,
		})
	}
	return x.totals(ctx, s, func(g Group, currency string) []Cell {
		sum := g.OpenSum.Add(g.WonSum).Add(g.LostSum)
		behind := x.filter(equals("currency", currency), state, x.period(state))
		return []Cell{text(currency), {}, count(g.Deals).behind(behind), {}, amount(currency, sum).behind(behind), {}}
	})
}

// expectedSales see [definitions].
func (x *run) expectedSales(ctx context.Context) error {
	s := x.sel
	s.Only, s.Mode = Expected, Snapshot
	parts, err := x.parts(ctx, s, x.GroupBy)
	if err != nil {
		return err
	}
	x.report.Columns = []Column{
		groupColumn(x.GroupBy), {"deals", "Deals", Number}, {"amount", "Sum", Money}, {"weighted", "Weighted", Money},
	}
	row := func(label Cell, g Group, currency, where string) []Cell {
		behind := x.filter(where, isOpen, days("planned_close_date", s.From, s.To))
		return []Cell{
			label, count(g.Deals).behind(behind), amount(currency, g.OpenSum).behind(behind), amount(currency, g.Weighted).behind(behind),
		}
	}
	for _, p := range parts {
		x.report.Rows = append(x.report.Rows, row(p.label, p.group, x.base, p.where))
	}
	return x.totals(ctx, s, func(g Group, currency string) []Cell {
		return row(text(currency), g, currency, equals("currency", currency))
	})
}

// days is the period over a field that holds days.
func days(field string, from, to time.Time) string {
	switch {
	case from.IsZero() && to.IsZero():
		return ""
	case from.IsZero():
		return field + ` < "` + to.Format(time.DateOnly) + `"`
	case to.IsZero():
		return field + ` >= "` + from.Format(time.DateOnly) + `"`
	}
	return field + ` >= "` + from.Format(time.DateOnly) + `" AND ` + field + ` < "` + to.Format(time.DateOnly) + `"`
}

// incomeByProduct see [definitions]. What a deal brought in is shared out over its lines as their totals are; deals
// without lines have a row of their own, so that the sum is that of the won deals.
func (x *run) incomeByProduct(ctx context.Context) error {
	s := x.sel
	s.Only = WonOnly
	by, kind, field, none := ByProduct, "product", "product_id", "(no product)"
	if x.GroupBy == "section" {
		by, kind, field, none = BySection, "section", "", "(no section)"
	}
	parts, err := x.byRecord(ctx, s, by, kind, field, none)
	if err != nil {
		return err
	}
	x.report.Columns = []Column{
		groupColumn(kind), {"deals", "Deals", Number}, {"quantity", "Quantity", Number}, {"income", "Income", Money},
	}
	for _, p := range parts {
		where := p.where // of no product: product_id = ""
		if kind == "section" {
			if where, err = x.inSection(ctx, s, p.group.Key); err != nil {
				return err
			}
		}
		row := []Cell{
			p.label, count(p.group.Deals), number(p.group.Quantity.InexactFloat64()), amount(x.base, p.group.WonSum),
		}
		for i := 1; i < len(row) && where != ""; i++ {
			row[i] = row[i].behind(x.filter(where, isWon, x.period(isWon)))
		}
		x.report.Rows = append(x.report.Rows, row)
	}
	return x.totals(ctx, s, func(g Group, currency string) []Cell {
		behind := x.filter(equals("currency", currency), isWon, x.period(isWon))
		return []Cell{text(currency), count(g.Deals).behind(behind), {}, amount(currency, g.WonSum).behind(behind)}
	})
}

// maxNamed is how many products a filter names; a longer one would be refused by the list.
const maxNamed = 350

// inSection finds the deals with a product of a section; for no section those with a product of none, with a line of no
// product, or without lines. It is "" where the products are too many to be named.
func (x *run) inSection(ctx context.Context, s Selection, section string) (string, error) {
	products, err := x.Store.ProductsOf(ctx, s, section, maxNamed+1)
	if err != nil || len(products) > maxNamed {
		return "", err
	}
	if section == "" {
		products = append(products, "") // product_id = "": of no product
	}
	return anyOf("product_id", products), nil
}

// openByStage see [definitions]. It is the open part of the snapshot funnel, from the same numbers.
func (x *run) openByStage(ctx context.Context) error {
	s := x.sel
	s.Only, s.Mode, s.From, s.To = OpenOnly, Snapshot, time.Time{}, time.Time{}
	counts, err := x.Store.StageCounts(ctx, s)
	if err != nil {
		return err
	}
	stages, err := x.Store.Stages(ctx, x.Organization, x.PipelineID)
	if err != nil {
		return err
	}
	x.report.Columns = []Column{
		{"stage", "Stage", RefColumn}, {"deals", "Deals", Number}, {"share", "Share", Percent}, {"amount", "Sum", Money},
	}
	var all int64
	of := map[string]StageCount{}
	for _, c := range counts {
		of[c.StageID] = c
	}
	for _, st := range stages {
		if st.Kind == StageOpen {
			all += of[st.ID].Deals
		}
	}
	for _, st := range stages {
		c := of[st.ID]
		if st.Kind != StageOpen || st.Retired && c.Deals == 0 {
			continue
		}
		behind := x.filter(equals("stage_id", st.ID), isOpen)
		x.report.Rows = append(x.report.Rows, []Cell{
			ref("stage", st.ID, st.Name), count(c.Deals).behind(behind), share(c.Deals, all).behind(behind), amount(x.base, c.Sum).behind(behind),
		})
	}
	return x.totals(ctx, s, func(g Group, currency string) []Cell {
		behind := x.filter(equals("currency", currency), isOpen)
		return []Cell{text(currency), count(g.Deals).behind(behind), {}, amount(currency, g.OpenSum).behind(behind)}
	})
}

// groupColumn is the first column of a report grouped so.
func groupColumn(groupBy string) Column {
	switch groupBy {
	case "employee":
		return Column{"employee", "Employee", RefColumn}
	case "department", "top-department":
		return Column{groupBy, "Department", RefColumn}
	case "company":
		return Column{"company", "Company", RefColumn}
	case "stage":
		return Column{"stage", "Stage", RefColumn}
	case "product":
		return Column{"product", "Product", RefColumn}
	case "section":
		return Column{"section", "Section", RefColumn}
	case "type":
		return Column{"type", "Type", Text}
	case "probability":
		return Column{"probability", "Probability", Text}
	default:
		return Column{"month", "Month", Text}
	}
}
