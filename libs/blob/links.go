package blob

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"kontor.internal/libs/apperr"
)

// ErrLink says that a link is not ours, has been changed, or has expired.
var ErrLink = apperr.Forbidden("LINK_INVALID", "the link is not valid or has expired; ask for a new one")

// Links makes and checks links that let whoever holds one fetch one thing until they expire, without signing in.
type Links struct {
	secret []byte
}

// NewLinks returns links that are signed with the secret, which all replicas share.
func NewLinks(secret []byte) Links { return Links{secret: secret} }

const linkHead = sha256.Size + 8

// Sign returns a token for what, such as "organisation/file/version", that is good until expires. What the token is for
// can be read by whoever holds it.
func (l Links) Sign(what string, expires time.Time) string {
	b := make([]byte, linkHead, linkHead+len(what))
	binary.BigEndian.PutUint64(b[sha256.Size:], uint64(expires.Unix()))
	b = append(b, what...)
	copy(b, l.mac(b[sha256.Size:]))
	return base64.RawURLEncoding.EncodeToString(b)
}

// Verify returns what the token is for, or ErrLink.
func (l Links) Verify(token string, now time.Time) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < linkHead || !hmac.Equal(b[:sha256.Size], l.mac(b[sha256.Size:])) {
		return "", ErrLink
	}
	expires := time.Unix(int64(binary.BigEndian.Uint64(b[sha256.Size:linkHead])), 0)
	if !now.Before(expires) {
		return "", ErrLink
	}
	return string(b[linkHead:]), nil
}

func (l Links) mac(b []byte) []byte {
	m := hmac.New(sha256.New, l.secret)
	m.Write(b)
	return m.Sum(nil)
}
