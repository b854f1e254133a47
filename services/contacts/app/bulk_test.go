package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

const (
	bulkUpdate   = typev1.BulkAction_BULK_ACTION_UPDATE
	bulkReassign = typev1.BulkAction_BULK_ACTION_REASSIGN
	bulkDelete   = typev1.BulkAction_BULK_ACTION_DELETE
	bulkRestore  = typev1.BulkAction_BULK_ACTION_RESTORE
)

// ended waits for the end of an operation.
func (w *world) ended(m member, op *operationv1.Operation) *operationv1.Operation {
	w.t.Helper()
	testkit.Eventually(w.t, func() error {
		res, err := w.operations.GetOperation(m.ctx, &operationv1.GetOperationRequest{Id: op.GetId()})
		if err != nil {
			return err
		}
		op = res.GetOperation()
		if op.GetEndTime() == nil {
			return fmt.Errorf("operation stands at %s, %d of %d", op.GetState(), op.GetDone(), op.GetTotal())
		}
		return nil
	})
	return op
}

// made makes n contacts of a member.
func (w *world) made(m member, n int) []*contactsv1.Contact {
	w.t.Helper()
	out := make([]*contactsv1.Contact, n)
	for i := range out {
		res, err := w.contacts.CreateContact(m.ctx, &contactsv1.CreateContactRequest{Contact: &contactsv1.Contact{
			FirstName: fmt.Sprintf("Person %d", i), ResponsibleId: m.user, Type: "client",
		}})
		require.NoError(w.t, err)
		out[i] = res.GetContact()
	}
	return out
}

func (w *world) stored(m member, id string) *contactsv1.Contact {
	w.t.Helper()
	res, err := w.contacts.GetContact(m.ctx, &contactsv1.GetContactRequest{Id: id})
	require.NoError(w.t, err)
	return res.GetContact()
}

func (w *world) undone(m member, op *operationv1.Operation) *operationv1.Operation {
	w.t.Helper()
	res, err := w.operations.UndoOperation(m.ctx, &operationv1.UndoOperationRequest{Id: op.GetId()})
	require.NoError(w.t, err)
	return w.ended(m, res.GetOperation())
}

func (w *world) counted(op *operationv1.Operation, name string) int {
	return int(op.GetResult().GetFields()[name].GetNumberValue())
}

func TestBulkUpdateOfAllThatMatchAndItsUndo(t *testing.T) { // CON-13, rule 12
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	boss := w.organization()
	all := w.made(boss, 30)
	_, err := w.contacts.UpdateContact(boss.ctx, &contactsv1.UpdateContactRequest{
		Id: all[3].GetId(), Contact: &contactsv1.Contact{Type: "partner"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"type"}},
	})
	require.NoError(t, err)
	// A stranger's contacts match the filter too.
	stranger := w.organization()
	theirs := w.made(stranger, 2)

	req := &contactsv1.BulkContactsRequest{
		Selection: &typev1.BulkSelection{Filter: `type = "client"`}, Action: bulkUpdate,
		Contact: &contactsv1.Contact{Type: "supplier", Vip: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"type", "vip"}},
		RequestId: id.New(),
	}
	res, err := w.bulk.BulkContacts(boss.ctx, req)
	require.NoError(t, err)
	again, err := w.bulk.BulkContacts(boss.ctx, req)
	require.NoError(t, err)
	require.Equal(t, res.GetOperation().GetId(), again.GetOperation().GetId(), "a repeated request is one operation")
	op := w.ended(boss, res.GetOperation())
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, "bulk", op.GetKind())
	require.EqualValues(t, 29, op.GetDone())
	require.Equal(t, 29, w.counted(op, "changed"))
	require.Equal(t, "partner", w.stored(boss, all[3].GetId()).GetType())
	got := w.stored(boss, all[0].GetId())
	require.Equal(t, "supplier", got.GetType())
	require.True(t, got.GetVip())
	require.Equal(t, "client", w.stored(stranger, theirs[0].GetId()).GetType())

	// The events are those of single changes, with the operation as their cause; one version, one event.
	var events, versions int
	require.NoError(t, w.db.App.QueryRow(t.Context(), boss.org, `
		SELECT count(*), count(DISTINCT (record_id, version)) FROM events
		WHERE organization_id = $1 AND type = 'kontor.contacts.v1.ContactUpdated' AND cause = 'bulk/' || substr($2, 10)`,
		boss.org, op.GetId()).Scan(&events, &versions))
	require.Equal(t, 29, events)
	require.Equal(t, 29, versions)

	// Nobody else sees or undoes the operation.
	_, err = w.operations.UndoOperation(stranger.ctx, &operationv1.UndoOperationRequest{Id: op.GetId()})
	require.Equal(t, "OPERATION_NOT_FOUND", reason(err))

	// One is changed by somebody since: it stays, and is listed.
	_, err = w.contacts.UpdateContact(boss.ctx, &contactsv1.UpdateContactRequest{
		Id: all[7].GetId(), Contact: &contactsv1.Contact{Position: "Head"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"position"}},
	})
	require.NoError(t, err)
	back := w.undone(boss, op)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, back.GetState(), back.GetError())
	require.Equal(t, 28, w.counted(back, "restored"))
	require.Equal(t, 1, w.counted(back, "left"))
	require.Equal(t, "RECORD_CHANGED_SINCE", back.GetErrors()[0].GetReason())
	require.Equal(t, all[7].GetId(), back.GetErrors()[0].GetRecordId())
	got = w.stored(boss, all[0].GetId())
	require.Equal(t, "client", got.GetType())
	require.False(t, got.GetVip())
	require.Equal(t, "supplier", w.stored(boss, all[7].GetId()).GetType())
}

