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
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/user"
)

const userColumns = `u.id::text, u.account_id::text, u.name, u.email, u.phones, u.sip_extension, coalesce(u.photo_file_id::text, ''),
	u.locale, u.time_zone, coalesce(u.department_id::text, ''), u.role_ids::text[], u.working_hours, u.absent_from, u.absent_to,
	u.active, u.deactivated_at, u.version, u.created_at, u.updated_at,
	(SELECT coalesce(jsonb_agg(jsonb_build_object('source', x.source, 'id', x.external_id) ORDER BY x.source, x.external_id), '[]')
		FROM external_ids x
		WHERE x.organization_id = u.organization_id AND x.kind = 'user' AND x.record_id = u.id)`

func scanUser(row pgx.CollectableRow, more ...any) (*user.User, error) {
	var u user.User
	var from, to, gone *time.Time
	err := row.Scan(append([]any{
		&u.ID, &u.AccountID, &u.Name, &u.Email, &u.Phones, &u.SIPExtension, &u.PhotoFileID, &u.Locale, &u.TimeZone,
		&u.DepartmentID, &u.RoleIDs, &u.WorkingHours, &from, &to, &u.Active, &gone, &u.Version, &u.CreatedAt, &u.UpdatedAt,
		&u.ExternalIDs,
	}, more...)...)
	u.AbsentFrom, u.AbsentTo, u.DeactivatedAt = timeOf(from), timeOf(to), timeOf(gone)
	u.CreatedAt, u.UpdatedAt = u.CreatedAt.UTC(), u.UpdatedAt.UTC()
	return &u, err
}

