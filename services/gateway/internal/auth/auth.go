// Package auth finds out who a request is from: it checks access tokens, and exchanges API keys for them.
package auth

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

const (
	scheme    = "bearer "
	keyPrefix = "kontor_"
	// keyLife is how long an exchanged key is kept, and so how long a revoked one may still work.
	keyLife = 30 * time.Second
	maxKeys = 4096
)

// ErrScheme is the answer to an Authorization header of another kind.
var ErrScheme = apperr.Unauthenticated("AUTHORIZATION_SCHEME",
	"send 'Authorization: Bearer' with an access token or an API key")

// Exchanger is the part of identity that knows API keys.
type Exchanger interface {
	// ExchangeApiKey see [identityv1.ApiKeysServiceClient].
	ExchangeApiKey(ctx context.Context, req *identityv1.ExchangeApiKeyRequest, opts ...grpc.CallOption) (
		*identityv1.ExchangeApiKeyResponse, error)
}

// Authenticator checks the Authorization header of requests.
type Authenticator struct {
	Verifier *authn.Verifier
	Keys     Exchanger
	// Service and Secret prove to identity that it is the gateway who asks.
	Service, Secret string
	Now             func() time.Time
	// Fail answers a request that is refused.
	Fail func(w http.ResponseWriter, r *http.Request, err error)

	mu   sync.Mutex
	kept map[[sha256.Size]byte]exchanged
}

type exchanged struct {
	token    string
	until    time.Time
	networks []netip.Prefix
}

// Handler lets requests without credentials pass, for public methods; each service refuses them elsewhere. A request
// with credentials passes only with good ones, and carries an access token from here on; but those for signing in, out
// and on pass without theirs if they are no good, for an access token that has expired is what brings people there.
func (a *Authenticator) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		if header == "" {
			next.ServeHTTP(w, r)
			return
		}
		if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
			a.Fail(w, r, ErrScheme)
			return
		}
		token := strings.TrimSpace(header[len(scheme):])
		if strings.HasPrefix(token, keyPrefix) {
			var err error
			if token, err = a.exchange(r.Context(), token, ClientAddress(r)); err != nil {
				a.Fail(w, r, err)
				return
			}
			r.Header.Set("Authorization", "Bearer "+token)
		}
		p, err := a.Verifier.Verify(r.Context(), token)
		switch {
		case err != nil && forSessions(r):
			r.Header.Del("Authorization")
			next.ServeHTTP(w, r)
			return
		case err != nil:
			a.Fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(authn.WithToken(r.Context(), p, token)))
	})
}

// forSessions reports whether the request is to make, refresh or end a session, which identity lets everybody ask for.
func forSessions(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.URL.Path == "/v1/sessions" || strings.HasPrefix(r.URL.Path, "/v1/sessions:"))
}

func (a *Authenticator) exchange(ctx context.Context, key, address string) (string, error) {
	sum := sha256.Sum256([]byte(key))
	now := a.Now()
	a.mu.Lock()
	e, ok := a.kept[sum]
	a.mu.Unlock()
	if ok && now.Before(e.until) && e.allows(address) {
		return e.token, nil
	}
	// From an address that is not allowed identity is asked again, so that it sees and counts the attempt.
	ctx = authn.WithServiceSecret(ctx, a.Service, a.Secret)
	res, err := a.Keys.ExchangeApiKey(ctx, &identityv1.ExchangeApiKeyRequest{Secret: key, Address: address})
	if err != nil {
		return "", err
	}
	e = exchanged{token: res.GetAccessToken(), until: now.Add(keyLife)}
	if end := res.GetExpireTime().AsTime(); end.Before(e.until) {
		e.until = end
	}
	for _, n := range res.GetAllowedNetworks() {
		if p, err := netip.ParsePrefix(n); err == nil {
			e.networks = append(e.networks, p)
		} else if ip, err := netip.ParseAddr(n); err == nil {
			e.networks = append(e.networks, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept == nil || len(a.kept) >= maxKeys {
		a.kept = make(map[[sha256.Size]byte]exchanged)
	}
	a.kept[sum] = e
	return e.token, nil
}

func (e exchanged) allows(address string) bool {
	if len(e.networks) == 0 {
		return true
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, n := range e.networks {
		if n.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}
