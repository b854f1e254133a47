package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

const annPassword = "quiet-orchard-77-violin"

// code is what the app of a second factor shows now. The clock goes on first, for no code works twice.
func (s *suite) code(t *testing.T, secret string) string {
	t.Helper()
	s.clock.step(31 * time.Second)
	code, err := totp.GenerateCode(secret, s.clock.now())
	require.NoError(t, err)
	return code
}

func (s *suite) try(t *testing.T, email, code string) (*identityv1.CreateSessionResponse, error) {
	t.Helper()
	return identityv1.NewSessionsServiceClient(s.conn).CreateSession(throughGateway(t, testkit.Unique("address")),
		&identityv1.CreateSessionRequest{Email: email, Password: annPassword, Code: code})
}

// ID-7: a second factor of one's own: set up with the password, asked for at every sign-in, no code works twice, recovery
// codes work once, and it goes with both factors only.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	s := start(t)
	me := identityv1.NewMeServiceClient(s.conn)
	email := testkit.Unique("ann") + "@acme.example"
	s.user(t, s.admin(t), "Ann Lee", email, "manager", annPassword)
	ctx, _ := s.signIn(t, email, annPassword)

	_, err := me.ConfirmSecondFactor(ctx, &identityv1.ConfirmSecondFactorRequest{Code: "123456"})
	require.Equal(t, "SECOND_FACTOR_NOT_BEGUN", reason(err))
	_, err = me.BeginSecondFactor(ctx, &identityv1.BeginSecondFactorRequest{Password: "not the password"})
	require.Equal(t, "PASSWORD_WRONG", reason(err))
	begun, err := me.BeginSecondFactor(ctx, &identityv1.BeginSecondFactorRequest{Password: annPassword})
	require.NoError(t, err)
	secret := begun.GetSetup().GetSecret()
	require.Contains(t, begun.GetSetup().GetUri(), "secret="+secret)
	require.Equal(t, "\x89PNG", string(begun.GetSetup().GetQrPng()[:4]))
	_, err = s.try(t, email, "")
	require.NoError(t, err, "until it is confirmed it does not count")
	_, err = me.ConfirmSecondFactor(ctx, &identityv1.ConfirmSecondFactorRequest{Code: "000000"})
	require.Equal(t, "SECOND_FACTOR_WRONG", reason(err))
	code := s.code(t, secret)
	confirmed, err := me.ConfirmSecondFactor(ctx, &identityv1.ConfirmSecondFactorRequest{Code: code})
	require.NoError(t, err)
	recovery := confirmed.GetRecoveryCodes()
	require.Len(t, recovery, 10)
	who, err := me.GetMe(ctx, &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.True(t, who.GetUser().GetSecondFactor())

	_, err = s.try(t, email, "")
	require.Equal(t, "SECOND_FACTOR_REQUIRED", reason(err))
	_, err = s.try(t, email, code)
	require.Equal(t, "SECOND_FACTOR_WRONG", reason(err), "the code that confirmed it was used")
	_, err = identityv1.NewSessionsServiceClient(s.conn).CreateSession(t.Context(),
		&identityv1.CreateSessionRequest{Email: email, Password: "wrong", Code: s.code(t, secret)})
	require.Equal(t, "SIGN_IN_REFUSED", reason(err), "a right code does not tell anything about the password")
	code = s.code(t, secret)
	_, err = s.try(t, email, code)
	require.NoError(t, err)
	_, err = s.try(t, email, code)
	require.Equal(t, "SECOND_FACTOR_WRONG", reason(err))

	_, err = s.try(t, email, recovery[3])
	require.NoError(t, err)
	_, err = s.try(t, email, recovery[3])
	require.Equal(t, "SECOND_FACTOR_WRONG", reason(err), "a recovery code works once")

	_, err = me.RemoveSecondFactor(ctx, &identityv1.RemoveSecondFactorRequest{Password: annPassword, Code: "000000"})
	require.Equal(t, "SECOND_FACTOR_WRONG", reason(err))
	_, err = me.RemoveSecondFactor(ctx, &identityv1.RemoveSecondFactorRequest{Password: annPassword, Code: recovery[0]})
	require.NoError(t, err)
	_, err = s.try(t, email, "")
	require.NoError(t, err)
}

