package aip

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.einride.tech/aip/ordering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"

	"kontor.internal/libs/id"
)

const maxOrderKeys = 4

// Request is any list request.
type Request interface {
	GetFilter() string
	GetOrderBy() string
	GetPageSize() int32
	GetPageToken() string
}

// List is a checked list request. Use it as
//
//	args := []any{org}
//	sql := "SELECT " + columns + ", " + l.Key() + " FROM deals WHERE organization_id = $1 AND " + l.Where(&args) +
//		" ORDER BY " + l.OrderBy() + " LIMIT " + l.Limit()
//
// read the rows with a [Key] each, and hand them to [Page].
type List struct {
	schema *Schema
	filter *expr.Expr // nil if there is none
	keys   []sortKey
	size   int
	print  []byte
	after  Key
	part   part
}

// Key is the sort key of a row, as text; nil where the column is NULL.
type Key []*string

type sortKey struct {
	Field

	name string
	desc bool
	// absent is the first key of records that have no value of it.
	absent bool
}

// List checks a list request. What else decides which rows the caller sees (organisation, scope, a parent) is given as
// bound: a page token is good only for the same.
func (s *Schema) List(req Request, bound ...string) (*List, error) {
	l := &List{schema: s}
	var err error
	if l.filter, err = parsed(req.GetFilter()); err != nil {
		return nil, err
	}
	var scratch []any
	if _, err := s.where(l.filter, &scratch); err != nil {
		return nil, err
	}
	order := req.GetOrderBy()
	if strings.TrimSpace(order) == "" {
		order = s.DefaultOrder
	}
	if err := l.order(order); err != nil {
		return nil, err
	}
	if err := l.pageSize(req.GetPageSize()); err != nil {
		return nil, err
	}
	l.print = fingerprint(append([]string{req.GetFilter(), order}, bound...))
	return l, l.token(req.GetPageToken())
}

func (l *List) pageSize(size int32) error {
	limit, standard := l.schema.MaxPageSize, l.schema.DefaultPageSize
	if limit <= 0 {
		limit = 500
	}
	if standard <= 0 {
		standard = 50
	}
	switch {
	case size < 0:
		return ErrPageSize.WithField("page_size", "must not be negative")
	case size == 0:
		l.size = min(standard, limit)
	default:
		l.size = min(int(size), limit)
	}
	return nil
}

func (l *List) order(orderBy string) error {
	var o ordering.OrderBy
	if err := o.UnmarshalString(orderBy); err != nil {
		return ErrOrderBy.WithField("order_by", err.Error())
	}
	if len(o.Fields) > maxOrderKeys {
		return ErrOrderBy.WithField("order_by", fmt.Sprintf("more than %d fields", maxOrderKeys))
	}
	seen := map[string]bool{}
	desc, tied := false, true
	for _, of := range o.Fields {
		f, _, ok := l.schema.field(of.Path)
		if !ok || !f.Sortable || f.Column == "" && f.Beside == nil {
			return ErrOrderBy.WithField("order_by", fmt.Sprintf("cannot be sorted by %.80q", of.Path))
		}
		name := f.Column
		if f.Beside != nil {
			name, f.Nullable = snake(of.Path), true
		}
		if seen[name] {
			return ErrOrderBy.WithField("order_by", fmt.Sprintf("%q comes twice", of.Path))
		}
		seen[name] = true
		desc = of.Desc
		l.keys = append(l.keys, sortKey{Field: f, name: name, desc: desc})
		if f.Column == l.schema.idColumn() {
			tied = false
			break // nothing is left to order
		}
	}
	if tied {
		// In the direction of the last key, so that one comparison of rows can do.
		l.keys = append(l.keys, sortKey{Field: Field{Column: l.schema.idColumn(), Type: ID}, desc: desc})
	}
	return nil
}

// Where is the predicate of filter and page, its values appended to args.
func (l *List) Where(args *[]any) string {
	sql, err := l.filters().where(l.filter, args)
	if err != nil {
		return "FALSE" // not reached: List has compiled the same filter
	}
	sql += l.without(args)
	if l.after == nil {
		return sql
	}
	return sql + " AND " + l.keyset(binder(args))
}

// Filter is the predicate without the page, for counting.
func (l *List) Filter(args *[]any) string {
	first := *l
	first.after = nil
	return first.Where(args)
}

// OrderBy is the list of sort expressions.
func (l *List) OrderBy() string {
	keys := present(l.sorted())
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.Column
		if k.desc {
			parts[i] += " DESC"
		}
		if k.desc && k.Nullable {
			parts[i] += " NULLS LAST"
		}
	}
	return strings.Join(parts, ", ")
}

