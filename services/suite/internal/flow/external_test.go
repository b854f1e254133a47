package flow_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
)

// house is an organisation with a provider of its own.
type house struct {
	in       *installation
	admin    *caller
	op       *opProvider
	provider string
	// domain is that of its addresses.
	domain string
}

func (h *house) email(name string) string { return name + "@" + h.domain }

// withProvider makes an organisation whose users sign in with a provider.
func withProvider(t *testing.T, settings object) *house {
	t.Helper()
	h := &house{in: running(t), op: startProvider(t), domain: "acme-" + id.New() + ".test"}
	h.admin = h.in.organization(t, "House")
	h.provider = h.add(t, h.admin, settings)
	return h
}

// add sets the provider for an organisation.
func (h *house) add(t *testing.T, admin *caller, settings object) string {
	t.Helper()
	secret := id.New()
	clientID := "kontor-" + id.New()
	body := object{
		"name": "Acme", "issuer": h.op.server.URL, "clientId": clientID, "clientSecret": secret, "active": true,
		"emailDomains": []string{h.domain},
	}
	for k, v := range settings {
		body[k] = v
	}
	rec, _ := admin.must(http.MethodPost, "/v1/oidcProviders", body)["oidcProvider"].(object)
	require.Empty(t, rec["clientSecret"], "it is not shown")
	require.Equal(t, true, rec["clientSecretSet"])
	h.op.clients[clientID] = storage.WebClient(clientID, secret, text(t, rec, "redirectUri"))
	return text(t, rec, "id")
}

// as is a caller with the tokens of an answer, once the directory has everybody.
func (h *house) as(t *testing.T, a *answer) *caller {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	c := &caller{t: t, base: h.in.base, token: text(t, a.object(), "accessToken")}
	testkit.Eventually(t, func() error {
		if a := c.do(http.MethodGet, "/v1/me", nil); a.status != http.StatusOK {
			return fmt.Errorf("%d: %s", a.status, a.body)
		}
		return nil
	})
	return c
}

// refused requires the problem.
func refused(t *testing.T, a *answer, reason string) {
	t.Helper()
	require.NotEqual(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, reason, a.object()["reason"], "%s", a.body)
}

// ID-7: who is not there yet becomes a user with the roles of the provider's groups; who is comes back as the same user.
func TestSignInWithAProviderMakesUsers(t *testing.T) {
	h := withProvider(t, nil)
	manager, director := h.admin.one("roles", "Manager"), h.admin.one("roles", "Director")
	dep, _ := h.admin.must(http.MethodPost, "/v1/departments", object{"name": "Sales"})["department"].(object)
	h.admin.must(http.MethodPatch, "/v1/oidcProviders/"+h.provider, object{
		"createUsers": true, "defaultRoleIds": []any{manager["id"]}, "departmentId": dep["id"], "roleClaim": "groups",
		"roleMappings": []object{{"value": "leads", "roleId": director["id"]}},
	})
	h.op.person("ann", h.email("Ann"), true)
	b := h.in.browser(t)
	first := b.signIn(h.provider, "ann")
	me := h.as(t, first)
	require.Empty(t, first.object()["refreshToken"], "it is in the cookie")
	u, _ := me.get("/v1/me")["user"].(object)
	require.Equal(t, "Ann Lee", u["name"])
	require.Equal(t, h.email("ann"), u["email"])
	require.Equal(t, dep["id"], u["departmentId"])
	require.Equal(t, []any{manager["id"]}, u["roleIds"])
	session, _ := first.object()["session"].(object)
	require.Equal(t, h.provider, session["providerId"])
	require.Equal(t, http.StatusOK, b.post("/v1/sessions:refresh", object{}).status)

	// Her address may change there: the subject counts.
	h.op.person("ann", h.email("ann.lee"), true)
	again, _ := h.as(t, h.in.browser(t).signIn(h.provider, "ann")).get("/v1/me")["user"].(object)
	require.Equal(t, u["id"], again["id"])

	// Claims that only the userinfo endpoint tells count as well.
	h.op.set(func() { h.op.atUserinfo = true })
	h.op.person("bo", h.email("bo"), true)
	bo, _ := h.as(t, h.in.browser(t).signIn(h.provider, "bo")).get("/v1/me")["user"].(object)
	require.Equal(t, h.email("bo"), bo["email"])

	h.op.set(func() { h.op.atUserinfo, h.op.groups = false, []any{"people", "leads"} })
	h.op.person("cy", h.email("cy"), true)
	cy, _ := h.as(t, h.in.browser(t).signIn(h.provider, "cy")).get("/v1/me")["user"].(object)
	require.Equal(t, []any{director["id"]}, cy["roleIds"])
}

