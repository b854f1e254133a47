package provider

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/identity/internal/secretbox"
	"kontor.internal/services/identity/internal/session"
)

func good() Provider {
	return Provider{Name: "Acme", Issuer: "https://login.example.com", ClientID: "kontor"}
}

// ID-7: settings that could not work, or would let in whoever comes, are refused.
func TestValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Provider)
		field  string
	}{
		"as it should be":                  {func(*Provider) {}, ""},
		"no name":                          {func(p *Provider) { p.Name = " " }, "name"},
		"an issuer in the clear":           {func(p *Provider) { p.Issuer = "http://login.example.com" }, "issuer"},
		"an issuer on this machine":        {func(p *Provider) { p.Issuer = "http://127.0.0.1:9998" }, ""},
		"an issuer with a query":           {func(p *Provider) { p.Issuer += "?x=1" }, "issuer"},
		"an issuer with a password":        {func(p *Provider) { p.Issuer = "https://a:b@login.example.com" }, "issuer"},
		"no client ID":                     {func(p *Provider) { p.ClientID = "" }, "client_id"},
		"a scope of two":                   {func(p *Provider) { p.Scopes = []string{"a b"} }, "scopes[0]"},
		"no domain":                        {func(p *Provider) { p.Domains = []string{"localhost"} }, "email_domains[0]"},
		"users of everywhere":              {func(p *Provider) { p.CreateUsers = true }, "email_domains"},
		"users of a domain":                {func(p *Provider) { p.CreateUsers, p.Domains = true, []string{" @Example.com "} }, ""},
		"roles by a claim that is not set": {func(p *Provider) { p.Mappings = []Mapping{{Value: "x", RoleID: "y"}} }, "role_claim"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := good()
			c.change(&p)
			p.Normalize()
			err := p.Validate(true)
			if c.field == "" {
				require.NoError(t, err)
				return
			}
			var e *apperr.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.field, e.Fields[0].Field)
		})
	}
	local := good()
	local.Issuer = "http://127.0.0.1:9998"
	require.ErrorIs(t, local.Validate(false), ErrInvalid, "in production")
}

// ID-7: the issuer stays, as the stored secret is for it; roles go by the claim.
func TestChangeAndRoles(t *testing.T) {
	t.Parallel()
	p := good()
	_, err := p.Change(true, func(p *Provider) { p.Issuer = "https://evil.test" })
	require.ErrorIs(t, err, ErrInvalid)
	p = good()
	p.Normalize()
	ev, err := p.Change(true, func(p *Provider) { p.ClientSecret = "new" })
	require.NoError(t, err)
	require.Equal(t, []string{"client_secret"}, ev.Fields)
	require.True(t, p.SecretSet)

	p.DefaultRoleIDs, p.Mappings = []string{"r1"}, []Mapping{{"leads", "r2"}, {"all", "r2"}, {"root", "r3"}}
	require.Equal(t, []string{"r1"}, p.RolesFor([]string{"people"}))
	require.Equal(t, []string{"r2"}, p.RolesFor([]string{"all", "leads"}))
	require.Equal(t, []string{"r1", "r2", "r3"}, p.Gives())
}

// ID-7: an address counts only if the provider vouches for it.
func TestDescribed(t *testing.T) {
	t.Parallel()
	p := good()
	p.Domains, p.RoleClaim = []string{"example.com"}, "groups"
	for name, c := range map[string]struct {
		claims map[string]any
		err    error
	}{
		"vouched for":         {map[string]any{"email": "Ann@Example.com", "email_verified": true, "groups": []any{"b", 1, "a"}}, nil},
		"as some write it":    {map[string]any{"email": "ann@example.com", "email_verified": "true"}, nil},
		"nothing said":        {map[string]any{"email": "ann@example.com"}, ErrNotVerified},
		"not vouched for":     {map[string]any{"email": "ann@example.com", "email_verified": false}, ErrNotVerified},
		"no address":          {map[string]any{"email_verified": true}, ErrNotVerified},
		"of another domain":   {map[string]any{"email": "ann@evil-example.com", "email_verified": true}, ErrNotAllowed},
		"of a domain below":   {map[string]any{"email": "ann@sub.example.com", "email_verified": true}, ErrNotAllowed},
		"with two at signs":   {map[string]any{"email": "a@example.com@evil.test", "email_verified": true}, ErrNotVerified},
		"two addresses in it": {map[string]any{"email": "a@example.com,b@evil.test", "email_verified": true}, ErrNotVerified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who, err := described(&p, "s", c.claims)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "ann@example.com", who.Email)
		})
	}
	_, err := described(&p, "", map[string]any{"email": "ann@example.com", "email_verified": true})
	require.ErrorIs(t, err, ErrSignIn)
}

// ID-7: nothing goes out in the clear, nor to where machines keep their credentials.
func TestProvidersAreAskedSafely(t *testing.T) {
	t.Parallel()
	for address, local := range map[string]bool{
		"http://login.example.com": true, "http://127.0.0.1:1": false, "https://127.0.0.1:1": false,
		"https://169.254.169.254": true, "https://0.0.0.0:1": true, "https://[::1]:1": false,
	} {
		r := NewRelying(local, time.Now)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		res, err := r.client.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		require.ErrorContains(t, err, "provider", address)
	}
}

// never is a limiter that lets everything through.
type never struct{}

func (never) Take(context.Context, ...session.Key) time.Duration { return 0 }
func (never) Forgive(context.Context, ...session.Key)            {}

// ID-7: a binding is worth nothing once it has expired, was changed or is of another installation.
func TestBinding(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	box, err := secretbox.New("a secret of this test", "external sign-ins")
	require.NoError(t, err)
	s := &Service{Box: box, Limiter: never{}, Base: &url.URL{Scheme: "https", Host: "crm.example"}, Now: func() time.Time { return now }}
	sealed, err := s.seal(&binding{ID: "1", OrganizationID: "o", ProviderID: "p", Expires: now.Add(Lifetime), State: "s"})
	require.NoError(t, err)
	b, err := s.open(Answer{ProviderID: "p", Binding: sealed})
	require.NoError(t, err)
	require.Equal(t, "s", b.State)

	for name, a := range map[string]Answer{
		"none": {ProviderID: "p"}, "another provider": {ProviderID: "q", Binding: sealed},
		"changed": {ProviderID: "p", Binding: sealed[:len(sealed)-4] + "AAAA"}, "nonsense": {ProviderID: "p", Binding: "%"},
	} {
		_, err := s.Complete(t.Context(), a)
		require.ErrorIs(t, err, ErrSignIn, name)
	}
	other, err := secretbox.New("another secret", "external sign-ins")
	require.NoError(t, err)
	s.Box = other
	_, err = s.open(Answer{ProviderID: "p", Binding: sealed})
	require.ErrorIs(t, err, ErrSignIn)
	s.Box, now = box, now.Add(Lifetime)
	_, err = s.open(Answer{ProviderID: "p", Binding: sealed})
	require.ErrorIs(t, err, ErrSignIn, "expired")
	require.Equal(t, "https://crm.example/sign-in/p", s.RedirectURI("p"))
}
