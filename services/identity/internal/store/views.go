package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/view"
)

const viewColumns = `id::text, kind, name, columns, order_by, filter, audience, coalesce(department_id::text, ''), is_default,
	owner_id::text, version, created_at, updated_at`

func scanView(row pgx.CollectableRow) (*view.View, error) {
	var v view.View
	err := row.Scan(&v.ID, &v.Kind, &v.Name, &v.Columns, &v.OrderBy, &v.Filter, &v.Audience, &v.DepartmentID, &v.Default,
		&v.OwnerID, &v.Version, &v.CreatedAt, &v.UpdatedAt)
	v.CreatedAt, v.UpdatedAt = v.CreatedAt.UTC(), v.UpdatedAt.UTC()
	return &v, err
}

// Views returns the views of a kind that are for the viewer: personal ones first, then those of departments, then
// everyone's, by name. Without a kind, the view with the ID.
func (s *Store) Views(ctx context.Context, w view.Viewer, kind, id string) ([]*view.View, error) {
	rows, err := s.DB.Query(ctx, w.OrganizationID, `
		SELECT `+viewColumns+`
		FROM views
		WHERE organization_id = $1 AND (kind = $2 OR id = $3)
			AND (owner_id = $4 OR audience = 3 OR audience = 2 AND ($5 OR department_id = ANY($6::uuid[])))
		ORDER BY audience, lower(name), id`, w.OrganizationID, kind, nullID(id), w.UserID, w.Administrator, list(w.Departments))
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanView)
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	return all, nil
}

// CreateView saves a new view. It returns view.ErrNameTaken, view.ErrTooMany and department.ErrNotFound.
func (s *Store) CreateView(ctx context.Context, w view.Viewer, v *view.View) error {
	return s.DB.Write(ctx, w.OrganizationID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := lockViews(ctx, tx, w.OrganizationID, v.Kind); err != nil {
			return nil, err
		}
		var n int
		if err := tx.QueryRow(ctx, `
			SELECT count(*) FROM views WHERE organization_id = $1 AND kind = $2 AND owner_id = $3`,
			w.OrganizationID, v.Kind, v.OwnerID).Scan(&n); err != nil {
			return nil, fmt.Errorf("count views: %w", err)
		}
		if n >= view.MaxPerOwner {
			return nil, view.ErrTooMany
		}
		now := s.now()
		v.Version, v.CreatedAt, v.UpdatedAt = 1, now, now
		evs := []event.Event{publish.ViewCreated(v)} // first: it is what a repeated request is answered from
		others, err := s.onlyDefault(ctx, tx, w.OrganizationID, v)
		if err != nil {
			return nil, err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO views (organization_id, id, kind, name, columns, order_by, filter, audience, department_id, is_default, owner_id,
				version, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $12)`,
			w.OrganizationID, v.ID, v.Kind, v.Name, v.Columns, v.OrderBy, v.Filter, int(v.Audience), nullID(v.DepartmentID), v.Default,
			v.OwnerID, now)
		return append(evs, others...), viewError(err)
	})
}

// UpdateView changes a view by fn, which returns the fields that it changed; none if there is nothing to change. It
// returns view.ErrNotFound, view.ErrNotYours, view.ErrStale, view.ErrNameTaken and department.ErrNotFound.
func (s *Store) UpdateView(ctx context.Context, w view.Viewer, id string, version int64, fn func(*view.View) ([]string, error)) (*view.View, error) {
	var out *view.View
	err := s.DB.Write(ctx, w.OrganizationID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		before, err := lockView(ctx, tx, w, id, version)
		if err != nil {
			return nil, err
		}
		now := *before
		now.Columns = slices.Clone(before.Columns)
		out = &now
		fields, err := fn(&now)
		if err != nil || len(fields) == 0 {
			return nil, err
		}
		now.Version, now.UpdatedAt = before.Version+1, s.now()
		evs := []event.Event{publish.ViewUpdated(&now, before, fields)}
		others, err := s.onlyDefault(ctx, tx, w.OrganizationID, &now)
		if err != nil {
			return nil, err
		}
		return append(evs, others...), saveView(ctx, tx, w.OrganizationID, &now)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteView deletes a view for good. It returns view.ErrNotFound, view.ErrNotYours and view.ErrStale.
func (s *Store) DeleteView(ctx context.Context, w view.Viewer, id string, version int64) error {
	return s.DB.Write(ctx, w.OrganizationID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		v, err := lockView(ctx, tx, w, id, version)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM views WHERE organization_id = $1 AND id = $2`, w.OrganizationID, id); err != nil {
			return nil, fmt.Errorf("delete view: %w", err)
		}
		v.Version++
		return []event.Event{publish.ViewDeleted(v)}, nil
	})
}

