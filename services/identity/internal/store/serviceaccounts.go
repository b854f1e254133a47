package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/serviceaccount"
)

const serviceAccountColumns = `a.id::text, a.name, coalesce(a.department_id::text, ''), a.role_ids::text[], a.active, a.version,
	a.created_at, a.updated_at`

func scanServiceAccount(row pgx.CollectableRow, more ...any) (*serviceaccount.ServiceAccount, error) {
	var a serviceaccount.ServiceAccount
	err := row.Scan(append([]any{
		&a.ID, &a.Name, &a.DepartmentID, &a.RoleIDs, &a.Active, &a.Version, &a.CreatedAt, &a.UpdatedAt,
	}, more...)...)
	a.CreatedAt, a.UpdatedAt = a.CreatedAt.UTC(), a.UpdatedAt.UTC()
	return &a, err
}

func oneServiceAccount(rows pgx.Rows) (*serviceaccount.ServiceAccount, error) {
	a, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*serviceaccount.ServiceAccount, error) {
		return scanServiceAccount(row)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, serviceaccount.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get service account: %w", err)
	}
	return a, nil
}

// CreateServiceAccount see [serviceaccount.Store.CreateServiceAccount].
func (s *Store) CreateServiceAccount(ctx context.Context, org string, a *serviceaccount.ServiceAccount) (*serviceaccount.ServiceAccount, error) {
	var out serviceaccount.ServiceAccount
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		now := s.now()
		out = *a
		out.ID, out.Active, out.Version, out.CreatedAt, out.UpdatedAt = id.New(), true, 1, now, now
		if err := checkMembership(ctx, tx, org, out.DepartmentID, out.RoleIDs, serviceaccount.ErrDepartment); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO service_accounts (organization_id, id, name, department_id, role_ids, active, version, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, true, 1, $6, $6)`,
			org, out.ID, out.Name, nullID(out.DepartmentID), list(out.RoleIDs), now); err != nil {
			return nil, fmt.Errorf("insert service account: %w", err)
		}
		return publish.ServiceAccounts(org, serviceaccount.Created{ServiceAccount: out}), nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// GetServiceAccount see [serviceaccount.Store.GetServiceAccount].
func (s *Store) GetServiceAccount(ctx context.Context, org, id string) (*serviceaccount.ServiceAccount, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+serviceAccountColumns+` FROM service_accounts a WHERE a.organization_id = $1 AND a.id = $2`, org, id)
	if err != nil {
		return nil, fmt.Errorf("get service account: %w", err)
	}
	return oneServiceAccount(rows)
}

// UpdateServiceAccount see [serviceaccount.Store.UpdateServiceAccount].
func (s *Store) UpdateServiceAccount(ctx context.Context, org, id string, etag int64,
	fn func(*serviceaccount.ServiceAccount) (serviceaccount.Event, error),
) (*serviceaccount.ServiceAccount, error) {
	var out *serviceaccount.ServiceAccount
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		rows, err := tx.Query(ctx, `
			SELECT `+serviceAccountColumns+`
			FROM service_accounts a
			WHERE a.organization_id = $1 AND a.id = $2
			FOR UPDATE`, org, id)
		if err != nil {
			return nil, fmt.Errorf("lock service account: %w", err)
		}
		a, err := oneServiceAccount(rows)
		if err != nil {
			return nil, err
		}
		if etag != 0 && etag != a.Version {
			return nil, serviceaccount.ErrStale
		}
		out = a
		version := a.Version
		ev, err := fn(a)
		if ev == nil || err != nil {
			return nil, err
		}
		return s.saveServiceAccount(ctx, tx, org, version+1, a, ev)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Store) saveServiceAccount(ctx context.Context, tx pgx.Tx, org string, version int64,
	a *serviceaccount.ServiceAccount, ev serviceaccount.Event,
) ([]event.Event, error) {
	a.Version, a.UpdatedAt = version, s.now()
	if err := checkMembership(ctx, tx, org, a.DepartmentID, a.RoleIDs, serviceaccount.ErrDepartment); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `
		UPDATE service_accounts
		SET name = $3, department_id = $4, role_ids = $5, active = $6, version = $7, updated_at = $8
		WHERE organization_id = $1 AND id = $2`,
		org, a.ID, a.Name, nullID(a.DepartmentID), list(a.RoleIDs), a.Active, a.Version, a.UpdatedAt); err != nil {
		return nil, fmt.Errorf("update service account: %w", err)
	}
	switch e := ev.(type) {
	case serviceaccount.Updated:
		e.ServiceAccount = *a
		ev = e
	case serviceaccount.Deleted:
		e.ServiceAccount = *a
		ev = e
	}
	return publish.ServiceAccounts(org, ev), nil
}

// ServiceAccountSchema is what service accounts can be filtered and sorted by.
func ServiceAccountSchema() *aip.Schema {
	return &aip.Schema{
		IDColumn: "a.id", DefaultOrder: "name",
		Fields: map[string]aip.Field{
			"id":            {Column: "a.id", Type: aip.ID},
			"name":          {Column: "a.name", Type: aip.Text, Sortable: true},
			"department_id": {Column: "a.department_id", Type: aip.ID, Nullable: true},
			"active":        {Column: "a.active", Type: aip.Bool},
			"create_time":   {Column: "a.created_at", Type: aip.Time, Sortable: true},
			"update_time":   {Column: "a.updated_at", Type: aip.Time, Sortable: true},
			"role_id":       {Custom: hasRole("a.role_ids")},
		},
	}
}

// ListServiceAccounts returns a page of service accounts and the token of the next.
func (s *Store) ListServiceAccounts(ctx context.Context, org string, l *aip.List) ([]*serviceaccount.ServiceAccount, string, error) {
	args := []any{org}
	where := "a.organization_id = $1 AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+serviceAccountColumns+`, `+l.Key()+`
		FROM service_accounts a
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list service accounts: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*serviceaccount.ServiceAccount, error) {
		var key aip.Key
		a, err := scanServiceAccount(row, &key)
		keys = append(keys, key)
		return a, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list service accounts: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// CountServiceAccounts counts the service accounts that a filter selects.
func (s *Store) CountServiceAccounts(ctx context.Context, org string, l *aip.List) (int, bool, error) {
	args := []any{org}
	from := "service_accounts a WHERE a.organization_id = $1 AND " + l.Filter(&args)
	return s.count(ctx, org, from, args)
}
