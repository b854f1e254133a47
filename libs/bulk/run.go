package bulk

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/event"
	"kontor.internal/libs/operation"
)

const defaultBatch = 200

// state is a change as stored.
type state struct {
	org, id, kind, userID, filter, phase, position string
	inBin                                          bool
	change                                         []byte
	total, changed, unchanged, rejected            int64
}

func (s *state) done() int64 { return s.changed + s.unchanged + s.rejected }

// load reads a change and holds it, so that of two runs one goes on where the other has come to.
func load(ctx context.Context, tx pgx.Tx, org, opID string) (*state, error) {
	s := &state{org: org, id: opID}
	err := tx.QueryRow(ctx, `
		SELECT kind, user_id::text, change, filter, in_bin, phase, position::text, total, changed, unchanged, rejected
		FROM bulk_changes
		WHERE organization_id = $1 AND id = $2
		FOR UPDATE`, org, opID).Scan(&s.kind, &s.userID, &s.change, &s.filter, &s.inBin, &s.phase, &s.position,
		&s.total, &s.changed, &s.unchanged, &s.rejected)
	if err != nil {
		return nil, fmt.Errorf("load bulk change: %w", err)
	}
	return s, nil
}

// Run drives a change to its end, from wherever the last run got to. It returns an error if it is worth another try
// later; what is wrong with the change itself ends the operation instead.
func (r *Runner) Run(ctx context.Context, org, opID string) error {
	var userID string
	if err := r.DB.QueryRow(ctx, org, `
		SELECT user_id::text FROM bulk_changes WHERE organization_id = $1 AND id = $2`, org, opID).Scan(&userID); err != nil {
		return fmt.Errorf("find bulk change: %w", err)
	}
	as, err := r.As(ctx, org, userID)
	if err != nil {
		if refused := lasting(err); refused != nil {
			return r.end(ctx, org, opID, operation.End{Failure: refused.Reason + ": " + refused.Msg})
		}
		return fmt.Errorf("act for the user: %w", err)
	}
	var end operation.End
	for more := true; more; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var cancel bool
		more, cancel, err = r.step(as, org, opID)
		switch refused := lasting(err); {
		case errors.Is(err, operation.ErrEnded):
			return nil
		case refused != nil:
			more, end.Failure = false, refused.Reason+": "+refused.Msg
		case err != nil:
			return err
		case cancel:
			more, end.Cancelled = false, true
		}
	}
	if end.RejectsFileID, err = r.saveRejects(as, org, opID); err != nil {
		return fmt.Errorf("save rejected records: %w", err)
	}
	return r.end(ctx, org, opID, end)
}

// giveUp ends a change that has been tried often enough.
func (r *Runner) giveUp(ctx context.Context, org, opID string, cause error) error {
	r.Log.ErrorContext(ctx, "bulk change given up", "organization_id", org, "operation_id", opID, "error", cause)
	return r.end(ctx, org, opID, operation.End{
		Failure: "BULK_GIVEN_UP: the change was tried several times without success; what was done stays done and can be undone. Start it again later.",
	})
}

// step lists what matches, or works on one batch. more says that there may be more to do, cancel that the user asks to stop.
func (r *Runner) step(ctx context.Context, org, opID string) (more, cancel bool, err error) {
	err = r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		more, cancel = false, false
		s, err := load(ctx, tx, org, opID)
		if err != nil {
			return nil, err
		}
		var evs []event.Event
		var rejections []operation.Rejection
		switch s.phase {
		case "select":
			if err := r.list(ctx, tx, s); err != nil {
				return nil, err
			}
			more = true
		case "work":
			if evs, rejections, more, err = r.batch(ctx, tx, s); err != nil {
				return nil, err
			}
		default:
			return nil, operation.ErrEnded
		}
		if _, err := tx.Exec(ctx, `
			UPDATE bulk_changes SET phase = 'work', position = $3, total = $4, changed = $5, unchanged = $6, rejected = $7
			WHERE organization_id = $1 AND id = $2`,
			org, opID, s.position, s.total, s.changed, s.unchanged, s.rejected); err != nil {
			return nil, fmt.Errorf("advance bulk change: %w", err)
		}
		cancel, err = r.Operations.Advance(ctx, tx, org, opID, operation.Progress{
			Done: s.done(), Total: s.total, Rejected: s.rejected, New: rejections,
		})
		return evs, err
	})
	return more, cancel && more, err
}

