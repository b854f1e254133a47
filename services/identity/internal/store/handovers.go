package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/handover"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/user"
)

// Handovers keeps handovers, with the operations and jobs that work on them.
type Handovers struct {
	*Store

	Operations *operation.Store
	// Enqueue makes the job of a handover within tx.
	Enqueue func(ctx context.Context, tx pgx.Tx, org, handoverID string) error
}

const handoverColumns = `h.id::text, h.user_id::text, h.successor_id::text, h.state, h.moved, h.left_behind, h.returned, h.kept,
	h.operation_id::text, h.creator_id::text, h.actor_id::text, h.created_at, h.version`

func scanHandover(row pgx.CollectableRow, more ...any) (*handover.Handover, error) {
	var h handover.Handover
	err := row.Scan(append([]any{
		&h.ID, &h.UserID, &h.SuccessorID, &h.State, &h.Moved, &h.Left, &h.Returned, &h.Kept, &h.OperationID, &h.CreatorID, &h.ActorID,
		&h.CreatedAt, &h.Version,
	}, more...)...)
	h.CreatedAt = h.CreatedAt.UTC()
	return &h, err
}

func oneHandover(rows pgx.Rows, err error) (*handover.Handover, error) {
	if err != nil {
		return nil, fmt.Errorf("get handover: %w", err)
	}
	h, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*handover.Handover, error) { return scanHandover(row) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, handover.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get handover: %w", err)
	}
	return h, nil
}

// GetHandover see [handover.Store.GetHandover].
func (s *Handovers) GetHandover(ctx context.Context, org, handoverID string) (*handover.Handover, error) {
	return oneHandover(s.DB.Query(ctx, org, `
		SELECT `+handoverColumns+` FROM handovers h WHERE h.organization_id = $1 AND h.id = $2`, org, handoverID))
}

func lockHandover(ctx context.Context, tx pgx.Tx, org, handoverID string) (*handover.Handover, error) {
	return oneHandover(tx.Query(ctx, `
		SELECT `+handoverColumns+` FROM handovers h WHERE h.organization_id = $1 AND h.id = $2 FOR UPDATE`, org, handoverID))
}

