package alike

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	"kontor.internal/services/contacts/internal/reach"
)

// Reason is one thing that two records have in common.
type Reason struct {
	// Field as the API calls it.
	Field string
	// Value that is equal, normalised; empty for names and addresses.
	Value string
	// Similarity from 0 to 1; 1 if the values are equal.
	Similarity float64
}

// fields of the API by the kind of point.
var fields = map[string]string{ //nolint:gochecknoglobals // A table.
	TaxPoint: "tax_number", reach.EmailPoint: "emails", reach.PhonePoint: "phones", NamePoint: "name", AddressPoint: "addresses",
}

// order of reasons, the strongest first.
var order = []string{"tax_number", "emails", "phones", "name", "addresses"} //nolint:gochecknoglobals // A table.

// Compare returns what the points of two records have in common, the strongest first.
func Compare(a, b []reach.Point) (Evidence, []Reason) {
	var e Evidence
	var out []Reason
	var mine, other string
	for _, p := range b {
		if p.Kind == NamePoint {
			other = p.Value
		}
	}
	for _, p := range a {
		if p.Kind == NamePoint {
			mine = p.Value
			continue
		}
		if !slices.Contains(b, p) {
			continue
		}
		r := Reason{Field: fields[p.Kind], Value: p.Value, Similarity: 1}
		switch p.Kind {
		case TaxPoint:
			e.Tax = true
			_, r.Value, _ = strings.Cut(p.Value, "/")
		case reach.EmailPoint:
			e.Email = true
		case reach.PhonePoint:
			e.Phone = true
		case AddressPoint:
			e.Address, r.Value = true, ""
		}
		out = append(out, r)
	}
	if e.Names = mine != "" && other != ""; e.Names {
		if e.Name = Similarity(mine, other); e.Name >= SimilarFrom {
			out = append(out, Reason{Field: fields[NamePoint], Similarity: math.Round(e.Name*1000) / 1000})
		}
	}
	slices.SortStableFunc(out, func(x, y Reason) int {
		return cmp.Compare(slices.Index(order, x.Field), slices.Index(order, y.Field))
	})
	return e, out
}

// Similarity is the share of trigrams that two texts have in common, as pg_trgm's similarity counts.
func Similarity(a, b string) float64 {
	if a == b {
		return 1
	}
	x, y := trigrams(a), trigrams(b)
	shared := 0
	for t := range x {
		if y[t] {
			shared++
		}
	}
	all := len(x) + len(y) - shared
	if all == 0 {
		return 0
	}
	return float64(shared) / float64(all)
}

func trigrams(s string) map[[3]rune]bool {
	out := make(map[[3]rune]bool, len(s)+4)
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		r := append(append([]rune("  "), []rune(w)...), ' ')
		for i := range len(r) - 2 {
			out[[3]rune(r[i:i+3])] = true
		}
	}
	return out
}
