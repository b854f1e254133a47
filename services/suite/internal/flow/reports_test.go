package flow_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// cell is a value of a report, as text, and the kind and the filter of the list with the rows behind it.
type cell struct{ value, kind, drill string }

type rows [][]cell

// values are the cells without what is behind them.
func (r rows) values() [][]string {
	out := make([][]string, len(r))
	for i, row := range r {
		for _, c := range row {
			out[i] = append(out[i], c.value)
		}
	}
	return out
}

// table is an answered report.
type table struct {
	columns           []string
	kinds, subKinds   []string
	rows, totals, sub rows
}

// by reads a column of each row by the row's first cell.
func (r *table) by(t *testing.T, column string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i, name := range r.columns {
		if name != column {
			continue
		}
		for _, row := range r.rows {
			require.NotContains(t, out, row[0].value)
			out[row[0].value] = row[i].value
		}
		return out
	}
	require.Fail(t, "no such column", "%s in %v", column, r.columns)
	return nil
}

// numbers is by, of whole numbers.
func (r *table) numbers(t *testing.T, column string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for name, v := range r.by(t, column) {
		n, err := strconv.Atoi(v)
		require.NoError(t, err)
		out[name] = n
	}
	return out
}

// facts are what a report says, and not how it leads on.
func (r *table) facts() [][][]string {
	return [][][]string{r.rows.values(), r.totals.values(), r.sub.values()}
}

// query is the body of a report's request.
type query struct {
	report, groupBy string
	body            object
}

func (q query) String() string { return q.report + " " + q.groupBy }

// standardReports are all reports there are, in every grouping they know.
func (c *caller) standardReports(pipelineID string) []query {
	c.t.Helper()
	var out []query
	list, _ := c.get("/v1/reports")["reports"].([]any)
	for _, r := range list {
		info, ok := r.(object)
		require.True(c.t, ok)
		name := text(c.t, info, "report")
		groups, _ := info["groupBy"].([]any)
		if len(groups) == 0 {
			groups = []any{""}
		}
		for _, g := range groups {
			group, _ := g.(string)
			out = append(out, query{report: name, groupBy: group, body: object{"pipelineId": pipelineID, "groupBy": group}})
		}
	}
	require.GreaterOrEqual(c.t, len(out), 8)
	return out
}

// with is the query with another field in its body.
func (q query) with(field string, value any) query {
	body := object{field: value}
	for k, v := range q.body {
		if k != field {
			body[k] = v
		}
	}
	q.body = body
	return q
}

func (c *caller) run(q query) *table {
	c.t.Helper()
	r, err := c.try(q)
	require.NoError(c.t, err)
	return r
}

// try is run for where a report may fail.
func (c *caller) try(q query) (*table, error) {
	a := c.do(http.MethodPost, "/v1/reports/"+q.report+":run", q.body)
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%s: %d: %s", q, a.status, a.body)
	}
	report, _ := a.object()["report"].(object)
	out := &table{}
	out.columns, out.kinds = heads(report["columns"])
	breakdown, _ := report["breakdown"].(object)
	_, out.subKinds = heads(breakdown["columns"])
	out.rows, out.totals, out.sub = read(report["rows"]), read(report["totals"]), read(breakdown["rows"])
	return out, nil
}

// heads are the names and kinds of columns.
func heads(v any) (names, kinds []string) {
	list, _ := v.([]any)
	for _, col := range list {
		o, _ := col.(object)
		names, kinds = append(names, fmt.Sprint(o["name"])), append(kinds, fmt.Sprint(o["kind"]))
	}
	return names, kinds
}

func read(v any) rows {
	var out rows
	list, _ := v.([]any)
	for _, r := range list {
		o, _ := r.(object)
		values, _ := o["values"].([]any)
		var row []cell
		for _, v := range values {
			value, _ := v.(object)
			drill, _ := value["drill"].(object)
			filter, _ := drill["filter"].(string)
			kind, _ := drill["kind"].(string)
			row = append(row, cell{show(value), kind, filter})
		}
		out = append(out, row)
	}
	return out
}

func show(value object) string {
	if m, ok := value["money"].(object); ok {
		return fmt.Sprint(m["amount"], " ", m["currencyCode"])
	}
	if r, ok := value["ref"].(object); ok {
		return fmt.Sprint(r["name"])
	}
	switch v := value["plain"].(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// requireRowsBehind follows every number to its rows: the list it leads to has as many. A quantity leads to the rows that the
// number of deals beside it leads to (REP-5).
func (c *caller) requireRowsBehind(q query, r *table) (followed int) {
	c.t.Helper()
	seen := map[string]string{}
	follow := func(rs rows, kinds, names []string) {
		for _, row := range rs {
			for i, cl := range row {
				if kinds[i] != "COLUMN_KIND_NUMBER" || cl.value == "" {
					continue
				}
				require.NotEmpty(c.t, cl.kind, "%s, row %s: column %d leads nowhere", q, row[0].value, i)
				if names != nil && names[i] == "quantity" {
					require.Equal(c.t, row[i-1].drill, cl.drill, "%s, row %s", q, row[0].value)
					continue
				}
				list := cl.kind + "s"
				if before, ok := seen[list+cl.drill]; ok {
					require.Equal(c.t, before, cl.value, "%s: %s", q, cl.drill)
					continue
				}
				seen[list+cl.drill] = cl.value
				n, err := strconv.Atoi(cl.value)
				require.NoError(c.t, err, "%s: %s", q, cl.drill)
				require.Equal(c.t, n, c.count(list, cl.drill), "%s, row %s: %s", q, row[0].value, cl.drill)
			}
		}
	}
	follow(r.rows, r.kinds, r.columns)
	follow(r.totals, r.kinds, r.columns)
	follow(r.sub, r.subKinds, nil)
	return len(seen)
}
