package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// Companies keeps companies; see [company.Store].
type Companies struct {
	table[company.Company, *company.Company]
}

func newCompanies(db *pg.DB, custom *customfields.Definitions) *Companies {
	c := &Companies{table[company.Company, *company.Company]{
		db: db, custom: custom, kind: record.Company, name: "companies",
		columns: append(metaColumns(),
			column{"name", "text"}, column{"name_key", "text"}, column{"search_key", "text"}, column{"legal_name", "text"}, column{"type", "text"},
			column{"industry", "text"}, column{"turnover_amount", "numeric"}, column{"turnover_currency", "char(3)"},
			column{"employees", "integer"}, column{"parent_id", "uuid"}, column{"requisites", "jsonb"},
			column{"addresses", "jsonb"}, column{"country", "text"}, column{"source", "text"}, column{"comment", "text"},
		),
		refs: func(c *company.Company) []any {
			return append(metaRefs(&c.Meta, &c.Points),
				&c.Name, derived(record.Key(c.Name)), searchKey(companyNames(c), &c.Points, taxIDs(c)...), &c.LegalName, &c.Type,
				&c.Industry, amountRef{&c.Turnover}, currencyRef{&c.Turnover},
				&c.Employees, uuidRef{&c.ParentID}, jsonRef{&c.Requisites, "[]"},
				jsonRef{&c.Addresses, "[]"}, derived(c.Country()), &c.Source, &c.Comment,
			)
		},
		points:      func(c *company.Company) []reach.Point { return c.LookUp() },
		encode:      publish.Company,
		decode:      decodeCompany,
		refuse:      refuseCompany,
		errNotFound: company.ErrNotFound,
		schema: func(find finder) *aip.Schema {
			return schemaOf(record.Company, find, map[string]aip.Field{
				"name":       name(find),
				"legal_name": {Column: "legal_name", Type: aip.Text},
				"type":       {Column: "type", Type: aip.Text},
				"industry":   {Column: "industry", Type: aip.Text, Sortable: true},
				"employees":  {Column: "employees", Type: aip.Int, Sortable: true},
				"parent_id":  {Column: "parent_id", Type: aip.ID, Nullable: true},
				"country":    {Column: "country", Type: aip.Text},
			})
		},
	}}
	c.prepare()
	return c
}

func decodeCompany(m proto.Message) (*company.Company, error) {
	msg, ok := m.(*contactsv1.Company)
	if !ok {
		return nil, fmt.Errorf("event holds %T, not a company", m)
	}
	return wire.CompanyFrom(msg)
}

func refuseCompany(err error) error {
	switch {
	case pg.IsForeignKey(err, "companies_parent_fkey"):
		return company.ErrParentNotFound
	case pg.IsCheck(err, "companies_parent_other"):
		return company.ErrParentCycle
	}
	return err
}

// update is Update for a company that is there. A new parent is checked against the companies below, which only the transaction knows.
func (s *Companies) update(
	ctx context.Context, org, id string, fn func(*company.Company) (*record.Change[company.Company], error),
) (*company.Company, error) {
	var out *company.Company
	err := s.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		cur, err := s.lock(ctx, tx, org, id)
		if err != nil {
			return nil, err
		}
		out = cur
		ch, err := fn(cur)
		if err != nil || ch == nil {
			return nil, err
		}
		if parent := ch.After.ParentID; parent != "" && parent != cur.ParentID {
			if err := s.CheckParents(ctx, tx, org, []string{id}, []string{parent}); err != nil {
				return nil, err
			}
		}
		ev, err := s.save(ctx, tx, org, ch)
		if ev == nil || err != nil {
			return nil, err
		}
		out = ch.After
		return []event.Event{*ev}, nil
	})
	if err != nil {
		return s.answer(ctx, org, err)
	}
	return out, nil
}

// CheckParents returns ErrParentCycle if one of the children is above its new parent. Two changes at once could still
// close a cycle between them, so changes of parents wait for each other within an organisation.
func (s *Companies) CheckParents(ctx context.Context, tx pgx.Tx, org string, children, parents []string) error {
	var cycle bool
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended('company parents ' || $1, 0))`, org)
	b.Queue(`
		WITH RECURSIVE above (child, id, depth) AS (
			SELECT n.child, n.parent, 1
			FROM unnest($2::uuid[], $3::uuid[]) AS n (child, parent)
			UNION ALL
			SELECT a.child, COALESCE(m.parent, c.parent_id), a.depth + 1
			FROM above a
			JOIN companies c ON c.organization_id = $1 AND c.id = a.id
			LEFT JOIN unnest($2::uuid[], $3::uuid[]) AS m (child, parent) ON m.child = a.id
			WHERE COALESCE(m.parent, c.parent_id) IS NOT NULL AND a.id <> a.child AND a.depth < 100
		)
		SELECT EXISTS (SELECT FROM above WHERE id = child)`, org, children, parents).
		QueryRow(func(row pgx.Row) error { return row.Scan(&cycle) })
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("check parents: %w", err)
	}
	if cycle {
		return company.ErrParentCycle
	}
	return nil
}
