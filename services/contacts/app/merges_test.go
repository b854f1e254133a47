package app_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/id"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// bytesOf is a record as bytes, without its version and the time of its last change, which an undo moves on.
func bytesOf(t *testing.T, m proto.Message) string {
	t.Helper()
	m = proto.Clone(m)
	r := m.ProtoReflect()
	for _, f := range []string{"etag", "update_time", "overdue_since"} {
		for i := range r.Descriptor().Fields().Len() {
			if d := r.Descriptor().Fields().Get(i); string(d.Name()) == f {
				r.Clear(d)
			}
		}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(t, err)
	return string(b)
}

func (w *world) getContact(m member, id string) *contactsv1.Contact {
	w.t.Helper()
	got, err := w.contacts.GetContact(m.ctx, &contactsv1.GetContactRequest{Id: id})
	require.NoError(w.t, err)
	return got.GetContact()
}

func (w *world) getCompany(m member, id string) *contactsv1.Company {
	w.t.Helper()
	got, err := w.companies.GetCompany(m.ctx, &contactsv1.GetCompanyRequest{Id: id})
	require.NoError(w.t, err)
	return got.GetCompany()
}

// twins are three contacts that are one person, with everything that can hang on them.
func (w *world) twins(me member) (a, b, c *contactsv1.Contact) {
	acme := w.company(me, &contactsv1.Company{Name: "Acme"})
	a = w.contact(me, &contactsv1.Contact{
		FirstName: "Ann", LastName: "Lee", Phones: []*typev1.PhoneNumber{{Number: "030 901820", Primary: true}},
		ExternalIds: []*typev1.ExternalId{{Source: "crm", Id: "1"}},
	})
	b = w.contact(me, &contactsv1.Contact{
		FirstName: "Anna", LastName: "Lee", Position: "Buyer", Vip: true,
		Phones: []*typev1.PhoneNumber{{Number: "+49 30 901820"}, {Number: "030 901821", Primary: true}},
		Emails: []*typev1.EmailAddress{{Address: "ann@example.com"}}, ExternalIds: []*typev1.ExternalId{{Source: "crm", Id: "2"}, {Source: "erp", Id: "7"}},
		Employments: []*contactsv1.Employment{{CompanyId: acme.GetId(), Role: "Buyer", Primary: true}},
	})
	c = w.contact(me, &contactsv1.Contact{LastName: "Lee", Comment: "met at the fair"})
	return a, b, c
}

// CON-16: several records become one, field by field; old IDs lead to it; undone, every byte is as it was.
func TestMergeAndUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	a, b, c := w.twins(me)
	l := w.lead(me, &contactsv1.Lead{Title: "Desks", FirstName: "Ann"})
	converted, err := w.leads.ConvertLead(me.ctx, &contactsv1.ConvertLeadRequest{
		Id: l.GetId(), Contact: &contactsv1.ConversionTarget{AttachId: b.GetId()},
	})
	require.NoError(t, err)
	plan := &contactsv1.MergePlan{
		Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{b.GetId(), c.GetId()},
		Choices: []*contactsv1.MergeChoice{{Field: "first_name", RecordId: b.GetId()}},
		Etags:   map[string]string{a.GetId(): a.GetEtag(), b.GetId(): b.GetEtag()},
	}

	preview, err := w.merges.PreviewMerge(me.ctx, &contactsv1.PreviewMergeRequest{Plan: plan})
	require.NoError(t, err)
	require.Len(t, preview.GetConflicts(), 1, "%v", preview.GetConflicts())
	require.Equal(t, "first_name", preview.GetConflicts()[0].GetField())
	require.Equal(t, b.GetId(), preview.GetConflicts()[0].GetChosenId())
	require.Equal(t, bytesOf(t, a), bytesOf(t, w.getContact(me, a.GetId())), "a preview changes nothing")

	done, err := w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: plan, RequestId: "once"})
	require.NoError(t, err)
	one := done.GetRecord().GetContact()
	require.Equal(t, bytesOf(t, preview.GetRecord().GetContact()), bytesOf(t, one))
	require.Equal(t, "Anna Lee", one.GetName())
	require.Equal(t, "Buyer", one.GetPosition())
	require.True(t, one.GetVip())
	require.Len(t, one.GetPhones(), 2, "the number both have is there once")
	require.True(t, one.GetPhones()[0].GetPrimary())
	require.False(t, one.GetPhones()[1].GetPrimary())
	require.Len(t, one.GetEmployments(), 1)
	require.Len(t, one.GetExternalIds(), 2, "one per source")
	require.Equal(t, "met at the fair", one.GetComment())

	// Old IDs lead to it, to read and to change; lists show it once; every external ID finds it.
	for _, old := range []string{b.GetId(), c.GetId()} {
		require.Equal(t, a.GetId(), w.getContact(me, old).GetId())
	}
	list, err := w.contacts.ListContacts(me.ctx, &contactsv1.ListContactsRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetContacts(), 1)
	hits, err := w.contacts.LookupContacts(me.ctx, &contactsv1.LookupContactsRequest{ExternalIds: []*typev1.ExternalId{{Source: "crm", Id: "2"}}})
	require.NoError(t, err)
	require.Equal(t, a.GetId(), hits.GetHits()[0].GetId())
	lead, err := w.leads.GetLead(me.ctx, &contactsv1.GetLeadRequest{Id: l.GetId()})
	require.NoError(t, err)
	require.Equal(t, a.GetId(), lead.GetLead().GetConversion().GetContactId())
	// Its history stays: that of the record that went by its old ID.
	past, err := w.contacts.GetContactHistory(me.ctx, &contactsv1.GetContactHistoryRequest{Id: b.GetId()})
	require.NoError(t, err)
	require.Len(t, past.GetEntries(), 2)

	// Asked again, the same answer.
	again, err := w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: plan, RequestId: "once"})
	require.NoError(t, err)
	require.True(t, proto.Equal(done, again))
	_, err = w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: plan})
	require.Equal(t, codes.Aborted, status.Code(err), "%v", err)

	// Undone, everything is as it was.
	undone, err := w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: done.GetMerge().GetId()})
	require.NoError(t, err)
	require.NotNil(t, undone.GetMerge().GetUndoTime())
	require.Empty(t, undone.GetKept())
	for _, was := range []*contactsv1.Contact{a, b, c} {
		require.Equal(t, bytesOf(t, was), bytesOf(t, w.getContact(me, was.GetId())))
	}
	lead, err = w.leads.GetLead(me.ctx, &contactsv1.GetLeadRequest{Id: l.GetId()})
	require.NoError(t, err)
	require.Equal(t, bytesOf(t, converted.GetLead()), bytesOf(t, lead.GetLead()))
	for _, x := range []struct{ source, id, is string }{{"crm", "1", a.GetId()}, {"crm", "2", b.GetId()}, {"erp", "7", b.GetId()}} {
		hits, err := w.contacts.LookupContacts(me.ctx, &contactsv1.LookupContactsRequest{ExternalIds: []*typev1.ExternalId{{Source: x.source, Id: x.id}}})
		require.NoError(t, err)
		require.Len(t, hits.GetHits(), 1)
		require.Equal(t, x.is, hits.GetHits()[0].GetId())
	}
	staff, err := w.contacts.ListContacts(me.ctx, &contactsv1.ListContactsRequest{Filter: `company_id = "` + b.GetEmployments()[0].GetCompanyId() + `"`})
	require.NoError(t, err)
	require.Len(t, staff.GetContacts(), 1)
	points, err := w.contacts.LookupContactPoint(me.ctx, &contactsv1.LookupContactPointRequest{Phone: "+4930901820"})
	require.NoError(t, err)
	require.Len(t, points.GetMatches(), 2)
	_, err = w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: done.GetMerge().GetId()})
	require.Equal(t, "MERGE_UNDONE", reason(err))
}

