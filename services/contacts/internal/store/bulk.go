package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// NaturalKey says what tells that a row without a known external ID is about a record that is there.
type NaturalKey int

// The natural keys.
const (
	NoKey NaturalKey = iota
	NameKey
	EmailKey
)

// Known are records that rows of a file are about.
type Known struct {
	ByExternalID map[record.ExternalID]string
	ByKey        map[string]string
}

// FindKnown finds the records that external IDs and natural keys belong to, in one round trip. Where several share a key
// the oldest counts.
func (t *table[T, P]) FindKnown(
	ctx context.Context, tx pgx.Tx, org string, ids []record.ExternalID, natural NaturalKey, keys []string,
) (Known, error) {
	k := Known{ByExternalID: map[record.ExternalID]string{}, ByKey: map[string]string{}}
	b := &pgx.Batch{}
	// One index search for each key, in a subquery of its own (OFFSET, LIMIT) that the planner cannot turn into a join:
	// left to itself it may read all that the organisation has, for every batch of an import. So the plan does not hang on
	// statistics, which are old while a table grows fast, and may be kept.
	b.Queue(`SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)`)
	if len(ids) > 0 {
		sources, values := make([]string, len(ids)), make([]string, len(ids))
		for i, x := range ids {
			sources[i], values[i] = x.Source, x.ID
		}
		b.Queue(`
			SELECT n.source, n.external_id, x.record_id
			FROM unnest($3::text[], $4::text[]) AS n (source, external_id)
			CROSS JOIN LATERAL (
				SELECT record_id FROM external_ids
				WHERE organization_id = $1 AND record_kind = $2 AND source = n.source AND external_id = n.external_id
				OFFSET 0
			) x`, org, string(t.kind), sources, values).Query(func(rows pgx.Rows) error {
			var x record.ExternalID
			var recordID string
			_, err := pgx.ForEachRow(rows, []any{&x.Source, &x.ID, idRef{&recordID}}, func() error {
				k.ByExternalID[x] = recordID
				return nil
			})
			return err
		})
	}
	from := ""
	switch {
	case len(keys) == 0:
	case natural == NameKey:
		from = `
				SELECT id FROM ` + t.name + `
				WHERE organization_id = $1 AND name_key = n.key AND deleted_at IS NULL
				ORDER BY name_key, id`
	case natural == EmailKey:
		from = `
				SELECT record_id AS id FROM contact_points
				WHERE organization_id = $1 AND kind = '` + reach.EmailPoint + `' AND value = n.key AND record_kind = '` + string(t.kind) + `'
				ORDER BY value, record_id`
	}
	if from != "" {
		b.Queue(`
			SELECT n.key, r.id
			FROM unnest($2::text[]) AS n (key)
			CROSS JOIN LATERAL (`+from+`
				LIMIT 1
			) r`, org, keys).Query(func(rows pgx.Rows) error {
			var key, recordID string
			_, err := pgx.ForEachRow(rows, []any{&key, idRef{&recordID}}, func() error {
				k.ByKey[key] = recordID
				return nil
			})
			return err
		})
	}
	// What comes later in the transaction is planned as ever.
	b.Queue(`SELECT set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true)`)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return Known{}, fmt.Errorf("find known %s: %w", t.name, err)
	}
	return k, nil
}

// LockMany reads records so that nobody else changes them before the transaction ends. They are locked in the order of
// their IDs, so that two imports do not wait for each other.
func (t *table[T, P]) LockMany(ctx context.Context, tx pgx.Tx, org string, ids []string) (map[string]*T, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, t.selectSQL+" AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE", org, ids)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", t.name, err)
	}
	defer rows.Close()
	out := make(map[string]*T, len(ids))
	for rows.Next() {
		r := new(T)
		if err := rows.Scan(t.refs(r)...); err != nil {
			return nil, fmt.Errorf("lock %s: %w", t.name, err)
		}
		out[P(r).Common().ID] = r
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", t.name, err)
	}
	return out, nil
}

// SaveMany writes changes of locked records and new ones in a handful of statements, and returns their events. A change
// in which nothing has changed is left out.
func (t *table[T, P]) SaveMany(ctx context.Context, tx pgx.Tx, org string, changes []*record.Change[T]) ([]event.Event, error) {
	if err := t.knowFields(ctx, org, changes); err != nil {
		return nil, err
	}
	var created, updated []*T
	saved := make([]*record.Change[T], 0, len(changes))
	evs := make([]event.Event, 0, len(changes))
	for _, ch := range changes {
		if ch.Before != nil {
			P(ch.After).Common().Version = P(ch.Before).Common().Version + 1
		}
		ev, ok := t.encode(ch)
		if !ok {
			continue
		}
		if ch.Before == nil {
			created = append(created, ch.After)
		} else {
			updated = append(updated, ch.After)
		}
		saved, evs = append(saved, ch), append(evs, ev)
	}
	b := &pgx.Batch{}
	if len(created) > 0 {
		rows, err := t.rows(org, created)
		if err != nil {
			return nil, err
		}
		b.Queue(t.insertManySQL+rows.From(), rows.Args...)
	}
	if len(updated) > 0 {
		rows, err := t.rows(org, updated)
		if err != nil {
			return nil, err
		}
		b.Queue(t.updateManySQL+rows.From()+" WHERE t.organization_id = $1 AND t.id = n.id", rows.Args...)
	}
	t.queueIndex(b, org, saved)
	if b.Len() == 0 {
		return nil, nil
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, t.told(fmt.Errorf("save %s: %w", t.name, err))
	}
	return evs, nil
}

// rows are many records as one statement writes them.
func (t *table[T, P]) rows(org string, records []*T) (*pg.Rows, error) {
	values := make([][]*string, len(t.columns))
	for i := range values {
		values[i] = make([]*string, len(records))
	}
	for n, r := range records {
		for i, ref := range t.refs(r) {
			s, err := text(ref)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", t.name, t.columns[i].name, err)
			}
			values[i][n] = s
		}
	}
	rows := pg.NewRows(len(records), org)
	for i, c := range t.columns {
		same, sent := pg.EqualOrNull[string], "text"
		if c.cast == "uuid" {
			sent = "uuid"
		}
		if c.name == "id" { // they differ, and need not be compared
			same = func(_, _ *string) bool { return false }
		}
		pg.Column(rows, c.name, c.cast, sent, values[i], same)
	}
	return rows, nil
}
