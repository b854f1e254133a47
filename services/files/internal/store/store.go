// Package store keeps files in PostgreSQL. Their contents are in the blob store; the table of contents says which of
// them are needed.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/publish"
)

// Store implements file.Store.
type Store struct {
	// DB works as kontor_app.
	DB *pg.DB
	// Exists reports whether the bytes of a content are there.
	Exists func(ctx context.Context, key string) (bool, error)
	Clock  clock.Clock
}

const columns = `f.id::text, f.name, coalesce(f.record_kind, ''), coalesce(f.record_id::text, ''), f.uploader_id::text, f.content_version,
	f.content_type, f.size, f.sha256, f.version, f.created_at, f.updated_at, f.deleted_at,
	(SELECT c.key FROM contents c WHERE c.organization_id = f.organization_id AND c.sha256 = f.sha256)`

func scan(row pgx.CollectableRow, more ...any) (*file.File, error) {
	var f file.File
	var gone *time.Time
	err := row.Scan(append([]any{
		&f.ID, &f.Name, &f.Record.Kind, &f.Record.ID, &f.UploaderID, &f.ContentVersion, &f.Content.Type, &f.Content.Size,
		&f.Content.SHA256, &f.Version, &f.CreatedAt, &f.UpdatedAt, &gone, &f.Content.Key,
	}, more...)...)
	f.CreatedAt, f.UpdatedAt = f.CreatedAt.UTC(), f.UpdatedAt.UTC()
	if gone != nil {
		f.DeletedAt = gone.UTC()
	}
	return &f, err
}

func one(rows pgx.Rows) (*file.File, error) {
	f, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*file.File, error) { return scan(row) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, file.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get file: %w", err)
	}
	return f, nil
}

// now is cut to what PostgreSQL keeps.
func (s *Store) now() time.Time { return s.Clock.Now().UTC().Truncate(time.Microsecond) }

func null(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Create see [file.Store.Create].
func (s *Store) Create(ctx context.Context, org string, f *file.File) (*file.File, error) {
	var out file.File
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		now := s.now()
		out = *f
		var err error
		if out.Record, err = settle(ctx, tx, org, out.Record); err != nil {
			return nil, err
		}
		out.ContentVersion, out.Version, out.CreatedAt, out.UpdatedAt = 1, 1, now, now
		if err := need(ctx, tx, org, out.Content); err != nil {
			return nil, err
		}
		b := &pgx.Batch{}
		queueFile(b, org, &out)
		queueVersion(b, org, &out, out.UploaderID, now)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return nil, fmt.Errorf("insert file: %w", err)
		}
		return []event.Event{publish.Event(file.Created{File: out})}, nil
	})
	if err != nil {
		return nil, err
	}
	return &out, s.check(ctx, out.Content)
}

// need notes that a content is referred to, and takes off the mark of one that was not. Whoever clears contents away
// holds the row meanwhile.
func need(ctx context.Context, tx pgx.Tx, org string, c file.Content) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO contents (organization_id, sha256, key, size) VALUES ($1, $2, $3, $4)
		ON CONFLICT ON CONSTRAINT contents_pkey DO UPDATE SET doomed_at = NULL`, org, c.SHA256, c.Key, c.Size)
	if err != nil {
		return fmt.Errorf("note content: %w", err)
	}
	return nil
}

// check returns file.ErrUnavailable if the content was cleared away between its upload and the commit of the reference.
func (s *Store) check(ctx context.Context, c file.Content) error {
	there, err := s.Exists(ctx, c.Key)
	switch {
	case err != nil:
		return file.ErrUnavailable.Because(err)
	case !there:
		return file.ErrUnavailable.Because(errors.New("cleared away while it was uploaded again"))
	}
	return nil
}

// queueFile inserts a new file.
func queueFile(b *pgx.Batch, org string, f *file.File) {
	b.Queue(`
		INSERT INTO files (organization_id, id, name, record_kind, record_id, uploader_id, content_version, content_type, size, sha256,
			version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		org, f.ID, f.Name, null(f.Record.Kind), null(f.Record.ID), f.UploaderID, f.ContentVersion, f.Content.Type, f.Content.Size,
		f.Content.SHA256, f.Version, f.CreatedAt, f.UpdatedAt)
}

