// Package provider signs people in with the OpenID Connect providers of their organisation (ID-7).
//
//	Begin ──► browser at the provider ──► Complete ──► session
//	              (state, nonce, PKCE)        └──► second factor ──► session
//
// A provider belongs to one organisation and opens that one only: whoever runs the provider, or sets one, says who is who
// there and nowhere else. Accounts, their passwords and other organisations are left alone.
//
// Who a provider's subject is, is settled once: by an address that the provider vouches for, for a user of the organisation
// who is not known to it by another subject. From then on the subject alone counts, whatever addresses become.
package provider

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
)

// Failures of settings.
var (
	ErrNotFound  = apperr.NotFound("OIDC_PROVIDER_NOT_FOUND", "there is no such provider, or it is not active")
	ErrStale     = apperr.Conflict("OIDC_PROVIDER_ETAG_MISMATCH", "the provider was changed by someone else; read it again")
	ErrInvalid   = apperr.Invalid("OIDC_PROVIDER_INVALID", "the provider's settings are not valid")
	ErrNameTaken = apperr.AlreadyExists("OIDC_PROVIDER_NAME_TAKEN", "another provider of the organisation has this name; give another")
	ErrTooMany   = apperr.NotAllowedNow("OIDC_PROVIDER_TOO_MANY", "an organisation has at most 20 providers; delete one first")
	// ErrNoIdentity says that the user is not known to the provider.
	ErrNoIdentity = apperr.NotFound("EXTERNAL_IDENTITY_NOT_FOUND", "the user is not connected with this provider")
	// ErrNotReached says that the provider cannot be asked, for whatever reason. It is a state of somebody else's server and
	// not an outage of ours, which callers would be kept from for a while.
	ErrNotReached = apperr.NotAllowedNow("OIDC_PROVIDER_NOT_REACHED",
		"the provider does not answer, or not as an OpenID Connect provider does; try again later or sign in with a password")
)

// Failures of signing in.
var (
	// ErrSignIn is the answer to everything that does not check.
	ErrSignIn = apperr.Unauthenticated("EXTERNAL_SIGN_IN_INVALID",
		"this sign-in was not begun in this browser, has expired, was completed before, or the provider's answer is not right; begin again")
	ErrDenied      = apperr.Unauthenticated("EXTERNAL_SIGN_IN_DENIED", "the provider did not sign you in; begin again")
	ErrNotVerified = apperr.Forbidden("EXTERNAL_EMAIL_NOT_VERIFIED",
		"the provider does not vouch for your e-mail address; confirm it there")
	ErrNotAllowed = apperr.Forbidden("EXTERNAL_EMAIL_NOT_ALLOWED", "addresses of this domain may not sign in with this provider")
	ErrUnknown    = apperr.Forbidden("EXTERNAL_USER_UNKNOWN", "there is no user with your e-mail address; ask an administrator to add you")
	ErrNotActive  = apperr.Forbidden("EXTERNAL_USER_NOT_ACTIVE", "your user is deactivated; ask an administrator")
	// ErrTaken keeps an address that the provider has given to somebody else from opening the earlier owner's user.
	ErrTaken = apperr.Forbidden("EXTERNAL_IDENTITY_TAKEN",
		"the user with your e-mail address is connected with another account of this provider; ask an administrator to disconnect it")
)

// MaxPerOrganization is how many providers there may be.
const MaxPerOrganization = 20

// Provider is an OpenID Connect provider of an organisation.
type Provider struct {
	ID, OrganizationID string
	Name               string
	Issuer             string
	ClientID           string
	// ClientSecret is only filled while it is on its way into the store or to the provider.
	ClientSecret string
	// SecretSet says whether one is stored.
	SecretSet bool
	// Scopes are asked for beside "openid".
	Scopes []string
	// Domains of addresses that may sign in; if empty, those of users that are there.
	Domains        []string
	CreateUsers    bool
	DefaultRoleIDs []string
	DepartmentID   string
	// RoleClaim is the claim that Mappings are about.
	RoleClaim string
	Mappings  []Mapping
	// FactorElsewhere says that the provider sees to the second factor.
	FactorElsewhere bool
	Active          bool

	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// Mapping gives a role to who has a value in the claim.
type Mapping struct {
	Value  string `json:"value"`
	RoleID string `json:"role_id"`
}

// Identity says that a user is known to a provider.
type Identity struct {
	ProviderID, Subject   string
	Email                 string
	CreatedAt, LastUsedAt time.Time
}

// Updated is the domain event of a changed provider.
type Updated struct {
	Provider, Previous Provider
	Fields             []string
}

// Normalize brings what was given into the form that is stored.
func (p *Provider) Normalize() {
	p.Name, p.Issuer, p.ClientID = strings.TrimSpace(p.Name), strings.TrimSpace(p.Issuer), strings.TrimSpace(p.ClientID)
	p.RoleClaim = strings.TrimSpace(p.RoleClaim)
	p.Domains = slices.Clone(p.Domains)
	for i, d := range p.Domains {
		p.Domains[i] = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(d), "@"))
	}
	p.Domains = unique(p.Domains)
	p.Scopes = unique(slices.DeleteFunc(slices.Clone(p.Scopes), func(s string) bool { return s == "openid" }))
	p.DefaultRoleIDs = unique(p.DefaultRoleIDs)
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"profile", "email"}
	}
}

