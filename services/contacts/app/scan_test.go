package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// CON-16: the whole base is compared by a job, with the scores that a single record's duplicates have (CON-15); pairs are listed
// surest first, as far as one sees both, and what is dismissed stays so.
func TestScanForDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	me := w.organization()
	phone := []*typev1.PhoneNumber{{Number: "030 901820"}}
	home := []*typev1.Address{{Street: "Müllerstraße 11", PostalCode: "13353"}}
	boris := w.contact(me, &contactsv1.Contact{FirstName: "Boris", LastName: "Ivanov", Phones: phone, Addresses: home})
	w.contact(me, &contactsv1.Contact{FirstName: "Борис", LastName: "Иванов", Phones: phone})
	w.contact(me, &contactsv1.Contact{FirstName: "Boris", LastName: "Ivanof", Addresses: home})
	w.contact(me, &contactsv1.Contact{FirstName: "Ann", LastName: "Lee", Phones: phone})
	w.contact(me, &contactsv1.Contact{FirstName: "Zoe", LastName: "Quist"})

	scan := func() {
		t.Helper()
		started, err := w.duplicates.ScanDuplicates(me.ctx, &contactsv1.ScanDuplicatesRequest{Kind: "contact"})
		require.NoError(t, err)
		require.Equal(t, operationv1.State_STATE_SUCCEEDED, w.finished(me, started.GetOperation().GetId()).GetState())
	}
	list := func(m member, req *contactsv1.ListDuplicatesRequest) []*contactsv1.DuplicatePair {
		t.Helper()
		req.Kind = "contact"
		var all []*contactsv1.DuplicatePair
		for {
			page, err := w.duplicates.ListDuplicates(m.ctx, req)
			require.NoError(t, err)
			all = append(all, page.GetPairs()...)
			if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
				return all
			}
		}
	}
	scan()
	pairs := list(me, &contactsv1.ListDuplicatesRequest{PageSize: 1})
	require.Len(t, pairs, 2, "%v", pairs)
	require.Equal(t, []string{"phones", "name"}, pairs[0].GetReasons())
	require.InDelta(t, 0.875, pairs[0].GetScore(), 0.0001)
	found, err := w.duplicates.FindContactDuplicates(me.ctx, &contactsv1.FindContactDuplicatesRequest{Id: boris.GetId(), MinScore: 0.5})
	require.NoError(t, err)
	require.Len(t, found.GetDuplicates(), 2)
	for i, d := range found.GetDuplicates() {
		require.InDelta(t, d.GetScore(), pairs[i].GetScore(), 0.0011, "one score, however it is reckoned")
	}
	require.Len(t, list(me, &contactsv1.ListDuplicatesRequest{MinScore: 0.8}), 1)
	require.Len(t, list(me, &contactsv1.ListDuplicatesRequest{Reason: "addresses"}), 1)
	require.Empty(t, list(w.member(me.org, "", own("contact")...), &contactsv1.ListDuplicatesRequest{}))

	ids := []string{pairs[0].GetRecords()[1].GetId(), pairs[0].GetRecords()[0].GetId()}
	_, err = w.duplicates.DismissDuplicate(me.ctx, &contactsv1.DismissDuplicateRequest{Kind: "contact", Ids: ids})
	require.NoError(t, err)
	scan()
	require.Len(t, list(me, &contactsv1.ListDuplicatesRequest{}), 1, "dismissed once and for all")
	require.Len(t, list(me, &contactsv1.ListDuplicatesRequest{Dismissed: true}), 1)
	_, err = w.duplicates.DismissDuplicate(me.ctx, &contactsv1.DismissDuplicateRequest{Kind: "contact", Ids: ids, Undo: true})
	require.NoError(t, err)
	require.Len(t, list(me, &contactsv1.ListDuplicatesRequest{}), 2)

	// Merged, they are no pair any more.
	_, err = w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{
		Plan: &contactsv1.MergePlan{Kind: "contact", SurvivorId: ids[0], MergedIds: ids[1:]},
	})
	require.NoError(t, err)
	for _, p := range list(me, &contactsv1.ListDuplicatesRequest{}) {
		require.NotEqual(t, ids[1], p.GetRecords()[0].GetId())
	}
	_, err = w.duplicates.ListDuplicates(me.ctx, &contactsv1.ListDuplicatesRequest{Kind: "contact", PageToken: "x"})
	require.Equal(t, "INVALID_PAGE_TOKEN", reason(err))
}
