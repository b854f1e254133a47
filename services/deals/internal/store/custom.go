package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/publish"
)

// Custom fields of deals (CON-12): the values stand in a column of the row, their index in custom_values.

// customRows are the changes of custom fields in one transaction, of many deals at once.
type customRows struct {
	ids, values []string
	index       customfields.Rows
}

// add notes a changed deal; before is nil for a new one.
func (c *customRows) add(before, after *deal.Deal) {
	var old deal.Deal
	if before != nil {
		old = *before
	}
	if after.Fields != nil && !maps.EqualFunc(old.Custom, after.Custom, customfields.Equal) {
		raw, err := json.Marshal(after.Custom)
		if err == nil && after.Custom != nil { // checked values are always written
			c.ids, c.values = append(c.ids, after.ID), append(c.values, string(raw))
		} else {
			c.ids, c.values = append(c.ids, after.ID), append(c.values, "{}")
		}
		c.index.Save(after.Fields, after.ID, old.Custom, after.Custom, after.DeletedAt.IsZero())
	}
	switch {
	case old.DeletedAt.IsZero() && !after.DeletedAt.IsZero():
		c.index.Hide(after.ID)
	case !old.DeletedAt.IsZero() && after.DeletedAt.IsZero():
		c.index.Unhide(after.ID)
	}
}

// queue adds the statements, after those that write the rows.
func (c *customRows) queue(b *pgx.Batch, org string) {
	if len(c.ids) > 0 {
		b.Queue(`
			UPDATE deals d SET custom = n.custom::jsonb
			FROM unnest($2::uuid[], $3::text[]) AS n (id, custom)
			WHERE d.organization_id = $1 AND d.id = n.id`, org, c.ids, c.values)
	}
	c.index.Queue(b, org)
}

// queueCustom is customRows for one deal.
func queueCustom(b *pgx.Batch, before, after *deal.Deal) {
	var c customRows
	c.add(before, after)
	c.queue(b, after.OrganizationID)
}

// taken names the custom fields whose values another deal has, if that is why a write failed.
func (s *Deals) taken(ctx context.Context, d *deal.Deal, err error) error {
	if d != nil && d.Fields != nil && customfields.IsTaken(err) {
		return s.Custom.Taken(ctx, d.OrganizationID, d.Fields, d.ID, d.Custom)
	}
	return err
}

// schema is what can be asked of deals, with the custom fields if the request names one. The caller must have the
// organisation as $1.
func (s *Deals) schema(ctx context.Context, q *Query, filter, orderBy string, counts bool) (*aip.Schema, error) {
	schema := q.dealSchema()
	if s.Custom == nil || !customfields.Mentions(filter) && !customfields.Mentions(orderBy) {
		return schema, nil
	}
	kind, err := s.Custom.Kind(ctx, q.Caller.OrganizationID, publish.KindDeal)
	if err != nil {
		return nil, err
	}
	own := kind.Query("d", q.Zone)
	if counts {
		own.Counts()
	}
	maps.Copy(schema.Fields, own.Fields())
	var scratch []any
	if _, err := schema.Where(filter, &scratch); err != nil {
		return nil, err
	}
	_, err = own.Resolve(ctx, s.DB, q.Caller.OrganizationID)
	return schema, err
}

// Recompute saves the deals with IDs above after, at most limit, whose formulas have other values than they had, and
// returns the last ID it came to; "" if there are no more.
func (s *Deals) Recompute(ctx context.Context, org, after string, limit int, now time.Time, custom deal.Custom) (last string, err error) {
	if after == "" {
		after = "00000000-0000-0000-0000-000000000000"
	}
	err = s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		rows, err := tx.Query(ctx, `SELECT `+dealColumns+` FROM deals d WHERE d.organization_id = $1 AND d.id > $2 ORDER BY d.id LIMIT $3 FOR UPDATE`,
			org, after, limit)
		if err != nil {
			return nil, err
		}
		deals, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*deal.Deal, error) { return scanDeal(r) })
		if err != nil {
			return nil, err
		}
		last = ""
		if len(deals) == limit {
			last = deals[limit-1].ID
		}
		var changes []Change
		for _, d := range deals {
			before := *d
			if evs := d.Recompute(custom, now); len(evs) > 0 {
				changes = append(changes, Change{Before: &before, After: d, Events: evs})
			}
		}
		return WriteDeals(ctx, tx, org, changes, "", event.Cause("custom-field"))
	})
	if err != nil {
		return "", fmt.Errorf("compute formulas of deals: %w", err)
	}
	return last, nil
}
