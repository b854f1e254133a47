package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/views"
)

// Change is what became of one deal in a batch.
type Change struct {
	// Before is nil for a new deal.
	Before *deal.Deal
	After  *deal.Deal
	// Events in order; none if nothing has changed.
	Events []deal.Event
}

// WriteDeals writes many deals in one round trip, and what they change in the sums of the board added up.
func WriteDeals(ctx context.Context, tx pgx.Tx, org string, changes []Change, actor string, opts ...event.Option) ([]event.Event, error) {
	b, sums, more, custom := &pgx.Batch{}, views.Deltas{}, hangers{}, customRows{}
	var evs []event.Event
	for _, c := range changes {
		if len(c.Events) == 0 {
			continue
		}
		if c.Before == nil {
			b.Queue(insertDeal, dealArgs(c.After)...)
			more.externalIDs(c.After)
		} else {
			b.Queue(updateDeal, dealArgs(c.After)...)
			if !slices.Equal(c.Before.ExternalIDs, c.After.ExternalIDs) {
				b.Queue(`DELETE FROM deal_external_ids WHERE organization_id = $1 AND deal_id = $2`, org, c.After.ID)
				more.externalIDs(c.After)
			}
		}
		more.stageChanges(c.Events, actor)
		custom.add(c.Before, c.After)
		sums.Add(c.Before, c.After)
		evs = append(evs, publish.Deals(c.Events, opts...)...)
	}
	more.queue(b, org)
	custom.queue(b, org)
	sums.Queue(b, org)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, failure(fmt.Errorf("write deals: %w", err))
	}
	return evs, nil
}

// hangers gathers the rows that hang on deals, to be written by one statement for each table.
type hangers struct {
	sources, externals, owners []string

	deals, pipelines, stages []string
	froms                    []*string
	versions                 []int64
	entered                  []*time.Time
	actors                   []string
}

func (h *hangers) externalIDs(d *deal.Deal) {
	for _, e := range d.ExternalIDs {
		h.sources, h.externals, h.owners = append(h.sources, e.Source), append(h.externals, e.ID), append(h.owners, d.ID)
	}
}

func (h *hangers) stageChanges(evs []deal.Event, actor string) {
	for _, e := range evs {
		d, from, ok := entered(e)
		if !ok {
			continue
		}
		h.deals, h.versions, h.pipelines = append(h.deals, d.ID), append(h.versions, d.Version), append(h.pipelines, d.PipelineID)
		h.froms, h.stages = append(h.froms, null(from)), append(h.stages, d.StageID)
		h.entered, h.actors = append(h.entered, nullTime(d.StageEnteredAt)), append(h.actors, actor)
	}
}

func (h *hangers) queue(b *pgx.Batch, org string) {
	if len(h.owners) > 0 {
		b.Queue(`
			INSERT INTO deal_external_ids (organization_id, source, external_id, deal_id)
			SELECT $1, x.* FROM unnest($2::text[], $3::text[], $4::uuid[]) x`, org, h.sources, h.externals, h.owners)
	}
	if len(h.deals) > 0 {
		b.Queue(`
			INSERT INTO deal_stage_changes (organization_id, deal_id, version, pipeline_id, from_stage_id, stage_id, entered_at, actor)
			SELECT $1, x.*
			FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::text[]) x`,
			org, h.deals, h.versions, h.pipelines, h.froms, h.stages, h.entered, h.actors)
	}
}

// DealsByExternalID returns the deals with the IDs in other systems, locked.
func DealsByExternalID(ctx context.Context, tx pgx.Tx, org string, ids []deal.ExternalID) (map[deal.ExternalID]*deal.Deal, error) {
	sources, externals := make([]string, len(ids)), make([]string, len(ids))
	for i, e := range ids {
		sources[i], externals[i] = e.Source, e.ID
	}
	rows, err := tx.Query(ctx, `
		SELECT `+dealColumns+`, x.source, x.external_id
		FROM unnest($2::text[], $3::text[]) k (source, external_id)
		JOIN deal_external_ids x ON x.organization_id = $1 AND x.source = k.source AND x.external_id = k.external_id
		JOIN deals d ON d.organization_id = $1 AND d.id = x.deal_id
		ORDER BY d.id
		FOR UPDATE OF d`, org, sources, externals)
	if err != nil {
		return nil, fmt.Errorf("find deals by external ID: %w", err)
	}
	out := make(map[deal.ExternalID]*deal.Deal)
	_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (struct{}, error) {
		var e deal.ExternalID
		d, err := scanDeal(r, &e.Source, &e.ID)
		out[e] = d
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("find deals by external ID: %w", err)
	}
	return out, nil
}

// PipelinesIn returns all pipelines of the organisation that are not in the bin, by ID, and the default one under "".
func PipelinesIn(ctx context.Context, tx pgx.Tx, org string) (map[string]*pipeline.Pipeline, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+pipelineColumns+` FROM pipelines p WHERE p.organization_id = $1 AND p.deleted_at IS NULL LIMIT 10000`, org)
	if err != nil {
		return nil, fmt.Errorf("read pipelines: %w", err)
	}
	ps, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*pipeline.Pipeline, error) { return scanPipeline(r) })
	if err != nil {
		return nil, fmt.Errorf("read pipelines: %w", err)
	}
	out := make(map[string]*pipeline.Pipeline, len(ps)+1)
	for _, p := range ps {
		out[p.ID] = p
		if p.IsDefault {
			out[""] = p
		}
	}
	return out, nil
}

