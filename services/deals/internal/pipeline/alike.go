package pipeline

import (
	"fmt"
	"strings"
	"unicode"
)

// Warning tells of something that is allowed but may not be meant.
type Warning struct {
	Reason   string
	Message  string
	StageIDs []string
}

// ReasonAlike is the reason of a warning about stages whose names look alike.
const ReasonAlike = "STAGE_NAMES_ALIKE"

// Warnings lists the pairs of stages that are easily taken for each other, such as "Proposal" and "Proposals".
func (p *Pipeline) Warnings() []Warning {
	var out []Warning
	folded := make([][]rune, len(p.Stages))
	for i, s := range p.Stages {
		folded[i] = fold(s.Name)
	}
	for i := range p.Stages {
		for j := range i {
			if !alike(folded[i], folded[j]) {
				continue
			}
			a, b := p.Stages[j], p.Stages[i]
			out = append(out, Warning{
				Reason:   ReasonAlike,
				Message:  fmt.Sprintf("the stages %q and %q look alike; are they meant to be one?", a.Name, b.Name),
				StageIDs: []string{a.ID, b.ID},
			})
		}
	}
	return out
}

// fold keeps letters and digits, in lower case.
func fold(s string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s))
}

// alike reports whether two folded names differ by no more than a slip: one edit for every five letters. Numbers tell
// stages apart on purpose ("Call 1", "Call 2"), so names that differ in digits are not alike.
func alike(a, b []rune) bool {
	if digits(a) != digits(b) {
		return false
	}
	return distance(a, b) <= max(len(a), len(b))/5
}

func digits(s []rune) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsDigit(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// distance is the number of letters to insert, delete or replace (Levenshtein).
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := diagonal
			if x != y {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
