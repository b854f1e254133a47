package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
)

// pipelineColumns are what scanPipeline reads, in its order. Those in the bin have their stages in bin_stages.
const pipelineColumns = `p.id, p.organization_id, p.version, p.name, p.position, p.is_default, p.lost_reasons,
	coalesce(p.bin_stages, (
		SELECT jsonb_agg(jsonb_build_object('ID', s.id, 'Name', s.name, 'Kind', s.kind, 'Color', s.color,
			'Probability', s.probability, 'TimeLimitDays', s.time_limit_days) ORDER BY s.position)
		FROM stages s
		WHERE s.organization_id = p.organization_id AND s.pipeline_id = p.id), '[]'),
	p.created_at, p.updated_at, p.deleted_at`

func scanPipeline(row pgx.Row, more ...any) (*pipeline.Pipeline, error) {
	var p pipeline.Pipeline
	var deleted *time.Time
	dest := []any{
		&p.ID, &p.OrganizationID, &p.Version, &p.Name, &p.Position, &p.IsDefault, &p.LostReasons, &p.Stages,
		&p.CreatedAt, &p.UpdatedAt, &deleted,
	}
	if err := row.Scan(append(dest, more...)...); err != nil {
		return nil, err
	}
	p.CreatedAt, p.UpdatedAt, p.DeletedAt = p.CreatedAt.UTC(), p.UpdatedAt.UTC(), orZero(deleted)
	return &p, nil
}

func foundPipeline(p *pipeline.Pipeline, err error) (*pipeline.Pipeline, error) {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, pipeline.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get pipeline: %w", err)
	}
	return p, nil
}

// Create see [pipeline.Store].
func (s *Pipelines) Create(ctx context.Context, p *pipeline.Pipeline, ev pipeline.Created) (*pipeline.Pipeline, error) {
	err := s.DB.Write(ctx, p.OrganizationID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		var evs []pipeline.Event
		if p.IsDefault {
			yielded, err := yieldDefault(ctx, tx, p)
			if err != nil {
				return nil, err
			}
			evs = yielded
		}
		b := &pgx.Batch{}
		queueNewPipeline(b, p)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return nil, fmt.Errorf("create pipeline: %w", err)
		}
		// The new record's event comes first: it is what a repeated request is answered with.
		return publish.Pipelines(append([]pipeline.Event{ev}, evs...)), nil
	})
	if err != nil {
		out, _, err := s.answered(ctx, p.OrganizationID, err)
		return out, err
	}
	return p, nil
}

func (s *Pipelines) answered(ctx context.Context, org string, err error) (*pipeline.Pipeline, int64, error) {
	ev, ok, err := replay(ctx, s.DB, org, err)
	if !ok {
		return nil, 0, failure(err)
	}
	if err != nil {
		return nil, 0, err
	}
	p, err := publish.PipelineOf(ev)
	return p, 0, err
}

func queueNewPipeline(b *pgx.Batch, p *pipeline.Pipeline) {
	b.Queue(`
		INSERT INTO pipelines (organization_id, id, version, name, position, is_default, lost_reasons, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		p.OrganizationID, p.ID, p.Version, p.Name, p.Position, p.IsDefault, some(p.LostReasons), p.CreatedAt, p.UpdatedAt)
	queueStages(b, p)
}

// queueStages writes all stages of a pipeline, new ones and changed ones.
func queueStages(b *pgx.Batch, p *pipeline.Pipeline) {
	for i, st := range p.Stages {
		b.Queue(`
			INSERT INTO stages (organization_id, id, pipeline_id, kind, position, name, color, probability, time_limit_days)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (organization_id, id) DO UPDATE
			SET kind = excluded.kind, position = excluded.position, name = excluded.name, color = excluded.color,
				probability = excluded.probability, time_limit_days = excluded.time_limit_days`,
			p.OrganizationID, st.ID, p.ID, st.Kind, i, st.Name, st.Color, st.Probability, st.TimeLimitDays)
	}
}

// CreateReady see [pipeline.Store].
func (s *Pipelines) CreateReady(ctx context.Context, p *pipeline.Pipeline) error {
	err := s.System.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pipelines WHERE organization_id = $1 AND is_default)`,
			p.OrganizationID).Scan(&there); err != nil || there {
			return err
		}
		b := &pgx.Batch{}
		queueNewPipeline(b, p)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		evs := publish.Pipelines([]pipeline.Event{pipeline.Created{After: *p}})
		for i := range evs {
			evs[i].Actor = "service:deals"
		}
		return s.System.Append(ctx, tx, p.OrganizationID, evs...)
	})
	if pg.IsUnique(err, "pipelines_default_key") || pg.IsUnique(err, "pipelines_name_key") {
		return nil // another request made it meanwhile
	}
	if err != nil {
		return fmt.Errorf("make the ready-made pipeline: %w", err)
	}
	return nil
}

