package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/app"
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
	again, err := s.app.Bootstrap(t.Context(), app.First{Email: "other@acme.example"})
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

	// Two uses at the same time are a second use too: one of them wins, and the session is over.
	_, third := s.signIn(t, adminEmail, adminPassword)
	answers := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: third.GetRefreshToken()})
			answers <- err
		}()
	}
	a, b := <-answers, <-answers
	require.NotEqual(t, a == nil, b == nil, "%v, %v", a, b)
}

// ID-7: a session that is not refreshed for two weeks is over.
func TestUnusedSessionEnds(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, res := s.signIn(t, adminEmail, adminPassword)
	s.clock.step(15 * 24 * time.Hour)
	_, err := identityv1.NewSessionsServiceClient(s.conn).RefreshSession(t.Context(),
		&identityv1.RefreshSessionRequest{RefreshToken: res.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err))
}

// ID-9: a failed sign-in has the same words whatever was wrong, and too many of them are refused, for accounts that there
// are and for those that there are not.
func TestFailedSignInsTellNothing(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *app.Config, _ *app.Deps) { c.AttemptsPerAccount, c.AttemptsPerAddress = 5, 1000 })
	c := identityv1.NewSessionsServiceClient(s.conn)
	from := throughGateway(t, testkit.Unique("address"))
	// Names of this test's own: the tests share a Redis.
	ann, bob, unknown := testkit.Unique("ann")+"@acme.example", testkit.Unique("bob")+"@acme.example", testkit.Unique("nobody")+"@acme.example"
	s.user(t, s.admin(t), "Ann Lee", ann, "manager", "quiet-orchard-77-violin")
	noPassword := s.user(t, s.admin(t), "Bob", bob, "manager", "")
	require.False(t, noPassword.GetCanSignIn())

	var words []string
	for _, email := range []string{ann, unknown, bob, testkit.Unique("not an address")} {
		for range 5 {
			_, err := c.CreateSession(from, &identityv1.CreateSessionRequest{Email: email, Password: "wrong"})
			require.Equal(t, "SIGN_IN_REFUSED", reason(err), email)
			words = append(words, err.Error())
		}
		_, err := c.CreateSession(from, &identityv1.CreateSessionRequest{Email: email, Password: "quiet-orchard-77-violin"})
		require.Equal(t, "SIGN_IN_LIMITED", reason(err), "%s: even with the right password", email)
		var e *apperr.Error
		require.ErrorAs(t, apperr.FromStatus(err), &e)
		require.Positive(t, e.RetryAfter)
		require.NotContains(t, status.Convert(err).Message(), email)
	}
	for _, w := range words {
		require.Equal(t, words[0], w)
	}
}

// ID-9: one address that tries many accounts is stopped; a right password does not count.
func TestOneAddressTriesManyAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *app.Config, _ *app.Deps) { c.AttemptsPerAddress = 6 })
	c := identityv1.NewSessionsServiceClient(s.conn)
	from := throughGateway(t, "1.1.1.1, "+testkit.Unique("address"))
	for range 20 {
		_, err := c.CreateSession(from, &identityv1.CreateSessionRequest{Email: adminEmail, Password: adminPassword})
		require.NoError(t, err)
	}
	for range 6 {
		_, err := c.CreateSession(from, &identityv1.CreateSessionRequest{Email: testkit.Unique("x") + "@acme.example", Password: "wrong"})
		require.Equal(t, "SIGN_IN_REFUSED", reason(err))
	}
	_, err := c.CreateSession(from, &identityv1.CreateSessionRequest{Email: adminEmail, Password: adminPassword})
	require.Equal(t, "SIGN_IN_LIMITED", reason(err))
	elsewhere := throughGateway(t, testkit.Unique("address"))
	_, err = c.CreateSession(elsewhere, &identityv1.CreateSessionRequest{Email: adminEmail, Password: adminPassword})
	require.NoError(t, err)
}

// throughGateway is for calls that the gateway makes for somebody at an address.
func throughGateway(t *testing.T, address string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(authn.WithServiceSecret(t.Context(), "gateway", serviceSecret), "x-forwarded-for", address)
}

