package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/pg"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// Leads keeps leads; see [lead.Store].
type Leads struct {
	table[lead.Lead, *lead.Lead]
}

func newLeads(db *pg.DB, custom *customfields.Definitions) *Leads {
	s := &Leads{table[lead.Lead, *lead.Lead]{
		db: db, custom: custom, kind: record.Lead, name: "leads",
		columns: append(metaColumns(),
			column{"title", "text"}, column{"title_key", "text"}, column{"name_key", "text"}, column{"search_key", "text"}, column{"request", "text"},
			column{"first_name", "text"}, column{"middle_name", "text"}, column{"last_name", "text"}, column{"position", "text"},
			column{"company_name", "text"}, column{"address", "jsonb"}, column{"source", "text"}, column{"utm", "jsonb"},
			column{"referrer", "text"}, column{"status_id", "uuid"}, column{"products", "jsonb"},
			column{"amount", "numeric"}, column{"currency", "char(3)"}, column{"comment", "text"},
			column{"conversion", "jsonb"}, column{"contact_id", "uuid"}, column{"company_id", "uuid"}, column{"deal_id", "uuid"},
			column{"touched_at", "timestamptz"}, column{"overdue_at", "timestamptz"},
			column{"importance", "integer"}, column{"screened_at", "timestamptz"}, column{"junk_reason", "text"},
		),
		refs: func(l *lead.Lead) []any {
			var made lead.Conversion
			if l.Conversion != nil {
				made = *l.Conversion
			}
			return append(metaRefs(&l.Meta, &l.Points),
				&l.Title, derived(record.Key(l.Title)),
				derived(record.Key(record.Join(l.Title, l.PersonName(), l.CompanyName))),
				searchKey(record.Join(l.Title, l.PersonName(), l.CompanyName), &l.Points), &l.Request,
				&l.FirstName, &l.MiddleName, &l.LastName, &l.Position,
				&l.CompanyName, jsonRef{&l.Address, ""}, &l.Source, jsonRef{&l.UTM, "{}"},
				&l.Referrer, idRef{&l.StatusID}, jsonRef{&l.Products, "[]"},
				amountRef{&l.Amount}, currencyRef{&l.Amount}, &l.Comment,
				jsonRef{&l.Conversion, ""}, derivedID(made.ContactID), derivedID(made.CompanyID), derivedID(made.DealID),
				timeRef{&l.TouchedAt}, timeRef{&l.OverdueAt},
				countRef{&l.Importance}, timeRef{&l.ScreenedAt}, wordRef{&l.JunkReason},
			)
		},
		points:      func(l *lead.Lead) []reach.Point { return l.LookUp() },
		encode:      publish.Lead,
		decode:      decodeLead,
		errNotFound: lead.ErrNotFound,
		schema: func(find finder) *aip.Schema {
			return schemaOf(record.Lead, find, map[string]aip.Field{
				"title": {Column: "title_key", Type: aip.Text, Sortable: true, Custom: func(c aip.Comparison, bind func(any) string) (string, error) {
					return compareKey("title_key", find, c, bind)
				}},
				"name": {Custom: func(c aip.Comparison, bind func(any) string) (string, error) {
					return compareKey("name_key", find, c, bind)
				}},
				"company_name": {Column: "company_name", Type: aip.Text},
				"status_id":    {Column: "status_id", Type: aip.ID},
				"utm_campaign": {Column: "utm->>'campaign'", Type: aip.Text, Nullable: true},
				"contact_id":   {Column: "contact_id", Type: aip.ID, Nullable: true},
				"company_id":   {Column: "company_id", Type: aip.ID, Nullable: true},
				"importance":   {Column: "importance", Type: aip.Int, Sortable: true, Nullable: true},
				"junk_reason":  {Column: "junk_reason", Type: aip.Text, Nullable: true},
				"screen_time":  {Column: "screened_at", Type: aip.Time, Nullable: true},
				"screened":     {Custom: screened},
				"deal_id":      {Column: "deal_id", Type: aip.ID, Nullable: true},
			})
		},
	}}
	s.prepare()
	return s
}

func decodeLead(m proto.Message) (*lead.Lead, error) {
	msg, ok := m.(*contactsv1.Lead)
	if !ok {
		return nil, fmt.Errorf("event holds %T, not a lead", m)
	}
	return wire.LeadFrom(msg)
}

// screened tells the leads that were handed over from those that still have to be looked through.
func screened(c aip.Comparison, _ func(any) string) (string, error) {
	switch {
	case c.Op != "=" && c.Op != "!=", c.Value != "true" && c.Value != "false":
		return "", errors.New("write screened = true or screened = false")
	case (c.Value == "true") == (c.Op == "="):
		return "screened_at IS NOT NULL", nil
	}
	return "screened_at IS NULL", nil
}

// CountUntouched see [lead.Store]. Both counts come from one partial index.
func (s *Leads) CountUntouched(ctx context.Context, c record.Caller, now time.Time) (untouched, overdue int, err error) {
	args := []any{c.OrganizationID, now, record.CountLimit}
	sql := `
		SELECT (SELECT count(*) FROM (SELECT FROM leads WHERE ` + untouchedLeads + ` AND %[1]s LIMIT $3) AS a),
			(SELECT count(*) FROM (SELECT FROM leads WHERE ` + untouchedLeads + ` AND overdue_at <= $2 AND %[1]s LIMIT $3) AS b)`
	err = s.db.QueryRow(ctx, c.OrganizationID, fmt.Sprintf(sql, visible(c, &args)), args...).Scan(&untouched, &overdue)
	if err != nil {
		return 0, 0, fmt.Errorf("count untouched leads: %w", err)
	}
	return untouched, overdue, nil
}

// untouchedLeads is the condition of the index leads_untouched.
const untouchedLeads = "organization_id = $1 AND touched_at IS NULL AND deleted_at IS NULL"
