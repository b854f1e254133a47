package app_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/apperr"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// CON-7, CON-9, CON-11: made, read, changed by mask, put into the bin and taken out again, with its history.
func TestContactFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	firm := w.company(m, &contactsv1.Company{Name: "Acme"})
	made := w.contact(m, &contactsv1.Contact{
		FirstName: "Ann", LastName: "Lee", Birthday: &date.Date{Month: 2, Day: 29}, Vip: true,
		Phones:      []*typev1.PhoneNumber{{Number: "030 901820", Primary: true}},
		Emails:      []*typev1.EmailAddress{{Address: "Ann@Example.com"}},
		Employments: []*contactsv1.Employment{{CompanyId: strings.ToUpper(firm.GetId()), Role: "buyer", StartDate: &date.Date{Year: 2020, Month: 1, Day: 1}}},
		Id:          "ignored", Etag: "ignored", CreatorId: "ignored", Origin: &typev1.Origin{Kind: "ignored"},
	})
	require.Equal(t, "v1", made.GetEtag())
	require.Equal(t, "Ann Lee", made.GetName())
	require.Equal(t, "+4930901820", made.GetPhones()[0].GetE164())
	require.Equal(t, m.user, made.GetResponsibleId())
	require.Equal(t, "user", made.GetOrigin().GetKind())
	require.Equal(t, firm.GetId(), made.GetEmployments()[0].GetCompanyId())

	got, err := w.contacts.GetContact(m.ctx, &contactsv1.GetContactRequest{Id: strings.ToUpper(made.GetId())})
	require.NoError(t, err)
	require.True(t, proto.Equal(made, got.GetContact()), "%v\n%v", made, got.GetContact())

	updated, err := w.contacts.UpdateContact(m.ctx, &contactsv1.UpdateContactRequest{
		Id: made.GetId(), Contact: &contactsv1.Contact{LastName: "Bell", Comment: "left out of the mask", Etag: `"v1"`},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"last_name", "vip", "phones"}},
	})
	require.NoError(t, err)
	require.Equal(t, "Ann Bell", updated.GetContact().GetName())
	require.False(t, updated.GetContact().GetVip())
	require.Empty(t, updated.GetContact().GetPhones())
	require.Empty(t, updated.GetContact().GetComment())
	require.Equal(t, "v2", updated.GetContact().GetEtag())
	_, err = w.contacts.UpdateContact(m.ctx, &contactsv1.UpdateContactRequest{
		Id: made.GetId(), Contact: &contactsv1.Contact{LastName: "Stale", Etag: "v1"},
	})
	require.Equal(t, "CONTACT_ETAG_MISMATCH", reason(err))
	require.Equal(t, codes.Aborted, status.Code(err))
	_, err = w.contacts.UpdateContact(m.ctx, &contactsv1.UpdateContactRequest{
		Id: made.GetId(), Contact: &contactsv1.Contact{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"create_time"}},
	})
	require.Equal(t, "INVALID_UPDATE_MASK", reason(err))

	_, err = w.contacts.DeleteContact(m.ctx, &contactsv1.DeleteContactRequest{Id: made.GetId(), Etag: "v2"})
	require.NoError(t, err)
	count, err := w.contacts.CountContacts(m.ctx, &contactsv1.CountContactsRequest{})
	require.NoError(t, err)
	require.Zero(t, count.GetCount())
	back, err := w.contacts.UndeleteContact(m.ctx, &contactsv1.UndeleteContactRequest{Id: made.GetId()})
	require.NoError(t, err)
	require.Nil(t, back.GetContact().GetDeleteTime())

	var types []string
	token := ""
	for {
		page, err := w.contacts.GetContactHistory(m.ctx, &contactsv1.GetContactHistoryRequest{Id: made.GetId(), PageSize: 3, PageToken: token})
		require.NoError(t, err)
		for _, e := range page.GetEntries() {
			types = append(types, strings.TrimPrefix(e.GetType(), "kontor.contacts.v1."))
			require.Equal(t, m.user, e.GetUserId())
			if e.GetType() == "kontor.contacts.v1.ContactUpdated" {
				changes := map[string]*typev1.FieldChange{}
				for _, c := range e.GetChanges() {
					changes[c.GetField()] = c
				}
				require.ElementsMatch(t, []string{"last_name", "name", "phones", "vip"}, slices.Collect(maps.Keys(changes)))
				require.Equal(t, "Lee", changes["last_name"].GetOldValue().GetStringValue())
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, []string{"ContactUndeleted", "ContactDeleted", "ContactUpdated", "ContactCreated"}, types)
}

// CON-8: check digits, IBAN and BIC are verified, and the answer names every field at fault.
func TestCompanyWithWrongNumbersIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	_, err := w.companies.CreateCompany(m.ctx, &contactsv1.CreateCompanyRequest{Company: &contactsv1.Company{
		Name: "Acme", Requisites: []*contactsv1.Requisites{{
			Country: "DE", VatNumber: "DE136695978",
			BankAccounts: []*contactsv1.BankAccount{{Iban: "DE89370400440532013001", Bic: "COBADEFFXXX"}},
		}},
	}})
	require.Equal(t, "FIELD_INVALID", reason(err))
	require.Contains(t, fields(err), "requisites[0].vat_number")
	require.Contains(t, fields(err), "requisites[0].bank_accounts[0].iban")
	require.Len(t, fields(err), 2)
}

