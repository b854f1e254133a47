package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"kontor.internal/libs/id"
)

// bare runs work over 32 connections of its own for the length of a load, and returns how often a second it was done. It
// is what the database can do when nobody asks for an organisation, rights, JSON or a trace.
func (r *run) bare(ctx context.Context, work func(ctx context.Context, conn *pgx.Conn, worker, i int) error) (float64, error) {
	cfg, err := pgxpool.ParseConfig(r.pg.URL())
	if err != nil {
		return 0, err
	}
	cfg.ConnConfig.Database, cfg.MaxConns = "contacts", workers
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var done int
	var errs []error
	began := time.Now()
	until := began.Add(r.length())
	for w := range workers {
		wg.Go(func() {
			n := 0
			err := pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
				for ; time.Now().Before(until); n++ {
					if err := work(ctx, c.Conn(), w, n); err != nil {
						return err
					}
				}
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			done += n
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	return float64(done) / time.Since(began).Seconds(), errors.Join(errs...)
}

func (r *run) bareGets(ctx context.Context, pick func(w, i int) string) (float64, error) {
	var org string
	err := r.withDatabase(ctx, "contacts", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT organization_id::text FROM contacts LIMIT 1`).Scan(&org)
	})
	if err != nil {
		return 0, err
	}
	return r.bare(ctx, func(ctx context.Context, conn *pgx.Conn, w, i int) error {
		rows, err := conn.Query(ctx, `SELECT * FROM contacts WHERE organization_id = $1 AND id = $2`, org, pick(w, i))
		if err != nil {
			return err
		}
		_, err = pgx.CollectExactlyOneRow(rows, pgx.RowToMap)
		return err
	})
}

// bareCreates inserts the rows of the newest contact again and again, under new IDs: the contact, its look-up rows, the
// history and the outbox, pipelined, one commit each.
func (r *run) bareCreates(ctx context.Context) (float64, error) {
	var inserts []insert
	err := r.withDatabase(ctx, "contacts", func(conn *pgx.Conn) error {
		var contact string
		if err := conn.QueryRow(ctx, `SELECT id::text FROM contacts WHERE emails::text LIKE '%-%' ORDER BY created_at DESC LIMIT 1`).
			Scan(&contact); err != nil {
			return fmt.Errorf("no contact to copy: %w", err)
		}
		for _, t := range []struct{ table, where string }{
			{"contacts", "id = $1"}, {"contact_points", "record_id = $1"}, {"events", "record_id = $1 AND kind = 'contact'"},
		} {
			ins, err := copyOf(ctx, conn, t.table, t.where, contact)
			if err != nil {
				return err
			}
			inserts = append(inserts, ins...)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return r.bare(ctx, func(ctx context.Context, conn *pgx.Conn, _, _ int) error {
		b, record := &pgx.Batch{}, id.New()
		for _, ins := range inserts {
			b.Queue(ins.sql, ins.args(record)...)
		}
		e := inserts[len(inserts)-1] // the event
		b.Queue(`INSERT INTO outbox (slice, organization_id, kind, record_id, version, happened_at) VALUES (0, $1, 'contact', $2, 1, $3)`,
			e.value("organization_id"), record, e.value("happened_at"))
		return conn.SendBatch(ctx, b).Close()
	})
}

// insert is a row to be inserted again under another ID.
type insert struct {
	sql     string
	columns []string
	values  []any
	old     string
}

// copyOf reads the rows of a contact in one table.
func copyOf(ctx context.Context, conn *pgx.Conn, table, where, contact string) ([]insert, error) {
	rows, err := conn.Query(ctx, "SELECT * FROM "+table+" WHERE "+where, contact)
	if err != nil {
		return nil, err
	}
	var out []insert
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, err
		}
		ins := insert{values: values, old: contact}
		marks := make([]string, 0, len(values))
		for i, f := range rows.FieldDescriptions() {
			ins.columns = append(ins.columns, f.Name)
			marks = append(marks, fmt.Sprintf("$%d", i+1))
		}
		ins.sql = "INSERT INTO " + table + " (" + strings.Join(ins.columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
		out = append(out, ins)
	}
	return out, rows.Err()
}

// args are the values with the record's ID, and the event's own, changed.
func (ins insert) args(record string) []any {
	args := append([]any(nil), ins.values...)
	for i, c := range ins.columns {
		switch c {
		case "record_id", "event_id":
			args[i] = record
		case "id":
			args[i] = record
		}
	}
	return args
}

func (ins insert) value(column string) any {
	for i, c := range ins.columns {
		if c == column {
			return ins.values[i]
		}
	}
	return nil
}