func (s *Store) insertUser(ctx context.Context, tx pgx.Tx, org string, u *user.User) ([]event.Event, error) {
	now := s.now()
	if u.ID == "" {
		u.ID = id.New()
	}
	u.Active, u.Version, u.CreatedAt, u.UpdatedAt = true, 1, now, now
	if err := checkMembership(ctx, tx, org, u.DepartmentID, u.RoleIDs, user.ErrDepartment); err != nil {
		return nil, err
	}
	var err error
	if u.AccountID, err = s.accountFor(ctx, tx, org, u.Email); err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO users (organization_id, id, account_id, name, email, phones, sip_extension, photo_file_id, locale, time_zone,
			department_id, role_ids, working_hours, absent_from, absent_to, active, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, true, 1, $16, $16)`,
		org, u.ID, u.AccountID, u.Name, u.Email, phones(u), u.SIPExtension, nullID(u.PhotoFileID), u.Locale, u.TimeZone,
		nullID(u.DepartmentID), list(u.RoleIDs), hours(u), nullTime(u.AbsentFrom), nullTime(u.AbsentTo), now)
	if err != nil {
		return nil, userError("insert user", err)
	}
	if err := setExternalIDs(ctx, tx, org, publish.KindUser, u.ID, u.ExternalIDs, user.ErrExternalTaken); err != nil {
		return nil, err
	}
	return publish.Users(org, user.Created{User: *u}, now), nil
}

// checkMembership sees to it that department and roles are there and stay so until the end of the transaction.
func checkMembership(ctx context.Context, tx pgx.Tx, org, departmentID string, roleIDs []string, noDepartment error) error {
	var departments, roles int
	err := tx.QueryRow(ctx, `
		SELECT
			(SELECT count(*) FROM (
				SELECT 1 FROM departments
				WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
				FOR SHARE) AS d),
			(SELECT count(*) FROM (
				SELECT 1 FROM roles
				WHERE organization_id = $1 AND id = ANY($3::uuid[])
				FOR KEY SHARE) AS r)`,
		org, nullID(departmentID), list(roleIDs)).Scan(&departments, &roles)
	switch {
	case err != nil:
		return fmt.Errorf("check department and roles: %w", err)
	case departmentID != "" && departments == 0:
		return noDepartment
	case roles != len(roleIDs):
		return role.ErrNotFound
	}
	return nil
}

func phones(u *user.User) []user.Phone {
	if u.Phones == nil {
		return []user.Phone{}
	}
	return u.Phones
}

func hours(u *user.User) []user.Interval {
	if u.WorkingHours == nil {
		return []user.Interval{}
	}
	return u.WorkingHours
}

func userError(doing string, err error) error {
	switch {
	case pg.IsUnique(err, "users_email_key"), pg.IsUnique(err, "users_account_key"):
		return user.ErrEmailTaken
	case pg.IsUnique(err, "users_sip_extension_key"):
		return user.ErrExtensionTaken
	case pg.IsForeignKey(err, "users_department_fkey"):
		return user.ErrDepartment
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// GetUser see [user.Store.GetUser].
func (s *Store) GetUser(ctx context.Context, org, id string) (*user.User, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+userColumns+`
		FROM users u
		WHERE u.organization_id = $1 AND u.id = $2`, org, id)
	if err != nil {
		return nil, fmt.Errorf("get user: %w", err)
	}
	u, err := oneUser(rows)
	if err != nil {
		return nil, err
	}
	return u, s.derive(ctx, org, u)
}

func oneUser(rows pgx.Rows) (*user.User, error) {
	u, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*user.User, error) { return scanUser(row) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, user.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get user: %w", err)
	}
	return u, nil
}

// lockUser reads the user and keeps others from changing it until the end of the transaction.
func lockUser(ctx context.Context, tx pgx.Tx, org, id string) (*user.User, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+userColumns+`
		FROM users u
		WHERE u.organization_id = $1 AND u.id = $2
		FOR UPDATE OF u`, org, id)
	if err != nil {
		return nil, fmt.Errorf("lock user: %w", err)
	}
	return oneUser(rows)
}

// UpdateUser see [user.Store.UpdateUser].
func (s *Store) UpdateUser(ctx context.Context, org, id string, etag int64, fn func(*user.User) (user.Event, error)) (*user.User, error) {
	return s.updateUser(ctx, org, id, etag, fn, func(context.Context, pgx.Tx) ([]event.Event, error) { return nil, nil })
}

// updateUser is UpdateUser with something that happens in the same transaction, also if the user stays as it is.
func (s *Store) updateUser(ctx context.Context, org, id string, etag int64, fn func(*user.User) (user.Event, error),
	also func(ctx context.Context, tx pgx.Tx) ([]event.Event, error),
) (*user.User, error) {
	var out *user.User
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		u, err := lockUser(ctx, tx, org, id)
		if err != nil {
			return nil, err
		}
		if etag != 0 && etag != u.Version {
			return nil, user.ErrStale
		}
		out = u
		before := *u
		ev, err := fn(u)
		if err != nil {
			return nil, err
		}
		var evs []event.Event
		if ev != nil {
			if evs, err = s.saveUser(ctx, tx, org, &before, u, ev); err != nil {
				return nil, err
			}
		}
		more, err := also(ctx, tx)
		return append(evs, more...), err
	})
	if err != nil {
		return nil, err
	}
	return out, s.derive(ctx, org, out)
}

// saveUser stores a locked user that was changed from before.
func (s *Store) saveUser(ctx context.Context, tx pgx.Tx, org string, before, u *user.User, ev user.Event) ([]event.Event, error) {
	now := s.now()
	u.Version, u.UpdatedAt = before.Version+1, now
	u.DeactivatedAt = u.DeactivatedAt.Truncate(time.Microsecond)
	if err := checkMembership(ctx, tx, org, u.DepartmentID, u.RoleIDs, user.ErrDepartment); err != nil {
		return nil, err
	}
	_, err := tx.Exec(ctx, `
		UPDATE users
		SET name = $3, phones = $4, sip_extension = $5, photo_file_id = $6, locale = $7, time_zone = $8, department_id = $9,
			role_ids = $10, working_hours = $11, absent_from = $12, absent_to = $13, active = $14, deactivated_at = $15,
			version = $16, updated_at = $17
		WHERE organization_id = $1 AND id = $2`,
		org, u.ID, u.Name, phones(u), u.SIPExtension, nullID(u.PhotoFileID), u.Locale, u.TimeZone, nullID(u.DepartmentID),
		list(u.RoleIDs), hours(u), nullTime(u.AbsentFrom), nullTime(u.AbsentTo), u.Active, nullTime(u.DeactivatedAt), u.Version, now)
	if err != nil {
		return nil, userError("update user", err)
	}
	if err := setExternalIDs(ctx, tx, org, publish.KindUser, u.ID, u.ExternalIDs, user.ErrExternalTaken); err != nil {
		return nil, err
	}
	if err := s.keepAdministrator(ctx, tx, org, before, u); err != nil {
		return nil, err
	}
	evs := publish.Users(org, withUser(ev, *u), now)
	if before.Active && !u.Active {
		ended, err := s.endSessions(ctx, tx, org, u.ID, "", session.Deactivated, now)
		if err != nil {
			return nil, err
		}
		evs = append(evs, ended...)
	}
	return evs, nil
}

// withUser puts the user as stored into the event.
func withUser(ev user.Event, u user.User) user.Event {
	switch e := ev.(type) {
	case user.Updated:
		e.User = u
		return e
	case user.Deactivated:
		e.User = u
		return e
	case user.Activated:
		e.User = u
		return e
	}
	return ev
}

// keepAdministrator returns user.ErrLastAdmin if the change leaves the organisation without an active administrator.
// The role's row is locked, so that two administrators cannot put each other out at the same time.
func (s *Store) keepAdministrator(ctx context.Context, tx pgx.Tx, org string, before, after *user.User) error {
	if !before.Active || (after.Active && len(missing(before.RoleIDs, after.RoleIDs)) == 0) {
		return nil
	}
	var admin string
	err := tx.QueryRow(ctx, `
		SELECT id::text FROM roles WHERE organization_id = $1 AND code = $2 FOR NO KEY UPDATE`, org, role.Administrator).Scan(&admin)
	if err != nil {
		return fmt.Errorf("find the administrators' role: %w", err)
	}
	if len(missing([]string{admin}, before.RoleIDs)) > 0 {
		return nil
	}
	var others bool
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM users WHERE organization_id = $1 AND active AND role_ids @> ARRAY[$2::uuid])`,
		org, admin).Scan(&others)
	switch {
	case err != nil:
		return fmt.Errorf("look for other administrators: %w", err)
	case !others:
		return user.ErrLastAdmin
	}
	return nil
}

