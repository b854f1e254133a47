package app_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// tables are the rows of every table of the service, those that tell what took place and River's aside, each as text and
// without its version and the time of its last change.
func (w *world) tables() map[string][]string {
	w.t.Helper()
	rows, err := w.db.System.Pool().Query(w.t.Context(), `
		SELECT relname FROM pg_class c
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relrowsecurity
		ORDER BY relname`)
	require.NoError(w.t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	// They tell what took place, and grow by a merge and by its undo.
	logs := []string{
		"merges", "merge_changes", "merge_batches", "merge_batch_groups", "merge_batch_undos", "operations", "idempotency_keys",
	}
	out := map[string][]string{}
	for _, name := range names {
		if slices.Contains(logs, name) || strings.HasPrefix(name, "event") || strings.HasPrefix(name, "outbox") {
			continue
		}
		rows, err := w.db.System.Pool().Query(w.t.Context(), `
			SELECT (to_jsonb(t) - 'version' - 'updated_at')::text FROM `+pgx.Identifier{name}.Sanitize()+` t ORDER BY 1`)
		require.NoError(w.t, err)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(w.t, err)
		out[name] = list
	}
	return out
}

// family makes contacts of which each pair has the name and the number, one of them in a company of its own pair, and leads
// converted into them; it returns how many pairs of contacts there are.
func (w *world) family(me member, pairs int) int {
	w.t.Helper()
	north := w.company(me, &contactsv1.Company{Name: "Nordlicht GmbH", Phones: []*typev1.PhoneNumber{{Number: "040 900100"}}})
	south := w.company(me, &contactsv1.Company{
		Name: "Nordlicht AG", Phones: []*typev1.PhoneNumber{{Number: "040 900100"}}, Industry: "light", ParentId: "",
	})
	w.company(me, &contactsv1.Company{Name: "Below", ParentId: south.GetId()})
	for i := range pairs {
		phone := []*typev1.PhoneNumber{{Number: fmt.Sprintf("030 9018%03d", i)}}
		name := fmt.Sprintf("Ivanov%c%c", 'a'+i%26, 'a'+i/26)
		w.contact(me, &contactsv1.Contact{
			FirstName: "Boris", LastName: name, Phones: phone,
			Employments: []*contactsv1.Employment{{CompanyId: north.GetId(), Role: "buyer", Primary: true}},
		})
		second := w.contact(me, &contactsv1.Contact{
			FirstName: "Boris", LastName: name, Phones: phone, Comment: "second", Position: "Buyer",
			ExternalIds: []*typev1.ExternalId{{Source: "crm", Id: name}},
			Employments: []*contactsv1.Employment{{CompanyId: south.GetId(), Role: "director"}, {CompanyId: north.GetId(), Role: "owner"}},
		})
		l := w.lead(me, &contactsv1.Lead{Title: "Desks for " + name, FirstName: "Boris"})
		_, err := w.leads.ConvertLead(me.ctx, &contactsv1.ConvertLeadRequest{
			Id: l.GetId(), Contact: &contactsv1.ConversionTarget{AttachId: second.GetId()}, Company: &contactsv1.ConversionTarget{AttachId: south.GetId()},
		})
		require.NoError(w.t, err)
	}
	return pairs
}

func (w *world) scanned(me member, kind string) {
	w.t.Helper()
	started, err := w.duplicates.ScanDuplicates(me.ctx, &contactsv1.ScanDuplicatesRequest{Kind: kind})
	require.NoError(w.t, err)
	require.Equal(w.t, operationv1.State_STATE_SUCCEEDED, w.finished(me, started.GetOperation().GetId()).GetState())
}

func (w *world) mergeAll(me member, req *contactsv1.MergeDuplicatesRequest) *operationv1.Operation {
	w.t.Helper()
	started, err := w.duplicates.MergeDuplicates(me.ctx, req)
	require.NoError(w.t, err)
	return w.finished(me, started.GetOperation().GetId())
}

func (w *world) takenBack(me member, opID string) *operationv1.Operation {
	w.t.Helper()
	started, err := w.operations.UndoOperation(me.ctx, &operationv1.UndoOperationRequest{Id: opID})
	require.NoError(w.t, err)
	return w.finished(me, started.GetOperation().GetId())
}

// result is a number of an operation's result.
func result(op *operationv1.Operation, name string) int {
	return int(op.GetResult().GetFields()[name].GetNumberValue())
}

// CON-16: all groups that a scan is sure of become one each, as one operation; undone as a whole, every row of every table is
// what it was, byte for byte. Of companies too, to which the same contacts refer.
func TestMergeOfManyAndUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	me := w.organization()
	pairs := w.family(me, 25) // more than are merged in one transaction
	w.scanned(me, "contact")
	w.scanned(me, "company")
	before := w.tables()

	tried := w.mergeAll(me, &contactsv1.MergeDuplicatesRequest{Kind: "contact", MinScore: 0.8, DryRun: true})
	require.Equal(t, pairs, result(tried, "merged"), "%v", tried)
	require.Equal(t, before, w.tables(), "a dry run keeps nothing")
	_, err := w.operations.UndoOperation(me.ctx, &operationv1.UndoOperationRequest{Id: tried.GetId()})
	require.Equal(t, "OPERATION_NOT_UNDOABLE", reason(err))

	contacts := w.mergeAll(me, &contactsv1.MergeDuplicatesRequest{Kind: "contact", MinScore: 0.8})
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, contacts.GetState())
	require.Equal(t, pairs, result(contacts, "merged"), "%v", contacts)
	require.Equal(t, pairs, result(contacts, "records"))
	require.EqualValues(t, pairs, contacts.GetDone())
	list, err := w.contacts.ListContacts(me.ctx, &contactsv1.ListContactsRequest{PageSize: 200})
	require.NoError(t, err)
	require.Len(t, list.GetContacts(), pairs)
	companies := w.mergeAll(me, &contactsv1.MergeDuplicatesRequest{Kind: "company", MinScore: 0.8})
	require.Equal(t, 1, result(companies, "merged"), "%v", companies)
	done, err := w.merges.ListMerges(me.ctx, &contactsv1.ListMergesRequest{Kind: "contact"})
	require.NoError(t, err)
	require.Len(t, done.GetMerges(), pairs)
	require.Equal(t, contacts.GetId(), done.GetMerges()[0].GetOperationId())

	// What was merged on after the contacts is taken back first.
	require.Equal(t, 1, result(w.takenBack(me, companies.GetId()), "restored"))
	back := w.takenBack(me, contacts.GetId())
	require.Equal(t, pairs, result(back, "restored"), "%v", back)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, back.GetState())
	after := w.tables()
	require.Equal(t, slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	for name, rows := range before {
		require.Equal(t, rows, after[name], name)
	}
	require.Greater(t, len(before["contacts"]), pairs)
	require.NotEmpty(t, before["contact_points"])
}

