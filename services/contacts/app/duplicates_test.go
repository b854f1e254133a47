package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// CON-15: a draft is compared by number, address, tax number and name, each hit with its reasons and a score.
func TestDuplicatesOfADraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	boris := w.contact(me, &contactsv1.Contact{
		FirstName: "Борис", LastName: "Иванов", Phones: []*typev1.PhoneNumber{{Number: "030 901820"}},
		Emails: []*typev1.EmailAddress{{Address: "boris@example.com"}},
	})
	namesake := w.contact(me, &contactsv1.Contact{FirstName: "Boris", LastName: "Ivanof"})
	w.contact(me, &contactsv1.Contact{FirstName: "Ann", LastName: "Other"})

	draft := &contactsv1.Contact{
		FirstName: "Boris", LastName: "Ivanov", Phones: []*typev1.PhoneNumber{{Number: "+49 (30) 90 18 20"}},
		Emails: []*typev1.EmailAddress{{Address: "not yet an addr"}},
	}
	found, err := w.duplicates.FindContactDuplicates(me.ctx, &contactsv1.FindContactDuplicatesRequest{Contact: draft})
	require.NoError(t, err)
	require.Len(t, found.GetDuplicates(), 2)
	first := found.GetDuplicates()[0]
	require.Equal(t, boris.GetId(), first.GetRecord().GetId())
	require.InDelta(t, 0.875, first.GetScore(), 0.001)
	require.Equal(t, "phones", first.GetReasons()[0].GetField())
	require.Equal(t, "+4930901820", first.GetReasons()[0].GetValue())
	require.Equal(t, contactsv1.DuplicateReason_MATCH_EQUAL, first.GetReasons()[1].GetMatch(), "the name, across alphabets")
	second := found.GetDuplicates()[1]
	require.Equal(t, namesake.GetId(), second.GetRecord().GetId())
	require.Equal(t, contactsv1.DuplicateReason_MATCH_SIMILAR, second.GetReasons()[0].GetMatch())

	// The record that is there is not its own duplicate.
	found, err = w.duplicates.FindContactDuplicates(me.ctx, &contactsv1.FindContactDuplicatesRequest{Id: boris.GetId()})
	require.NoError(t, err)
	require.Len(t, found.GetDuplicates(), 1)
	require.Equal(t, namesake.GetId(), found.GetDuplicates()[0].GetRecord().GetId())

	// What is in the bin is none, and what the caller may not see is not shown.
	_, err = w.contacts.DeleteContact(me.ctx, &contactsv1.DeleteContactRequest{Id: namesake.GetId()})
	require.NoError(t, err)
	found, err = w.duplicates.FindContactDuplicates(me.ctx, &contactsv1.FindContactDuplicatesRequest{Id: boris.GetId()})
	require.NoError(t, err)
	require.Empty(t, found.GetDuplicates())
	other := w.member(me.org, "", own("contact")...)
	found, err = w.duplicates.FindContactDuplicates(other.ctx, &contactsv1.FindContactDuplicatesRequest{Contact: draft})
	require.NoError(t, err)
	require.Empty(t, found.GetDuplicates())
	_, err = w.duplicates.FindContactDuplicates(other.ctx, &contactsv1.FindContactDuplicatesRequest{Id: boris.GetId()})
	require.Equal(t, "CONTACT_NOT_FOUND", reason(err))
	nobody := w.member(me.org, "", &accessv1.DirectoryGrant{Kind: "deal", Scope: accessv1.Scope_SCOPE_ALL})
	_, err = w.duplicates.FindContactDuplicates(nobody.ctx, &contactsv1.FindContactDuplicatesRequest{Contact: draft})
	require.Equal(t, "NOT_PERMITTED", reason(err))
}

// CON-15: companies are recognised by tax number and by name without its legal form, leads by who asks. It is a warning:
// the record can be made nevertheless.
func TestDuplicatesOfCompaniesAndLeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	requisites := []*contactsv1.Requisites{{Country: "DE", VatNumber: "DE136695976"}}
	acme := w.company(me, &contactsv1.Company{Name: "Acme GmbH", Requisites: requisites})
	found, err := w.duplicates.FindCompanyDuplicates(me.ctx, &contactsv1.FindCompanyDuplicatesRequest{
		Company: &contactsv1.Company{Name: "Something else", Requisites: requisites},
	})
	require.NoError(t, err)
	require.Len(t, found.GetDuplicates(), 1)
	require.Equal(t, acme.GetId(), found.GetDuplicates()[0].GetRecord().GetId())
	require.Equal(t, "tax_number", found.GetDuplicates()[0].GetReasons()[0].GetField())
	require.Equal(t, "DE136695976", found.GetDuplicates()[0].GetReasons()[0].GetValue())
	found, err = w.duplicates.FindCompanyDuplicates(me.ctx, &contactsv1.FindCompanyDuplicatesRequest{
		Company: &contactsv1.Company{Name: "ACME AG"},
	})
	require.NoError(t, err)
	require.Len(t, found.GetDuplicates(), 1)
	w.company(me, &contactsv1.Company{Name: "Acme GmbH"})

	asked := &contactsv1.Lead{Title: "Desks", FirstName: "Ann", LastName: "Lee", Emails: []*typev1.EmailAddress{{Address: "ann@example.com"}}}
	l := w.lead(me, asked)
	leads, err := w.duplicates.FindLeadDuplicates(me.ctx, &contactsv1.FindLeadDuplicatesRequest{Lead: asked})
	require.NoError(t, err)
	require.Len(t, leads.GetDuplicates(), 1)
	require.Equal(t, l.GetId(), leads.GetDuplicates()[0].GetRecord().GetId())
	require.Equal(t, "Desks", leads.GetDuplicates()[0].GetName())
}

// CON-15: whoever sees few of the many that share a number or a name sees these: what others may see takes nobody's place.
func TestDuplicatesAmongManyOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	agent := w.member(me.org, "", own("contact")...)
	switchboard := []*typev1.PhoneNumber{{Number: "030 900100"}}
	mine := w.contact(agent, &contactsv1.Contact{FirstName: "Anna", LastName: "Petersen", Phones: switchboard})
	namesake := w.contact(agent, &contactsv1.Contact{FirstName: "Anna", LastName: "Petersenn"})
	for i := range 130 {
		w.contact(me, &contactsv1.Contact{FirstName: "Anna", LastName: "Peterse" + string(rune('a'+i%26)), Phones: switchboard})
	}
	draft := &contactsv1.Contact{FirstName: "Anna", LastName: "Petersen", Phones: switchboard}
	found, err := w.duplicates.FindContactDuplicates(agent.ctx, &contactsv1.FindContactDuplicatesRequest{Contact: draft})
	require.NoError(t, err)
	require.Len(t, found.GetDuplicates(), 2)
	require.Equal(t, mine.GetId(), found.GetDuplicates()[0].GetRecord().GetId())
	require.Equal(t, namesake.GetId(), found.GetDuplicates()[1].GetRecord().GetId())
	// Whoever sees all sees the surest first, however many share the number.
	found, err = w.duplicates.FindContactDuplicates(me.ctx, &contactsv1.FindContactDuplicatesRequest{Contact: draft})
	require.NoError(t, err)
	require.Len(t, found.GetDuplicates(), 20)
	ids := make([]string, 20)
	for i, d := range found.GetDuplicates() {
		ids[i] = d.GetRecord().GetId()
	}
	require.Contains(t, ids, mine.GetId())
}
