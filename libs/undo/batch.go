package undo

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/event"
	"kontor.internal/libs/operation"
)

// span is a Span with what was found out about later events.
type span struct {
	Span

	// done says that it has been taken back already, changed when somebody else changed it since.
	done    bool
	changed string
}

// next returns the next records that the operation has touched, all of one kind; none if that was all.
func (r *Runner) next(ctx context.Context, s *state) (kind string, spans []span, err error) {
	size := r.BatchSize
	if size <= 0 {
		size = 500
	}
	rows, err := r.DB.Query(ctx, s.org, `
		SELECT kind, record_id::text, min(version), max(version)
		FROM events
		WHERE organization_id = $1 AND cause = $2 AND cause <> '' AND (kind, record_id) > ($3::text, $4::uuid)
		GROUP BY kind, record_id
		ORDER BY kind, record_id
		LIMIT $5`, s.org, s.cause, s.afterKind, s.afterRecord, size)
	if err != nil {
		return "", nil, fmt.Errorf("read what was done: %w", err)
	}
	var k string
	var sp span
	if _, err := pgx.ForEachRow(rows, []any{&k, &sp.RecordID, &sp.First, &sp.Last}, func() error {
		if kind == "" {
			kind = k
		}
		if k == kind { // those of other kinds are read again
			sp.Now = sp.Last
			spans = append(spans, sp)
		}
		return nil
	}); err != nil {
		return "", nil, fmt.Errorf("read what was done: %w", err)
	}
	return kind, spans, r.since(ctx, s, kind, spans)
}

// since finds out what became of the records later.
func (r *Runner) since(ctx context.Context, s *state, kind string, spans []span) error {
	if len(spans) == 0 {
		return nil
	}
	ids, last, at := make([]string, len(spans)), make([]int64, len(spans)), make(map[string]*span, len(spans))
	for i := range spans {
		ids[i], last[i], at[spans[i].RecordID] = spans[i].RecordID, spans[i].Last, &spans[i]
	}
	rows, err := r.DB.Query(ctx, s.org, `
		SELECT e.record_id::text, e.version, e.type, e.cause, e.actor, e.happened_at
		FROM unnest($3::uuid[], $4::bigint[]) AS n (record_id, last)
		JOIN events e ON e.organization_id = $1 AND e.kind = $2 AND e.record_id = n.record_id AND e.version > n.last
		ORDER BY e.record_id, e.version`, s.org, kind, ids, last)
	if err != nil {
		return fmt.Errorf("read later events: %w", err)
	}
	var recordID, typ, cause, actor string
	var version int64
	var when time.Time
	upkeep := r.Targets[kind].Upkeep
	if _, err := pgx.ForEachRow(rows, []any{&recordID, &version, &typ, &cause, &actor, &when}, func() error {
		sp := at[recordID]
		sp.Now = version
		switch {
		case cause == r.cause(s):
			sp.done = true
		case upkeep != nil && upkeep(typ, cause):
		case sp.changed == "":
			sp.changed = fmt.Sprintf("%s changed it at %s", actor, when.UTC().Format(time.RFC3339))
		}
		return nil
	}); err != nil {
		return fmt.Errorf("read later events: %w", err)
	}
	return nil
}

// cause is how events name the undo: by what is undone, so that another undo of it knows them.
func (r *Runner) cause(s *state) string { return "undo/" + s.ofID }

// left is a record that stays as it is.
type left struct{ recordID, reason, message string }

// write takes a batch back and stores what became of it and the place after it, in one transaction.
func (r *Runner) write(ctx context.Context, s *state, kind string, spans []span) error {
	t, known := r.Targets[kind]
	after := *s
	cancelled := false
	err := r.DB.Write(ctx, s.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		after = *s
		if err := r.lock(ctx, tx, s); err != nil {
			return nil, err
		}
		var remaining []left
		var todo []Span
		for _, sp := range spans {
			switch {
			case sp.done:
				after.unchanged++
			case sp.changed != "":
				remaining = append(remaining, left{sp.RecordID, ReasonChanged, sp.changed + "; it is left as it is"})
			case !known:
				remaining = append(remaining, left{sp.RecordID, "KIND_NOT_UNDOABLE", "records of kind " + kind + " are not taken back; change it yourself"})
			default:
				todo = append(todo, sp.Span)
			}
		}
		results, evs, err := r.try(ctx, tx, t, Batch{Organization: s.org, UserID: s.userID, Of: s.cause, Cause: r.cause(s), Spans: todo})
		if err != nil {
			return nil, err
		}
		for i, res := range results {
			switch res.Outcome {
			case Removed:
				after.removed++
			case Restored:
				after.restored++
			case Left:
				remaining = append(remaining, left{todo[i].RecordID, res.Reason, res.Message})
			default:
				return nil, fmt.Errorf("undo: %s %s was given no outcome", kind, todo[i].RecordID)
			}
		}
		after.remains += int64(len(remaining))
		after.afterKind, after.afterRecord = kind, spans[len(spans)-1].RecordID
		if err := r.store(ctx, tx, &after, kind, remaining); err != nil {
			return nil, err
		}
		cancelled, err = r.Operations.Advance(ctx, tx, s.org, s.id, operation.Progress{
			Done: after.dealt(), Total: s.total, Rejected: after.remains, New: told(kind, remaining),
		})
		return evs, err
	})
	if err != nil {
		return err
	}
	*s = after
	if cancelled {
		return errCancelled
	}
	return nil
}