// CON-16: a group is left, and the reason told, if it was changed since the scan, if two of it were dismissed, or if the caller
// may not merge it; what people changed since is not undone with the rest.
func TestMergeOfManyLeavesGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	me := w.organization()
	w.family(me, 5)
	w.scanned(me, "contact")
	found, err := w.duplicates.ListDuplicates(me.ctx, &contactsv1.ListDuplicatesRequest{Kind: "contact", MinScore: 0.8})
	require.NoError(t, err)
	require.Len(t, found.GetPairs(), 5)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, found.GetScan().GetState())
	one, two := found.GetPairs()[0].GetRecords(), found.GetPairs()[1].GetRecords()
	_, err = w.duplicates.DismissDuplicate(me.ctx, &contactsv1.DismissDuplicateRequest{Kind: "contact", Ids: []string{one[0].GetId(), one[1].GetId()}})
	require.NoError(t, err)
	_, err = w.contacts.UpdateContact(me.ctx, &contactsv1.UpdateContactRequest{Id: two[0].GetId(), Contact: &contactsv1.Contact{
		FirstName: "Somebody", LastName: "Else", Phones: []*typev1.PhoneNumber{{Number: "030 1234567"}},
	}})
	require.NoError(t, err)

	clerk := w.member(me.org, "", view("contact"),
		&accessv1.DirectoryGrant{Kind: "contact", Action: optionsv1.Action_ACTION_UPDATE, Scope: accessv1.Scope_SCOPE_OWN},
		&accessv1.DirectoryGrant{Kind: "contact", Action: optionsv1.Action_ACTION_DELETE, Scope: accessv1.Scope_SCOPE_OWN})
	mine := w.mergeAll(clerk, &contactsv1.MergeDuplicatesRequest{Kind: "contact", MinScore: 0.8})
	require.Equal(t, 0, result(mine, "merged"))
	require.Equal(t, 4, result(mine, "left"))
	reader := w.member(me.org, "", view("contact"))
	_, err = w.duplicates.MergeDuplicates(reader.ctx, &contactsv1.MergeDuplicatesRequest{Kind: "contact", MinScore: 0.8})
	require.Equal(t, "NOT_PERMITTED", reason(err))

	op := w.mergeAll(me, &contactsv1.MergeDuplicatesRequest{Kind: "contact", MinScore: 0.8})
	require.Equal(t, 3, result(op, "merged"), "%v", op)
	require.Equal(t, "MERGE_UNSURE", op.GetErrors()[0].GetReason())

	// A field that the merge had changed was changed since: that merge stays, the others are taken back.
	done, err := w.merges.ListMerges(me.ctx, &contactsv1.ListMergesRequest{Kind: "contact"})
	require.NoError(t, err)
	_, err = w.contacts.UpdateContact(me.ctx, &contactsv1.UpdateContactRequest{
		Id: done.GetMerges()[0].GetSurvivorId(), Contact: &contactsv1.Contact{Comment: "third"},
	})
	require.NoError(t, err)
	back := w.takenBack(me, op.GetId())
	require.Equal(t, 2, result(back, "restored"), "%v", back)
	require.Equal(t, "MERGE_UNDO_CHANGED", back.GetErrors()[0].GetReason())
}

