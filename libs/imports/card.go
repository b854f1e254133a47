package imports

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"slices"
	"strings"
	"time"
)

// property is a line of a card: what it is called, its parameters, and the value as written.
type property struct {
	group, name string
	types       []string
	params      map[string]string
	value       string
	line        string
	bytes       []byte // of a value in base64
}

// parseProperty takes a line apart; false if it is none.
func parseProperty(line string) (property, bool) {
	p := property{params: map[string]string{}, line: line}
	end, quoted := -1, false
	for i := range len(line) {
		if line[i] == '"' {
			quoted = !quoted
		}
		if line[i] == ':' && !quoted {
			end = i
			break
		}
	}
	if end < 1 {
		return p, false
	}
	p.value = line[end+1:]
	head := splitOutside(line[:end], ';')
	p.name = strings.ToUpper(strings.TrimSpace(head[0]))
	if group, name, ok := strings.Cut(p.name, "."); ok {
		p.group, p.name = group, name
	}
	for _, param := range head[1:] {
		name, value, ok := strings.Cut(param, "=")
		name = strings.ToUpper(strings.TrimSpace(name))
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch {
		case !ok && (name == "BASE64" || name == "QUOTED-PRINTABLE" || name == "8BIT" || name == "7BIT"):
			p.params["ENCODING"] = name
		case !ok:
			p.types = append(p.types, strings.ToLower(name)) // version 2.1: TEL;WORK;VOICE
		case name == "TYPE":
			for _, t := range strings.Split(value, ",") {
				p.types = append(p.types, strings.ToLower(strings.TrimSpace(t)))
			}
		default:
			p.params[name] = value
		}
	}
	p.decode()
	return p, true
}

// splitOutside splits at a sign, but not within quotes.
func splitOutside(s string, at byte) []string {
	var out []string
	from, quoted := 0, false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == at && !quoted:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

func (p *property) decode() {
	switch strings.ToUpper(p.params["ENCODING"]) {
	case "QUOTED-PRINTABLE":
		b, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(p.value)))
		if err != nil {
			return // kept as it is written
		}
		charset := p.params["CHARSET"]
		if charset == "" {
			charset = detectEncoding(b)
		}
		p.value = strings.ReplaceAll(inEncoding(b, charset), "\r\n", "\n")
	case "BASE64", "B":
		p.bytes = unpack(p.value)
	default:
		if rest, ok := strings.CutPrefix(p.value, "data:"); ok {
			if kind, data, ok := strings.Cut(rest, ";base64,"); ok {
				p.bytes = unpack(data)
				p.types = append(p.types, strings.ToLower(kind))
			}
		}
	}
}

func unpack(s string) []byte {
	s = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, s)
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// texts are the parts of a value that stand between semicolons, without their escapes.
func (p *property) texts(is21 bool) []string {
	var out []string
	var part strings.Builder
	for i := 0; i < len(p.value); i++ {
		c := p.value[i]
		switch {
		case c == ';':
			out = append(out, part.String())
			part.Reset()
			continue
		case c == '\\' && i+1 < len(p.value) && (!is21 || p.value[i+1] == ';'):
			i++
			if c = p.value[i]; c == 'n' || c == 'N' {
				c = '\n'
			}
		}
		part.WriteByte(c)
	}
	return append(out, part.String())
}

func (p *property) text(is21 bool) string { return strings.TrimSpace(strings.Join(p.texts(is21), ";")) }

// card fills the cells of a card. What has no column of its own is kept in the comment.
func (c *cards) card(rec Record, lines [][]byte) (Record, error) {
	f := filling{cells: rec.Cells, keep: c.keep}
	labels := map[string]string{}
	for _, line := range c.unfold(lines) {
		p, ok := parseProperty(line)
		if !ok {
			f.note(line)
			continue
		}
		switch p.name {
		case "VERSION":
			f.is21 = strings.HasPrefix(p.value, "2")
			continue
		case "X-ABLABEL":
			labels[p.group] = strings.Trim(p.text(false), "_$!<>")
			continue
		}
		f.all = append(f.all, p)
	}
	for _, p := range f.all {
		f.label = labels[p.group]
		if p.group == "" {
			f.label = ""
		}
		if err := f.property(p); err != nil {
			return Record{}, err
		}
	}
	f.finish()
	return rec, nil
}

// filling is one card on its way to cells.
type filling struct {
	cells []string
	all   []property
	keep  keeper
	is21  bool
	label string // of the property, where a program has named it
	full  string // the name in one
	notes []string
}

func (f *filling) note(s string) { f.notes = append(f.notes, s) }

// add puts an item with its kind at the end of a list.
func (f *filling) add(column int, kind, value string) {
	value = strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimSpace(value), "\n", ", ")), " ")
	if value == "" {
		return
	}
	if kind != "" {
		value = kind + ": " + value
	}
	if f.cells[column] != "" {
		value = f.cells[column] + "\n" + value
	}
	f.cells[column] = value
}

// set fills a column that holds one value; a second value is noted.
func (f *filling) set(column int, p property, value string) {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
	case f.cells[column] == "":
		f.cells[column] = value
	default:
		f.note(named(p.name, "") + value)
	}
}

// named is how a note begins.
func named(name, kind string) string {
	if kind != "" {
		kind = " (" + kind + ")"
	}
	return name + kind + ": "
}

// kind is what a point is, of the types a card has for it.
func (f *filling) kind(p property, known ...string) string {
	for _, k := range known {
		if slices.Contains(p.types, k) {
			if k == "cell" {
				return "mobile"
			}
			return k
		}
	}
	return f.label
}

