package intake

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/event"
	"kontor.internal/libs/undo"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// Undos returns how what was done to records is taken back, by kind (CON-17, architecture rule 12).
func Undos(s *store.Store, contacts *contact.Contacts, companies *company.Companies, leads *lead.Leads) map[string]undo.Target {
	return map[string]undo.Target{
		string(record.Contact): {Undo: (&taking[contact.Contact, *contact.Contact]{
			name: record.Contact, book: contacts, table: s.Contacts(), keep: func(_, _ *contact.Contact) {},
		}).undo, Upkeep: upkeep},
		string(record.Company): {Undo: (&taking[company.Company, *company.Company]{
			name: record.Company, book: companies, table: s.Companies(), keep: func(_, _ *company.Company) {},
		}).undo, Upkeep: upkeep},
		string(record.Lead): {
			Upkeep: upkeep,
			Undo: (&taking[lead.Lead, *lead.Lead]{
				name: record.Lead, book: &leads.Book, table: s.Leads(),
				keep: func(now, was *lead.Lead) { was.OverdueAt = now.OverdueAt }, // no event has it
			}).undo,
		},
	}
}

// upkeep says of an event that we ourselves went on with a record: a lead is overdue, a formula has been computed.
func upkeep(typ, cause string) bool {
	return typ == "kontor.contacts.v1.LeadOverdue" || cause == store.FormulaCause
}

// earlier is what taking back needs of a kind's store.
type earlier[T any] interface {
	table[T]
	Before(ctx context.Context, tx pgx.Tx, org string, ids []string, versions []int64) (map[string]*T, error)
}

// taking is how records of one kind become what they were.
type taking[T any, P record.Entity[T]] struct {
	name  record.Kind
	book  *record.Book[T, P]
	table earlier[T]
	// keep carries over what events do not have.
	keep func(now, was *T)
}

// undo takes a batch back; see [undo.Target].Undo.
func (k *taking[T, P]) undo(ctx context.Context, tx pgx.Tx, b undo.Batch) ([]undo.Result, []event.Event, error) {
	ids, firsts := make([]string, len(b.Spans)), make([]int64, len(b.Spans))
	for i, s := range b.Spans {
		ids[i], firsts[i] = s.RecordID, s.First
	}
	locked, err := k.table.LockMany(ctx, tx, b.Organization, ids)
	if err != nil {
		return nil, nil, err
	}
	before, err := k.table.Before(ctx, tx, b.Organization, ids, firsts)
	if err != nil {
		return nil, nil, err
	}
	check, err := k.book.Checker(ctx, b.Organization)
	if err != nil {
		return nil, nil, err
	}
	who := record.Caller{
		OrganizationID: b.Organization, UserID: b.UserID, View: authz.All(),
		Act: authz.For(ctx, string(k.name), optionsv1.Action_ACTION_IMPORT),
	}
	binner := who
	if strings.HasPrefix(b.Of, bulk.OperationKind+"/") { // whoever may do it one by one may undo it at once
		who.View = authz.For(ctx, string(k.name), optionsv1.Action_ACTION_VIEW)
		binner.View = who.View
		who.Act = authz.For(ctx, string(k.name), optionsv1.Action_ACTION_UPDATE)
		binner.Act = authz.For(ctx, string(k.name), optionsv1.Action_ACTION_DELETE)
	}
	results := make([]undo.Result, len(b.Spans))
	var changes []*record.Change[T]
	for i, s := range b.Spans {
		now, was := locked[s.RecordID], before[s.RecordID]
		var ch *record.Change[T]
		as := who
		if now != nil && was != nil && P(now).Common().Deleted() != P(was).Common().Deleted() {
			as = binner
		}
		if results[i], ch = k.one(as, s, now, was); ch != nil {
			ch.Cause = b.Cause
			P(ch.After).Common().Fields = check.Fields // what was valid then is not judged again
			changes = append(changes, ch)
		}
	}
	evs, err := k.table.SaveMany(ctx, tx, b.Organization, changes)
	if err != nil {
		return nil, nil, err
	}
	return results, evs, nil
}

// one decides what becomes of a record, and with what change; was is nil if the operation made it.
func (k *taking[T, P]) one(who record.Caller, s undo.Span, now, was *T) (undo.Result, *record.Change[T]) {
	if now == nil {
		return undo.Result{Outcome: undo.Left, Reason: undo.ReasonChanged, Message: "it has been removed for good"}, nil
	}
	m := P(now).Common()
	if m.Version != s.Now {
		return undo.Result{Outcome: undo.Left, Reason: undo.ReasonChanged, Message: "it has just been changed; it is left as it is"}, nil
	}
	restores := was != nil && m.Deleted() && !P(was).Common().Deleted()
	if err := k.book.Admit(who, m, 0); err != nil && (!restores || !errors.Is(err, k.book.ErrDeleted)) {
		return kept(err), nil
	}
	if was == nil {
		next := *now
		n := P(&next).Common()
		n.DeletedAt = k.book.Clock.Now()
		n.UpdatedAt = n.DeletedAt
		return undo.Result{Outcome: undo.Removed}, &record.Change[T]{What: record.Deleted, Before: now, After: &next}
	}
	k.keep(now, was)
	P(was).Common().UpdatedAt = k.book.Clock.Now()
	what := record.Updated
	switch {
	case restores:
		what = record.Undeleted
	case P(was).Common().Deleted():
		what = record.Deleted
	}
	return undo.Result{Outcome: undo.Restored}, &record.Change[T]{What: what, Before: now, After: was}
}

// kept says why a record stays as it is.
func kept(err error) undo.Result {
	var refused *apperr.Error
	if errors.As(err, &refused) {
		return undo.Result{Outcome: undo.Left, Reason: refused.Reason, Message: refused.Msg}
	}
	return undo.Result{Outcome: undo.Left, Reason: "RECORD_REFUSED", Message: err.Error()}
}
