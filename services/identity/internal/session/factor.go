package session

import (
	"context"
	"fmt"

	"kontor.internal/services/identity/internal/account"
)

// checkCode returns what the code of a sign-in uses up; nothing if the account has no second factor.
func (s *Service) checkCode(a *account.Account, code string) (account.Use, error) {
	switch {
	case !a.Factor.On():
		return account.Use{}, nil
	case code == "":
		return account.Use{}, account.ErrCodeRequired
	}
	return a.Factor.Check(code, s.Now())
}

// spend uses the code up, so that it works once.
func (s *Service) spend(ctx context.Context, a *account.Account, use account.Use) error {
	if !a.Factor.On() {
		return nil
	}
	fresh, err := s.Accounts.UseFactor(ctx, a.ID, use)
	if err == nil && !fresh {
		err = account.ErrCodeWrong
	}
	return err
}

// setUp has somebody who needs a second factor and has none set one up in the course of signing in. It returns what to
// set up as long as no code of it is given, and the recovery codes once a right one is. Whoever has one, or needs none,
// is let through.
func (s *Service) setUp(ctx context.Context, a *account.Account, m Member, code string) (*account.Setup, []string, error) {
	if a.Factor.On() {
		return nil, nil, nil
	}
	needed, err := s.Accounts.FactorRequired(ctx, m.OrganizationID, m.UserID)
	if err != nil || !needed {
		return nil, nil, err
	}
	if a.Factor.Pending != "" && code != "" {
		codes, err := s.confirm(ctx, m.OrganizationID, m.UserID, a, code)
		return nil, codes, err
	}
	setup, err := s.pending(ctx, a)
	return setup, nil, err
}

// pending describes the secret that waits to be confirmed, making one if there is none.
func (s *Service) pending(ctx context.Context, a *account.Account) (*account.Setup, error) {
	if a.Factor.Pending == "" {
		a.Factor.Pending = account.NewSecret()
		if err := s.Accounts.SetPendingFactor(ctx, a.ID, a.Factor.Pending); err != nil {
			return nil, err
		}
	}
	return account.SetupOf(a.Factor.Pending, a.Email)
}

func (s *Service) confirm(ctx context.Context, org, userID string, a *account.Account, code string) ([]string, error) {
	at, err := a.Factor.Confirms(code, s.Now())
	if err != nil {
		return nil, err
	}
	codes, hashes := account.NewRecovery()
	f := account.Factor{Secret: a.Factor.Pending, Step: at, Recovery: hashes}
	return codes, s.Accounts.SetFactor(ctx, org, userID, a.ID, f, false)
}

// known returns the account of a signed-in user whose password is right. The attempt is counted, and forgiven by forgive.
func (s *Service) known(ctx context.Context, org, userID string) (a *account.Account, forgive func(), err error) {
	if a, err = s.Accounts.AccountOf(ctx, org, userID); err != nil {
		return nil, nil, err
	}
	key := Key{Kind: "account", Name: a.Email}
	if wait := s.Limiter.Take(ctx, key); wait > 0 {
		return nil, nil, ErrLimited.RetryIn(wait)
	}
	return a, func() { s.Limiter.Forgive(ctx, key) }, nil
}

func (s *Service) checkPassword(ctx context.Context, a *account.Account, password string) error {
	right, err := s.Hasher.Verify(ctx, a.PasswordHash, password)
	switch {
	case err != nil:
		return fmt.Errorf("check password: %w", err)
	case !right:
		return ErrWrongPassword
	}
	return nil
}

// Confirm returns the account of a signed-in user who gives the password once more. It returns ErrLimited or
// ErrWrongPassword.
func (s *Service) Confirm(ctx context.Context, org, userID, password string) (*account.Account, error) {
	a, forgive, err := s.known(ctx, org, userID)
	if err != nil {
		return nil, err
	}
	if err := s.checkPassword(ctx, a, password); err != nil {
		return nil, err
	}
	forgive()
	return a, nil
}

// BeginFactor makes a secret for a second factor of a signed-in user. It returns ErrLimited, ErrWrongPassword or
// account.ErrFactorSet.
func (s *Service) BeginFactor(ctx context.Context, org, userID, password string) (*account.Setup, error) {
	a, forgive, err := s.known(ctx, org, userID)
	if err != nil {
		return nil, err
	}
	if err := s.checkPassword(ctx, a, password); err != nil {
		return nil, err
	}
	forgive()
	if a.Factor.On() {
		return nil, account.ErrFactorSet
	}
	a.Factor.Pending = "" // a new one each time: an old one may have been seen
	return s.pending(ctx, a)
}

// ConfirmFactor sets the second factor that was begun and returns its recovery codes. It returns ErrLimited,
// account.ErrNotBegun or account.ErrCodeWrong.
func (s *Service) ConfirmFactor(ctx context.Context, org, userID, code string) ([]string, error) {
	a, forgive, err := s.known(ctx, org, userID)
	if err != nil {
		return nil, err
	}
	codes, err := s.confirm(ctx, org, userID, a, code)
	if err == nil {
		forgive()
	}
	return codes, err
}

// RemoveFactor takes the second factor of a signed-in user away. It returns ErrLimited, ErrWrongPassword,
// account.ErrCodeWrong or account.ErrEnforced.
func (s *Service) RemoveFactor(ctx context.Context, org, userID, password, code string) error {
	a, forgive, err := s.known(ctx, org, userID)
	if err != nil {
		return err
	}
	if err := s.checkPassword(ctx, a, password); err != nil {
		return err
	}
	use, err := a.Factor.Check(code, s.Now())
	if err != nil {
		return err
	}
	if err := s.spend(ctx, a, use); err != nil {
		return err
	}
	forgive()
	// Any of the person's organisations may ask for one.
	members, err := s.Accounts.Memberships(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, m := range members {
		needed, err := s.Accounts.FactorRequired(ctx, m.OrganizationID, m.UserID)
		if err != nil {
			return err
		}
		if needed {
			return account.ErrEnforced
		}
	}
	return s.Accounts.SetFactor(ctx, org, userID, a.ID, account.Factor{}, false)
}

// ResetFactor takes the second factor of a user away who has lost it, and ends the user's sessions. It returns
// account.ErrElsewhere if another organisation looks after the account.
func (s *Service) ResetFactor(ctx context.Context, org, userID string) error {
	a, err := s.Accounts.AccountOf(ctx, org, userID)
	if err != nil {
		return err
	}
	if a.HomeID != org {
		return account.ErrElsewhere
	}
	if err := s.Accounts.SetFactor(ctx, org, userID, a.ID, account.Factor{}, true); err != nil {
		return err
	}
	return s.Store.EndSessions(ctx, org, userID, "", Ended, s.Now())
}

// enforced returns ErrToken, having ended the session, if its user needs a second factor and has none.
func (s *Service) enforced(ctx context.Context, r *Refreshed) error {
	if r.Session.FactorElsewhere {
		return nil
	}
	needed, err := s.Accounts.FactorRequired(ctx, r.OrganizationID, r.Session.UserID)
	if err != nil || !needed {
		return err
	}
	a, err := s.Accounts.AccountOf(ctx, r.OrganizationID, r.Session.UserID)
	if err != nil || a.Factor.On() {
		return err
	}
	if err := s.Store.EndSession(ctx, r.OrganizationID, r.Session.UserID, r.Session.ID, Ended, s.Now()); err != nil {
		return err
	}
	return ErrToken
}
