package search

import (
	"math"
	"strings"
)

const (
	// maxWords is how many words of a query count.
	maxWords = 8
	// leastTrigram is how many letters make a trigram; leastAlike from how many on mistakes are looked for.
	leastTrigram = 3
	leastAlike   = 4
	// longWord is from how many letters on two mistakes are surely found by trigrams, shortWord below how many only one
	// is let pass.
	longWord  = 8
	shortWord = 6
)

// Query is what somebody types.
type Query struct {
	text  string
	words []string
}

// Parse reads what is typed. All of it may be typed by anybody: signs, invisible characters and patterns mean nothing.
func Parse(text string) Query {
	words := strings.Fields(Key(text))
	return Query{text: text, words: words[:min(len(words), maxWords)]}
}

// Empty reports whether there is nothing to look for.
func (q Query) Empty() bool { return len(q.words) == 0 }

// Text is what was typed.
func (q Query) Text() string { return q.text }

// Digits returns the digits typed if it may be a telephone number: at least three, and besides them only what stands in
// one. international says that it begins with + or 00.
func (q Query) Digits() (digits string, international bool) {
	var b strings.Builder
	for _, w := range q.words {
		for _, c := range w {
			if c < '0' || c > '9' {
				return "", false
			}
		}
		b.WriteString(w)
	}
	digits = b.String()
	if len(digits) < leastTrigram {
		return "", false
	}
	if strings.HasPrefix(digits, "00") {
		return digits[2:], true
	}
	return digits, strings.HasPrefix(strings.TrimSpace(q.text), "+") || strings.HasPrefix(strings.TrimSpace(q.text), "＋")
}

// joined is the query without blanks if it may be a number of several parts, such as a tax number; "" if not.
func (q Query) joined() string {
	if joined := strings.Join(q.words, ""); len(q.words) > 1 && strings.ContainsAny(joined, "0123456789") && len(joined) >= leastTrigram {
		return joined
	}
	return ""
}

// patterns are what the key of a record has to be like to have all words. A word too short for the index is looked for
// where words begin.
func (q Query) patterns() []string {
	out := make([]string, len(q.words))
	for i, w := range q.words {
		if len(w) < leastTrigram {
			w = " " + w
		}
		out[i] = "%" + w + "%"
	}
	return out
}

// alike are the words that may have mistakes, patterns what the rest of them has to be like, and threshold the share of
// trigrams of a word that a key must have; no words if there is nothing to be mistaken in.
func (q Query) alike() (words, patterns []string, threshold float64) {
	threshold = 1
	for i, w := range q.words {
		if len(w) < leastAlike || strings.ContainsAny(w, "0123456789") {
			patterns = append(patterns, q.patterns()[i])
			continue
		}
		words = append(words, w)
		threshold = min(threshold, share(len(w)))
	}
	return words, patterns, threshold
}

// share of the n+1 trigrams of a word of n letters that are left after one mistake, or two in a long one: each changes
// three at most.
func share(n int) float64 {
	mistakes := 1
	if n >= longWord {
		mistakes = 2
	}
	const slack = 0.01
	return math.Max(float64(n+1-3*mistakes)/float64(n+1), 0.33) - slack
}

// tolerated is how many mistakes a word of so many letters may have.
func tolerated(n int) int {
	switch {
	case n < leastAlike:
		return 0
	case n < shortWord:
		return 1
	}
	return 2
}