// missing returns what of want is not in have.
func missing(want, have []string) []string {
	has := make(map[string]bool, len(have))
	for _, h := range have {
		has[h] = true
	}
	var out []string
	for _, w := range want {
		if !has[w] {
			out = append(out, w)
		}
	}
	return out
}

// UserSchema is what users can be filtered and sorted by.
func UserSchema() *aip.Schema {
	return &aip.Schema{
		IDColumn: "u.id", DefaultOrder: "name",
		Fields: map[string]aip.Field{
			"id":            {Column: "u.id", Type: aip.ID},
			"name":          {Column: "u.name", Type: aip.Text, Sortable: true},
			"email":         {Column: "u.email", Type: aip.Text, Sortable: true},
			"department_id": {Column: "u.department_id", Type: aip.ID, Nullable: true},
			"sip_extension": {Column: "u.sip_extension", Type: aip.Text},
			"active":        {Column: "u.active", Type: aip.Bool},
			"create_time":   {Column: "u.created_at", Type: aip.Time, Sortable: true},
			"update_time":   {Column: "u.updated_at", Type: aip.Time, Sortable: true},
			"role_id":       {Custom: hasRole("u.role_ids")},
		},
		Search: func(word string, bind func(any) string) string {
			p := bind("%" + escapeLike(word) + "%")
			return "u.name ILIKE " + p + "::text OR u.email ILIKE " + p + "::text"
		},
	}
}

// ListUsers returns a page of users and the token of the next.
func (s *Store) ListUsers(ctx context.Context, org string, l *aip.List, scope Scope) ([]*user.User, string, error) {
	args := []any{org}
	where := "u.organization_id = $1 AND " + scope.SQL("u.id", &args) + " AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+userColumns+`, `+l.Key()+`
		FROM users u
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list users: %w", err)
	}
	var keys []aip.Key
	users, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*user.User, error) {
		var key aip.Key
		u, err := scanUser(row, &key)
		keys = append(keys, key)
		return u, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list users: %w", err)
	}
	users, next := aip.Page(l, users, keys)
	return users, next, s.derive(ctx, org, users...)
}

// CountUsers counts the users that a filter selects.
func (s *Store) CountUsers(ctx context.Context, org string, l *aip.List, scope Scope) (int, bool, error) {
	args := []any{org}
	from := "users u WHERE u.organization_id = $1 AND " + scope.SQL("u.id", &args) + " AND " + l.Filter(&args)
	return s.count(ctx, org, from, args)
}

// MemberActive reports whether there is such a user or service account and it is active.
func (s *Store) MemberActive(ctx context.Context, org, id string) (bool, error) {
	var active bool
	err := s.DB.QueryRow(ctx, org, `
		SELECT EXISTS (SELECT FROM users WHERE organization_id = $1 AND id = $2 AND active)
			OR EXISTS (SELECT FROM service_accounts WHERE organization_id = $1 AND id = $2 AND active)`, org, id).Scan(&active)
	if err != nil {
		return false, fmt.Errorf("look for member: %w", err)
	}
	return active, nil
}
