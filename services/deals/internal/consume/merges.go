package consume

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/deals/internal/store"
)

// AddMerges adds the handlers by which deals follow the merges of companies, contacts and leads.
func AddMerges(handlers map[string]inbox.Handler, merges *store.Merges) {
	const contacts = "kontor.contacts.v1."
	handlers[contacts+"CompanyMergedAway"] = merged(merges, &contactsv1.CompanyMergedAway{})
	handlers[contacts+"ContactMergedAway"] = merged(merges, &contactsv1.ContactMergedAway{})
	handlers[contacts+"LeadMergedAway"] = merged(merges, &contactsv1.LeadMergedAway{})
	handlers[contacts+"CompanyRestored"] = merged(merges, &contactsv1.CompanyRestored{})
	handlers[contacts+"ContactRestored"] = merged(merges, &contactsv1.ContactRestored{})
	handlers[contacts+"LeadRestored"] = merged(merges, &contactsv1.LeadRestored{})
}

// parted is an event of a record that became part of another, or one of its own again.
type parted interface {
	proto.Message
	GetMergeId() string
}

func merged(merges *store.Merges, like parted) inbox.Handler {
	return func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		m, ok := like.ProtoReflect().New().Interface().(parted)
		if !ok {
			return fmt.Errorf("%w: %T is no merge", inbox.ErrPermanent, like)
		}
		if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(ev.Payload, m); err != nil {
			return fmt.Errorf("%w: %w", inbox.ErrPermanent, err)
		}
		into := ""
		if away, ok := m.(interface{ GetIntoId() string }); ok {
			into = away.GetIntoId()
		}
		return merges.Apply(ctx, tx, ev.Organization, store.Merged{
			MergeID: m.GetMergeId(), Kind: ev.Kind, ID: ev.RecordID, IntoID: into, Version: ev.Version,
		})
	}
}