// Bad input from people and machines: refused with the field, never stored, never an internal error.
func TestHostileText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	for name, c := range map[string]*contactsv1.Contact{
		"NUL byte":        {FirstName: "An\x00n"},
		"escape sequence": {FirstName: "An\x1b[31mn"},
		"line feed":       {FirstName: "An\nn"},
		"nobody":          {Comment: "no name, no number"},
		"only blanks":     {FirstName: " \t "},
		"no such day":     {FirstName: "Ann", Birthday: &date.Date{Year: 2025, Month: 2, Day: 29}},
		"two primaries":   {FirstName: "Ann", Phones: []*typev1.PhoneNumber{{Number: "1234567", Primary: true}, {Number: "2345678", Primary: true}}},
		"no address":      {FirstName: "Ann", Emails: []*typev1.EmailAddress{{Address: "not an address"}}},
	} {
		_, err := w.contacts.CreateContact(m.ctx, &contactsv1.CreateContactRequest{Contact: c})
		require.Equal(t, codes.InvalidArgument, status.Code(err), "%s: %v", name, err)
	}
	// 10 MB in a field do not get as far as the handler.
	_, err := w.contacts.CreateContact(m.ctx, &contactsv1.CreateContactRequest{Contact: &contactsv1.Contact{Comment: strings.Repeat("x", 10<<20)}})
	require.Contains(t, []codes.Code{codes.InvalidArgument, codes.ResourceExhausted}, status.Code(err))
	_, err = w.contacts.CreateContact(m.ctx, &contactsv1.CreateContactRequest{Contact: &contactsv1.Contact{FirstName: strings.Repeat("x", 257)}})
	require.Equal(t, codes.InvalidArgument, status.Code(err))

	// What only looks strange is kept as it is: right-to-left text, combining marks, emoji, quotes, other alphabets.
	for _, name := range []string{"مريم", "\u202eAnn", "e\u0301lise", "Zoë 🦊", `Robert'); DROP TABLE contacts;--`, "தமிழ்", "বাংলা", "李明"} {
		c := w.contact(m, &contactsv1.Contact{FirstName: name})
		require.Equal(t, name, c.GetFirstName())
		found, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: `name = ` + quote(name)})
		require.NoError(t, err, name)
		require.Len(t, found.GetContacts(), 1, name)
	}
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// The same request ID gives the same answer and one record, also for changes; another organisation's ID is not found.
func TestRequestsAndOrganizationsAreKeptApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, stranger := w.organization(), w.organization()
	req := &contactsv1.CreateCompanyRequest{Company: &contactsv1.Company{Name: "Acme"}, RequestId: "r1"}
	first, err := w.companies.CreateCompany(m.ctx, req)
	require.NoError(t, err)
	again, err := w.companies.CreateCompany(m.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(first, again))
	_, err = w.companies.CreateCompany(m.ctx, &contactsv1.CreateCompanyRequest{Company: &contactsv1.Company{Name: "Other"}, RequestId: "r1"})
	require.Equal(t, "REQUEST_ID_REUSED", reason(err))
	other, err := w.companies.CreateCompany(stranger.ctx, req)
	require.NoError(t, err)
	require.NotEqual(t, first.GetCompany().GetId(), other.GetCompany().GetId())

	upd := &contactsv1.UpdateCompanyRequest{
		Id: first.GetCompany().GetId(), Company: &contactsv1.Company{Industry: "medical", Etag: "v1"}, RequestId: "r2",
	}
	changed, err := w.companies.UpdateCompany(m.ctx, upd)
	require.NoError(t, err)
	repeated, err := w.companies.UpdateCompany(m.ctx, upd)
	require.NoError(t, err, "its etag is old now, but it is the same request")
	require.True(t, proto.Equal(changed, repeated))

	_, err = w.companies.GetCompany(stranger.ctx, &contactsv1.GetCompanyRequest{Id: first.GetCompany().GetId()})
	require.Equal(t, "COMPANY_NOT_FOUND", reason(err))
	_, err = w.contacts.CreateContact(stranger.ctx, &contactsv1.CreateContactRequest{Contact: &contactsv1.Contact{
		FirstName: "Ann", Employments: []*contactsv1.Employment{{CompanyId: first.GetCompany().GetId()}},
	}})
	require.Equal(t, "COMPANY_NOT_FOUND", reason(err))
}

