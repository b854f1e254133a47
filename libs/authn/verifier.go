package authn

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"kontor.internal/libs/apperr"
)

// Failures of Verify.
var (
	// ErrTokenMissing is the answer to a call without a token.
	ErrTokenMissing = apperr.Unauthenticated("TOKEN_MISSING", "sign in: the call carries no access token")
	// ErrTokenInvalid is the answer to a token that is malformed, signed by somebody else, or incomplete.
	ErrTokenInvalid = apperr.Unauthenticated("TOKEN_INVALID", "sign in again: the access token is not valid")
	// ErrTokenExpired is the answer to a token that was good once.
	ErrTokenExpired = apperr.Unauthenticated("TOKEN_EXPIRED", "refresh the access token: it has expired")
	// ErrKeysUnavailable is the answer while the keys cannot be fetched.
	ErrKeysUnavailable = apperr.Unavailable("TOKEN_KEYS_UNAVAILABLE", "access tokens cannot be checked now; try again")
)

const (
	// cachedTokens bounds each of the two generations of the cache of verified tokens.
	cachedTokens = 8192
	// refreshPause is the least time between two fetches of the keys, so that tokens with made-up key IDs do not
	// turn into a load on identity.
	refreshPause = 5 * time.Second
	// refreshAfter is how old the keys may grow before they are fetched again: a withdrawn key stops working then.
	refreshAfter = 5 * time.Minute
	// fetchTimeout bounds one fetch; callers wait for it only when they bring a key nobody knows yet.
	fetchTimeout = 3 * time.Second
	// leeway is how far apart clocks of machines may be.
	leeway = 5 * time.Second
)

// Verifier checks access tokens against published keys. A token seen before costs a hash and a map look-up, not a
// signature check. It is safe for concurrent use.
type Verifier struct {
	fetch func(context.Context) ([]byte, error)
	now   func() time.Time
	parse *jwt.Parser

	mu       sync.RWMutex
	keys     map[string]ed25519.PublicKey
	fetched  time.Time // when the keys were last fetched
	tried    time.Time // when that was last attempted
	young    map[[sha256.Size]byte]verified
	old      map[[sha256.Size]byte]verified
	fetching sync.Mutex // held by the one that fetches
}

type verified struct {
	principal Principal
	expires   time.Time
}

// NewVerifier returns a verifier that fetches the keys, a JWK set, when it needs them: at the first token, at a token
// with an unknown key ID, and every few minutes.
func NewVerifier(fetch func(context.Context) ([]byte, error), now func() time.Time) *Verifier {
	return &Verifier{
		fetch: fetch, now: now,
		parse: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
			jwt.WithIssuer(Issuer),
			jwt.WithExpirationRequired(),
			jwt.WithLeeway(leeway),
			jwt.WithTimeFunc(now),
		),
		young: make(map[[sha256.Size]byte]verified),
	}
}

// Verify returns who the token was issued to. It returns ErrTokenMissing, ErrTokenInvalid, ErrTokenExpired or
// ErrKeysUnavailable. Whether the user is still active is for package authz to say.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if token == "" {
		return Principal{}, ErrTokenMissing
	}
	sum := sha256.Sum256([]byte(token))
	now := v.now()
	if p, ok := v.cached(sum, now); ok {
		return p, nil
	}
	return v.verify(ctx, token, sum, now)
}

func (v *Verifier) cached(sum [sha256.Size]byte, now time.Time) (Principal, bool) {
	v.mu.RLock()
	fresh := v.fresh(now)
	e, ok := v.young[sum]
	if !ok {
		e, ok = v.old[sum]
	}
	v.mu.RUnlock()
	if !ok || !fresh || now.After(e.expires) {
		return Principal{}, false
	}
	return e.principal, true
}

func (v *Verifier) verify(ctx context.Context, token string, sum [sha256.Size]byte, now time.Time) (Principal, error) {
	var (
		c       Claims
		keysErr error
	)
	_, err := v.parse.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		key, err := v.key(ctx, kid, now)
		keysErr = err
		return key, err
	})
	switch {
	case keysErr != nil && !errors.Is(keysErr, errUnknownKey):
		return Principal{}, ErrKeysUnavailable.Because(keysErr).RetryIn(time.Second)
	case errors.Is(err, jwt.ErrTokenExpired):
		return Principal{}, ErrTokenExpired.Because(err)
	case err != nil:
		return Principal{}, ErrTokenInvalid.Because(err)
	}
	p := Principal{OrganizationID: c.Organization, UserID: c.Subject, SessionID: c.Session, Service: c.Act}
	if p.OrganizationID == "" || p.UserID == "" {
		return Principal{}, ErrTokenInvalid.Because(errors.New("no subject or organisation in it"))
	}
	v.remember(sum, verified{principal: p, expires: c.ExpiresAt.Add(leeway)})
	return p, nil
}

// remember keeps two generations and drops the older one when the younger is full: bounded, and nothing to sweep.
func (v *Verifier) remember(sum [sha256.Size]byte, e verified) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.young) >= cachedTokens {
		v.old, v.young = v.young, make(map[[sha256.Size]byte]verified)
	}
	v.young[sum] = e
}

var errUnknownKey = errors.New("signed with an unknown key")

// key returns the key with the ID, fetching the keys if it is not among them or they have grown old.
func (v *Verifier) key(ctx context.Context, kid string, now time.Time) (ed25519.PublicKey, error) {
	key, ok, fresh := v.known(kid, now)
	switch {
	case ok && fresh:
		return key, nil
	case ok:
		// Grown old: one call fetches, the others go on with what there is. An outage of identity must not sign
		// everybody out, so a failure leaves the old keys good.
		if v.fetching.TryLock() {
			_ = v.refresh(ctx, kid, now)
			v.fetching.Unlock()
		}
	default:
		v.fetching.Lock()
		err := v.refresh(ctx, kid, now)
		v.fetching.Unlock()
		if err != nil {
			return nil, err
		}
	}
	if key, ok, _ = v.known(kid, now); ok {
		return key, nil
	}
	return nil, fmt.Errorf("%w: %.64q", errUnknownKey, kid)
}

// known looks the key up; fresh is false when it is time to fetch the keys again.
func (v *Verifier) known(kid string, now time.Time) (key ed25519.PublicKey, ok, fresh bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	key, ok = v.keys[kid]
	return key, ok, v.fresh(now)
}

// fresh is for holders of mu.
func (v *Verifier) fresh(now time.Time) bool {
	return now.Sub(v.fetched) < refreshAfter || now.Sub(v.tried) < refreshPause
}

// refresh is for the holder of fetching.
func (v *Verifier) refresh(ctx context.Context, kid string, now time.Time) error {
	v.mu.Lock()
	_, ok := v.keys[kid]
	never := v.fetched.IsZero()
	soon := now.Sub(v.tried) < refreshPause
	if (ok && v.fresh(now)) || (soon && !never) {
		v.mu.Unlock()
		return nil // another call has just fetched them, or it is too early to ask again
	}
	v.tried = now
	v.mu.Unlock()

	// The keys are for all callers: the one that fetches them may go away meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	raw, err := v.fetch(ctx)
	if err != nil {
		return fmt.Errorf("fetch keys: %w", err)
	}
	keys, err := parseKeys(raw)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := range v.keys {
		if _, ok := keys[id]; !ok { // withdrawn: what it signed is good no longer
			v.young, v.old = make(map[[sha256.Size]byte]verified), nil
			break
		}
	}
	v.keys, v.fetched = keys, now
	return nil
}
