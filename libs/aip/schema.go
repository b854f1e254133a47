// Package aip turns the list parameters of an RPC into SQL: filter (AIP-160), order_by (AIP-132), page tokens (AIP-158);
// and reads etags (AIP-154) and update masks (AIP-134).
//
// A [Schema] says which fields may be filtered and sorted by, and as what column. No text of the caller's reaches SQL:
// values are parameters, names come from the schema. Pages are keyset pages: a page token holds the sort key of the last
// row and a fingerprint of the query, so that a page costs the same however far down it lies, and a token of another
// query is refused.
package aip

import (
	"strings"
	"time"

	"kontor.internal/libs/apperr"
)

// Errors of list parameters.
var (
	ErrFilter    = apperr.Invalid("INVALID_FILTER", "the filter cannot be used")
	ErrOrderBy   = apperr.Invalid("INVALID_ORDER_BY", "the list cannot be sorted so")
	ErrPageToken = apperr.Invalid("INVALID_PAGE_TOKEN",
		"the page token does not belong to this query; start again without one and leave the other fields as they are between pages")
	ErrPageSize = apperr.Invalid("INVALID_PAGE_SIZE", "page_size must not be negative")
)

// Type is how a field's values are written and compared.
type Type int

// Types of fields.
const (
	// Text compares exactly; with * as any characters; and by : as containing, whatever the case.
	Text Type = iota + 1
	// ID is a UUID.
	ID
	// Int is a whole number.
	Int
	// Decimal is a number of any scale, exact if written in quotes.
	Decimal
	// Bool is true or false.
	Bool
	// Time is an RFC 3339 instant, or a day, which means all of the day in the schema's Location.
	Time
	// Date is a day.
	Date
	// Enum is one of the names in Field.Enum.
	Enum
	// Strings is an array of text; : asks whether it has an element.
	Strings
)

// Field is one field that callers may name.
type Field struct {
	// Column is its SQL expression, such as "d.name".
	Column string
	// Type is how its values are read.
	Type Type
	// Sortable allows it in order_by. There should be an index for it: (organization_id, column, id).
	Sortable bool
	// Nullable says that the column can be NULL: = "" then asks for that, != includes it, and sorting puts it last in
	// both directions (so an index that serves descending order says NULLS LAST).
	Nullable bool
	// Enum gives the stored value of each name.
	Enum map[string]any
	// Cast is the SQL type of the column where that is not the usual of Type.
	Cast string
	// Custom writes the predicate itself, for what is not a column or is better not compared as one. Without a Column its
	// field cannot be sorted by.
	Custom func(c Comparison, bind func(any) string) (string, error)
	// Beside is set if the field's values are rows of another table. Column is then not used; Custom writes filters.
	Beside *Beside
}

// Comparison is one restriction of a filter, for Field.Custom.
type Comparison struct {
	// Path is the field as the caller named it; Key is its last part if the schema names the field "x.*".
	Path, Key string
	// Op is one of = != < <= > >= :
	Op string
	// Value as text.
	Value string
}

// Schema is what can be asked of one kind of record.
type Schema struct {
	// Fields by the name callers use. "external_ids.*" stands for any name below external_ids.
	Fields map[string]Field
	// IDColumn breaks ties of the order; "id" if empty. It is a UUID.
	IDColumn string
	// DefaultOrder is the order_by of a request that has none; by ID if empty.
	DefaultOrder string
	// DefaultPageSize and MaxPageSize; 50 and 500 if zero.
	DefaultPageSize, MaxPageSize int
	// Search answers a bare word of the filter, if set.
	Search func(word string, bind func(any) string) string
	// Location is where days begin; UTC if nil.
	Location *time.Location
}

// In returns the schema with days as they are in loc.
func (s *Schema) In(loc *time.Location) *Schema {
	c := *s
	c.Location = loc
	return &c
}

func (s *Schema) location() *time.Location {
	if s.Location == nil {
		return time.UTC
	}
	return s.Location
}

func (s *Schema) idColumn() string {
	if s.IDColumn == "" {
		return "id"
	}
	return s.IDColumn
}

// field finds a field and, for "x.*", the rest of the path. Names are those of the proto or of its JSON form.
func (s *Schema) field(path string) (Field, string, bool) {
	if f, ok := s.Fields[path]; ok {
		return f, "", true
	}
	if f, ok := s.Fields[snake(path)]; ok {
		return f, "", true
	}
	if prefix, key, ok := strings.Cut(path, "."); ok {
		if f, ok := s.Fields[snake(prefix)+".*"]; ok {
			return f, key, true
		}
	}
	return Field{}, "", false
}

// snake turns lowerCamelCase into lower_snake_case.
func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cast is the SQL type of the field's values.
func (f Field) cast() string {
	if f.Cast != "" {
		return f.Cast
	}
	switch f.Type {
	case ID:
		return "uuid"
	case Int:
		return "bigint"
	case Decimal:
		return "numeric"
	case Bool:
		return "boolean"
	case Time:
		return "timestamptz"
	case Date:
		return "date"
	case Strings:
		return "text[]"
	case Enum:
		for _, stored := range f.Enum {
			switch stored.(type) {
			case int, int16, int32, int64:
				return "bigint"
			}
		}
	case Text:
	}
	return "text"
}
