package publish

import (
	"time"

	"kontor.internal/libs/event"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/link"
)

// Invited turns an invitation into an event.
func Invited(e link.Invited, now time.Time) event.Event {
	return event.New(Topic, KindUser, e.User.ID, e.User.Version, &identityv1.UserInvited{
		User: User(&e.User, now), ExpireTime: Time(e.ExpiresAt),
	})
}

// InvitationRevoked turns an invitation that was taken back into an event.
func InvitationRevoked(e link.Revoked, now time.Time) event.Event {
	return event.New(Topic, KindUser, e.User.ID, e.User.Version, &identityv1.UserInvitationRevoked{User: User(&e.User, now)})
}