// CON-16: what people change after a merge stays; what contradicts the undo is named, and kept if that is asked for.
func TestUndoAfterChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	a, b, _ := w.twins(me)
	done, err := w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{
		Plan: &contactsv1.MergePlan{Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{b.GetId()}},
	})
	require.NoError(t, err)
	// Changed by its old ID: language, which the merge had not touched, and position, which it had.
	_, err = w.contacts.UpdateContact(me.ctx, &contactsv1.UpdateContactRequest{
		Id: b.GetId(), Contact: &contactsv1.Contact{Language: "de", Position: "Head of purchasing"},
	})
	require.NoError(t, err)
	_, err = w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: done.GetMerge().GetId()})
	require.Equal(t, "MERGE_UNDO_CHANGED", reason(err))
	require.Equal(t, a.GetId(), w.getContact(me, b.GetId()).GetId(), "nothing is half undone")

	undone, err := w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: done.GetMerge().GetId(), KeepChanges: true})
	require.NoError(t, err)
	require.Equal(t, []string{"contact/" + a.GetId() + "/position"}, undone.GetKept())
	want := proto.Clone(a).(*contactsv1.Contact)
	want.Language, want.Position = "de", "Head of purchasing"
	require.Equal(t, bytesOf(t, want), bytesOf(t, w.getContact(me, a.GetId())))
	require.Equal(t, bytesOf(t, b), bytesOf(t, w.getContact(me, b.GetId())))
}

