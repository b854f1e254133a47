package exports

import (
	"io"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// cards writes vCards, version 3.0 (RFC 2426), which every program reads.
type cards struct {
	w     io.Writer
	names Names
}

// The fields that persons and companies have of those that a card knows.
type (
	named     interface{ GetName() string }
	person    interface{ GetFirstName() string }
	reachable interface {
		GetPhones() []*typev1.PhoneNumber
		GetEmails() []*typev1.EmailAddress
		GetLinks() []*typev1.Link
	}
)

// Write see [Writer].
func (c *cards) Write(record proto.Message) error {
	var b card
	m := record.ProtoReflect()
	text := func(field string) string {
		if f := m.Descriptor().Fields().ByName(protoreflect.Name(field)); f != nil && f.Kind() == protoreflect.StringKind && !f.IsList() {
			return m.Get(f).String()
		}
		return ""
	}
	b.line("BEGIN:VCARD")
	b.line("VERSION:3.0")
	full := text("name")
	if n, ok := record.(named); ok {
		full = n.GetName()
	}
	if _, ok := record.(person); ok {
		if full == "" {
			full = joined([]string{text("first_name"), text("middle_name"), text("last_name")}, " ")
		}
		b.line("N:" + strings.Join([]string{
			escaped(text("last_name")), escaped(text("first_name")), escaped(text("middle_name")), escaped(text("honorific")), "",
		}, ";"))
		if company := c.company(m, text("company_name")); company != "" {
			b.line("ORG:" + escaped(company))
		}
	} else {
		b.line("N:" + escaped(full) + ";;;;")
		b.line("ORG:" + escaped(full))
	}
	if full == "" {
		full = text("title")
	}
	b.line("FN:" + escaped(full))
	b.text("TITLE", text("position"))
	b.text("NOTE", text("comment"))
	b.text("UID", text("id"))
	if r, ok := record.(reachable); ok {
		b.reach(r)
	}
	c.rest(&b, m)
	b.line("END:VCARD")
	_, err := io.WriteString(c.w, b.String())
	return err
}

// company is the one a person represents.
func (c *cards) company(m protoreflect.Message, name string) string {
	f := m.Descriptor().Fields().ByName("employments")
	if name != "" || f == nil || m.Get(f).List().Len() == 0 || c.names == nil {
		return name
	}
	first := m.Get(f).List().Get(0).Message()
	id := first.Get(first.Descriptor().Fields().ByName("company_id")).String()
	if name = c.names("company_id", id); name == id {
		return ""
	}
	return name
}

func (c *cards) rest(b *card, m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch f.Name() {
		case "addresses":
			for i := range v.List().Len() {
				if a, ok := v.List().Get(i).Message().Interface().(*typev1.Address); ok {
					b.address(a)
				}
			}
		case "address":
			if a, ok := v.Message().Interface().(*typev1.Address); ok {
				b.address(a)
			}
		case "birthday":
			if d, ok := v.Message().Interface().(*date.Date); ok && d.GetYear() > 0 {
				b.line("BDAY:" + (&table{}).message(d))
			}
		}
		return true
	})
}

// Close see [Writer].
func (c *cards) Close() error { return nil }

// card is one card on its way.
type card struct{ strings.Builder }

func (b *card) text(name, value string) {
	if value != "" {
		b.line(name + ":" + escaped(value))
	}
}

func (b *card) reach(r reachable) {
	for _, p := range r.GetPhones() {
		b.line("TEL" + kindOf(p.GetKind()) + ":" + escaped(p.GetNumber()))
	}
	for _, e := range r.GetEmails() {
		b.line("EMAIL" + kindOf(e.GetKind()) + ":" + escaped(e.GetAddress()))
	}
	for _, l := range r.GetLinks() {
		if k := word(l.GetKind()); k != "" && k != "SITE" {
			b.line("IMPP;X-SERVICE-TYPE=" + k + ":" + strings.ToLower(k) + ":" + escaped(l.GetValue()))
			continue
		}
		b.line("URL:" + escaped(l.GetValue()))
	}
}

func (b *card) address(a *typev1.Address) {
	b.line("ADR" + kindOf(a.GetKind()) + ":" + strings.Join([]string{
		"", "", escaped(a.GetStreet()), escaped(a.GetCity()), escaped(a.GetRegion()), escaped(a.GetPostalCode()), escaped(a.GetCountry()),
	}, ";"))
}

// kindOf is a kind as a parameter.
func kindOf(kind string) string {
	k := word(kind)
	switch k {
	case "":
		return ""
	case "MOBILE":
		k = "CELL"
	}
	return ";TYPE=" + k
}

// word keeps what may stand in a parameter.
func word(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, strings.ToUpper(s))
}

func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
}

// foldAt is how many bytes a line may have.
const foldAt = 75

// line adds a line, folded between characters.
func (b *card) line(s string) {
	for most := foldAt; len(s) > most; most = foldAt - 1 {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		_, _ = b.WriteString(s[:cut] + "\r\n ")
		s = s[cut:]
	}
	_, _ = b.WriteString(s + "\r\n")
}
