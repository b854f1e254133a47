package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/id"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

const (
	bulkUpdate   = typev1.BulkAction_BULK_ACTION_UPDATE
	bulkReassign = typev1.BulkAction_BULK_ACTION_REASSIGN
	bulkDelete   = typev1.BulkAction_BULK_ACTION_DELETE
	bulkRestore  = typev1.BulkAction_BULK_ACTION_RESTORE
)

// changed runs a bulk change of a user to its end.
func (s *suite) changed(user string, req *dealsv1.BulkDealsRequest) *operationv1.Operation {
	s.t.Helper()
	resp, err := s.bulk.BulkDeals(s.as(user), req)
	require.NoError(s.t, err)
	return s.awaitAs(user, resp.GetOperation())
}

func (s *suite) undone(user string, op *operationv1.Operation) *operationv1.Operation {
	s.t.Helper()
	resp, err := s.operations.UndoOperation(s.as(user), &operationv1.UndoOperationRequest{Id: op.GetId()})
	require.NoError(s.t, err)
	return s.awaitAs(user, resp.GetOperation())
}

func (s *suite) stored(id string) *dealsv1.Deal {
	s.t.Helper()
	resp, err := s.deals.GetDeal(s.as(s.boss), &dealsv1.GetDealRequest{Id: id})
	require.NoError(s.t, err)
	return resp.GetDeal()
}

func (s *suite) all() []*dealsv1.Deal {
	s.t.Helper()
	resp, err := s.deals.ListDeals(s.as(s.boss), &dealsv1.ListDealsRequest{})
	require.NoError(s.t, err)
	return resp.GetDeals()
}

// alike requires that a deal is what it was, its version and the time of the change aside.
func alike(t *testing.T, was, is *dealsv1.Deal) {
	t.Helper()
	was = proto.CloneOf(was)
	was.Etag, was.UpdateTime = is.GetEtag(), is.GetUpdateTime()
	require.True(t, proto.Equal(was, is), "%v\n%v", was, is)
}

// CON-13, rule 12: fields, own ones too, are set for all deals that match; every deal has its event; all of it is taken back
// but what somebody has changed since.
func TestBulkUpdateOfDealsAndItsUndo(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.run(s.newApp())
	_, err := s.custom.CreateCustomField(s.as(s.boss), &customfieldsv1.CreateCustomFieldRequest{Kind: "deal", CustomField: &customfieldsv1.CustomField{
		Label: "Area", Type: customfieldsv1.Type_TYPE_NUMBER,
	}})
	require.NoError(t, err)
	var all []*dealsv1.Deal
	for i := range 20 {
		all = append(all, s.create(s.ann, &dealsv1.Deal{Name: fmt.Sprintf("Deal %d", i), Type: "sale", Amount: eur("10")}))
	}
	other := s.create(s.ann, &dealsv1.Deal{Name: "Other", Type: "service"})
	firm := s.neighbours.client("company")

	req := &dealsv1.BulkDealsRequest{
		Selection: &typev1.BulkSelection{Filter: `type = "sale"`}, Action: bulkUpdate, RequestId: id.New(),
		Deal: &dealsv1.Deal{
			CompanyId: firm, Source: "fair", Amount: eur("25"),
			CustomFields: map[string]*structpb.Value{"area": structpb.NewNumberValue(3)},
		},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"company_id", "source", "amount", "custom_fields.area"}},
	}
	op := s.changed(s.boss, req)
	again, err := s.bulk.BulkDeals(s.as(s.boss), req)
	require.NoError(t, err)
	require.Equal(t, op.GetId(), again.GetOperation().GetId(), "a repeated request is one operation")
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.EqualValues(t, 20, result(op, "changed"), "%v", op.GetErrors())
	got := s.stored(all[0].GetId())
	require.Equal(t, firm, got.GetCompanyId())
	require.Equal(t, "25.00", got.GetAmount().GetAmount())
	require.Equal(t, "25.00", got.GetBaseAmount().GetAmount())
	require.Equal(t, int64(20), s.count(`custom_fields.area = 3`))
	alike(t, other, s.stored(other.GetId()))
	var events int
	require.NoError(t, s.db.App.QueryRow(t.Context(), s.org, `
		SELECT count(DISTINCT (record_id, version)) FROM events
		WHERE organization_id = $1 AND type = 'kontor.deals.v1.DealUpdated' AND cause = 'bulk/' || split_part($2, '.', 2)`,
		s.org, op.GetId()).Scan(&events))
	require.Equal(t, 20, events)

	_, err = s.operations.UndoOperation(s.as(s.ann), &operationv1.UndoOperationRequest{Id: op.GetId()})
	require.Equal(t, "OPERATION_NOT_FOUND", reason(err))
	_, err = s.deals.UpdateDeal(s.as(s.ann), &dealsv1.UpdateDealRequest{Id: all[7].GetId(), Deal: &dealsv1.Deal{Comment: "mine"}})
	require.NoError(t, err)
	back := s.undone(s.boss, op)
	require.EqualValues(t, 19, result(back, "restored"), "%v", back.GetErrors())
	require.EqualValues(t, 1, result(back, "left"))
	require.Equal(t, "RECORD_CHANGED_SINCE", back.GetErrors()[0].GetReason())
	require.Equal(t, all[7].GetId(), back.GetErrors()[0].GetRecordId())
	alike(t, all[0], s.stored(all[0].GetId()))
	require.Equal(t, int64(1), s.count(`custom_fields.area = 3`), "the index follows")
}

