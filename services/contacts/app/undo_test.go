package app_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

func (w *world) undo(m member, opID string) *operationv1.Operation {
	w.t.Helper()
	resp, err := w.operations.UndoOperation(m.ctx, &operationv1.UndoOperationRequest{Id: opID})
	require.NoError(w.t, err)
	return w.finished(m, resp.GetOperation().GetId())
}

// CON-12, CON-17: what a formula computes for imported records is no reason to keep them.
func TestImportIsTakenBackAfterAFormula(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	op := w.importContacts(m, people, "id,first,last,born,phone,mobile,mail,firm,role,owner\n1,Ann,Lee,,,,,,,\n2,Bob,Ray,,,,,,,\n")
	require.Equal(t, outcome(2, 0, 0, 0), counts(op), "%v", op.GetErrors())
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Price", Type: customfieldsv1.Type_TYPE_FORMULA, Formula: "2.0 * 10.0"})
	testkit.Eventually(t, func() error {
		resp, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: "custom_fields.price = 20"})
		if err == nil && len(resp.GetContacts()) != 2 {
			err = fmt.Errorf("%d contacts", len(resp.GetContacts()))
		}
		return err
	})
	back := w.undo(m, op.GetId())
	require.Equal(t, map[string]int{"removed": 2, "restored": 0, "unchanged": 0, "left": 0}, counts(back), "%v", back.GetErrors())
}

// CON-17, architecture rule 12: an import is taken back as a whole: what it made goes, what it changed is exactly what it
// was, and what somebody else has changed since stays and is listed. Done again it does nothing; another may not do it.
func TestImportIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	firm := w.company(m, &contactsv1.Company{Name: "Acme"})
	const head = "id,first,last,born,phone,mobile,mail,firm,role,owner\n"
	first := w.importContacts(m, people, head+"1,Ann,Lee,1990-05-03,030 901820,,ann@example.com,Acme,buyer,\n2,Bob,Ray,,,,bob@example.com,,,\n")
	require.Equal(t, outcome(2, 0, 0, 0), counts(first), "%v", first.GetErrors())
	was := map[string]*contactsv1.Contact{}
	list, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{OrderBy: "name"})
	require.NoError(t, err)
	for _, c := range list.GetContacts() {
		was[c.GetFirstName()] = c
	}
	w.pass(time.Hour)
	second := w.importContacts(m, people, head+
		"1,Anna,Lee,1991-01-01,,0170 1234567,anna@example.com,,,\n2,Bobby,Ray,,,,,,,\n3,Cid,New,,,,cid@example.com,Acme,,\n4,Dee,New,,,,,,,\n")
	require.Equal(t, outcome(2, 2, 0, 0), counts(second), "%v", second.GetErrors())
	w.pass(time.Hour)
	dees, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: `external_ids.crm = "4"`})
	require.NoError(t, err)
	dee := dees.GetContacts()[0]
	_, err = w.contacts.UpdateContact(m.ctx, &contactsv1.UpdateContactRequest{Id: dee.GetId(), Contact: &contactsv1.Contact{Comment: "ours now"}})
	require.NoError(t, err)

	colleague := w.member(m.org, "", own("contact")...)
	_, err = w.operations.UndoOperation(colleague.ctx, &operationv1.UndoOperationRequest{Id: second.GetId()})
	require.Equal(t, "OPERATION_NOT_FOUND", reason(err))

	op := w.undo(m, second.GetId())
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, "undo", op.GetKind())
	require.Equal(t, map[string]int{"removed": 1, "restored": 2, "unchanged": 0, "left": 1}, counts(op), "%v", op.GetErrors())
	require.Equal(t, "RECORD_CHANGED_SINCE", op.GetErrors()[0].GetReason())
	require.Equal(t, dee.GetId(), op.GetErrors()[0].GetRecordId())
	left, ok := w.files.get(op.GetRejectsFileId())
	require.True(t, ok)
	require.Contains(t, left, dee.GetId())

	list, err = w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{OrderBy: "name"})
	require.NoError(t, err)
	require.Len(t, list.GetContacts(), 3)
	for _, c := range list.GetContacts()[:2] {
		before := proto.CloneOf(was[c.GetFirstName()])
		require.NotNil(t, before, c.GetFirstName())
		require.NotEqual(t, before.GetEtag(), c.GetEtag())
		before.Etag, before.UpdateTime = c.GetEtag(), c.GetUpdateTime()
		require.True(t, proto.Equal(before, c), "%v\n%v", before, c)
	}
	// What they are found by is as it was, too.
	for phone, n := range map[string]int{"030901820": 1, "01701234567": 0} {
		found, err := w.contacts.LookupContactPoint(m.ctx, &contactsv1.LookupContactPointRequest{Phone: phone})
		require.NoError(t, err)
		require.Len(t, found.GetMatches(), n, phone)
	}
	staff, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: `company_id = "` + firm.GetId() + `"`})
	require.NoError(t, err)
	require.Len(t, staff.GetContacts(), 1)

	again := w.undo(m, second.GetId())
	require.Equal(t, map[string]int{"removed": 0, "restored": 0, "unchanged": 3, "left": 1}, counts(again))
	_, err = w.operations.UndoOperation(m.ctx, &operationv1.UndoOperationRequest{Id: op.GetId()})
	require.Equal(t, "OPERATION_NOT_UNDOABLE", reason(err))
	// The file can be imported again afterwards.
	third := w.importContacts(m, people, head+"3,Cid,New,,,,cid@example.com,Acme,,\n")
	require.Equal(t, outcome(1, 0, 0, 0), counts(third))
}