func (f *filling) property(p property) error {
	text := p.text(f.is21)
	switch p.name {
	case "N":
		n := append(p.texts(f.is21), "", "", "", "", "")
		for i, column := range []int{cardLast, cardFirst, cardMiddle, cardPrefix} {
			f.set(column, p, n[i])
		}
		if n[4] != "" {
			f.note("Suffix: " + n[4])
		}
	case "FN":
		f.full = text
	case "ORG":
		parts := p.texts(f.is21)
		f.set(cardCompany, p, parts[0])
		if rest := strings.Trim(strings.Join(parts[1:], ", "), ", "); rest != "" {
			f.note("Department: " + rest)
		}
	case "TITLE":
		f.set(cardTitle, p, text)
	case "LANG":
		f.set(cardLanguage, p, text)
	case "BDAY":
		day, ok := birthday(text)
		if !ok {
			f.note("BDAY: " + text)
			return nil
		}
		f.set(cardBirthday, p, day)
	case "TEL":
		f.add(cardPhones, f.kind(p, "fax", "pager", "cell", "work", "home"), strings.TrimPrefix(text, "tel:"))
	case "EMAIL":
		f.add(cardEmails, f.kind(p, "work", "home"), strings.TrimPrefix(text, "mailto:"))
	case "URL":
		f.add(cardSites, "", text)
	case "IMPP", "X-SOCIALPROFILE", "X-MS-IMADDRESS", "X-AIM", "X-ICQ", "X-SKYPE", "X-SKYPE-USERNAME", "X-JABBER", "X-TELEGRAM", "X-TWITTER":
		f.account(p, text)
	case "ADR":
		parts := p.texts(f.is21)
		for i := range parts {
			parts[i] = strings.ReplaceAll(strings.TrimSpace(parts[i]), ";", ",")
		}
		if strings.Join(parts, "") != "" {
			f.add(cardAddresses, f.kind(p, "work", "home", "postal"), strings.Join(parts, ";"))
		}
	case "NOTE":
		f.notes = append([]string{text}, f.notes...)
	case "PHOTO":
		return f.photo(p)
	default:
		return f.other(p, text)
	}
	return nil
}

// account is a messenger's.
func (f *filling) account(p property, text string) {
	kind := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(p.name, "X-"), "-USERNAME"))
	switch scheme, rest, ok := strings.Cut(text, ":"); {
	case p.name == "X-SOCIALPROFILE" && len(p.types) > 0:
		kind = p.types[0]
	case p.name == "IMPP" && ok:
		kind, text = strings.ToLower(scheme), rest
	case p.name == "IMPP", p.name == "X-MS-IMADDRESS", p.name == "X-SOCIALPROFILE":
		kind = "chat"
	}
	f.add(cardSites, kind, text)
}

func (f *filling) photo(p property) error {
	if p.bytes == nil {
		f.note("PHOTO: " + p.value)
		return nil
	}
	if f.keep == nil {
		return nil // a preview
	}
	if f.cells[cardPhoto] != "" {
		return f.other(p, "")
	}
	fileID, err := f.keep(p.bytes, imageType(p))
	f.cells[cardPhoto] = fileID
	return err
}

func imageType(p property) string {
	for _, t := range append(p.types, strings.ToLower(p.params["MEDIATYPE"])) {
		if t = strings.TrimPrefix(t, "image/"); slices.Contains([]string{"jpeg", "png", "gif", "webp"}, t) {
			return "image/" + t
		}
	}
	switch {
	case bytes.HasPrefix(p.bytes, []byte("\x89PNG")):
		return "image/png"
	case bytes.HasPrefix(p.bytes, []byte("GIF8")):
		return "image/gif"
	}
	return "image/jpeg"
}

// smallBytes is what of a value in base64 is kept as text; more goes into a file.
const smallBytes = 2048

// other keeps what has no place of its own.
func (f *filling) other(p property, text string) error {
	kind := f.label
	if kind == "" {
		kind = strings.Join(p.types, ", ")
	}
	switch {
	case len(p.bytes) > smallBytes && f.keep != nil:
		fileID, err := f.keep(p.bytes, "application/octet-stream")
		if err != nil {
			return err
		}
		f.note(fmt.Sprintf("%sfile %s", named(p.name, kind), fileID))
	case len(p.bytes) > smallBytes:
		f.note(fmt.Sprintf("%s%d bytes", named(p.name, kind), len(p.bytes)))
	case p.bytes != nil:
		f.note(named(p.name, kind) + strings.TrimSpace(p.value))
	case text != "":
		f.note(named(p.name, kind) + text)
	}
	return nil
}

// finish fills in the name where a card has it in one alone, and the comment.
func (f *filling) finish() {
	if f.cells[cardFirst] == "" && f.cells[cardLast] == "" {
		f.cells[cardFirst] = f.full
	} else if f.full != "" && !sameWords(f.full, strings.Join(f.cells[:cardCompany], " ")+" "+strings.Join(f.notes, " ")) {
		f.note("FN: " + f.full)
	}
	f.cells[cardComment] = strings.Join(f.notes, "\n")
}

// sameWords reports whether all words of a name are known already.
func sameWords(name, known string) bool {
	have := strings.Fields(strings.ToLower(strings.ReplaceAll(known, ",", " ")))
	for _, w := range strings.Fields(strings.ToLower(strings.ReplaceAll(name, ",", " "))) {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// birthday reads the ways in which cards write a day; the year is 0 if it is not known.
func birthday(s string) (string, bool) {
	if i := strings.IndexAny(s, "Tt "); i > 0 {
		s = s[:i]
	}
	for _, layout := range []string{time.DateOnly, "20060102", "--0102", "--01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.DateOnly), true
		}
	}
	return "", false
}
