package pg

import (
	"slices"
	"strconv"
	"strings"
)

// fewRows is for how many rows a column that is the same in all of them is written as an array nevertheless: each choice of
// such columns is a statement of its own, to be planned and remembered by every connection.
const fewRows = 100

// Rows are rows to be written by one statement, column by column. An array costs PostgreSQL about as much as the value it
// is written to, for every row, and most columns of a batch are the same in all rows: these are passed once.
type Rows struct {
	n int
	// Args are the statement's arguments, those it was begun with first.
	Args []any

	selects, arrays, names []string
}

// NewRows begins a statement of n rows whose first arguments are args.
func NewRows(n int, args ...any) *Rows { return &Rows{n: n, Args: args} }

// Column adds a column of type typ, with a value for each row. array is the type of the elements as they are sent, such as
// text for what PostgreSQL is to read; same tells values that are written alike.
func Column[T any](r *Rows, name, typ, array string, values []T, same func(a, b T) bool) {
	mark := "$" + strconv.Itoa(len(r.Args)+1)
	if r.n >= fewRows && !slices.ContainsFunc(values, func(v T) bool { return !same(v, values[0]) }) {
		r.Args = append(r.Args, values[0])
		r.selects = append(r.selects, mark+"::"+typ+" AS "+name)
		return
	}
	r.Args = append(r.Args, values)
	cast := ""
	if typ != array {
		cast = "::" + typ
	}
	r.selects = append(r.selects, "u."+name+cast+" AS "+name)
	r.arrays, r.names = append(r.arrays, mark+"::"+array+"[]"), append(r.names, name)
}

// Equal tells values that are the same.
func Equal[T comparable](a, b T) bool { return a == b }

// EqualOrNull tells values that are the same; nil is NULL.
func EqualOrNull[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// From is what to select the columns from, under the alias n, with the place of each row in the column place. At least one
// column has to differ from row to row.
func (r *Rows) From() string {
	return "(SELECT " + strings.Join(r.selects, ", ") + ", u.place FROM unnest(" + strings.Join(r.arrays, ", ") +
		") WITH ORDINALITY AS u (" + strings.Join(r.names, ", ") + ", place)) AS n"
}
