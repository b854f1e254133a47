package report

import (
	"context"
	"slices"
	"strings"
)

// LeadKind is what a status of leads means.
type LeadKind int

// Kinds of statuses, as in the facts.
const (
	LeadNew       LeadKind = 1
	LeadOpen      LeadKind = 2
	LeadConverted LeadKind = 3
	LeadJunk      LeadKind = 4
)

// LeadStatus is a status of leads, in its place.
type LeadStatus struct {
	ID, Name string
	Kind     LeadKind
	Retired  bool
}

// working reports whether leads are still being worked on in the status.
func (s LeadStatus) working() bool { return s.Kind == LeadNew || s.Kind == LeadOpen }

// LeadBy is what leads are grouped by in the store.
type LeadBy int

// What the store can group leads by.
const (
	LeadsByStatus LeadBy = iota
	LeadsBySource
	LeadsByResponsible
	// LeadsByMonth is by the month that they were made in.
	LeadsByMonth
)

// LeadGroup is leads of one key: those in work, those converted and those that were junk.
type LeadGroup struct {
	Key                          string
	Leads, Open, Converted, Junk int64
}

func (g *LeadGroup) add(o LeadGroup) {
	g.Leads += o.Leads
	g.Open += o.Open
	g.Converted += o.Converted
	g.Junk += o.Junk
}

// behindLeads says which leads are behind a number.
func (c Cell) behindLeads(filter string) Cell {
	c.List, c.Filter = "lead", filter
	return c
}

// leadFilter joins conditions with the query's own and the period's.
func (x *run) leadFilter(conditions ...string) string {
	all := []string{within("create_time", x.sel.From, x.sel.To)}
	if strings.TrimSpace(x.Filter) != "" {
		all = append(all, "("+x.Filter+")")
	}
	all = append(all, conditions...)
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), " AND ")
}

// leadFunnel see [definitions]. A lead begins on the day it is made, which is always known; so a period means leads made in
// it, in either mode. A lead has reached a status when it stands in it or a later one, has been in one, or is converted.
func (x *run) leadFunnel(ctx context.Context) error {
	x.sel.Scope = x.LeadScope
	statuses, err := x.Store.LeadStatuses(ctx, x.Organization)
	if err != nil {
		return err
	}
	l := &leadRun{run: x, statuses: statuses}
	if x.GroupBy == "status" {
		return l.byStatus(ctx)
	}
	return l.grouped(ctx)
}

// leadRun is a query about leads on its way to its answer.
type leadRun struct {
	*run

	statuses []LeadStatus
}

// of finds the leads in statuses of some kinds.
func (l *leadRun) of(kinds ...LeadKind) string {
	var ids []string
	for _, s := range l.statuses {
		if slices.Contains(kinds, s.Kind) {
			ids = append(ids, s.ID)
		}
	}
	return anyOf("status_id", ids)
}

func (l *leadRun) byStatus(ctx context.Context) error {
	groups, err := l.Store.LeadGroups(ctx, l.sel, LeadsByStatus, maxRows)
	if err != nil {
		return err
	}
	furthest, err := l.Store.LeadsReached(ctx, l.sel)
	if err != nil {
		return err
	}
	seconds, err := l.Store.LeadTimeInStatus(ctx, l.sel)
	if err != nil {
		return err
	}
	standing, all := map[string]int64{}, LeadGroup{}
	for _, g := range groups {
		standing[g.Key] = g.Leads
		all.add(g)
	}
	l.statuses = slices.DeleteFunc(l.statuses, func(s LeadStatus) bool { return s.Retired && standing[s.ID] == 0 })
	reached, sum := make([]int64, len(l.statuses)), all.Converted
	for i, s := range slices.Backward(l.statuses) {
		if s.working() {
			sum += furthest[s.ID]
		}
		reached[i] = sum
	}
	l.report.Columns = []Column{
		{"status", "Status", RefColumn},
		{"leads", "Leads", Number},
		{"share", "Share", Percent},
		{"reached_share", "Came this far", Percent},
		{"to_next", "To next", Percent},
		{"to_converted", "To converted", Percent},
		{"time_in_status", "Time in status", Duration},
	}
	converted := l.leadFilter(l.of(LeadConverted))
	for i, s := range l.statuses {
		behind := l.leadFilter(equals("status_id", s.ID))
		row := []Cell{
			ref("lead-status", s.ID, s.Name), count(standing[s.ID]).behindLeads(behind),
			share(standing[s.ID], all.Leads).behindLeads(behind),
			{},
			{},
			{},
			{},
		}
		if s.working() {
			next := all.Converted
			if j := slices.IndexFunc(l.statuses[i+1:], LeadStatus.working); j >= 0 {
				next = reached[i+1+j]
			}
			row[3], row[4] = share(reached[i], all.Leads), share(next, reached[i])
			row[5] = share(all.Converted, reached[i]).behindLeads(converted)
		}
		if t, ok := seconds[s.ID]; ok {
			row[6] = number(t)
		}
		l.report.Rows = append(l.report.Rows, row)
	}
	if all.Leads > 0 {
		l.report.Totals = [][]Cell{{
			text(""), count(all.Leads).behindLeads(l.leadFilter()), {}, {}, {}, share(all.Converted, all.Leads).behindLeads(converted), {},
		}}
	}
	return l.bySource(ctx)
}

