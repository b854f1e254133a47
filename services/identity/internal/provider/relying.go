package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"kontor.internal/services/identity/internal/account"
)

const (
	// patience is how long a provider may take to answer.
	patience = 10 * time.Second
	// fresh is how long what a provider says of itself is believed. Its keys are asked for again whenever a token names
	// one that is not known, so a rotation needs no wait.
	fresh = 15 * time.Minute
	// atMost bounds the providers that are remembered, and largest what they may answer, in bytes.
	atMost  = 1000
	largest = 1 << 20
)

// Relying asks providers.
type Relying struct {
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	issuer string
	until  time.Time
	told   *oidc.Provider
}

// NewRelying returns what asks providers. Providers on this machine, and over plain HTTP there, are for trying out: they
// are only asked if local is set.
func NewRelying(local bool, now func() time.Time) *Relying {
	dialer := &net.Dialer{Timeout: patience, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address of provider: %w", err)
		}
		// Administrators of organisations choose what is asked. Cloud machines keep their credentials at link-local
		// addresses, and on this machine nobody else's providers run.
		ip := ap.Addr().Unmap()
		if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.IsLoopback() && !local {
			return errors.New("no provider is asked at this address")
		}
		return nil
	}}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: patience,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}
	return &Relying{
		client: &http.Client{Timeout: patience, Transport: &guard{local: local, next: transport}},
		now:    now, kept: make(map[string]kept),
	}
}

// guard keeps requests, and those that a provider's settings or redirects lead to, from going out in the clear.
type guard struct {
	local bool
	next  http.RoundTripper
}

// RoundTrip see [http.RoundTripper].
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && (!g.local || !loopback(r.URL.Hostname())) {
		return nil, errors.New("providers are asked over HTTPS only")
	}
	res, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &bounded{Reader: io.LimitReader(res.Body, largest), Closer: res.Body}
	return res, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// discover returns what the provider says of itself, or ErrNotReached.
func (r *Relying) discover(ctx context.Context, p *Provider) (*oidc.Provider, error) {
	r.mu.Lock()
	k, ok := r.kept[p.ID]
	r.mu.Unlock()
	if ok && k.issuer == p.Issuer && r.now().Before(k.until) {
		return k.told, nil
	}
	told, err := oidc.NewProvider(oidc.ClientContext(ctx, r.client), p.Issuer)
	if err != nil {
		return nil, ErrNotReached.Because(err)
	}
	if e := told.Endpoint(); e.AuthURL == "" || e.TokenURL == "" {
		return nil, ErrNotReached.Because(errors.New("no authorization or token endpoint"))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) >= atMost {
		clear(r.kept)
	}
	r.kept[p.ID] = kept{issuer: p.Issuer, until: r.now().Add(fresh), told: told}
	return told, nil
}

// Check asks the provider now, whatever is remembered, and returns where people are sent.
func (r *Relying) Check(ctx context.Context, p *Provider) (string, error) {
	r.mu.Lock()
	delete(r.kept, p.ID)
	r.mu.Unlock()
	told, err := r.discover(ctx, p)
	if err != nil {
		return "", err
	}
	return told.Endpoint().AuthURL, nil
}

func (r *Relying) config(p *Provider, told *oidc.Provider, redirect string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: told.Endpoint(), RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}
}

// address is where the browser is sent.
func (r *Relying) address(ctx context.Context, p *Provider, redirect string, b *binding) (string, error) {
	told, err := r.discover(ctx, p)
	if err != nil {
		return "", err
	}
	return r.config(p, told, redirect).AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), nil
}

// person exchanges a code for who it is of. It returns ErrNotReached, ErrSignIn or ErrNotVerified.
func (r *Relying) person(ctx context.Context, p *Provider, redirect, code string, b *binding) (*Person, error) {
	told, err := r.discover(ctx, p)
	if err != nil {
		return nil, err
	}
	cfg := r.config(p, told, redirect)
	tokens, err := cfg.Exchange(oidc.ClientContext(ctx, r.client), code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
			return nil, ErrSignIn.Because(err) // a code that was used before, or of another client
		}
		return nil, ErrNotReached.Because(err)
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return nil, ErrSignIn.Because(errors.New("no ID token"))
	}
	checked, err := told.Verifier(&oidc.Config{ClientID: p.ClientID, Now: r.now}).Verify(ctx, raw)
	if err != nil {
		return nil, ErrSignIn.Because(err)
	}
	if checked.Nonce == "" || checked.Nonce != b.Nonce {
		return nil, ErrSignIn.Because(errors.New("the nonce is another"))
	}
	claims := map[string]any{}
	if err := checked.Claims(&claims); err != nil {
		return nil, ErrSignIn.Because(err)
	}
	if azp, ok := claims["azp"].(string); ok && azp != p.ClientID {
		return nil, ErrSignIn.Because(errors.New("the ID token was made for another client"))
	}
	if _, ok := claims["email"].(string); !ok && told.UserInfoEndpoint() != "" {
		ctx := oidc.ClientContext(ctx, r.client)
		info, err := told.UserInfo(ctx, cfg.TokenSource(ctx, tokens))
		if err != nil {
			return nil, ErrNotReached.Because(err)
		}
		if info.Subject != checked.Subject {
			return nil, ErrSignIn.Because(errors.New("the user info is of another subject"))
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return nil, ErrSignIn.Because(err)
		}
		for k, v := range more {
			if _, ok := claims[k]; !ok { // what is signed counts before what is not
				claims[k] = v
			}
		}
	}
	return described(p, checked.Subject, claims)
}

// described reads the claims.
func described(p *Provider, subject string, claims map[string]any) (*Person, error) {
	if subject == "" || len(subject) > 255 { // OpenID Connect Core, section 2
		return nil, ErrSignIn.Because(errors.New("no subject"))
	}
	address, _ := claims["email"].(string)
	email, err := account.NormalizeEmail(address)
	if v := claims["email_verified"]; err != nil || v != true && v != "true" {
		return nil, ErrNotVerified
	}
	if !p.Admits(email) {
		return nil, ErrNotAllowed
	}
	who := &Person{Subject: subject, Email: email}
	who.Name, _ = claims["name"].(string)
	if !text(who.Name, 1, 200) {
		who.Name = email
	}
	if p.RoleClaim != "" {
		switch v := claims[p.RoleClaim].(type) {
		case string:
			who.Values = []string{v}
		case []any:
			for _, one := range v {
				if s, ok := one.(string); ok {
					who.Values = append(who.Values, s)
				}
			}
		}
	}
	slices.Sort(who.Values)
	return who, nil
}
