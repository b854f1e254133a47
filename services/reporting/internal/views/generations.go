package views

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/apperr"
)

// Failures of rebuilds.
var (
	ErrUnderWay = apperr.NotAllowedNow("REBUILD_UNDER_WAY", "facts are being rebuilt already; wait for that to end")
	ErrNoSuch   = apperr.NotFound("REBUILD_NOT_FOUND", "there is no such rebuild")
)

// Rebuild tells how a rebuild stands.
type Rebuild struct {
	Generation int64
	Serving    bool
	WaitingFor []string
}

// StartRebuild opens a generation that ends when the end of each of waitingFor, "source/partition", has been seen. It returns
// ErrUnderWay with the generation that is being built. tx is of kontor_system.
func StartRebuild(ctx context.Context, tx pgx.Tx, waitingFor []string) (int64, error) {
	var generation int64
	err := tx.QueryRow(ctx, `
		INSERT INTO generations (state, waiting_for) VALUES ('building', $1)
		ON CONFLICT (state) WHERE state = 'building' DO NOTHING
		RETURNING generation`, waitingFor).Scan(&generation)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, underWay(ctx, tx)
	}
	if err != nil {
		return 0, fmt.Errorf("open generation: %w", err)
	}
	return generation, nil
}

// underWay is ErrUnderWay with the generation in question.
func underWay(ctx context.Context, tx pgx.Tx) error {
	var generation string
	err := tx.QueryRow(ctx, `SELECT generation::text FROM generations WHERE state = 'building'`).Scan(&generation)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) { // it may have come to its end in between
		return fmt.Errorf("read generation: %w", err)
	}
	return ErrUnderWay.With("generation", generation)
}

// GetRebuild returns ErrNoSuch if there is none with the number.
func GetRebuild(ctx context.Context, tx pgx.Tx, generation int64) (Rebuild, error) {
	r := Rebuild{Generation: generation}
	err := tx.QueryRow(ctx, `SELECT state = 'serving', waiting_for FROM generations WHERE generation = $1`, generation).
		Scan(&r.Serving, &r.WaitingFor)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, ErrNoSuch
	}
	if err != nil {
		return r, fmt.Errorf("read generation: %w", err)
	}
	return r, nil
}

// EndReplay notes that a source has been read to its end on a partition. After the last one the new generation serves,
// from one transaction to the next, and the old one is retired.
func EndReplay(ctx context.Context, tx pgx.Tx, source string) error {
	var generation int64
	var left int
	err := tx.QueryRow(ctx, `
		UPDATE generations SET waiting_for = array_remove(waiting_for, $1)
		WHERE state = 'building' AND $1 = ANY(waiting_for)
		RETURNING generation, cardinality(waiting_for)`, source).Scan(&generation, &left)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && left > 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("note end of replay: %w", err)
	}
	b := &pgx.Batch{}
	b.Queue(`UPDATE generations SET state = 'retired' WHERE state = 'serving'`)
	b.Queue(`UPDATE generations SET state = 'serving' WHERE generation = $1`, generation)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("switch generations: %w", err)
	}
	return nil
}

// Sweep removes some facts of retired generations. It reports whether there is more to remove.
func Sweep(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	const most = 5000
	for _, table := range []string{"deal_facts", "line_facts", "stage_changes", "stage_totals", "lead_facts", "lead_changes"} {
		tag, err := tx.Exec(ctx, `
			DELETE FROM `+table+` WHERE ctid = ANY(ARRAY(
				SELECT t.ctid FROM `+table+` t JOIN generations g USING (generation) WHERE g.state = 'retired' LIMIT $1))`, most)
		if err != nil {
			return false, fmt.Errorf("sweep %s: %w", table, err)
		}
		more = more || tag.RowsAffected() == most
	}
	return more, nil
}
