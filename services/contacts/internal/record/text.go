package record

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"kontor.internal/libs/apperr"
)

// Faults collects what is wrong with the fields of a record, so that a caller learns all of it at once.
type Faults struct {
	err *apperr.Error
}

// Add notes that a field is at fault.
func (f *Faults) Add(field, description string) {
	if f.err == nil {
		f.err = ErrField
	}
	f.err = f.err.WithField(field, description)
}

// Err returns ErrField naming each field at fault, or nil.
func (f *Faults) Err() error {
	if f.err == nil {
		return nil
	}
	return f.err
}

// Line checks text of one line: it is trimmed; line feeds and other control characters are refused. PostgreSQL cannot
// hold NUL, and the others are invisible in a list and break exports.
func (f *Faults) Line(field string, s *string) { f.text(field, s, false) }

// Text is Line for text that may have several lines.
func (f *Faults) Text(field string, s *string) { f.text(field, s, true) }

func (f *Faults) text(field string, s *string, lines bool) {
	*s = strings.TrimSpace(*s)
	for i := range len(*s) {
		if c := (*s)[i]; c < ' ' || c >= utf8.RuneSelf || c == 0x7f {
			f.slowText(field, s, lines)
			return
		}
	}
}

func (f *Faults) slowText(field string, s *string, lines bool) {
	if !utf8.ValidString(*s) {
		f.Add(field, "is not valid UTF-8")
		return
	}
	for _, r := range *s {
		if lines && (r == '\n' || r == '\r' || r == '\t') {
			continue
		}
		if unicode.IsControl(r) {
			f.Add(field, "has a control character ("+strconv.QuoteRuneToASCII(r)+")")
			return
		}
	}
}

// At is the path of a field of the i-th element of a list, such as "phones[2].number".
func At(list string, i int, field string) string {
	return list + "[" + strconv.Itoa(i) + "]." + field
}

// Key is the form in which names are compared: letter case, width, composition and runs of blanks do not matter.
func Key(s string) string {
	if k, ok := asciiKey(s); ok {
		return k
	}
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(s))), " ")
}

// asciiKey is Key for text that needs no tables; most names of an import do not.
func asciiKey(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return "", false
		case c >= 'A' && c <= 'Z':
			b = append(b, c-'A'+'a')
		case c == ' ' || c >= '\t' && c <= '\r':
			if len(b) > 0 && b[len(b)-1] != ' ' {
				b = append(b, ' ')
			}
		default:
			b = append(b, c)
		}
	}
	if len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return string(b), true
}

// Join puts the parts of a name together, leaving out empty ones.
func Join(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p)
	}
	return b.String()
}
