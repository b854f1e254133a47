package provider

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/secretbox"
	"kontor.internal/services/identity/internal/session"
)

// Lifetime is how long somebody may take to sign in at a provider, and again to give a code of the second factor.
const Lifetime = 10 * time.Minute

// binding is what a browser holds while a sign-in is under way, encrypted: nobody but us reads or makes one. The state that
// comes back through the provider has to be that of the binding, so a browser only completes what it has begun.
type binding struct {
	ID             string    `json:"i"`
	OrganizationID string    `json:"o"`
	ProviderID     string    `json:"p"`
	Expires        time.Time `json:"x"`
	State          string    `json:"s,omitempty"`
	Nonce          string    `json:"n,omitempty"`
	Verifier       string    `json:"v,omitempty"`
	// Who is filled once the provider has said who it is, and a code of the second factor is waited for.
	Who *Person `json:"w,omitempty"`
}

const about = "external sign-in"

// Service signs people in with providers.
type Service struct {
	Store    Store
	Sessions *session.Service
	Limiter  session.Limiter
	Relying  *Relying
	Box      *secretbox.Box
	// Base is the address that people open the suite under, such as "https://crm.example.com".
	Base *url.URL
	Now  func() time.Time
}

// RedirectURI is where a provider sends the browser back to. Each has its own, so that the answer of one cannot be passed
// off as another's (RFC 9700, section 4.4.2.2).
func (s *Service) RedirectURI(providerID string) string {
	return s.Base.JoinPath("sign-in", providerID).String()
}

// SignInURI is the sign-in screen of an organisation.
func (s *Service) SignInURI(org string) string {
	return s.Base.JoinPath("sign-in").String() + "?organization=" + org
}

// Begun is where to send the browser, and what it keeps meanwhile.
type Begun struct {
	Address, Binding string
	Expires          time.Time
}

// Begin begins a sign-in. It returns session.ErrLimited, ErrNotFound or ErrNotReached.
func (s *Service) Begin(ctx context.Context, providerID string, c session.Client) (*Begun, error) {
	// It counts against the address until it is completed: nobody has the provider asked without end.
	if wait := s.Limiter.Take(ctx, session.Key{Kind: "external", Name: c.Address}); wait > 0 {
		return nil, session.ErrLimited.RetryIn(wait)
	}
	p, err := s.Store.Active(ctx, providerID)
	if err != nil {
		return nil, err
	}
	b := &binding{
		ID: id.New(), OrganizationID: p.OrganizationID, ProviderID: p.ID, Expires: s.Now().Add(Lifetime),
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
	}
	address, err := s.Relying.address(ctx, p, s.RedirectURI(p.ID), b)
	if err != nil {
		return nil, err
	}
	sealed, err := s.seal(b)
	return &Begun{Address: address, Binding: sealed, Expires: b.Expires}, err
}

// Answer is what the browser comes back with.
type Answer struct {
	ProviderID  string
	State, Code string
	// Failure is the provider's, and Issuer who it says it is.
	Failure, Issuer string
	Binding         string
	// FactorCode is of the second factor, once it was asked for.
	FactorCode string
	Client     session.Client
}

// Completed are tokens, or what is left to do.
type Completed struct {
	*session.Tokens
	// Needed asks for a code of the second factor; with it, or with something to set up, Binding is the next one.
	Needed  bool
	Binding string
}

// Complete begins the session of who the provider says it is.
func (s *Service) Complete(ctx context.Context, a Answer) (*Completed, error) {
	key := session.Key{Kind: "address", Name: a.Client.Address}
	if wait := s.Limiter.Take(ctx, key); wait > 0 {
		return nil, session.ErrLimited.RetryIn(wait)
	}
	b, err := s.open(a)
	if err != nil {
		return nil, err
	}
	p, err := s.Store.Active(ctx, b.ProviderID)
	if err != nil {
		return nil, err
	}
	who := b.Who
	if who == nil {
		if who, err = s.ask(ctx, p, a, b); err != nil {
			return nil, err
		}
	}
	known, err := s.Store.Recognize(ctx, p, *who)
	if err != nil {
		return nil, err
	}
	done, err := s.enter(ctx, p, known, a, b, who)
	if err == nil {
		s.Limiter.Forgive(ctx, key, session.Key{Kind: "external", Name: a.Client.Address})
	}
	return done, err
}

// ask uses the sign-in up and asks the provider who it is of.
func (s *Service) ask(ctx context.Context, p *Provider, a Answer, b *binding) (*Person, error) {
	if subtle.ConstantTimeCompare([]byte(a.State), []byte(b.State)) != 1 || a.Issuer != "" && a.Issuer != p.Issuer {
		return nil, ErrSignIn
	}
	if err := s.Store.Use(ctx, b.OrganizationID, b.ID, b.Expires); err != nil {
		return nil, err
	}
	if a.Failure != "" || a.Code == "" {
		return nil, ErrDenied
	}
	return s.Relying.person(ctx, p, s.RedirectURI(p.ID), a.Code, b)
}

// enter begins the session, or asks for the second factor.
func (s *Service) enter(ctx context.Context, p *Provider, known *Known, a Answer, b *binding, who *Person) (*Completed, error) {
	in := session.External{
		Member:    session.Member{OrganizationID: p.OrganizationID, UserID: known.UserID, UserName: known.UserName},
		AccountID: known.AccountID, ProviderID: p.ID, FactorElsewhere: p.FactorElsewhere, Client: a.Client,
	}
	if b.Who != nil {
		in.Code = a.FactorCode
		// Just before the session begins: a wrong code may be tried again, a right one works once.
		in.Last = func(ctx context.Context) error { return s.Store.Use(ctx, b.OrganizationID, b.ID, b.Expires) }
	}
	t, needed, err := s.Sessions.EnterExternal(ctx, in)
	if err != nil {
		return nil, err
	}
	if !needed && t.Setup == nil {
		return &Completed{Tokens: t}, nil
	}
	next := a.Binding
	if b.Who == nil {
		next, err = s.seal(&binding{
			ID: id.New(), OrganizationID: b.OrganizationID, ProviderID: b.ProviderID, Expires: s.Now().Add(Lifetime), Who: who,
		})
	}
	return &Completed{Tokens: t, Needed: needed, Binding: next}, err
}

func (s *Service) seal(b *binding) (string, error) {
	raw, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("binding of sign-in: %w", err)
	}
	sealed, err := s.Box.Seal(raw, about)
	if err != nil {
		return "", fmt.Errorf("binding of sign-in: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open reads the binding and sees to it that it is of the provider the browser comes back from.
func (s *Service) open(a Answer) (*binding, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(a.Binding)
	if err != nil {
		return nil, ErrSignIn.Because(err)
	}
	raw, err := s.Box.Open(sealed, about)
	if err != nil {
		return nil, ErrSignIn.Because(err)
	}
	var b binding
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, ErrSignIn.Because(err)
	}
	if b.ProviderID != a.ProviderID || !s.Now().Before(b.Expires) {
		return nil, ErrSignIn
	}
	return &b, nil
}