// lock makes sure that no other run of the undo has moved on.
func (r *Runner) lock(ctx context.Context, tx pgx.Tx, s *state) error {
	var kind, recordID string
	var done bool
	if err := tx.QueryRow(ctx, `
		SELECT after_kind, after_record::text, done FROM undos WHERE organization_id = $1 AND id = $2 FOR UPDATE`, s.org, s.id).
		Scan(&kind, &recordID, &done); err != nil {
		return fmt.Errorf("lock undo: %w", err)
	}
	if done || kind != s.afterKind || recordID != s.afterRecord {
		return errTakenOver
	}
	return nil
}

func (r *Runner) store(ctx context.Context, tx pgx.Tx, s *state, kind string, remaining []left) error {
	if _, err := tx.Exec(ctx, `
		UPDATE undos
		SET after_kind = $3, after_record = $4, total = $5, removed = $6, restored = $7, unchanged = $8, remaining = $9
		WHERE organization_id = $1 AND id = $2`,
		s.org, s.id, s.afterKind, s.afterRecord, s.total, s.removed, s.restored, s.unchanged, s.remains); err != nil {
		return fmt.Errorf("store place: %w", err)
	}
	n := len(remaining)
	ids, reasons, messages := make([]string, n), make([]string, n), make([]string, n)
	for i, l := range remaining {
		ids[i], reasons[i], messages[i] = l.recordID, l.reason, l.message
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO undo_left (organization_id, undo_id, kind, record_id, reason, message)
		SELECT $1, $2, $3, record_id, reason, message
		FROM unnest($4::uuid[], $5::text[], $6::text[]) AS l (record_id, reason, message)`,
		s.org, s.id, kind, ids, reasons, messages); err != nil {
		return fmt.Errorf("insert what was left: %w", err)
	}
	return nil
}

func told(kind string, remaining []left) []operation.Rejection {
	out := make([]operation.Rejection, len(remaining))
	for i, l := range remaining {
		out[i] = operation.Rejection{Field: kind, Reason: l.reason, Message: l.message, RecordID: l.recordID}
	}
	return out
}

// try takes the spans back behind a savepoint. If they are refused as a whole they are halved until those at fault stand
// alone, which are left.
func (r *Runner) try(ctx context.Context, tx pgx.Tx, t Target, b Batch) ([]Result, []event.Event, error) {
	if len(b.Spans) == 0 {
		return nil, nil, nil
	}
	sp, err := tx.Begin(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("savepoint: %w", err)
	}
	results, evs, err := t.Undo(ctx, sp, b)
	if err == nil && len(results) != len(b.Spans) {
		err = fmt.Errorf("undo: %d results for %d records", len(results), len(b.Spans))
	}
	if err == nil {
		if err := sp.Commit(ctx); err != nil {
			return nil, nil, fmt.Errorf("release savepoint: %w", err)
		}
		return results, evs, nil
	}
	if rerr := sp.Rollback(ctx); rerr != nil {
		return nil, nil, errors.Join(err, fmt.Errorf("undo batch: %w", rerr))
	}
	why, refused := refusal(err)
	switch {
	case !refused:
		return nil, nil, err
	case len(b.Spans) == 1:
		return []Result{why}, nil, nil
	}
	lower, upper := b, b
	half := len(b.Spans) / 2
	lower.Spans, upper.Spans = b.Spans[:half], b.Spans[half:]
	results, evs, err = r.try(ctx, tx, t, lower)
	if err != nil {
		return nil, nil, err
	}
	more, moreEvs, err := r.try(ctx, tx, t, upper)
	return append(results, more...), append(evs, moreEvs...), err
}

// refusal returns why records were refused; false if err is an outage or a bug.
func refusal(err error) (Result, bool) {
	var refused *apperr.Error
	if errors.As(err, &refused) && lasting(refused) {
		return Result{Outcome: Left, Reason: refused.Reason, Message: refused.Msg}, true
	}
	var db *pgconn.PgError
	if errors.As(err, &db) && (strings.HasPrefix(db.Code, "22") || strings.HasPrefix(db.Code, "23")) {
		return Result{
			Outcome: Left, Reason: "RECORD_REFUSED",
			Message: "as it was it would break a rule of the database (" + db.ConstraintName + "): what it led to is gone, or another record has its place",
		}, true
	}
	return Result{}, false
}

// lasting reports whether trying again will not help.
func lasting(e *apperr.Error) bool {
	switch e.Code {
	case codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.DeadlineExceeded:
		return false
	default:
		return true
	}
}

// saveLeft streams the list of what was left into a file.
func (r *Runner) saveLeft(ctx context.Context, s *state) (string, error) {
	rows, err := r.DB.Query(ctx, s.org, `
		SELECT kind, record_id::text, reason, message FROM undo_left
		WHERE organization_id = $1 AND undo_id = $2
		ORDER BY kind, record_id`, s.org, s.id)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	pr, pw := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_ = pw.CloseWithError(writeLeft(pw, rows)) // never fails
	}()
	fileID, err := r.Files.Save(ctx, "left-"+s.id+".csv", "text/csv", "undo-left-"+s.id, pr)
	_ = pr.CloseWithError(io.ErrClosedPipe) // lets the writer go if Save has given up; never fails
	<-written
	return fileID, err
}

func writeLeft(w io.Writer, rows pgx.Rows) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"kind", "id", "reason", "message"}); err != nil {
		return err
	}
	line := make([]string, 4)
	for rows.Next() {
		if err := rows.Scan(&line[0], &line[1], &line[2], &line[3]); err != nil {
			return err
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
