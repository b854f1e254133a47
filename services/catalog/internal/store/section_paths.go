package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/imports"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/record"
	"kontor.internal/services/catalog/internal/section"
)

// sectionPaths finds sections by the names above them, and makes those that are missing.
type sectionPaths struct {
	org    string
	now    time.Time
	newID  func() string
	origin record.Origin

	ids    map[string]string // by path, see pathKey
	events []event.Event
}

// pathKey joins names as the unique index compares them.
func pathKey(names []string) string { return strings.ToLower(strings.Join(names, "\x1f")) }

func (s *sectionPaths) id(path []string) string { return s.ids[pathKey(path)] }

// resolve goes down level by level: one query for each, and one statement for what is missing.
func (s *sectionPaths) resolve(ctx context.Context, tx pgx.Tx, rows []imports.Row) error {
	s.ids = map[string]string{"": ""}
	paths := map[string][]string{}
	deepest := 0
	for _, row := range rows {
		path := row.List("section")
		for n := 1; n <= len(path); n++ {
			paths[pathKey(path[:n])] = path[:n]
		}
		deepest = max(deepest, len(path))
	}
	if deepest == 0 {
		return nil
	}
	// Imports that make the same sections at once wait for each other.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('sections/' || $1, 0))`, s.org); err != nil {
		return fmt.Errorf("lock sections: %w", err)
	}
	for depth := 1; depth <= deepest; depth++ {
		var level [][]string
		for _, path := range paths {
			if len(path) == depth {
				level = append(level, path)
			}
		}
		if err := s.find(ctx, tx, level); err != nil {
			return err
		}
		if err := s.make(ctx, tx, level); err != nil {
			return err
		}
	}
	return nil
}

func (s *sectionPaths) find(ctx context.Context, tx pgx.Tx, level [][]string) error {
	parents, names, keys := make([]string, len(level)), make([]string, len(level)), make([]string, len(level))
	for i, path := range level {
		parents[i] = s.id(path[:len(path)-1])
		names[i], keys[i] = strings.ToLower(path[len(path)-1]), pathKey(path)
	}
	rows, err := tx.Query(ctx, `
		SELECT k.key, s.id::text
		FROM unnest($2::text[], $3::text[], $4::text[]) AS k (parent, name, key)
		JOIN sections s ON s.organization_id = $1 AND s.deleted_at IS NULL AND lower(s.name) = k.name
			AND s.parent_id IS NOT DISTINCT FROM NULLIF(k.parent, '')::uuid`, s.org, parents, names, keys)
	if err != nil {
		return fmt.Errorf("find sections: %w", err)
	}
	var key, id string
	if _, err := pgx.ForEachRow(rows, []any{&key, &id}, func() error { s.ids[key] = id; return nil }); err != nil {
		return fmt.Errorf("find sections: %w", err)
	}
	return nil
}

func (s *sectionPaths) make(ctx context.Context, tx pgx.Tx, level [][]string) error {
	var ids, names, parents []string
	for _, path := range level {
		if s.id(path) != "" {
			continue
		}
		sec, ev, err := section.New(&section.Section{Name: path[len(path)-1], ParentID: s.id(path[:len(path)-1])}, s.newID(), s.origin, s.now)
		if err != nil {
			return err
		}
		s.ids[pathKey(path)] = sec.ID
		s.events = append(s.events, publish.SectionEvent(ev, cause(s.origin)))
		ids, names, parents = append(ids, sec.ID), append(names, sec.Name), append(parents, sec.ParentID)
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO sections (organization_id, id, version, name, parent_id, sort, origin_kind, origin_id, created_at, updated_at)
		SELECT $1, id::uuid, 1, name, NULLIF(parent, '')::uuid, 0, $5, $6, $7, $7
		FROM unnest($2::text[], $3::text[], $4::text[]) AS n (id, name, parent)`,
		s.org, ids, names, parents, s.origin.Kind, s.origin.ID, s.now); err != nil {
		return fmt.Errorf("insert sections: %w", failure(err))
	}
	return nil
}
