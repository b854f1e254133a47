package store

import (
	"cmp"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/search"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/publish"
)

// searchKey is what a deal is searched by (CON-14): its name, and its numbers in other systems.
func searchKey(d *deal.Deal) string {
	texts := make([]string, 1, 1+len(d.ExternalIDs))
	texts[0] = d.Name
	for _, e := range d.ExternalIDs {
		texts = append(texts, search.Solid(e.ID))
	}
	return search.Key(texts...)
}

// Fillings are the search keys of deals from before there were any.
func Fillings() []search.Filling {
	return []search.Filling{{
		Table: "deals", Texts: `ARRAY[t.name]`, Solids: `ARRAY(SELECT x.external_id FROM deal_external_ids x
			WHERE x.organization_id = t.organization_id AND x.deal_id = t.id ORDER BY x.source)`,
	}}
}

// numbers is the weight of a deal's numbers, of which it may have several, against its name.
const numbers = 0.9

// SearchPart is a search in the deals that the caller sees.
func (s *Deals) SearchPart(q Query) search.Part {
	return search.Part{
		Viewer: search.Viewer{OrganizationID: q.Caller.OrganizationID, UserID: q.Caller.UserID, Scope: q.Caller.View},
		Source: &search.Source{
			DB: s.DB, Kind: publish.KindDeal,
			Rows: func(ids []string) (string, []any) {
				var args []any
				from := q.from(&args)
				args = append(args, ids)
				return fmt.Sprintf(`
					SELECT d.id::text, d.name, coalesce(c.name, p.name, ''),
						ARRAY(SELECT x.external_id FROM deal_external_ids x WHERE x.organization_id = $1 AND x.deal_id = d.id ORDER BY x.source)
					FROM (SELECT d.* %s AND d.id = ANY($%d::uuid[])) d
					LEFT JOIN names c ON c.organization_id = $1 AND c.kind = 'company' AND c.id = d.company_id
					LEFT JOIN names p ON p.organization_id = $1 AND p.kind = 'contact' AND p.id = d.contact_id`, from, len(args)), args
			},
			Read: func(row pgx.CollectableRow) (search.Record, error) {
				var r search.Record
				var name string
				var external []string
				err := row.Scan(&r.ID, &name, &r.Subtitle, &external)
				r.Fields = append(r.Fields, search.Field{Name: "name", Text: cmp.Or(name, r.ID), Weight: 1})
				for _, x := range external {
					r.Fields = append(r.Fields, search.Field{Name: "external_ids", Text: x, Weight: numbers, Solid: true})
				}
				return r, err
			},
		},
	}
}