// Begin deactivates the user by fn, as UpdateUser does, and starts the handover to the successor in the same
// transaction. It returns handover.ErrSuccessor, handover.ErrRunning or what UpdateUser returns.
func (s *Handovers) Begin(ctx context.Context, org, actorID, userID, successorID string, etag int64,
	fn func(*user.User) (user.Event, error),
) (*user.User, *handover.Handover, error) {
	var h *handover.Handover
	u, err := s.updateUser(ctx, org, userID, etag, fn, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		var fit bool
		// Held, so that the successor is not deactivated meanwhile.
		err := tx.QueryRow(ctx, `
			SELECT active FROM users WHERE organization_id = $1 AND id = $2 FOR SHARE`, org, successorID).Scan(&fit)
		switch {
		case errors.Is(err, pgx.ErrNoRows), err == nil && (!fit || successorID == userID):
			return nil, handover.ErrSuccessor
		case err != nil:
			return nil, fmt.Errorf("find successor: %w", err)
		}
		h = &handover.Handover{
			ID: id.New(), UserID: userID, SuccessorID: successorID, State: handover.Running, OperationID: id.New(),
			CreatorID: actorID, ActorID: actorID, CreatedAt: s.now(), Version: 1,
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO handovers (organization_id, id, user_id, successor_id, state, operation_id, creator_id, actor_id, version, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1, $8)`,
			org, h.ID, h.UserID, h.SuccessorID, h.State, h.OperationID, h.CreatorID, h.CreatedAt)
		switch {
		case pg.IsUnique(err, "handovers_running_key"):
			return nil, handover.ErrRunning
		case err != nil:
			return nil, fmt.Errorf("insert handover: %w", err)
		}
		return []event.Event{publish.HandoverStarted(h)}, s.begin(ctx, tx, org, h, "handover")
	})
	return u, h, err
}

// begin makes the operation and the job of what is to be done.
func (s *Handovers) begin(ctx context.Context, tx pgx.Tx, org string, h *handover.Handover, kind string) error {
	if err := s.Operations.Create(ctx, tx, org, operation.New{ID: h.OperationID, Kind: kind, UserID: h.ActorID}); err != nil {
		return err
	}
	return s.Enqueue(ctx, tx, org, h.ID)
}

// Revert activates the user again and starts the way back. It returns what handover.Handover.Revert returns.
func (s *Handovers) Revert(ctx context.Context, org, handoverID, actorID string) (*handover.Handover, error) {
	var h *handover.Handover
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		var err error
		if h, err = lockHandover(ctx, tx, org, handoverID); err != nil {
			return nil, err
		}
		if err := h.Revert(id.New(), actorID, s.Clock.Now()); err != nil {
			return nil, err
		}
		h.Version++
		if _, err := tx.Exec(ctx, `
			UPDATE handovers SET state = $3, operation_id = $4, actor_id = $5, version = $6
			WHERE organization_id = $1 AND id = $2`, org, h.ID, h.State, h.OperationID, h.ActorID, h.Version); err != nil {
			if pg.IsUnique(err, "handovers_running_key") {
				return nil, handover.ErrRunning
			}
			return nil, fmt.Errorf("revert handover: %w", err)
		}
		evs := []event.Event{publish.HandoverReverting(h)}
		u, err := lockUser(ctx, tx, org, h.UserID)
		if err != nil {
			return nil, err
		}
		before := *u
		if ev := u.Activate(); ev != nil {
			more, err := s.saveUser(ctx, tx, org, &before, u, ev)
			if err != nil {
				return nil, err
			}
			evs = append(evs, more...)
		}
		return evs, s.begin(ctx, tx, org, h, "handover-revert")
	})
	return h, err
}

// Note see [handover.Store.Note].
func (s *Handovers) Note(ctx context.Context, org, handoverID string, records []handover.Record) error {
	if len(records) == 0 {
		return nil
	}
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		c := columns(records)
		_, err := tx.Exec(ctx, `
			INSERT INTO handover_records (organization_id, handover_id, kind, record_id, name, etag, fate, reason)
			SELECT $1, $2, kind, id, name, etag, fate, ''
			FROM unnest($3::text[], $4::uuid[], $5::text[], $6::text[], $7::smallint[]) AS n (kind, id, name, etag, fate)
			ON CONFLICT DO NOTHING`, org, handoverID, c.kinds, c.ids, c.names, c.etags, c.fates)
		if err != nil {
			return nil, fmt.Errorf("note records: %w", err)
		}
		return nil, nil
	})
}

// recordColumns are records as PostgreSQL takes many at once.
type recordColumns struct {
	kinds, ids, names, etags, reasons []string
	fates                             []int16
}

func columns(records []handover.Record) recordColumns {
	var c recordColumns
	for _, r := range records {
		c.kinds, c.ids, c.names = append(c.kinds, r.Kind), append(c.ids, r.ID), append(c.names, r.Name)
		c.etags, c.reasons, c.fates = append(c.etags, r.Etag), append(c.reasons, r.Reason), append(c.fates, int16(r.Fate))
	}
	return c
}

const recordOf = `r.kind, r.record_id::text, r.name, r.etag, r.fate, r.reason`

// Next see [handover.Store.Next].
func (s *Handovers) Next(ctx context.Context, org, handoverID, kind string, fate handover.Fate, limit int) ([]handover.Record, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+recordOf+`
		FROM handover_records r
		WHERE r.organization_id = $1 AND r.handover_id = $2 AND r.kind = $3 AND r.fate = $4
		ORDER BY r.record_id
		LIMIT $5`, org, handoverID, kind, fate, limit)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	records, err := pgx.CollectRows(rows, pgx.RowToStructByPos[handover.Record])
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	return records, nil
}

// Settle see [handover.Store.Settle].
func (s *Handovers) Settle(ctx context.Context, org, handoverID string, records []handover.Record, total int64) (bool, error) {
	var cancel bool
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		h, err := lockHandover(ctx, tx, org, handoverID)
		if err != nil {
			return nil, err
		}
		c := columns(records)
		if _, err := tx.Exec(ctx, `
			UPDATE handover_records r SET fate = n.fate, etag = n.etag, reason = n.reason
			FROM unnest($3::text[], $4::uuid[], $5::text[], $6::smallint[], $7::text[]) AS n (kind, id, etag, fate, reason)
			WHERE r.organization_id = $1 AND r.handover_id = $2 AND r.kind = n.kind AND r.record_id = n.id`,
			org, handoverID, c.kinds, c.ids, c.etags, c.fates, c.reasons); err != nil {
			return nil, fmt.Errorf("settle records: %w", err)
		}
		if err := countRecords(ctx, tx, org, h); err != nil {
			return nil, err
		}
		done, rejected := h.Moved+h.Left, h.Left
		if h.State == handover.Reverting {
			done, rejected = h.Returned+h.Kept, h.Kept
		}
		p := operation.Progress{Done: done, Total: total, Rejected: rejected}
		for i, r := range records {
			if r.Reason != "" {
				p.New = append(p.New, operation.Rejection{Line: int64(i), Field: r.Kind, Reason: r.Reason, Message: r.Name})
			}
		}
		cancel, err = s.Operations.Advance(ctx, tx, org, h.OperationID, p)
		return nil, err
	})
	return cancel, err
}

// countRecords brings the handover's counts to what its records say.
func countRecords(ctx context.Context, tx pgx.Tx, org string, h *handover.Handover) error {
	err := tx.QueryRow(ctx, `
		WITH n AS (
			SELECT count(*) FILTER (WHERE fate = 2) AS moved, count(*) FILTER (WHERE fate = 3) AS left_behind,
				count(*) FILTER (WHERE fate = 4) AS returned, count(*) FILTER (WHERE fate = 5) AS kept
			FROM handover_records
			WHERE organization_id = $1 AND handover_id = $2
		)
		UPDATE handovers h SET moved = n.moved, left_behind = n.left_behind, returned = n.returned, kept = n.kept
		FROM n
		WHERE h.organization_id = $1 AND h.id = $2
		RETURNING h.moved, h.left_behind, h.returned, h.kept`, org, h.ID).Scan(&h.Moved, &h.Left, &h.Returned, &h.Kept)
	if err != nil {
		return fmt.Errorf("count records: %w", err)
	}
	return nil
}

// End see [handover.Store.End].
func (s *Handovers) End(ctx context.Context, org, handoverID string, cancelled bool, failure string) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		h, err := lockHandover(ctx, tx, org, handoverID)
		if err != nil {
			return nil, err
		}
		ended := publish.HandoverFinished
		switch h.State {
		case handover.Running:
			h.State = handover.Done
		case handover.Reverting:
			h.State, ended = handover.Reverted, publish.HandoverReverted
			if cancelled || failure != "" {
				h.State = handover.Done // so that the rest can be reverted, too
			}
		case handover.Done, handover.Reverted:
			return nil, nil
		}
		if err := countRecords(ctx, tx, org, h); err != nil {
			return nil, err
		}
		h.Version++
		if _, err := tx.Exec(ctx, `
			UPDATE handovers SET state = $3, version = $4 WHERE organization_id = $1 AND id = $2`, org, h.ID, h.State, h.Version); err != nil {
			return nil, fmt.Errorf("end handover: %w", err)
		}
		err = s.Operations.Finish(ctx, tx, org, h.OperationID, operation.End{
			Cancelled: cancelled, Failure: failure,
			Result: map[string]any{"handover_id": h.ID, "moved": h.Moved, "left": h.Left, "returned": h.Returned, "kept": h.Kept},
		})
		return []event.Event{ended(h)}, err
	})
}

// HandoverSchema is what handovers can be filtered and sorted by.
func HandoverSchema() *aip.Schema {
	return &aip.Schema{
		IDColumn: "h.id", DefaultOrder: "create_time desc",
		Fields: map[string]aip.Field{
			"id":           {Column: "h.id", Type: aip.ID},
			"user_id":      {Column: "h.user_id", Type: aip.ID},
			"successor_id": {Column: "h.successor_id", Type: aip.ID},
			"create_time":  {Column: "h.created_at", Type: aip.Time, Sortable: true},
		},
	}
}

// ListHandovers returns a page of the handovers of users in the scope and the token of the next.
func (s *Handovers) ListHandovers(ctx context.Context, org string, l *aip.List, scope Scope) ([]*handover.Handover, string, error) {
	args := []any{org}
	where := "h.organization_id = $1 AND " + scope.SQL("h.user_id", &args) + " AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+handoverColumns+`, `+l.Key()+`
		FROM handovers h
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list handovers: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*handover.Handover, error) {
		var key aip.Key
		h, err := scanHandover(row, &key)
		keys = append(keys, key)
		return h, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list handovers: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// CountHandovers counts the handovers of users in scope that a filter selects.
func (s *Handovers) CountHandovers(ctx context.Context, org string, l *aip.List, scope Scope) (int, bool, error) {
	args := []any{org}
	from := "handovers h WHERE h.organization_id = $1 AND " + scope.SQL("h.user_id", &args) + " AND " + l.Filter(&args)
	return s.count(ctx, org, from, args)
}

// HandoverRecordSchema is what the records of a handover can be filtered and sorted by.
func HandoverRecordSchema() *aip.Schema {
	fates := make(map[string]any)
	for n, name := range handover.Fates() {
		if n > 0 {
			fates[name] = n
		}
	}
	return &aip.Schema{
		IDColumn: "r.record_id", DefaultOrder: "name",
		Fields: map[string]aip.Field{
			"kind":      {Column: "r.kind", Type: aip.Text},
			"record_id": {Column: "r.record_id", Type: aip.ID},
			"name":      {Column: "r.name", Type: aip.Text, Sortable: true},
			"state":     {Column: "r.fate", Type: aip.Enum, Enum: fates},
		},
	}
}

// ListHandoverRecords returns a page of the records of a handover and the token of the next.
func (s *Handovers) ListHandoverRecords(ctx context.Context, org, handoverID string, l *aip.List) ([]handover.Record, string, error) {
	args := []any{org, handoverID}
	where := "r.organization_id = $1 AND r.handover_id = $2 AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+recordOf+`, `+l.Key()+`
		FROM handover_records r
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list records: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (handover.Record, error) {
		var key aip.Key
		var r handover.Record
		err := row.Scan(&r.Kind, &r.ID, &r.Name, &r.Etag, &r.Fate, &r.Reason, &key)
		keys = append(keys, key)
		return r, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list records: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// CountHandoverRecords counts the records of a handover that a filter selects.
func (s *Handovers) CountHandoverRecords(ctx context.Context, org, handoverID string, l *aip.List) (int, bool, error) {
	args := []any{org, handoverID}
	from := "handover_records r WHERE r.organization_id = $1 AND r.handover_id = $2 AND " + l.Filter(&args)
	return s.count(ctx, org, from, args)
}
