package fieldrules_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/fieldrules"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

const org, ann = "org", "ann"

func role(id, kind string, rules ...*accessv1.DirectoryFieldRule) *accessv1.DirectoryEntry {
	return &accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{
		Id: id, Fields: rules, Grants: []*accessv1.DirectoryGrant{{Kind: kind, Scope: accessv1.Scope_SCOPE_ALL}},
	}}}
}

func hidden(kind, field string) *accessv1.DirectoryFieldRule {
	return &accessv1.DirectoryFieldRule{Kind: kind, Field: field, Access: accessv1.FieldAccess_FIELD_ACCESS_HIDDEN}
}

func readOnly(kind, field string) *accessv1.DirectoryFieldRule {
	return &accessv1.DirectoryFieldRule{Kind: kind, Field: field, Access: accessv1.FieldAccess_FIELD_ACCESS_READ_ONLY}
}

// rules are those of a user with the roles.
func rules(roles ...*accessv1.DirectoryEntry) fieldrules.Rules {
	d := authz.NewDirectory()
	var ids []string
	for _, r := range roles {
		d.Apply(r)
		ids = append(ids, r.GetRole().GetId())
	}
	d.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_User{User: &accessv1.DirectoryUser{
		Id: ann, RoleIds: ids, Active: true,
	}}})
	return fieldrules.For(d, org, ann)
}

// ID-4: a user with several roles has the widest.
func TestTheWidestOfSeveralRoles(t *testing.T) {
	t.Parallel()
	require.True(t, rules(role("a", "deal", hidden("deal", "amount"))).Hides("deal", "amount"))
	require.True(t, rules(role("a", "*", hidden("deal", "amount"))).Hides("deal", "amount"))
	require.False(t, rules(role("a", "deal", hidden("deal", "amount")), role("b", "deal")).Hides("deal", "amount"))
	require.True(t, rules(role("a", "deal", hidden("deal", "amount")), role("b", "lead")).Hides("deal", "amount"), "b grants no deals")
	both := rules(role("a", "deal", hidden("deal", "amount")), role("b", "deal", readOnly("deal", "amount")))
	require.False(t, both.Hides("deal", "amount"))
	require.ErrorIs(t, both.MayWrite("deal", "amount"), fieldrules.ErrReadOnly)
	require.True(t, rules(role("a", "deal")).Empty())
}

// ID-4, ID-6: what is hidden is in no message, wherever the record stands in it.
func TestClear(t *testing.T) {
	t.Parallel()
	r := rules(role("a", "*", hidden("deal", "amount"), hidden("deal", "custom.margin"), hidden("contact", "phones"), readOnly("deal", "comment")))
	money := &typev1.Money{CurrencyCode: "EUR", Amount: "5"}
	value := structpb.NewStringValue("5")

	deal := &dealsv1.Deal{
		Name: "D", Amount: money, BaseAmount: money, Comment: "c", Lines: []*dealsv1.DealLine{{Price: "5"}},
		CustomFields: map[string]*structpb.Value{"margin": value, "area": value},
	}
	res := &dealsv1.ListDealsResponse{Deals: []*dealsv1.Deal{deal}}
	r.Clear(res, "deal")
	require.True(t, proto.Equal(&dealsv1.Deal{Name: "D", Comment: "c", CustomFields: map[string]*structpb.Value{"area": value}}, deal), "%v", deal)

	board := &dealsv1.GetBoardResponse{Columns: []*dealsv1.BoardColumn{{
		Count: 2, Totals: []*typev1.Money{money}, BaseTotal: money, Cards: []*dealsv1.BoardCard{{Name: "D", Amount: money}},
	}}}
	r.Clear(board, "deal")
	require.True(t, proto.Equal(&dealsv1.GetBoardResponse{Columns: []*dealsv1.BoardColumn{{Count: 2, Cards: []*dealsv1.BoardCard{{Name: "D"}}}}}, board), "%v", board)

	own := func() *structpb.Value {
		v, err := structpb.NewValue(map[string]any{"margin": 5, "area": 6})
		require.NoError(t, err)
		return v
	}
	history := &dealsv1.GetDealHistoryResponse{Entries: []*typev1.HistoryEntry{{Changes: []*typev1.FieldChange{
		{Field: "amount", NewValue: value},
		{Field: "base_amount", NewValue: value},
		{Field: "name", NewValue: value},
		{Field: "custom_fields", OldValue: own(), NewValue: own()},
		{Field: "custom_fields.margin", NewValue: value},
	}}}}
	r.Clear(history, "deal")
	changes := history.GetEntries()[0].GetChanges()
	require.Len(t, changes, 2, "%v", changes)
	require.Equal(t, "name", changes[0].GetField())
	require.Equal(t, map[string]any{"area": 6.0}, changes[1].GetOldValue().AsInterface())

	found := &searchv1.SearchResponse{Hits: []*searchv1.Hit{
		{Kind: "contact", Id: "1", Title: "A", Subtitle: "+49", Matches: []*searchv1.Match{{Field: "phones"}, {Field: "name"}}},
		{Kind: "contact", Id: "2", Title: "B", Matches: []*searchv1.Match{{Field: "phones"}}},
		{Kind: "lead", Id: "3", Subtitle: "+49", Matches: []*searchv1.Match{{Field: "phones"}}},
	}}
	r.Clear(found, "")
	require.Len(t, found.GetHits(), 2, "found by what is hidden alone is not found")
	require.Empty(t, found.GetHits()[0].GetSubtitle())
	require.Len(t, found.GetHits()[0].GetMatches(), 1)
	require.Equal(t, "+49", found.GetHits()[1].GetSubtitle(), "leads have no rule")

	merged := &contactsv1.PreviewMergeResponse{
		Record:    &contactsv1.MergedRecord{Record: &contactsv1.MergedRecord_Contact{Contact: &contactsv1.Contact{LastName: "X", Phones: []*typev1.PhoneNumber{{Number: "1"}}}}},
		Conflicts: []*contactsv1.MergeConflict{{Field: "phones"}, {Field: "last_name"}},
	}
	asked := &contactsv1.PreviewMergeRequest{Plan: &contactsv1.MergePlan{Kind: "contact"}}
	r.Clear(merged, fieldrules.KindOf(asked, ""))
	require.Empty(t, merged.GetRecord().GetContact().GetPhones())
	require.Len(t, merged.GetConflicts(), 1)
}

