package customfields

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// FewHits is how many records a condition on a custom field may hold for to be looked up beforehand: so many are picked
// out by their IDs and sorted within milliseconds; of more, enough for a page come along on the way in the list's order.
const FewHits = 1000

// Query is the custom fields in one request for a list or a count. $1 must be the organisation wherever its fields are
// used.
type Query struct {
	kind     *Kind
	table    string
	location *time.Location
	// counts says that all records are wanted and not the first in some order.
	counts bool

	asked []asked
	found map[string][]string
}

type asked struct {
	field *Field
	match match
}

// Query returns the fields for the filter and the order of one request. table is the name of the records' table in its
// statements, location where days begin.
func (k *Kind) Query(table string, location *time.Location) *Query {
	return &Query{kind: k, table: table, location: location}
}

// Counts says that the query counts.
func (q *Query) Counts() { q.counts = true }

// Fields are the custom fields for an [aip.Schema], by custom_fields.<key>.
func (q *Query) Fields() map[string]aip.Field {
	if q == nil {
		return nil
	}
	out := make(map[string]aip.Field, len(q.kind.Fields)+1)
	for _, f := range q.kind.Fields {
		field := aip.Field{Type: aip.Text, Custom: func(c aip.Comparison, bind func(any) string) (string, error) {
			return q.filter(f, c, bind)
		}}
		if f.sortable() {
			field.Sortable = true
			field.Beside = &aip.Beside{
				Rows: func(bind func(any) string) string {
					return "SELECT record_id, value FROM custom_values WHERE organization_id = $1 AND field_id = " + bind(f.Def.GetId()) + "::uuid"
				},
				Compare: func(column string, c aip.Comparison, bind func(any) string) (string, error) {
					m, err := f.match(c, q.location)
					if err != nil {
						return "", err
					}
					return m.sql(column, bind), nil
				},
			}
		}
		out[f.path] = field
		if f.Def.GetType() == customfieldsv1.Type_TYPE_MONEY {
			out[f.path+".currency"] = aip.Field{
				Column: "(" + q.table + ".custom -> '" + f.Def.GetKey() + "' ->> 'currency')", Type: aip.Text, Nullable: true,
			}
		}
	}
	out[Prefix+"*"] = aip.Field{Custom: func(c aip.Comparison, _ func(any) string) (string, error) {
		return "", fmt.Errorf("there is no custom field with the key %.80q", c.Key)
	}}
	return out
}

// sortable reports whether a record has one value that can be sorted by.
func (f *Field) sortable() bool {
	switch f.effective() {
	case customfieldsv1.Type_TYPE_CHOICES, customfieldsv1.Type_TYPE_ADDRESS:
		return false
	default:
	}
	return true
}

// filter writes a comparison of a custom field.
func (q *Query) filter(f *Field, c aip.Comparison, bind func(any) string) (string, error) {
	m, err := f.match(c, q.location)
	if err != nil {
		return "", err
	}
	record := q.table + ".id"
	rows := func(sel, more string) string {
		sql := "SELECT " + sel + " FROM custom_values WHERE organization_id = $1 AND field_id = " + bind(f.Def.GetId()) + "::uuid" + more
		if m.test != nil {
			sql += " AND " + m.test("value", bind)
		}
		return sql
	}
	var sql string
	ids, looked := q.found[f.Def.GetId()+m.name]
	switch {
	case looked:
		sql = record + " = ANY(" + bind(ids) + "::uuid[])"
	case q.counts:
		sql = record + " IN (" + rows("record_id", "") + ")"
	default:
		q.asked = append(q.asked, asked{f, m})
		// Not to be made a join of: the list is walked in its order until the page is full.
		sql = "EXISTS (" + rows("", " AND record_id = "+record) + " OFFSET 0)"
	}
	if m.negated {
		return "NOT (" + sql + ")", nil
	}
	return sql, nil
}

// Resolve looks up what the conditions of a filter hold for, after it has been compiled once, in one round trip; nothing
// if it has none. The filter is then to be compiled once more. The planner cannot know how many records have a value of one
// field of one organisation.
func (q *Query) Resolve(ctx context.Context, db *pg.DB, org string) (again bool, err error) {
	if q == nil || len(q.asked) == 0 {
		return false, nil
	}
	q.found = make(map[string][]string)
	args := []any{org}
	bind := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	var parts, names []string
	for _, a := range q.asked {
		name := a.field.Def.GetId() + a.match.name
		if a.match.test == nil || slices.Contains(names, name) {
			continue // that there is any value at all is true of many
		}
		parts = append(parts, "SELECT "+strconv.Itoa(len(names))+", ARRAY(SELECT record_id::text FROM custom_values WHERE organization_id = $1 AND field_id = "+
			bind(a.field.Def.GetId())+"::uuid AND "+a.match.test("value", bind)+" LIMIT "+strconv.Itoa(FewHits+1)+")")
		names = append(names, name)
	}
	q.asked = nil
	if len(parts) == 0 {
		return false, nil
	}
	rows, err := db.Query(ctx, org, strings.Join(parts, " UNION ALL "), args...)
	if err != nil {
		return false, fmt.Errorf("look up custom fields: %w", err)
	}
	var at int
	var ids []string
	if _, err := pgx.ForEachRow(rows, []any{&at, &ids}, func() error {
		if len(ids) <= FewHits {
			q.found[names[at]] = slices.Compact(slices.Sorted(slices.Values(ids)))
		}
		return nil
	}); err != nil {
		return false, fmt.Errorf("look up custom fields: %w", err)
	}
	return true, nil
}

