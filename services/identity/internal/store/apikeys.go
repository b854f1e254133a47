package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/apikey"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/serviceaccount"
)

const keyColumns = `k.id::text, k.name, k.service_account_id::text, k.networks, k.expires_at, k.revoked_at, k.last_used_at,
	k.last_used_address, k.version, k.created_at, k.created_by`

func scanKey(row pgx.CollectableRow, more ...any) (*apikey.Key, error) {
	var k apikey.Key
	var networks []string
	var expires, revoked, used *time.Time
	err := row.Scan(append([]any{
		&k.ID, &k.Name, &k.ServiceAccountID, &networks, &expires, &revoked, &used, &k.LastUsedAddress, &k.Version, &k.CreatedAt, &k.CreatedBy,
	}, more...)...)
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, fmt.Errorf("stored network: %w", err)
		}
		k.Networks = append(k.Networks, p)
	}
	k.ExpiresAt, k.RevokedAt, k.LastUsedAt, k.CreatedAt = timeOf(expires), timeOf(revoked), timeOf(used), k.CreatedAt.UTC()
	return &k, nil
}

func oneKey(rows pgx.Rows) (*apikey.Key, error) {
	k, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*apikey.Key, error) { return scanKey(row) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, apikey.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get API key: %w", err)
	}
	return k, nil
}

