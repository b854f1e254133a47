package app

import (
	"context"

	"kontor.internal/libs/customfields"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/operation"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/api"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/mergework"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
	"kontor.internal/services/contacts/internal/wire"
	"kontor.internal/services/contacts/internal/work"
)

// batches wires what merges many groups as one operation.
func batches(
	d Deps, kept *store.Store, operations *operation.Store, custom *customfields.Definitions, m api.Merges,
	as func(ctx context.Context, org, userID string) (context.Context, error), client func() *jobs.Client,
) *mergework.Runner {
	own := func(kind record.Kind) func(context.Context, string) (*customfields.Kind, error) {
		return func(ctx context.Context, org string) (*customfields.Kind, error) {
			return custom.Kind(ctx, org, string(kind))
		}
	}
	return &mergework.Runner{
		DB: d.DB, Store: kept, Operations: operations, As: as, Enqueue: work.EnqueueMerges(client), Log: d.Log,
		Kinds: map[record.Kind]mergework.Kind{
			record.Contact: &mergework.Records[contact.Contact, *contact.Contact, *contactsv1.Contact]{
				Merges: m.Contacts, Table: kept.MergeContacts(), Own: own(record.Contact),
			},
			record.Company: &mergework.Records[company.Company, *company.Company, *contactsv1.Company]{
				Merges: m.Companies, Table: kept.MergeCompanies(), Own: own(record.Company),
			},
			record.Lead: &mergework.Records[lead.Lead, *lead.Lead, *contactsv1.Lead]{
				Merges: m.Leads, Table: kept.MergeLeads(), Own: own(record.Lead),
				Fixed: func(l *lead.Lead) bool { return l.Conversion != nil },
			},
		},
	}
}

// merges wires what makes one record of several.
func merges(kept *store.Store, contacts *contact.Contacts, companies *company.Companies, leads *lead.Leads) api.Merges {
	return api.Merges{
		Done: kept,
		Contacts: &merge.Records[contact.Contact, *contact.Contact, *contactsv1.Contact]{
			Book: contacts, Store: kept.MergeContacts(), Fields: wire.ContactFields(), Message: wire.Contact, Record: wire.ContactFrom,
			Finish: func([]*contact.Contact, *contact.Contact) error { return nil },
		},
		Companies: &merge.Records[company.Company, *company.Company, *contactsv1.Company]{
			Book: companies, Store: kept.MergeCompanies(), Fields: wire.CompanyFields(), Message: wire.Company, Record: wire.CompanyFrom,
			Finish: company.Merged,
		},
		Leads: &merge.Records[lead.Lead, *lead.Lead, *contactsv1.Lead]{
			Book: &leads.Book, Store: kept.MergeLeads(), Fields: wire.LeadFields(), Message: wire.LeadStored, Record: wire.LeadFrom,
			Finish: lead.Merged,
		},
	}
}
