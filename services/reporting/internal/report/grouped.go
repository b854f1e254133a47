package report

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// part is deals of one row: what it is called, what they add up to, and the filter that finds them.
type part struct {
	label Cell
	group Group
	where string
}

// parts groups the selection as the query asks, for the reports that group deals.
func (x *run) parts(ctx context.Context, s Selection, groupBy string) ([]part, error) {
	switch groupBy {
	case "employee":
		return x.byUser(ctx, s)
	case "department", "top-department":
		return x.byDepartment(ctx, s, groupBy == "top-department")
	case "company":
		return x.byRecord(ctx, s, ByCompany, "company", "company_id", "(no company)")
	case "stage":
		return x.byStage(ctx, s)
	case "type":
		return x.byText(ctx, s, ByType, "type", "(no type)")
	case "probability":
		return x.byProbability(ctx, s)
	default: // "month"
		if s.Only == Expected {
			return x.byMonth(ctx, s, ByPlannedMonth, "planned_close_date")
		}
		return x.byMonth(ctx, s, ByCloseMonth, "close_time")
	}
}

func (x *run) byUser(ctx context.Context, s Selection) ([]part, error) {
	groups, err := x.Store.Groups(ctx, s, ByResponsible, maxRows)
	if err != nil {
		return nil, err
	}
	parts := make([]part, len(groups))
	for i, g := range groups {
		parts[i] = part{ref("user", g.Key, x.userName(g.Key)), g, equals("responsible_id", g.Key)}
	}
	return parts, nil
}

// byDepartment adds up by the department that each user is in now (decisions 10), or by the topmost one above it.
func (x *run) byDepartment(ctx context.Context, s Selection, top bool) ([]part, error) {
	groups, err := x.Store.Groups(ctx, s, ByResponsible, maxUsers)
	if err != nil {
		return nil, err
	}
	of := func(user string) string { return x.departmentOf(user, top) }
	sums := map[string]*Group{}
	for _, g := range groups {
		d := of(g.Key)
		if sums[d] == nil {
			sums[d] = &Group{Key: d}
		}
		sums[d].add(g)
	}
	members := map[string][]string{}
	for _, u := range x.Directory.Users(x.Organization) {
		d := of(u.ID)
		members[d] = append(members[d], u.ID)
	}
	parts := make([]part, 0, len(sums))
	for d, g := range sums {
		name := "(no department)"
		if dep, ok := x.Directory.Department(x.Organization, d); ok {
			name = dep.Name
		}
		slices.Sort(members[d])
		parts = append(parts, part{ref("department", d, name), *g, anyOf("responsible_id", members[d])})
	}
	slices.SortFunc(parts, func(a, b part) int {
		if c := b.group.WonSum.Cmp(a.group.WonSum); c != 0 {
			return c
		}
		return int(b.group.Deals - a.group.Deals)
	})
	return parts, nil
}

// maxUsers is how many users a report adds up into departments.
const maxUsers = 100_000

func (x *run) departmentOf(user string, top bool) string {
	u, ok := x.Directory.User(x.Organization, user)
	if !ok {
		return ""
	}
	id := u.DepartmentID
	seen := map[string]bool{} // a tree, if identity keeps its word
	for top && !seen[id] {
		seen[id] = true
		d, ok := x.Directory.Department(x.Organization, id)
		if !ok || d.ParentID == "" {
			break
		}
		id = d.ParentID
	}
	return id
}

func (g *Group) add(o Group) {
	g.Deals += o.Deals
	g.Open += o.Open
	g.Won += o.Won
	g.Lost += o.Lost
	g.OpenSum = g.OpenSum.Add(o.OpenSum)
	g.WonSum = g.WonSum.Add(o.WonSum)
	g.LostSum = g.LostSum.Add(o.LostSum)
	g.Weighted = g.Weighted.Add(o.Weighted)
	g.Unconverted += o.Unconverted
	g.Quantity = g.Quantity.Add(o.Quantity)
}

// byRecord groups by the ID of a record that facts name.
func (x *run) byRecord(ctx context.Context, s Selection, by By, kind, field, none string) ([]part, error) {
	groups, err := x.Store.Groups(ctx, s, by, maxRows)
	if err != nil {
		return nil, err
	}
	names, err := x.names(ctx, kind, groups)
	if err != nil {
		return nil, err
	}
	parts := make([]part, len(groups))
	for i, g := range groups {
		name := names[g.Key]
		switch {
		case g.Key == "":
			name = none
		case name == "":
			name = "(unknown " + kind + ")"
		}
		parts[i] = part{ref(kind, g.Key, name), g, equals(field, g.Key)}
	}
	return parts, nil
}

func (x *run) names(ctx context.Context, kind string, groups []Group) (map[string]string, error) {
	ids := make([]string, 0, len(groups))
	for _, g := range groups {
		if g.Key != "" {
			ids = append(ids, g.Key)
		}
	}
	return x.Store.Names(ctx, x.Organization, kind, ids)
}

func (x *run) byStage(ctx context.Context, s Selection) ([]part, error) {
	groups, err := x.Store.Groups(ctx, s, ByStage, maxRows)
	if err != nil {
		return nil, err
	}
	stages, err := x.Store.Stages(ctx, x.Organization, x.PipelineID)
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, st := range stages {
		i := slices.IndexFunc(groups, func(g Group) bool { return g.Key == st.ID })
		if i >= 0 {
			parts = append(parts, part{ref("stage", st.ID, st.Name), groups[i], equals("stage_id", st.ID)})
		}
	}
	return parts, nil
}

func (x *run) byText(ctx context.Context, s Selection, by By, field, none string) ([]part, error) {
	groups, err := x.Store.Groups(ctx, s, by, maxRows)
	if err != nil {
		return nil, err
	}
	parts := make([]part, len(groups))
	for i, g := range groups {
		label := g.Key
		if label == "" {
			label = none
		}
		parts[i] = part{text(label), g, equals(field, g.Key)}
	}
	return parts, nil
}

func (x *run) byProbability(ctx context.Context, s Selection) ([]part, error) {
	groups, err := x.Store.Groups(ctx, s, ByProbability, maxRows)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(groups, func(a, b Group) int { return asInt(b.Key) - asInt(a.Key) })
	parts := make([]part, len(groups))
	for i, g := range groups {
		if g.Key == "" {
			parts[i] = part{text("(none)"), g, `probability = ""`}
			continue
		}
		parts[i] = part{text(g.Key + " %"), g, "probability = " + g.Key}
	}
	return parts, nil
}

func asInt(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1 // none
	}
	return n
}

func (x *run) byMonth(ctx context.Context, s Selection, by By, field string) ([]part, error) {
	groups, err := x.Store.Groups(ctx, s, by, maxRows)
	if err != nil {
		return nil, err
	}
	parts := make([]part, 0, len(groups))
	for _, g := range groups {
		if g.Key == "" {
			parts = append(parts, part{text("(no day)"), g, field + ` = ""`})
			continue
		}
		from, to, err := monthBounds(g.Key, s.Location)
		if err != nil {
			return nil, err
		}
		where := within(field, from, to)
		if by == ByPlannedMonth { // a day, not an instant
			where = field + " >= " + strconv.Quote(from.Format(time.DateOnly)) + " AND " +
				field + " < " + strconv.Quote(to.Format(time.DateOnly))
		}
		parts = append(parts, part{text(g.Key), g, where})
	}
	slices.SortFunc(parts, func(a, b part) int {
		switch {
		case a.group.Key < b.group.Key:
			return -1
		case a.group.Key > b.group.Key:
			return 1
		}
		return 0
	})
	return parts, nil
}
