// Package signing holds the keys that access tokens are signed with, and changes them (ID-7).
//
//	published ──Lead──► signs ──Period──► next one signs ──Overlap──► withdrawn
//
// A key is published before it signs, so that every service knows it by then, and stays published until the last token
// it signed has expired: a rotation needs no pause. All replicas of identity see the same keys; whichever comes first
// makes the next one.
package signing

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/id"
)

const (
	// TokenTime is how long an access token is good for.
	TokenTime = 10 * time.Minute
	// Period is how long a key signs.
	Period = 30 * 24 * time.Hour
	// Lead is how long a key is published before it signs. Services fetch the keys every few minutes.
	Lead = time.Hour
	// Overlap is how long a key stays published after the next one has taken over.
	Overlap = time.Hour
	// every is how often the keys are looked at again.
	every = time.Minute
)

// errNoKey is the answer while there is nothing to sign with.
var errNoKey = apperr.Unavailable("SIGNING_KEYS_UNAVAILABLE", "nobody can be signed in now; try again in a moment")

// Key is a key pair. It signs from SignsFrom until the next one does.
type Key struct {
	ID        string
	Private   ed25519.PrivateKey
	SignsFrom time.Time
}

// Store keeps the keys, encrypted.
type Store interface {
	// SigningKeys returns all keys, those that sign first before others.
	SigningKeys(ctx context.Context) ([]Key, error)
	// ChangeSigningKeys lets fn decide, with the keys as they are and nobody else changing them, which to add and which
	// to remove.
	ChangeSigningKeys(ctx context.Context, fn func([]Key) (add []Key, remove []string)) error
}

// Keys are the keys in use.
type Keys struct {
	store Store
	now   func() time.Time
	log   *slog.Logger

	mu   sync.RWMutex
	keys []Key
}

// New returns keys that are loaded by Load or Run.
func New(store Store, now func() time.Time, log *slog.Logger) *Keys {
	return &Keys{store: store, now: now, log: log}
}

// Load changes what is due and reads the keys.
func (k *Keys) Load(ctx context.Context) error {
	now := k.now()
	keys, err := k.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	if add, remove := plan(keys, now); len(add)+len(remove) > 0 {
		if err := k.store.ChangeSigningKeys(ctx, func(keys []Key) ([]Key, []string) { return plan(keys, now) }); err != nil {
			return err
		}
		if keys, err = k.store.SigningKeys(ctx); err != nil {
			return err
		}
		k.log.InfoContext(ctx, "signing keys changed", "keys", len(keys))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = keys
	return nil
}

// plan says which keys to add and which to remove. keys are in the order they sign.
func plan(keys []Key, now time.Time) (add []Key, remove []string) {
	if len(keys) == 0 {
		return []Key{newKey(now)}, nil
	}
	if last := keys[len(keys)-1]; !now.Before(last.SignsFrom.Add(Period - Lead)) {
		// From Lead on at the earliest, also when nobody has looked for months.
		add = append(add, newKey(later(last.SignsFrom.Add(Period), now.Add(Lead))))
	}
	for i := range len(keys) - 1 {
		if !now.Before(keys[i+1].SignsFrom.Add(Overlap)) {
			remove = append(remove, keys[i].ID)
		}
	}
	return add, remove
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func newKey(signsFrom time.Time) Key {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail: it ends the process itself
	}
	return Key{ID: id.New(), Private: private, SignsFrom: signsFrom}
}

// Run keeps the keys up to date until ctx is done. While the database is away the keys in memory go on signing.
func (k *Keys) Run(ctx context.Context) error {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := k.Load(ctx); err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "signing keys not read; going on with those in memory", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// current returns the key that signs now.
func (k *Keys) current(ctx context.Context) (Key, error) {
	now := k.now()
	find := func() (Key, bool) {
		k.mu.RLock()
		defer k.mu.RUnlock()
		for _, key := range slices.Backward(k.keys) {
			if !key.SignsFrom.After(now) {
				return key, true
			}
		}
		return Key{}, false
	}
	if key, ok := find(); ok {
		return key, nil
	}
	if err := k.Load(ctx); err != nil { // before Run's first round
		return Key{}, errNoKey.Because(err).RetryIn(time.Second)
	}
	if key, ok := find(); ok {
		return key, nil
	}
	return Key{}, errNoKey.Because(errors.New("no key signs yet")).RetryIn(time.Second)
}

// Sign returns an access token for p and when it expires.
func (k *Keys) Sign(ctx context.Context, p authn.Principal) (string, time.Time, error) {
	key, err := k.current(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	now := k.now()
	token, err := authn.Sign(key.Private, key.ID, id.New(), p, now, TokenTime)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign token: %w", err)
	}
	return token, now.Add(TokenTime), nil
}

// Issue see [session.Issuer.Issue].
func (k *Keys) Issue(ctx context.Context, org, userID, sessionID string) (string, time.Time, error) {
	return k.Sign(ctx, authn.Principal{OrganizationID: org, UserID: userID, SessionID: sessionID})
}

// Public returns the published keys by ID.
func (k *Keys) Public(ctx context.Context) (map[string]ed25519.PublicKey, error) {
	if _, err := k.current(ctx); err != nil {
		return nil, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	public := make(map[string]ed25519.PublicKey, len(k.keys))
	for _, key := range k.keys {
		p, ok := key.Private.Public().(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("key %s has no public half", strings.ToLower(key.ID))
		}
		public[key.ID] = p
	}
	return public, nil
}
