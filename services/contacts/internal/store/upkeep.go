package store

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/record"
)

// upkeepBatch is how many records one transaction of the upkeep deals with.
const upkeepBatch = 200

// TellOverdue tells once of each lead of the organisation that has been left untouched for too long, and returns how many
// there were. heads names whom to tell about a responsible user's leads.
func (s *Leads) TellOverdue(ctx context.Context, org string, now time.Time, heads func(responsible string) []string) (int, error) {
	ctx = authn.With(ctx, authn.Principal{OrganizationID: org, Service: "contacts"})
	for told := 0; ; {
		var n int
		err := s.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
			late, err := s.collect(ctx, tx, `
				AND touched_at IS NULL AND deleted_at IS NULL AND overdue_at <= $2 AND overdue_told_at IS NULL
				ORDER BY overdue_at LIMIT $3 FOR UPDATE SKIP LOCKED`, org, now, upkeepBatch)
			if n = len(late); err != nil || n == 0 {
				return nil, err
			}
			ids := make([]string, n)
			evs := make([]event.Event, n)
			for i, l := range late {
				after := *l
				after.Version++
				ids[i] = l.ID
				evs[i] = publish.LeadOverdue(
					&record.Change[lead.Lead]{What: lead.BecameOverdue, Before: l, After: &after}, heads(l.ResponsibleID))
			}
			if _, err := tx.Exec(ctx, `
				UPDATE leads SET overdue_told_at = $3, version = version + 1
				WHERE organization_id = $1 AND id = ANY($2::uuid[])`, org, ids, now); err != nil {
				return nil, fmt.Errorf("note overdue leads: %w", err)
			}
			return evs, nil
		})
		if err != nil {
			return told, fmt.Errorf("tell overdue leads: %w", err)
		}
		if told += n; n < upkeepBatch {
			return told, nil
		}
	}
}

// collect reads records within a transaction; sql goes on after the condition on the organisation.
func (t *table[T, P]) collect(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]*T, error) {
	rows, err := tx.Query(ctx, t.selectSQL+sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	defer rows.Close()
	var out []*T
	for rows.Next() {
		r := new(T)
		if err := rows.Scan(t.refs(r)...); err != nil {
			return nil, fmt.Errorf("read %s: %w", t.name, err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	return out, nil
}

// Purge removes what has been in the organisation's bin for longer than it is kept (decisions 24), and returns how many
// records that were.
func (s *Store) Purge(ctx context.Context, org string, now time.Time) (int, error) {
	ctx = authn.With(ctx, authn.Principal{OrganizationID: org, Service: "contacts"})
	before := now.AddDate(0, 0, -record.BinDays)
	all := 0
	for _, purge := range []func(context.Context, string, time.Time) (int, error){
		s.leads.purge, s.contacts.purge, s.companies.purge,
	} {
		n, err := purge(ctx, org, before)
		all += n
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func (t *table[T, P]) purge(ctx context.Context, org string, before time.Time) (int, error) {
	for gone := 0; ; {
		var n int
		err := t.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
			old, err := t.collect(ctx, tx, ` AND deleted_at < $2 ORDER BY deleted_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
				org, before, upkeepBatch)
			if n = len(old); err != nil || n == 0 {
				return nil, err
			}
			ids := make([]string, n)
			evs := make([]event.Event, n)
			var custom customfields.Rows
			for i, r := range old {
				after := *r
				m := P(&after).Common()
				m.Version++
				ids[i] = m.ID
				custom.Purge(m.ID)
				evs[i], _ = t.encode(&record.Change[T]{What: record.Purged, Before: r, After: &after})
			}
			if _, err := tx.Exec(ctx, `DELETE FROM `+t.name+` WHERE organization_id = $1 AND id = ANY($2::uuid[])`, org, ids); err != nil {
				return nil, fmt.Errorf("delete %s: %w", t.name, err)
			}
			b := &pgx.Batch{}
			custom.Queue(b, org)
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return nil, fmt.Errorf("delete custom fields of %s: %w", t.name, err)
			}
			return evs, nil
		})
		if err != nil {
			return gone, fmt.Errorf("purge %s: %w", t.name, err)
		}
		if gone += n; n < upkeepBatch {
			return gone, nil
		}
	}
}

// FormulaCause is the cause of changes that a new or another formula brings.
const FormulaCause = "custom-field"

// Recompute saves the records with IDs above after, at most limit, whose formulas have other values than they had, and
// returns the last ID it came to; "" if there are no more (CON-12).
func (t *table[T, P]) Recompute(
	ctx context.Context, org, after string, limit int, now time.Time, check func(before, next *T, lenient bool) error,
) (last string, err error) {
	if after == "" {
		after = "00000000-0000-0000-0000-000000000000"
	}
	err = t.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		records, err := t.collect(ctx, tx, ` AND id > $2 ORDER BY id LIMIT $3 FOR UPDATE`, org, after, limit)
		if err != nil {
			return nil, err
		}
		last = ""
		var changes []*record.Change[T]
		for _, r := range records {
			next := *r
			m := P(&next).Common()
			if len(records) == limit {
				last = m.ID
			}
			if err := check(r, &next, true); err != nil || maps.EqualFunc(P(r).Common().Custom, m.Custom, customfields.Equal) {
				continue // what cannot be computed stays as it is
			}
			m.UpdatedAt = now
			changes = append(changes, &record.Change[T]{What: record.Updated, Before: r, After: &next, Cause: FormulaCause})
		}
		return t.SaveMany(ctx, tx, org, changes)
	})
	if err != nil {
		return "", fmt.Errorf("compute formulas of %s: %w", t.name, err)
	}
	return last, nil
}