// Scopes reach every path: get, list, count, look-up, history, change (ID-4, decisions 10).
func TestAnAgentSeesOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.organization()
	agent := w.member(boss.org, "", append(own("contact", "company"), view("lead"))...)
	mine := w.contact(agent, &contactsv1.Contact{FirstName: "mine", Phones: []*typev1.PhoneNumber{{Number: "+4930901820"}}})
	theirs := w.contact(boss, &contactsv1.Contact{FirstName: "theirs", Phones: []*typev1.PhoneNumber{{Number: "+4930901820"}}})
	open := w.contact(boss, &contactsv1.Contact{FirstName: "open", AvailableToEveryone: true})
	watched := w.contact(boss, &contactsv1.Contact{FirstName: "watched", ObserverIds: []string{agent.user}})

	list, err := w.contacts.ListContacts(agent.ctx, &contactsv1.ListContactsRequest{OrderBy: "name"})
	require.NoError(t, err)
	require.Len(t, list.GetContacts(), 3)
	count, err := w.contacts.CountContacts(agent.ctx, &contactsv1.CountContactsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 3, count.GetCount())
	found, err := w.contacts.LookupContactPoint(agent.ctx, &contactsv1.LookupContactPointRequest{Phone: "030901820"})
	require.NoError(t, err)
	require.Len(t, found.GetMatches(), 1)
	require.Equal(t, mine.GetId(), found.GetMatches()[0].GetRecord().GetId())
	found, err = w.contacts.LookupContactPoint(boss.ctx, &contactsv1.LookupContactPointRequest{Phone: "+49 (0)30 901820"})
	require.NoError(t, err)
	require.Len(t, found.GetMatches(), 2)
	_, err = w.contacts.LookupContactPoint(boss.ctx, &contactsv1.LookupContactPointRequest{Phone: "12"})
	require.Equal(t, "CONTACT_POINT_INVALID", reason(err))

	_, err = w.contacts.GetContact(agent.ctx, &contactsv1.GetContactRequest{Id: theirs.GetId()})
	require.Equal(t, "CONTACT_NOT_FOUND", reason(err))
	_, err = w.contacts.GetContactHistory(agent.ctx, &contactsv1.GetContactHistoryRequest{Id: theirs.GetId()})
	require.Equal(t, "CONTACT_NOT_FOUND", reason(err))
	for _, c := range []*contactsv1.Contact{open, watched} {
		_, err = w.contacts.GetContact(agent.ctx, &contactsv1.GetContactRequest{Id: c.GetId()})
		require.NoError(t, err)
		_, err = w.contacts.UpdateContact(agent.ctx, &contactsv1.UpdateContactRequest{Id: c.GetId(), Contact: &contactsv1.Contact{FirstName: "x"}})
		require.Equal(t, codes.PermissionDenied, status.Code(err))
	}
	hits, err := w.companies.LookupCompanies(agent.ctx, &contactsv1.LookupCompaniesRequest{Names: []string{"Acme"}})
	require.NoError(t, err)
	require.Empty(t, hits.GetHits())

	// Without any grant the method itself is closed.
	nobody := w.member(boss.org, "", &accessv1.DirectoryGrant{Kind: "deal", Scope: accessv1.Scope_SCOPE_ALL})
	_, err = w.contacts.ListContacts(nobody.ctx, &contactsv1.ListContactsRequest{})
	require.Equal(t, codes.PermissionDenied, status.Code(err))
}

// fields lists the fields that an error names.
func fields(err error) map[string]string {
	out := map[string]string{}
	var e *apperr.Error
	if errors.As(apperr.FromStatus(err), &e) {
		for _, f := range e.Fields {
			out[f.Field] = f.Description
		}
	}
	return out
}