// CON-13, ID-4, ID-5: rights are asked for deal by deal; the bin and back; what cannot be asked for is refused at once.
func TestBulkOfDealsAsksForRights(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.run(s.newApp())
	hers, his := s.create(s.ann, &dealsv1.Deal{Name: "hers"}), s.create(s.bob, &dealsv1.Deal{Name: "his", AvailableToEveryone: true})
	gone := id.New()
	op := s.changed(s.ann, &dealsv1.BulkDealsRequest{
		Selection: &typev1.BulkSelection{Ids: []string{hers.GetId(), his.GetId(), gone}}, Action: bulkReassign, ResponsibleId: s.bob,
	})
	require.EqualValues(t, 1, result(op, "changed"))
	reasons := map[string]string{}
	for _, e := range op.GetErrors() {
		reasons[e.GetRecordId()] = e.GetReason()
	}
	require.Equal(t, map[string]string{his.GetId(): "PERMISSION_DENIED", gone: "DEAL_NOT_FOUND"}, reasons)
	require.NotEmpty(t, op.GetRejectsFileId())
	require.Equal(t, s.bob, s.stored(hers.GetId()).GetResponsibleId())
	require.Equal(t, "DEAL_NOT_FOUND", s.undone(s.ann, op).GetErrors()[0].GetReason(), "what she has given away she does not see")
	require.EqualValues(t, 1, result(s.undone(s.boss, op), "restored"))
	alike(t, hers, s.stored(hers.GetId()))

	op = s.changed(s.ann, &dealsv1.BulkDealsRequest{Selection: &typev1.BulkSelection{Everything: true}, Action: bulkDelete})
	require.EqualValues(t, 1, result(op, "changed"))
	require.EqualValues(t, 1, op.GetRejected())
	require.NotNil(t, s.stored(hers.GetId()).GetDeleteTime())
	require.EqualValues(t, 1, result(s.undone(s.ann, op), "restored"))
	alike(t, hers, s.stored(hers.GetId()))
	s.changed(s.ann, &dealsv1.BulkDealsRequest{Selection: &typev1.BulkSelection{Ids: []string{hers.GetId()}}, Action: bulkDelete})
	op = s.changed(s.ann, &dealsv1.BulkDealsRequest{
		Selection: &typev1.BulkSelection{Everything: true, ShowDeleted: true}, Action: bulkRestore,
	})
	require.EqualValues(t, 1, result(op, "changed"))
	require.Nil(t, s.stored(hers.GetId()).GetDeleteTime())
	require.EqualValues(t, 1, result(s.undone(s.ann, op), "restored"))
	require.NotNil(t, s.stored(hers.GetId()).GetDeleteTime())

	all := &typev1.BulkSelection{Everything: true}
	for name, c := range map[string]struct {
		req    *dealsv1.BulkDealsRequest
		reason string
	}{
		"nothing selected":   {&dealsv1.BulkDealsRequest{Selection: &typev1.BulkSelection{}, Action: bulkDelete}, "BULK_SELECTION_INVALID"},
		"wrong filter":       {&dealsv1.BulkDealsRequest{Selection: &typev1.BulkSelection{Filter: "colour = 1"}, Action: bulkDelete}, "INVALID_FILTER"},
		"nobody to be given": {&dealsv1.BulkDealsRequest{Selection: all, Action: bulkReassign}, "BULK_ACTION_INVALID"},
		"unknown user":       {&dealsv1.BulkDealsRequest{Selection: all, Action: bulkReassign, ResponsibleId: id.New()}, "USER_NOT_FOUND"},
		"unknown company":    {&dealsv1.BulkDealsRequest{Selection: all, Action: bulkUpdate, Deal: &dealsv1.Deal{CompanyId: id.New()}}, "COMPANY_NOT_FOUND"},
		"nothing to set":     {&dealsv1.BulkDealsRequest{Selection: all, Action: bulkUpdate}, "BULK_ACTION_INVALID"},
		"not for many": {&dealsv1.BulkDealsRequest{
			Selection: all, Action: bulkUpdate, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"lines"}},
		}, "INVALID_UPDATE_MASK"},
	} {
		_, err := s.bulk.BulkDeals(s.as(s.ann), c.req)
		require.Equal(t, c.reason, reason(err), name)
	}
}