// Get see [pipeline.Store].
func (s *Pipelines) Get(ctx context.Context, org, id string) (*pipeline.Pipeline, error) {
	if id == "" {
		return foundPipeline(scanPipeline(s.DB.QueryRow(ctx, org, `
			SELECT `+pipelineColumns+` FROM pipelines p WHERE p.organization_id = $1 AND p.is_default`, org)))
	}
	return foundPipeline(scanPipeline(s.DB.QueryRow(ctx, org, `
		SELECT `+pipelineColumns+` FROM pipelines p WHERE p.organization_id = $1 AND p.id = $2`, org, id)))
}

// OfStage see [pipeline.Store].
func (s *Pipelines) OfStage(ctx context.Context, org, stageID string) (*pipeline.Pipeline, error) {
	p, err := foundPipeline(scanPipeline(s.DB.QueryRow(ctx, org, `
		SELECT `+pipelineColumns+`
		FROM pipelines p
		WHERE p.organization_id = $1
		  AND p.id = (SELECT s.pipeline_id FROM stages s WHERE s.organization_id = $1 AND s.id = $2)`, org, stageID)))
	if errors.Is(err, pipeline.ErrNotFound) {
		return nil, pipeline.ErrStageNotFound.With("stage_id", stageID)
	}
	return p, err
}

// Update see [pipeline.Store].
func (s *Pipelines) Update(ctx context.Context, org, id string, version int64,
	fn func(*pipeline.Pipeline, []pipeline.Stage) (pipeline.Change, error),
) (*pipeline.Pipeline, int64, error) {
	var out *pipeline.Pipeline
	var moved int64
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		out, moved = nil, 0
		before, err := foundPipeline(scanPipeline(tx.QueryRow(ctx, `
			SELECT `+pipelineColumns+` FROM pipelines p WHERE p.organization_id = $1 AND p.id = $2 FOR UPDATE OF p`, org, id)))
		if err != nil {
			return nil, err
		}
		if version != 0 && version != before.Version {
			return nil, pipeline.ErrStale.With("etag", publish.Etag(before.Version))
		}
		others, err := otherStages(ctx, tx, org, id)
		if err != nil {
			return nil, err
		}
		after := before.Clone()
		c, err := fn(after, others)
		if err != nil {
			return nil, err
		}
		out = after
		if len(c.Events) == 0 {
			return nil, nil
		}
		evs := c.Events
		if after.IsDefault && !before.IsDefault {
			yielded, err := yieldDefault(ctx, tx, after)
			if err != nil {
				return nil, err
			}
			evs = append(slices.Clip(evs), yielded...)
		}
		w := pipelineWrite{tx: tx, before: before, after: after, change: c}
		dealEvents, err := w.run(ctx)
		if err != nil {
			return nil, err
		}
		moved = int64(len(dealEvents))
		return append(publish.Pipelines(evs), dealEvents...), nil
	})
	if err != nil {
		return s.answered(ctx, org, err)
	}
	return out, moved, nil
}

// yieldDefault takes the default away from the pipeline that has it, if that is another than p.
func yieldDefault(ctx context.Context, tx pgx.Tx, p *pipeline.Pipeline) ([]pipeline.Event, error) {
	old, err := foundPipeline(scanPipeline(tx.QueryRow(ctx, `
		SELECT `+pipelineColumns+`
		FROM pipelines p
		WHERE p.organization_id = $1 AND p.is_default AND p.id <> $2
		FOR UPDATE OF p`, p.OrganizationID, p.ID)))
	if errors.Is(err, pipeline.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	evs := old.Yield(p.UpdatedAt)
	if _, err := tx.Exec(ctx, `
		UPDATE pipelines SET is_default = false, version = $3, updated_at = $4 WHERE organization_id = $1 AND id = $2`,
		old.OrganizationID, old.ID, old.Version, old.UpdatedAt); err != nil {
		return nil, fmt.Errorf("yield default: %w", err)
	}
	return evs, nil
}

// otherStages lists the stages of the other pipelines.
func otherStages(ctx context.Context, tx pgx.Tx, org, id string) ([]pipeline.Stage, error) {
	rows, err := tx.Query(ctx, `
		SELECT s.id, s.name, s.kind, s.color, s.probability, s.time_limit_days
		FROM stages s
		WHERE s.organization_id = $1 AND s.pipeline_id <> $2
		ORDER BY s.pipeline_id, s.position
		LIMIT 10000`, org, id)
	if err != nil {
		return nil, fmt.Errorf("read stages: %w", err)
	}
	stages, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pipeline.Stage])
	if err != nil {
		return nil, fmt.Errorf("read stages: %w", err)
	}
	return stages, nil
}

// binned is the stages of a pipeline as they are kept in the bin.
func binned(p *pipeline.Pipeline) ([]byte, error) {
	b, err := json.Marshal(p.Stages)
	if err != nil {
		return nil, fmt.Errorf("keep stages: %w", err)
	}
	return b, nil
}