// ID-7: a user who is there is connected by the address the provider vouches for; nobody else of the provider becomes that
// user later, until an administrator says so.
func TestSignInWithAProviderConnectsUsers(t *testing.T) {
	h := withProvider(t, nil)
	u, _ := h.admin.must(http.MethodPost, "/v1/users", object{"name": "Ann", "email": h.email("ann")})["user"].(object)
	path := "/v1/users/" + text(t, u, "id")
	h.op.person("stranger", h.email("stranger"), true)
	refused(t, h.in.browser(t).signIn(h.provider, "stranger"), "EXTERNAL_USER_UNKNOWN")

	h.op.person("ann", h.email("ann"), false)
	refused(t, h.in.browser(t).signIn(h.provider, "ann"), "EXTERNAL_EMAIL_NOT_VERIFIED")
	h.op.person("ann", "ann@elsewhere.test", true)
	refused(t, h.in.browser(t).signIn(h.provider, "ann"), "EXTERNAL_EMAIL_NOT_ALLOWED")

	h.op.person("ann", h.email("ann"), true)
	me, _ := h.as(t, h.in.browser(t).signIn(h.provider, "ann")).get("/v1/me")["user"].(object)
	require.Equal(t, u["id"], me["id"])
	known, _ := h.admin.get(path + "/externalIdentities")["externalIdentities"].([]any)
	require.Len(t, known, 1)

	h.op.person("impostor", h.email("ann"), true)
	refused(t, h.in.browser(t).signIn(h.provider, "impostor"), "EXTERNAL_IDENTITY_TAKEN")
	h.admin.must(http.MethodDelete, path+"/externalIdentities/"+h.provider, nil)
	h.as(t, h.in.browser(t).signIn(h.provider, "impostor"))
	refused(t, h.in.browser(t).signIn(h.provider, "ann"), "EXTERNAL_IDENTITY_TAKEN")

	h.admin.must(http.MethodPost, path+":deactivate", object{})
	refused(t, h.in.browser(t).signIn(h.provider, "impostor"), "EXTERNAL_USER_NOT_ACTIVE")
}

