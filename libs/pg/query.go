package pg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"kontor.internal/libs/event"
)

// setOrganization makes the setting that the policies go by, until the end of the transaction.
const setOrganization = `SELECT set_config('kontor.organization', $1, true)`

// Query runs one statement as the organisation, in one round trip: the setting and the statement share an implicit
// transaction. The rows must be closed or read to their end.
func (db *DB) Query(ctx context.Context, org, sql string, args ...any) (pgx.Rows, error) {
	b := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, 2)}
	b.Queue(setOrganization, org)
	b.Queue(sql, args...)
	br := db.pool.SendBatch(ctx, b)
	if _, err := br.Exec(); err != nil {
		_ = br.Close() // the same error
		return nil, visible(err)
	}
	rows, err := br.Query()
	if err != nil {
		_ = br.Close() // the same error
		return nil, visible(err)
	}
	return &queryRows{Rows: rows, br: br}, nil
}

// QueryRow is Query for at most one row: Scan returns pgx.ErrNoRows if there is none.
func (db *DB) QueryRow(ctx context.Context, org, sql string, args ...any) pgx.Row {
	rows, err := db.Query(ctx, org, sql, args...)
	return &queryRow{rows: rows, err: err}
}

// queryRows gives the connection back as soon as the rows end.
type queryRows struct {
	pgx.Rows

	br  pgx.BatchResults
	err error
}

func (r *queryRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *queryRows) Close() {
	r.Rows.Close()
	if r.br != nil {
		r.err = r.br.Close()
		r.br = nil
	}
}

func (r *queryRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return visible(err)
	}
	return visible(r.err)
}

// Conn is nil, as for every pool: the connection is not the caller's.
func (r *queryRows) Conn() *pgx.Conn { return nil }

type queryRow struct {
	rows pgx.Rows
	err  error
}

func (r *queryRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// Read runs fn in a read-only transaction of the organisation that sees one state of the database throughout.
func (db *DB) Read(ctx context.Context, org string, fn func(ctx context.Context, tx pgx.Tx) error) error {
	return visible(db.inTx(ctx, readOnly(), org, func(ctx context.Context, tx pgx.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return commit(ctx, tx, &pgx.Batch{})
	}))
}

func readOnly() pgx.TxOptions {
	return pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
}

// History returns the latest events of a record, newest first, at most limit, and only
// those below version before if that is not 0.
func (db *DB) History(ctx context.Context, org, kind, recordID string, before int64, limit int) ([]event.Event, error) {
	rows, err := db.Query(ctx, org, event.HistorySQL, event.HistoryArgs(kind, recordID, before, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return event.Collect(rows)
}

// EventAt returns the event that made this version of a record: see [event.At]. It answers an *[idem.Replay].
func (db *DB) EventAt(ctx context.Context, org, kind, recordID string, version int64) (event.Event, error) {
	rows, err := db.Query(ctx, org, event.AtSQL, kind, recordID, version)
	if err != nil {
		return event.Event{}, fmt.Errorf("read event: %w", err)
	}
	return event.One(rows)
}

// inTx runs fn in a transaction whose start and organisation cost one round trip; no organisation is set if org is
// empty. fn has to commit; the transaction is rolled back if it is still open afterwards.
func (db *DB) inTx(ctx context.Context, opts pgx.TxOptions, org string, fn func(ctx context.Context, tx pgx.Tx) error) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer conn.Release()
	b := &pgx.Batch{}
	b.BeginTx(opts)
	if org != "" {
		b.Queue(setOrganization, org)
	}
	br := conn.SendBatch(ctx, b)
	tx := br.Tx()
	defer func() {
		// A caller who has gone away must not leave the connection in a transaction; one that does not answer is closed.
		if conn.Conn().PgConn().TxStatus() != idle {
			rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = tx.Rollback(rctx) // then Release closes the connection
		}
	}()
	if err := br.Close(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return fn(ctx, tx)
}

// idle is the state of a connection outside a transaction.
const idle = 'I'

// commit sends the last statements of a transaction together with its commit, in one round trip. tx must not be used
// afterwards.
func commit(ctx context.Context, tx pgx.Tx, b *pgx.Batch) error {
	b.Queue("COMMIT").Exec(func(ct pgconn.CommandTag) error {
		if ct.String() == "ROLLBACK" { // how the server answers when a statement has failed before
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return tx.SendBatch(ctx, b).Close()
}
