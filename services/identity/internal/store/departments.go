package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/publish"
)

const departmentColumns = `d.id::text, d.name, coalesce(d.parent_id::text, ''), coalesce(d.head_id::text, ''), d.version, d.created_at,
	d.updated_at, d.deleted_at,
	(SELECT coalesce(jsonb_agg(jsonb_build_object('source', x.source, 'id', x.external_id) ORDER BY x.source, x.external_id), '[]')
		FROM external_ids x
		WHERE x.organization_id = d.organization_id AND x.kind = 'department' AND x.record_id = d.id)`

func scanDepartment(row pgx.CollectableRow, more ...any) (*department.Department, error) {
	var d department.Department
	var gone *time.Time
	err := row.Scan(append([]any{
		&d.ID, &d.Name, &d.ParentID, &d.HeadID, &d.Version, &d.CreatedAt, &d.UpdatedAt, &gone, &d.ExternalIDs,
	}, more...)...)
	d.DeletedAt = timeOf(gone)
	d.CreatedAt, d.UpdatedAt = d.CreatedAt.UTC(), d.UpdatedAt.UTC()
	return &d, err
}

func oneDepartment(rows pgx.Rows) (*department.Department, error) {
	d, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*department.Department, error) { return scanDepartment(row) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, department.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get department: %w", err)
	}
	return d, nil
}

// CreateDepartment see [department.Store.CreateDepartment].
func (s *Store) CreateDepartment(ctx context.Context, org string, d *department.Department) (*department.Department, error) {
	var out *department.Department
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		c := *d
		evs, err := s.insertDepartment(ctx, tx, org, &c)
		out = &c
		return evs, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Store) insertDepartment(ctx context.Context, tx pgx.Tx, org string, d *department.Department) ([]event.Event, error) {
	now := s.now()
	if d.ID == "" {
		d.ID = id.New()
	}
	d.Version, d.CreatedAt, d.UpdatedAt = 1, now, now
	if err := s.place(ctx, tx, org, d); err != nil {
		return nil, err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO departments (organization_id, id, name, parent_id, head_id, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6)`, org, d.ID, d.Name, nullID(d.ParentID), nullID(d.HeadID), now)
	if err != nil {
		return nil, departmentError("insert department", err)
	}
	if err := setExternalIDs(ctx, tx, org, publish.KindDepartment, d.ID, d.ExternalIDs, department.ErrExternalTaken); err != nil {
		return nil, err
	}
	return publish.Departments(org, department.Created{Department: *d}), nil
}

// place sees to it that the department can stand where it says. Changes of the tree's shape are made one after the
// other, by a lock that goes with the transaction: two moves that are harmless alone could make a circle together.
func (s *Store) place(ctx context.Context, tx pgx.Tx, org string, d *department.Department) error {
	if d.ParentID == "" {
		return nil
	}
	if err := lockTree(ctx, tx, org); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT id::text, coalesce(parent_id::text, '') FROM departments WHERE organization_id = $1 AND deleted_at IS NULL`, org)
	if err != nil {
		return fmt.Errorf("read the tree of departments: %w", err)
	}
	parents := make(map[string]string)
	var child, parent string
	if _, err := pgx.ForEachRow(rows, []any{&child, &parent}, func() error {
		parents[child] = parent
		return nil
	}); err != nil {
		return fmt.Errorf("read the tree of departments: %w", err)
	}
	// Held, so that it is not deleted meanwhile.
	tag, err := tx.Exec(ctx, `
		SELECT 1 FROM departments WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR SHARE`, org, d.ParentID)
	switch {
	case err != nil:
		return fmt.Errorf("hold the department above: %w", err)
	case tag.RowsAffected() == 0:
		return department.ErrParentNotFound
	}
	return department.Below(d.ID, d.ParentID, parents)
}

