package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/section"
)

// Sections implements [section.Store], and the reading of lists.
type Sections struct {
	DB *pg.DB
}

const sectionColumns = `
	s.id::text, s.version, s.name, coalesce(s.parent_id::text, ''), s.sort, s.origin_kind, s.origin_id, s.created_at, s.updated_at,
	s.deleted_at,
	coalesce((SELECT jsonb_agg(jsonb_build_array(e.source, e.external_id) ORDER BY e.source)
		FROM section_external_ids e WHERE e.organization_id = s.organization_id AND e.section_id = s.id), '[]')`

func scanSection(row pgx.Row, more ...any) (*section.Section, error) {
	var h head
	var s section.Section
	var external []byte
	dest := append([]any{
		&h.id, &h.version, &s.Name, &s.ParentID, &s.Sort, &h.originKind, &h.originID, &h.created, &h.updated, &h.deleted, &external,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return nil, err
	}
	s.Head = h.record()
	ids, err := scanExternalIDs(external)
	s.ExternalIDs = ids
	return &s, err
}

// Create see [section.Store].Create.
func (s *Sections) Create(ctx context.Context, org string, sec *section.Section, ev section.Event) (*section.Section, error) {
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := openSection(ctx, tx, org, sec.ParentID); err != nil {
			return nil, err
		}
		if err := insertSection(ctx, tx, org, sec); err != nil {
			return nil, err
		}
		return []event.Event{publish.SectionEvent(ev)}, nil
	})
	return s.answer(ctx, org, sec, err)
}

func (s *Sections) answer(ctx context.Context, org string, sec *section.Section, err error) (*section.Section, error) {
	if err == nil {
		return sec, nil
	}
	msg, err := replay(ctx, s.DB, org, err)
	if err != nil {
		return nil, err
	}
	if m, ok := msg.(interface{ GetSection() *catalogv1.Section }); ok {
		return publish.ToSection(m.GetSection())
	}
	return nil, fmt.Errorf("the request was answered by a %T before", msg)
}

func insertSection(ctx context.Context, tx pgx.Tx, org string, s *section.Section) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO sections (organization_id, id, version, name, parent_id, sort, origin_kind, origin_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		org, s.ID, s.Version, s.Name, null(s.ParentID), s.Sort, s.Origin.Kind, s.Origin.ID, s.CreatedAt, s.UpdatedAt); err != nil {
		return fmt.Errorf("insert section: %w", err)
	}
	return insertSectionIDs(ctx, tx, org, s)
}

func insertSectionIDs(ctx context.Context, tx pgx.Tx, org string, s *section.Section) error {
	if len(s.ExternalIDs) == 0 {
		return nil
	}
	var x externalIDs
	x.add(s.ID, s.ExternalIDs)
	if _, err := tx.Exec(ctx, `
		INSERT INTO section_external_ids (organization_id, section_id, source, external_id)
		SELECT $1, owner::uuid, source, id
		FROM unnest($2::text[], $3::text[], $4::text[]) AS x (owner, source, id)`, org, x.owners, x.sources, x.ids); err != nil {
		return fmt.Errorf("insert external IDs of section: %w", err)
	}
	return nil
}

// Get see [section.Store].Get.
func (s *Sections) Get(ctx context.Context, org, id string) (*section.Section, error) {
	sec, err := scanSection(s.DB.QueryRow(ctx, org, `
		SELECT `+sectionColumns+`
		FROM sections s
		WHERE s.organization_id = $1 AND s.id = $2`, org, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, section.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get section: %w", err)
	}
	return sec, nil
}

// Update see [section.Store].Update.
func (s *Sections) Update(ctx context.Context, org, id string, version int64, fn func(*section.Section) (section.Event, error),
) (*section.Section, error) {
	var out *section.Section
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		sec, err := lockSection(ctx, tx, org, id)
		if err != nil {
			return nil, err
		}
		if version != 0 && version != sec.Version {
			return nil, section.ErrStale.With("etag", aip.Etag(sec.Version))
		}
		before := sec.Clone()
		ev, err := fn(sec)
		if err != nil {
			return nil, err
		}
		if err := s.checkPlace(ctx, tx, org, before, sec); err != nil {
			return nil, err
		}
		if err := updateSection(ctx, tx, org, sec); err != nil {
			return nil, err
		}
		out = sec
		return []event.Event{publish.SectionEvent(ev)}, nil
	})
	return s.answer(ctx, org, out, err)
}

func lockSection(ctx context.Context, tx pgx.Tx, org, id string) (*section.Section, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM sections WHERE organization_id = $1 AND id = $2 FOR UPDATE`, org, id); err != nil {
		return nil, fmt.Errorf("lock section: %w", err)
	}
	sec, err := scanSection(tx.QueryRow(ctx, `
		SELECT `+sectionColumns+`
		FROM sections s
		WHERE s.organization_id = $1 AND s.id = $2`, org, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, section.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read section: %w", err)
	}
	return sec, nil
}

func updateSection(ctx context.Context, tx pgx.Tx, org string, s *section.Section) error {
	if _, err := tx.Exec(ctx, `
		UPDATE sections
		SET version = $3, name = $4, parent_id = $5, sort = $6, updated_at = $7, deleted_at = $8
		WHERE organization_id = $1 AND id = $2`,
		org, s.ID, s.Version, s.Name, null(s.ParentID), s.Sort, s.UpdatedAt, s.DeletedAt); err != nil {
		return fmt.Errorf("update section: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM section_external_ids WHERE organization_id = $1 AND section_id = $2`, org, s.ID); err != nil {
		return fmt.Errorf("delete external IDs of section: %w", err)
	}
	return insertSectionIDs(ctx, tx, org, s)
}

