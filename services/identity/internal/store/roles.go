package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/role"
)

const roleColumns = `r.id::text, r.code, r.name, r.description, r.grants, r.fields, r.version, r.created_at, r.updated_at`

func scanRole(row pgx.CollectableRow, more ...any) (*role.Role, error) {
	var r role.Role
	err := row.Scan(append([]any{
		&r.ID, &r.Code, &r.Name, &r.Description, &r.Grants, &r.Fields, &r.Version, &r.CreatedAt, &r.UpdatedAt,
	}, more...)...)
	r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	return &r, err
}

// insertReadyMadeRoles gives a new organisation its copies and returns them by code.
func (s *Store) insertReadyMadeRoles(ctx context.Context, tx pgx.Tx, org string) (map[string]*role.Role, []event.Event, error) {
	now := s.now()
	byCode := make(map[string]*role.Role)
	b := &pgx.Batch{}
	var evs []event.Event
	for _, r := range role.ReadyMade() {
		r.ID, r.Version, r.CreatedAt, r.UpdatedAt = id.New(), 1, now, now
		byCode[r.Code] = &r
		b.Queue(`
			INSERT INTO roles (organization_id, id, code, name, description, grants, version, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)`, org, r.ID, r.Code, r.Name, r.Description, r.Grants, now)
		evs = append(evs, publish.RoleCreated(org, &r)...)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, fmt.Errorf("insert ready-made roles: %w", err)
	}
	return byCode, evs, nil
}

// GetRole returns a role, or role.ErrNotFound.
func (s *Store) GetRole(ctx context.Context, org, id string) (*role.Role, error) {
	roles, err := s.Roles(ctx, org, []string{id})
	if err != nil {
		return nil, err
	}
	if len(roles) == 0 {
		return nil, role.ErrNotFound
	}
	return roles[0], nil
}

// Roles returns those of the roles that there are, by name.
func (s *Store) Roles(ctx context.Context, org string, ids []string) ([]*role.Role, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+roleColumns+`
		FROM roles r
		WHERE r.organization_id = $1 AND r.id = ANY($2::uuid[])
		ORDER BY r.name, r.id`, org, list(ids))
	if err != nil {
		return nil, fmt.Errorf("get roles: %w", err)
	}
	roles, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*role.Role, error) { return scanRole(row) })
	if err != nil {
		return nil, fmt.Errorf("get roles: %w", err)
	}
	return roles, nil
}

// rolesOf returns the roles of a member, user or service account. A stranger has none.
func (s *Store) rolesOf(ctx context.Context, org, memberID string) ([]*role.Role, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+roleColumns+`
		FROM roles r
		WHERE r.organization_id = $1 AND r.id = ANY(coalesce(
			(SELECT role_ids FROM users WHERE organization_id = $1 AND id = $2),
			(SELECT role_ids FROM service_accounts WHERE organization_id = $1 AND id = $2)))`, org, memberID)
	if err != nil {
		return nil, fmt.Errorf("get roles of a member: %w", err)
	}
	roles, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*role.Role, error) { return scanRole(row) })
	if err != nil {
		return nil, fmt.Errorf("get roles of a member: %w", err)
	}
	return roles, nil
}

// fieldRules are stored as a list, empty for none.
func fieldRules(r *role.Role) []role.FieldRule {
	if r.Fields == nil {
		return []role.FieldRule{}
	}
	return r.Fields
}

// MayHandle returns role.ErrNotYours unless the member's own roles reach as far as all of the given ones: nobody makes
// anybody more than they are, nor gets hold of somebody who is more.
func (s *Store) MayHandle(ctx context.Context, org, memberID string, roleIDs ...string) error {
	if len(roleIDs) == 0 {
		return nil
	}
	roles, err := s.Roles(ctx, org, roleIDs)
	if err != nil {
		return err
	}
	return s.MayGive(ctx, org, memberID, roles...)
}

// MayGive is MayHandle for roles as they are given.
func (s *Store) MayGive(ctx context.Context, org, memberID string, roles ...*role.Role) error {
	own, err := s.rolesOf(ctx, org, memberID)
	if err != nil {
		return err
	}
	var have []role.Grant
	for _, r := range own {
		have = append(have, r.Grants...)
	}
	withheld := role.Withheld(own)
	for _, r := range roles {
		if !role.Covers(have, r.Grants) || r.Reveals(withheld) {
			return role.ErrNotYours.With("role", r.Name)
		}
	}
	return nil
}