func lockTree(ctx context.Context, tx pgx.Tx, org string) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('departments ' || $1::text, 0))`, org); err != nil {
		return fmt.Errorf("lock the tree of departments: %w", err)
	}
	return nil
}

func departmentError(doing string, err error) error {
	switch {
	case pg.IsUnique(err, "departments_name_key"):
		return department.ErrNameTaken
	case pg.IsForeignKey(err, "departments_parent_fkey"):
		return department.ErrParentNotFound
	case pg.IsForeignKey(err, "departments_head_fkey"):
		return department.ErrHeadNotFound
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// GetDepartment see [department.Store.GetDepartment].
func (s *Store) GetDepartment(ctx context.Context, org, id string) (*department.Department, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+departmentColumns+` FROM departments d WHERE d.organization_id = $1 AND d.id = $2`, org, id)
	if err != nil {
		return nil, fmt.Errorf("get department: %w", err)
	}
	return oneDepartment(rows)
}

// UpdateDepartment see [department.Store.UpdateDepartment].
func (s *Store) UpdateDepartment(ctx context.Context, org, id string, etag int64,
	fn func(*department.Department) (department.Event, error),
) (*department.Department, error) {
	var out *department.Department
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		d, err := lockDepartment(ctx, tx, org, id)
		if err != nil {
			return nil, err
		}
		if etag != 0 && etag != d.Version {
			return nil, department.ErrStale
		}
		out = d
		before := *d
		ev, err := fn(d)
		if ev == nil || err != nil {
			return nil, err
		}
		return s.saveDepartment(ctx, tx, org, &before, d, ev)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func lockDepartment(ctx context.Context, tx pgx.Tx, org, id string) (*department.Department, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+departmentColumns+`
		FROM departments d
		WHERE d.organization_id = $1 AND d.id = $2
		FOR UPDATE OF d`, org, id)
	if err != nil {
		return nil, fmt.Errorf("lock department: %w", err)
	}
	return oneDepartment(rows)
}

// saveDepartment stores a locked department that was changed from before.
func (s *Store) saveDepartment(ctx context.Context, tx pgx.Tx, org string, before, d *department.Department, ev department.Event) ([]event.Event, error) {
	now := s.now()
	d.Version, d.UpdatedAt = before.Version+1, now
	if !d.DeletedAt.IsZero() {
		d.DeletedAt = now
		if err := checkEmpty(ctx, tx, org, d.ID); err != nil {
			return nil, err
		}
	} else if before.ParentID != d.ParentID || !before.DeletedAt.IsZero() {
		if err := s.place(ctx, tx, org, d); err != nil {
			return nil, err
		}
	}
	_, err := tx.Exec(ctx, `
		UPDATE departments
		SET name = $3, parent_id = $4, head_id = $5, deleted_at = $6, version = $7, updated_at = $8
		WHERE organization_id = $1 AND id = $2`,
		org, d.ID, d.Name, nullID(d.ParentID), nullID(d.HeadID), nullTime(d.DeletedAt), d.Version, now)
	if err != nil {
		return nil, departmentError("update department", err)
	}
	if err := setExternalIDs(ctx, tx, org, publish.KindDepartment, d.ID, d.ExternalIDs, department.ErrExternalTaken); err != nil {
		return nil, err
	}
	return publish.Departments(org, withDepartment(ev, *d)), nil
}

// checkEmpty returns department.ErrNotEmpty if somebody or something belongs to the department. Whoever puts somebody
// into it has it locked meanwhile.
func checkEmpty(ctx context.Context, tx pgx.Tx, org, id string) error {
	var used bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM departments WHERE organization_id = $1 AND parent_id = $2 AND deleted_at IS NULL)
			OR EXISTS (SELECT FROM users WHERE organization_id = $1 AND department_id = $2)
			OR EXISTS (SELECT FROM service_accounts WHERE organization_id = $1 AND department_id = $2 AND active)`,
		org, id).Scan(&used)
	switch {
	case err != nil:
		return fmt.Errorf("look into the department: %w", err)
	case used:
		return department.ErrNotEmpty
	}
	return nil
}

// withDepartment puts the department as stored into the event.
func withDepartment(ev department.Event, d department.Department) department.Event {
	switch e := ev.(type) {
	case department.Updated:
		e.Department = d
		return e
	case department.Deleted:
		e.Department = d
		return e
	case department.Restored:
		e.Department = d
		return e
	}
	return ev
}

// DepartmentSchema is what departments can be filtered and sorted by.
func DepartmentSchema() *aip.Schema {
	return &aip.Schema{
		IDColumn: "d.id", DefaultOrder: "name",
		Fields: map[string]aip.Field{
			"id":          {Column: "d.id", Type: aip.ID},
			"name":        {Column: "d.name", Type: aip.Text, Sortable: true},
			"parent_id":   {Column: "d.parent_id", Type: aip.ID, Nullable: true},
			"head_id":     {Column: "d.head_id", Type: aip.ID, Nullable: true},
			"create_time": {Column: "d.created_at", Type: aip.Time, Sortable: true},
			"update_time": {Column: "d.updated_at", Type: aip.Time, Sortable: true},
		},
		Search: func(word string, bind func(any) string) string {
			return "d.name ILIKE " + bind("%"+escapeLike(word)+"%") + "::text"
		},
	}
}

func bin(deleted bool) string {
	if deleted {
		return "d.deleted_at > now() - interval '30 days'"
	}
	return "d.deleted_at IS NULL"
}

// ListDepartments returns a page of departments and the token of the next.
func (s *Store) ListDepartments(ctx context.Context, org string, l *aip.List, deleted bool) ([]*department.Department, string, error) {
	args := []any{org}
	where := "d.organization_id = $1 AND " + bin(deleted) + " AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+departmentColumns+`, `+l.Key()+`
		FROM departments d
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list departments: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*department.Department, error) {
		var key aip.Key
		d, err := scanDepartment(row, &key)
		keys = append(keys, key)
		return d, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list departments: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// CountDepartments counts the departments that a filter selects.
func (s *Store) CountDepartments(ctx context.Context, org string, l *aip.List, deleted bool) (int, bool, error) {
	args := []any{org}
	from := "departments d WHERE d.organization_id = $1 AND " + bin(deleted) + " AND " + l.Filter(&args)
	return s.count(ctx, org, from, args)
}