// bySource is the table beside the funnel: where leads came from, and how many of them were converted.
func (l *leadRun) bySource(ctx context.Context) error {
	groups, err := l.Store.LeadGroups(ctx, l.sel, LeadsBySource, maxRows)
	if err != nil {
		return err
	}
	t := &Table{Title: "Leads by source", Columns: []Column{
		{"source", "Source", Text}, {"leads", "Leads", Number}, {"converted", "Converted", Number}, {"conversion", "Conversion", Percent},
	}}
	for _, g := range groups {
		where := equals("source", g.Key)
		converted := l.leadFilter(where, l.of(LeadConverted))
		t.Rows = append(t.Rows, []Cell{
			text(named(g.Key, "(no source)")), count(g.Leads).behindLeads(l.leadFilter(where)),
			count(g.Converted).behindLeads(converted), share(g.Converted, g.Leads).behindLeads(converted),
		})
	}
	l.report.Breakdown = t
	return nil
}

func named(name, none string) string {
	if name == "" {
		return none
	}
	return name
}

// leadPart is leads of one row.
type leadPart struct {
	label Cell
	group LeadGroup
	where string
}

// grouped is leads in work, converted and junk by something else than their status.
func (l *leadRun) grouped(ctx context.Context) error {
	parts, err := l.parts(ctx)
	if err != nil {
		return err
	}
	first := Column{"source", "Source", Text}
	if l.GroupBy != "source" {
		first = groupColumn(l.GroupBy)
	}
	l.report.Columns = []Column{
		first,
		{"leads", "Leads", Number},
		{"open", "Open", Number},
		{"converted", "Converted", Number},
		{"junk", "Junk", Number},
		{"conversion", "Conversion", Percent},
	}
	row := func(label Cell, g LeadGroup, where string) []Cell {
		of := func(kinds ...LeadKind) string { return l.leadFilter(where, l.of(kinds...)) }
		return []Cell{
			label, count(g.Leads).behindLeads(l.leadFilter(where)), count(g.Open).behindLeads(of(LeadNew, LeadOpen)),
			count(g.Converted).behindLeads(of(LeadConverted)), count(g.Junk).behindLeads(of(LeadJunk)),
			share(g.Converted, g.Leads).behindLeads(of(LeadConverted)),
		}
	}
	var all LeadGroup
	for _, p := range parts {
		l.report.Rows = append(l.report.Rows, row(p.label, p.group, p.where))
		all.add(p.group)
	}
	if all.Leads > 0 {
		l.report.Totals = [][]Cell{row(text(""), all, "")}
	}
	return nil
}

func (l *leadRun) parts(ctx context.Context) ([]leadPart, error) {
	by := map[string]LeadBy{
		"source": LeadsBySource, "employee": LeadsByResponsible, "department": LeadsByResponsible, "month": LeadsByMonth,
	}[l.GroupBy]
	groups, err := l.Store.LeadGroups(ctx, l.sel, by, maxUsers)
	if err != nil {
		return nil, err
	}
	if l.GroupBy == "department" {
		return l.departments(groups), nil
	}
	parts := make([]leadPart, len(groups))
	for i, g := range groups {
		switch l.GroupBy {
		case "source":
			parts[i] = leadPart{text(named(g.Key, "(no source)")), g, equals("source", g.Key)}
		case "employee":
			parts[i] = leadPart{ref("user", g.Key, l.userName(g.Key)), g, equals("responsible_id", g.Key)}
		default: // "month"
			from, to, err := monthBounds(g.Key, l.sel.Location)
			if err != nil {
				return nil, err
			}
			parts[i] = leadPart{text(g.Key), g, within("create_time", from, to)}
		}
	}
	if l.GroupBy == "month" {
		slices.SortFunc(parts, func(a, b leadPart) int { return strings.Compare(a.group.Key, b.group.Key) })
	}
	return parts, nil
}

// departments adds up by the department that each user is in now (decisions 10).
func (l *leadRun) departments(groups []LeadGroup) []leadPart {
	sums := map[string]*LeadGroup{}
	for _, g := range groups {
		d := l.departmentOf(g.Key, false)
		if sums[d] == nil {
			sums[d] = &LeadGroup{Key: d}
		}
		sums[d].add(g)
	}
	members := map[string][]string{}
	for _, u := range l.Directory.Users(l.Organization) {
		d := l.departmentOf(u.ID, false)
		members[d] = append(members[d], u.ID)
	}
	parts := make([]leadPart, 0, len(sums))
	for d, g := range sums {
		name := "(no department)"
		if dep, ok := l.Directory.Department(l.Organization, d); ok {
			name = dep.Name
		}
		slices.Sort(members[d])
		parts = append(parts, leadPart{ref("department", d, name), *g, anyOf("responsible_id", members[d])})
	}
	slices.SortFunc(parts, func(a, b leadPart) int {
		if a.group.Leads != b.group.Leads {
			return int(b.group.Leads - a.group.Leads)
		}
		return strings.Compare(a.group.Key, b.group.Key)
	})
	return parts
}
