package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/record"
)

// MergeBatch is the merge of all groups of duplicates that a scan is sure enough of, and how far it is.
type MergeBatch struct {
	OrganizationID, ID, UserID string
	Kind                       record.Kind
	MinScore                   float64
	Reason                     string // empty for any
	DryRun                     bool
	// Planned says that the groups are listed; of Groups, Position are dealt with.
	Planned          bool
	Groups, Position int64
	// Merged counts groups that became one, Records what became part of another, Left the groups that stay as they are.
	Merged, Records, Left int64
}

// AddMergeBatch keeps a new batch.
func (s *Store) AddMergeBatch(ctx context.Context, tx pgx.Tx, b *MergeBatch) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO merge_batches (organization_id, id, kind, user_id, min_score, reason, dry_run) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		b.OrganizationID, b.ID, string(b.Kind), b.UserID, b.MinScore, b.Reason, b.DryRun); err != nil {
		return fmt.Errorf("insert merge batch: %w", err)
	}
	return nil
}

// LockMergeBatch reads a batch and holds it, so that of two runs one goes on where the other has come to.
func (s *Store) LockMergeBatch(ctx context.Context, tx pgx.Tx, org, id string) (*MergeBatch, error) {
	b := &MergeBatch{OrganizationID: org, ID: id}
	if err := tx.QueryRow(ctx, `
		SELECT kind, user_id::text, min_score, reason, dry_run, planned, groups, position, merged, records, remaining
		FROM merge_batches WHERE organization_id = $1 AND id = $2 FOR UPDATE`, org, id).Scan(&b.Kind, &b.UserID, &b.MinScore,
		&b.Reason, &b.DryRun, &b.Planned, &b.Groups, &b.Position, &b.Merged, &b.Records, &b.Left); err != nil {
		return nil, fmt.Errorf("lock merge batch: %w", err)
	}
	return b, nil
}

// SaveMergeBatch stores how far a locked batch is.
func (s *Store) SaveMergeBatch(ctx context.Context, tx pgx.Tx, b *MergeBatch) error {
	if _, err := tx.Exec(ctx, `
		UPDATE merge_batches SET planned = $3, groups = $4, position = $5, merged = $6, records = $7, remaining = $8
		WHERE organization_id = $1 AND id = $2`,
		b.OrganizationID, b.ID, b.Planned, b.Groups, b.Position, b.Merged, b.Records, b.Left); err != nil {
		return fmt.Errorf("advance merge batch: %w", err)
	}
	return nil
}

// planAtOnce is how many groups are listed in one statement.
const planAtOnce = 10_000

