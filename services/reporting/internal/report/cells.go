package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/money"
)

func text(s string) Cell             { return Cell{Text: &s} }
func ref(kind, id, name string) Cell { return Cell{Ref: &Ref{Kind: kind, ID: id, Name: name}} }
func number(n float64) Cell          { return Cell{Number: &n} }
func count(n int64) Cell             { return number(float64(n)) }

// behind says which deals are behind a number; with an empty filter it is all that the user sees.
func (c Cell) behind(filter string) Cell {
	c.List, c.Filter = "deal", filter
	return c
}

func amount(currency string, d decimal.Decimal) Cell {
	return Cell{Money: &money.Money{Currency: currency, Amount: d}}
}

// share is part of whole in percent; empty where there is no whole.
func share(part, whole int64) Cell {
	if whole == 0 {
		return Cell{}
	}
	return number(100 * float64(part) / float64(whole))
}

// filter joins conditions with AND, the query's own among them. What is empty is left out.
func (x *run) filter(conditions ...string) string {
	all := make([]string, 0, len(conditions)+2)
	if x.PipelineID != "" {
		all = append(all, equals("pipeline_id", x.PipelineID))
	}
	if strings.TrimSpace(x.Filter) != "" {
		all = append(all, "("+x.Filter+")")
	}
	for _, c := range conditions {
		if c != "" {
			all = append(all, c)
		}
	}
	return strings.Join(all, " AND ")
}

func equals(field, value string) string { return field + " = " + strconv.Quote(value) }

// anyOf is true for records whose field has one of the values; a filter that nothing fits for no values.
func anyOf(field string, values []string) string {
	if len(values) == 0 {
		return equals(field, "00000000-0000-0000-0000-000000000000")
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = equals(field, v)
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// within is the period over a field, or "" if it is open on both sides.
func within(field string, from, to time.Time) string {
	var parts []string
	if !from.IsZero() {
		parts = append(parts, field+" >= "+strconv.Quote(from.UTC().Format(time.RFC3339)))
	}
	if !to.IsZero() {
		parts = append(parts, field+" < "+strconv.Quote(to.UTC().Format(time.RFC3339)))
	}
	return strings.Join(parts, " AND ")
}

// States in filters of deals.
const (
	isOpen = "state = OPEN"
	isWon  = "state = WON"
	isLost = "state = LOST"
)

// period is what the mode and the period ask of a deal in a state, as a filter.
func (x *run) period(state string) string {
	s := x.sel
	if s.Mode == Cohort {
		if p := within("begin_time", s.From, s.To); p != "" {
			return p
		}
		return "begin_time > \"0001-01-01T00:00:00Z\""
	}
	if state == isOpen {
		return ""
	}
	return within("close_time", s.From, s.To)
}

// userName is the name of a user, also of one who has left.
func (x *run) userName(id string) string {
	if id == "" {
		return "(nobody)"
	}
	if u, ok := x.Directory.User(x.Organization, id); ok {
		return u.Name
	}
	return "(unknown user)"
}

// monthBounds is the period of a month such as "2026-11".
func monthBounds(key string, loc *time.Location) (from, to time.Time, err error) {
	m, err := time.ParseInLocation("2006-01", key, loc)
	if err != nil {
		return from, to, fmt.Errorf("month of facts: %w", err)
	}
	return m, m.AddDate(0, 1, 0), nil
}
