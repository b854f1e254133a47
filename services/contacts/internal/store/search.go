package store

import (
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/search"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// searchKey is what a record is searched by (CON-14): its names, its e-mail addresses, and numbers in which blanks and
// signs mean nothing. Telephone numbers are found by the rows they are looked up by.
func searchKey(names string, p *reach.Points, numbers ...string) derived {
	texts := make([]string, 1, 1+len(p.Emails)+len(numbers))
	texts[0] = names
	for i := range p.Emails {
		texts = append(texts, p.Emails[i].Normalized)
	}
	for _, n := range numbers {
		texts = append(texts, search.Solid(n))
	}
	return derived(search.Key(texts...))
}

func companyNames(c *company.Company) string { return record.Join(c.Name, c.LegalName) }

// taxIDs are the numbers that offices know a company by.
func taxIDs(c *company.Company) []string {
	var out []string
	for i := range c.Requisites {
		r := &c.Requisites[i]
		out = append(out, r.VATNumber, r.TaxNumber, r.RegistrationNumber)
	}
	return out
}

// Fillings are the search keys of records from before there were any.
func Fillings() []search.Filling {
	const emails = `ARRAY(SELECT e->>'normalized' FROM jsonb_array_elements(t.emails) AS e)`
	return []search.Filling{
		{Table: "contacts", Texts: `ARRAY[t.name_key] || ` + emails, Solids: `'{}'::text[]`},
		{Table: "leads", Texts: `ARRAY[t.name_key] || ` + emails, Solids: `'{}'::text[]`},
		{
			Table: "companies", Texts: `ARRAY[t.name || ' ' || t.legal_name] || ` + emails,
			Solids: `ARRAY(SELECT v FROM jsonb_array_elements(t.requisites) AS r,
				LATERAL (VALUES (r->>'vat_number'), (r->>'tax_number'), (r->>'registration_number')) AS x (v) WHERE v <> '')`,
		},
	}
}

const (
	// beginnings is how many names that begin with what is typed are looked at, and numbers how many that have the digits.
	beginnings, numbers = 50, 200
	// others is the weight of fields other than the name.
	others = 0.9
)

// shown is what of a record is searched and shown.
type shown struct {
	subtitle string
	points   *reach.Points
	fields   []search.Field
}

// SearchParts is a search in the three kinds, each with who looks for it. phones are the beginnings of telephone numbers,
// in E.164, that may be meant.
func (s *Store) SearchParts(contacts, companies, leads record.Caller, q search.Query, phones []string) []search.Part {
	return []search.Part{
		s.contacts.part(contacts, q, phones, "name_key", func(c *contact.Contact) shown {
			return shown{c.Position, &c.Points, []search.Field{{Name: "name", Text: c.Name(), Weight: 1}}}
		}),
		s.companies.part(companies, q, phones, "name_key", func(c *company.Company) shown {
			out := shown{c.Industry, &c.Points, []search.Field{
				{Name: "name", Text: c.Name, Weight: 1}, {Name: "legal_name", Text: c.LegalName, Weight: others},
			}}
			for _, n := range taxIDs(c) {
				out.fields = append(out.fields, search.Field{Name: "tax_ids", Text: n, Weight: others, Solid: true})
			}
			return out
		}),
		s.leads.part(leads, q, phones, "title_key", func(l *lead.Lead) shown {
			return shown{record.Join(l.PersonName(), l.CompanyName), &l.Points, []search.Field{
				{Name: "title", Text: l.Title, Weight: 1},
				{Name: "name", Text: l.PersonName(), Weight: 1},
				{Name: "company_name", Text: l.CompanyName, Weight: others},
			}}
		}),
	}
}

func (t *table[T, P]) part(c record.Caller, q search.Query, phones []string, orderKey string, show func(*T) shown) search.Part {
	return search.Part{Viewer: search.Viewer{OrganizationID: c.OrganizationID, UserID: c.UserID, Scope: c.View}, Source: &search.Source{
		DB: t.db, Kind: string(t.kind),
		Rows: func(ids []string) (string, []any) {
			args := []any{c.OrganizationID, ids}
			return t.selectSQL + " AND id = ANY($2::uuid[]) AND deleted_at IS NULL AND " + visible(c, &args), args
		},
		Read: func(row pgx.CollectableRow) (search.Record, error) {
			r, err := t.scan(row)
			if err != nil {
				return search.Record{}, err
			}
			s := show(r)
			for _, e := range s.points.Emails {
				s.fields = append(s.fields, search.Field{Name: "emails", Text: e.Address, Weight: others})
			}
			return search.Record{
				ID: P(r).Common().ID, Subtitle: subtitle(s.subtitle, s.points), Fields: s.fields, Known: known(s.points.Phones, phones),
				DoNotContact: P(r).Common().DoNotContact,
			}, nil
		},
		More: func() (string, []any) { return t.beginning(c, q, phones, orderKey) },
	}}
}

// subtitle is what tells a record from others of its name.
func subtitle(what string, p *reach.Points) string {
	switch {
	case what != "":
		return what
	case len(p.Emails) > 0:
		return p.Emails[0].Address
	case len(p.Phones) > 0:
		return p.Phones[0].Number
	}
	return ""
}

// beginning finds records whose name begins with what is typed, and those with a number that begins so.
func (t *table[T, P]) beginning(c record.Caller, q search.Query, phones []string, orderKey string) (string, []any) {
	name := record.Key(strings.ToValidUTF8(strings.ReplaceAll(q.Text(), "\x00", ""), ""))
	args := []any{c.OrganizationID, name, name + "\U0010FFFF", string(t.kind), phones, beginnings, numbers}
	return `
		(SELECT id::text FROM ` + t.name + `
		WHERE organization_id = $1 AND ` + orderKey + ` >= $2 AND ` + orderKey + ` < $3 AND deleted_at IS NULL AND $2 <> ''
			AND ` + visible(c, &args) + `
		ORDER BY ` + orderKey + `, id LIMIT $6)
		UNION ALL
		SELECT p.record_id::text
		FROM unnest($5::text[]) AS n (number)
		CROSS JOIN LATERAL (
			SELECT record_id FROM contact_points
			WHERE organization_id = $1 AND kind = 'phone' AND value >= n.number AND value < n.number || ':' AND record_kind = $4
			LIMIT $7) p`, args
}

// known is the number that begins with one of those, as typed.
func known(of []reach.Phone, phones []string) *search.Match {
	for _, n := range of {
		for _, p := range phones {
			if strings.HasPrefix(n.E164, p) {
				m := search.Highlight(search.Field{Name: "phones", Text: n.Number}, []search.Range{{Start: 0, End: len([]rune(n.Number))}})
				return &m
			}
		}
	}
	return nil
}
