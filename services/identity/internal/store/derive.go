package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/user"
)

// Scope limits which rows a query sees; authz.Scope is one.
type Scope interface {
	SQL(column string, args *[]any) string
}

// derive fills in what users have from elsewhere: whom they report to, whether they can sign in, and
// whether they were invited to.
func (s *Store) derive(ctx context.Context, org string, users ...*user.User) error {
	var departments, accounts []string
	for _, u := range users {
		accounts = append(accounts, u.AccountID)
		if u.DepartmentID != "" {
			departments = append(departments, u.DepartmentID)
		}
	}
	if len(departments) > 0 {
		heads, err := s.heads(ctx, org, departments)
		if err != nil {
			return err
		}
		for _, u := range users {
			for _, h := range heads[u.DepartmentID] {
				if h != u.ID {
					u.HeadID = h
					break
				}
			}
		}
	}
	if len(accounts) == 0 {
		return nil
	}
	doors, err := s.doors(ctx, org, accounts)
	if err != nil {
		return err
	}
	for _, u := range users {
		u.CanSignIn, u.SecondFactor = u.Active && doors[u.AccountID].open, doors[u.AccountID].factor
	}
	return s.invitations(ctx, org, users)
}

// heads returns, for each department, its head and those of the departments above, nearest first.
func (s *Store) heads(ctx context.Context, org string, departments []string) (map[string][]string, error) {
	rows, err := s.DB.Query(ctx, org, `
		WITH RECURSIVE up AS (
			SELECT d.id AS start, d.parent_id, d.head_id, 0 AS height
			FROM departments d
			WHERE d.organization_id = $1 AND d.id = ANY($2::uuid[])
			UNION ALL
			SELECT up.start, d.parent_id, d.head_id, up.height + 1
			FROM up JOIN departments d ON d.organization_id = $1 AND d.id = up.parent_id
			WHERE up.height < $3
		)
		SELECT start::text, head_id::text
		FROM up
		WHERE head_id IS NOT NULL
		ORDER BY start, height`, org, departments, department.MaxDepth)
	if err != nil {
		return nil, fmt.Errorf("find heads: %w", err)
	}
	heads := make(map[string][]string)
	var start, head string
	if _, err := pgx.ForEachRow(rows, []any{&start, &head}, func() error {
		heads[start] = append(heads[start], head)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("find heads: %w", err)
	}
	return heads, nil
}

// externalID is what users and departments have alike.
type externalID interface {
	user.ExternalID | department.ExternalID
}

// setExternalIDs makes ids the record's IDs in other systems. taken is what is returned if another record has one.
func setExternalIDs[X externalID](ctx context.Context, tx pgx.Tx, org, kind, recordID string, ids []X, taken error) error {
	sources, externals := make([]string, len(ids)), make([]string, len(ids))
	for i, x := range ids {
		e := user.ExternalID(x)
		sources[i], externals[i] = e.Source, e.ID
	}
	_, err := tx.Exec(ctx, `
		DELETE FROM external_ids e
		WHERE e.organization_id = $1 AND e.kind = $2 AND e.record_id = $3 AND NOT EXISTS (
			SELECT FROM unnest($4::text[], $5::text[]) AS n (source, external_id)
			WHERE n.source = e.source AND n.external_id = e.external_id)`, org, kind, recordID, sources, externals)
	if err == nil && len(ids) > 0 {
		_, err = tx.Exec(ctx, `
			INSERT INTO external_ids (organization_id, kind, source, external_id, record_id)
			SELECT DISTINCT $1::uuid, $2, n.source, n.external_id, $3::uuid
			FROM unnest($4::text[], $5::text[]) AS n (source, external_id)
			WHERE NOT EXISTS (
				SELECT FROM external_ids e
				WHERE e.organization_id = $1 AND e.kind = $2 AND e.source = n.source AND e.external_id = n.external_id
					AND e.record_id = $3)`, org, kind, recordID, sources, externals)
	}
	switch {
	case pg.IsUnique(err, "external_ids_pkey"):
		return taken
	case err != nil:
		return fmt.Errorf("set external IDs: %w", err)
	}
	return nil
}

// hasRole is the filter by a role's ID.
func hasRole(column string) func(c aip.Comparison, bind func(any) string) (string, error) {
	return func(c aip.Comparison, bind func(any) string) (string, error) {
		if c.Op != "=" && c.Op != ":" {
			return "", errors.New("only = applies")
		}
		if !id.Valid(c.Value) {
			return "", fmt.Errorf("%.80q is not an ID", c.Value)
		}
		return column + " @> ARRAY[" + bind(c.Value) + "::uuid]", nil
	}
}

// escapeLike takes from a word what LIKE gives a meaning.
func escapeLike(v string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(v)
}
