// Package account is about persons and their passwords. An account is unique in the installation by its e-mail
// address; users are its memberships in organisations.
//
// An account is looked after by the organisation that made it until its owner is known to be who they say, by the word of
// the installation's operator (a letter through an organisation's own mail server proves nothing to others): only that organisation's administrators may set
// its password, and only there does the password open a session. Otherwise whoever makes a user with a stranger's
// address first would hold a key to every organisation that adds the stranger later.
package account

import (
	"net/mail"
	"slices"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
)

// Failures of setting a password.
var (
	// ErrElsewhere says that another organisation looks after the account.
	ErrElsewhere = apperr.NotAllowedNow("ACCOUNT_ELSEWHERE",
		"this person's account was made by another organisation, which alone can set its password until the person has confirmed the address")
	// ErrHasPassword says that a password was given for an account that has one.
	ErrHasPassword = apperr.NotAllowedNow("ACCOUNT_HAS_PASSWORD",
		"there is an account with this address and a password; leave the password out to keep it")
	// ErrEmail says that an address cannot be one.
	ErrEmail = apperr.Invalid("USER_INVALID", "the e-mail address is not one").
			WithField("email", "an address such as ann@example.com is expected")
)

// Account is a person who may sign in.
type Account struct {
	ID string
	// Email is normalised; see NormalizeEmail.
	Email string
	// HomeID is the organisation that looks after the account. Empty once its owner is known.
	HomeID string
	// PasswordHash is empty while no password is set.
	PasswordHash string
	// PreviousHashes are those of earlier passwords, newest first.
	PreviousHashes []string
	// MustChange asks for another password at the next sign-in.
	MustChange bool
	// PasswordSetAt is when the password was set.
	PasswordSetAt time.Time
	// Factor is the second factor, if there is one.
	Factor Factor
}

// Opens reports whether the account's password opens sessions in the organisation.
func (a *Account) Opens(organizationID string) bool {
	return a.PasswordHash != "" && (a.HomeID == "" || a.HomeID == organizationID)
}

// Expired reports whether the password has to be changed before the next session.
func (a *Account) Expired(p Policy, now time.Time) bool {
	return a.MustChange || (p.MaxAge > 0 && now.Sub(a.PasswordSetAt) > p.MaxAge)
}

// SetPassword puts hash in place of the password; the old one is remembered as long as the policy says.
func (a *Account) SetPassword(p Policy, hash string, mustChange bool, now time.Time) {
	if a.PasswordHash != "" && p.Remember > 0 {
		a.PreviousHashes = slices.Insert(slices.Clone(a.PreviousHashes), 0, a.PasswordHash)
		a.PreviousHashes = a.PreviousHashes[:min(len(a.PreviousHashes), p.Remember-1)]
	}
	a.PasswordHash, a.MustChange, a.PasswordSetAt = hash, mustChange, now
}

// NormalizeEmail returns the form of an address by which accounts are told apart: without spaces around, in lower
// case. It returns ErrEmail for what is no bare address.
func NormalizeEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || strings.ContainsAny(s, "\r\n\x00\"<>() ,;:") {
		return "", ErrEmail
	}
	return s, nil
}
