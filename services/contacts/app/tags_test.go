package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func (w *world) namesOf(m member, filter string) []string {
	w.t.Helper()
	page, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: filter, OrderBy: "name"})
	require.NoError(w.t, err, filter)
	count, err := w.contacts.CountContacts(m.ctx, &contactsv1.CountContactsRequest{Filter: filter})
	require.NoError(w.t, err, filter)
	require.EqualValues(w.t, len(page.GetContacts()), count.GetCount(), filter)
	var out []string
	for _, c := range page.GetContacts() {
		out = append(out, c.GetName())
	}
	return out
}

func (w *world) setContact(m member, c *contactsv1.Contact, fields ...string) *contactsv1.Contact {
	w.t.Helper()
	res, err := w.contacts.UpdateContact(m.ctx, &contactsv1.UpdateContactRequest{
		Id: c.GetId(), Contact: c, UpdateMask: &fieldmaskpb.FieldMask{Paths: fields},
	})
	require.NoError(w.t, err)
	return res.GetContact()
}

// CON-23: tags and do-not-contact marks are kept tidy, found by, gone with the bin and back with it.
func TestTagsAndDoNotContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	ann := w.contact(m, &contactsv1.Contact{
		FirstName: "Ann", Tags: []string{" Exhibition  2026 ", "VIP", "exhibition 2026", `odd "quote", \`},
		DoNotContact: []string{"sms", "phone", "sms"},
	})
	require.Equal(t, []string{"Exhibition  2026", "VIP", `odd "quote", \`}, ann.GetTags(), "one of two that differ in case alone")
	require.Equal(t, []string{"phone", "sms"}, ann.GetDoNotContact())
	w.contact(m, &contactsv1.Contact{FirstName: "Bob", Tags: []string{"vip"}})
	w.contact(m, &contactsv1.Contact{FirstName: "Cid"})

	for filter, want := range map[string][]string{
		`tags:"exhibition 2026"`:              {"Ann"},
		`tags = "VIP"`:                        {"Ann", "Bob"},
		`tags:*`:                              {"Ann", "Bob"},
		`NOT tags:*`:                          {"Cid"},
		`tags != "vip"`:                       {"Cid"},
		`tags:"vip" AND NOT do_not_contact:*`: {"Bob"},
		`do_not_contact:phone`:                {"Ann"},
		`do_not_contact:post`:                 nil,
		`tags:"odd \"quote\", \\"`:            {"Ann"},
	} {
		require.Equal(t, want, w.namesOf(m, filter), filter)
	}
	_, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: `tags > "a"`})
	require.Equal(t, "INVALID_FILTER", reason(err))

	ann = w.setContact(m, &contactsv1.Contact{Id: ann.GetId(), Tags: []string{"new"}}, "tags")
	require.Equal(t, []string{"new"}, ann.GetTags())
	require.Equal(t, []string{"phone", "sms"}, ann.GetDoNotContact(), "left alone by a change of tags")
	require.Equal(t, []string{"Bob"}, w.namesOf(m, `tags:"vip"`))

	_, err = w.contacts.DeleteContact(m.ctx, &contactsv1.DeleteContactRequest{Id: ann.GetId()})
	require.NoError(t, err)
	require.Empty(t, w.namesOf(m, `tags:"new"`))
	_, err = w.contacts.UndeleteContact(m.ctx, &contactsv1.UndeleteContactRequest{Id: ann.GetId()})
	require.NoError(t, err)
	require.Equal(t, []string{"Ann"}, w.namesOf(m, `tags:"new" AND do_not_contact:sms`))

	_, err = w.contacts.CreateContact(m.ctx, &contactsv1.CreateContactRequest{Contact: &contactsv1.Contact{
		FirstName: "X", DoNotContact: []string{"pigeon"},
	}})
	require.Error(t, err)
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprintf("tag %d", i)
	}
	_, err = w.contacts.CreateContact(m.ctx, &contactsv1.CreateContactRequest{Contact: &contactsv1.Contact{FirstName: "X", Tags: many}})
	require.Error(t, err)
}

// CON-23: search says at once by which channels somebody must not be contacted.
func TestSearchShowsDoNotContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.contact(m, &contactsv1.Contact{FirstName: "Zebulon", DoNotContact: []string{"email"}})
	res, err := contactsv1.NewSearchServiceClient(w.conn).Search(m.ctx, &searchv1.SearchRequest{Query: "zebulon"})
	require.NoError(t, err)
	require.Len(t, res.GetHits(), 1)
	require.Equal(t, []string{"email"}, res.GetHits()[0].GetDoNotContact())
}

// CON-23, ID-4: only tags of records that the caller may see are suggested.
func TestTagsAreSuggested(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.organization()
	clerk := w.member(boss.org, "", &accessv1.DirectoryGrant{
		Kind: "contact", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_OWN,
	})
	tags := contactsv1.NewTagsServiceClient(w.conn)
	list := func(m member, beginning string) []string {
		res, err := tags.ListContactTags(m.ctx, &contactsv1.ListContactTagsRequest{Beginning: beginning})
		require.NoError(t, err)
		return res.GetTags()
	}
	for i := range 3 {
		w.contact(boss, &contactsv1.Contact{FirstName: fmt.Sprintf("P%d", i), Tags: []string{"Bakery", "Berlin", "Secret"}})
	}
	w.contact(boss, &contactsv1.Contact{FirstName: "Mine", ResponsibleId: clerk.user, Tags: []string{"berlin", "Öl"}})
	require.Equal(t, []string{"Bakery", "Berlin"}, list(boss, "b"))
	require.Equal(t, []string{"Bakery", "Berlin", "Secret", "Öl"}, list(boss, ""))
	require.Equal(t, []string{"Berlin", "Öl"}, list(clerk, ""))
	require.Empty(t, list(w.organization(), ""))

	w.company(boss, &contactsv1.Company{Name: "Acme", Tags: []string{"steel"}})
	companies, err := tags.ListCompanyTags(boss.ctx, &contactsv1.ListCompanyTagsRequest{})
	require.NoError(t, err)
	require.Equal(t, []string{"steel"}, companies.GetTags())
	leads, err := tags.ListLeadTags(boss.ctx, &contactsv1.ListLeadTagsRequest{})
	require.NoError(t, err)
	require.Empty(t, leads.GetTags())
}

// CON-13, CON-23: tags are added to many records and taken away, and that is undone to what each had.
func TestBulkTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	a := w.contact(m, &contactsv1.Contact{FirstName: "A", Tags: []string{"one", "Two"}})
	b := w.contact(m, &contactsv1.Contact{FirstName: "B"})
	var last *operationv1.Operation
	run := func(action typev1.BulkAction, tags ...string) []string {
		res, err := w.bulk.BulkContacts(m.ctx, &contactsv1.BulkContactsRequest{
			Selection: &typev1.BulkSelection{Everything: true}, Action: action, Tags: tags,
		})
		require.NoError(t, err)
		last = w.ended(m, res.GetOperation())
		require.Empty(t, last.GetError())
		return w.stored(m, a.GetId()).GetTags()
	}
	require.Equal(t, []string{"one", "Two", "three"}, run(typev1.BulkAction_BULK_ACTION_ADD_TAGS, "TWO", "three"))
	require.Equal(t, []string{"TWO", "three"}, w.stored(m, b.GetId()).GetTags())
	require.Equal(t, []string{"one", "three"}, run(typev1.BulkAction_BULK_ACTION_REMOVE_TAGS, "two"))
	w.undone(m, last)
	require.Equal(t, []string{"one", "Two", "three"}, w.stored(m, a.GetId()).GetTags())
	_, err := w.bulk.BulkContacts(m.ctx, &contactsv1.BulkContactsRequest{
		Selection: &typev1.BulkSelection{Everything: true}, Action: typev1.BulkAction_BULK_ACTION_ADD_TAGS,
	})
	require.Equal(t, "BULK_ACTION_INVALID", reason(err))
}

// CON-17, CON-23: files bring tags, which add to those that are there, and marks.
func TestImportTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	w.contact(m, &contactsv1.Contact{FirstName: "Ann", Emails: []*typev1.EmailAddress{{Address: "ann@example.com"}}, Tags: []string{"old"}})
	op := w.importContacts(m, `
kind: contact
duplicates: update
fields:
  first_name: {column: name}
  emails: {column: mail}
  tags: {column: tags, split: ";"}
  do_not_contact: {column: never, split: ";"}
`, "name,mail,tags,never\nAnn,ann@example.com,new;OLD,phone\nBob,bob@example.com,new,sms;email\nCid,cid@example.com,,smoke\n")
	require.Equal(t, outcome(1, 1, 0, 1), counts(op))
	page, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: `tags:"new"`, OrderBy: "name"})
	require.NoError(t, err)
	require.Len(t, page.GetContacts(), 2)
	require.Equal(t, []string{"old", "new"}, page.GetContacts()[0].GetTags())
	require.Equal(t, []string{"email", "sms"}, page.GetContacts()[1].GetDoNotContact())
}

// CON-4, CON-16, CON-23: tags and marks go along with a lead's conversion, and are joined and parted with a merge.
func TestTagsFollowConversionAndMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	l := w.lead(m, &contactsv1.Lead{Title: "Ask", FirstName: "Ann", Tags: []string{"fair"}, DoNotContact: []string{"phone"}})
	done, err := w.leads.ConvertLead(m.ctx, &contactsv1.ConvertLeadRequest{Id: l.GetId(), Contact: &contactsv1.ConversionTarget{}})
	require.NoError(t, err)
	require.Equal(t, []string{"fair"}, done.GetContact().GetTags())
	require.Equal(t, []string{"phone"}, done.GetContact().GetDoNotContact())

	other := w.contact(m, &contactsv1.Contact{FirstName: "Anna", Tags: []string{"Fair", "press"}, DoNotContact: []string{"sms"}})
	merged, err := w.merges.MergeRecords(m.ctx, &contactsv1.MergeRecordsRequest{Plan: &contactsv1.MergePlan{
		Kind:       "contact",
		SurvivorId: done.GetContact().GetId(), MergedIds: []string{other.GetId()},
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"fair", "press"}, merged.GetRecord().GetContact().GetTags())
	require.Equal(t, []string{"phone", "sms"}, merged.GetRecord().GetContact().GetDoNotContact())
	require.Equal(t, []string{"Ann"}, w.namesOf(m, `tags:"press"`))
	_, err = w.merges.UndoMerge(m.ctx, &contactsv1.UndoMergeRequest{Id: merged.GetMerge().GetId()})
	require.NoError(t, err)
	require.Equal(t, []string{"Anna"}, w.namesOf(m, `tags:"press"`))
	require.Equal(t, []string{"Ann", "Anna"}, w.namesOf(m, `tags:"fair"`))
}
