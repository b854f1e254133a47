package account

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
)

// What is wrong with a new password (ID-7).
var (
	ErrTooShort = apperr.Invalid("PASSWORD_TOO_SHORT", "the password is too short")
	ErrTooLong  = apperr.Invalid("PASSWORD_TOO_LONG", "the password is too long")
	ErrWeak     = apperr.Invalid("PASSWORD_WEAK",
		"the password is too easy to guess: use several words or more kinds of characters, and neither your name nor common words")
	ErrReused = apperr.Invalid("PASSWORD_REUSED", "this password was used before; choose another")
)

// Policy says which passwords are accepted.
type Policy struct {
	// MinLength and MaxLength are in characters.
	MinLength, MaxLength int
	// MinBits is the least strength, by the estimate of Strength.
	MinBits float64
	// Remember is how many of the latest passwords, the present one included, may not be used again.
	Remember int
	// MaxAge is after how long a password has to be changed. Zero for never.
	MaxAge time.Duration
}

// DefaultPolicy is what holds unless the installation says otherwise. Long rather than fancy: no kinds of characters
// are demanded and nothing expires (NIST SP 800-63B).
func DefaultPolicy() Policy {
	return Policy{MinLength: 10, MaxLength: 128, MinBits: 36, Remember: 5}
}

// Check returns ErrTooShort, ErrTooLong or ErrWeak if the password breaks the policy. about holds what is known of
// the person (address, name), which must not make up the password. Whether it was used before is for Reused.
func (p Policy) Check(password string, about ...string) error {
	if !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return ErrWeak.Saying("the password is not text")
	}
	switch n := utf8.RuneCountInString(password); {
	case n < p.MinLength:
		return ErrTooShort.With("min_length", strconv.Itoa(p.MinLength)).
			Saying("the password needs at least " + strconv.Itoa(p.MinLength) + " characters")
	case n > p.MaxLength:
		return ErrTooLong.With("max_length", strconv.Itoa(p.MaxLength)).
			Saying("the password may have at most " + strconv.Itoa(p.MaxLength) + " characters")
	}
	if Strength(password, about...) < p.MinBits {
		return ErrWeak
	}
	return nil
}

// Strength estimates, in bits, how hard a password is to guess: common words and what is known of the person count
// as little, repetitions and runs along the alphabet or the keyboard as next to nothing.
func Strength(password string, about ...string) float64 {
	s := fold(password)
	bits := 0.0
	for _, w := range append(personal(about), common()...) {
		if strings.Contains(s, w) {
			// A word stands for one guess among a thousand, however long it is.
			s = strings.ReplaceAll(s, w, "\x00")
			bits += 8
		}
	}
	per := math.Log2(float64(alphabet(password)))
	var last rune
	seen := make(map[rune]int)
	for _, r := range s {
		switch {
		case r == 0: // counted above
		case seen[r] > 2 || r == last || adjacent(last, r):
			bits++
		default:
			bits += per / float64(1+seen[r])
		}
		seen[r]++
		last = r
	}
	return bits
}

// fold makes the usual disguises of a word the word again.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); r {
		case '@', '4':
			return 'a'
		case '0':
			return 'o'
		case '1', '!', '|':
			return 'i'
		case '3':
			return 'e'
		case '$', '5':
			return 's'
		case '7':
			return 't'
		}
		return r
	}, s)
}

// personal returns the words of what is known of a person that are long enough to matter.
func personal(about []string) []string {
	var words []string
	for _, a := range about {
		for _, w := range strings.FieldsFunc(fold(a), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if utf8.RuneCountInString(w) >= 3 {
				words = append(words, w)
			}
		}
	}
	return words
}

// alphabet is how many characters the password seems to be drawn from.
func alphabet(s string) int {
	var lower, upper, digit, other, wide bool
	for _, r := range s {
		switch {
		case r > unicode.MaxASCII:
			wide = true
		case unicode.IsLower(r):
			lower = true
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsDigit(r):
			digit = true
		default:
			other = true
		}
	}
	n := 2
	for _, k := range []struct {
		has  bool
		size int
	}{{lower, 26}, {upper, 26}, {digit, 10}, {other, 32}, {wide, 100}} {
		if k.has {
			n += k.size
		}
	}
	return n
}

// adjacent reports whether b follows a, either way, in the alphabet, among the digits or on a row of the keyboard.
func adjacent(a, b rune) bool {
	if d := a - b; (d == 1 || d == -1) && (unicode.IsLetter(a) == unicode.IsLetter(b)) {
		return true
	}
	if a == 0 || b == 0 {
		return false
	}
	for _, row := range [...]string{"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "1234567890", "йцукенгшщзхъ", "фывапролджэ"} {
		for _, pair := range []string{string([]rune{a, b}), string([]rune{b, a})} {
			if strings.Contains(row, pair) || strings.Contains(fold(row), pair) {
				return true
			}
		}
	}
	return false
}

// common lists words that guessing begins with, folded, longer ones before their parts.
func common() []string {
	return []string{
		"administrator", "passwort", "password", "passwoi", "iloveyou", "football", "baseball", "basketball", "superman",
		"princess", "sunshine", "starwars", "whatever", "trustno", "computer", "internet", "michael", "jennifer",
		"welcome", "willkommen", "letmein", "changeme", "default", "example", "monkey", "dragon", "master", "shadow",
		"qwerty", "qwertz", "qwertyuiop", "azerty", "asdfgh", "zxcvbn", "kontor", "secret", "access", "hunter",
		"login", "admin", "guest", "hello", "summer", "winter", "spring", "autumn", "january", "february", "october",
		"november", "december", "sommer", "monday", "friday", "company", "server", "system", "database", "postgres",
		"test", "user", "root", "demo", "temp", "pass", "love", "abci", "abc",
	}
}
