package app

import (
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/api"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/store"
	"kontor.internal/services/contacts/internal/wire"
)

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