// CON-17: an import of deals is taken back: what it made is in the bin, what it changed, its stage and its times too, is what it
// was; the file can be imported again; the sums of the board follow.
func TestAnImportOfDealsIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.run(s.newApp())
	const mapping = `
kind: deal
external_id: {source: shop, column: id}
duplicates: update
fields:
  name: {column: name}
  amount: {column: amount, currency: EUR}
  stage: {column: stage, lookup: {kind: stage, by: name, within: pipeline}}
  pipeline: {constant: Sales, lookup: {kind: pipeline, by: name}}
  lost_reason: {constant: too dear}
  close_time: {column: closed}
`
	ps, err := s.pipelines.ListPipelines(s.as(s.boss), &dealsv1.ListPipelinesRequest{})
	require.NoError(t, err)
	stages := map[dealsv1.StageKind]string{}
	for _, st := range ps.GetPipelines()[0].GetStages() {
		stages[st.GetKind()] = st.GetName() // the last of each
	}
	open, won, lost := stages[dealsv1.StageKind_STAGE_KIND_OPEN], stages[dealsv1.StageKind_STAGE_KIND_WON], stages[dealsv1.StageKind_STAGE_KIND_LOST]
	run := func(rows string) *operationv1.Operation {
		op := s.await(s.importFile([]byte("id,name,amount,stage,closed\n"+rows), strings.ReplaceAll(mapping, "Sales", ps.GetPipelines()[0].GetName())))
		require.Zero(t, op.GetRejected(), "%v %s", op.GetErrors(), op.GetError())
		return op
	}
	first := run("1,a,10," + open + ",\n2,b,20," + won + ",2026-01-05\n3,c,30," + lost + ",2026-01-06\n")
	was := map[string]*dealsv1.Deal{}
	for _, d := range s.all() {
		was[d.GetName()] = d
	}
	require.Len(t, was, 3)
	second := run("1,A,11," + won + ",2026-02-01\n2,B,20," + open + ",\n3,c,30," + lost + ",2026-01-06\n4,d,40," + open + ",\n")
	require.EqualValues(t, 1, result(second, "created"))
	require.EqualValues(t, 2, result(second, "updated"))
	op := s.undone(s.boss, second)
	require.EqualValues(t, 1, result(op, "removed"), "%v", op.GetErrors())
	require.EqualValues(t, 2, result(op, "restored"))
	require.EqualValues(t, 0, result(op, "left"))
	now := s.all()
	require.Len(t, now, 3)
	for _, d := range now {
		alike(t, was[d.GetName()], d)
	}
	// A deal that was won is reopened to where it was won from.
	reopened, err := s.deals.ReopenDeal(s.as(s.boss), &dealsv1.ReopenDealRequest{Id: was["b"].GetId()})
	require.NoError(t, err)
	require.Equal(t, dealsv1.DealState_DEAL_STATE_OPEN, reopened.GetDeal().GetState())

	require.EqualValues(t, 3, result(s.undone(s.boss, second), "unchanged"), "again there is nothing to do")
	third := run("4,d,40," + open + ",\n")
	require.EqualValues(t, 1, result(third, "created"), "the file can be imported again")
	left := s.undone(s.boss, first)
	require.EqualValues(t, 1, result(left, "removed"))
	require.EqualValues(t, 2, result(left, "left"), "others have changed them since")
}