// checkPlace holds what concerns other rows: no section within itself, none in the bin with something in it.
func (s *Sections) checkPlace(ctx context.Context, tx pgx.Tx, org string, before, after *section.Section) error {
	switch {
	case after.DeletedAt != nil:
		return sectionEmpty(ctx, tx, org, after.ID)
	case after.ParentID == "" || (after.ParentID == before.ParentID && before.DeletedAt == nil):
		return nil
	}
	// Two moves at once could each be fine and make a ring together: one at a time.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('sections/' || $1, 0))`, org); err != nil {
		return fmt.Errorf("lock sections: %w", err)
	}
	if err := openSection(ctx, tx, org, after.ParentID); err != nil {
		return err
	}
	var ring bool
	if err := tx.QueryRow(ctx, `
		WITH RECURSIVE above AS (
			SELECT id, parent_id FROM sections WHERE organization_id = $1 AND id = $2
			UNION
			SELECT s.id, s.parent_id FROM sections s JOIN above a ON s.id = a.parent_id WHERE s.organization_id = $1
		)
		SELECT EXISTS (SELECT FROM above WHERE id = $3)`, org, after.ParentID, after.ID).Scan(&ring); err != nil {
		return fmt.Errorf("read sections above: %w", err)
	}
	if ring {
		return section.ErrCycle
	}
	return nil
}

func sectionEmpty(ctx context.Context, tx pgx.Tx, org, id string) error {
	var taken bool
	if err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM sections WHERE organization_id = $1 AND parent_id = $2 AND deleted_at IS NULL)
			OR EXISTS (SELECT FROM products WHERE organization_id = $1 AND section_id = $2 AND deleted_at IS NULL)`,
		org, id).Scan(&taken); err != nil {
		return fmt.Errorf("look into section: %w", err)
	}
	if taken {
		return section.ErrNotEmpty
	}
	return nil
}

func sectionSchema() *aip.Schema {
	return &aip.Schema{
		DefaultOrder: "sort, name",
		IDColumn:     "s.id",
		Fields: map[string]aip.Field{
			"id":          {Column: "s.id", Type: aip.ID},
			"name":        {Column: "s.name", Type: aip.Text, Sortable: true},
			"parent_id":   {Column: "s.parent_id", Type: aip.ID, Nullable: true},
			"sort":        {Column: "s.sort", Type: aip.Int, Sortable: true},
			"create_time": {Column: "s.created_at", Type: aip.Time, Sortable: true},
			"update_time": {Column: "s.updated_at", Type: aip.Time, Sortable: true},

			"external_ids.*": {Custom: externalID("s.id", "section_external_ids", "section_id")},
		},
	}
}

// List returns a page of sections and the token of the next one.
func (s *Sections) List(ctx context.Context, org string, req aip.Request, deleted bool) ([]*section.Section, string, error) {
	l, err := sectionSchema().List(req, org, live(deleted))
	if err != nil {
		return nil, "", err
	}
	args := []any{org}
	where := l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+sectionColumns+`, `+l.Key()+`
		FROM sections s
		WHERE s.organization_id = $1 AND s.`+live(deleted)+` AND `+where+`
		ORDER BY `+l.OrderBy()+` LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list sections: %w", err)
	}
	defer rows.Close()
	var out []*section.Section
	var keys []aip.Key
	for rows.Next() {
		var key aip.Key
		sec, err := scanSection(rows, &key)
		if err != nil {
			return nil, "", fmt.Errorf("list sections: %w", err)
		}
		out, keys = append(out, sec), append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("list sections: %w", err)
	}
	page, next := aip.Page(l, out, keys)
	return page, next, nil
}

// Count counts the sections that List would list.
func (s *Sections) Count(ctx context.Context, org, filter string, deleted bool) (int32, bool, error) {
	return count(ctx, s.DB, org, "sections s", sectionSchema(), filter, deleted)
}

// Remove puts a section that the transaction finds at a version into the bin and returns its event. It returns
// section.ErrNotFound, ErrStale and ErrNotEmpty.
func (s *Sections) Remove(ctx context.Context, tx pgx.Tx, org, id string, version int64, now time.Time, opts ...event.Option) (event.Event, error) {
	sec, err := lockSection(ctx, tx, org, id)
	if err != nil {
		return event.Event{}, err
	}
	if sec.Version != version {
		return event.Event{}, section.ErrStale
	}
	if err := sectionEmpty(ctx, tx, org, id); err != nil {
		return event.Event{}, err
	}
	ev, err := sec.Delete(now)
	if err != nil {
		return event.Event{}, err
	}
	return publish.SectionEvent(ev, opts...), updateSection(ctx, tx, org, sec)
}
