package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// Contacts keeps contacts; see [contact.Store].
type Contacts struct {
	table[contact.Contact, *contact.Contact]
}

func newContacts(db *pg.DB, custom *customfields.Definitions) *Contacts {
	c := &Contacts{table[contact.Contact, *contact.Contact]{
		db: db, custom: custom, kind: record.Contact, name: "contacts",
		columns: append(metaColumns(),
			column{"honorific", "text"}, column{"first_name", "text"}, column{"middle_name", "text"}, column{"last_name", "text"},
			column{"name_key", "text"}, column{"search_key", "text"}, column{"position", "text"}, column{"birthday", "text"}, column{"photo_file_id", "uuid"},
			column{"type", "text"}, column{"addresses", "jsonb"}, column{"employments", "jsonb"}, column{"source", "text"},
			column{"language", "text"}, column{"preferred_channel", "text"}, column{"consents", "jsonb"},
			column{"vip", "boolean"}, column{"comment", "text"},
		),
		refs: func(c *contact.Contact) []any {
			return append(metaRefs(&c.Meta, &c.Points),
				&c.Honorific, &c.FirstName, &c.MiddleName, &c.LastName,
				derived(record.Key(c.Name())), searchKey(c.Name(), &c.Points), &c.Position, &c.Birthday, uuidRef{&c.PhotoFileID},
				&c.Type, jsonRef{&c.Addresses, "[]"}, jsonRef{&c.Employments, "[]"}, &c.Source,
				&c.Language, &c.Channel, jsonRef{&c.Consents, "[]"},
				&c.VIP, &c.Comment,
			)
		},
		points:      func(c *contact.Contact) []reach.Point { return c.LookUp() },
		encode:      publish.Contact,
		decode:      decodeContact,
		more:        queueEmployments,
		refuse:      refuseContact,
		errNotFound: contact.ErrNotFound,
		schema: func(find finder) *aip.Schema {
			return schemaOf(record.Contact, find, map[string]aip.Field{
				"name":       name(find),
				"first_name": {Column: "first_name", Type: aip.Text},
				"last_name":  {Column: "last_name", Type: aip.Text},
				"position":   {Column: "position", Type: aip.Text},
				"type":       {Column: "type", Type: aip.Text},
				"language":   {Column: "language", Type: aip.Text},
				"vip":        {Column: "vip", Type: aip.Bool},
				"company_id": {Custom: employedAt},
			})
		},
	}}
	c.prepare()
	return c
}

func decodeContact(m proto.Message) (*contact.Contact, error) {
	msg, ok := m.(*contactsv1.Contact)
	if !ok {
		return nil, fmt.Errorf("event holds %T, not a contact", m)
	}
	return wire.ContactFrom(msg)
}

func refuseContact(err error) error {
	if pg.IsForeignKey(err, "employments_company_fkey") {
		return company.ErrNotFound
	}
	return err
}

// queueEmployments keeps the rows that say which contacts a company has. A contact in the bin keeps its rows.
func queueEmployments(b *pgx.Batch, org string, changes []*record.Change[contact.Contact]) {
	var gone, came lookUpRows
	for _, ch := range changes {
		gone.add(ch.After.ID, missing(employers(ch.Before), employers(ch.After)))
		came.add(ch.After.ID, missing(employers(ch.After), employers(ch.Before)))
	}
	if len(gone.records) > 0 {
		b.Queue(`
			DELETE FROM employments e
			USING unnest($2::uuid[], $3::uuid[]) AS n (contact_id, company_id)
			WHERE e.organization_id = $1 AND e.contact_id = n.contact_id AND e.company_id = n.company_id`,
			org, gone.records, gone.a)
	}
	if len(came.records) > 0 {
		b.Queue(`
			INSERT INTO employments (organization_id, contact_id, company_id)
			SELECT $1, n.contact_id, n.company_id FROM unnest($2::uuid[], $3::uuid[]) AS n (contact_id, company_id)`,
			org, came.records, came.a)
	}
}

func employers(c *contact.Contact) []pair {
	if c == nil {
		return nil
	}
	out := make([]pair, 0, len(c.Employments))
	for _, e := range c.Employments {
		if p := (pair{e.CompanyID, ""}); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// employedAt finds the contacts of a company, which may be named by an ID from before a merge.
func employedAt(c aip.Comparison, bind func(any) string) (string, error) {
	if c.Op != "=" && c.Op != ":" || !id.Valid(c.Value) {
		return "", errors.New(`use company_id = "…" with the ID of a company`)
	}
	return "id = ANY(ARRAY(SELECT contact_id FROM employments WHERE organization_id = $1 AND company_id = kontor_current($1, 'company', " +
		bind(c.Value) + "::uuid)))", nil
}
