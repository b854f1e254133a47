package aip

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.einride.tech/aip/filtering"

	"kontor.internal/libs/id"
)

// sqlOp is the operator of each comparison that has one.
func sqlOp(op string, nullable bool) string {
	if op == filtering.FunctionNotEquals {
		if nullable {
			return "IS DISTINCT FROM"
		}
		return "<>"
	}
	return op
}

// compare writes one restriction of a column.
func (c *compiler) compare(f Field, op, v string) (string, error) {
	if op == filtering.FunctionHas {
		return c.has(f, v)
	}
	if v == "" && f.Nullable {
		switch op {
		case filtering.FunctionEquals:
			return f.Column + " IS NULL", nil
		case filtering.FunctionNotEquals:
			return f.Column + " IS NOT NULL", nil
		}
	}
	ordered := true
	switch f.Type {
	case Text:
		if strings.Contains(v, "*") && (op == filtering.FunctionEquals || op == filtering.FunctionNotEquals) {
			like := f.Column + " LIKE " + c.bind(strings.ReplaceAll(escapeLike(v), "*", "%")) + "::text"
			if op == filtering.FunctionNotEquals {
				return "(" + like + ") IS NOT TRUE", nil
			}
			return like, nil
		}
	case ID, Bool, Enum:
		ordered = false
	case Strings:
		return "", errors.New("a list is asked by :, as in tags:hot")
	case Time:
		if day, err := time.ParseInLocation(time.DateOnly, v, c.schema.location()); err == nil {
			return c.wholeDay(f, op, day), nil
		}
	case Int, Decimal, Date: // as they are
	}
	if !ordered && op != filtering.FunctionEquals && op != filtering.FunctionNotEquals {
		return "", fmt.Errorf("operator %s does not apply; use = or !=", op)
	}
	stored, err := f.read(v)
	if err != nil {
		return "", err
	}
	return f.Column + " " + sqlOp(op, f.Nullable) + " " + c.bind(stored) + "::" + f.cast(), nil
}

// has is the operator ":".
func (c *compiler) has(f Field, v string) (string, error) {
	switch {
	case v == "*":
		return f.Column + " IS NOT NULL", nil
	case f.Type == Text:
		return f.Column + " ILIKE " + c.bind("%"+escapeLike(v)+"%") + "::text", nil
	case f.Type == Strings:
		return f.Column + " @> " + c.bind([]string{v}) + "::text[]", nil
	}
	return c.compare(f, filtering.FunctionEquals, v)
}

// wholeDay compares an instant with a day: the day's instants are equal to it.
func (c *compiler) wholeDay(f Field, op string, day time.Time) string {
	bind := func(t time.Time) string { return c.bind(t) + "::timestamptz" }
	next := day.AddDate(0, 0, 1)
	switch op {
	case filtering.FunctionEquals:
		return f.Column + " >= " + bind(day) + " AND " + f.Column + " < " + bind(next)
	case filtering.FunctionNotEquals:
		return "(" + f.Column + " >= " + bind(day) + " AND " + f.Column + " < " + bind(next) + ") IS NOT TRUE"
	case filtering.FunctionLessEquals:
		return f.Column + " < " + bind(next)
	case filtering.FunctionGreaterThan:
		return f.Column + " >= " + bind(next)
	}
	return f.Column + " " + op + " " + bind(day)
}

var decimal = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?$`)

// read checks a value and returns what to bind for it.
func (f Field) read(v string) (any, error) {
	switch f.Type {
	case Text, Strings:
		return v, nil
	case ID:
		if v = strings.ToLower(v); !id.Valid(v) {
			return nil, fmt.Errorf("%.80q is not an ID", v)
		}
		return v, nil
	case Int:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%.80q is not a whole number", v)
		}
		return n, nil
	case Decimal:
		if !decimal.MatchString(v) {
			return nil, fmt.Errorf("%.80q is not a number", v)
		}
		return v, nil
	case Bool:
		switch v {
		case "true", "false":
			return v == "true", nil
		}
		return nil, fmt.Errorf("%.80q is neither true nor false", v)
	case Time:
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return nil, fmt.Errorf("%.80q is not a time such as 2026-11-21T15:04:05Z, nor a day such as 2026-11-21", v)
		}
		return t, nil
	case Date:
		if d, err := time.Parse(time.DateOnly, v); err != nil || d.Year() < 1 {
			return nil, fmt.Errorf("%.80q is not a day such as 2026-11-21", v)
		}
		return v, nil
	case Enum:
		stored, ok := f.Enum[v]
		if !ok {
			return nil, fmt.Errorf("%.80q is not one of %s", v, strings.Join(slices.Sorted(maps.Keys(f.Enum)), ", "))
		}
		return stored, nil
	}
	return nil, errors.New("cannot be compared")
}

// escapeLike takes from a value what LIKE gives a meaning.
func escapeLike(v string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(v)
}
