package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/account"
)

// Accounts are the persons that may sign in.
type Accounts interface {
	// FindAccount returns the account with the normalised address, or nil if there is none.
	FindAccount(ctx context.Context, email string) (*account.Account, error)

	// AccountOf returns the account of a user, or user.ErrNotFound.
	AccountOf(ctx context.Context, org, userID string) (*account.Account, error)

	// Memberships returns the active memberships of an account, at most 100. An unknown ID has none.
	Memberships(ctx context.Context, accountID string) ([]Member, error)

	// SetPassword stores what a.SetPassword has set, on behalf of the organisation's user, with the event of it. It
	// ends the user's sessions but the one to keep. It changes nothing and returns ErrRefused if the stored password is
	// no longer the one a was read with.
	SetPassword(ctx context.Context, org, userID, keepSession string, a *account.Account, previousHash string, byAdministrator bool, now time.Time) error

	// FactorRequired reports whether the organisation asks the user for a second factor, or returns user.ErrNotFound.
	FactorRequired(ctx context.Context, org, userID string) (bool, error)

	// SetPendingFactor stores the secret of a second factor that no code has been seen of yet.
	SetPendingFactor(ctx context.Context, accountID, secret string) error

	// UseFactor uses a code up and reports whether nobody has before.
	UseFactor(ctx context.Context, accountID string, use account.Use) (bool, error)

	// SetFactor puts the second factor, an empty one for none, in place of the account's, with the event of it.
	SetFactor(ctx context.Context, org, userID, accountID string, f account.Factor, byAdministrator bool) error
}

// Limiter bounds attempts. It never fails: what it does without Redis is its own affair.
type Limiter interface {
	// Take counts an attempt under each key and returns how long to wait if one of them has had too many.
	Take(ctx context.Context, keys ...Key) (wait time.Duration)
	// Forgive takes back the attempts under the keys that turned out to be right.
	Forgive(ctx context.Context, keys ...Key)
}

// Key is what attempts are counted by.
type Key struct {
	// Kind is what it is the name of: "account", "address".
	Kind string
	Name string
}

// Issuer makes access tokens.
type Issuer interface {
	// Issue returns an access token of a session of a user, and when it expires.
	Issue(ctx context.Context, org, userID, sessionID string) (token string, expires time.Time, err error)
}

// Tokens are what a client gets.
type Tokens struct {
	Access  string
	Expires time.Time
	Refresh string
	Session Session
	// Choices are the organisations to choose from; if there are any, the rest is empty.
	Choices []Member
	// Setup is the second factor to set up first; with it, the rest is empty.
	Setup *account.Setup
	// Recovery are the codes of a second factor that has just been set up.
	Recovery []string
}

// Service signs people in and out.
type Service struct {
	Store    Store
	Accounts Accounts
	Limiter  Limiter
	Issuer   Issuer
	Hasher   *account.Hasher
	Policy   account.Policy
	Now      func() time.Time
}

// SignIn is what somebody signs in with.
type SignIn struct {
	Email, Password string
	// OrganizationID may be empty for who belongs to one only.
	OrganizationID string
	// NewPassword, if not empty, is put in place of the password.
	NewPassword string
	// Code is of the second factor, if there is one, or a recovery code.
	Code   string
	Client Client
}