// ID-9: who does not prove to be the gateway is counted by where the connection comes from, whatever address is claimed.
func TestForgedAddressesCountAsOne(t *testing.T) {
	t.Parallel()
	gone := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1}) // counts of this test's own
	t.Cleanup(func() { _ = gone.Close() })
	s := start(t, func(c *app.Config, d *app.Deps) { d.Redis, c.AttemptsPerAddress = gone, 6 })
	c := identityv1.NewSessionsServiceClient(s.conn)
	try := func(email string) string {
		from := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", testkit.Unique("address"))
		_, err := c.CreateSession(from, &identityv1.CreateSessionRequest{Email: email, Password: "wrong"})
		return reason(err)
	}
	for range 6 {
		require.Equal(t, "SIGN_IN_REFUSED", try(testkit.Unique("x")+"@acme.example"))
	}
	require.Equal(t, "SIGN_IN_LIMITED", try(testkit.Unique("x")+"@acme.example"))
}

// ID-9: without Redis people sign in all the same, and attempts are limited all the same.
func TestSignInWithoutRedis(t *testing.T) {
	t.Parallel()
	gone := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { _ = gone.Close() })
	s := start(t, func(c *app.Config, d *app.Deps) { d.Redis, c.AttemptsPerAccount = gone, 3 })
	c := identityv1.NewSessionsServiceClient(s.conn)
	s.signIn(t, adminEmail, adminPassword)
	for range 3 {
		_, err := c.CreateSession(t.Context(), &identityv1.CreateSessionRequest{Email: adminEmail, Password: "wrong"})
		require.Equal(t, "SIGN_IN_REFUSED", reason(err))
	}
	_, err := c.CreateSession(t.Context(), &identityv1.CreateSessionRequest{Email: adminEmail, Password: adminPassword})
	require.Equal(t, "SIGN_IN_LIMITED", reason(err))
}