func unique(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Validate returns ErrInvalid, naming the fields at fault. Plain HTTP is only for this machine, and only if local is set.
func (p *Provider) Validate(local bool) error {
	err := ErrInvalid
	bad := func(wrong bool, field, what string) {
		if wrong {
			err = err.WithField(field, what)
		}
	}
	bad(!text(p.Name, 1, 100), "name", "1 to 100 characters, no control characters")
	bad(!issuerFits(p.Issuer, local), "issuer", "an address such as https://login.example.com, without query")
	bad(!text(p.ClientID, 1, 500), "client_id", "what the provider calls this installation")
	bad(!text(p.ClientSecret, 0, 1000), "client_secret", "at most 1000 characters, no control characters")
	for i, s := range p.Scopes {
		bad(!token(s), "scopes["+strconv.Itoa(i)+"]", "a name without spaces")
	}
	for i, d := range p.Domains {
		bad(!domain(d), "email_domains["+strconv.Itoa(i)+"]", "a domain such as example.com")
	}
	bad(p.CreateUsers && len(p.Domains) == 0, "email_domains", "say which addresses users are made for")
	bad(p.RoleClaim == "" && len(p.Mappings) > 0, "role_claim", "the claim that role_mappings are about")
	bad(!text(p.RoleClaim, 0, 100), "role_claim", "at most 100 characters")
	if len(err.Fields) > 0 {
		return err
	}
	return nil
}

// Change lets fn change fields and returns Updated with those that did change, or nil if none did.
func (p *Provider) Change(local bool, fn func(*Provider)) (*Updated, error) {
	before := *p
	fn(p)
	p.Normalize()
	p.SecretSet = before.SecretSet || p.ClientSecret != ""
	if p.Issuer != before.Issuer {
		// Its subjects are other people, and its token endpoint must not get the old one's secret.
		return nil, ErrInvalid.WithField("issuer", "it cannot change; add another provider")
	}
	if err := p.Validate(local); err != nil {
		return nil, err
	}
	fields := changed(&before, p)
	if len(fields) == 0 {
		return nil, nil // No event: nothing to save.
	}
	return &Updated{Provider: *p, Previous: before, Fields: fields}, nil
}

func changed(a, b *Provider) []string {
	var fields []string
	add := func(differs bool, field string) {
		if differs {
			fields = append(fields, field)
		}
	}
	add(a.Name != b.Name, "name")
	add(a.ClientID != b.ClientID, "client_id")
	add(b.ClientSecret != "", "client_secret")
	add(!slices.Equal(a.Scopes, b.Scopes), "scopes")
	add(!slices.Equal(a.Domains, b.Domains), "email_domains")
	add(a.CreateUsers != b.CreateUsers, "create_users")
	add(!slices.Equal(a.DefaultRoleIDs, b.DefaultRoleIDs), "default_role_ids")
	add(a.DepartmentID != b.DepartmentID, "department_id")
	add(a.RoleClaim != b.RoleClaim, "role_claim")
	add(!slices.Equal(a.Mappings, b.Mappings), "role_mappings")
	add(a.FactorElsewhere != b.FactorElsewhere, "second_factor_at_provider")
	add(a.Active != b.Active, "active")
	return fields
}

// Admits reports whether an address of a normalised form may sign in with the provider.
func (p *Provider) Admits(email string) bool {
	_, d, _ := strings.Cut(email, "@")
	return len(p.Domains) == 0 || slices.Contains(p.Domains, d)
}

// RolesFor returns the roles that somebody with the values in the claim is given.
func (p *Provider) RolesFor(values []string) []string {
	var roles []string
	for _, m := range p.Mappings {
		if slices.Contains(values, m.Value) && !slices.Contains(roles, m.RoleID) {
			roles = append(roles, m.RoleID)
		}
	}
	if len(roles) == 0 {
		return p.DefaultRoleIDs
	}
	return roles
}

// Gives returns all roles that the provider may give.
func (p *Provider) Gives() []string {
	all := slices.Clone(p.DefaultRoleIDs)
	for _, m := range p.Mappings {
		all = append(all, m.RoleID)
	}
	return unique(all)
}

// Person is who a provider says somebody is.
type Person struct {
	Subject string
	// Email is normalised, and vouched for by the provider.
	Email string
	Name  string
	// Values are those of the claim about roles.
	Values []string
}

// Known is the user that a person is.
type Known struct {
	UserID, UserName, AccountID string
}

// Store keeps providers and whom they know.
type Store interface {
	// Active returns an active provider with its secret, or ErrNotFound, whichever organisation it is of.
	Active(ctx context.Context, id string) (*Provider, error)

	// Recognize returns the user that the person is, connecting or making the user if need be. It returns ErrUnknown,
	// ErrNotActive or ErrTaken.
	Recognize(ctx context.Context, p *Provider, who Person) (*Known, error)

	// Use notes that a sign-in was used, and returns ErrSignIn if it was before.
	Use(ctx context.Context, org, id string, expires time.Time) error
}

func issuerFits(s string, local bool) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || len(s) > 500 {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && local && loopback(u.Hostname())
}

func token(s string) bool {
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

func domain(s string) bool {
	return len(s) <= 253 && strings.Contains(s, ".") && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`/@:"<>[]*,;\`, r) })
}

// text reports whether s has so many characters and no control characters.
func text(s string, atLeast, atMost int) bool {
	n := utf8.RuneCountInString(s)
	return n >= atLeast && n <= atMost && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