// list writes down which records there are to work on.
func (r *Runner) list(ctx context.Context, tx pgx.Tx, s *state) error {
	target, ok := r.Targets[s.kind]
	if !ok {
		return fmt.Errorf("bulk: no target of kind %q", s.kind)
	}
	query, args, err := target.Select(ctx, s.org, s.filter, s.inBin)
	if err != nil {
		return err
	}
	args = append(args, s.org, s.id)
	tag, err := tx.Exec(ctx, `
		INSERT INTO bulk_records (organization_id, change_id, record_id)
		SELECT $`+strconv.Itoa(len(args)-1)+`::uuid, $`+strconv.Itoa(len(args))+`::uuid, m.id
		FROM (`+query+`) AS m (id)`, args...)
	if err != nil {
		return fmt.Errorf("list records: %w", err)
	}
	s.total = tag.RowsAffected()
	return nil
}

// batch works on the next records.
func (r *Runner) batch(ctx context.Context, tx pgx.Tx, s *state) ([]event.Event, []operation.Rejection, bool, error) {
	size := r.BatchSize
	if size <= 0 {
		size = defaultBatch
	}
	rows, err := tx.Query(ctx, `
		SELECT record_id::text
		FROM bulk_records
		WHERE organization_id = $1 AND change_id = $2 AND record_id > $3
		ORDER BY record_id
		LIMIT $4`, s.org, s.id, s.position, size)
	if err != nil {
		return nil, nil, false, fmt.Errorf("next records: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, nil, false, fmt.Errorf("next records: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil, false, nil
	}
	w := &writing{
		target: r.Targets[s.kind], results: make([]Result, len(ids)),
		batch: Batch{Organization: s.org, Cause: "bulk/" + s.id, Change: s.change, IDs: ids},
	}
	if w.target == nil {
		return nil, nil, false, fmt.Errorf("bulk: no target of kind %q", s.kind)
	}
	if err := w.span(ctx, tx, 0, len(ids)); err != nil {
		return nil, nil, false, err
	}
	rejections, err := w.note(ctx, tx, s)
	s.position = ids[len(ids)-1]
	return w.events, rejections, len(ids) == size, err
}

// writing is a batch on its way into the database.
type writing struct {
	target  Target
	batch   Batch
	results []Result
	events  []event.Event
}

// span applies the records from..to behind a savepoint. If they are refused as a whole they are halved until those at
// fault stand alone.
func (w *writing) span(ctx context.Context, tx pgx.Tx, from, to int) error {
	b := w.batch
	b.IDs = w.batch.IDs[from:to]
	sp, err := tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	results, evs, err := w.target.Apply(ctx, sp, b)
	if err == nil && len(results) != to-from {
		err = fmt.Errorf("bulk: Apply gave %d results for %d records", len(results), to-from)
	}
	if err == nil {
		if err := sp.Commit(ctx); err != nil {
			return fmt.Errorf("release savepoint: %w", err)
		}
		copy(w.results[from:to], results)
		w.events = append(w.events, evs...)
		return nil
	}
	if rerr := sp.Rollback(ctx); rerr != nil {
		return errors.Join(err, fmt.Errorf("undo batch: %w", rerr))
	}
	refused := refusal(err)
	switch {
	case refused == nil:
		return err
	case to-from == 1:
		w.results[from] = Result{Refused: refused}
		return nil
	}
	middle := from + (to-from)/2
	if err := w.span(ctx, tx, from, middle); err != nil {
		return err
	}
	return w.span(ctx, tx, middle, to)
}

// note counts what became of the records and writes down why some were refused.
func (w *writing) note(ctx context.Context, tx pgx.Tx, s *state) ([]operation.Rejection, error) {
	var ids, reasons, messages []string
	var rejections []operation.Rejection
	for i, res := range w.results {
		switch {
		case res.Refused != nil:
			rej := operation.Rejection{RecordID: w.batch.IDs[i], Reason: res.Refused.Reason, Message: told(res.Refused)}
			ids, reasons, messages = append(ids, rej.RecordID), append(reasons, rej.Reason), append(messages, rej.Message)
			rejections = append(rejections, rej)
			s.rejected++
		case res.Changed:
			s.changed++
		default:
			s.unchanged++
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	if _, err := tx.Exec(ctx, `
		UPDATE bulk_records AS r SET reason = n.reason, message = n.message
		FROM unnest($3::uuid[], $4::text[], $5::text[]) AS n (id, reason, message)
		WHERE r.organization_id = $1 AND r.change_id = $2 AND r.record_id = n.id`, s.org, s.id, ids, reasons, messages); err != nil {
		return nil, fmt.Errorf("note rejections: %w", err)
	}
	return rejections, nil
}

// end ends the operation.
func (r *Runner) end(ctx context.Context, org, opID string, e operation.End) error {
	err := r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		s, err := load(ctx, tx, org, opID)
		if err != nil {
			return nil, err
		}
		if s.phase == "done" {
			return nil, operation.ErrEnded
		}
		if _, err := tx.Exec(ctx, `
			UPDATE bulk_changes SET phase = 'done' WHERE organization_id = $1 AND id = $2`, org, opID); err != nil {
			return nil, fmt.Errorf("end bulk change: %w", err)
		}
		// The list has served; what the change did stays in the events.
		if _, err := tx.Exec(ctx, `
			DELETE FROM bulk_records WHERE organization_id = $1 AND change_id = $2`, org, opID); err != nil {
			return nil, fmt.Errorf("drop list of records: %w", err)
		}
		e.Result = map[string]any{"changed": s.changed, "unchanged": s.unchanged, "rejected": s.rejected}
		return nil, r.Operations.Finish(ctx, tx, org, opID, e)
	})
	if errors.Is(err, operation.ErrEnded) {
		return nil
	}
	return err
}

// saveRejects makes the file of all rejected records; "" if there are none.
func (r *Runner) saveRejects(ctx context.Context, org, opID string) (string, error) {
	rows, err := r.DB.Query(ctx, org, `
		SELECT record_id::text, reason, message
		FROM bulk_records
		WHERE organization_id = $1 AND change_id = $2 AND reason <> ''
		ORDER BY record_id`, org, opID)
	if err != nil {
		return "", err
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		line := make([]string, 3)
		return line, row.Scan(&line[0], &line[1], &line[2])
	})
	if err != nil || len(lines) == 0 {
		return "", err
	}
	pr, pw := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		w := csv.NewWriter(pw)
		_ = pw.CloseWithError(w.WriteAll(append([][]string{{"id", "reason", "message"}}, lines...))) // never fails
	}()
	fileID, err := r.Files.Save(ctx, "rejected-"+opID+".csv", "text/csv", "bulk-rejects-"+opID, pr)
	_ = pr.CloseWithError(io.ErrClosedPipe) // lets the writer go if Save has given up; never fails
	<-written
	return fileID, err
}

// lasting returns the failure if trying again will not help.
func lasting(err error) *apperr.Error {
	var refused *apperr.Error
	if !errors.As(err, &refused) {
		return nil
	}
	switch refused.Code {
	case codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.DeadlineExceeded:
		return nil
	default:
		return refused
	}
}

// refusal returns why records were refused, or nil if err is an outage or a bug.
func refusal(err error) *apperr.Error {
	if refused := lasting(err); refused != nil {
		return refused
	}
	var db *pgconn.PgError
	if errors.As(err, &db) && (strings.HasPrefix(db.Code, "22") || strings.HasPrefix(db.Code, "23")) {
		return errRecord.Saying("the record would break a rule of the database (" + db.ConstraintName + "); look for a value that is too large or is there already")
	}
	return nil
}

var errRecord = apperr.Invalid("RECORD_REFUSED", "the record would break a rule of the database")

// told is a failure's message with the fields at fault.
func told(e *apperr.Error) string {
	parts := []string{e.Msg}
	for _, f := range e.Fields {
		parts = append(parts, f.Field+": "+f.Description)
	}
	return strings.Join(parts, "; ")
}
