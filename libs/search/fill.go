package search

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/pg"
)

// Filler makes the search keys of records that were kept before there were any. It is done once; what is saved afterwards
// has its key.
type Filler struct {
	// DB is the service's database as kontor_system.
	DB *pg.DB
	// Tables with a column search_key, and an index of the rows in which it is NULL.
	Tables []Filling
	Log    *slog.Logger
}

// Filling is one table to be filled. Texts and Solids are expressions of type text[] over a row: what the key is made of.
type Filling struct{ Table, Texts, Solids string }

const (
	// fillBatch is how many rows one transaction fills.
	fillBatch = 1000
	// fillAgain is the pause after a failure.
	fillAgain = 30 * time.Second
)

// Run fills what is to be filled, and then waits for ctx to end.
func (f *Filler) Run(ctx context.Context) error {
	for {
		err := f.Once(ctx)
		if err == nil {
			break
		}
		f.Log.ErrorContext(ctx, "search keys are not made", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(fillAgain):
		}
	}
	<-ctx.Done()
	return nil
}

// Once fills what is to be filled.
func (f *Filler) Once(ctx context.Context) error {
	for _, t := range f.Tables {
		for n := fillBatch; n == fillBatch; {
			var err error
			if n, err = f.some(ctx, t); err != nil {
				return fmt.Errorf("search keys of %s: %w", t.Table, err)
			}
		}
	}
	return nil
}

// some fills a batch and returns how many rows it had.
func (f *Filler) some(ctx context.Context, t Filling) (n int, err error) {
	err = f.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT organization_id::text, id::text, `+t.Texts+`, `+t.Solids+` FROM `+t.Table+` AS t
			WHERE search_key IS NULL ORDER BY organization_id, id LIMIT $1 FOR UPDATE SKIP LOCKED`, fillBatch)
		if err != nil {
			return err
		}
		var orgs, ids, keys []string
		var org, id string
		var texts, solids []string
		if _, err := pgx.ForEachRow(rows, []any{&org, &id, &texts, &solids}, func() error {
			for _, s := range solids {
				texts = append(texts, Solid(s))
			}
			orgs, ids, keys = append(orgs, org), append(ids, id), append(keys, Key(texts...))
			return nil
		}); err != nil {
			return err
		}
		n = len(ids)
		_, err = tx.Exec(ctx, `UPDATE `+t.Table+` AS t SET search_key = n.key
			FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (organization_id, id, key)
			WHERE t.organization_id = n.organization_id AND t.id = n.id`, orgs, ids, keys)
		return err
	})
	return n, err
}