// decisions 8: a person may belong to several organisations and then says which.
func TestPersonInTwoOrganisations(t *testing.T) {
	t.Parallel()
	s := start(t)
	made, err := identityv1.NewOrganizationsServiceClient(s.conn).CreateOrganization(asService(t.Context()),
		&identityv1.CreateOrganizationRequest{Name: "Globex", AdminEmail: adminEmail})
	require.NoError(t, err)
	require.Empty(t, made.GetGeneratedPassword(), "the person keeps theirs")

	c := identityv1.NewSessionsServiceClient(s.conn)
	res, err := c.CreateSession(t.Context(), &identityv1.CreateSessionRequest{Email: adminEmail, Password: adminPassword})
	require.NoError(t, err)
	require.Empty(t, res.GetAccessToken())
	require.Len(t, res.GetOrganizations(), 2)
	require.Equal(t, "Acme", res.GetOrganizations()[0].GetName())
	res, err = c.CreateSession(t.Context(), &identityv1.CreateSessionRequest{
		Email: adminEmail, Password: adminPassword, OrganizationId: made.GetOrganization().GetId(),
	})
	require.NoError(t, err)
	me, err := identityv1.NewMeServiceClient(s.conn).GetMe(bearer(t.Context(), res.GetAccessToken()), &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.Equal(t, "Globex", me.GetSettings().GetName())

	for name, req := range map[string]*identityv1.CreateSessionRequest{
		"a wrong password does not list organisations": {Email: adminEmail, Password: "wrong"},
		"an organisation one is not in":                {Email: adminEmail, Password: adminPassword, OrganizationId: "0190f0c4-0000-7000-8000-000000000000"},
	} {
		_, err := c.CreateSession(t.Context(), req)
		require.Equal(t, "SIGN_IN_REFUSED", reason(err), name)
	}
}

// An administrator who knows the password of an account, having set it, must not get into other organisations by it.
func TestAdministratorsPasswordOpensOneOrganisation(t *testing.T) {
	t.Parallel()
	s := start(t)
	victim := "victim@somewhere.example"
	s.user(t, s.admin(t), "Victim", victim, "manager", "quiet-orchard-77-violin")
	org, other := s.organization(t, "Globex", "root@globex.example")
	u := s.user(t, other, "Victim", victim, "administrator", "")
	require.False(t, u.GetCanSignIn(), "the account is looked after by the first organisation")

	_, err := identityv1.NewUsersServiceClient(s.conn).SetUserPassword(other, &identityv1.SetUserPasswordRequest{Id: u.GetId(), Password: "another-orchard-99"})
	require.Equal(t, "ACCOUNT_ELSEWHERE", reason(err))
	_, err = identityv1.NewSessionsServiceClient(s.conn).CreateSession(t.Context(), &identityv1.CreateSessionRequest{
		Email: victim, Password: "quiet-orchard-77-violin", OrganizationId: org,
	})
	require.Equal(t, "SIGN_IN_REFUSED", reason(err))
	ctx, _ := s.signIn(t, victim, "quiet-orchard-77-violin") // the one organisation that it opens, unasked
	me, err := identityv1.NewMeServiceClient(s.conn).GetMe(ctx, &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.Equal(t, "Acme", me.GetSettings().GetName())
}

// ID-7: sessions can be listed and ended, one's own by oneself and others' by who may change users.
func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := identityv1.NewSessionsServiceClient(s.conn)
	admin := s.admin(t)
	ann := s.user(t, admin, "Ann Lee", "ann@acme.example", "manager", "quiet-orchard-77-violin")
	ctx, one := s.signIn(t, "ann@acme.example", "quiet-orchard-77-violin")
	_, two := s.signIn(t, "ann@acme.example", "quiet-orchard-77-violin")

	list, err := c.ListSessions(ctx, &identityv1.ListSessionsRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetSessions(), 2)
	require.Equal(t, two.GetSession().GetId(), list.GetSessions()[0].GetId(), "last used first")
	require.True(t, list.GetSessions()[1].GetCurrent())
	n, err := c.CountSessions(ctx, &identityv1.CountSessionsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 2, n.GetCount())

	_, err = c.ListSessions(ctx, &identityv1.ListSessionsRequest{UserId: s.first.UserID})
	require.Equal(t, "SESSION_FORBIDDEN", reason(err))
	adminSessions, err := c.ListSessions(admin, &identityv1.ListSessionsRequest{})
	require.NoError(t, err)
	_, err = c.EndSession(ctx, &identityv1.EndSessionRequest{Id: adminSessions.GetSessions()[0].GetId()})
	require.Equal(t, "SESSION_NOT_FOUND", reason(err), "somebody else's")
	_, stranger := s.organization(t, "Globex", "root@globex.example")
	_, err = c.EndSession(stranger, &identityv1.EndSessionRequest{Id: one.GetSession().GetId()})
	require.Equal(t, "SESSION_NOT_FOUND", reason(err), "another organisation's")

	_, err = c.EndSession(ctx, &identityv1.EndSessionRequest{Id: two.GetSession().GetId()})
	require.NoError(t, err)
	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: two.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err))
	byAdmin, err := c.ListSessions(admin, &identityv1.ListSessionsRequest{UserId: ann.GetId()})
	require.NoError(t, err)
	require.Len(t, byAdmin.GetSessions(), 1)
	_, err = c.EndSession(admin, &identityv1.EndSessionRequest{Id: one.GetSession().GetId()})
	require.NoError(t, err)
	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: one.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err))
}

// ID-7: signing out works with either token, and is quiet about tokens that nobody knows.
func TestSignOut(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := identityv1.NewSessionsServiceClient(s.conn)
	for name, out := range map[string]func(ctx context.Context, res *identityv1.CreateSessionResponse) (context.Context, *identityv1.SignOutRequest){
		"refresh token": func(_ context.Context, res *identityv1.CreateSessionResponse) (context.Context, *identityv1.SignOutRequest) {
			return t.Context(), &identityv1.SignOutRequest{RefreshToken: res.GetRefreshToken()}
		},
		"access token": func(ctx context.Context, _ *identityv1.CreateSessionResponse) (context.Context, *identityv1.SignOutRequest) {
			return ctx, &identityv1.SignOutRequest{}
		},
	} {
		ctx, res := s.signIn(t, adminEmail, adminPassword)
		for range 2 { // a second time does no harm
			octx, req := out(ctx, res)
			_, err := c.SignOut(octx, req)
			require.NoError(t, err, name)
		}
		_, err := c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: res.GetRefreshToken()})
		require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err), name)
	}
	_, err := c.SignOut(t.Context(), &identityv1.SignOutRequest{RefreshToken: "made up"})
	require.NoError(t, err)
	_, err = c.SignOut(t.Context(), &identityv1.SignOutRequest{})
	require.NoError(t, err)
}

