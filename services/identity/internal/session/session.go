// Package session signs people in and out (ID-7, ID-9).
//
//	CreateSession ──► open ──RefreshSession──► open … ──► ended
//	                    each refresh token works once;      signed out, ended by somebody, password changed,
//	                    a second use ends the session       user deactivated, or not refreshed for IdleTime
//
// A refresh token is random and opaque; its SHA-256 is stored. Used ones are kept as long as their session could live,
// so that the use of an old one is known for what it is.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
)

const (
	// IdleTime is how long a session lives without being refreshed.
	IdleTime = 14 * 24 * time.Hour
	// LifeTime is how long a session lives at most.
	LifeTime = 90 * 24 * time.Hour
	// ExternalLifeTime is how long one lives at most that was begun with a provider: who may no longer sign in there is out
	// here a day later, if nobody deactivates the user before.
	ExternalLifeTime = 24 * time.Hour
)

// Failures.
var (
	// ErrRefused is the one answer to every sign-in that fails, so that it does not tell whether the account exists.
	ErrRefused = apperr.Unauthenticated("SIGN_IN_REFUSED", "e-mail address, password or organisation is not right")
	// ErrLimited is the answer to too many attempts. It is given whether the account exists or not.
	ErrLimited = apperr.TooMany("SIGN_IN_LIMITED", "too many attempts; wait and try again")
	// ErrExpired asks for a new password.
	ErrExpired = apperr.NotAllowedNow("PASSWORD_EXPIRED", "the password has to be changed: sign in with a new one in new_password")
	// ErrWrongPassword is the answer to a signed-in user who gives a wrong present password.
	ErrWrongPassword = apperr.Invalid("PASSWORD_WRONG", "the present password is not right")
	// ErrToken is the answer to a refresh token that is not known, has expired, or belongs to a session that has ended.
	ErrToken = apperr.Unauthenticated("REFRESH_TOKEN_INVALID", "sign in again: the session has ended")
	// ErrReused is the answer to a refresh token that was used before: the session is ended.
	ErrReused = apperr.Unauthenticated("REFRESH_TOKEN_REUSED",
		"sign in again: the refresh token was used a second time, so the session was ended for safety")
	// ErrNotFound says that there is no such session, or not of a user the caller may change.
	ErrNotFound = apperr.NotFound("SESSION_NOT_FOUND", "there is no such session")
	// ErrForbidden keeps other people's sessions from who may not change users.
	ErrForbidden = apperr.Forbidden("SESSION_FORBIDDEN", "you may only see your own sessions")
)

// EndReason says why a session ended.
type EndReason int

// The reasons, numbered as in the contract's SessionEndReason.
const (
	SignedOut EndReason = iota + 1
	Ended
	TokenReused
	PasswordChanged
	Deactivated
)

// Session is a signed-in browser, phone or program.
type Session struct {
	ID, UserID, AccountID string
	Address, UserAgent    string
	LastAddress           string
	CreatedAt             time.Time
	LastUsedAt            time.Time
	ExpiresAt             time.Time
	// ProviderID is the provider signed in with; empty for a password. FactorElsewhere says that it sees to the second
	// factor.
	ProviderID      string
	FactorElsewhere bool
	// EndedAt is zero while it is open.
	EndedAt time.Time
	Version int64
}

// Started is the domain event of a sign-in.
type Started struct{ Session Session }

// Over is the domain event of a session that has ended.
type Over struct {
	Session Session
	Reason  EndReason
}

// Client is where a request comes from.
type Client struct{ Address, UserAgent string }

// Member is what the sign-in needs to know of a membership.
type Member struct {
	OrganizationID, OrganizationName string
	UserID, UserName                 string
}

// Refreshed is what became of a refresh token.
type Refreshed struct {
	OrganizationID string
	Session        Session
}

// Store keeps sessions and the hashes of refresh tokens.
type Store interface {
	// CreateSession stores a session with its first refresh token.
	CreateSession(ctx context.Context, org string, s *Session, tokenHash []byte) error

	// Refresh puts next in place of the refresh token old. It returns ErrToken if old is not known or its session is no
	// longer open, and ErrReused, having ended the session, if old was used before.
	Refresh(ctx context.Context, old, next []byte, c Client, now time.Time) (*Refreshed, error)

	// SessionOf returns organisation, user and session that a refresh token belongs to, used or not, or ErrToken.
	SessionOf(ctx context.Context, tokenHash []byte) (org, userID, sessionID string, err error)

	// EndSession ends an open session of the user; userID may be empty for any. It returns ErrNotFound if there is none.
	EndSession(ctx context.Context, org, userID, id string, why EndReason, now time.Time) error

	// EndSessions ends all open sessions of the user but the one to keep.
	EndSessions(ctx context.Context, org, userID, keep string, why EndReason, now time.Time) error
}

const tokenPrefix = "kontor-refresh."

// NewToken returns a new refresh token and its hash.
func NewToken() (token string, hash []byte) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	return token, TokenHash(token)
}

// TokenHash returns the hash by which a refresh token is stored.
func TokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return sum[:]
}

// Renew moves the end of the session out after a use.
func (s *Session) Renew(c Client, now time.Time) {
	s.LastUsedAt, s.LastAddress = now, c.Address
	s.ExpiresAt = now.Add(IdleTime)
	last := s.CreatedAt.Add(LifeTime)
	if s.ProviderID != "" {
		last = s.CreatedAt.Add(ExternalLifeTime)
	}
	if s.ExpiresAt.After(last) {
		s.ExpiresAt = last
	}
}

// Open reports whether the session can be refreshed.
func (s *Session) Open(now time.Time) bool { return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) }