// lockViews makes changes of which view is the default, and of how many there are, one after the other.
func lockViews(ctx context.Context, tx pgx.Tx, org, kind string) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('views ' || $1::text || $2::text, 0))`, org, kind); err != nil {
		return fmt.Errorf("lock views: %w", err)
	}
	return nil
}

func lockView(ctx context.Context, tx pgx.Tx, w view.Viewer, id string, version int64) (*view.View, error) {
	var kind string
	err := tx.QueryRow(ctx, `SELECT kind FROM views WHERE organization_id = $1 AND id = $2`, w.OrganizationID, id).Scan(&kind)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, view.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("find view: %w", err)
	}
	if err := lockViews(ctx, tx, w.OrganizationID, kind); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT `+viewColumns+` FROM views WHERE organization_id = $1 AND id = $2 FOR UPDATE`, w.OrganizationID, id)
	if err != nil {
		return nil, fmt.Errorf("lock view: %w", err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, scanView)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, view.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("lock view: %w", err)
	}
	return v, w.Change(v, version)
}

// onlyDefault takes being the default away from the audience's other view, if v is to be it.
func (s *Store) onlyDefault(ctx context.Context, tx pgx.Tx, org string, v *view.View) ([]event.Event, error) {
	if !v.Default {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT `+viewColumns+`
		FROM views
		WHERE organization_id = $1 AND kind = $2 AND is_default AND id <> $3 AND audience = $4
			AND (audience <> 1 OR owner_id = $5) AND department_id IS NOT DISTINCT FROM $6::uuid
		FOR UPDATE`, org, v.Kind, v.ID, int(v.Audience), v.OwnerID, nullID(v.DepartmentID))
	if err != nil {
		return nil, fmt.Errorf("find default view: %w", err)
	}
	others, err := pgx.CollectRows(rows, scanView)
	if err != nil {
		return nil, fmt.Errorf("find default view: %w", err)
	}
	var evs []event.Event
	for _, before := range others {
		now := *before
		now.Default, now.Version, now.UpdatedAt = false, before.Version+1, s.now()
		if err := saveView(ctx, tx, org, &now); err != nil {
			return nil, err
		}
		evs = append(evs, publish.ViewUpdated(&now, before, []string{"default_view"}))
	}
	return evs, nil
}

func saveView(ctx context.Context, tx pgx.Tx, org string, v *view.View) error {
	_, err := tx.Exec(ctx, `
		UPDATE views
		SET name = $3, columns = $4, order_by = $5, filter = $6, audience = $7, department_id = $8, is_default = $9, version = $10,
			updated_at = $11
		WHERE organization_id = $1 AND id = $2`,
		org, v.ID, v.Name, v.Columns, v.OrderBy, v.Filter, int(v.Audience), nullID(v.DepartmentID), v.Default, v.Version, v.UpdatedAt)
	return viewError(err)
}

func viewError(err error) error {
	switch {
	case err == nil:
		return nil
	case pg.IsUnique(err, "views_name_key"):
		return view.ErrNameTaken
	case pg.IsForeignKey(err, "views_department_fkey"):
		return department.ErrNotFound
	}
	return fmt.Errorf("save view: %w", err)
}
