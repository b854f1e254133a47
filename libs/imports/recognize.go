package imports

import (
	"regexp"
	"slices"
	"strings"
)

// What other programs export has several columns for one list, each of a kind: "Mobile Phone", "Home Phone"; or pairs of
// columns, "Phone 1 - Label" and "Phone 1 - Value". A proposed mapping takes all of them, each item with its kind before
// it: "mobile: +49 170 1234567".

// recognize tells whose export a file is, by columns that no other has; "" if it is nobody's.
func recognize(header []string) string {
	have := make(map[string]bool, len(header))
	for _, h := range header {
		have[plain(h)] = true
	}
	for _, program := range []struct {
		name string
		// columns, all of one of which are in every export.
		columns [][]string
	}{
		{"google", [][]string{{"email1value", "phone1value"}, {"email1value", "namesuffix"}, {"phone1value", "namesuffix"}}},
		{"outlook", [][]string{
			{"emailaddress", "businessphone", "businessstreet"},
			{"emailadresse", "telefongeschäftlich"},
			{"adresdemessagerie", "téléphonebureau"},
			{"адресэлпочты", "рабочийтелефон"},
			{"adresemail", "telefonsłużbowy"},
		}},
		{"hubspot", [][]string{
			{"recordid", "contactowner"},
			{"recordid", "companyowner"},
			{"recordid", "dealowner"},
			{"recordid", "lifecyclestage"},
			{"datensatzid", "zuständigermitarbeiterfürkontakt"},
		}},
		{"bitrix24", [][]string{
			{"id", "workphone", "responsibleperson"},
			{"id", "workemail", "responsibleperson"},
			{"id", "рабочийтелефон", "ответственный"},
			{"id", "рабочийemail", "ответственный"},
			{"id", "telefongeschäftlich", "verantwortlicheperson"},
			{"id", "companyname", "responsibleperson"},
			{"id", "названиекомпании", "ответственный"},
		}},
	} {
		for _, columns := range program.columns {
			if !slices.ContainsFunc(columns, func(c string) bool { return !have[c] }) {
				return program.name
			}
		}
	}
	return ""
}

// pairOf takes "Phone 1 - Value" apart.
var pairOf = regexp.MustCompile(`^(?i)(phone|e-?mail|website|im) (\d+) - value$`)

// itemsFor proposes what fills a list, of all columns that are called like one of its items. used are columns that are
// taken; those that it takes are marked.
func itemsFor(field string, header []string, used []bool) []any {
	var out []any
	for i, h := range header {
		if used[i] {
			continue
		}
		if m := pairOf.FindStringSubmatch(h); m != nil {
			if pairField(m[1]) != field {
				continue
			}
			used[i] = true
			for j, label := range header {
				if k := plain(label); k == plain(m[1]+m[2]+"label") || k == plain(m[1]+m[2]+"type") {
					used[j] = true
					out = append(out, tagged("{"+label+"}", h))
				}
			}
			continue
		}
		if kind, ok := kindOf(field, plain(h)); ok && !strings.ContainsAny(h, "{}|") {
			used[i] = true
			out = append(out, tagged(kind, h))
		}
	}
	return out
}

// tagged is an item with a kind before it.
func tagged(kind, column string) any {
	if kind == "" {
		return map[string]any{"column": column}
	}
	return map[string]any{"template": kind + ": {" + column + "}", "when": map[string]any{"column": column, "empty": false}}
}

func pairField(name string) string {
	switch strings.ToLower(name) {
	case "phone":
		return "phones"
	case "website", "im":
		return "sites"
	}
	return "emails"
}

// kindOf returns of which kind the items of a column are, by its name in several languages.
func kindOf(field, column string) (kind string, ok bool) {
	for _, k := range kindsOf(field) {
		if slices.Contains(k.columns, strings.TrimRight(column, "0123456789")) {
			return k.kind, true
		}
	}
	return "", false
}

type columnKind struct {
	kind    string
	columns []string
}

func kindsOf(field string) []columnKind {
	switch field {
	case "phones":
		return []columnKind{
			{"mobile", []string{
				"mobilephone", "mobilephonenumber", "mobile", "cellphone", "mobiltelefon", "handy", "telefonkomórkowy", "téléphonemobile", "мобильныйтелефон",
				"мобильный", "сотовыйтелефон",
			}},
			{"work", []string{
				"businessphone", "workphone", "companymainphone", "telefongeschäftlich", "telefonsłużbowy", "téléphonebureau", "рабочийтелефон",
			}},
			{"home", []string{"homephone", "telefonprivat", "telefondomowy", "téléphonedomicile", "домашнийтелефон", "телефондом"}},
			{"fax", []string{"fax", "businessfax", "homefax", "faxgeschäftlich", "faxprivat", "faxnumber", "факс", "рабочийфакс", "télécopiebureau"}},
			{"pager", []string{"pager", "пейджер"}},
			{"other", []string{"otherphone", "otherphonenumber", "primaryphone", "carphone", "assistantsphone", "weiterestelefon", "другойтелефон", "autotelefon", "autrephone"}},
			{"", []string{"phone", "phonenumber", "telephone", "tel", "telefon", "téléphone", "телефон"}},
		}
	case "emails":
		return []columnKind{
			{"work", []string{"workemail", "businessemail", "рабочийemail", "emailgeschäftlich"}},
			{"home", []string{"homeemail", "privateemail", "частныйemail", "emailprivat"}},
			{"other", []string{"otheremail", "другойemail", "additionalemailaddresses", "andereemail"}},
			{"", []string{"email", "emailaddress", "emailadresse", "mail", "adresemail", "adresdemessagerie", "почта", "адресэлпочты"}},
		}
	case "sites":
		return []columnKind{
			{"", []string{
				"website", "websiteurl", "webpage", "webseite", "corporatewebsite", "personalpage", "otherwebsite", "homepage", "корпоративныйсайт",
				"личнаястраница", "сайт", "вебстраница", "pageweb", "stronasieciweb",
			}},
			{"telegram", []string{"telegram", "telegramaccount", "контакттелеграм"}},
			{"skype", []string{"skype", "skypeid", "контактскайп"}},
			{"linkedin", []string{"linkedinurl", "linkedin", "linkedinbio"}},
		}
	}
	return nil
}

// cardFields is the mapping of cards.
func cardFields(t Target) map[string]any {
	out := map[string]any{}
	for _, column := range cardColumns() {
		f, ok := t.field(column)
		if !ok {
			continue
		}
		value := map[string]any{"column": column}
		if f.Type == TextList {
			value["split"] = "\n"
		}
		out[column] = value
	}
	if _, ok := t.field("company"); ok {
		out["company"] = map[string]any{
			"column": "company_name", "lookup": map[string]any{"kind": "company", "by": "name", "missing": "empty"},
		}
	}
	return out
}
