package store

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"kontor.internal/libs/aip"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// Filters and orders of the three kinds. Every sortable field has an index (organization_id, column, id).

// commonFields are those of all kinds; $1 is the organisation wherever they are used.
func commonFields(kind record.Kind) map[string]aip.Field {
	return map[string]aip.Field{
		"id":                    {Column: "id", Type: aip.ID, Sortable: true},
		"source":                {Column: "source", Type: aip.Text},
		"responsible_id":        {Column: "responsible_id", Type: aip.ID},
		"available_to_everyone": {Column: "everyone", Type: aip.Bool},
		"create_time":           {Column: "created_at", Type: aip.Time, Sortable: true},
		"update_time":           {Column: "updated_at", Type: aip.Time, Sortable: true},
		"phones.e164":           {Custom: points(kind, reach.PhonePoint)},
		"phones":                {Custom: points(kind, reach.PhonePoint)},
		"emails.normalized":     {Custom: points(kind, reach.EmailPoint)},
		"emails":                {Custom: points(kind, reach.EmailPoint)},
		"external_ids.*":        {Custom: externalID(kind)},
		"tags":                  {Custom: marked(kind, tagMark)},
		"do_not_contact":        {Custom: marked(kind, channelMark)},
	}
}

// finder returns the records with a name that has a part like the pattern; false if there are too many to list.
type finder func(pattern string) (ids []string, listed bool)

// tooMany finds nothing: parts of names are compared row by row.
func tooMany(string) ([]string, bool) { return nil, false }

func schemaOf(kind record.Kind, find finder, own map[string]aip.Field) *aip.Schema {
	fields := commonFields(kind)
	maps.Copy(fields, own)
	return &aip.Schema{
		Fields: fields, DefaultOrder: "id desc", // UUIDv7: newest first
		Search: func(word string, bind func(any) string) string { return contains(find, record.Key(word), bind) },
	}
}

// name is the field that names are searched, compared and sorted by.
func name(find finder) aip.Field {
	return aip.Field{Column: "name_key", Type: aip.Text, Sortable: true, Custom: func(c aip.Comparison, bind func(any) string) (string, error) {
		return compareKey("name_key", find, c, bind)
	}}
}

func compareKey(column string, find finder, c aip.Comparison, bind func(any) string) (string, error) {
	key := record.Key(c.Value)
	switch c.Op {
	case ":":
		return contains(find, key, bind), nil
	case "=", "!=":
		op := " = "
		if strings.Contains(key, "*") {
			op, key = " LIKE ", strings.ReplaceAll(escapeLike(key), "*", "%")
		}
		equal := column + op + bind(key)
		if c.Op == "!=" {
			return "NOT (" + equal + ")", nil
		}
		return equal, nil
	}
	return column + " " + c.Op + " " + bind(key), nil
}

// contains finds names with a part in them. Rare parts have been looked up before (table.resolve); with frequent ones a
// page is full before many rows have been tried.
func contains(find finder, key string, bind func(any) string) string {
	pattern := "%" + escapeLike(key) + "%"
	if utf8.RuneCountInString(key) >= 3 { // trigrams
		if ids, listed := find(pattern); listed {
			return "id = ANY(" + bind(ids) + "::uuid[])"
		}
	}
	return "name_key LIKE " + bind(pattern)
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// bin is the condition that tells the bin from the rest.
func bin(deleted bool) string {
	if deleted {
		return "deleted_at IS NOT NULL"
	}
	return "deleted_at IS NULL"
}

// points finds records by a number or an address: the whole of it with =, a part of it with ":".
func points(kind record.Kind, point string) func(aip.Comparison, func(any) string) (string, error) {
	return func(c aip.Comparison, bind func(any) string) (string, error) {
		v := strings.ToLower(strings.TrimSpace(c.Value))
		if point == reach.EmailPoint && strings.Contains(v, "@") {
			if n := reach.NormalizeEmail(v); n != "" {
				v = n
			}
		}
		if point == reach.PhonePoint {
			v = strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' || r == '+' {
					return r
				}
				return -1
			}, v)
		}
		if v == "" {
			return "", errors.New("there is nothing to look for")
		}
		cond := "value = "
		switch c.Op {
		case "=", "!=":
		case ":":
			cond, v = "value LIKE ", "%"+escapeLike(v)+"%"
		default:
			return "", fmt.Errorf("operator %s does not apply; use =, != or the colon", c.Op)
		}
		in := " = ANY(ARRAY("
		if c.Op == "!=" {
			in = " <> ALL(ARRAY("
		}
		return "id" + in + "SELECT record_id FROM contact_points WHERE organization_id = $1 AND kind = " + bind(point) +
			" AND record_kind = " + bind(string(kind)) + " AND " + cond + bind(v) + "))", nil
	}
}

func externalID(kind record.Kind) func(aip.Comparison, func(any) string) (string, error) {
	return func(c aip.Comparison, bind func(any) string) (string, error) {
		if c.Op != "=" && c.Op != ":" {
			return "", fmt.Errorf("operator %s does not apply; use =", c.Op)
		}
		of := ""
		if c.Op != ":" || c.Value != "*" { // ":*" asks for all of the source
			of = " AND external_id = " + bind(c.Value)
		}
		return "id = ANY(ARRAY(SELECT record_id FROM external_ids WHERE organization_id = $1 AND record_kind = " + bind(string(kind)) +
			" AND source = " + bind(c.Key) + of + "))", nil
	}
}
