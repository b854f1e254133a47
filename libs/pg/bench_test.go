package pg_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// BenchmarkGet compares a read as an organisation with a bare select by a role that sees all.
func BenchmarkGet(b *testing.B) {
	db := database(b)
	org, thing := newID(), newID()
	require.NoError(b, create(b.Context(), db.App, org, thing, "a"))
	const sql = `SELECT name, version FROM things WHERE organization_id = $1 AND id = $2`
	b.Run("organisation", func(b *testing.B) {
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				var name string
				var version int64
				if err := db.App.QueryRow(b.Context(), org, sql, org, thing).Scan(&name, &version); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				var name string
				var version int64
				err := db.System.Pool().QueryRow(b.Context(), sql, org, thing).Scan(&name, &version)
				if err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkCreate compares the forms of a write, and both with the same statements without this package.
func BenchmarkCreate(b *testing.B) {
	db := database(b)
	org, user := newID(), newID()
	run := func(b *testing.B, f func(ctx context.Context, thing string) error) {
		b.SetParallelism(8)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				thing := newID()
				if err := f(request(as(b, org, user), thing, "hash"), thing); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for name, write := range writes() {
		b.Run(name, func(b *testing.B) {
			run(b, func(ctx context.Context, thing string) error { return write(ctx, db.App, org, thing, thing) })
		})
	}
	b.Run("bare", func(b *testing.B) {
		run(b, func(ctx context.Context, thing string) error {
			batch := &pgx.Batch{}
			batch.Queue(`INSERT INTO things (organization_id, id, name) VALUES ($1, $2, $3)`, org, thing, thing)
			batch.Queue(`INSERT INTO events (organization_id, kind, record_id, version, event_id, type, topic, happened_at, actor, cause,
				trace_parent, payload) VALUES ($1, 'thing', $2, 1, $3, 't', 't', now(), '', '', '', 'x')`, org, thing, newID())
			batch.Queue(`INSERT INTO outbox (slice, organization_id, kind, record_id, version, happened_at)
				VALUES (1, $1, 'thing', $2, 1, now())`, org, thing)
			if err := db.System.Pool().SendBatch(ctx, batch).Close(); err != nil {
				return fmt.Errorf("bare: %w", err)
			}
			return nil
		})
	})
}