// CON-16: whoever works for a company or belongs to it follows a merge of companies, and goes back when it is undone.
func TestMergeOfCompanies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	top := w.company(me, &contactsv1.Company{Name: "Holding"})
	a := w.company(me, &contactsv1.Company{Name: "Acme", ParentId: top.GetId()})
	b := w.company(me, &contactsv1.Company{Name: "ACME Ltd", Industry: "steel"})
	below := w.company(me, &contactsv1.Company{Name: "Acme Nord", ParentId: b.GetId()})
	ann := w.contact(me, &contactsv1.Contact{FirstName: "Ann", Employments: []*contactsv1.Employment{
		{CompanyId: a.GetId(), Role: "buyer", Primary: true}, {CompanyId: b.GetId(), Role: "buyer"},
	}})
	ben := w.contact(me, &contactsv1.Contact{FirstName: "Ben", Employments: []*contactsv1.Employment{{CompanyId: b.GetId(), Role: "director"}}})
	before := []proto.Message{top, a, b, below, ann, ben}

	merge := func() *contactsv1.Merge {
		done, err := w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{
			Plan: &contactsv1.MergePlan{Kind: "company", SurvivorId: a.GetId(), MergedIds: []string{b.GetId()}},
		})
		require.NoError(t, err)
		return done.GetMerge()
	}
	first := merge()
	require.Equal(t, "steel", w.getCompany(me, b.GetId()).GetIndustry())
	require.Equal(t, a.GetId(), w.getCompany(me, below.GetId()).GetParentId())
	require.Len(t, w.getContact(me, ann.GetId()).GetEmployments(), 1, "the same role in the same company is there once")
	require.Equal(t, a.GetId(), w.getContact(me, ben.GetId()).GetEmployments()[0].GetCompanyId())
	// A reference by the old ID is one to the company that stayed.
	cid := w.contact(me, &contactsv1.Contact{FirstName: "Cid", Employments: []*contactsv1.Employment{{CompanyId: b.GetId()}}})
	require.Equal(t, a.GetId(), cid.GetEmployments()[0].GetCompanyId())
	staff, err := w.contacts.ListContacts(me.ctx, &contactsv1.ListContactsRequest{Filter: `company_id = "` + b.GetId() + `"`})
	require.NoError(t, err)
	require.Len(t, staff.GetContacts(), 3, "and so it is in a filter")

	// Merged on, the first merge waits for the second; then both can be undone.
	second, err := w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{
		Plan: &contactsv1.MergePlan{Kind: "company", SurvivorId: top.GetId(), MergedIds: []string{a.GetId()}},
	})
	require.NoError(t, err)
	require.Equal(t, top.GetId(), w.getCompany(me, b.GetId()).GetId(), "an ID is followed however often it was merged on")
	_, err = w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: first.GetId()})
	require.Equal(t, "MERGE_UNDO_LATER", reason(err))
	for _, m := range []string{second.GetMerge().GetId(), first.GetId()} {
		_, err = w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: m})
		require.NoError(t, err)
	}
	after := []proto.Message{
		w.getCompany(me, top.GetId()), w.getCompany(me, a.GetId()), w.getCompany(me, b.GetId()), w.getCompany(me, below.GetId()),
		w.getContact(me, ann.GetId()), w.getContact(me, ben.GetId()),
	}
	for i := range before {
		require.Equal(t, bytesOf(t, before[i]), bytesOf(t, after[i]), "%v", before[i])
	}
}

// CON-16: leads; a converted one cannot go.
func TestMergeOfLeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	a := w.lead(me, &contactsv1.Lead{Title: "Desks", FirstName: "Ann"})
	b := w.lead(me, &contactsv1.Lead{Title: "Desks and chairs", Request: "ten of each"})
	plan := &contactsv1.MergePlan{Kind: "lead", SurvivorId: a.GetId(), MergedIds: []string{b.GetId()}}
	done, err := w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: plan})
	require.NoError(t, err)
	require.Equal(t, "ten of each", done.GetRecord().GetLead().GetRequest())
	_, err = w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: done.GetMerge().GetId()})
	require.NoError(t, err)
	for _, was := range []*contactsv1.Lead{a, b} {
		got, err := w.leads.GetLead(me.ctx, &contactsv1.GetLeadRequest{Id: was.GetId()})
		require.NoError(t, err)
		require.Equal(t, bytesOf(t, was), bytesOf(t, got.GetLead()))
	}
	_, err = w.leads.ConvertLead(me.ctx, &contactsv1.ConvertLeadRequest{Id: b.GetId(), Contact: &contactsv1.ConversionTarget{}})
	require.NoError(t, err)
	_, err = w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: plan})
	require.Equal(t, "MERGE_CONVERTED", reason(err))
}