// ID-7, ID-9: codes cannot be guessed by who has the password.
func TestSecondFactorIsNotGuessed(t *testing.T) {
	t.Parallel()
	s := start(t)
	email := testkit.Unique("ann") + "@acme.example"
	s.user(t, s.admin(t), "Ann Lee", email, "manager", annPassword)
	ctx, _ := s.signIn(t, email, annPassword)
	me := identityv1.NewMeServiceClient(s.conn)
	begun, err := me.BeginSecondFactor(ctx, &identityv1.BeginSecondFactorRequest{Password: annPassword})
	require.NoError(t, err)
	_, err = me.ConfirmSecondFactor(ctx, &identityv1.ConfirmSecondFactorRequest{Code: s.code(t, begun.GetSetup().GetSecret())})
	require.NoError(t, err)
	for i := range 10 {
		_, err = s.try(t, email, fmt.Sprintf("%06d", i))
		require.Equal(t, "SECOND_FACTOR_WRONG", reason(err))
	}
	_, err = s.try(t, email, s.code(t, begun.GetSetup().GetSecret()))
	require.Equal(t, "SIGN_IN_LIMITED", reason(err))
}

// ID-7, ID-9: nor are the codes of a factor that is being set up at sign-in.
func TestSecondFactorBeingSetUpIsNotGuessed(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	email := testkit.Unique("ann") + "@acme.example"
	s.user(t, admin, "Ann Lee", email, "manager", annPassword)
	_, err := identityv1.NewSettingsServiceClient(s.conn).UpdateSettings(admin, &identityv1.UpdateSettingsRequest{
		Settings:   &identityv1.Settings{SecondFactor: &identityv1.SecondFactorPolicy{RoleIds: []string{s.role(t, admin, "manager")}}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"second_factor"}},
	})
	require.NoError(t, err)
	first, err := s.try(t, email, "")
	require.NoError(t, err)
	secret := first.GetSecondFactorSetup().GetSecret()
	for range 10 {
		_, err = s.try(t, email, "12345") // never a code: those have six digits
		require.Equal(t, "SECOND_FACTOR_WRONG", reason(err))
	}
	_, err = s.try(t, email, s.code(t, secret))
	require.Equal(t, "SIGN_IN_LIMITED", reason(err))
}

// ID-7: an organisation that asks a role for a second factor: who has the role and no factor sets one up at the next
// sign-in, cannot remove it, and sessions without end; an administrator helps who has lost it.
func TestSecondFactorEnforced(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	sessions, me := identityv1.NewSessionsServiceClient(s.conn), identityv1.NewMeServiceClient(s.conn)
	email := testkit.Unique("ann") + "@acme.example"
	ann := s.user(t, admin, "Ann Lee", email, "manager", annPassword)
	before, err := s.try(t, email, "")
	require.NoError(t, err)
	_, err = identityv1.NewSettingsServiceClient(s.conn).UpdateSettings(admin, &identityv1.UpdateSettingsRequest{
		Settings:   &identityv1.Settings{SecondFactor: &identityv1.SecondFactorPolicy{RoleIds: []string{s.role(t, admin, "manager")}}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"second_factor"}},
	})
	require.NoError(t, err)
	s.admin(t) // the administrator has another role

	_, err = sessions.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: before.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err), "a session that began without")
	s.refusedSoon(t, before.GetAccessToken())

	first, err := s.try(t, email, "")
	require.NoError(t, err)
	require.Empty(t, first.GetAccessToken())
	secret := first.GetSecondFactorSetup().GetSecret()
	require.NotEmpty(t, secret)
	again, err := s.try(t, email, "")
	require.NoError(t, err)
	require.Equal(t, secret, again.GetSecondFactorSetup().GetSecret(), "the same until it is set up")
	_, err = s.try(t, email, "000000")
	require.Equal(t, "SECOND_FACTOR_WRONG", reason(err))
	in, err := s.try(t, email, s.code(t, secret))
	require.NoError(t, err)
	require.NotEmpty(t, in.GetAccessToken())
	require.Len(t, in.GetRecoveryCodes(), 10)
	ctx := bearer(context.WithoutCancel(t.Context()), in.GetAccessToken())
	_, err = me.RemoveSecondFactor(ctx, &identityv1.RemoveSecondFactorRequest{Password: annPassword, Code: s.code(t, secret)})
	require.Equal(t, "SECOND_FACTOR_ENFORCED", reason(err))
	_, err = sessions.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: in.GetRefreshToken()})
	require.NoError(t, err)

	reset, err := identityv1.NewUsersServiceClient(s.conn).ResetSecondFactor(admin, &identityv1.ResetSecondFactorRequest{Id: ann.GetId()})
	require.NoError(t, err)
	require.False(t, reset.GetUser().GetSecondFactor())
	s.refusedSoon(t, in.GetAccessToken())
	lost, err := s.try(t, email, "")
	require.NoError(t, err)
	require.NotEqual(t, secret, lost.GetSecondFactorSetup().GetSecret())
	_, other := s.organization(t, "Globex", testkit.Unique("root")+"@globex.example")
	_, err = identityv1.NewUsersServiceClient(s.conn).ResetSecondFactor(other, &identityv1.ResetSecondFactorRequest{Id: ann.GetId()})
	require.Equal(t, "USER_NOT_FOUND", reason(err))
}
