package store

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/services/identity/internal/signing"
)

type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// SigningKeys see [signing.Store.SigningKeys].
func (s *Store) SigningKeys(ctx context.Context) ([]signing.Key, error) {
	return s.readKeys(ctx, s.Accounts.Pool())
}

func (s *Store) readKeys(ctx context.Context, q queryer) ([]signing.Key, error) {
	rows, err := q.Query(ctx, `SELECT id::text, private_key, signs_from FROM signing_keys ORDER BY signs_from, id`)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (signing.Key, error) {
		var k signing.Key
		var sealed []byte
		if err := row.Scan(&k.ID, &sealed, &k.SignsFrom); err != nil {
			return k, err
		}
		seed, err := s.Keys.Open(sealed, k.ID)
		if err != nil {
			return k, fmt.Errorf("key %s: %w", k.ID, err)
		}
		if len(seed) != ed25519.SeedSize {
			return k, fmt.Errorf("key %s: %w", k.ID, errors.New("wrong size"))
		}
		k.Private = ed25519.NewKeyFromSeed(seed)
		return k, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	return keys, nil
}

// ChangeSigningKeys see [signing.Store.ChangeSigningKeys].
func (s *Store) ChangeSigningKeys(ctx context.Context, fn func([]signing.Key) (add []signing.Key, remove []string)) error {
	err := pgx.BeginFunc(ctx, s.Accounts.Pool(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('kontor identity signing keys'))`); err != nil {
			return err
		}
		keys, err := s.readKeys(ctx, tx)
		if err != nil {
			return err
		}
		add, remove := fn(keys)
		for _, k := range add { // one, and rarely
			sealed, err := s.Keys.Seal(k.Private.Seed(), k.ID)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `
				INSERT INTO signing_keys (id, private_key, signs_from) VALUES ($1, $2, $3)`,
				k.ID, sealed, k.SignsFrom.UTC().Truncate(time.Microsecond)); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM signing_keys WHERE id = ANY($1::uuid[])`, list(remove))
		return err
	})
	if err != nil {
		return fmt.Errorf("change signing keys: %w", err)
	}
	return nil
}
