package link

import (
	"context"
	"net/url"
	"strings"
	"time"

	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/user"
)

// Service makes links and does what they are for.
type Service struct {
	Store    Store
	Keys     *Keys
	Sessions *session.Service
	Limiter  session.Limiter
	// Base is the address that people open the suite under, such as "https://crm.example.com".
	Base *url.URL
	Now  func() time.Time
}

// URL returns the link itself. The token stands behind the #, which browsers send to nobody.
func (s *Service) URL(org, id string) (string, error) {
	token, err := s.Keys.Token(org, id)
	if err != nil {
		return "", err
	}
	return s.Base.JoinPath("link").String() + "#" + token, nil
}

// Invite sends the user an invitation in place of any sent before. Without a mail server it returns the link instead. It
// returns session.ErrLimited or what [Store.Invite] does.
func (s *Service) Invite(ctx context.Context, org, userID string) (*user.User, string, error) {
	if wait := s.Limiter.Take(ctx, session.Key{Kind: "letter", Name: org}); wait > 0 {
		return nil, "", session.ErrLimited.RetryIn(wait)
	}
	o, err := s.Store.GetSettings(ctx, org)
	if err != nil {
		return nil, "", err
	}
	u, l, err := s.Store.Invite(ctx, org, userID, o.SMTP != nil)
	if err != nil || o.SMTP != nil {
		return u, "", err
	}
	where, err := s.URL(org, l.ID)
	return u, where, err
}

// RequestReset has a link sent to the address if somebody may choose a new password there. Whoever the address is of,
// the same is done here: a job is added that looks. It returns session.ErrLimited.
func (s *Service) RequestReset(ctx context.Context, address string, c session.Client) error {
	email, err := account.NormalizeEmail(address)
	known := err == nil
	if !known {
		email = strings.TrimSpace(address)
	}
	keys := []session.Key{{Kind: "reset", Name: email}, {Kind: "link", Name: c.Address}}
	if wait := s.Limiter.Take(ctx, keys...); wait > 0 {
		return session.ErrLimited.RetryIn(wait)
	}
	if !known {
		return nil // no address, so no account; that is plain to see
	}
	return s.Store.RequestReset(ctx, email)
}

// LookUp returns a link that works. It returns session.ErrLimited or ErrInvalid.
func (s *Service) LookUp(ctx context.Context, token string, c session.Client) (*Held, error) {
	key := session.Key{Kind: "link", Name: c.Address}
	if wait := s.Limiter.Take(ctx, key); wait > 0 {
		return nil, session.ErrLimited.RetryIn(wait)
	}
	org, id, err := s.Keys.Open(token)
	if err != nil {
		return nil, err
	}
	h, err := s.Store.Held(ctx, org, id)
	if err != nil {
		return nil, err
	}
	if !h.Works(s.Now()) {
		return nil, ErrInvalid
	}
	s.Limiter.Forgive(ctx, key)
	return h, nil
}

// SetPassword gives the user of an invitation or a reset a password and ends all sessions of the account. It returns the
// address to sign in with, session.ErrLimited, ErrInvalid, or what the policy says of the password; after the latter
// the link still works.
func (s *Service) SetPassword(ctx context.Context, token, password string, c session.Client) (string, error) {
	h, err := s.LookUp(ctx, token, c)
	if err != nil {
		return "", err
	}
	if h.Link.Purpose == Address {
		return "", ErrInvalid
	}
	a := h.Account
	before := a.PasswordHash
	if err := s.Sessions.SetHash(ctx, &a, password, false, h.User.Name); err != nil {
		return "", err
	}
	return h.User.Email, s.Store.SetPassword(ctx, h.Organization.ID, h.Link.ID, h.User.ID, &a, before, s.Now())
}

// ChangeEmail has a link sent to the user's new address. It returns account.ErrEmail, session.ErrLimited,
// session.ErrWrongPassword, organization.ErrNoSMTP, ErrUnchanged or account.ErrElsewhere. Whether another account has the
// address is only told to who reads its mail.
func (s *Service) ChangeEmail(ctx context.Context, org, userID, password, address string) error {
	email, err := account.NormalizeEmail(address)
	if err != nil {
		return err
	}
	a, err := s.Sessions.Confirm(ctx, org, userID, password)
	if err != nil {
		return err
	}
	if wait := s.Limiter.Take(ctx, session.Key{Kind: "reset", Name: a.Email}); wait > 0 {
		return session.ErrLimited.RetryIn(wait)
	}
	o, err := s.Store.GetSettings(ctx, org)
	if err != nil {
		return err
	}
	here, err := s.Store.OnlyHere(ctx, org, a.ID)
	switch {
	case err != nil:
		return err
	case o.SMTP == nil:
		return organization.ErrNoSMTP
	case a.Email == email:
		return ErrUnchanged
	case a.HomeID != org || !here:
		return account.ErrElsewhere
	}
	return s.Store.Make(ctx, org, userID, Address, email)
}

// ConfirmEmail puts the new address in place of the user's. It returns session.ErrLimited, ErrInvalid or what
// [Store.SetEmail] does.
func (s *Service) ConfirmEmail(ctx context.Context, token string, c session.Client) (string, error) {
	h, err := s.LookUp(ctx, token, c)
	if err != nil {
		return "", err
	}
	if h.Link.Purpose != Address {
		return "", ErrInvalid
	}
	u, err := s.Store.SetEmail(ctx, h.Organization.ID, h)
	if err != nil {
		return "", err
	}
	return u.Email, nil
}
