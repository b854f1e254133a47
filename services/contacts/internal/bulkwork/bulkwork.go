// Package bulkwork does to many records what the API does to one: update, reassignment, bin, restoration (CON-13). The
// rules are those of the books; libs/bulk drives the work.
package bulkwork

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/event"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
	"kontor.internal/services/contacts/internal/wire"
)

// ErrAction is the answer to an action that lacks what it needs.
var ErrAction = apperr.Invalid("BULK_ACTION_INVALID", "an update needs fields to set, a reassignment the user who is to be responsible, and tags are to be named")

// Request is what the requests of all kinds say of the change.
type Request interface {
	proto.Message
	GetSelection() *typev1.BulkSelection
	GetAction() typev1.BulkAction
	GetUpdateMask() *fieldmaskpb.FieldMask
	GetResponsibleId() string
	GetTags() []string
}

// Needs returns what a user must be allowed to do to records for an action on them.
func Needs(a typev1.BulkAction) optionsv1.Action {
	switch a {
	case typev1.BulkAction_BULK_ACTION_DELETE, typev1.BulkAction_BULK_ACTION_RESTORE:
		return optionsv1.Action_ACTION_DELETE
	default:
		return optionsv1.Action_ACTION_UPDATE
	}
}

// Targets returns how records are changed in bulk, by kind. zone is where an organisation's days begin.
func Targets(
	s *store.Store, contacts *contact.Contacts, companies *company.Companies, leads *lead.Leads, zone func(org string) *time.Location,
) map[string]bulk.Target {
	return map[string]bulk.Target{
		string(record.Contact): &kind[contact.Contact, *contact.Contact, *contactsv1.Contact]{
			name: record.Contact, book: contacts, table: s.Contacts(), zone: zone, fields: wire.ContactFields(),
			request: func() Request { return &contactsv1.BulkContactsRequest{} },
			values:  func(r Request) *contactsv1.Contact { return r.(*contactsv1.BulkContactsRequest).GetContact() }, //nolint:forcetypeassert // Made by request.
			wire:    wire.Contact, from: wire.ContactFrom,
		},
		string(record.Company): &kind[company.Company, *company.Company, *contactsv1.Company]{
			name: record.Company, book: companies, table: s.Companies(), zone: zone, fields: wire.CompanyFields(),
			request: func() Request { return &contactsv1.BulkCompaniesRequest{} },
			values:  func(r Request) *contactsv1.Company { return r.(*contactsv1.BulkCompaniesRequest).GetCompany() }, //nolint:forcetypeassert // Made by request.
			wire:    wire.Company, from: wire.CompanyFrom,
		},
		string(record.Lead): &kind[lead.Lead, *lead.Lead, *contactsv1.Lead]{
			name: record.Lead, book: &leads.Book, table: s.Leads(), zone: zone, fields: wire.LeadFields(),
			request: func() Request { return &contactsv1.BulkLeadsRequest{} },
			values:  func(r Request) *contactsv1.Lead { return r.(*contactsv1.BulkLeadsRequest).GetLead() }, //nolint:forcetypeassert // Made by request.
			wire:    wire.LeadStored, from: wire.LeadFrom, keep: leads.Keep,
		},
	}
}

// Encode checks the change that a request asks for and returns it as libs/bulk keeps it. It returns ErrAction and
// aip.ErrUpdateMask.
func Encode(r Request, values proto.Message, fields []string) ([]byte, error) {
	switch r.GetAction() {
	case typev1.BulkAction_BULK_ACTION_UPDATE:
		mask, err := aip.UpdateMask(r.GetUpdateMask(), values, fields...)
		if err != nil {
			return nil, err
		}
		if mask.Empty() {
			return nil, ErrAction.WithField("update_mask", "names no field to set")
		}
	case typev1.BulkAction_BULK_ACTION_REASSIGN:
		if r.GetResponsibleId() == "" {
			return nil, ErrAction.WithField("responsible_id", "is needed")
		}
	case typev1.BulkAction_BULK_ACTION_ADD_TAGS, typev1.BulkAction_BULK_ACTION_REMOVE_TAGS:
		if len(r.GetTags()) == 0 {
			return nil, ErrAction.WithField("tags", "are needed")
		}
	default:
	}
	raw, err := proto.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode bulk change: %w", err)
	}
	return raw, nil
}

// table is what bulk changes need of a kind's store.
type table[T any] interface {
	Select(ctx context.Context, c record.Caller, filter string, deleted bool) (string, []any, error)
	LockMany(ctx context.Context, tx pgx.Tx, org string, ids []string) (map[string]*T, error)
	SaveMany(ctx context.Context, tx pgx.Tx, org string, changes []*record.Change[T]) ([]event.Event, error)
}

