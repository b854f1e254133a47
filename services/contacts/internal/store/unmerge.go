package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/record"
)

// changed is a row of merge_changes.
type changed struct {
	kind, id string
	version  int64
}

// undo takes a merge back. admit says whether the caller may. It returns the fields that stay as they are now, which are none
// unless keep is set.
func (m *merger[T, P]) undo(
	ctx context.Context, org, mergeID string, now time.Time, keep bool, admit func(*record.Meta) error,
) ([]string, error) {
	own, err := m.t.custom.Kind(ctx, org, string(m.t.kind))
	if err != nil {
		return nil, err
	}
	var kept []string
	err = m.t.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		var evs []event.Event
		evs, kept, err = m.part(ctx, tx, org, mergeID, now, keep, own, admit)
		return evs, err
	})
	var replay *idem.Replay
	if errors.As(err, &replay) {
		return nil, nil
	}
	if err != nil {
		return nil, m.t.told(err)
	}
	return kept, nil
}

// part is undo within a transaction.
func (m *merger[T, P]) part(
	ctx context.Context, tx pgx.Tx, org, mergeID string, now time.Time, keep bool, own *customfields.Kind, admit func(*record.Meta) error,
) ([]event.Event, []string, error) {
	done, changes, err := openMerge(ctx, tx, org, mergeID)
	if err != nil {
		return nil, nil, err
	}
	evs, kept, err := m.restore(ctx, tx, org, done, changes, now, own, admit)
	if err != nil {
		return nil, nil, err
	}
	followed, stays, err := m.store.unfollow(ctx, tx, org, done, changes, now)
	if err != nil {
		return nil, nil, err
	}
	if kept = append(kept, stays...); len(kept) > 0 && !keep {
		err := merge.ErrChanged
		for _, k := range kept {
			err = err.WithField(k, "was changed since the merge")
		}
		return nil, nil, err
	}
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM merged_records WHERE organization_id = $1 AND merge_id = $2`, org, mergeID)
	b.Queue(`UPDATE merges SET undone_at = $3, undone_by = $4 WHERE organization_id = $1 AND id = $2`,
		org, mergeID, now, pgUUID(authn.MustFrom(ctx).UserID))
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, fmt.Errorf("undo merge: %w", err)
	}
	return append(evs, followed...), kept, nil
}

// openMerge locks a merge that is not undone and reads what it changed.
func openMerge(ctx context.Context, tx pgx.Tx, org, mergeID string) (*merge.Done, []changed, error) {
	rows, err := tx.Query(ctx, selectMerge+` AND id = $2 FOR UPDATE`, org, mergeID)
	if err != nil {
		return nil, nil, fmt.Errorf("open merge: %w", err)
	}
	done, err := pgx.CollectExactlyOneRow(rows, scanMerge)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil, merge.ErrNotFound
	case err != nil:
		return nil, nil, fmt.Errorf("open merge: %w", err)
	case !done.UndoneAt.IsZero():
		return nil, nil, merge.ErrUndone
	}
	rows, err = tx.Query(ctx, `SELECT kind, record_id, version FROM merge_changes WHERE organization_id = $1 AND merge_id = $2
		ORDER BY kind, record_id`, org, mergeID)
	if err != nil {
		return nil, nil, fmt.Errorf("open merge: %w", err)
	}
	changes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c changed, err error) {
		return c, row.Scan(&c.kind, idRef{&c.id}, &c.version)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("open merge: %w", err)
	}
	return done, changes, nil
}

// restore makes records of their own of those that went, and takes back what the survivor got.
func (m *merger[T, P]) restore(
	ctx context.Context, tx pgx.Tx, org string, d *merge.Done, changes []changed, now time.Time,
	own *customfields.Kind, admit func(*record.Meta) error,
) ([]event.Event, []string, error) {
	cur, err := m.t.lock(ctx, tx, org, d.SurvivorID)
	if errors.Is(err, m.t.errNotFound) {
		return nil, nil, merge.ErrLater
	}
	if err != nil {
		return nil, nil, err
	}
	if err := admit(P(cur).Common()); err != nil {
		return nil, nil, err
	}
	at := slices.IndexFunc(changes, func(c changed) bool { return c.kind == string(m.t.kind) && c.id == d.SurvivorID })
	if at < 0 {
		return nil, nil, fmt.Errorf("merge %s does not know its survivor", d.ID)
	}
	next, kept, err := takeBack(ctx, tx, m.t, m.message, m.record, cur, changes[at].version)
	if err != nil {
		return nil, nil, err
	}
	m.hold(cur, next)
	s := P(next).Common()
	if !own.Empty() {
		s.Fields = own
	}
	s.Version, s.UpdatedAt = P(cur).Common().Version+1, now
	ev, err := publish.Joined(m.t.kind, true, m.message(cur), m.message(next), P(cur).Common(), s, d.ID, d.MergedIDs)
	if err != nil {
		return nil, nil, err
	}
	evs := []event.Event{ev}

	// The rows first: the survivor may belong to one of them. Then the survivor, which gives back what is looked up; then
	// what the others are looked up by.
	tag, err := tx.Exec(ctx, `
		INSERT INTO `+m.t.name+`
		SELECT r.* FROM merged_records x CROSS JOIN LATERAL jsonb_populate_record(NULL::`+m.t.name+`,
			x.row_was || jsonb_build_object('version', (x.row_was->>'version')::bigint + 2, 'updated_at', $3::timestamptz)) r
		WHERE x.organization_id = $1 AND x.merge_id = $2`, org, d.ID, now)
	if err != nil {
		return nil, nil, fmt.Errorf("restore %s: %w", m.t.name, err)
	}
	if int(tag.RowsAffected()) != len(d.MergedIDs) {
		return nil, nil, merge.ErrLater
	}
	restored, err := m.t.collect(ctx, tx, ` AND id = ANY($2::uuid[]) ORDER BY id`, org, d.MergedIDs)
	if err != nil {
		return nil, nil, err
	}
	b := &pgx.Batch{}
	if err := m.t.queueUpdate(b, org, &record.Change[T]{What: record.Updated, Before: cur, After: next}); err != nil {
		return nil, nil, err
	}
	var back, made []*record.Change[T]
	var sources, values []string
	for _, r := range restored {
		binned := *r
		P(&binned).Common().DeletedAt = now
		back = append(back, &record.Change[T]{What: record.Undeleted, Before: &binned, After: r})
		made = append(made, &record.Change[T]{What: record.Created, After: r})
		for _, x := range P(r).Common().ExternalIDs {
			sources, values = append(sources, x.Source), append(values, x.ID)
		}
		ev, err := publish.Parted(m.t.kind, true, m.message(r), P(r).Common(), d.ID, d.SurvivorID)
		if err != nil {
			return nil, nil, err
		}
		evs = append(evs, ev)
	}
	b.Queue(`
		DELETE FROM external_ids x USING unnest($4::text[], $5::text[]) AS n (source, external_id)
		WHERE x.organization_id = $1 AND x.record_kind = $2 AND x.record_id = $3 AND x.source = n.source AND x.external_id = n.external_id`,
		org, string(m.t.kind), d.SurvivorID, sources, values)
	m.t.queueIndex(b, org, back)
	if m.t.more != nil { // went with their rows
		m.t.more(b, org, made)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, fmt.Errorf("restore %s: %w", m.t.name, err)
	}
	return evs, fieldsOf(string(m.t.kind), d.SurvivorID, kept), nil
}

// fieldsOf names fields of a record for whoever undoes.
func fieldsOf(kind, id string, fields []string) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = kind + "/" + id + "/" + f
	}
	return out
}

// takeBack returns the record without what made a version of it, and the fields that were changed again since.
func takeBack[T any, P record.Entity[T]](
	ctx context.Context, tx pgx.Tx, t *table[T, P], message func(*T) proto.Message, decode func(proto.Message) (*T, error),
	cur *T, version int64,
) (*T, []string, error) {
	m := P(cur).Common()
	before, err := recordAt(ctx, tx, string(t.kind), m.ID, version-1)
	if err != nil {
		return nil, nil, err
	}
	after, err := recordAt(ctx, tx, string(t.kind), m.ID, version)
	if err != nil {
		return nil, nil, err
	}
	msg, kept := merge.Back(before, after, message(cur))
	next, err := decode(msg)
	return next, kept, err
}

// recordAt reads a record as it was at a version, from its event.
func recordAt(ctx context.Context, tx pgx.Tx, kind, id string, version int64) (proto.Message, error) {
	rows, err := tx.Query(ctx, event.AtSQL, kind, id, version)
	if err != nil {
		return nil, fmt.Errorf("read %s as of version %d: %w", kind, version, err)
	}
	ev, err := event.One(rows)
	if err != nil {
		return nil, fmt.Errorf("read %s as of version %d: %w", kind, version, err)
	}
	return first(ev)
}

// unfollow makes the records that followed a merge refer to what they referred to before.
func (s *Store) unfollow(
	ctx context.Context, tx pgx.Tx, org string, d *merge.Done, changes []changed, now time.Time,
) (evs []event.Event, kept []string, err error) {
	of := func(kind record.Kind) map[string]int64 {
		out := map[string]int64{}
		for _, c := range changes {
			if c.kind == string(kind) && (kind != d.Kind || c.id != d.SurvivorID) {
				out[c.id] = c.version
			}
		}
		return out
	}
	add := func(e []event.Event, k []string, err error) error {
		evs, kept = append(evs, e...), append(kept, k...)
		return err
	}
	if err := add(s.companyMerger().unpoint(ctx, tx, org, d, of(record.Company), now)); err != nil {
		return nil, nil, err
	}
	if err := add(s.contactMerger().unpoint(ctx, tx, org, d, of(record.Contact), now)); err != nil {
		return nil, nil, err
	}
	return evs, kept, add(s.leadMerger().unpoint(ctx, tx, org, d, of(record.Lead), now))
}

// unpoint takes back what a merge did to records that refer to its own. Those that were purged since are left out.
func (m *merger[T, P]) unpoint(
	ctx context.Context, tx pgx.Tx, org string, d *merge.Done, versions map[string]int64, now time.Time,
) ([]event.Event, []string, error) {
	if len(versions) == 0 {
		return nil, nil, nil
	}
	ids := make([]string, 0, len(versions))
	for id := range versions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var merged bool
	if err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM merged_records WHERE organization_id = $1 AND kind = $2 AND record_id = ANY($3::uuid[]))`,
		org, string(m.t.kind), ids).Scan(&merged); err != nil {
		return nil, nil, fmt.Errorf("look for merged records: %w", err)
	}
	if merged {
		return nil, nil, merge.ErrLater
	}
	locked, err := m.t.LockMany(ctx, tx, org, ids)
	if err != nil {
		return nil, nil, err
	}
	var kept []string
	var changes []*record.Change[T]
	for _, id := range ids {
		cur := locked[id]
		if cur == nil {
			continue
		}
		next, stays, err := takeBack(ctx, tx, m.t, m.message, m.record, cur, versions[id])
		if err != nil {
			return nil, nil, err
		}
		m.hold(cur, next)
		P(next).Common().UpdatedAt = now
		kept = append(kept, fieldsOf(string(m.t.kind), id, stays)...)
		changes = append(changes, &record.Change[T]{What: record.Updated, Before: cur, After: next, Cause: publish.MergeCause(d.ID)})
	}
	evs, err := m.t.SaveMany(ctx, tx, org, changes)
	return evs, kept, err
}