func TestBulkAsksForRightsRecordByRecord(t *testing.T) { // CON-13, ID-4, ID-5
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	boss := w.organization()
	ann := w.member(boss.org, "", append(own("contact"), view("contact"))...)
	looker := w.member(boss.org, "", view("contact"))
	hers, his := w.made(ann, 3), w.made(boss, 2)
	gone := id.New()

	res, err := w.bulk.BulkContacts(ann.ctx, &contactsv1.BulkContactsRequest{
		Selection: &typev1.BulkSelection{Ids: []string{hers[0].GetId(), his[0].GetId(), gone}}, Action: bulkReassign, ResponsibleId: boss.user,
	})
	require.NoError(t, err)
	op := w.ended(ann, res.GetOperation())
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, 1, w.counted(op, "changed"))
	require.EqualValues(t, 2, op.GetRejected())
	reasons := map[string]string{}
	for _, e := range op.GetErrors() {
		reasons[e.GetRecordId()] = e.GetReason()
	}
	require.Equal(t, map[string]string{his[0].GetId(): "PERMISSION_DENIED", gone: "CONTACT_NOT_FOUND"}, reasons)
	require.NotEmpty(t, op.GetRejectsFileId())
	require.Equal(t, boss.user, w.stored(ann, hers[0].GetId()).GetResponsibleId())

	// What she has given away she may not take back: it is not hers any more.
	back := w.undone(ann, op)
	require.Equal(t, "PERMISSION_DENIED", back.GetErrors()[0].GetReason())
	back = w.undone(boss, op)
	require.Equal(t, 1, w.counted(back, "restored"))
	require.Equal(t, ann.user, w.stored(ann, hers[0].GetId()).GetResponsibleId())

	// Everything means everything one may see, of which only what one may change is changed.
	res, err = w.bulk.BulkContacts(ann.ctx, &contactsv1.BulkContactsRequest{
		Selection: &typev1.BulkSelection{Everything: true}, Action: bulkDelete,
	})
	require.NoError(t, err)
	op = w.ended(ann, res.GetOperation())
	require.Equal(t, 3, w.counted(op, "changed"))
	require.EqualValues(t, 2, op.GetRejected())
	require.NotNil(t, w.stored(ann, hers[1].GetId()).GetDeleteTime())
	require.Nil(t, w.stored(ann, his[1].GetId()).GetDeleteTime())
	back = w.undone(ann, op)
	require.Equal(t, 3, w.counted(back, "restored"))
	require.Nil(t, w.stored(ann, hers[1].GetId()).GetDeleteTime())

	for name, c := range map[string]struct {
		who    member
		req    *contactsv1.BulkContactsRequest
		reason string
	}{
		"may only look":      {looker, &contactsv1.BulkContactsRequest{Selection: &typev1.BulkSelection{Everything: true}, Action: bulkDelete}, "NOT_PERMITTED"},
		"nothing selected":   {ann, &contactsv1.BulkContactsRequest{Selection: &typev1.BulkSelection{}, Action: bulkDelete}, "BULK_SELECTION_INVALID"},
		"two selections":     {ann, &contactsv1.BulkContactsRequest{Selection: &typev1.BulkSelection{Everything: true, Filter: "vip = true"}, Action: bulkDelete}, "BULK_SELECTION_INVALID"},
		"wrong filter":       {ann, &contactsv1.BulkContactsRequest{Selection: &typev1.BulkSelection{Filter: "colour = 1"}, Action: bulkDelete}, "INVALID_FILTER"},
		"nobody to be given": {ann, &contactsv1.BulkContactsRequest{Selection: &typev1.BulkSelection{Everything: true}, Action: bulkReassign}, "BULK_ACTION_INVALID"},
		"unknown user":       {ann, &contactsv1.BulkContactsRequest{Selection: &typev1.BulkSelection{Everything: true}, Action: bulkReassign, ResponsibleId: id.New()}, "RESPONSIBLE_NOT_FOUND"},
		"nothing to set":     {ann, &contactsv1.BulkContactsRequest{Selection: &typev1.BulkSelection{Everything: true}, Action: bulkUpdate}, "BULK_ACTION_INVALID"},
		"not to be set": {ann, &contactsv1.BulkContactsRequest{
			Selection: &typev1.BulkSelection{Everything: true}, Action: bulkUpdate, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"create_time"}},
		}, "INVALID_UPDATE_MASK"},
	} {
		_, err := w.bulk.BulkContacts(c.who.ctx, c.req)
		require.Equal(t, c.reason, reason(err), name)
	}
}

