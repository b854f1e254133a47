package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// ID-2, ID-6: handovers are counted as they are listed, and only for who may hand over.
func TestCountHandovers(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewUsersServiceClient(s.conn)
	gil := s.user(t, admin, "Gil", "gil@acme.example", "manager", "")
	hal := s.user(t, admin, "Hal", "hal@acme.example", "manager", newPassword)
	left, err := c.DeactivateUser(admin, &identityv1.DeactivateUserRequest{Id: gil.GetId(), SuccessorId: hal.GetId()})
	require.NoError(t, err)
	for filter, want := range map[string]int32{"": 1, `user_id = "` + gil.GetId() + `"`: 1, `user_id = "` + hal.GetId() + `"`: 0} {
		n, err := c.CountHandovers(admin, &identityv1.CountHandoversRequest{Filter: filter})
		require.NoError(t, err)
		require.Equal(t, want, n.GetCount(), filter)
		require.False(t, n.GetMore())
	}
	_, err = c.CountHandovers(admin, &identityv1.CountHandoversRequest{Filter: "nonsense = 1"})
	require.Equal(t, "INVALID_FILTER", reason(err))

	for n := range 3 {
		_, err := s.db.System.Pool().Exec(t.Context(), `
			INSERT INTO handover_records (organization_id, handover_id, kind, record_id, name, etag, fate, reason)
			VALUES ($1, $2, 'deal', gen_random_uuid(), 'One', '', $3, '')`, s.first.OrganizationID, left.GetHandover().GetId(), n/2+1)
		require.NoError(t, err)
	}
	for filter, want := range map[string]int32{"": 3, "state = pending": 2, "state = moved": 1} {
		n, err := c.CountHandoverRecords(admin, &identityv1.CountHandoverRecordsRequest{Id: left.GetHandover().GetId(), Filter: filter})
		require.NoError(t, err)
		require.Equal(t, want, n.GetCount(), filter)
	}
	_, err = c.CountHandoverRecords(admin, &identityv1.CountHandoverRecordsRequest{Id: hal.GetId()})
	require.Equal(t, "HANDOVER_NOT_FOUND", reason(err))
	other, _ := s.signIn(t, "hal@acme.example", newPassword)
	_, err = c.CountHandovers(other, &identityv1.CountHandoversRequest{})
	require.Equal(t, "NOT_PERMITTED", reason(err))
}
