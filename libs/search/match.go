package search

import (
	"cmp"
	"slices"
	"strings"
)

// Field is one text of a record that is searched.
type Field struct {
	// Name of the field in the API.
	Name string
	// Text as people read it.
	Text string
	// Weight of a hit in it, up to 1.
	Weight float64
	// Solid says that it is a number in which blanks and signs mean nothing.
	Solid bool
}

// Range is a part of a text in runes, [Start, End).
type Range struct{ Start, End int }

// Match says where in a field the query has hit.
type Match struct {
	Field, Snippet string
	Ranges         []Range
}

// What a word that is hit counts, by how.
const (
	scoreWhole  = 1.0
	scoreBegins = 0.9
	scoreWithin = 0.7
	scoreWrong1 = 0.6
	scoreWrong2 = 0.45
	// inOrder is the share of the score that a name has for beginning with what was typed.
	inOrder = 0.1
)

// maxSnippet is how much of a field is shown, in runes.
const maxSnippet = 160

// Score compares a record with the query: from 0 to 1, with the fields that were hit. 0 says that a word of the query is
// in none of the fields, mistakes considered.
func (q Query) Score(fields []Field) (float64, []Match) {
	if q.Empty() {
		return 0, nil
	}
	folded := make([]foldedText, len(fields))
	for i, f := range fields {
		folded[i] = foldText(f.Text, f.Solid)
	}
	hits := make(map[int][]Range)
	sum := 0.0
	for _, w := range q.words {
		best, in, where := 0.0, -1, Range{}
		for i, f := range fields {
			score, r := folded[i].find(w)
			if score *= f.Weight; score > best {
				best, in, where = score, i, r
			}
		}
		if in < 0 {
			return 0, nil
		}
		sum += best
		hits[in] = append(hits[in], where)
	}
	score := sum / float64(len(q.words)) * (1 - inOrder)
	if len(folded) > 0 && strings.HasPrefix(folded[0].key, " "+strings.Join(q.words, " ")) {
		score += inOrder
	}
	matches := make([]Match, 0, len(hits))
	for i, f := range fields {
		if ranges, ok := hits[i]; ok {
			matches = append(matches, Highlight(f, ranges))
		}
	}
	return score, matches
}

// Highlight makes a match of the parts of a field, which may overlap.
func Highlight(f Field, ranges []Range) Match {
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	m := Match{Field: f.Name}
	text, from := []rune(f.Text), 0
	if len(text) > maxSnippet {
		from = max(0, min(ranges[0].Start-maxSnippet/4, len(text)-maxSnippet))
		text = text[from : from+maxSnippet]
	}
	m.Snippet = string(text)
	for _, r := range ranges {
		r = Range{max(r.Start-from, 0), min(r.End-from, len(text))}
		if last := len(m.Ranges) - 1; last >= 0 && r.Start <= m.Ranges[last].End {
			m.Ranges[last].End = max(m.Ranges[last].End, r.End)
			continue
		}
		if r.Start < r.End {
			m.Ranges = append(m.Ranges, r)
		}
	}
	return m
}

// foldedText is the key of a text, with where each of its bytes comes from.
type foldedText struct {
	key   string
	from  []int32
	runes int
	solid bool
}

func foldText(s string, solid bool) foldedText {
	f := folder{trace: true, solid: solid}
	f.text(s)
	return foldedText{key: f.key(), from: f.from, runes: int(f.at), solid: solid}
}

// span is the part of the text that makes bytes [a, b) of the key.
func (t *foldedText) span(a, b int) Range {
	end := t.runes
	if b < len(t.from) {
		end = int(t.from[b])
		if t.key[b] == ' ' { // the blank came with the next word
			end = int(t.from[b-1]) + 1
		}
	}
	return Range{int(t.from[a]), max(end, int(t.from[a])+1)}
}

// find looks for the best hit of a word.
func (t *foldedText) find(w string) (best float64, where Range) {
	keep := func(score float64, a, b int) {
		if score > best {
			best, where = score, t.span(a, b)
		}
	}
	for a := 1; a < len(t.key); {
		b := a + strings.IndexByte(t.key[a:]+" ", ' ')
		word := t.key[a:b]
		switch {
		case word == w:
			keep(scoreWhole, a, b)
		case strings.HasPrefix(word, w):
			keep(scoreBegins+(scoreWhole-scoreBegins)/2*float64(len(w))/float64(len(word)), a, a+len(w))
		default:
			if i := strings.Index(word, w); i >= 0 && (len(w) >= leastTrigram || t.solid) {
				keep(scoreWithin, a+i, a+i+len(w))
			} else if n, wrong := beginning(w, word); wrong <= tolerated(len(w)) && n > 0 && !number(w) {
				score := scoreWrong1
				if wrong > 1 {
					score = scoreWrong2
				}
				keep(score*(0.9+0.1*float64(min(len(w), len(word)))/float64(max(len(w), len(word)))), a, a+n)
			}
		}
		a = b + 1
	}
	return best, where
}

func number(w string) bool { return strings.ContainsAny(w, "0123456789") }

// beginning returns how many letters of the word the typed one stands for, and with how few mistakes: a letter changed,
// left out, added, or two in a row swapped.
func beginning(typed, word string) (letters, mistakes int) {
	most := len(typed) + tolerated(len(typed))
	if len(typed) < leastAlike || len(word)+tolerated(len(typed)) < len(typed) {
		return 0, most
	}
	word = word[:min(len(word), most)]
	before, last, row := make([]int, len(word)+1), make([]int, len(word)+1), make([]int, len(word)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(typed) {
		row[0] = i + 1
		for j := range len(word) {
			cost := 1
			if typed[i] == word[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && typed[i] == word[j-1] && typed[i-1] == word[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	letters, mistakes = 0, most
	for j, m := range last {
		if m < mistakes || m == mistakes && j == len(word) {
			letters, mistakes = j, m
		}
	}
	return letters, mistakes
}
