package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/user"
)

// NewID makes the ID of a record that is inserted together with others.
func NewID() string { return id.New() }

// RolesByName returns all roles by their code and by their name in lower case.
func (s *Store) RolesByName(ctx context.Context, tx pgx.Tx, org string) (map[string]*role.Role, error) {
	rows, err := tx.Query(ctx, `SELECT `+roleColumns+` FROM roles r WHERE r.organization_id = $1 FOR KEY SHARE`, org)
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*role.Role, error) { return scanRole(row) })
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	by := make(map[string]*role.Role, 2*len(all))
	for _, r := range all {
		by[strings.ToLower(r.Name)] = r
	}
	for _, r := range all {
		if r.Code != "" {
			by[r.Code] = r
		}
	}
	return by, nil
}

// KnownUsers are users that rows of a file may mean.
type KnownUsers struct {
	byKey   map[user.ExternalID]string
	byEmail map[string]string
}

// Find returns the ID of the user with the external ID or, failing that, the address; "" if there is none.
func (k *KnownUsers) Find(key user.ExternalID, email string) string {
	if id := k.byKey[key]; id != "" && key.ID != "" {
		return id
	}
	return k.byEmail[email]
}

// FindKnownUsers looks up users by external ID and by address.
func (s *Store) FindKnownUsers(ctx context.Context, tx pgx.Tx, org string, keys []user.ExternalID, emails []string) (*KnownUsers, error) {
	sources, externals := make([]string, len(keys)), make([]string, len(keys))
	for i, x := range keys {
		sources[i], externals[i] = x.Source, x.ID
	}
	rows, err := tx.Query(ctx, `
		SELECT '', '', email, id::text
		FROM users
		WHERE organization_id = $1 AND email = ANY($2::text[])
		UNION ALL
		SELECT x.source, x.external_id, '', x.record_id::text
		FROM external_ids x JOIN (SELECT DISTINCT * FROM unnest($3::text[], $4::text[]) AS u (source, external_id)) AS n
			ON x.source = n.source AND x.external_id = n.external_id
		WHERE x.organization_id = $1 AND x.kind = 'user'`, org, list(emails), sources, externals)
	if err != nil {
		return nil, fmt.Errorf("find users: %w", err)
	}
	k := &KnownUsers{byKey: make(map[user.ExternalID]string), byEmail: make(map[string]string)}
	var key user.ExternalID
	var email, userID string
	if _, err := pgx.ForEachRow(rows, []any{&key.Source, &key.ID, &email, &userID}, func() error {
		if email != "" {
			k.byEmail[email] = userID
		} else {
			k.byKey[key] = userID
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("find users: %w", err)
	}
	return k, nil
}

// RolesWithin returns the IDs of the user's roles and keeps others from changing the user until the transaction ends.
func (s *Store) RolesWithin(ctx context.Context, tx pgx.Tx, org, userID string) ([]string, error) {
	u, err := lockUser(ctx, tx, org, userID)
	if err != nil {
		return nil, err
	}
	return u.RoleIDs, nil
}

// userRow is a new user as PostgreSQL reads it.
type userRow struct {
	ID         string            `json:"id"`
	Account    string            `json:"account"`
	Name       string            `json:"name"`
	Email      string            `json:"email"`
	Phones     []user.Phone      `json:"phones"`
	Extension  string            `json:"extension"`
	Locale     string            `json:"locale"`
	TimeZone   string            `json:"time_zone"`
	Department *string           `json:"department"`
	Roles      []string          `json:"roles"`
	Externals  []user.ExternalID `json:"externals"`
}

// InsertUsers stores new users, whose IDs are set and whose departments and roles are there, in three statements.
func (s *Store) InsertUsers(ctx context.Context, tx pgx.Tx, org string, all []*user.User) ([]event.Event, error) {
	if len(all) == 0 {
		return nil, nil
	}
	if err := s.accountsFor(ctx, tx, org, all); err != nil {
		return nil, err
	}
	now := s.now()
	rows := make([]userRow, len(all))
	var evs []event.Event
	for i, u := range all {
		u.Active, u.Version, u.CreatedAt, u.UpdatedAt = true, 1, now, now
		rows[i] = userRow{
			ID: u.ID, Account: u.AccountID, Name: u.Name, Email: u.Email, Phones: phones(u), Extension: u.SIPExtension, Locale: u.Locale,
			TimeZone: u.TimeZone, Department: nullID(u.DepartmentID), Roles: list(u.RoleIDs), Externals: u.ExternalIDs,
		}
		evs = append(evs, publish.Users(org, user.Created{User: *u}, now)...)
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encode users: %w", err)
	}
	_, err = tx.Exec(ctx, `
		WITH n AS MATERIALIZED (
			SELECT *
			FROM jsonb_to_recordset($2::jsonb) AS x (id uuid, account uuid, name text, email text, phones jsonb, extension text,
				locale text, time_zone text, department uuid, roles uuid[], externals jsonb)
		), inserted AS (
			INSERT INTO users (organization_id, id, account_id, name, email, phones, sip_extension, locale, time_zone, department_id,
				role_ids, working_hours, active, version, created_at, updated_at)
			SELECT $1, id, account, name, email, phones, extension, locale, time_zone, department, roles, '[]', true, 1, $3, $3
			FROM n
		)
		INSERT INTO external_ids (organization_id, kind, source, external_id, record_id)
		SELECT $1, 'user', x.source, x.id, n.id
		FROM n CROSS JOIN LATERAL jsonb_to_recordset(coalesce(nullif(n.externals, 'null'), '[]')) AS x (source text, id text)`,
		org, string(raw), now)
	if err != nil {
		return nil, userError("insert users", err)
	}
	return evs, nil
}

// accountsFor finds or makes the accounts of the users.
func (s *Store) accountsFor(ctx context.Context, tx pgx.Tx, org string, all []*user.User) error {
	ids, emails := make([]string, len(all)), make([]string, len(all))
	for i, u := range all {
		ids[i], emails[i] = id.New(), u.Email
	}
	byEmail := make(map[string]string, len(all))
	err := asAccounts(ctx, tx, func() error {
		if _, err := tx.Exec(ctx, `
			INSERT INTO accounts (id, email, home_organization_id, password_hash, previous_hashes, must_change, created_at)
			SELECT id, email, $3, '', '{}', false, $4
			FROM unnest($1::uuid[], $2::text[]) AS n (id, email)
			ON CONFLICT ON CONSTRAINT accounts_email_key DO NOTHING`, ids, emails, org, s.now()); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id::text, email FROM accounts WHERE email = ANY($1::text[])`, emails)
		if err != nil {
			return err
		}
		var accountID, email string
		_, err = pgx.ForEachRow(rows, []any{&accountID, &email}, func() error {
			byEmail[email] = accountID
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("find or make accounts: %w", err)
	}
	for _, u := range all {
		u.AccountID = byEmail[u.Email]
	}
	return nil
}

// UpdateWithin is UpdateUser within a transaction; it reports whether anything changed.
func (s *Store) UpdateWithin(ctx context.Context, tx pgx.Tx, org, userID string, fn func(*user.User) (user.Event, error)) (bool, []event.Event, error) {
	u, err := lockUser(ctx, tx, org, userID)
	if err != nil {
		return false, nil, err
	}
	before := *u
	ev, err := fn(u)
	if ev == nil || err != nil {
		return false, nil, err
	}
	evs, err := s.saveUser(ctx, tx, org, &before, u, ev)
	return err == nil, evs, err
}

// Tree is the tree of departments while an import adds to it. It is locked until the end of the transaction.
type Tree struct {
	store *Store
	org   string
	ids   map[place]string
	heads map[string]string // to be set, by department
}

// place is a department by its name, in lower case, and what it is under.
type place struct{ parent, name string }

// LoadTree locks the shape of the tree and reads it.
func (s *Store) LoadTree(ctx context.Context, tx pgx.Tx, org string) (*Tree, error) {
	if err := lockTree(ctx, tx, org); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT id::text, coalesce(parent_id::text, ''), lower(name)
		FROM departments
		WHERE organization_id = $1 AND deleted_at IS NULL`, org)
	if err != nil {
		return nil, fmt.Errorf("read departments: %w", err)
	}
	t := &Tree{store: s, org: org, ids: make(map[place]string), heads: make(map[string]string)}
	var departmentID string
	var p place
	if _, err := pgx.ForEachRow(rows, []any{&departmentID, &p.parent, &p.name}, func() error {
		t.ids[p] = departmentID
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read departments: %w", err)
	}
	return t, nil
}

// Make returns the department at the path, making what is missing of it.
func (t *Tree) Make(ctx context.Context, tx pgx.Tx, path []string) (string, []event.Event, error) {
	if len(path) > department.MaxDepth {
		return "", nil, department.ErrTooDeep
	}
	var evs []event.Event
	parent := ""
	for _, name := range path {
		p := place{parent: parent, name: strings.ToLower(strings.TrimSpace(name))}
		if there, ok := t.ids[p]; ok {
			parent = there
			continue
		}
		d := &department.Department{Name: strings.TrimSpace(name), ParentID: parent}
		if err := d.Validate(); err != nil {
			return "", nil, err
		}
		made, err := t.store.insertDepartment(ctx, tx, t.org, d)
		if err != nil {
			return "", nil, err
		}
		evs = append(evs, made...)
		t.ids[p] = d.ID
		parent = d.ID
	}
	return parent, evs, nil
}

// Head notes who is to head a department.
func (t *Tree) Head(departmentID, userID string) { t.heads[departmentID] = userID }

// SetHeads sets the heads that were noted.
func (t *Tree) SetHeads(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
	var evs []event.Event
	for departmentID, head := range t.heads {
		d, err := lockDepartment(ctx, tx, t.org, departmentID)
		if errors.Is(err, department.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		before := *d
		ev, err := d.Change(func(d *department.Department) { d.HeadID = head })
		if err != nil {
			return nil, err
		}
		if ev == nil {
			continue
		}
		saved, err := t.store.saveDepartment(ctx, tx, t.org, &before, d, ev)
		if err != nil {
			return nil, err
		}
		evs = append(evs, saved...)
	}
	return evs, nil
}
