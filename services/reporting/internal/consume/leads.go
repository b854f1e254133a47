package consume

import (
	"context"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/reporting/internal/views"
)

// leads are the handlers of leads' events.
func leads(target views.Target) map[string]inbox.Handler {
	return map[string]inbox.Handler{
		typeOf[contactsv1.LeadCreated]():     lead(target, &contactsv1.LeadCreated{}, cameToStatus),
		typeOf[contactsv1.LeadMoved]():       lead(target, &contactsv1.LeadMoved{}, cameToStatus),
		typeOf[contactsv1.LeadConverted]():   lead(target, &contactsv1.LeadConverted{}, cameToStatus),
		typeOf[contactsv1.LeadUpdated]():     lead(target, &contactsv1.LeadUpdated{}),
		typeOf[contactsv1.LeadUndeleted]():   lead(target, &contactsv1.LeadUndeleted{}),
		typeOf[contactsv1.LeadDealSettled](): lead(target, &contactsv1.LeadDealSettled{}),
		typeOf[contactsv1.LeadOverdue]():     lead(target, &contactsv1.LeadOverdue{}),
		typeOf[contactsv1.LeadDeleted]():     lead(target, &contactsv1.LeadDeleted{}, gone),
		typeOf[contactsv1.LeadPurged]():      lead(target, &contactsv1.LeadPurged{}, gone),

		typeOf[contactsv1.LeadMerged]():      lead(target, &contactsv1.LeadMerged{}),
		typeOf[contactsv1.LeadMergeUndone](): lead(target, &contactsv1.LeadMergeUndone{}),
		typeOf[contactsv1.LeadMergedAway]():  lead(target, &contactsv1.LeadMergedAway{}, gone),
		typeOf[contactsv1.LeadRestored]():    lead(target, &contactsv1.LeadRestored{}),

		typeOf[contactsv1.LeadSettingsChanged](): leadStatuses,
	}
}

// led is an event of a lead.
type led interface {
	proto.Message
	GetLead() *contactsv1.Lead
}

func cameToStatus(l *views.Lead, ev event.Event) {
	at := ev.HappenedAt
	if ev.EffectiveAt != nil {
		at = *ev.EffectiveAt
	}
	l.EnteredAt = &at
}

func gone(l *views.Lead, _ event.Event) { l.Deleted = true }

// lead keeps the lead of events of the kind of like.
func lead[P led](target views.Target, like P, more ...func(*views.Lead, event.Event)) inbox.Handler {
	return func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		m, err := read(ev, like)
		if err != nil {
			return err
		}
		x := m.GetLead()
		l := &views.Lead{
			ID: ev.RecordID, Version: ev.Version, Deleted: x.GetDeleteTime() != nil, StatusID: x.GetStatusId(),
			ResponsibleID: optional(x.GetResponsibleId()), Source: x.GetSource(), ObserverIDs: x.GetObserverIds(),
			AvailableToEveryone: x.GetAvailableToEveryone(), CreatedAt: x.GetCreateTime().AsTime(),
		}
		for _, f := range more {
			f(l, ev)
		}
		return views.PutLead(ctx, tx, ev.Organization, target, l)
	}
}

// leadStatuses keeps the statuses that leads go through.
func leadStatuses(ctx context.Context, tx pgx.Tx, ev event.Event) error {
	m, err := read(ev, &contactsv1.LeadSettingsChanged{})
	if err != nil {
		return err
	}
	statuses := make([]views.LeadStatus, len(m.GetLeadStatuses()))
	for i, s := range m.GetLeadStatuses() {
		statuses[i] = views.LeadStatus{ID: s.GetId(), Name: s.GetName(), Kind: int16(s.GetKind()), Retired: s.GetRetired()}
	}
	return views.PutLeadStatuses(ctx, tx, ev.Organization, ev.Version, statuses)
}