// SignIn returns tokens, the organisations to choose from, or the second factor to set up. It returns ErrLimited,
// ErrRefused, ErrExpired, account.ErrCodeRequired, account.ErrCodeWrong or what the policy says of the new password.
//
// Whatever is wrong, the same work is done up to the answer: an account or the lack of one is looked up, its
// memberships too, and one password hash is computed.
func (s *Service) SignIn(ctx context.Context, in SignIn) (*Tokens, error) {
	email, err := account.NormalizeEmail(in.Email)
	known := err == nil
	keys := []Key{{Kind: "account", Name: email}, {Kind: "address", Name: in.Client.Address}}
	if !known {
		keys[0].Name = in.Email
	}
	if wait := s.Limiter.Take(ctx, keys...); wait > 0 {
		return nil, ErrLimited.RetryIn(wait)
	}
	a, err := s.Accounts.FindAccount(ctx, email)
	if err != nil {
		return nil, err
	}
	if a == nil || !known {
		a = &account.Account{ID: nobody}
	}
	members, err := s.Accounts.Memberships(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	right, err := s.Hasher.Verify(ctx, a.PasswordHash, in.Password)
	if err != nil {
		return nil, fmt.Errorf("check password: %w", err)
	}
	members = s.choices(a, members, in.OrganizationID)
	if !right || len(members) == 0 {
		return nil, ErrRefused
	}
	// A wrong code is a failed attempt: six digits must not be guessed by who has the password.
	use, err := s.checkCode(a, in.Code)
	if err != nil {
		return nil, err
	}
	if len(members) > 1 {
		s.Limiter.Forgive(ctx, keys...)
		return &Tokens{Choices: members}, nil
	}
	t, err := s.enter(ctx, a, members[0], in, use)
	if !errors.Is(err, account.ErrCodeWrong) { // of a factor that is being set up, or used before
		s.Limiter.Forgive(ctx, keys...)
	}
	return t, err
}

// enter begins a session once the password, and the code if one is asked for, have been found right.
func (s *Service) enter(ctx context.Context, a *account.Account, m Member, in SignIn, use account.Use) (*Tokens, error) {
	if in.NewPassword == "" && a.Expired(s.Policy, s.Now()) {
		return nil, ErrExpired // before the code is used up, so that it does for the next call
	}
	setup, recovery, err := s.setUp(ctx, a, m, in.Code)
	if err != nil || setup != nil {
		return &Tokens{Setup: setup}, err
	}
	if err := s.spend(ctx, a, use); err != nil {
		return nil, err
	}
	if err := s.renewPassword(ctx, a, m, in); err != nil {
		return nil, err
	}
	t, err := s.begin(ctx, m.OrganizationID, &Session{UserID: m.UserID, AccountID: a.ID}, in.Client)
	if err != nil {
		return nil, err
	}
	t.Recovery = recovery
	return t, nil
}

// nobody is the ID that no account has.
const nobody = "00000000-0000-0000-0000-000000000000"

// choices returns the memberships that the account's password opens, or the one asked for.
func (s *Service) choices(a *account.Account, members []Member, org string) []Member {
	var open []Member
	for _, m := range members {
		if a.Opens(m.OrganizationID) && (org == "" || org == m.OrganizationID) {
			open = append(open, m)
		}
	}
	return open
}

func (s *Service) renewPassword(ctx context.Context, a *account.Account, m Member, in SignIn) error {
	if in.NewPassword == "" {
		return nil
	}
	before := a.PasswordHash
	if err := s.SetHash(ctx, a, in.NewPassword, false, m.UserName); err != nil {
		return err
	}
	return s.Accounts.SetPassword(ctx, m.OrganizationID, m.UserID, "", a, before, false, s.Now())
}

// SetHash puts the password, if the policy accepts it, in place of the account's; nothing is stored yet.
func (s *Service) SetHash(ctx context.Context, a *account.Account, password string, mustChange bool, name string) error {
	if err := s.Policy.Check(password, a.Email, name); err != nil {
		return err
	}
	used, err := s.Hasher.Reused(ctx, password, append([]string{a.PasswordHash}, a.PreviousHashes...))
	switch {
	case err != nil:
		return fmt.Errorf("compare with earlier passwords: %w", err)
	case used:
		return account.ErrReused
	}
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	a.SetPassword(s.Policy, hash, mustChange, s.Now())
	return nil
}

// begin begins the session, of which only is filled in whose it is.
func (s *Service) begin(ctx context.Context, org string, ses *Session, c Client) (*Tokens, error) {
	now := s.Now()
	ses.ID, ses.Address, ses.UserAgent, ses.CreatedAt = id.New(), c.Address, c.UserAgent, now
	ses.Renew(c, now)
	refresh, hash := NewToken()
	if err := s.Store.CreateSession(ctx, org, ses, hash); err != nil {
		return nil, err
	}
	return s.tokens(ctx, org, *ses, refresh)
}

func (s *Service) tokens(ctx context.Context, org string, ses Session, refresh string) (*Tokens, error) {
	access, expires, err := s.Issuer.Issue(ctx, org, ses.UserID, ses.ID)
	if err != nil {
		return nil, err
	}
	return &Tokens{Access: access, Expires: expires, Refresh: refresh, Session: ses}, nil
}

// Refresh exchanges a refresh token. It returns ErrLimited, ErrToken or ErrReused.
func (s *Service) Refresh(ctx context.Context, token string, c Client) (*Tokens, error) {
	key := Key{Kind: "refresh", Name: c.Address}
	if wait := s.Limiter.Take(ctx, key); wait > 0 {
		return nil, ErrLimited.RetryIn(wait)
	}
	next, hash := NewToken()
	r, err := s.Store.Refresh(ctx, TokenHash(token), hash, c, s.Now())
	if err != nil {
		return nil, err
	}
	s.Limiter.Forgive(ctx, key)
	if err := s.enforced(ctx, r); err != nil {
		return nil, err
	}
	return s.tokens(ctx, r.OrganizationID, r.Session, next)
}

// SignOut ends the session of a refresh token. A token that is not known is not an error: there is nothing to end.
func (s *Service) SignOut(ctx context.Context, token string) error {
	org, userID, sessionID, err := s.Store.SessionOf(ctx, TokenHash(token))
	if errors.Is(err, ErrToken) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.End(ctx, org, userID, sessionID, SignedOut)
}

// End ends a session of the user if it is open.
func (s *Service) End(ctx context.Context, org, userID, sessionID string, why EndReason) error {
	err := s.Store.EndSession(ctx, org, userID, sessionID, why, s.Now())
	if errors.Is(err, ErrNotFound) && why == SignedOut {
		return nil
	}
	return err
}

// ChangePassword puts next in place of the user's password and ends the other sessions. It returns ErrLimited,
// ErrWrongPassword or what the policy says of the new password.
func (s *Service) ChangePassword(ctx context.Context, org, userID, sessionID, userName, present, next string) error {
	a, err := s.Accounts.AccountOf(ctx, org, userID)
	if err != nil {
		return err
	}
	key := Key{Kind: "account", Name: a.Email}
	if wait := s.Limiter.Take(ctx, key); wait > 0 {
		return ErrLimited.RetryIn(wait)
	}
	right, err := s.Hasher.Verify(ctx, a.PasswordHash, present)
	if err != nil {
		return fmt.Errorf("check password: %w", err)
	}
	if !right {
		return ErrWrongPassword
	}
	s.Limiter.Forgive(ctx, key)
	before := a.PasswordHash
	if err := s.SetHash(ctx, a, next, false, userName); err != nil {
		return err
	}
	return s.Accounts.SetPassword(ctx, org, userID, sessionID, a, before, false, s.Now())
}

// AdminSetPassword gives a user a password. It returns account.ErrElsewhere if another organisation looks after the
// account, or what the policy says of the password.
func (s *Service) AdminSetPassword(ctx context.Context, org, userID, userName, password string, mustChange bool) error {
	a, err := s.Accounts.AccountOf(ctx, org, userID)
	if err != nil {
		return err
	}
	if a.HomeID != org {
		return account.ErrElsewhere
	}
	before := a.PasswordHash
	if err := s.SetHash(ctx, a, password, mustChange, userName); err != nil {
		return err
	}
	return s.Accounts.SetPassword(ctx, org, userID, "", a, before, true, s.Now())
}