// ID-7: what does not check opens nothing.
func TestSignInWithAProviderChecks(t *testing.T) {
	h := withProvider(t, object{"createUsers": true})
	h.op.person("ann", h.email("ann"), true)
	const invalid = "EXTERNAL_SIGN_IN_INVALID"

	t.Run("another nonce", func(t *testing.T) {
		h.op.set(func() { h.op.otherNonce = "another" })
		refused(t, h.in.browser(t).signIn(h.provider, "ann"), invalid)
		h.op.set(func() { h.op.otherNonce = "" })
	})
	t.Run("another audience", func(t *testing.T) {
		b := h.in.browser(t)
		back := b.atProvider(b.begin(h.provider), "ann")
		h.op.set(func() { h.op.otherClient = "another-client" })
		refused(t, b.post("/v1/sessions:completeExternal", back), invalid)
		h.op.set(func() { h.op.otherClient = "" })
	})
	t.Run("a code that was used", func(t *testing.T) {
		b := h.in.browser(t)
		address := b.begin(h.provider)
		cookies := b.http.Jar.Cookies(at(t, b.base+"/v1/"))
		back := b.atProvider(address, "ann")
		h.as(t, b.post("/v1/sessions:completeExternal", back))
		refused(t, b.post("/v1/sessions:completeExternal", back), invalid) // the cookie is gone
		b.http.Jar.SetCookies(at(t, b.base+"/v1/"), cookies)
		refused(t, b.post("/v1/sessions:completeExternal", back), invalid) // and worthless
	})
	t.Run("the code of another sign-in", func(t *testing.T) {
		theirs, mine := h.in.browser(t), h.in.browser(t)
		stolen := theirs.atProvider(theirs.begin(h.provider), "ann")
		own := mine.atProvider(mine.begin(h.provider), "ann")
		own["code"] = stolen["code"] // PKCE
		refused(t, mine.post("/v1/sessions:completeExternal", own), invalid)
	})
	t.Run("another browser", func(t *testing.T) {
		b := h.in.browser(t)
		refused(t, h.in.browser(t).post("/v1/sessions:completeExternal", b.atProvider(b.begin(h.provider), "ann")), invalid)
	})
	t.Run("another state", func(t *testing.T) {
		b := h.in.browser(t)
		back := b.atProvider(b.begin(h.provider), "ann")
		back["state"] = "another"
		refused(t, b.post("/v1/sessions:completeExternal", back), invalid)
	})
	t.Run("another issuer", func(t *testing.T) {
		b := h.in.browser(t)
		back := b.atProvider(b.begin(h.provider), "ann")
		back["iss"] = "https://evil.test"
		refused(t, b.post("/v1/sessions:completeExternal", back), invalid)
	})
	t.Run("the page of another provider", func(t *testing.T) {
		b := h.in.browser(t)
		back := b.atProvider(b.begin(h.provider), "ann")
		back["providerId"] = h.add(t, h.admin, object{"name": "Second"})
		refused(t, b.post("/v1/sessions:completeExternal", back), invalid)
	})
	t.Run("refused there", func(t *testing.T) {
		b := h.in.browser(t)
		state := at(t, b.begin(h.provider)).Query().Get("state")
		refused(t, b.post("/v1/sessions:completeExternal", object{
			"providerId": h.provider, "state": state, "error": "access_denied",
		}), "EXTERNAL_SIGN_IN_DENIED")
	})
	t.Run("another key, without a pause", func(t *testing.T) {
		h.as(t, h.in.browser(t).signIn(h.provider, "ann"))
		h.op.rotate(t)
		h.as(t, h.in.browser(t).signIn(h.provider, "ann"))
	})
	t.Run("a provider that is down", func(t *testing.T) {
		b := h.in.browser(t)
		back := b.atProvider(b.begin(h.provider), "ann")
		h.op.set(func() { h.op.down = true })
		refused(t, b.post("/v1/sessions:completeExternal", back), "OIDC_PROVIDER_NOT_REACHED")
		refused(t, h.admin.do(http.MethodPost, "/v1/oidcProviders/"+h.provider+":check", object{}), "OIDC_PROVIDER_NOT_REACHED")
		refused(t, b.post("/v1/sessions:beginExternal", object{"providerId": h.provider}), "OIDC_PROVIDER_NOT_REACHED")
		h.op.set(func() { h.op.down = false })
		h.as(t, h.in.browser(t).signIn(h.provider, "ann"))
	})
	t.Run("not active", func(t *testing.T) {
		h.admin.must(http.MethodPatch, "/v1/oidcProviders/"+h.provider, object{"active": false})
		refused(t, h.in.browser(t).post("/v1/sessions:beginExternal", object{"providerId": h.provider}), "OIDC_PROVIDER_NOT_FOUND")
	})
}