// Mentions reports whether a filter may name a custom field, so that it is worth compiling twice.
func Mentions(filter string) bool {
	return strings.Contains(filter, "custom_fields") || strings.Contains(filter, "customFields")
}

// match is a comparison made ready: which values it holds for.
type match struct {
	// name tells it from other comparisons of the field.
	name string
	// test is true of the keys that are meant; nil for any value.
	test func(column string, bind func(any) string) string
	// negated turns it round: it holds for records without such a value.
	negated bool
}

// sql is the comparison with a single value at hand, NULL for none.
func (m match) sql(column string, bind func(any) string) string {
	sql := column + " IS NOT NULL"
	if m.test != nil {
		sql = m.test(column, bind)
	}
	if m.negated {
		return "(" + sql + ") IS NOT TRUE"
	}
	return sql
}

// match reads a comparison.
func (f *Field) match(c aip.Comparison, loc *time.Location) (match, error) {
	m := match{name: c.Op + " " + c.Value, negated: c.Op == "!="}
	if m.negated {
		m.name = "= " + c.Value
	}
	switch {
	case c.Op == ":" && c.Value == "*":
		return m, nil
	case c.Value == "" && (c.Op == "=" || c.Op == "!="):
		m.negated = !m.negated // = "" is having none
		return m, nil
	}
	op := c.Op
	if op == "!=" {
		op = "="
	}
	compare := func(key string) {
		m.test = func(column string, bind func(any) string) string {
			return column + " " + op + " " + bind(key) + "::text"
		}
	}
	ordered := true
	var key string
	switch f.effective() {
	case customfieldsv1.Type_TYPE_STRING, customfieldsv1.Type_TYPE_TEXT, customfieldsv1.Type_TYPE_URL, customfieldsv1.Type_TYPE_ADDRESS:
		if op == ":" || op == "=" && strings.Contains(c.Value, "*") {
			m.test = like(op, c.Value)
			return m, nil
		}
		key = textKey(c.Value)
	case customfieldsv1.Type_TYPE_NUMBER, customfieldsv1.Type_TYPE_MONEY:
		n, err := checkNumber(c.Value)
		if err != nil {
			return match{}, fmt.Errorf("%.80q is not a number", c.Value)
		}
		d, err := decimal.NewFromString(fmt.Sprint(n))
		if err != nil {
			return match{}, fmt.Errorf("%.80q is not a number", c.Value)
		}
		key = numberKey(d)
	case customfieldsv1.Type_TYPE_DATE:
		d, err := time.Parse(time.DateOnly, c.Value)
		if err != nil {
			return match{}, fmt.Errorf("%.80q is not a day such as 2026-11-21", c.Value)
		}
		key = d.Format(time.DateOnly)
	case customfieldsv1.Type_TYPE_DATE_TIME:
		if day, err := time.ParseInLocation(time.DateOnly, c.Value, loc); err == nil {
			m.test = ofDay(op, day)
			return m, nil
		}
		t, err := time.Parse(time.RFC3339Nano, c.Value)
		if err != nil {
			return match{}, fmt.Errorf("%.80q is not a time such as 2026-11-21T15:04:05Z, nor a day such as 2026-11-21", c.Value)
		}
		key = instantKey(t)
	case customfieldsv1.Type_TYPE_BOOLEAN:
		if c.Value != "true" && c.Value != "false" {
			return match{}, fmt.Errorf("%.80q is neither true nor false", c.Value)
		}
		key, ordered = boolKey(c.Value == "true"), false
	case customfieldsv1.Type_TYPE_CHOICE, customfieldsv1.Type_TYPE_CHOICES:
		choice, ok := f.choice(c.Value)
		if !ok {
			return match{}, fmt.Errorf("%.80q is not one of the choices", c.Value)
		}
		key, ordered = choice, false
	case customfieldsv1.Type_TYPE_USER, customfieldsv1.Type_TYPE_LINK, customfieldsv1.Type_TYPE_FILE:
		if key = strings.ToLower(c.Value); !id.Valid(key) {
			return match{}, fmt.Errorf("%.80q is not an ID", c.Value)
		}
		ordered = false
	default:
		return match{}, errors.New("cannot be compared")
	}
	if op == ":" {
		op = "="
	}
	if !ordered && op != "=" {
		return match{}, fmt.Errorf("operator %s does not apply; use = or !=", c.Op)
	}
	compare(key)
	return m, nil
}

// like finds a part of a text (:), or a text by a pattern with * for anything.
func like(op, v string) func(string, func(any) string) string {
	key := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(fold(v))
	if op == ":" {
		key = "%" + key + "%"
	} else {
		key = strings.ReplaceAll(key, "*", "%")
	}
	return func(column string, bind func(any) string) string {
		// The index of parts is of those rows alone.
		if column == "value" {
			return "searchable AND value LIKE " + bind(key) + "::text"
		}
		return column + " LIKE " + bind(key) + "::text"
	}
}

// ofDay compares an instant with a day: the day's instants are equal to it.
func ofDay(op string, day time.Time) func(string, func(any) string) string {
	from, to := instantKey(day), instantKey(day.AddDate(0, 0, 1))
	return func(column string, bind func(any) string) string {
		switch op {
		case "<", ">=":
			return column + " " + op + " " + bind(from) + "::text"
		case "<=":
			return column + " < " + bind(to) + "::text"
		case ">":
			return column + " >= " + bind(to) + "::text"
		}
		return column + " >= " + bind(from) + "::text AND " + column + " < " + bind(to) + "::text"
	}
}
