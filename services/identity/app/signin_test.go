package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// ID-7, ID-11: the first start makes an administrator, who signs in and learns who they are.
func TestFirstAdministratorSignsIn(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, res := s.signIn(t, "  Root@ACME.example ", adminPassword)
	require.WithinDuration(t, time.Now().Add(10*time.Minute), res.GetExpireTime().AsTime(), time.Minute)
	require.True(t, res.GetSession().GetCurrent())

	me, err := identityv1.NewMeServiceClient(s.conn).GetMe(ctx, &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.Equal(t, adminEmail, me.GetUser().GetEmail())
	require.True(t, me.GetUser().GetCanSignIn())
	require.Equal(t, "Administrator", me.GetRoles()[0].GetName())
	require.Equal(t, "SCOPE_ALL", me.GetPermissions()["settings"].GetActions()["update"].String())
	require.Equal(t, "Acme", me.GetSettings().GetName())

	// A second start makes nobody.
	again, err := s.app.Bootstrap(t.Context(), appFirst("other@acme.example"))
	require.NoError(t, err)
	require.Nil(t, again)
}

// ID-7: each refresh token works once; the second use of one ends the session, for the thief and for the owner.
func TestReusedRefreshTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := identityv1.NewSessionsServiceClient(s.conn)
	_, first := s.signIn(t, adminEmail, adminPassword)
	second, err := c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: first.GetRefreshToken()})
	require.NoError(t, err)
	require.NotEqual(t, first.GetRefreshToken(), second.GetRefreshToken())
	require.Equal(t, first.GetSession().GetId(), second.GetSession().GetId())

	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: first.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_REUSED", reason(err))
	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: second.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err), "the whole family is revoked")

	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: "kontor-refresh.made-up"})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err))
}
