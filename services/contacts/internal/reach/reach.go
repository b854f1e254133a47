// Package reach is how a person or a company is reached: phones, e-mails, links and addresses, kept as typed and in the
// form they are looked up by (CON-11).
package reach

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"

	"kontor.internal/services/contacts/internal/record"
)

// Phone is a telephone number. E164 is empty if the number is valid nowhere.
type Phone struct {
	Number  string `json:"number"`
	E164    string `json:"e164,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

// Email is an e-mail address, as typed and normalised.
type Email struct {
	Address    string `json:"address"`
	Normalized string `json:"normalized"`
	Kind       string `json:"kind,omitempty"`
	Primary    bool   `json:"primary,omitempty"`
}

// Link is a web site or a messenger account.
type Link struct {
	Kind  string `json:"kind,omitempty"`
	Value string `json:"value"`
}

// Address is a postal address.
type Address struct {
	Kind       string `json:"kind,omitempty"`
	Street     string `json:"street,omitempty"`
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
}

// Points are the ways to reach one record.
type Points struct {
	Phones []Phone
	Emails []Email
	Links  []Link
}

// Normalize checks the points and sets what follows from what was typed. Phone numbers without a country prefix are
// read by the rules of country. A number that is valid nowhere is kept as typed, without an E.164 form; an address
// that cannot be one is refused.
func (p *Points) Normalize(country string, f *record.Faults) {
	primary := 0
	for i := range p.Phones {
		n := &p.Phones[i]
		f.Line(record.At("phones", i, "number"), &n.Number)
		f.Line(record.At("phones", i, "kind"), &n.Kind)
		if n.Number == "" {
			f.Add(record.At("phones", i, "number"), "is empty; leave the number out instead")
		}
		n.E164 = E164(n.Number, country)
		primary += count(n.Primary)
	}
	if primary > 1 {
		f.Add("phones", "more than one is primary")
	}
	primary = 0
	for i := range p.Emails {
		e := &p.Emails[i]
		f.Line(record.At("emails", i, "address"), &e.Address)
		f.Line(record.At("emails", i, "kind"), &e.Kind)
		if e.Normalized = NormalizeEmail(e.Address); e.Normalized == "" {
			f.Add(record.At("emails", i, "address"), "is not an e-mail address")
		}
		primary += count(e.Primary)
	}
	if primary > 1 {
		f.Add("emails", "more than one is primary")
	}
	for i := range p.Links {
		l := &p.Links[i]
		f.Line(record.At("links", i, "kind"), &l.Kind)
		f.Line(record.At("links", i, "value"), &l.Value)
	}
}

// Addresses checks postal addresses.
func Addresses(path string, as []Address, f *record.Faults) {
	for i := range as {
		as[i].Normalize(record.At(path, i, ""), f)
	}
}

// Normalize checks an address; prefix is put before the names of fields at fault.
func (a *Address) Normalize(prefix string, f *record.Faults) {
	f.Line(prefix+"kind", &a.Kind)
	f.Text(prefix+"street", &a.Street)
	f.Line(prefix+"city", &a.City)
	f.Line(prefix+"region", &a.Region)
	f.Line(prefix+"postal_code", &a.PostalCode)
	f.Line(prefix+"country", &a.Country)
}

// E164 returns the international form of a number, or "" if it is not a valid one. The number as typed may be in
// other digits than Latin ones, and with an extension, which is left out.
func E164(number, country string) string {
	if len(number) < 3 || len(number) > 250 { // the parser's own limit, before any work
		return ""
	}
	if e164, ok := plain(number); ok {
		return e164
	}
	n, err := phonenumbers.Parse(number, country)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "" // "12345" parses to something that no network knows
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}

// NormalizeEmail returns an address in lower case with the domain in its ASCII form, or "" if it is none.
func NormalizeEmail(s string) string {
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || len(s) > 320 || !utf8.ValidString(s) {
		return ""
	}
	local, domain := s[:at], s[at+1:]
	if len(local) > 64 || strings.ContainsFunc(local, notLocal) || strings.HasPrefix(local, ".") ||
		strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return ""
	}
	domain, err := idna.Lookup.ToASCII(domain)
	if err != nil || !strings.Contains(domain, ".") || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") ||
		strings.Contains(domain, "..") || len(domain) > 253 {
		return ""
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > 63 {
			return ""
		}
	}
	return strings.ToLower(local) + "@" + domain
}

// notLocal reports whether r cannot stand unquoted before the @ of an address. Quoted local parts do not occur in
// practice and are refused; so are characters that cannot be seen, which make two addresses look alike.
func notLocal(r rune) bool {
	return r <= ' ' || strings.ContainsRune(`()<>[]:;@\,"`, r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Point is one number or address by which a record is found.
type Point struct {
	Kind  string // PhonePoint or EmailPoint
	Value string
}

// The kinds of points.
const (
	PhonePoint = "phone"
	EmailPoint = "email"
)

// LookUp lists the distinct points by which the record is found.
func (p *Points) LookUp() []Point {
	out := make([]Point, 0, len(p.Phones)+len(p.Emails))
	add := func(kind, value string) {
		for _, q := range out {
			if q.Kind == kind && q.Value == value {
				return
			}
		}
		if value != "" {
			out = append(out, Point{kind, value})
		}
	}
	for _, n := range p.Phones {
		add(PhonePoint, n.E164)
	}
	for _, e := range p.Emails {
		add(EmailPoint, e.Normalized)
	}
	return out
}
