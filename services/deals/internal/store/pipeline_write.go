package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/views"
)

// relocateChunk is how many deals are taken out of removed stages at a time.
const relocateChunk = 500

// pipelineWrite carries out the change of a pipeline within a transaction that has locked it.
type pipelineWrite struct {
	tx            pgx.Tx
	before, after *pipeline.Pipeline
	change        pipeline.Change
}

// run returns the events of the deals that went to another stage.
func (w *pipelineWrite) run(ctx context.Context) ([]event.Event, error) {
	if err := w.checkStages(ctx); err != nil {
		return nil, err
	}
	deleted := !w.after.DeletedAt.IsZero()
	restored := !w.before.DeletedAt.IsZero() && !deleted

	b := &pgx.Batch{}
	p := w.after
	b.Queue(`
		UPDATE pipelines
		SET version = $3, name = $4, position = $5, is_default = $6, lost_reasons = $7, updated_at = $8, deleted_at = $9
		WHERE organization_id = $1 AND id = $2`,
		p.OrganizationID, p.ID, p.Version, p.Name, p.Position, p.IsDefault, some(p.LostReasons), p.UpdatedAt, nullTime(p.DeletedAt))
	if restored {
		b.Queue(`UPDATE pipelines SET bin_stages = NULL WHERE organization_id = $1 AND id = $2`, p.OrganizationID, p.ID)
	}
	if !deleted {
		// New stages before the deals that go there.
		queueStages(b, p)
	}
	if err := w.tx.SendBatch(ctx, b).Close(); err != nil {
		if pg.IsForeignKey(err, "deals_stage_fkey") {
			return nil, pipeline.ErrKindInUse
		}
		return nil, fmt.Errorf("update pipeline: %w", err)
	}
	evs, err := w.relocate(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.removeStages(ctx, deleted); err != nil {
		return nil, err
	}
	return evs, nil
}

// checkStages locks the stages that go or change their kind, so that no deal enters meanwhile, and refuses if there are
// deals in them that nobody has found a place for.
func (w *pipelineWrite) checkStages(ctx context.Context) error {
	touched := append(pipeline.StageIDs(w.change.Removed), pipeline.StageIDs(w.change.KindChanged)...)
	if len(touched) == 0 {
		return nil
	}
	org := w.after.OrganizationID
	if _, err := w.tx.Exec(ctx, `SELECT FROM stages WHERE organization_id = $1 AND id = ANY($2) FOR UPDATE`, org, touched); err != nil {
		return fmt.Errorf("lock stages: %w", err)
	}
	rows, err := w.tx.Query(ctx, `
		SELECT stage_id::text, count(*)
		FROM deals
		WHERE organization_id = $1 AND stage_id = ANY($2)
		GROUP BY stage_id`, org, touched)
	if err != nil {
		return fmt.Errorf("count deals of stages: %w", err)
	}
	counts := make(map[string]int64)
	var id string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&id, &n}, func() error { counts[id] = n; return nil }); err != nil {
		return fmt.Errorf("count deals of stages: %w", err)
	}
	for _, s := range w.change.KindChanged {
		if n := counts[s.ID]; n > 0 {
			return pipeline.ErrKindInUse.With("stage_id", s.ID).With("stage", s.Name).With("deals", strconv.FormatInt(n, 10))
		}
	}
	for _, s := range w.change.Removed {
		if n := counts[s.ID]; n > 0 && w.change.Mapping[s.ID] == "" {
			return pipeline.ErrStageHasDeals.With("stage_id", s.ID).With("stage", s.Name).With("deals", strconv.FormatInt(n, 10)).
				Saying(fmt.Sprintf("%d deals are in the stage %q; say in stage_mapping where they go", n, s.Name))
		}
	}
	return nil
}

// relocate takes the deals of removed stages, those in the bin too, where the mapping says.
func (w *pipelineWrite) relocate(ctx context.Context) ([]event.Event, error) {
	if len(w.change.Mapping) == 0 || len(w.change.Removed) == 0 {
		return nil, nil
	}
	targets, err := w.targets(ctx)
	if err != nil {
		return nil, err
	}
	from := pipeline.StageIDs(w.change.Removed)
	env := deal.Env{Now: w.after.UpdatedAt, At: w.after.UpdatedAt}
	cause := event.Cause(publish.KindPipeline + "/" + w.after.ID)
	var out []event.Event
	for {
		deals, err := w.dealsIn(ctx, from)
		if err != nil {
			return nil, err
		}
		b, sums := &pgx.Batch{}, views.Deltas{}
		for _, d := range deals {
			before := *d
			to := targets[w.change.Mapping[d.StageID]]
			stage, err := to.Stage(w.change.Mapping[d.StageID])
			if err != nil {
				return nil, err
			}
			evs := []deal.Event{d.Relocate(to, stage, env)}
			b.Queue(updateDeal, dealArgs(d)...)
			queueStageChanges(b, evs, pg.Actor(ctx))
			sums.Add(&before, d)
			out = append(out, publish.Deals(evs, cause)...)
		}
		sums.Queue(b, w.after.OrganizationID)
		if err := w.tx.SendBatch(ctx, b).Close(); err != nil {
			return nil, fmt.Errorf("relocate deals: %w", err)
		}
		if len(deals) < relocateChunk {
			return out, nil
		}
	}
}

func (w *pipelineWrite) dealsIn(ctx context.Context, stages []string) ([]*deal.Deal, error) {
	rows, err := w.tx.Query(ctx, `
		SELECT `+dealColumns+`
		FROM deals d
		WHERE d.organization_id = $1 AND d.stage_id = ANY($2)
		ORDER BY d.id
		LIMIT $3
		FOR UPDATE`, w.after.OrganizationID, stages, relocateChunk)
	if err != nil {
		return nil, fmt.Errorf("read deals of stages: %w", err)
	}
	deals, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*deal.Deal, error) { return scanDeal(r) })
	if err != nil {
		return nil, fmt.Errorf("read deals of stages: %w", err)
	}
	return deals, nil
}

// targets returns the pipelines of the stages that the mapping leads to, by stage.
func (w *pipelineWrite) targets(ctx context.Context) (map[string]*pipeline.Pipeline, error) {
	out := make(map[string]*pipeline.Pipeline, len(w.change.Mapping))
	for _, to := range w.change.Mapping {
		if _, err := w.after.Stage(to); err == nil {
			out[to] = w.after
			continue
		}
		p, err := foundPipeline(scanPipeline(w.tx.QueryRow(ctx, `
			SELECT `+pipelineColumns+`
			FROM pipelines p
			WHERE p.organization_id = $1
			  AND p.id = (SELECT s.pipeline_id FROM stages s WHERE s.organization_id = $1 AND s.id = $2)`,
			w.after.OrganizationID, to)))
		if err != nil {
			return nil, err
		}
		out[to] = p
	}
	return out, nil
}

func (w *pipelineWrite) removeStages(ctx context.Context, deleted bool) error {
	if len(w.change.Removed) == 0 {
		return nil
	}
	org := w.after.OrganizationID
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM stages WHERE organization_id = $1 AND id = ANY($2)`, org, slices.Clip(pipeline.StageIDs(w.change.Removed)))
	if deleted {
		kept, err := binned(w.after)
		if err != nil {
			return err
		}
		b.Queue(`UPDATE pipelines SET bin_stages = $3 WHERE organization_id = $1 AND id = $2`, org, w.after.ID, kept)
	}
	if err := w.tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("remove stages: %w", err)
	}
	return nil
}