// PlanMergeBatch lists the groups that the last scan has found, as far as the caller sees the records, surest first.
func (s *Store) PlanMergeBatch(ctx context.Context, tx pgx.Tx, c record.Caller, b *MergeBatch) error {
	args := []any{c.OrganizationID, string(b.Kind), b.MinScore, b.Reason}
	live := visible(c, &args) + " AND t.deleted_at IS NULL"
	rows, err := tx.Query(ctx, `
		SELECT first_id, second_id FROM duplicate_pairs p
		WHERE organization_id = $1 AND kind = $2 AND score >= $3 AND ($4 = '' OR $4 = ANY(reasons)) AND dismissed_at IS NULL
			AND `+sees(b.Kind, "first_id", live)+" AND "+sees(b.Kind, "second_id", live)+`
		ORDER BY score DESC, first_id, second_id`, args...)
	if err != nil {
		return fmt.Errorf("plan merges: %w", err)
	}
	var groups merge.Groups[[16]byte]
	var first, second pgtype.UUID
	if _, err := pgx.ForEachRow(rows, []any{&first, &second}, func() error {
		groups.Join(first.Bytes, second.Bytes)
		return nil
	}); err != nil {
		return fmt.Errorf("plan merges: %w", err)
	}
	all := groups.All()
	for from := 0; from < len(all); from += planAtOnce {
		var numbers []int64
		var ids []pgtype.UUID
		for n, group := range all[from:min(from+planAtOnce, len(all))] {
			for _, id := range group {
				numbers, ids = append(numbers, int64(from+n+1)), append(ids, pgtype.UUID{Bytes: id, Valid: true})
			}
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO merge_batch_groups (organization_id, batch_id, number, record_ids)
			SELECT $1, $2, n.number, array_agg(n.id) FROM unnest($3::bigint[], $4::uuid[]) AS n (number, id) GROUP BY n.number`,
			b.OrganizationID, b.ID, numbers, ids); err != nil {
			return fmt.Errorf("plan merges: %w", err)
		}
	}
	b.Planned, b.Groups = true, int64(len(all))
	return nil
}

// MergeGroup is a group of a batch.
type MergeGroup struct {
	Number int64
	IDs    []string
	// Dismissed says that two of its records are known not to be the same.
	Dismissed bool
}

// NextGroups returns the groups of a batch to be dealt with next, at most so many.
func (s *Store) NextGroups(ctx context.Context, tx pgx.Tx, b *MergeBatch, atMost int) ([]MergeGroup, error) {
	rows, err := tx.Query(ctx, `
		SELECT number, record_ids, EXISTS (
			SELECT FROM duplicate_pairs p
			WHERE p.organization_id = $1 AND p.kind = $4 AND p.first_id = ANY(g.record_ids) AND p.second_id = ANY(g.record_ids)
				AND p.dismissed_at IS NOT NULL)
		FROM merge_batch_groups g
		WHERE organization_id = $1 AND batch_id = $2 AND number > $3 ORDER BY number LIMIT $5`,
		b.OrganizationID, b.ID, b.Position, string(b.Kind), atMost)
	if err != nil {
		return nil, fmt.Errorf("next groups: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (g MergeGroup, err error) {
		return g, row.Scan(&g.Number, idsRef{&g.IDs}, &g.Dismissed)
	})
	if err != nil {
		return nil, fmt.Errorf("next groups: %w", err)
	}
	return out, nil
}

// MergeBatchUndo is a batch being taken back, and how far that is.
type MergeBatchUndo struct {
	OrganizationID, ID, BatchID, UserID string
	Kind                                record.Kind
	// Position is the number of the group dealt with last: the merge done last is taken back first.
	Position int64
	// Of Total merges, Parted were taken back, Left stay.
	Total, Parted, Left int64
	Done                bool
}

// AddMergeBatchUndo keeps that a batch is to be taken back. It violates merge_batch_undos_under_way if that is being done.
func (s *Store) AddMergeBatchUndo(ctx context.Context, tx pgx.Tx, org, id, batchID, userID string) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO merge_batch_undos (organization_id, id, batch_id, user_id, position, total)
		SELECT $1, $2, $3, $4, coalesce(max(batch_number), 0) + 1, count(*)
		FROM merges WHERE organization_id = $1 AND batch_id = $3 AND undone_at IS NULL`, org, id, batchID, userID); err != nil {
		return fmt.Errorf("insert undo of merge batch: %w", err)
	}
	return nil
}

// RunningMergeBatchUndo returns the operation that takes a batch back.
func (s *Store) RunningMergeBatchUndo(ctx context.Context, org, batchID string) (id string, err error) {
	if err := s.db.QueryRow(ctx, org, `
		SELECT id FROM merge_batch_undos WHERE organization_id = $1 AND batch_id = $2 AND NOT done`, org, batchID).Scan(idRef{&id}); err != nil {
		return "", fmt.Errorf("find undo of merge batch: %w", err)
	}
	return id, nil
}

// LockMergeBatchUndo reads what is taken back and holds it.
func (s *Store) LockMergeBatchUndo(ctx context.Context, tx pgx.Tx, org, id string) (*MergeBatchUndo, error) {
	u := &MergeBatchUndo{OrganizationID: org, ID: id}
	if err := tx.QueryRow(ctx, `
		SELECT u.batch_id::text, u.user_id::text, b.kind, u.position, u.total, u.parted, u.remaining, u.done
		FROM merge_batch_undos u JOIN merge_batches b ON b.organization_id = $1 AND b.id = u.batch_id
		WHERE u.organization_id = $1 AND u.id = $2 FOR UPDATE OF u`, org, id).Scan(&u.BatchID, &u.UserID, &u.Kind, &u.Position,
		&u.Total, &u.Parted, &u.Left, &u.Done); err != nil {
		return nil, fmt.Errorf("lock undo of merge batch: %w", err)
	}
	return u, nil
}

// SaveMergeBatchUndo stores how far it is.
func (s *Store) SaveMergeBatchUndo(ctx context.Context, tx pgx.Tx, u *MergeBatchUndo) error {
	if _, err := tx.Exec(ctx, `
		UPDATE merge_batch_undos SET position = $3, parted = $4, remaining = $5, done = $6
		WHERE organization_id = $1 AND id = $2`, u.OrganizationID, u.ID, u.Position, u.Parted, u.Left, u.Done); err != nil {
		return fmt.Errorf("advance undo of merge batch: %w", err)
	}
	return nil
}

// NextMerge returns the merge of a batch that is to be taken back next; false if there are no more.
func (s *Store) NextMerge(ctx context.Context, tx pgx.Tx, u *MergeBatchUndo) (*merge.Done, bool, error) {
	rows, err := tx.Query(ctx, selectMerge+` AND batch_id = $2 AND batch_number < $3 AND undone_at IS NULL
		ORDER BY batch_number DESC LIMIT 1`, u.OrganizationID, u.BatchID, u.Position)
	if err != nil {
		return nil, false, fmt.Errorf("next merge: %w", err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanMerge)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("next merge: %w", err)
	}
	return d, true, nil
}

// Lock locks the records of a group.
func (x Merging[T, P]) Lock(ctx context.Context, tx pgx.Tx, org string, ids []string) ([]*T, error) {
	return x.m.lockAll(ctx, tx, org, ids)
}

// Join is Merge within a transaction: it returns the events to be told.
func (x Merging[T, P]) Join(
	ctx context.Context, tx pgx.Tx, org string, d *merge.Done, decide func([]*T) (*T, error),
) ([]event.Event, error) {
	_, evs, err := x.m.join(ctx, tx, org, d, decide)
	if err != nil {
		return nil, x.m.t.told(err)
	}
	return evs, nil
}

// Part is Undo within a transaction: it returns the events to be told. own is the custom fields of the kind.
func (x Merging[T, P]) Part(
	ctx context.Context, tx pgx.Tx, org, mergeID string, now time.Time, own *customfields.Kind, admit func(*record.Meta) error,
) ([]event.Event, error) {
	evs, _, err := x.m.part(ctx, tx, org, mergeID, now, false, own, admit)
	if err != nil {
		return nil, x.m.t.told(err)
	}
	return evs, nil
}
