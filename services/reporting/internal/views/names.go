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

// PutNames keeps the newest names of records, in one statement. A deleted record keeps its name: old facts still refer
// to it.
func PutNames(ctx context.Context, tx pgx.Tx, org string, names []Name) error {
	n := len(names)
	kinds, ids, versions, texts, parents := make([]string, n), make([]string, n), make([]int64, n), make([]string, n), make([]*string, n)
	for i, x := range names {
		kinds[i], ids[i], versions[i], texts[i], parents[i] = x.Kind, x.ID, x.Version, x.Name, x.ParentID
	}
	// Of several for one record the newest: a row can be touched once.
	_, err := tx.Exec(ctx, `
		INSERT INTO names (organization_id, kind, id, version, name, parent_id)
		SELECT DISTINCT ON (n.kind, n.id) $1::uuid, n.kind, n.id, n.version, n.name, n.parent_id
		FROM unnest($2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[]) AS n (kind, id, version, name, parent_id)
		ORDER BY n.kind, n.id, n.version DESC
		ON CONFLICT ON CONSTRAINT names_pkey DO UPDATE
		SET version = EXCLUDED.version, name = EXCLUDED.name, parent_id = EXCLUDED.parent_id
		WHERE names.version < EXCLUDED.version`, org, kinds, ids, versions, texts, parents)
	if err != nil {
		return fmt.Errorf("put names: %w", err)
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
