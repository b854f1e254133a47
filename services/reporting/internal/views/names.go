package views

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Name is what an event says of the name of a record.
type Name struct {
	Kind, ID string
	Version  int64
	Name     string
	ParentID *string
}

// PutName keeps the newest name of a record. A deleted record keeps its name: old facts still refer to it.
func PutName(ctx context.Context, tx pgx.Tx, org string, n Name) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO names (organization_id, kind, id, version, name, parent_id)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT ON CONSTRAINT names_pkey DO UPDATE
		SET version = EXCLUDED.version, name = EXCLUDED.name, parent_id = EXCLUDED.parent_id
		WHERE names.version < EXCLUDED.version`, org, n.Kind, n.ID, n.Version, n.Name, n.ParentID)
	if err != nil {
		return fmt.Errorf("put name of %s: %w", n.Kind, err)
	}
	return nil
}

// Pipeline is what an event says of a pipeline.
type Pipeline struct {
	ID      string
	Version int64
	Name    string
	Deleted bool
	Stages  []Stage
}

// Stage is a stage of a pipeline; its place is its index.
type Stage struct {
	ID, Name string
	Kind     int16
}

// PutPipeline keeps the newest state of a pipeline and its stages.
func PutPipeline(ctx context.Context, tx pgx.Tx, org string, p Pipeline) error {
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO names (organization_id, kind, id, version, name)
		VALUES ($1, 'pipeline', $2, $3, $4)
		ON CONFLICT ON CONSTRAINT names_pkey DO UPDATE SET version = EXCLUDED.version, name = EXCLUDED.name
		WHERE names.version < EXCLUDED.version`, org, p.ID, p.Version, p.Name)
	ids := make([]string, 0, len(p.Stages))
	for i, s := range p.Stages {
		ids = append(ids, s.ID)
		b.Queue(`
			INSERT INTO stages (organization_id, pipeline_id, id, version, name, kind, position, retired)
			VALUES ($1, $2, $3, $4, $5, $6, $7, false)
			ON CONFLICT ON CONSTRAINT stages_pkey DO UPDATE
			SET version = EXCLUDED.version, name = EXCLUDED.name, kind = EXCLUDED.kind, position = EXCLUDED.position, retired = false
			WHERE stages.version < EXCLUDED.version`, org, p.ID, s.ID, p.Version, s.Name, s.Kind, i)
	}
	b.Queue(`
		UPDATE stages SET retired = true, version = $3
		WHERE organization_id = $1 AND pipeline_id = $2 AND version < $3 AND id <> ALL($4)`, org, p.ID, p.Version, ids)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("put pipeline: %w", err)
	}
	return nil
}