func at(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

// ID-1, ID-7: a provider opens its own organisation alone, whoever the person is elsewhere; and only who has all rights
// there says whom to believe.
func TestAProviderOpensItsOwnOrganizationOnly(t *testing.T) {
	h := withProvider(t, object{"createUsers": true})
	theirs := h.in.organization(t, "Elsewhere")
	email := h.email("ann")
	u, _ := theirs.must(http.MethodPost, "/v1/users", object{"name": "Ann there", "email": email})["user"].(object)
	theirs.must(http.MethodPost, "/v1/users/"+text(t, u, "id")+":setPassword", object{"password": password})

	h.op.person("ann", email, true)
	me, _ := h.as(t, h.in.browser(t).signIn(h.provider, "ann")).get("/v1/me")["user"].(object)
	require.Equal(t, "Ann Lee", me["name"], "the user made here")
	require.NotEqual(t, u["id"], me["id"])
	there, _ := h.in.signIn(t, email).get("/v1/me")["user"].(object)
	require.Equal(t, u["id"], there["id"], "the password still opens the organisation that looks after the account, and only that")

	org := text(t, settingsOf(h.admin), "organizationId")
	anybody := &caller{t: t, base: h.in.base}
	shown, _ := anybody.get("/v1/signInProviders", "organizationId", org)["providers"].([]any)
	require.Len(t, shown, 1)
	require.Empty(t, anybody.get("/v1/signInProviders")["providers"], "of several organisations none is told of")
	require.Empty(t, anybody.get("/v1/signInProviders", "organizationId", text(t, settingsOf(theirs), "organizationId"))["providers"])

	refused(t, theirs.do(http.MethodGet, "/v1/oidcProviders/"+h.provider, nil), "OIDC_PROVIDER_NOT_FOUND")
	refused(t, h.admin.do(http.MethodPatch, "/v1/oidcProviders/"+h.provider, object{"issuer": "https://evil.test"}), "OIDC_PROVIDER_INVALID")
	refused(t, h.admin.do(http.MethodPatch, "/v1/oidcProviders/"+h.provider, object{"emailDomains": []string{}}), "OIDC_PROVIDER_INVALID")

	clerk, _ := h.admin.must(http.MethodPost, "/v1/roles", object{"name": "Clerk", "grants": []object{
		{"kind": "settings", "action": "ACTION_VIEW", "scope": "SCOPE_ALL"}, {"kind": "settings", "action": "ACTION_UPDATE", "scope": "SCOPE_ALL"},
	}})["role"].(object)
	v, _ := h.admin.must(http.MethodPost, "/v1/users", object{
		"name": "Clerk", "email": "clerk-" + id.New() + "@kontor.test", "roleIds": []any{clerk["id"]},
	})["user"].(object)
	h.admin.must(http.MethodPost, "/v1/users/"+text(t, v, "id")+":setPassword", object{"password": password})
	refused(t, h.in.signIn(t, text(t, v, "email")).do(http.MethodPatch, "/v1/oidcProviders/"+h.provider, object{"name": "Mine"}), "ROLE_NOT_YOURS")
}

func settingsOf(c *caller) object {
	c.t.Helper()
	s, _ := c.get("/v1/settings")["settings"].(object)
	return s
}

// ID-7: the second factor is asked for as with a password, unless the provider is said to see to it.
func TestSecondFactorWithAProvider(t *testing.T) {
	h := withProvider(t, object{"createUsers": true})
	h.op.person("ann", h.email("ann"), true)
	h.admin.must(http.MethodPatch, "/v1/settings", object{"secondFactor": object{"required": true}})

	b := h.in.browser(t)
	a := b.signIn(h.provider, "ann")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Empty(t, a.object()["accessToken"])
	setup, _ := a.object()["secondFactorSetup"].(object)
	secret := text(t, setup, "secret")
	with := func(code string) *answer {
		return b.post("/v1/sessions:completeExternal", object{"providerId": h.provider, "secondFactorCode": code})
	}
	refused(t, with("000000"), "SECOND_FACTOR_WRONG")
	done := with(totp(t, secret, time.Now()))
	require.Len(t, done.object()["recoveryCodes"], 10, "%s", done.body)
	h.as(t, done)

	b = h.in.browser(t)
	a = b.signIn(h.provider, "ann")
	require.Equal(t, true, a.object()["secondFactorNeeded"], "%s", a.body)
	refused(t, with("000000"), "SECOND_FACTOR_WRONG")
	h.as(t, with(totp(t, secret, time.Now().Add(30*time.Second))))

	h.admin.must(http.MethodPatch, "/v1/oidcProviders/"+h.provider, object{"secondFactorAtProvider": true})
	b = h.in.browser(t)
	h.as(t, b.signIn(h.provider, "ann"))
	require.Equal(t, http.StatusOK, b.post("/v1/sessions:refresh", object{}).status)
}

// totp is the code of RFC 6238 at a time.
func totp(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	require.NoError(t, err)
	mac := hmac.New(sha1.New, key)
	require.NoError(t, binary.Write(mac, binary.BigEndian, at.Unix()/30))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}
