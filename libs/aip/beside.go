package aip

import (
	"maps"
	"strconv"
	"strings"
)

// Beside is a field whose values are rows of another table: one for each record that has a value, none for the others.
// A list is sorted by it along an index of that table, and shows the records without a value last: see [List.Parts].
type Beside struct {
	// Rows selects the field's values as columns record_id and value, such as "SELECT record_id, value FROM custom_values
	// WHERE organization_id = $1 AND field_id = $2". There should be an index by value and record_id under that condition.
	Rows func(bind func(any) string) string
	// Compare writes a comparison with the value in column, which may be used instead of Field.Custom where the value is at
	// hand.
	Compare func(column string, c Comparison, bind func(any) string) (string, error)
}

// Parts are the queries that make up the list, to be asked one after the other until the page is full: usually the list
// itself. One that is sorted by a [Beside] field first has two: the records with a value, in the order of an index of that
// table, and then those without. Each part is used like the list, with From as what is selected from:
//
//	for _, part := range l.Parts() {
//		args := []any{org}
//		sql := "SELECT " + columns + ", " + part.Key() + " FROM " + part.From("deals", &args) + " WHERE organization_id = $1 AND " +
//			part.Where(&args) + " ORDER BY " + part.OrderBy() + " LIMIT " + part.Limit()
//		… // append the rows and their keys; stop once there are more than l.Size()
//	}
func (l *List) Parts() []*List {
	if l.keys[0].Beside == nil {
		return []*List{l}
	}
	without := *l
	without.part = partWithout
	if l.after != nil && l.after[0] == nil {
		return []*List{&without}
	}
	without.after = nil
	with := *l
	with.part = partWith
	return []*List{&with, &without}
}

// part says which records a part of a list is about, by the first key.
type part int

const (
	partAll part = iota
	partWith
	partWithout
)

// beside names the columns that key i brings along, so that they cannot be mistaken for those of the table.
func beside(i int) (alias, recordID, value string) {
	alias = "sort" + strconv.Itoa(i)
	return alias, alias + "_id", alias + "_value"
}

// From is what the part selects from: the table, and the values that it is sorted by.
func (l *List) From(table string, args *[]any) string {
	bind := binder(args)
	from := table
	for i, k := range l.keys {
		if k.Beside == nil || i == 0 && l.part == partWithout {
			continue
		}
		alias, recordID, value := beside(i)
		rows := "(" + k.Beside.Rows(bind) + ") AS " + alias + " (" + recordID + ", " + value + ")"
		on := " ON " + recordID + " = " + l.schema.idColumn()
		if i == 0 {
			from = rows + " JOIN " + table + on
			continue
		}
		from += " LEFT JOIN " + rows + on
	}
	return from
}

// sorted are the keys as the part uses them.
func (l *List) sorted() []sortKey {
	keys := make([]sortKey, len(l.keys))
	for i, k := range l.keys {
		_, _, value := beside(i)
		switch {
		case k.Beside != nil && i == 0 && l.part == partWithout:
			k.Column, k.absent = "NULL", true
		case k.Beside != nil:
			k.Column, k.Type, k.Cast = value, Text, ""
			k.Nullable = i > 0 || l.part == partAll
		case l.part == partWith && k.Column == l.schema.idColumn():
			// The same ID, as the index has it.
			_, k.Column, _ = beside(0)
		}
		keys[i] = k
	}
	return keys
}

// filters is the schema of the part: where a record's value is at hand it is compared directly.
func (l *List) filters() *Schema {
	if l.part != partWith {
		return l.schema
	}
	first := l.keys[0]
	_, _, value := beside(0)
	s := *l.schema
	s.Fields = maps.Clone(s.Fields)
	f := first.Field
	f.Custom = func(c Comparison, bind func(any) string) (string, error) { return first.Beside.Compare(value, c, bind) }
	s.Fields[first.name] = f
	return &s
}

// without is the condition that the record has no value of the first key.
func (l *List) without(args *[]any) string {
	if l.part != partWithout {
		return ""
	}
	rows := l.keys[0].Beside.Rows(binder(args))
	return " AND NOT EXISTS (SELECT FROM (" + rows + ") AS sort0 (sort0_id, sort0_value) WHERE sort0_id = " + l.schema.idColumn() + ")"
}

// present are the keys that order the part.
func present(keys []sortKey) []sortKey {
	if keys[0].absent {
		return keys[1:]
	}
	return keys
}

func expressions(keys []sortKey) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = "(" + k.Column + ")::text"
	}
	return strings.Join(parts, ", ")
}
