package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of a hash: argon2id by RFC 9106 with the OWASP parameters. 19 MiB and about 25 ms.
const (
	hashMemory  = 19 * 1024 // KiB
	hashPasses  = 2
	hashThreads = 1
	hashLength  = 32
	saltLength  = 16
)

// Hasher hashes passwords. It lets only so many hashes run at a time, so that a flood of sign-ins cannot take all the
// memory.
type Hasher struct {
	slots chan struct{}
	dummy string
}

// NewHasher returns a hasher that runs atMost hashes at a time.
func NewHasher(atMost int) (*Hasher, error) {
	h := &Hasher{slots: make(chan struct{}, max(1, atMost))}
	salt := make([]byte, saltLength)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("salt: %w", err)
	}
	// A hash that no password is known for, to be compared with when there is no account.
	h.dummy = encodeHash(salt, argon2.IDKey([]byte(rand.Text()), salt, hashPasses, hashMemory, hashThreads, hashLength))
	return h, nil
}

// Hash returns the encoded hash of a password, with a salt of its own.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLength)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	return encodeHash(salt, argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, hashThreads, hashLength)), nil
}

// Verify reports whether the password has the hash. An empty hash takes the time of a real one and is never right, so
// that the time does not tell whether there is an account (ID-9).
func (h *Hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	p, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	sum := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, uint32(len(p.sum)))
	return subtle.ConstantTimeCompare(sum, p.sum) == 1 && known, nil
}

// Reused reports whether the password is among the hashes.
func (h *Hasher) Reused(ctx context.Context, password string, hashes []string) (bool, error) {
	for _, old := range hashes {
		if old == "" {
			continue
		}
		same, err := h.Verify(ctx, old, password)
		if same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) leave() { <-h.slots }

type hashed struct {
	memory, passes uint32
	threads        uint8
	salt, sum      []byte
}

// encodeHash writes the PHC string form, which carries its parameters: they can be raised later.
func encodeHash(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashPasses, hashThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

var errHash = errors.New("stored password hash cannot be read")

func parseHash(s string) (hashed, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return hashed{}, errHash
	}
	var h hashed
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil {
		return hashed{}, fmt.Errorf("%w: %w", errHash, err)
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return hashed{}, fmt.Errorf("%w: %w", errHash, err)
	}
	if h.sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(h.sum) == 0 || h.passes == 0 || h.threads == 0 {
		return hashed{}, errHash
	}
	return h, nil
}
