package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/user"
)

// seal encrypts a secret of an account; none stays none.
func (s *Store) seal(secret, accountID string) ([]byte, error) {
	if secret == "" {
		return nil, nil
	}
	sealed, err := s.Factors.Seal([]byte(secret), accountID)
	if err != nil {
		return nil, fmt.Errorf("encrypt second factor: %w", err)
	}
	return sealed, nil
}

func (s *Store) unseal(sealed []byte, accountID string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	plain, err := s.Factors.Open(sealed, accountID)
	if err != nil {
		return "", fmt.Errorf("second factor: %w", err)
	}
	return string(plain), nil
}

// FactorRequired see [session.Accounts.FactorRequired].
func (s *Store) FactorRequired(ctx context.Context, org, userID string) (bool, error) {
	var required bool
	err := s.DB.QueryRow(ctx, org, `
		SELECT coalesce((o.second_factor->>'required')::boolean, false)
			OR u.role_ids && ARRAY(SELECT jsonb_array_elements_text(coalesce(o.second_factor->'role_ids', '[]'))::uuid)
		FROM organizations o JOIN users u ON u.organization_id = o.organization_id
		WHERE o.organization_id = $1 AND u.id = $2`, org, userID).Scan(&required)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, user.ErrNotFound
	case err != nil:
		return false, fmt.Errorf("read policy of second factors: %w", err)
	}
	return required, nil
}

// SetPendingFactor see [session.Accounts.SetPendingFactor].
func (s *Store) SetPendingFactor(ctx context.Context, accountID, secret string) error {
	sealed, err := s.seal(secret, accountID)
	if err != nil {
		return err
	}
	if _, err := s.Accounts.Pool().Exec(ctx, `UPDATE accounts SET factor_pending = $2 WHERE id = $1`, accountID, sealed); err != nil {
		return fmt.Errorf("store second factor: %w", err)
	}
	return nil
}

// UseFactor see [session.Accounts.UseFactor].
func (s *Store) UseFactor(ctx context.Context, accountID string, use account.Use) (bool, error) {
	sql, arg := `UPDATE accounts SET factor_step = $2 WHERE id = $1 AND factor_step < $2`, any(use.Step)
	if use.Recovery != nil {
		sql, arg = `
			UPDATE accounts SET recovery_hashes = array_remove(recovery_hashes, $2)
			WHERE id = $1 AND $2 = ANY(recovery_hashes)`, use.Recovery
	}
	tag, err := s.Accounts.Pool().Exec(ctx, sql, accountID, arg)
	if err != nil {
		return false, fmt.Errorf("use second factor: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// SetFactor see [session.Accounts.SetFactor].
func (s *Store) SetFactor(ctx context.Context, org, userID, accountID string, f account.Factor, byAdministrator bool) error {
	sealed, err := s.seal(f.Secret, accountID)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		u, err := lockUser(ctx, tx, org, userID)
		if err != nil {
			return nil, err
		}
		hashes := f.Recovery
		if hashes == nil {
			hashes = [][]byte{}
		}
		if err := asAccounts(ctx, tx, func() error {
			_, err := tx.Exec(ctx, `
				UPDATE accounts SET factor_secret = $2, factor_pending = NULL, factor_step = $3, recovery_hashes = $4
				WHERE id = $1`, accountID, sealed, f.Step, hashes)
			return err
		}); err != nil {
			return nil, fmt.Errorf("store second factor: %w", err)
		}
		u.Version, u.UpdatedAt, u.SecondFactor = u.Version+1, s.now(), f.On()
		if _, err := tx.Exec(ctx, `
			UPDATE users SET version = $3, updated_at = $4 WHERE organization_id = $1 AND id = $2`,
			org, userID, u.Version, u.UpdatedAt); err != nil {
			return nil, fmt.Errorf("update user: %w", err)
		}
		evs := publish.Users(org, user.FactorChanged{User: *u, Enabled: f.On(), ByAdministrator: byAdministrator}, s.now())
		if evs[0].Actor == "" {
			evs[0].Actor = userID // also at a sign-in, when nobody is signed in yet
		}
		return evs, nil
	})
}
