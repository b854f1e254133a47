// Package apikey holds the keys by which programs act as service accounts (ID-8). A key's secret is shown once; what is
// stored is its SHA-256, which is enough for 130 random bits.
package apikey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
)

// Failures.
var (
	ErrNotFound = apperr.NotFound("API_KEY_NOT_FOUND", "there is no such API key")
	ErrInvalid  = apperr.Invalid("API_KEY_INVALID", "the API key's data is not valid")
	// ErrRefused is the one answer to every key that does not work, so that trying keys teaches nothing.
	ErrRefused = apperr.Unauthenticated("API_KEY_REFUSED",
		"the API key is not known, has expired, was revoked, or may not be used from this address")
)

// prefix makes keys easy to find where they should not be.
const prefix = "kontor_"

// Key is an API key without its secret.
type Key struct {
	ID, Name         string
	ServiceAccountID string
	// Networks are those it may be used from; empty for everywhere.
	Networks []netip.Prefix
	// ExpiresAt and RevokedAt are zero for never.
	ExpiresAt, RevokedAt time.Time
	// LastUsedAt is to the minute; zero if it was never used.
	LastUsedAt      time.Time
	LastUsedAddress string
	Version         int64
	CreatedAt       time.Time
	CreatedBy       string
}

// Created is the domain event of a new key.
type Created struct{ Key Key }

// Revoked is the domain event of a key that works no longer.
type Revoked struct{ Key Key }

// Store keeps keys.
type Store interface {
	// CreateKey stores a key and the hash of its secret. It returns serviceaccount.ErrNotFound.
	CreateKey(ctx context.Context, org string, k *Key, hash []byte) (*Key, error)
	// GetKey returns ErrNotFound if there is no such key.
	GetKey(ctx context.Context, org, id string) (*Key, error)
	// RevokeKey revokes the key and forgets its hash. It returns ErrNotFound; a revoked key stays as it was.
	RevokeKey(ctx context.Context, org, id string, now time.Time) (*Key, error)
	// FindKey returns the hash and the organisation of a key, of whichever organisation, or ErrNotFound.
	FindKey(ctx context.Context, id string) (hash []byte, org string, err error)
	// UsableKey returns a key of an active service account, or ErrNotFound.
	UsableKey(ctx context.Context, org, id string) (*Key, error)
	// TouchKey notes when and from where the key was used, and tells of it if that is news.
	TouchKey(ctx context.Context, org string, k *Key, address string, now time.Time) error
}

// NewSecret returns a new secret for the key with the ID, and its hash.
func NewSecret(id string) (secret string, hash []byte) {
	s := rand.Text()
	sum := sha256.Sum256([]byte(s))
	return prefix + id + "_" + s, sum[:]
}

// Parse splits a secret into the key's ID and the hash of the rest. It returns ErrRefused if it is none.
func Parse(secret string) (keyID string, hash []byte, err error) {
	rest, ok := strings.CutPrefix(secret, prefix)
	if !ok {
		return "", nil, ErrRefused
	}
	keyID, s, ok := strings.Cut(rest, "_")
	if !ok || !id.Valid(keyID) || s == "" {
		return "", nil, ErrRefused
	}
	sum := sha256.Sum256([]byte(s))
	return keyID, sum[:], nil
}

// Same compares hashes in a time that does not depend on them.
func Same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// useTold is for how long a use from the same address is no news.
const useTold = time.Hour

// News reports whether a use is told: the first, one after a while, and one from another address.
func (k *Key) News(address string, now time.Time) bool {
	return k.LastUsedAddress != address || now.Sub(k.LastUsedAt) >= useTold
}

// Usable returns ErrRefused unless the key may be used at that time from that address.
func (k *Key) Usable(now time.Time, address string) error {
	switch {
	case !k.RevokedAt.IsZero(), !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return ErrRefused
	case len(k.Networks) == 0:
		return nil
	}
	from, err := netip.ParseAddr(address)
	if err != nil {
		return ErrRefused.Because(err)
	}
	from = from.Unmap()
	for _, n := range k.Networks {
		if n.Contains(from) {
			return nil
		}
	}
	return ErrRefused
}

// Validate returns ErrInvalid, naming the fields at fault.
func (k *Key) Validate(now time.Time) error {
	err := ErrInvalid
	if n := utf8.RuneCountInString(k.Name); n < 1 || n > 200 || !utf8.ValidString(k.Name) || strings.ContainsFunc(k.Name, unicode.IsControl) {
		err = err.WithField("name", "1 to 200 characters, no control characters")
	}
	if !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now) {
		err = err.WithField("expire_time", "a time to come")
	}
	if len(err.Fields) > 0 {
		return err
	}
	return nil
}

// ParseNetworks reads addresses and networks. It returns ErrInvalid, naming the one at fault.
func ParseNetworks(list []string) ([]netip.Prefix, error) {
	nets := make([]netip.Prefix, 0, len(list))
	for i, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, aerr := netip.ParseAddr(s)
			if aerr != nil || a.Zone() != "" {
				return nil, ErrInvalid.WithField("allowed_networks["+strconv.Itoa(i)+"]", "an address or a network such as 203.0.113.0/24")
			}
			a = a.Unmap()
			p = netip.PrefixFrom(a, a.BitLen())
		}
		nets = append(nets, p.Masked())
	}
	return nets, nil
}
