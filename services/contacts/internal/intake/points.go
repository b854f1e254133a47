package intake

import (
	"strings"
	"unicode"

	"kontor.internal/libs/imports"
	"kontor.internal/services/contacts/internal/reach"
)

// kindWords are what programs call the kinds of numbers, addresses and sites, in lower case.
func kindWords(word string) string {
	switch word {
	case "mobile", "cell", "mobil", "handy", "iphone", "мобильный", "сотовый", "komórkowy", "portable":
		return "mobile"
	case "work", "business", "office", "arbeit", "geschäftlich", "рабочий", "praca", "służbowy", "bureau", "travail", "main":
		return "work"
	case "home", "private", "privat", "domicile", "домашний", "личный", "dom", "domowy":
		return "home"
	case "fax", "home fax", "work fax", "faks", "факс":
		return "fax"
	}
	return word
}

// tagged takes an item such as "mobile: +49 170 1234567" apart. An item without a kind has none; one with a kind alone is
// empty.
func tagged(item string) (kind, value string) {
	head, rest, ok := strings.Cut(item, ":")
	if !ok || rest != "" && !unicode.IsSpace(rune(rest[0])) || len(head) > 32 || strings.ContainsAny(head, "0123456789/@") {
		return "", item
	}
	head = strings.ToLower(strings.TrimSpace(strings.TrimLeft(head, "* "))) // Google marks the first with an asterisk
	return kindWords(head), strings.TrimSpace(rest)
}

// items are those of a list with their kinds; one cell may hold several.
func items(row imports.Row, field string, add func(kind, value string)) {
	for _, item := range row.List(field) {
		kind, values := tagged(item)
		for _, v := range strings.Split(values, " ::: ") { // Google's
			if v = strings.TrimSpace(v); v != "" {
				add(kind, v)
			}
		}
	}
}

// fillPoints fills phones, e-mails and sites.
func fillPoints(row imports.Row, p *reach.Points) {
	if row.Mapped("phones") {
		p.Phones = nil
		items(row, "phones", func(kind, v string) {
			p.Phones = append(p.Phones, reach.Phone{Number: v, Kind: kind, Primary: len(p.Phones) == 0})
		})
	}
	if row.Mapped("emails") {
		p.Emails = nil
		items(row, "emails", func(kind, v string) {
			p.Emails = append(p.Emails, reach.Email{Address: v, Kind: kind, Primary: len(p.Emails) == 0})
		})
	}
	if row.Mapped("sites") {
		p.Links = nil
		items(row, "sites", func(kind, v string) {
			if kind == "" || kind == "work" || kind == "home" || kind == "other" {
				kind = "site"
			}
			p.Links = append(p.Links, reach.Link{Kind: kind, Value: v})
		})
	}
}

// postal reads addresses as cards have them: box;extension;street;city;region;code;country.
func postal(row imports.Row) []reach.Address {
	var out []reach.Address
	for _, item := range row.List("addresses") {
		kind, text := tagged(item)
		parts := append(strings.Split(text, ";"), make([]string, 7)...)
		for i := range parts {
			parts[i] = strings.Trim(parts[i], " ,")
		}
		street := make([]string, 0, 3)
		for _, s := range []string{parts[2], parts[1], parts[0]} {
			if s != "" {
				street = append(street, s)
			}
		}
		a := reach.Address{
			Kind: kind, Street: strings.Join(street, "\n"), City: parts[3], Region: parts[4], PostalCode: parts[5],
			Country: strings.Join(append(parts[6:7:7], nonEmpty(parts[7:])...), " "),
		}
		if a != (reach.Address{Kind: kind}) {
			out = append(out, a)
		}
	}
	return out
}

func nonEmpty(list []string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// remark adds a line to a remark, once.
func remark(to *string, line string) {
	if line == "" || strings.Contains(*to, line) {
		return
	}
	*to = strings.TrimSpace(*to + "\n" + line)
}
