package app_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/app"
)

// ID-7: a new password ends the other sessions, and the latest five are not used again.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	s := start(t)
	c, me := identityv1.NewSessionsServiceClient(s.conn), identityv1.NewMeServiceClient(s.conn)
	ctx, own := s.signIn(t, adminEmail, adminPassword)
	_, other := s.signIn(t, adminEmail, adminPassword)
	for name, x := range map[string]struct{ present, next, want string }{
		"wrong":         {"wrong", "quiet-orchard-77-violin", "PASSWORD_WRONG"},
		"short":         {adminPassword, "qT7!z", "PASSWORD_TOO_SHORT"},
		"weak":          {adminPassword, "Password1234", "PASSWORD_WEAK"},
		"one's address": {adminPassword, "root@acme.example", "PASSWORD_WEAK"},
		"the same":      {adminPassword, adminPassword, "PASSWORD_REUSED"},
	} {
		_, err := me.ChangePassword(ctx, &identityv1.ChangePasswordRequest{Password: x.present, NewPassword: x.next})
		require.Equal(t, x.want, reason(err), name)
	}
	_, err := me.ChangePassword(ctx, &identityv1.ChangePasswordRequest{Password: adminPassword, NewPassword: "quiet-orchard-77-violin"})
	require.NoError(t, err)

	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: other.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err))
	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: own.GetRefreshToken()})
	require.NoError(t, err, "one's own session goes on")
	_, err = c.CreateSession(t.Context(), &identityv1.CreateSessionRequest{Email: adminEmail, Password: adminPassword})
	require.Equal(t, "SIGN_IN_REFUSED", reason(err))

	present := "quiet-orchard-77-violin"
	for i := range 3 {
		next := "quiet-orchard-violin-" + strconv.Itoa(70+i*9)
		_, err = me.ChangePassword(ctx, &identityv1.ChangePasswordRequest{Password: present, NewPassword: next})
		require.NoError(t, err)
		present = next
	}
	_, err = me.ChangePassword(ctx, &identityv1.ChangePasswordRequest{Password: present, NewPassword: adminPassword})
	require.Equal(t, "PASSWORD_REUSED", reason(err), "four passwords ago")
}

// An administrator sets a password; the user may have to choose another at the next sign-in.
func TestAdministratorSetsPassword(t *testing.T) {
	t.Parallel()
	s := start(t)
	c, users := identityv1.NewSessionsServiceClient(s.conn), identityv1.NewUsersServiceClient(s.conn)
	admin := s.admin(t)
	ann := s.user(t, admin, "Ann Lee", "ann@acme.example", "manager", "quiet-orchard-77-violin")
	require.True(t, ann.GetCanSignIn())
	ctx, before := s.signIn(t, "ann@acme.example", "quiet-orchard-77-violin")

	_, err := users.SetUserPassword(ctx, &identityv1.SetUserPasswordRequest{Id: ann.GetId(), Password: "winding-river-55-stone"})
	require.Equal(t, "NOT_PERMITTED", reason(err), "not even one's own: that takes the present password")
	_, err = users.SetUserPassword(admin, &identityv1.SetUserPasswordRequest{Id: ann.GetId(), Password: "annlee1987"})
	require.Equal(t, "PASSWORD_WEAK", reason(err))
	_, err = users.SetUserPassword(admin, &identityv1.SetUserPasswordRequest{Id: ann.GetId(), Password: "winding-river-55-stone", MustChange: true})
	require.NoError(t, err)
	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: before.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err))

	signIn := func(next string) error {
		_, err := c.CreateSession(t.Context(), &identityv1.CreateSessionRequest{
			Email: "ann@acme.example", Password: "winding-river-55-stone", NewPassword: next,
		})
		return err
	}
	require.Equal(t, "PASSWORD_EXPIRED", reason(signIn("")))
	require.Equal(t, "PASSWORD_REUSED", reason(signIn("winding-river-55-stone")))
	require.Equal(t, "PASSWORD_TOO_SHORT", reason(signIn("short")))
	require.NoError(t, signIn("velvet-compass-12-moon"))
	s.signIn(t, "ann@acme.example", "velvet-compass-12-moon")
}

// ID-7: optional rotation.
func TestPasswordsGrowOld(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *app.Config, _ *app.Deps) { c.PasswordMaxAge = 90 * 24 * time.Hour })
	s.signIn(t, adminEmail, adminPassword)
	s.clock.step(91 * 24 * time.Hour)
	_, err := identityv1.NewSessionsServiceClient(s.conn).CreateSession(t.Context(),
		&identityv1.CreateSessionRequest{Email: adminEmail, Password: adminPassword})
	require.Equal(t, "PASSWORD_EXPIRED", reason(err))
}

// ID-11: production refuses what everybody knows.
func TestProductionRefusesDefaultSecrets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg     app.Config
		service string
	}{
		"no secret":               {app.Config{Production: true}, serviceSecret},
		"an example":              {app.Config{Production: true, Secret: "changeme-changeme"}, "changeme"},
		"a short one":             {app.Config{Production: true, Secret: "x7!kk2"}, serviceSecret},
		"one letter":              {app.Config{Production: true, Secret: "aaaaaaaaaaaaaaaaaaaaaaaa"}, serviceSecret},
		"no service secret":       {app.Config{Production: true, Secret: "k3J9-vq8Z-0pWm-x71T"}, ""},
		"none outside production": {app.Config{}, serviceSecret},
	} {
		_, err := app.New(t.Context(), c.cfg, app.Deps{ServiceSecret: c.service})
		require.ErrorContains(t, err, "refusing to start", name)
	}
}