// Companies whose parents were set in a second pass, and leads that have become overdue since, are taken back too.
func TestImportsOfCompaniesAndLeadsAreTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	op := w.importCompanies(m, "kind: company\nfields:\n  name: {column: name}\n  parent: {column: parent, lookup: {kind: company, by: name}}\n",
		"name,parent\nA,B\nB,\n")
	require.Equal(t, outcome(2, 0, 0, 0), counts(op), "%v", op.GetErrors())
	require.Equal(t, 2, counts(w.undo(m, op.GetId()))["removed"])
	resp, err := w.leads.ImportLeads(m.ctx, &contactsv1.ImportLeadsRequest{
		Mapping: "kind: lead\nfields:\n  title: {column: title}\n", FileId: w.files.put("title\nOne\nTwo\n"),
	})
	require.NoError(t, err)
	leads := w.finished(m, resp.GetOperation().GetId())
	require.Equal(t, 2, counts(w.undo(m, leads.GetId()))["removed"])
	n, err := w.leads.CountLeads(m.ctx, &contactsv1.CountLeadsRequest{})
	require.NoError(t, err)
	require.Zero(t, n.GetCount())
}

// CON-17: an undo whose process goes away in the middle is taken up where it stood; nothing is taken back twice.
func TestUndoGoesOnAfterTheProcessIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.runJobs()
	m := w.organization()
	const n = 5_000
	op := w.importContacts(m, many, file(n))
	require.Equal(t, outcome(n, 0, 0, 0), counts(op))
	resp, err := w.operations.UndoOperation(m.ctx, &operationv1.UndoOperationRequest{Id: op.GetId()})
	require.NoError(t, err)
	testkit.EventuallyWithin(t, time.Minute, func() error {
		got, err := w.operations.GetOperation(m.ctx, &operationv1.GetOperationRequest{Id: resp.GetOperation().GetId()})
		if err != nil {
			return err
		}
		if got.GetOperation().GetDone() == 0 {
			return errors.New("not begun")
		}
		return nil
	})
	stop()
	w.runJobs()
	back := w.finished(m, resp.GetOperation().GetId())
	require.Equal(t, map[string]int{"removed": n, "restored": 0, "unchanged": 0, "left": 0}, counts(back), "%v", back.GetErrors())
	var events int
	require.NoError(t, w.db.App.QueryRow(t.Context(), m.org, `SELECT count(*) FROM events WHERE kind = 'contact'`).Scan(&events))
	require.Equal(t, 2*n, events)
}