// refusedSoon waits until every service that reads the directory refuses the token.
func (s *suite) refusedSoon(t *testing.T, token string) {
	t.Helper()
	testkit.Eventually(t, func() error {
		_, err := identityv1.NewMeServiceClient(s.conn).GetMe(bearer(t.Context(), token), &identityv1.GetMeRequest{})
		if reason(err) != "SESSION_ENDED" {
			return fmt.Errorf("the token of an ended session: %w", err)
		}
		return nil
	})
}

// ID-7: an access token stops working with its session, whichever way that ends, though the token has not expired; other
// sessions go on.
func TestAccessTokensEndWithTheirSession(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := identityv1.NewSessionsServiceClient(s.conn)
	admin := s.admin(t)
	const password = "quiet-orchard-77-violin"
	ann := s.user(t, admin, "Ann Lee", "ann@acme.example", "manager", password)
	works := func(token string) {
		t.Helper()
		_, err := identityv1.NewMeServiceClient(s.conn).GetMe(bearer(t.Context(), token), &identityv1.GetMeRequest{})
		require.NoError(t, err)
	}
	begin := func() *identityv1.CreateSessionResponse {
		t.Helper()
		_, res := s.signIn(t, "ann@acme.example", password)
		works(res.GetAccessToken())
		return res
	}

	stays, out := begin(), begin()
	_, err := c.SignOut(t.Context(), &identityv1.SignOutRequest{RefreshToken: out.GetRefreshToken()})
	require.NoError(t, err)
	s.refusedSoon(t, out.GetAccessToken())

	ended := begin()
	_, err = c.EndSession(admin, &identityv1.EndSessionRequest{Id: ended.GetSession().GetId()})
	require.NoError(t, err)
	s.refusedSoon(t, ended.GetAccessToken())
	s.refusedSoon(t, out.GetAccessToken()) // the next entry of the directory names the earlier one as well

	stolen := begin()
	next, err := c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: stolen.GetRefreshToken()})
	require.NoError(t, err)
	_, err = c.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: stolen.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_REUSED", reason(err))
	s.refusedSoon(t, next.GetAccessToken())
	works(stays.GetAccessToken())

	_, err = identityv1.NewUsersServiceClient(s.conn).SetUserPassword(admin, &identityv1.SetUserPasswordRequest{
		Id: ann.GetId(), Password: "another-orchard-78-cello",
	})
	require.NoError(t, err)
	s.refusedSoon(t, stays.GetAccessToken())
	_, err = identityv1.NewMeServiceClient(s.conn).GetMe(admin, &identityv1.GetMeRequest{})
	require.NoError(t, err, "somebody else's session")
}

// ID-7: what the directory keeps of ended sessions is only what tokens may still be about for.
func TestEndedSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := identityv1.NewSessionsServiceClient(s.conn)
	_, first := s.signIn(t, adminEmail, adminPassword)
	_, err := c.SignOut(t.Context(), &identityv1.SignOutRequest{RefreshToken: first.GetRefreshToken()})
	require.NoError(t, err)
	s.refusedSoon(t, first.GetAccessToken())
	s.clock.step(12 * time.Minute)
	_, second := s.signIn(t, adminEmail, adminPassword)
	_, err = c.SignOut(t.Context(), &identityv1.SignOutRequest{RefreshToken: second.GetRefreshToken()})
	require.NoError(t, err)
	s.refusedSoon(t, second.GetAccessToken())
	who := authn.Principal{OrganizationID: s.first.OrganizationID, UserID: s.first.UserID, SessionID: first.GetSession().GetId()}
	require.False(t, s.directory.Ended(who))
}