// CreateKey see [apikey.Store.CreateKey].
func (s *Store) CreateKey(ctx context.Context, org string, k *apikey.Key, hash []byte) (*apikey.Key, error) {
	var out apikey.Key
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		out = *k
		out.Version, out.CreatedAt, out.CreatedBy = 1, s.now(), pg.Actor(ctx)
		networks := make([]string, len(out.Networks))
		for i, n := range out.Networks {
			networks[i] = n.String()
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO api_keys (organization_id, id, name, service_account_id, networks, expires_at, last_used_address, version,
				created_at, created_by)
			SELECT $1, $2, $3, a.id, $5, $6, '', 1, $7, $8
			FROM service_accounts a
			WHERE a.organization_id = $1 AND a.id = $4 AND a.active
			FOR SHARE`, org, out.ID, out.Name, out.ServiceAccountID, networks, nullTime(out.ExpiresAt), out.CreatedAt, out.CreatedBy)
		switch {
		case err != nil:
			return nil, fmt.Errorf("insert API key: %w", err)
		case tag.RowsAffected() == 0:
			return nil, serviceaccount.ErrNotFound
		}
		err = asAccounts(ctx, tx, func() error {
			_, err := tx.Exec(ctx, `INSERT INTO api_key_hashes (id, organization_id, hash) VALUES ($1, $2, $3)`, out.ID, org, hash)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("insert hash of API key: %w", err)
		}
		return []event.Event{publish.KeyCreated(&out)}, nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// GetKey see [apikey.Store.GetKey].
func (s *Store) GetKey(ctx context.Context, org, id string) (*apikey.Key, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+keyColumns+` FROM api_keys k WHERE k.organization_id = $1 AND k.id = $2`, org, id)
	if err != nil {
		return nil, fmt.Errorf("get API key: %w", err)
	}
	return oneKey(rows)
}

// UsableKey see [apikey.Store.UsableKey].
func (s *Store) UsableKey(ctx context.Context, org, id string) (*apikey.Key, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+keyColumns+`
		FROM api_keys k JOIN service_accounts a ON a.organization_id = k.organization_id AND a.id = k.service_account_id
		WHERE k.organization_id = $1 AND k.id = $2 AND a.active`, org, id)
	if err != nil {
		return nil, fmt.Errorf("get API key: %w", err)
	}
	return oneKey(rows)
}

// RevokeKey see [apikey.Store.RevokeKey].
func (s *Store) RevokeKey(ctx context.Context, org, id string, now time.Time) (*apikey.Key, error) {
	var out *apikey.Key
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		rows, err := tx.Query(ctx, `
			SELECT `+keyColumns+` FROM api_keys k WHERE k.organization_id = $1 AND k.id = $2 FOR UPDATE`, org, id)
		if err != nil {
			return nil, fmt.Errorf("lock API key: %w", err)
		}
		if out, err = oneKey(rows); err != nil {
			return nil, err
		}
		if !out.RevokedAt.IsZero() {
			return nil, nil
		}
		out.RevokedAt, out.Version = now.UTC().Truncate(time.Microsecond), out.Version+1
		if _, err := tx.Exec(ctx, `
			UPDATE api_keys SET revoked_at = $3, version = $4 WHERE organization_id = $1 AND id = $2`,
			org, id, out.RevokedAt, out.Version); err != nil {
			return nil, fmt.Errorf("revoke API key: %w", err)
		}
		err = asAccounts(ctx, tx, func() error {
			_, err := tx.Exec(ctx, `DELETE FROM api_key_hashes WHERE id = $1`, id)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("forget hash of API key: %w", err)
		}
		return []event.Event{publish.KeyRevoked(out)}, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// FindKey see [apikey.Store.FindKey].
func (s *Store) FindKey(ctx context.Context, id string) (hash []byte, org string, err error) {
	err = s.Accounts.Pool().QueryRow(ctx, `
		SELECT hash, organization_id::text FROM api_key_hashes WHERE id = $1`, id).Scan(&hash, &org)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, "", apikey.ErrNotFound
	case err != nil:
		return nil, "", fmt.Errorf("find API key: %w", err)
	}
	return hash, org, nil
}

// TouchKey see [apikey.Store.TouchKey]. It is no change of the key, so its event is of a record of its own.
func (s *Store) TouchKey(ctx context.Context, org string, k *apikey.Key, address string, now time.Time) error {
	var evs []event.Event
	if k.News(address, now) {
		evs = append(evs, publish.KeyUsed(k, id.New(), address))
	}
	b := &pgx.Batch{}
	b.Queue(`
		UPDATE api_keys
		SET last_used_at = $3, last_used_address = $4
		WHERE organization_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < $3)`,
		org, k.ID, now.UTC().Truncate(time.Minute), address)
	if err := s.DB.WriteBatch(ctx, org, b, evs...); err != nil {
		return fmt.Errorf("note use of API key: %w", err)
	}
	return nil
}

// KeySchema is what API keys can be filtered and sorted by.
func KeySchema() *aip.Schema {
	return &aip.Schema{
		IDColumn: "k.id", DefaultOrder: "name",
		Fields: map[string]aip.Field{
			"id":                 {Column: "k.id", Type: aip.ID},
			"name":               {Column: "k.name", Type: aip.Text, Sortable: true},
			"service_account_id": {Column: "k.service_account_id", Type: aip.ID},
			"create_time":        {Column: "k.created_at", Type: aip.Time, Sortable: true},
			"expire_time":        {Column: "k.expires_at", Type: aip.Time, Nullable: true},
			"revoke_time":        {Column: "k.revoked_at", Type: aip.Time, Nullable: true},
			"last_use_time":      {Column: "k.last_used_at", Type: aip.Time, Nullable: true},
		},
	}
}

// ListKeys returns a page of API keys and the token of the next.
func (s *Store) ListKeys(ctx context.Context, org string, l *aip.List) ([]*apikey.Key, string, error) {
	args := []any{org}
	where := "k.organization_id = $1 AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+keyColumns+`, `+l.Key()+`
		FROM api_keys k
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list API keys: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*apikey.Key, error) {
		var key aip.Key
		k, err := scanKey(row, &key)
		keys = append(keys, key)
		return k, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list API keys: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// CountKeys counts the API keys that a filter selects.
func (s *Store) CountKeys(ctx context.Context, org string, l *aip.List) (int, bool, error) {
	args := []any{org}
	from := "api_keys k WHERE k.organization_id = $1 AND " + l.Filter(&args)
	return s.count(ctx, org, from, args)
}