// Named is a record found by its name or ID, and how often.
type Named struct {
	ID        string
	Ambiguous bool
}

// FindPipelines returns pipelines by name, whatever the case, or by ID.
func (s *Pipelines) FindPipelines(ctx context.Context, org string, byID bool, keys []string) (map[string]Named, error) {
	column := "lower(name)"
	if byID {
		column = "id::text"
	}
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+column+`, id::text
		FROM pipelines
		WHERE organization_id = $1 AND deleted_at IS NULL AND `+column+` = ANY($2)`, org, lower(keys))
	return named(rows, err, keys)
}

// FindStages returns the stages of a pipeline, or of all, by name, whatever the case, or by ID.
func (s *Pipelines) FindStages(ctx context.Context, org, pipelineID string, byID bool, keys []string) (map[string]Named, error) {
	column := "lower(name)"
	if byID {
		column = "id::text"
	}
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+column+`, id::text
		FROM stages
		WHERE organization_id = $1 AND ($3 = '' OR pipeline_id::text = $3) AND `+column+` = ANY($2)`, org, lower(keys), pipelineID)
	return named(rows, err, keys)
}

func lower(keys []string) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = strings.ToLower(k)
	}
	return out
}

func named(rows pgx.Rows, err error, keys []string) (map[string]Named, error) {
	if err != nil {
		return nil, fmt.Errorf("find: %w", err)
	}
	found := make(map[string]Named)
	var key, id string
	if _, err := pgx.ForEachRow(rows, []any{&key, &id}, func() error {
		_, again := found[key]
		found[key] = Named{ID: id, Ambiguous: again}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("find: %w", err)
	}
	out := make(map[string]Named, len(found))
	for _, k := range keys {
		if n, ok := found[strings.ToLower(k)]; ok {
			out[k] = n
		}
	}
	return out, nil
}

// rerateChunk is how many deals are reckoned anew at a time.
const rerateChunk = 500

// Rerate reckons the base amounts of deals that have waited for the rate of a currency from a day on, within a
// consumer's transaction. Those that have one keep it: it is of the day their amount last changed.
func Rerate(ctx context.Context, db *pg.DB, tx pgx.Tx, org string, r views.Rate, now time.Time) error {
	for {
		rows, err := tx.Query(ctx, `
			SELECT `+dealColumns+`, x.rate
			FROM deals d
			CROSS JOIN LATERAL (
				SELECT rate
				FROM rates
				WHERE organization_id = $1 AND currency = $2 AND base_currency = $3 AND day <= d.base_date AND NOT removed
				ORDER BY day DESC
				LIMIT 1) x
			WHERE d.organization_id = $1 AND d.currency = $2 AND d.base_amount IS NULL AND d.base_date >= $4
			ORDER BY d.id
			LIMIT $5
			FOR UPDATE OF d`, org, r.Currency, r.BaseCurrency, r.Day, rerateChunk)
		if err != nil {
			return fmt.Errorf("find deals without a rate: %w", err)
		}
		var changes []Change
		_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
			var rate decimal.Decimal
			d, err := scanDeal(row, &rate)
			if err != nil {
				return struct{}{}, err
			}
			before := *d
			changes = append(changes, Change{Before: &before, After: d, Events: d.Rate(r.BaseCurrency, rate, now)})
			return struct{}{}, nil
		})
		if err != nil {
			return fmt.Errorf("find deals without a rate: %w", err)
		}
		evs, err := WriteDeals(ctx, tx, org, changes, "service:deals", event.Cause("rate/"+r.ID), event.Actor("service:deals"))
		if err != nil {
			return err
		}
		if err := db.Append(ctx, tx, org, evs...); err != nil {
			return err
		}
		if len(changes) < rerateChunk {
			return nil
		}
	}
}

// Purge removes for good what has been in the bin for longer than it is kept, and returns how much. Its events stay.
func Purge(ctx context.Context, system *pg.DB, now time.Time) (int64, error) {
	const some = 1000
	var gone int64
	for {
		var n int64
		err := system.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, `
				WITH old AS (
					DELETE FROM deals
					WHERE (organization_id, id) IN (
						SELECT organization_id, id FROM deals WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED)
					RETURNING organization_id, id
				), ways AS (
					DELETE FROM deal_stage_changes c USING old WHERE c.organization_id = old.organization_id AND c.deal_id = old.id
				), own AS (
					DELETE FROM custom_values v USING old WHERE v.organization_id = old.organization_id AND v.record_id = old.id
				)
				SELECT count(*) FROM old`, now.AddDate(0, 0, -deal.BinDays), some).Scan(&n)
		})
		gone += n
		if err != nil {
			return gone, fmt.Errorf("purge bin: %w", err)
		}
		if n < some {
			return gone, nil
		}
	}
}
