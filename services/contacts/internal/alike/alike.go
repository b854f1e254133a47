// Package alike makes the keys by which records are recognised as possibly the same (CON-15): names and addresses in a form
// in which spelling, script, accents, order of words and legal forms do not matter, and scores what two records share.
package alike

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// The kinds of points beside numbers and e-mail addresses.
const (
	NamePoint    = "name"
	TaxPoint     = "tax"
	AddressPoint = "address"
)

// maxKey is the longest key in bytes: an index cannot hold more than a third of a page.
const maxKey = 256

// Person is the key of a person's name, of the first and the last one. Without either it is that of the one there is.
func Person(first, last string) string { return join(words(record.Join(first, last))) }

// Company is the key of a company's name, without its legal form.
func Company(name string) string {
	all := words(name)
	kept := slices.DeleteFunc(slices.Clone(all), func(w string) bool { return slices.Contains(legalForms, w) })
	if len(kept) == 0 { // a company called "AG"
		kept = all
	}
	return join(kept)
}

// Address is the key of an address; empty unless it names a street and a place.
func Address(a reach.Address) string {
	street := words(a.Street)
	place := a.PostalCode
	if place == "" {
		place = a.City
	}
	if len(street) == 0 || strings.TrimSpace(place) == "" {
		return ""
	}
	for i, w := range street {
		for _, long := range []string{"strase", "strasse", "street"} {
			if cut, ok := strings.CutSuffix(w, long); ok {
				street[i] = cut + "str"
			}
		}
	}
	return clip(strings.Join(words(place), "") + " " + strings.Join(street, ""))
}

// Points are the keys of a name and of addresses as points of a record; empty ones and repetitions are left out.
func Points(name string, addresses ...reach.Address) []reach.Point {
	var out []reach.Point
	add := func(kind, value string) {
		if p := (reach.Point{Kind: kind, Value: value}); value != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	add(NamePoint, name)
	for _, a := range addresses {
		add(AddressPoint, Address(a))
	}
	return out
}

// legalForms as words makes them.
var legalForms = func() []string { //nolint:gochecknoglobals // A table.
	var out []string
	for _, f := range []string{
		"GmbH", "mbH", "AG", "KG", "KGaA", "OHG", "UG", "eK", "SE", "Ltd", "Limited", "LLC", "LLP", "Inc", "Incorporated", "Corp",
		"Corporation", "Co", "Company", "PLC", "Pvt", "SA", "SAS", "SARL", "SRL", "SpA", "BV", "NV", "Oy", "AB", "AS", "ApS", "sro",
		"Sp", "zoo", "ООО", "ОАО", "ЗАО", "ПАО", "АО", "ИП", "ТОО", "ТОВ", "OOO", "OAO", "ZAO", "PAO", "AO", "IP", "TOO", "and", "und",
	} {
		out = append(out, words(f)...)
	}
	return out
}()

// words are the words of a text as they are compared: folded, without accents, in Latin letters where the script is Latin,
// Cyrillic or Greek, with spellings that stand for the same sound made one. Other scripts stay as they are.
func words(s string) []string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(record.Key(s)) {
		switch {
		case unicode.Is(unicode.Mn, r) && r < 0x0900: // accents of Latin, Greek and Cyrillic; vowel signs of others are letters
		case r == '.' || r == '\'' || r == '’': // "G.m.b.H.", "O'Neil"
		case !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.M, r):
			b.WriteByte(' ')
		default:
			if l, ok := latin[r]; ok {
				b.WriteString(l)
			} else {
				b.WriteRune(r)
			}
		}
	}
	out := strings.Fields(b.String())
	for i := range out {
		out[i] = squeeze(spellings.Replace(out[i]))
	}
	return out
}

// squeeze makes runs of a letter one. Digits stay: house 11 is not house 1.
func squeeze(s string) string {
	var b strings.Builder
	var last rune
	for _, r := range s {
		if r != last || unicode.IsNumber(r) {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// spellings that stand for the same sound, so that names that went through different transliterations meet.
var spellings = strings.NewReplacer( //nolint:gochecknoglobals // A table.
	"sch", "sh", "tsch", "ch", "shch", "sh", "kh", "h", "zh", "j", "ae", "a", "oe", "o", "ue", "u", "ph", "f", "x", "ks", "ck", "k",
	"ya", "ia", "ja", "ia", "yu", "iu", "ju", "iu", "ye", "e", "je", "e", "y", "i", "j", "i", "w", "v", "ts", "c", "tz", "c",
)

// latin is the letters that have no decomposition into Latin ones. Cyrillic й and ё have: their marks are gone before.
var latin = map[rune]string{ //nolint:gochecknoglobals // A table.
	'ł': "l", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'æ': "a", 'œ': "o", 'ı': "i", 'ŋ': "n", 'ß': "ss",

	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ж': "zh", 'з': "z", 'и': "i", 'к': "k", 'л': "l", 'м': "m",
	'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "kh", 'ц': "ts", 'ч': "ch", 'ш': "sh",
	'щ': "shch", 'ъ': "", 'ы': "y", 'ь': "", 'э': "e", 'ю': "yu", 'я': "ya", 'і': "i", 'є': "e", 'ґ': "g", 'ј': "i", 'љ': "l", 'њ': "n",
	'ћ': "c", 'ђ': "d", 'џ': "d",

	'α': "a", 'β': "v", 'γ': "g", 'δ': "d", 'ε': "e", 'ζ': "z", 'η': "i", 'θ': "th", 'ι': "i", 'κ': "k", 'λ': "l", 'μ': "m",
	'ν': "n", 'ξ': "ks", 'ο': "o", 'π': "p", 'ρ': "r", 'σ': "s", 'ς': "s", 'τ': "t", 'υ': "i", 'φ': "f", 'χ': "h", 'ψ': "ps", 'ω': "o",
}

func join(words []string) string {
	slices.Sort(words)
	return clip(strings.Join(slices.Compact(words), " "))
}

// clip keeps a key within an index's entry.
func clip(s string) string {
	for len(s) > maxKey {
		i := maxKey
		for i > 0 && s[i]&0xc0 == 0x80 {
			i--
		}
		s = s[:i]
	}
	return strings.TrimSpace(s)
}
