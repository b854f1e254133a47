// Package authntest issues access tokens in tests, as identity does in production.
package authntest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"testing"
	"time"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/id"
)

// Issuer holds signing keys. It is safe for concurrent use.
type Issuer struct {
	t testing.TB

	mu      sync.Mutex
	private map[string]ed25519.PrivateKey
	current string
	fetches int
	down    bool
}

// NewIssuer returns an issuer with one key.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, private: make(map[string]ed25519.PrivateKey)}
	i.Rotate()
	return i
}

// Rotate makes a new key and signs with it from now on; older keys stay published. It returns the new key's ID.
func (i *Issuer) Rotate() string {
	i.t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		i.t.Fatalf("authntest: %v", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.current = id.New()
	i.private[i.current] = key
	return i.current
}

// Withdraw takes a key out of the published ones.
func (i *Issuer) Withdraw(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.private, kid)
}

// SetDown makes fetching the keys fail, or work again.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Fetches is how often the keys have been fetched.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Keys returns the published keys, for authn.NewVerifier.
func (i *Issuer) Keys(context.Context) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches++
	if i.down {
		return nil, errors.New("identity is down")
	}
	public := make(map[string]ed25519.PublicKey, len(i.private))
	for kid, k := range i.private {
		public[kid] = k.Public().(ed25519.PublicKey)
	}
	return authn.JWKS(public)
}

// Verifier returns a verifier of the issuer's tokens on the machine's clock.
func (i *Issuer) Verifier() *authn.Verifier { return authn.NewVerifier(i.Keys, clock.System) }

// Token returns a token for a user of an organisation, good for ten minutes.
func (i *Issuer) Token(org, user string) string {
	i.t.Helper()
	return i.Issue(authn.Principal{OrganizationID: org, UserID: user, SessionID: id.New()}, clock.System(), 10*time.Minute)
}

// Issue returns a token for p, good from now for ttl.
func (i *Issuer) Issue(p authn.Principal, now time.Time, ttl time.Duration) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	s, err := authn.Sign(i.private[i.current], i.current, id.New(), p, now, ttl)
	if err != nil {
		i.t.Fatalf("authntest: %v", err)
	}
	return s
}

// Context returns a context whose outgoing calls carry a token for the user.
func (i *Issuer) Context(ctx context.Context, org, user string) context.Context {
	p := authn.Principal{OrganizationID: org, UserID: user}
	return authn.Outgoing(authn.WithToken(ctx, p, i.Token(org, user)))
}
