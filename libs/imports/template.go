package imports

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// template is text with columns in it: "Team {manager}", "{agent|slug}@example.com". "{{" stands for a brace.
type template struct {
	parts []part
}

type part struct {
	text    string // literal, if column is empty
	column  string
	filters []string
}

// filterNames are what may stand after a bar in a template.
var filterNames = []string{"lower", "upper", "slug", "first_word", "last_word"} //nolint:gochecknoglobals // constant

func parseTemplate(s string) (*template, error) {
	t := &template{}
	lit := func(text string) {
		if text == "" {
			return
		}
		if n := len(t.parts); n > 0 && t.parts[n-1].column == "" {
			t.parts[n-1].text += text
			return
		}
		t.parts = append(t.parts, part{text: text})
	}
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			lit(s)
			break
		}
		lit(s[:i])
		switch rest := s[i:]; {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			lit(rest[:1])
			s = rest[2:]
		case rest[0] == '}':
			return nil, fmt.Errorf("%q has a } without {; write }} for a brace", s)
		default:
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, fmt.Errorf("%q has a { without }; write {{ for a brace", rest)
			}
			p, err := parsePart(rest[1:end])
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, p)
			s = rest[end+1:]
		}
	}
	return t, nil
}

func parsePart(s string) (part, error) {
	names := strings.Split(s, "|")
	p := part{column: strings.TrimSpace(names[0])}
	if p.column == "" {
		return part{}, fmt.Errorf("{%s} names no column", s)
	}
	for _, f := range names[1:] {
		f = strings.TrimSpace(f)
		if !slices.Contains(filterNames, f) {
			return part{}, fmt.Errorf("{%s}: there is no filter %q; known are %s", s, f, strings.Join(filterNames, ", "))
		}
		p.filters = append(p.filters, f)
	}
	return p, nil
}

// literal returns the text of a template without columns.
func (t *template) literal() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].column == "":
		return t.parts[0].text, true
	}
	return "", false
}

// fill returns the text for a row. If it has columns and all of them are empty, so is the text: "Team {manager}"
// without a manager is no team.
func (t *template) fill(cell func(column string) string) string {
	if lit, ok := t.literal(); ok {
		return lit
	}
	var b strings.Builder
	filled := false
	for _, p := range t.parts {
		if p.column == "" {
			b.WriteString(p.text)
			continue
		}
		v := cell(p.column)
		filled = filled || v != ""
		for _, f := range p.filters {
			v = applyFilter(f, v)
		}
		b.WriteString(v)
	}
	if !filled {
		return ""
	}
	return strings.TrimSpace(b.String())
}

func applyFilter(name, v string) string {
	switch name {
	case "lower":
		return strings.ToLower(v)
	case "upper":
		return strings.ToUpper(v)
	case "first_word":
		if f := strings.Fields(v); len(f) > 0 {
			return f[0]
		}
	case "last_word":
		if f := strings.Fields(v); len(f) > 0 {
			return f[len(f)-1]
		}
	case "slug":
		return slug(v)
	}
	return v
}

// slug makes of a name what may stand before the @ of an address: lower-cased, accents taken off, words joined by
// dots, everything but ASCII letters, digits and hyphens left out.
func slug(v string) string {
	words := strings.Fields(strings.ToLower(v))
	for i, w := range words {
		var b strings.Builder
		for _, r := range norm.NFD.String(w) {
			if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-') {
				b.WriteRune(r)
			}
		}
		words[i] = b.String()
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ".")
}