// CON-16: a batch that is killed between two groups goes on where it was; while others merge the same records, each is merged
// once and nothing is half merged.
func TestMergeOfManyIsKilledAndContended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.runJobs()
	me := w.organization()
	pairs := w.family(me, 45)
	w.scanned(me, "contact")
	found, err := w.duplicates.ListDuplicates(me.ctx, &contactsv1.ListDuplicatesRequest{Kind: "contact", MinScore: 0.8, PageSize: 200})
	require.NoError(t, err)
	before := w.tables()
	started, err := w.duplicates.MergeDuplicates(me.ctx, &contactsv1.MergeDuplicatesRequest{Kind: "contact", MinScore: 0.8})
	require.NoError(t, err)
	testkit.Eventually(t, func() error {
		got, err := w.operations.GetOperation(me.ctx, &operationv1.GetOperationRequest{Id: started.GetOperation().GetId()})
		if err == nil && got.GetOperation().GetDone() == 0 {
			err = errors.New("not begun")
		}
		return err
	})
	// Every connection of the service dies in the midst of it, as if the process were killed; somebody else merges by hand.
	login, err := pgx.Connect(t.Context(), w.db.URL)
	require.NoError(t, err)
	_, err = login.Exec(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()`)
	require.NoError(t, err)
	require.NoError(t, login.Close(t.Context()))
	stop()
	var wg sync.WaitGroup
	for _, p := range found.GetPairs()[30:] {
		wg.Go(func() {
			_, _ = w.merges.MergeRecords(me.ctx, &contactsv1.MergeRecordsRequest{Plan: &contactsv1.MergePlan{
				Kind: "contact", SurvivorId: p.GetRecords()[1].GetId(), MergedIds: []string{p.GetRecords()[0].GetId()},
			}})
		})
	}
	_, err = w.db.System.Pool().Exec(t.Context(), `
		UPDATE river.river_job SET state = 'available', scheduled_at = now() WHERE state IN ('running', 'retryable')`)
	require.NoError(t, err)
	w.runJobs()
	wg.Wait()
	op := w.finished(me, started.GetOperation().GetId())
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), "%v", op)
	require.Equal(t, pairs, result(op, "merged")+result(op, "left"))
	list, err := w.contacts.ListContacts(me.ctx, &contactsv1.ListContactsRequest{PageSize: 200})
	require.NoError(t, err)
	require.Len(t, list.GetContacts(), pairs, "each pair is one record, whoever merged it")

	back := w.takenBack(me, op.GetId())
	require.Equal(t, result(op, "merged"), result(back, "restored"), "%v", back)
	done, err := w.merges.ListMerges(me.ctx, &contactsv1.ListMergesRequest{Kind: "contact"})
	require.NoError(t, err)
	for _, m := range done.GetMerges() {
		if m.GetUndoTime() == nil {
			_, err := w.merges.UndoMerge(me.ctx, &contactsv1.UndoMergeRequest{Id: m.GetId()})
			require.NoError(t, err)
		}
	}
	require.Equal(t, before, w.tables())
}
