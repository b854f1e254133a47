// Package consume applies what contacts tells of merges, so that files follow the records that they hang on (CON-16).
package consume

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/store"
)

// Name of the consumer.
const Name = "files.merges"

// Topics are those read.
func Topics() []string { return []string{"kontor.contacts.v1"} }

// Handlers by event type.
func Handlers(merges *store.Merges) map[string]inbox.Handler {
	const contacts = "kontor.contacts.v1."
	return map[string]inbox.Handler{
		contacts + "CompanyMergedAway": merged(merges, &contactsv1.CompanyMergedAway{}),
		contacts + "ContactMergedAway": merged(merges, &contactsv1.ContactMergedAway{}),
		contacts + "LeadMergedAway":    merged(merges, &contactsv1.LeadMergedAway{}),
		contacts + "CompanyRestored":   merged(merges, &contactsv1.CompanyRestored{}),
		contacts + "ContactRestored":   merged(merges, &contactsv1.ContactRestored{}),
		contacts + "LeadRestored":      merged(merges, &contactsv1.LeadRestored{}),
	}
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
			MergeID: m.GetMergeId(), Record: file.Record{Kind: ev.Kind, ID: ev.RecordID}, IntoID: into, Version: ev.Version,
		})
	}
}