func TestBulkGoesOnWhereItWasKilledAndIsCancelled(t *testing.T) { // CON-13: nothing doubled, nothing lost
	t.Parallel()
	w := newWorld(t)
	stop := w.runJobs()
	boss := w.organization()
	all := w.made(boss, 450)
	res, err := w.bulk.BulkContacts(boss.ctx, &contactsv1.BulkContactsRequest{
		Selection: &typev1.BulkSelection{Everything: true}, Action: bulkUpdate, Contact: &contactsv1.Contact{Comment: "seen"},
	})
	require.NoError(t, err)
	stop()
	w.runJobs()
	op := w.ended(boss, res.GetOperation())
	require.Equal(t, 450, w.counted(op, "changed"))
	for _, c := range []*contactsv1.Contact{all[0], all[449]} {
		require.Equal(t, "v2", w.stored(boss, c.GetId()).GetEtag(), "changed once")
	}

	// Its bin and back, of companies and leads as well.
	lead, err := w.leads.CreateLead(boss.ctx, &contactsv1.CreateLeadRequest{Lead: &contactsv1.Lead{Title: "Enquiry"}})
	require.NoError(t, err)
	for _, action := range []typev1.BulkAction{bulkDelete, bulkRestore} {
		res, err := w.bulk.BulkLeads(boss.ctx, &contactsv1.BulkLeadsRequest{
			Selection: &typev1.BulkSelection{Filter: `title = "Enquiry"`, ShowDeleted: action == bulkRestore}, Action: action,
		})
		require.NoError(t, err)
		require.Equal(t, 1, w.counted(w.ended(boss, res.GetOperation()), "changed"))
		l, err := w.leads.GetLead(boss.ctx, &contactsv1.GetLeadRequest{Id: lead.GetLead().GetId()})
		require.NoError(t, err)
		require.Equal(t, action == bulkDelete, l.GetLead().GetDeleteTime() != nil)
	}
	company, err := w.companies.CreateCompany(boss.ctx, &contactsv1.CreateCompanyRequest{Company: &contactsv1.Company{Name: "Acme"}})
	require.NoError(t, err)
	changed, err := w.bulk.BulkCompanies(boss.ctx, &contactsv1.BulkCompaniesRequest{
		Selection: &typev1.BulkSelection{Ids: []string{company.GetCompany().GetId()}}, Action: bulkUpdate, Company: &contactsv1.Company{Comment: "c"},
	})
	require.NoError(t, err)
	require.Equal(t, 1, w.counted(w.ended(boss, changed.GetOperation()), "changed"))
}

func TestACancelledBulkStopsAndCanBeUndone(t *testing.T) { // CON-13
	t.Parallel()
	w := newWorld(t)
	boss := w.organization()
	w.made(boss, 3)
	reader := w.member(boss.org, "", &accessv1.DirectoryGrant{Kind: "contact", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL})
	res, err := w.bulk.BulkContacts(boss.ctx, &contactsv1.BulkContactsRequest{
		Selection: &typev1.BulkSelection{Everything: true}, Action: bulkDelete,
	})
	require.NoError(t, err)
	_, err = w.operations.CancelOperation(reader.ctx, &operationv1.CancelOperationRequest{Id: res.GetOperation().GetId()})
	require.Equal(t, "OPERATION_NOT_FOUND", reason(err))
	_, err = w.operations.UndoOperation(boss.ctx, &operationv1.UndoOperationRequest{Id: res.GetOperation().GetId()})
	require.Equal(t, "OPERATION_NOT_ENDED", reason(err))
	_, err = w.operations.CancelOperation(boss.ctx, &operationv1.CancelOperationRequest{Id: res.GetOperation().GetId()})
	require.NoError(t, err)
	w.runJobs()
	op := w.ended(boss, res.GetOperation())
	require.Equal(t, operationv1.State_STATE_CANCELLED, op.GetState())
	n, err := w.contacts.CountContacts(boss.ctx, &contactsv1.CountContactsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 3, n.GetCount())
}