// CON-16: of two who merge the same records at once one wins; the other is told so.
func TestTwoMergeAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	a, b, c := w.twins(me)
	plans := []*contactsv1.MergePlan{
		{Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{b.GetId(), c.GetId()}},
		{Kind: "contact", SurvivorId: b.GetId(), MergedIds: []string{a.GetId(), c.GetId()}},
	}
	errs := make([]error, len(plans))
	var wg sync.WaitGroup
	for i, p := range plans {
		wg.Go(func() { _, errs[i] = w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: p}) })
	}
	wg.Wait()
	won, lost := errs[0], errs[1]
	if won != nil {
		won, lost = lost, won
	}
	require.NoError(t, won)
	require.Equal(t, codes.Aborted, status.Code(lost), "%v", lost)
	require.Equal(t, "RECORD_MERGED", reason(lost))
}

// CON-16: a merge takes the right to change every record and to delete those that go; the plan is checked.
func TestMergeIsAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	a, b, _ := w.twins(me)
	plan := &contactsv1.MergePlan{Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{b.GetId()}}
	reader := w.member(me.org, "", view("contact"))
	_, err := w.merges.MergeRecords(reader.ctx, &contactsv1.MergeRecordsRequest{Plan: plan})
	require.Equal(t, "NOT_PERMITTED", reason(err))
	editor := w.member(me.org, "", view("contact"),
		&accessv1.DirectoryGrant{Kind: "contact", Action: optionsv1.Action_ACTION_UPDATE, Scope: accessv1.Scope_SCOPE_ALL},
		&accessv1.DirectoryGrant{Kind: "contact", Action: optionsv1.Action_ACTION_DELETE, Scope: accessv1.Scope_SCOPE_OWN})
	_, err = w.merges.MergeRecords(editor.ctx, &contactsv1.MergeRecordsRequest{Plan: plan})
	require.Equal(t, "PERMISSION_DENIED", reason(err))
	blind := w.member(me.org, "", own("contact")...)
	_, err = w.merges.PreviewMerge(blind.ctx, &contactsv1.PreviewMergeRequest{Plan: plan})
	require.Equal(t, "CONTACT_NOT_FOUND", reason(err))
	for _, bad := range []*contactsv1.MergePlan{
		{Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{a.GetId()}},
		{Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{b.GetId()}, Choices: []*contactsv1.MergeChoice{{Field: "origin", RecordId: a.GetId()}}},
		{Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{b.GetId()}, Choices: []*contactsv1.MergeChoice{{Field: "position"}}},
		{Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{b.GetId()}, Choices: []*contactsv1.MergeChoice{{Field: "position", RecordId: id.New()}}},
	} {
		_, err = w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: bad})
		require.Equal(t, "MERGE_INVALID", reason(err), "%v", bad)
	}
	plan.Etags = map[string]string{b.GetId(): "v9"}
	_, err = w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: plan})
	require.Equal(t, "CONTACT_ETAG_MISMATCH", reason(err))
}

// CON-16, CON-12: the organisation's own fields are merged like others, are found by, and come back.
func TestMergeOfCustomFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.organization()
	w.define(me, "contact", &customfieldsv1.CustomField{Label: "Code", Type: customfieldsv1.Type_TYPE_STRING, Unique: true})
	w.define(me, "contact", &customfieldsv1.CustomField{Label: "Area", Type: customfieldsv1.Type_TYPE_NUMBER})
	a, err := w.contactWith(me, "Ann", map[string]*structpb.Value{"area": number(1)})
	require.NoError(t, err)
	b, err := w.contactWith(me, "Ann", map[string]*structpb.Value{"area": number(2), "code": text("A7")})
	require.NoError(t, err)
	found := func() string {
		list, err := w.contacts.ListContacts(me.ctx, &contactsv1.ListContactsRequest{Filter: `custom_fields.code = "A7"`})
		require.NoError(t, err)
		require.Len(t, list.GetContacts(), 1)
		return list.GetContacts()[0].GetId()
	}
	done, err := w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{
		Plan: &contactsv1.MergePlan{Kind: "contact", SurvivorId: a.GetId(), MergedIds: []string{b.GetId()}},
	})
	require.NoError(t, err)
	require.InEpsilon(t, 1, done.GetRecord().GetContact().GetCustomFields()["area"].GetNumberValue(), 0)
	require.Equal(t, "A7", done.GetRecord().GetContact().GetCustomFields()["code"].GetStringValue())
	require.Equal(t, a.GetId(), found())
	_, err = w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: done.GetMerge().GetId()})
	require.NoError(t, err)
	require.Equal(t, b.GetId(), found())
	require.Equal(t, bytesOf(t, a), bytesOf(t, w.getContact(me, a.GetId())))
	require.Equal(t, bytesOf(t, b), bytesOf(t, w.getContact(me, b.GetId())))
}