// kind is how records of one kind are changed. M is how they are written in messages.
type kind[T any, P record.Entity[T], M proto.Message] struct {
	name    record.Kind
	book    *record.Book[T, P]
	table   table[T]
	zone    func(org string) *time.Location
	fields  []string
	request func() Request
	values  func(Request) M
	wire    func(*T) M
	from    func(M) (*T, error)
	// keep carries over what no caller sets; worked says that more changes than who is responsible. Nil if there is nothing.
	keep func(cur, next *T, worked bool)
}

// caller is whom the context acts for, with the scopes as they are now.
func (k *kind[T, P, M]) caller(ctx context.Context, org string, action optionsv1.Action) record.Caller {
	return record.Caller{
		OrganizationID: org, UserID: authn.MustFrom(ctx).UserID, Zone: k.zone(org),
		View: authz.For(ctx, string(k.name), optionsv1.Action_ACTION_VIEW), Act: authz.For(ctx, string(k.name), action),
	}
}

// Select see [bulk.Target].
func (k *kind[T, P, M]) Select(ctx context.Context, org, filter string, inBin bool) (string, []any, error) {
	return k.table.Select(ctx, k.caller(ctx, org, optionsv1.Action_ACTION_VIEW), filter, inBin)
}

// Apply see [bulk.Target].
func (k *kind[T, P, M]) Apply(ctx context.Context, tx pgx.Tx, b bulk.Batch) ([]bulk.Result, []event.Event, error) {
	change, err := k.change(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	locked, err := k.table.LockMany(ctx, tx, b.Organization, b.IDs)
	if err != nil {
		return nil, nil, err
	}
	results := make([]bulk.Result, len(b.IDs))
	at := make(map[string]int, len(b.IDs))
	var changes []*record.Change[T]
	for i, id := range b.IDs {
		at[id] = i
		ch, err := k.one(locked[id], change)
		switch refused := (*apperr.Error)(nil); {
		case errors.As(err, &refused):
			results[i].Refused = refused
		case err != nil:
			return nil, nil, err
		case ch != nil:
			ch.Cause = b.Cause
			changes = append(changes, ch)
		}
	}
	evs, err := k.table.SaveMany(ctx, tx, b.Organization, changes)
	if err != nil {
		return nil, nil, err
	}
	for _, ev := range evs {
		results[at[ev.RecordID]].Changed = true
	}
	return results, evs, nil
}

func (k *kind[T, P, M]) one(cur *T, change func(*T) (*record.Change[T], error)) (*record.Change[T], error) {
	if cur == nil {
		return nil, k.book.ErrNotFound
	}
	return change(cur)
}

// change returns what a batch's request does to a record: nil if it is so already.
func (k *kind[T, P, M]) change(ctx context.Context, b bulk.Batch) (func(*T) (*record.Change[T], error), error) {
	req := k.request()
	if err := proto.Unmarshal(b.Change, req); err != nil {
		return nil, fmt.Errorf("decode bulk change: %w", err)
	}
	who := k.caller(ctx, b.Organization, Needs(req.GetAction()))
	switch req.GetAction() {
	case typev1.BulkAction_BULK_ACTION_DELETE:
		return func(cur *T) (*record.Change[T], error) { return k.book.Binned(who, cur, 0) }, nil
	case typev1.BulkAction_BULK_ACTION_RESTORE:
		return func(cur *T) (*record.Change[T], error) {
			ch, err := k.book.Restored(who, cur)
			if errors.Is(err, k.book.ErrNotDeleted) {
				return nil, nil
			}
			return ch, err
		}, nil
	default:
	}
	check, err := k.book.Checker(ctx, b.Organization)
	if err != nil {
		return nil, err
	}
	var in M
	var mask aip.Mask
	if req.GetAction() == typev1.BulkAction_BULK_ACTION_UPDATE {
		in = k.values(req)
		if mask, err = aip.UpdateMask(req.GetUpdateMask(), in, k.fields...); err != nil {
			return nil, err
		}
	}
	revise := func(cur *T) (*T, error) {
		switch req.GetAction() {
		case typev1.BulkAction_BULK_ACTION_REASSIGN:
			next := *cur
			P(&next).Common().ResponsibleID = req.GetResponsibleId()
			return &next, nil
		case typev1.BulkAction_BULK_ACTION_ADD_TAGS:
			next := *cur
			P(&next).Common().Tags = record.WithTags(P(cur).Common().Tags, req.GetTags())
			return &next, nil
		case typev1.BulkAction_BULK_ACTION_REMOVE_TAGS:
			next := *cur
			P(&next).Common().Tags = record.WithoutTags(P(cur).Common().Tags, req.GetTags())
			return &next, nil
		case typev1.BulkAction_BULK_ACTION_UPDATE:
			m := k.wire(cur)
			mask.Apply(m, in)
			next, err := k.from(m)
			if err == nil && k.keep != nil {
				k.keep(cur, next, wire.Worked(mask))
			}
			return next, err
		default:
			return nil, ErrAction
		}
	}
	return func(cur *T) (*record.Change[T], error) { return k.book.Revised(who, check, cur, 0, revise) }, nil
}