// queueVersion inserts the file's newest content among those it has had.
func queueVersion(b *pgx.Batch, org string, f *file.File, uploader string, now time.Time) {
	b.Queue(`
		INSERT INTO file_versions (organization_id, file_id, number, content_type, size, sha256, uploader_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		org, f.ID, f.ContentVersion, f.Content.Type, f.Content.Size, f.Content.SHA256, uploader, now)
}

// Get see [file.Store.Get].
func (s *Store) Get(ctx context.Context, org, id string) (*file.File, error) {
	rows, err := s.DB.Query(ctx, org, `SELECT `+columns+` FROM files f WHERE f.organization_id = $1 AND f.id = $2`, org, id)
	if err != nil {
		return nil, fmt.Errorf("get file: %w", err)
	}
	return one(rows)
}

// Update see [file.Store.Update].
func (s *Store) Update(ctx context.Context, org, id string, etag int64, fn func(*file.File) (file.Event, error)) (*file.File, error) {
	var out *file.File
	var replaced bool
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		replaced = false
		if _, err := tx.Exec(ctx, shareMerges, org); err != nil {
			return nil, fmt.Errorf("share merges: %w", err)
		}
		rows, err := tx.Query(ctx, `
			SELECT `+columns+` FROM files f WHERE f.organization_id = $1 AND f.id = $2 FOR UPDATE OF f`, org, id)
		if err != nil {
			return nil, fmt.Errorf("lock file: %w", err)
		}
		f, err := one(rows)
		if err != nil {
			return nil, err
		}
		if etag != 0 && etag != f.Version {
			return nil, file.ErrStale
		}
		out = f
		version, was := f.Version, f.Record
		ev, err := fn(f)
		if ev == nil || err != nil {
			return nil, err
		}
		moved := f.Record != was
		if moved {
			if f.Record, err = settle(ctx, tx, org, f.Record); err != nil {
				return nil, err
			}
		}
		f.Version, f.UpdatedAt, f.DeletedAt = version+1, s.now(), f.DeletedAt.Truncate(time.Microsecond)
		_, replaced = ev.(file.Replaced)
		if err := s.save(ctx, tx, org, f, replaced, moved); err != nil {
			return nil, err
		}
		return []event.Event{publish.Event(with(ev, *f))}, nil
	})
	if err != nil {
		return nil, err
	}
	if replaced {
		return out, s.check(ctx, out.Content)
	}
	return out, nil
}

func (s *Store) save(ctx context.Context, tx pgx.Tx, org string, f *file.File, replaced, moved bool) error {
	b := &pgx.Batch{}
	if replaced {
		if err := need(ctx, tx, org, f.Content); err != nil {
			return err
		}
		queueVersion(b, org, f, pg.Actor(ctx), f.UpdatedAt)
	}
	if moved {
		queueHome(b, org, f.ID, f.Record, f.Record)
	}
	b.Queue(`
		UPDATE files
		SET name = $3, record_kind = $4, record_id = $5, content_version = $6, content_type = $7, size = $8, sha256 = $9,
			version = $10, updated_at = $11, deleted_at = $12
		WHERE organization_id = $1 AND id = $2`,
		org, f.ID, f.Name, null(f.Record.Kind), null(f.Record.ID), f.ContentVersion, f.Content.Type, f.Content.Size, f.Content.SHA256,
		f.Version, f.UpdatedAt, nullTime(f.DeletedAt))
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("update file: %w", err)
	}
	return nil
}

// with puts the file as stored into the event.
func with(ev file.Event, f file.File) file.Event {
	switch e := ev.(type) {
	case file.Updated:
		e.File = f
		return e
	case file.Replaced:
		e.File = f
		return e
	case file.Deleted:
		e.File = f
		return e
	case file.Restored:
		e.File = f
		return e
	}
	return ev
}

// Content see [file.Store.Content].
func (s *Store) Content(ctx context.Context, org, id string, n int32) (file.Content, error) {
	var c file.Content
	err := s.DB.QueryRow(ctx, org, `
		SELECT c.key, v.content_type, v.size, v.sha256
		FROM file_versions v JOIN contents c ON c.organization_id = v.organization_id AND c.sha256 = v.sha256
		WHERE v.organization_id = $1 AND v.file_id = $2 AND ($3 = 0 OR v.number = $3)
		ORDER BY v.number DESC
		LIMIT 1`, org, id, n).Scan(&c.Key, &c.Type, &c.Size, &c.SHA256)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return c, file.ErrNotFound
	case err != nil:
		return c, fmt.Errorf("get content: %w", err)
	}
	return c, nil
}

// Versions returns up to limit contents of the file below number before, newest first.
func (s *Store) Versions(ctx context.Context, org, id string, before int32, limit int) ([]file.Version, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT number, content_type, size, sha256, uploader_id::text, created_at
		FROM file_versions
		WHERE organization_id = $1 AND file_id = $2 AND ($3 = 0 OR number < $3)
		ORDER BY number DESC
		LIMIT $4`, org, id, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (file.Version, error) {
		var v file.Version
		err := row.Scan(&v.Number, &v.Content.Type, &v.Content.Size, &v.Content.SHA256, &v.UploaderID, &v.CreatedAt)
		v.CreatedAt = v.CreatedAt.UTC()
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	return all, nil
}

// Schema is what files can be filtered and sorted by.
func Schema() *aip.Schema {
	return &aip.Schema{
		IDColumn: "f.id", DefaultOrder: "create_time desc",
		Fields: map[string]aip.Field{
			"id":           {Column: "f.id", Type: aip.ID},
			"name":         {Column: "f.name", Type: aip.Text, Sortable: true},
			"content_type": {Column: "f.content_type", Type: aip.Text},
			"size":         {Column: "f.size", Type: aip.Int, Sortable: true},
			"uploader_id":  {Column: "f.uploader_id", Type: aip.ID},
			"create_time":  {Column: "f.created_at", Type: aip.Time, Sortable: true},
			"update_time":  {Column: "f.updated_at", Type: aip.Time, Sortable: true},
		},
	}
}

// Of selects files: those of a record or, without one, those of an uploader that hang on none.
type Of struct {
	Record   file.Record
	Uploader string
	// Deleted selects the bin instead.
	Deleted bool
}

func (o Of) where(args *[]any) string {
	bind := func(v any) string {
		*args = append(*args, v)
		return fmt.Sprintf("$%d", len(*args))
	}
	state := "f.deleted_at IS NULL"
	if o.Deleted {
		state = "f.deleted_at > now() - interval '30 days'"
	}
	if o.Record.None() {
		return "f.record_id IS NULL AND f.uploader_id = " + bind(o.Uploader) + "::uuid AND " + state
	}
	return "f.record_kind = " + bind(o.Record.Kind) + " AND f.record_id = " + bind(o.Record.ID) + "::uuid AND " + state
}

// List returns a page of files and the token of the next.
func (s *Store) List(ctx context.Context, org string, l *aip.List, of Of) ([]*file.File, string, error) {
	args := []any{org}
	where := "f.organization_id = $1 AND " + of.where(&args) + " AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+columns+`, `+l.Key()+`
		FROM files f
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list files: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*file.File, error) {
		var key aip.Key
		f, err := scan(row, &key)
		keys = append(keys, key)
		return f, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list files: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// countLimit is how far counts are exact (decisions 12).
const countLimit = 10_000

// Count counts files, exactly up to 10,000.
func (s *Store) Count(ctx context.Context, org string, l *aip.List, of Of) (n int, more bool, err error) {
	args := []any{org}
	where := "f.organization_id = $1 AND " + of.where(&args) + " AND " + l.Filter(&args)
	sql := fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM files f WHERE %s LIMIT %d) AS rows`, where, countLimit+1)
	if err := s.DB.QueryRow(ctx, org, sql, args...).Scan(&n); err != nil {
		return 0, false, fmt.Errorf("count files: %w", err)
	}
	return min(n, countLimit), n > countLimit, nil
}

// Replayed returns the file that a repeated request was answered with, if err says that it was one.
func (s *Store) Replayed(ctx context.Context, org string, err error) (*filesv1.File, bool) {
	var r *idem.Replay
	if !errors.As(err, &r) {
		return nil, false
	}
	ev, err := s.DB.EventAt(ctx, org, r.Kind, r.RecordID, r.Version)
	if err != nil {
		return nil, false
	}
	// Every event of a file has it in field 1.
	var m filesv1.FileCreated
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(ev.Payload, &m); err != nil || m.GetFile() == nil {
		return nil, false
	}
	return m.GetFile(), true
}
