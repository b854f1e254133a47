package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// ID-8: a program with a key acts as its service account, from where and until when it may.
func TestAPIKeys(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	accounts, keys := identityv1.NewServiceAccountsServiceClient(s.conn), identityv1.NewApiKeysServiceClient(s.conn)
	acc, err := accounts.CreateServiceAccount(admin, &identityv1.CreateServiceAccountRequest{ServiceAccount: &identityv1.ServiceAccount{
		Name: "Web shop", RoleIds: []string{s.role(t, admin, "manager")},
	}})
	require.NoError(t, err)
	shop := acc.GetServiceAccount()
	made, err := keys.CreateApiKey(admin, &identityv1.CreateApiKeyRequest{ApiKey: &identityv1.ApiKey{
		Name: "production", ServiceAccountId: shop.GetId(), AllowedNetworks: []string{"203.0.113.0/24"},
		ExpireTime: timestamppb.New(s.clock.now().Add(24 * time.Hour)),
	}})
	require.NoError(t, err)
	require.NotEmpty(t, made.GetSecret())

	exchange := func(ctx context.Context, secret, address string) (*identityv1.ExchangeApiKeyResponse, error) {
		return keys.ExchangeApiKey(ctx, &identityv1.ExchangeApiKeyRequest{Secret: secret, Address: address})
	}
	res, err := exchange(asService(t.Context()), made.GetSecret(), "203.0.113.9")
	require.NoError(t, err)
	require.Equal(t, []string{"203.0.113.0/24"}, res.GetAllowedNetworks())
	me, err := identityv1.NewMeServiceClient(s.conn).GetMe(bearer(t.Context(), res.GetAccessToken()), &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.True(t, me.GetServiceAccount())
	require.Equal(t, "Web shop", me.GetUser().GetName())
	require.Equal(t, "SCOPE_OWN", me.GetPermissions()["deal"].GetActions()["view"].String())

	// Its use shows; its secret never again.
	seen, err := keys.GetApiKey(admin, &identityv1.GetApiKeyRequest{Id: made.GetApiKey().GetId()})
	require.NoError(t, err)
	require.Equal(t, "203.0.113.9", seen.GetApiKey().GetLastUseAddress())
	require.WithinDuration(t, s.clock.now(), seen.GetApiKey().GetLastUseTime().AsTime(), 2*time.Minute)
	require.NotContains(t, seen.String(), made.GetSecret()[len(made.GetSecret())-20:])
	var stored int
	require.NoError(t, s.db.App.QueryRow(t.Context(), s.first.OrganizationID,
		`SELECT count(*) FROM events WHERE position($1::bytea in payload) > 0`, []byte(made.GetSecret()[45:])).Scan(&stored))
	require.Zero(t, stored, "nor does any event hold it")

	_, err = exchange(t.Context(), made.GetSecret(), "203.0.113.9")
	require.Equal(t, "SERVICE_ONLY", reason(err), "the gateway exchanges keys, not whoever holds one")
	for name, x := range map[string][2]string{
		"another address": {made.GetSecret(), "198.51.100.1"}, "no address": {made.GetSecret(), ""},
		"a wrong secret": {made.GetSecret() + "x", "203.0.113.9"},
		"an unknown key": {"kontor_" + id.New() + "_ABCDEFGHIJKLMNOPQRSTUVWXYZ", "203.0.113.9"},
		"not a key":      {"kontor_' OR 1=1", "203.0.113.9"},
	} {
		_, err := exchange(asService(t.Context()), x[0], x[1])
		require.Equal(t, "API_KEY_REFUSED", reason(err), name)
	}
	s.clock.step(25 * time.Hour)
	_, err = exchange(asService(t.Context()), made.GetSecret(), "203.0.113.9")
	require.Equal(t, "API_KEY_REFUSED", reason(err), "expired")
	admin = s.admin(t)

	// Revoked, and without its service account.
	second := func() *identityv1.CreateApiKeyResponse {
		res, err := keys.CreateApiKey(admin, &identityv1.CreateApiKeyRequest{ApiKey: &identityv1.ApiKey{Name: "second", ServiceAccountId: shop.GetId()}})
		require.NoError(t, err)
		_, err = exchange(asService(t.Context()), res.GetSecret(), "198.51.100.1")
		require.NoError(t, err)
		return res
	}
	a, b := second(), second()
	_, err = keys.RevokeApiKey(admin, &identityv1.RevokeApiKeyRequest{Id: a.GetApiKey().GetId()})
	require.NoError(t, err)
	_, err = exchange(asService(t.Context()), a.GetSecret(), "198.51.100.1")
	require.Equal(t, "API_KEY_REFUSED", reason(err), "revoked")
	_, err = accounts.DeleteServiceAccount(admin, &identityv1.DeleteServiceAccountRequest{Id: shop.GetId()})
	require.NoError(t, err)
	_, err = exchange(asService(t.Context()), b.GetSecret(), "198.51.100.1")
	require.Equal(t, "API_KEY_REFUSED", reason(err), "its service account is gone")
	_, err = keys.CreateApiKey(admin, &identityv1.CreateApiKeyRequest{ApiKey: &identityv1.ApiKey{Name: "third", ServiceAccountId: shop.GetId()}})
	require.Equal(t, "SERVICE_ACCOUNT_NOT_FOUND", reason(err))

	list, err := keys.ListApiKeys(admin, &identityv1.ListApiKeysRequest{Filter: `revoke_time = ""`})
	require.NoError(t, err)
	require.Len(t, list.GetApiKeys(), 2)
	_, stranger := s.organization(t, "Globex", "root@globex.example")
	_, err = keys.GetApiKey(stranger, &identityv1.GetApiKeyRequest{Id: b.GetApiKey().GetId()})
	require.Equal(t, "API_KEY_NOT_FOUND", reason(err))
	n, err := accounts.CountServiceAccounts(stranger, &identityv1.CountServiceAccountsRequest{})
	require.NoError(t, err)
	require.Zero(t, n.GetCount())
}

// ID-7: the keys of access tokens change while everybody works on.
func TestSigningKeysChange(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := identityv1.NewKeysServiceClient(s.conn)
	kids := func() []string {
		res, err := c.GetJwks(t.Context(), &identityv1.GetJwksRequest{})
		require.NoError(t, err)
		var out []string
		for _, k := range res.GetKeys() {
			require.Equal(t, "OKP Ed25519 EdDSA sig", k.GetKty()+" "+k.GetCrv()+" "+k.GetAlg()+" "+k.GetUse())
			out = append(out, k.GetKid())
		}
		return out
	}
	before := kids()
	require.Len(t, before, 1)
	s.clock.step(31 * 24 * time.Hour)
	ctx := s.admin(t)
	_, err := identityv1.NewMeServiceClient(s.conn).GetMe(ctx, &identityv1.GetMeRequest{})
	require.NoError(t, err)

	// The private halves are stored encrypted.
	var clear int
	accounts := s.db.Open(t, "kontor_accounts")
	require.NoError(t, accounts.Pool().QueryRow(t.Context(), `SELECT count(*) FROM signing_keys WHERE length(private_key) <= 32`).Scan(&clear))
	require.Zero(t, clear)
}

// InternalService: a service acts for a user in a job, and only a service can ask for that.
func TestIssueToken(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := identityv1.NewInternalServiceClient(s.conn)
	req := &identityv1.IssueTokenRequest{Service: "deals", OrganizationId: s.first.OrganizationID, UserId: s.first.UserID}
	res, err := c.IssueToken(asService(t.Context()), req)
	require.NoError(t, err)
	me, err := identityv1.NewMeServiceClient(s.conn).GetMe(bearer(t.Context(), res.GetAccessToken()), &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.Equal(t, adminEmail, me.GetUser().GetEmail())
	for name, ctx := range map[string]context.Context{"nobody": t.Context(), "an administrator": s.admin(t)} {
		_, err := c.IssueToken(ctx, req)
		require.Equal(t, "SERVICE_ONLY", reason(err), name)
	}
	req.OrganizationId = id.New()
	_, err = c.IssueToken(asService(t.Context()), req)
	require.Equal(t, "USER_NOT_FOUND", reason(err), "not in that organisation")
}

// The organisations of the installation are paged by ID.
func TestListOrganizations(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, n := range []string{"B", "C"} {
		s.organization(t, n, "root@"+n+".example")
	}
	c := identityv1.NewOrganizationsServiceClient(s.conn)
	seen := make(map[string]bool)
	token := ""
	for {
		res, err := c.ListOrganizations(asService(t.Context()), &identityv1.ListOrganizationsRequest{PageSize: 2, PageToken: token})
		require.NoError(t, err)
		for _, o := range res.GetOrganizations() {
			seen[o.GetName()] = true
		}
		if token = res.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, map[string]bool{"Acme": true, "B": true, "C": true}, seen)
	_, err := c.CreateOrganization(asService(t.Context()), &identityv1.CreateOrganizationRequest{Name: "D", AdminEmail: "d@d.example", AdminPassword: "short"})
	require.Equal(t, "PASSWORD_TOO_SHORT", reason(err))
	made, err := c.CreateOrganization(asService(t.Context()), &identityv1.CreateOrganizationRequest{Name: "D", AdminEmail: testkit.Unique("d") + "@d.example"})
	require.NoError(t, err)
	require.NotEmpty(t, made.GetGeneratedPassword())
	s.signIn(t, made.GetAdministrator().GetEmail(), made.GetGeneratedPassword())
}
