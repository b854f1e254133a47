// Package link is about links sent by mail: to choose a first password, to choose a new one, to confirm a new address
// (ID-12).
//
//	made ──► letter sent (tried for an hour) ──► used once
//	  └──► taken back, replaced by a later one, or expired
//
// A link proves that somebody reads the mail of an address, as far as the organisation's own mail server can be believed:
// its administrators could read the letters. So a link only ever changes an account that this organisation looks after
// and whose password opens nothing elsewhere; see package account.
//
// Tokens are not stored, nor is anything they could be made from: a token is the link's ID with a keyed hash, made when
// a letter is written and checked when it comes back.
package link

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/user"
)

// Failures.
var (
	// ErrInvalid is the one answer to every link that does not work.
	ErrInvalid = apperr.NotAllowedNow("MAIL_LINK_INVALID", "the link does not work any more: it was used, taken back or has expired; ask for another")
	// ErrHasPassword says that there is nothing to invite to.
	ErrHasPassword = apperr.NotAllowedNow("USER_HAS_PASSWORD", "the user has a password; a forgotten one is replaced from the sign-in screen")
	// ErrNotActive says that the user is deactivated.
	ErrNotActive = apperr.NotAllowedNow("USER_NOT_ACTIVE", "the user is deactivated; activate the user first")
	// ErrUnchanged says that a new address is the present one.
	ErrUnchanged = apperr.Invalid("EMAIL_UNCHANGED", "this is the present address; give another").WithField("email", "another than the present one")
)

// Purpose is what a link is for.
type Purpose int

// The purposes, numbered as in the contract's LinkPurpose.
const (
	Invitation Purpose = iota + 1
	Reset
	Address
)

// Lifetime is how long a link works.
func (p Purpose) Lifetime() time.Duration {
	switch p {
	case Invitation:
		return 7 * 24 * time.Hour
	case Reset:
		return time.Hour
	case Address:
		return 24 * time.Hour
	}
	return 0
}

// Link is one sent, or to be sent, by mail.
type Link struct {
	ID, UserID string
	Purpose    Purpose
	// Email is where it is sent; UserEmail is the user's address when it was made. They differ for a new address.
	Email, UserEmail     string
	CreatedAt, ExpiresAt time.Time
	// SentAt, UsedAt and RevokedAt are zero until then.
	SentAt, UsedAt, RevokedAt time.Time
	// Failure is why the letter could not be sent, at the last try.
	Failure string
}

// Held is a link with whom it is for.
type Held struct {
	Link         Link
	User         user.User
	Account      account.Account
	Organization organization.Settings
}

// Works reports whether the link still leads somewhere. A new password or address makes older links worthless.
func (h *Held) Works(now time.Time) bool {
	l := &h.Link
	if !l.UsedAt.IsZero() || !l.RevokedAt.IsZero() || !now.Before(l.ExpiresAt) {
		return false
	}
	if !h.User.Active || h.User.Email != l.UserEmail || h.Account.HomeID != h.Organization.ID {
		return false
	}
	return l.Purpose == Address || !h.Account.PasswordSetAt.After(l.CreatedAt)
}

// The domain events.
type (
	// Invited says that a user was invited.
	Invited struct {
		User      user.User
		ExpiresAt time.Time
	}
	// Revoked says that an invitation was taken back.
	Revoked struct{ User user.User }
)

// Store keeps links. A link that is made takes the place of earlier ones of the user for the same purpose.
type Store interface {
	// Invite makes an invitation and, if it is to be sent, the job of its letter. It returns user.ErrNotFound,
	// ErrNotActive, ErrHasPassword or account.ErrElsewhere.
	Invite(ctx context.Context, org, userID string, send bool) (*user.User, *Link, error)

	// Revoke takes the user's invitation back, if there is one. It returns user.ErrNotFound.
	Revoke(ctx context.Context, org, userID string) (*user.User, error)

	// Make makes a link with the job of its letter, or returns ErrInvalid if the user is gone or not active.
	Make(ctx context.Context, org, userID string, p Purpose, email string) error

	// Held returns ErrInvalid if there is no such link, and the link whether it works or not.
	Held(ctx context.Context, org, id string) (*Held, error)

	// Sent notes what became of a letter: failure is empty once the server has taken it.
	Sent(ctx context.Context, org, id, failure string) error

	// SetPassword uses the link and stores what a.SetPassword has set; see session.Accounts.SetPassword. It returns
	// ErrInvalid if the link was used meanwhile.
	SetPassword(ctx context.Context, org, id, userID string, a *account.Account, previousHash string, now time.Time) error

	// SetEmail uses the link and puts its address in place of the user's, with the job of the letter to the old one. It
	// returns ErrInvalid, account.ErrElsewhere or user.ErrEmailTaken.
	SetEmail(ctx context.Context, org string, h *Held) (*user.User, error)

	// RequestReset adds the job that looks for the address.
	RequestReset(ctx context.Context, email string) error

	// FindAccount returns the account with the normalised address, or nil if there is none.
	FindAccount(ctx context.Context, email string) (*account.Account, error)

	// UserOf returns the ID of the active user that the account is in the organisation, or "".
	UserOf(ctx context.Context, org, accountID string) (string, error)

	// OnlyHere reports whether no other organisation knows the person of the account.
	OnlyHere(ctx context.Context, org, accountID string) (bool, error)

	// GetSettings returns the organisation's settings, and SMTPPassword the password of its mail server.
	GetSettings(ctx context.Context, org string) (*organization.Settings, error)
	SMTPPassword(ctx context.Context, org string) (string, error)
}

// Enqueue adds a job within tx.
type Enqueue func(ctx context.Context, tx pgx.Tx, job Job) error

// Keys make and check tokens.
type Keys struct{ key []byte }

// NewKeys derives the key from the installation's secret.
func NewKeys(secret string) (*Keys, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "kontor/identity/links", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive key of links: %w", err)
	}
	return &Keys{key: key}, nil
}

const idLen = 16

// Token returns the token of a link of the organisation.
func (k *Keys) Token(org, id string) (string, error) {
	o, err := uuid.Parse(org)
	if err != nil {
		return "", fmt.Errorf("organisation of link: %w", err)
	}
	l, err := uuid.Parse(id)
	if err != nil {
		return "", fmt.Errorf("ID of link: %w", err)
	}
	ids := append(o[:], l[:]...)
	return base64.RawURLEncoding.EncodeToString(append(ids, k.sum(ids)...)), nil
}

// Open returns the organisation and the ID of the link that a token is of, or ErrInvalid.
func (k *Keys) Open(token string) (org, id string, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != 2*idLen+sha256.Size || !hmac.Equal(raw[2*idLen:], k.sum(raw[:2*idLen])) {
		return "", "", ErrInvalid
	}
	return uuid.UUID(raw[:idLen]).String(), uuid.UUID(raw[idLen : 2*idLen]).String(), nil
}

func (k *Keys) sum(ids []byte) []byte {
	mac := hmac.New(sha256.New, k.key)
	_, _ = mac.Write(ids) // never fails
	return mac.Sum(nil)
}
