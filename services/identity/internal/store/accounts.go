package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/user"
)

const accountColumns = `id::text, email, coalesce(home_organization_id::text, ''), password_hash, previous_hashes, must_change, password_set_at,
	factor_secret, factor_pending, factor_step, recovery_hashes`

func (s *Store) scanAccount(row pgx.Row) (*account.Account, error) {
	var a account.Account
	var set *time.Time
	var secret, pending []byte
	err := row.Scan(&a.ID, &a.Email, &a.HomeID, &a.PasswordHash, &a.PreviousHashes, &a.MustChange, &set,
		&secret, &pending, &a.Factor.Step, &a.Factor.Recovery)
	if err != nil {
		return nil, err
	}
	a.PasswordSetAt = timeOf(set)
	if a.Factor.Secret, err = s.unseal(secret, a.ID); err != nil {
		return nil, err
	}
	a.Factor.Pending, err = s.unseal(pending, a.ID)
	return &a, err
}

// accountFor returns the ID of the account with the address, making one for the organisation if there is none.
func (s *Store) accountFor(ctx context.Context, tx pgx.Tx, org, email string) (string, error) {
	var accountID string
	err := asAccounts(ctx, tx, func() error {
		if _, err := tx.Exec(ctx, `
			INSERT INTO accounts (id, email, home_organization_id, password_hash, previous_hashes, must_change, created_at)
			VALUES ($1, $2, $3, '', '{}', false, $4)
			ON CONFLICT ON CONSTRAINT accounts_email_key DO NOTHING`, id.New(), email, org, s.now()); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT id::text FROM accounts WHERE email = $1`, email).Scan(&accountID)
	})
	if err != nil {
		return "", fmt.Errorf("find or make account: %w", err)
	}
	return accountID, nil
}

// door is how an account is opened.
type door struct {
	// open is whether its password opens sessions in the organisation; factor whether a code is asked for as well.
	open, factor bool
}

// doors returns how the accounts are opened.
func (s *Store) doors(ctx context.Context, org string, ids []string) (map[string]door, error) {
	rows, err := s.Accounts.Pool().Query(ctx, `
		SELECT id::text, password_hash <> '' AND (home_organization_id IS NULL OR home_organization_id = $2), factor_secret IS NOT NULL
		FROM accounts
		WHERE id = ANY($1::uuid[])`, ids, org)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	all := make(map[string]door)
	var one string
	var d door
	if _, err := pgx.ForEachRow(rows, []any{&one, &d.open, &d.factor}, func() error {
		all[one] = d
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return all, nil
}

// FindAccount see [session.Accounts.FindAccount].
func (s *Store) FindAccount(ctx context.Context, email string) (*account.Account, error) {
	a, err := s.scanAccount(s.Accounts.Pool().QueryRow(ctx, `SELECT `+accountColumns+` FROM accounts WHERE email = $1`, email))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil // Said by the contract.
	case err != nil:
		return nil, fmt.Errorf("find account: %w", err)
	}
	return a, nil
}

// AccountOf see [session.Accounts.AccountOf].
func (s *Store) AccountOf(ctx context.Context, org, userID string) (*account.Account, error) {
	var accountID string
	err := s.DB.QueryRow(ctx, org, `
		SELECT account_id::text FROM users WHERE organization_id = $1 AND id = $2`, org, userID).Scan(&accountID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, user.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find account of user: %w", err)
	}
	a, err := s.scanAccount(s.Accounts.Pool().QueryRow(ctx, `SELECT `+accountColumns+` FROM accounts WHERE id = $1`, accountID))
	if err != nil {
		return nil, fmt.Errorf("get account: %w", err)
	}
	return a, nil
}

// Memberships see [session.Accounts.Memberships].
func (s *Store) Memberships(ctx context.Context, accountID string) ([]session.Member, error) {
	rows, err := s.System.Pool().Query(ctx, `
		SELECT u.organization_id::text, o.name, u.id::text, u.name
		FROM users u JOIN organizations o ON o.organization_id = u.organization_id
		WHERE u.account_id = $1 AND u.active
		ORDER BY o.name, u.organization_id
		LIMIT 100`, accountID)
	if err != nil {
		return nil, fmt.Errorf("find memberships: %w", err)
	}
	members, err := pgx.CollectRows(rows, pgx.RowToStructByPos[session.Member])
	if err != nil {
		return nil, fmt.Errorf("find memberships: %w", err)
	}
	return members, nil
}

// SetPassword see [session.Accounts.SetPassword].
func (s *Store) SetPassword(ctx context.Context, org, userID, keepSession string, a *account.Account, previousHash string,
	byAdministrator bool, now time.Time,
) error {
	return s.setPassword(ctx, org, userID, keepSession, a, previousHash, byAdministrator, now,
		func(context.Context, pgx.Tx) error { return nil })
}

// setPassword is SetPassword with something that has to succeed in the same transaction.
func (s *Store) setPassword(ctx context.Context, org, userID, keepSession string, a *account.Account, previousHash string,
	byAdministrator bool, now time.Time, also func(ctx context.Context, tx pgx.Tx) error,
) error {
	// Sessions elsewhere end first: should what follows fail, people merely sign in again.
	if err := s.endElsewhere(ctx, org, a.ID, now); err != nil {
		return err
	}
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		u, err := lockUser(ctx, tx, org, userID)
		if err != nil {
			return nil, err
		}
		if err := also(ctx, tx); err != nil {
			return nil, err
		}
		if err := s.storePassword(ctx, tx, a, previousHash); err != nil {
			return nil, err
		}
		if err := s.nextVersion(ctx, tx, org, u); err != nil {
			return nil, err
		}
		evs := publish.Users(org, user.PasswordSet{User: *u, ByAdministrator: byAdministrator}, now)
		if evs[0].Actor == "" && !byAdministrator {
			evs[0].Actor = userID // also at a sign-in, when nobody is signed in yet
		}
		ended, err := s.endSessions(ctx, tx, org, userID, keepSession, session.PasswordChanged, now)
		return append(evs, ended...), err
	})
}

func (s *Store) storePassword(ctx context.Context, tx pgx.Tx, a *account.Account, previousHash string) error {
	err := asAccounts(ctx, tx, func() error {
		tag, err := tx.Exec(ctx, `
			UPDATE accounts
			SET password_hash = $2, previous_hashes = $3, must_change = $4, password_set_at = $5
			WHERE id = $1 AND password_hash = $6`,
			a.ID, a.PasswordHash, list(a.PreviousHashes), a.MustChange, a.PasswordSetAt.UTC(), previousHash)
		if err == nil && tag.RowsAffected() == 0 {
			return session.ErrRefused
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// endElsewhere ends the account's sessions in other organisations.
func (s *Store) endElsewhere(ctx context.Context, org, accountID string, now time.Time) error {
	rows, err := s.System.Pool().Query(ctx, `
		SELECT organization_id::text, id::text
		FROM users
		WHERE account_id = $1 AND organization_id <> $2`, accountID, org)
	if err != nil {
		return fmt.Errorf("find memberships: %w", err)
	}
	type member struct{ Org, User string }
	members, err := pgx.CollectRows(rows, pgx.RowToStructByPos[member])
	if err != nil {
		return fmt.Errorf("find memberships: %w", err)
	}
	for _, m := range members {
		if err := s.EndSessions(ctx, m.Org, m.User, "", session.PasswordChanged, now); err != nil {
			return err
		}
	}
	return nil
}
