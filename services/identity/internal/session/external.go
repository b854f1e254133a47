package session

import (
	"context"

	"kontor.internal/services/identity/internal/account"
)

// External is somebody whom a provider has said who it is.
type External struct {
	Member     Member
	AccountID  string
	ProviderID string
	// FactorElsewhere says that the provider sees to the second factor.
	FactorElsewhere bool
	// Code is of the second factor; empty while none was asked for.
	Code string
	// Last is called once all is right, and may still refuse; nil for nothing.
	Last   func(ctx context.Context) error
	Client Client
}

// EnterExternal begins a session for who signed in with a provider; no password is asked for. Unless the provider sees to
// it, the second factor is asked for as with a password: needed says that a code is missing, Tokens.Setup that one has to be
// set up first. It returns ErrLimited or account.ErrCodeWrong.
func (s *Service) EnterExternal(ctx context.Context, in External) (t *Tokens, needed bool, err error) {
	var recovery []string
	if !in.FactorElsewhere {
		var setup *account.Setup
		setup, recovery, needed, err = s.externalFactor(ctx, in)
		if err != nil || needed || setup != nil {
			return &Tokens{Setup: setup}, needed, err
		}
	}
	if in.Last != nil {
		if err := in.Last(ctx); err != nil {
			return nil, false, err
		}
	}
	ses := &Session{UserID: in.Member.UserID, AccountID: in.AccountID, ProviderID: in.ProviderID, FactorElsewhere: in.FactorElsewhere}
	if t, err = s.begin(ctx, in.Member.OrganizationID, ses, in.Client); err != nil {
		return nil, false, err
	}
	t.Recovery = recovery
	return t, false, nil
}

// externalFactor sees to the second factor of who signed in with a provider.
func (s *Service) externalFactor(ctx context.Context, in External) (setup *account.Setup, recovery []string, needed bool, err error) {
	a, err := s.Accounts.AccountOf(ctx, in.Member.OrganizationID, in.Member.UserID)
	if err != nil {
		return nil, nil, false, err
	}
	if a.Factor.On() && in.Code == "" {
		return nil, nil, true, nil
	}
	key := Key{Kind: "account", Name: a.Email}
	if in.Code != "" {
		if wait := s.Limiter.Take(ctx, key); wait > 0 {
			return nil, nil, false, ErrLimited.RetryIn(wait)
		}
	}
	use, err := s.checkCode(a, in.Code)
	if err != nil {
		return nil, nil, false, err
	}
	if setup, recovery, err = s.setUp(ctx, a, in.Member, in.Code); err != nil || setup != nil {
		return setup, nil, false, err
	}
	if err := s.spend(ctx, a, use); err != nil {
		return nil, nil, false, err
	}
	if in.Code != "" {
		s.Limiter.Forgive(ctx, key)
	}
	return nil, recovery, false, nil
}
