// Package search finds records as one types: by parts of names in any order, in other alphabets, with typing mistakes.
//
// Every record that is found has a key, a line of Latin letters and digits that its names, addresses and numbers are
// folded into when it is saved (Key). What is typed is folded the same way (Parse). A trigram index over the keys yields
// candidates (Finder), and those are compared word by word, which gives the score and says where the hit is (Query.Score).
package search

import (
	"strings"
	"unicode/utf8"

	"github.com/mozillazg/go-unidecode"
)

// maxKey is the length, in bytes, beyond which a key is cut off: no name is as long.
const maxKey = 2000

// Key folds texts into one search key: words of a–z and 0–9, each after a blank. Letters of other alphabets are written in
// Latin, letters that sound alike become one (y, j and i; w and v; x and ks), doubled ones single; all else parts words.
// The key of a part of a text is a part of its key, but for the blank in front. A text without letters and digits has the
// key "".
func Key(texts ...string) string {
	f := folder{}
	for _, t := range texts {
		f.blank()
		f.text(t)
	}
	return f.key()
}

// Within is the key of a part of a text, without the blank in front.
func Within(s string) string { return strings.TrimPrefix(Key(s), " ") }

// Solid is the key of a number, such as a tax number or an article number, in which blanks and signs mean nothing.
func Solid(s string) string {
	f := folder{solid: true}
	f.text(s)
	return strings.TrimPrefix(f.key(), " ")
}

// folder writes a key. With trace set it notes of every byte which rune of the text it comes from.
type folder struct {
	out   []byte
	gap   bool
	solid bool // nothing parts words
	trace bool
	from  []int32
	at    int32
}

func (f *folder) blank() { f.gap = true }

func (f *folder) key() string { return string(f.out) }

// text adds a text.
func (f *folder) text(s string) {
	for i := 0; i < len(s) && len(f.out) < maxKey; {
		if c := s[i]; c < utf8.RuneSelf {
			f.ascii(c)
			i++
			f.at++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r != utf8.RuneError {
			for _, c := range []byte(unidecode.Unidecode(string(r))) {
				f.ascii(c)
			}
			if inherent(r, s[i:]) {
				f.ascii('a')
			}
		}
		f.at++
	}
}

// ascii adds a character; apostrophes, which also stand for soft signs, join what they are between.
func (f *folder) ascii(c byte) {
	switch {
	case c >= 'A' && c <= 'Z':
		f.letter(c - 'A' + 'a')
	case c >= 'a' && c <= 'z':
		f.letter(c)
	case c >= '0' && c <= '9':
		f.put(c)
	case c == '\'' || c == '`' || c == 0:
	default:
		f.gap = true
	}
}

func (f *folder) letter(c byte) {
	switch c {
	case 'y', 'j':
		c = 'i'
	case 'w':
		c = 'v'
	case 'x':
		f.letter('k')
		c = 's'
	}
	if (!f.gap || f.solid) && len(f.out) > 0 && f.out[len(f.out)-1] == c {
		return
	}
	f.put(c)
}

func (f *folder) put(c byte) {
	if f.gap && !f.solid || len(f.out) == 0 {
		f.add(' ')
		f.gap = false
	}
	f.add(c)
}

func (f *folder) add(c byte) {
	f.out = append(f.out, c)
	if f.trace {
		f.from = append(f.from, f.at)
	}
}

// The scripts of India in Unicode have one order of letters, so that a letter's place tells what it is.
const (
	indicFirst, indicLast = 0x0900, 0x0D7F
	indicBlock            = 0x80
	consonantFirst        = 0x15
	consonantLast         = 0x39
	nukta                 = 0x3C
	nuktaFirst, nuktaLast = 0x58, 0x5F
)

// inherent reports whether r is a consonant of an Indian script that is spoken with an "a" before what follows: one before
// another consonant, with no vowel sign and no sign that there is none.
func inherent(r rune, rest string) bool {
	if !consonant(r) {
		return false
	}
	next, n := utf8.DecodeRuneInString(rest)
	if indic(next) && next%indicBlock == nukta {
		next, _ = utf8.DecodeRuneInString(rest[n:])
	}
	return consonant(next)
}

func indic(r rune) bool { return r >= indicFirst && r <= indicLast }

func consonant(r rune) bool {
	at := r % indicBlock
	return indic(r) && (at >= consonantFirst && at <= consonantLast || at >= nuktaFirst && at <= nuktaLast)
}
