// Package publish turns what happened to records into events of the topic kontor.contacts.v1. The store appends them
// in the transaction that makes them true.
package publish

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/event"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// Topic is where all events of this service are published.
const Topic = "kontor.contacts.v1"

// ConfigKind is the kind of the events about an organisation's handling of leads. Their record is the organisation.
const ConfigKind = "lead-settings"

// Contact returns the event of a change; false if nothing has changed that anybody could see.
func Contact(ch *record.Change[contact.Contact]) (event.Event, bool) {
	after := wire.Contact(ch.After)
	var msg proto.Message
	switch ch.What {
	case record.Created:
		msg = &contactsv1.ContactCreated{Contact: after}
	case record.Deleted:
		msg = &contactsv1.ContactDeleted{Contact: after}
	case record.Undeleted:
		msg = &contactsv1.ContactUndeleted{Contact: after}
	case record.Purged:
		msg = &contactsv1.ContactPurged{Contact: after}
	default:
		mask, previous := diff(wire.Contact(ch.Before), after)
		if mask == nil {
			return event.Event{}, false
		}
		msg = &contactsv1.ContactUpdated{Contact: after, Previous: previous, UpdateMask: mask}
	}
	return made(record.Contact, ch, &ch.After.Meta, before(ch, func(c *contact.Contact) *record.Meta { return &c.Meta }), msg), true
}

// Company returns the event of a change; false if nothing has changed that anybody could see.
func Company(ch *record.Change[company.Company]) (event.Event, bool) {
	after := wire.Company(ch.After)
	var msg proto.Message
	switch ch.What {
	case record.Created:
		msg = &contactsv1.CompanyCreated{Company: after}
	case record.Deleted:
		msg = &contactsv1.CompanyDeleted{Company: after}
	case record.Undeleted:
		msg = &contactsv1.CompanyUndeleted{Company: after}
	case record.Purged:
		msg = &contactsv1.CompanyPurged{Company: after}
	default:
		mask, previous := diff(wire.Company(ch.Before), after)
		if mask == nil {
			return event.Event{}, false
		}
		msg = &contactsv1.CompanyUpdated{Company: after, Previous: previous, UpdateMask: mask}
	}
	return made(record.Company, ch, &ch.After.Meta, before(ch, func(c *company.Company) *record.Meta { return &c.Meta }), msg), true
}

// Lead returns the event of a change; false if nothing has changed that anybody could see.
func Lead(ch *record.Change[lead.Lead]) (event.Event, bool) {
	after := wire.LeadStored(ch.After)
	var msg proto.Message
	switch ch.What {
	case record.Created:
		msg = &contactsv1.LeadCreated{Lead: after}
	case record.Deleted:
		msg = &contactsv1.LeadDeleted{Lead: after}
	case record.Undeleted:
		msg = &contactsv1.LeadUndeleted{Lead: after}
	case record.Purged:
		msg = &contactsv1.LeadPurged{Lead: after}
	case lead.Moved:
		msg = &contactsv1.LeadMoved{Lead: after, FromStatusId: ch.Before.StatusID, ToStatusId: ch.After.StatusID}
	case lead.HandedOver:
		department, _ := strings.CutPrefix(ch.Cause, lead.DepartmentCause)
		msg = &contactsv1.LeadHandedOver{Lead: after, FromUserId: ch.Before.ResponsibleID, DepartmentId: department}
	case lead.DealSettled:
		msg = &contactsv1.LeadDealSettled{Lead: after}
	default:
		mask, previous := diff(wire.LeadStored(ch.Before), after)
		if mask == nil {
			return event.Event{}, false
		}
		msg = &contactsv1.LeadUpdated{Lead: after, Previous: previous, UpdateMask: mask}
	}
	return leadEvent(ch, msg), true
}

// LeadConverted returns the event of a conversion, with the deal that is still to be made, if there is one.
func LeadConverted(ch *record.Change[lead.Lead], deal *lead.DealDraft) event.Event {
	msg := &contactsv1.LeadConverted{Lead: wire.LeadStored(ch.After), FromStatusId: ch.Before.StatusID}
	if deal != nil {
		msg.DealName, msg.DealPipelineId = deal.Name, deal.PipelineID
	}
	return leadEvent(ch, msg)
}

// LeadOverdue returns the event that a lead has been left untouched, for the heads of the responsible user.
func LeadOverdue(ch *record.Change[lead.Lead], heads []string) event.Event {
	return leadEvent(ch, &contactsv1.LeadOverdue{
		Lead: wire.Lead(ch.After, ch.After.OverdueAt), OverdueSince: timestamppb.New(ch.After.OverdueAt), HeadIds: heads,
	})
}

// Config returns the event of a change of an organisation's handling of leads.
func Config(org string, c lead.Config) event.Event {
	return event.New(Topic, ConfigKind, org, c.Version, &contactsv1.LeadSettingsChanged{
		LeadSettings: wire.Settings(c), LeadStatuses: wire.Statuses(c),
	})
}

func leadEvent(ch *record.Change[lead.Lead], msg proto.Message) event.Event {
	return made(record.Lead, ch, &ch.After.Meta, before(ch, func(l *lead.Lead) *record.Meta { return &l.Meta }), msg)
}

func before[T any](ch *record.Change[T], meta func(*T) *record.Meta) *record.Meta {
	if ch.Before == nil {
		return &record.Meta{}
	}
	return meta(ch.Before)
}

func made[T any](kind record.Kind, ch *record.Change[T], now, before *record.Meta, msg proto.Message) event.Event {
	previous := before.ResponsibleID
	if previous == now.ResponsibleID {
		previous = ""
	}
	return event.New(Topic, string(kind), now.ID, now.Version, msg, event.Responsible(now.ResponsibleID, previous),
		event.Cause(ch.Cause), event.Effective(ch.EffectiveAt))
}

// diff returns the fields in which the messages differ, and the first message with only these; nil if they differ in
// nothing but version and time of change.
func diff[M proto.Message](before, after M) (*fieldmaskpb.FieldMask, M) {
	var none M
	a, b := before.ProtoReflect(), after.ProtoReflect()
	previous := a.New()
	mask := &fieldmaskpb.FieldMask{}
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if name := f.Name(); name == "etag" || name == "update_time" || same(f, a, b) {
			continue
		}
		mask.Paths = append(mask.Paths, string(f.Name()))
		if a.Has(f) {
			previous.Set(f, a.Get(f))
		}
	}
	if len(mask.GetPaths()) == 0 {
		return nil, none
	}
	return mask, previous.Interface().(M) //nolint:forcetypeassert // Made by before's own type.
}

func same(f protoreflect.FieldDescriptor, a, b protoreflect.Message) bool {
	return a.Has(f) == b.Has(f) && a.Get(f).Equal(b.Get(f))
}

// Cause is how events name the import operation that led to them.
func Cause(operationID string) string { return "import/" + strings.TrimPrefix(operationID, "import/") }