// CreateRole stores a role of the organisation's own. It returns role.ErrNameTaken.
func (s *Store) CreateRole(ctx context.Context, org string, r *role.Role) (*role.Role, error) {
	out := *r
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		out = *r
		out.ID, out.Version, out.CreatedAt = id.New(), 1, s.now()
		out.UpdatedAt = out.CreatedAt
		_, err := tx.Exec(ctx, `
			INSERT INTO roles (organization_id, id, code, name, description, grants, fields, version, created_at, updated_at)
			VALUES ($1, $2, '', $3, $4, $5, $6, 1, $7, $7)`,
			org, out.ID, out.Name, out.Description, out.Grants, fieldRules(&out), out.CreatedAt)
		if err != nil {
			return nil, roleError("insert role", err)
		}
		return publish.RoleCreated(org, &out), nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// UpdateRole locks the role, lets fn change it and saves it; without an event of fn nothing is saved. fn may run more
// than once. It returns role.ErrNotFound, role.ErrStale if etag is not zero and not the stored version, role.ErrNameTaken
// or fn's error.
func (s *Store) UpdateRole(ctx context.Context, org, id string, etag int64, fn func(*role.Role) (*role.Updated, error),
) (*role.Role, error) {
	var out *role.Role
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		r, err := lockRole(ctx, tx, org, id, etag)
		if err != nil {
			return nil, err
		}
		out = r
		version := r.Version
		ev, err := fn(r)
		if ev == nil || err != nil {
			return nil, err
		}
		r.Version, r.UpdatedAt = version+1, s.now()
		if err := saveRole(ctx, tx, org, r); err != nil {
			return nil, err
		}
		return publish.RoleUpdated(org, r, &ev.Previous), nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteRole removes a role of the organisation's own, if may has nothing against it. It returns role.ErrNotFound,
// role.ErrStale, role.ErrReadyMade, role.ErrInUse or may's error.
func (s *Store) DeleteRole(ctx context.Context, org, id string, etag int64, may func(*role.Role) error) (*role.Role, error) {
	var out *role.Role
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		r, err := lockRole(ctx, tx, org, id, etag)
		if err != nil {
			return nil, err
		}
		if r.Code != "" {
			return nil, role.ErrReadyMade
		}
		if err := may(r); err != nil {
			return nil, err
		}
		var used bool
		// Whoever gives the role to somebody has it locked meanwhile.
		err = tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM users WHERE organization_id = $1 AND role_ids @> ARRAY[$2::uuid])
				OR EXISTS (SELECT FROM service_accounts WHERE organization_id = $1 AND active AND role_ids @> ARRAY[$2::uuid])
				OR EXISTS (SELECT FROM organizations WHERE organization_id = $1 AND second_factor->'role_ids' ? $2::text)`,
			org, id).Scan(&used)
		switch {
		case err != nil:
			return nil, fmt.Errorf("look for who has the role: %w", err)
		case used:
			return nil, role.ErrInUse
		}
		if _, err := tx.Exec(ctx, `DELETE FROM roles WHERE organization_id = $1 AND id = $2`, org, id); err != nil {
			return nil, fmt.Errorf("delete role: %w", err)
		}
		r.Version, r.UpdatedAt = r.Version+1, s.now()
		out = r
		return publish.RoleDeleted(org, r), nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func lockRole(ctx context.Context, tx pgx.Tx, org, id string, etag int64) (*role.Role, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+roleColumns+` FROM roles r WHERE r.organization_id = $1 AND r.id = $2 FOR UPDATE`, org, id)
	if err != nil {
		return nil, fmt.Errorf("lock role: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*role.Role, error) { return scanRole(row) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, role.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("lock role: %w", err)
	case etag != 0 && etag != r.Version:
		return nil, role.ErrStale
	}
	return r, nil
}

// saveRole stores what may change of a locked role.
func saveRole(ctx context.Context, tx pgx.Tx, org string, r *role.Role) error {
	if _, err := tx.Exec(ctx, `
		UPDATE roles SET name = $3, description = $4, grants = $5, fields = $6, version = $7, updated_at = $8
		WHERE organization_id = $1 AND id = $2`,
		org, r.ID, r.Name, r.Description, r.Grants, fieldRules(r), r.Version, r.UpdatedAt); err != nil {
		return roleError("update role", err)
	}
	return nil
}

func roleError(doing string, err error) error {
	if pg.IsUnique(err, "roles_name_key") {
		return role.ErrNameTaken
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// RoleSchema is what roles can be filtered and sorted by.
func RoleSchema() *aip.Schema {
	return &aip.Schema{
		IDColumn: "r.id", DefaultOrder: "name",
		Fields: map[string]aip.Field{
			"id":          {Column: "r.id", Type: aip.ID},
			"name":        {Column: "r.name", Type: aip.Text, Sortable: true},
			"code":        {Column: "r.code", Type: aip.Text},
			"create_time": {Column: "r.created_at", Type: aip.Time, Sortable: true},
		},
	}
}

// ListRoles returns a page of roles and the token of the next.
func (s *Store) ListRoles(ctx context.Context, org string, l *aip.List) ([]*role.Role, string, error) {
	args := []any{org}
	where := "r.organization_id = $1 AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+roleColumns+`, `+l.Key()+`
		FROM roles r
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list roles: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*role.Role, error) {
		var key aip.Key
		r, err := scanRole(row, &key)
		keys = append(keys, key)
		return r, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list roles: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// CountRoles counts the roles that a filter selects.
func (s *Store) CountRoles(ctx context.Context, org string, l *aip.List) (int, bool, error) {
	args := []any{org}
	from := "roles r WHERE r.organization_id = $1 AND " + l.Filter(&args)
	return s.count(ctx, org, from, args)
}

// RefreshReadyMadeRoles brings the ready-made roles of all organisations to what this version says they grant.
func (s *Store) RefreshReadyMadeRoles(ctx context.Context) error {
	orgs, err := s.organizationIDs(ctx)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		for _, want := range role.ReadyMade() {
			if err := s.refreshRole(ctx, org, &want); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) refreshRole(ctx context.Context, org string, want *role.Role) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		rows, err := tx.Query(ctx, `
			SELECT `+roleColumns+` FROM roles r WHERE r.organization_id = $1 AND r.code = $2 FOR UPDATE`, org, want.Code)
		if err != nil {
			return nil, fmt.Errorf("lock role: %w", err)
		}
		before, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*role.Role, error) { return scanRole(row) })
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("lock role: %w", err)
		}
		if role.Covers(before.Grants, want.Grants) && role.Covers(want.Grants, before.Grants) {
			return nil, nil
		}
		now := *before
		now.Grants, now.Description, now.Version, now.UpdatedAt = want.Grants, want.Description, before.Version+1, s.now()
		if err := saveRole(ctx, tx, org, &now); err != nil {
			return nil, err
		}
		return publish.RoleUpdated(org, &now, before), nil
	})
}