// ID-4, ID-6: what may not be seen is no oracle, and what may not be changed is not.
func TestCheck(t *testing.T) {
	t.Parallel()
	r := rules(role("a", "*", hidden("deal", "amount"), hidden("deal", "custom.margin"), readOnly("deal", "comment"), hidden("lead", "phones"), readOnly("deal", "stage_id")))
	const view, create, update = optionsv1.Action_ACTION_VIEW, optionsv1.Action_ACTION_CREATE, optionsv1.Action_ACTION_UPDATE
	money := &typev1.Money{CurrencyCode: "EUR", Amount: "5"}
	for _, tt := range []struct {
		name   string
		req    proto.Message
		action optionsv1.Action
		field  string
	}{
		{"a filter", &dealsv1.ListDealsRequest{Filter: `name = "x" AND (NOT amount > 5 OR type = "y")`}, view, "amount"},
		{"a filter by what tells it", &dealsv1.ListDealsRequest{Filter: `currency = "EUR"`}, view, "currency"},
		{"a filter in JSON names", &dealsv1.ListDealsRequest{Filter: `baseAmount > 5`}, view, "baseAmount"},
		{"a filter by an own field", &dealsv1.CountDealsRequest{Filter: `custom_fields.margin = 5`}, view, "custom_fields.margin"},
		{"a filter by what may be read", &dealsv1.ListDealsRequest{Filter: `comment = "x" custom_fields.area = 5`}, view, ""},
		{"an order", &dealsv1.ListDealsRequest{OrderBy: "name, amount desc"}, view, "amount"},
		{"a selection of a bulk change", &dealsv1.BulkDealsRequest{Selection: &typev1.BulkSelection{Filter: "amount > 1"}}, update, "amount"},
		{"columns of a file", &dealsv1.ExportDealsRequest{List: &typev1.ExportList{Columns: []string{"name", "base_amount"}}}, optionsv1.Action_ACTION_EXPORT, "base_amount"},
		{"making with it", &dealsv1.CreateDealRequest{Deal: &dealsv1.Deal{Name: "D", Amount: money}}, create, "amount"},
		{"making with lines, which add up to it", &dealsv1.CreateDealRequest{Deal: &dealsv1.Deal{Lines: []*dealsv1.DealLine{{}}}}, create, "lines"},
		{"making without", &dealsv1.CreateDealRequest{Deal: &dealsv1.Deal{Name: "D"}}, create, ""},
		{"making with what is read-only", &dealsv1.CreateDealRequest{Deal: &dealsv1.Deal{Comment: "c"}}, create, "comment"},
		{"a mask", &dealsv1.UpdateDealRequest{Deal: &dealsv1.Deal{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name", "amount"}}}, update, "amount"},
		{"a mask of an own field", &dealsv1.UpdateDealRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"custom_fields.margin"}}, Deal: &dealsv1.Deal{}}, update, "custom_fields.margin"},
		{"no mask", &dealsv1.UpdateDealRequest{Deal: &dealsv1.Deal{CustomFields: map[string]*structpb.Value{"margin": structpb.NewNullValue()}}}, update, "custom.margin"},
		{"a value beside the mask", &dealsv1.UpdateDealRequest{Deal: &dealsv1.Deal{Amount: money, Name: "N"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}}, update, ""},
		{"a move", &dealsv1.MoveDealRequest{StageId: "s"}, update, "stage_id"},
		{"a draft, looked up", &contactsv1.FindLeadDuplicatesRequest{Lead: &contactsv1.Lead{Phones: []*typev1.PhoneNumber{{Number: "1"}}}}, view, "phones"},
		{"a number, looked up", &contactsv1.LookupContactPointRequest{Phone: "1"}, view, "lead/phones"},
		{"what a merge takes", &contactsv1.MergeRecordsRequest{Plan: &contactsv1.MergePlan{Kind: "lead", Choices: []*contactsv1.MergeChoice{{Field: "phones"}}}}, update, "phones"},
		{"pairs that have it in common", &contactsv1.ListDuplicatesRequest{Kind: "lead", Reason: "phones"}, view, "phones"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := r.Check(tt.req, "deal", tt.action)
			if tt.field == "" {
				require.NoError(t, err)
				return
			}
			var e *apperr.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.field, e.Meta["field"])
		})
	}
}

// Every kind of record that roles speak of and that is there has its fields described, and every field a name of its own.
func TestSchemas(t *testing.T) {
	t.Parallel()
	require.Subset(t, fieldrules.Kinds(), []string{"company", "contact", "deal", "lead"})
	for _, kind := range fieldrules.Kinds() {
		require.True(t, slices.ContainsFunc(fieldrules.Fields(kind), func(f fieldrules.Field) bool { return f.Fixed }), kind)
		require.True(t, slices.ContainsFunc(fieldrules.Fields(kind), func(f fieldrules.Field) bool { return !f.Fixed }), kind)
	}
}
