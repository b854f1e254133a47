package imports

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/event"
)

// applied is what became of a batch.
type applied struct {
	events  []event.Event
	rejects []Reject
	links   []pendingLink
	counts  counts
}

// pendingLink is a reference to be set when all rows are in.
type pendingLink struct {
	line     int64
	field    string
	recordID string
	key      lookupKey
}

// apply writes the rows of a batch. In a dry run everything is undone again but what is told of it.
func (r *Runner) apply(ctx context.Context, tx pgx.Tx, s *state, t Target, c *chunk, a *applied) error {
	if len(c.rows) == 0 {
		return nil
	}
	b := Batch{Organization: s.org, UserID: s.userID, OperationID: s.id, Duplicates: c.duplicates}
	w := writer{tx: tx, undo: s.dryRun, a: a}
	return w.part(ctx, c.rows, func(ctx context.Context, tx pgx.Tx, from, to int) ([]Result, []event.Event, error) {
		part := b
		part.Rows = c.rows[from:to]
		return t.Apply(ctx, tx, part)
	}, func(i int, res Result) {
		if s.dryRun || (res.Outcome != Created && res.Outcome != Updated) {
			return
		}
		for field, k := range c.later[i] {
			a.links = append(a.links, pendingLink{line: c.rows[i].Line, field: field, recordID: res.RecordID, key: k})
		}
	})
}

// writer applies parts of a batch, each behind a savepoint.
type writer struct {
	tx   pgx.Tx
	undo bool
	a    *applied
}

type (
	applyFunc func(ctx context.Context, tx pgx.Tx, from, to int) ([]Result, []event.Event, error)
	doneFunc  func(i int, res Result)
)

func (w *writer) part(ctx context.Context, rows []Row, apply applyFunc, done doneFunc) error {
	lines := make([]int64, len(rows))
	for i := range rows {
		lines[i] = rows[i].Line
	}
	return w.span(ctx, lines, 0, len(rows), apply, done)
}

// span applies the rows from..to. If they are refused as a whole they are halved until the rows at fault stand alone.
func (w *writer) span(ctx context.Context, lines []int64, from, to int, apply applyFunc, done doneFunc) error {
	results, events, err := w.try(ctx, from, to, apply)
	if err == nil {
		return w.collect(lines, from, results, events, done)
	}
	rej := refusal(err)
	if rej == nil {
		return err
	}
	if to-from == 1 {
		rej.Line = lines[from]
		w.a.rejects = append(w.a.rejects, *rej)
		return nil
	}
	middle := from + (to-from)/2
	if err := w.span(ctx, lines, from, middle, apply, done); err != nil {
		return err
	}
	return w.span(ctx, lines, middle, to, apply, done)
}

func (w *writer) try(ctx context.Context, from, to int, apply applyFunc) ([]Result, []event.Event, error) {
	sp, err := w.tx.Begin(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("savepoint: %w", err)
	}
	results, events, err := apply(ctx, sp, from, to)
	if err == nil && len(results) != to-from {
		err = fmt.Errorf("imports: Apply gave %d results for %d rows", len(results), to-from)
	}
	if err != nil || w.undo {
		if rerr := sp.Rollback(ctx); rerr != nil {
			return nil, nil, errors.Join(err, fmt.Errorf("undo batch: %w", rerr))
		}
		return results, nil, err
	}
	if err := sp.Commit(ctx); err != nil {
		return nil, nil, fmt.Errorf("release savepoint: %w", err)
	}
	return results, events, nil
}

func (w *writer) collect(lines []int64, from int, results []Result, events []event.Event, done doneFunc) error {
	for i, res := range results {
		switch res.Outcome {
		case Created:
			w.a.counts.created++
		case Updated:
			w.a.counts.updated++
		case Skipped:
			w.a.counts.skipped++
		case Rejected:
			rej := Reject{Reason: "ROW_REFUSED", Message: "the row was refused"}
			if res.Reject != nil {
				rej = *res.Reject
			}
			rej.Line = lines[from+i]
			w.a.rejects = append(w.a.rejects, rej)
		default:
			return fmt.Errorf("imports: Apply gave row %d no outcome", from+i)
		}
		done(from+i, res)
	}
	w.a.events = append(w.a.events, events...)
	return nil
}

// refusal returns why rows were refused, or nil if err is an outage or a bug.
func refusal(err error) *Reject {
	var refused *apperr.Error
	if errors.As(err, &refused) {
		if !lasting(refused) {
			return nil
		}
		rej := &Reject{Reason: refused.Reason, Message: refused.Msg}
		if len(refused.Fields) > 0 {
			rej.Field = refused.Fields[0].Field
			rej.Message += ": " + refused.Fields[0].Description
		}
		return rej
	}
	var db *pgconn.PgError
	if errors.As(err, &db) && (strings.HasPrefix(db.Code, "22") || strings.HasPrefix(db.Code, "23")) {
		what := db.ConstraintName
		if what == "" {
			what = db.Message
		}
		return &Reject{Field: db.ColumnName, Reason: "ROW_REFUSED", Message: "the record breaks a rule of the database (" + what + "); look for a value that is too large or is there already"}
	}
	return nil
}