// Limit is one more than the page, which tells whether there is another.
func (l *List) Limit() string { return strconv.Itoa(l.size + 1) }

// Size is the number of rows of a full page.
func (l *List) Size() int { return l.size }

// Key is the expression to select for a row's [Key].
func (l *List) Key() string {
	return "ARRAY[" + expressions(l.sorted()) + "]"
}

// Page cuts the row too many off and returns the token of the next page, empty if this is the last.
func Page[T any](l *List, rows []T, keys []Key) ([]T, string) {
	if len(rows) <= l.size {
		return rows, ""
	}
	return rows[:l.size], l.Token(keys[l.size-1])
}

type token struct {
	After Key    `json:"a"`
	Query []byte `json:"q"`
}

// Token is the page token for what comes after a row.
func (l *List) Token(last Key) string {
	b, err := json.Marshal(token{After: last, Query: l.print})
	if err != nil {
		return "" // not reached: strings and bytes
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (l *List) token(s string) error {
	if s == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return ErrPageToken.Because(err)
	}
	var t token
	if err := json.Unmarshal(b, &t); err != nil {
		return ErrPageToken.Because(err)
	}
	if string(t.Query) != string(l.print) || len(t.After) != len(l.keys) {
		return ErrPageToken
	}
	for i, v := range t.After {
		if !l.keys[i].holds(v) {
			return ErrPageToken
		}
	}
	l.after = t.After
	return nil
}

// fingerprint tells one query from another.
func fingerprint(parts []string) []byte {
	b, err := json.Marshal(parts)
	if err != nil {
		return nil // not reached: strings
	}
	sum := sha256.Sum256(b)
	return sum[:12]
}

// holds reports whether v can be a value of the column as PostgreSQL writes it: tokens come from outside.
func (k sortKey) holds(v *string) bool {
	if v == nil {
		return k.Nullable
	}
	if k.Beside != nil {
		return storable(*v)
	}
	var err error
	switch k.Type {
	case ID:
		return id.Valid(*v)
	case Int:
		_, err = strconv.ParseInt(*v, 10, 64)
	case Decimal:
		return decimal.MatchString(*v)
	case Bool:
		return *v == "true" || *v == "false"
	case Time:
		if *v == "infinity" || *v == "-infinity" {
			return true
		}
		_, err = time.Parse("2006-01-02 15:04:05.999999-07", *v)
	case Date:
		if *v == "infinity" || *v == "-infinity" {
			return true
		}
		_, err = time.Parse(time.DateOnly, *v)
	case Enum:
		for _, stored := range k.Enum {
			if fmt.Sprint(stored) == *v {
				return true
			}
		}
		return false
	default:
		return storable(*v)
	}
	return err == nil
}

// keyset is true of the rows after l.after.
func (l *List) keyset(bind func(any) string) string {
	sorted := l.sorted()
	keys := present(sorted)
	after := l.after[len(sorted)-len(keys):]
	params := make([]string, len(keys))
	rowwise := true
	for i, k := range keys {
		if after[i] != nil {
			params[i] = bind(*after[i]) + "::" + k.cast()
		}
		rowwise = rowwise && !k.Nullable && k.desc == keys[0].desc
	}
	if rowwise {
		columns := make([]string, len(keys))
		for i, k := range keys {
			columns[i] = k.Column
		}
		return "(" + strings.Join(columns, ", ") + ") " + keys[0].beyond() + " (" + strings.Join(params, ", ") + ")"
	}
	sql := beyond(keys, params)
	if first := keys[0]; !first.Nullable {
		// The same said once more in a way that an index can start from.
		sql = first.Column + " " + first.beyond() + "= " + params[0] + " AND " + sql
	}
	return "(" + sql + ")"
}

func (k sortKey) beyond() string {
	if k.desc {
		return "<"
	}
	return ">"
}

// beyond is true of rows that come after by these keys. NULLs come last.
func beyond(keys []sortKey, params []string) string {
	k := keys[0]
	later, same := k.Column+" "+k.beyond()+" "+params[0], k.Column+" = "+params[0]
	switch {
	case params[0] == "":
		later, same = "FALSE", k.Column+" IS NULL"
	case k.Nullable:
		later = "(" + later + " OR " + k.Column + " IS NULL)"
	}
	if len(keys) == 1 {
		return later
	}
	return "(" + later + " OR (" + same + " AND " + beyond(keys[1:], params[1:]) + "))"
}
