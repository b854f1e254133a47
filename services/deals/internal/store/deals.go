package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/views"
)

// Create see [deal.Store].
func (s *Deals) Create(ctx context.Context, d *deal.Deal, evs ...deal.Event) (*deal.Deal, error) {
	b := &pgx.Batch{}
	queueNew(b, d, evs, pg.Actor(ctx))
	if err := s.DB.WriteBatch(ctx, d.OrganizationID, b, publish.Deals(evs)...); err != nil {
		return s.answered(ctx, d.OrganizationID, s.taken(ctx, d, err))
	}
	return d, nil
}

// queueNew adds a new deal with all that hangs on it. d is the deal after the last event.
func queueNew(b *pgx.Batch, d *deal.Deal, evs []deal.Event, actor string) {
	b.Queue(insertDeal, dealArgs(d)...)
	for _, e := range d.ExternalIDs {
		b.Queue(insertExternalID, d.OrganizationID, e.Source, e.ID, d.ID)
	}
	queueCustom(b, nil, d)
	queueStageChanges(b, evs, actor)
	views.QueueDeltas(b, nil, d)
}

// answered returns the deal as it was answered before if err says so, else what err means.
func (s *Deals) answered(ctx context.Context, org string, err error) (*deal.Deal, error) {
	ev, ok, err := replay(ctx, s.DB, org, err)
	if !ok {
		return nil, failure(err)
	}
	if err != nil {
		return nil, err
	}
	return publish.DealOf(ev)
}

const selectDeal = `SELECT ` + dealColumns + ` FROM deals d WHERE d.organization_id = $1 AND d.id = $2`

// Get see [deal.Store].
func (s *Deals) Get(ctx context.Context, org, id string) (*deal.Deal, error) {
	return found(scanDeal(s.DB.QueryRow(ctx, org, selectDeal, org, id)))
}

func found(d *deal.Deal, err error) (*deal.Deal, error) {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, deal.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get deal: %w", err)
	}
	return d, nil
}

// Update see [deal.Store].
func (s *Deals) Update(ctx context.Context, org, id string, version int64,
	fn func(context.Context, *deal.Deal) ([]deal.Event, error),
) (*deal.Deal, error) {
	var out *deal.Deal
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		d, err := found(scanDeal(tx.QueryRow(ctx, selectDeal+` FOR UPDATE`, org, id)))
		if err != nil {
			return nil, err
		}
		if version != 0 && version != d.Version {
			return nil, deal.ErrStale.With("etag", publish.Etag(d.Version))
		}
		before := *d
		evs, err := fn(ctx, d)
		if err != nil {
			return nil, err
		}
		out = d
		if len(evs) == 0 {
			return nil, nil
		}
		b := &pgx.Batch{}
		queueChange(b, &before, d, evs, pg.Actor(ctx))
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return nil, fmt.Errorf("update deal: %w", err)
		}
		return publish.Deals(evs), nil
	})
	if err != nil {
		return s.answered(ctx, org, s.taken(ctx, out, err))
	}
	return out, nil
}

// queueChange writes a changed deal with all that hangs on it.
func queueChange(b *pgx.Batch, before, after *deal.Deal, evs []deal.Event, actor string) {
	b.Queue(updateDeal, dealArgs(after)...)
	if !slices.Equal(before.ExternalIDs, after.ExternalIDs) {
		b.Queue(`DELETE FROM deal_external_ids WHERE organization_id = $1 AND deal_id = $2`, after.OrganizationID, after.ID)
		for _, e := range after.ExternalIDs {
			b.Queue(insertExternalID, after.OrganizationID, e.Source, e.ID, after.ID)
		}
	}
	queueCustom(b, before, after)
	queueStageChanges(b, evs, actor)
	views.QueueDeltas(b, before, after)
}
