// Package operation keeps what users are told about work that outlives a request: how far an import is, what it
// refused, how it ended.
//
// An operation is made in the transaction that makes its job, advanced in the transactions that do the work, and ended
// in one; so what it says is what has been done. The table is operations in libs/pg/schema.
package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// Failures.
var (
	ErrNotFound    = apperr.NotFound("OPERATION_NOT_FOUND", "operation not found")
	ErrEnded       = apperr.NotAllowedNow("OPERATION_ENDED", "the operation has ended already")
	ErrNotEnded    = apperr.NotAllowedNow("OPERATION_NOT_ENDED", "the operation is still under way; wait for it, or cancel it first")
	ErrNotUndoable = apperr.NotAllowedNow("OPERATION_NOT_UNDOABLE", "what this operation has done cannot be taken back")
)

// maxErrors is how many rejections an operation shows; the rejects file has them all.
const maxErrors = 100

// Store keeps the operations of one service. Methods that take a transaction work within it.
type Store struct {
	// Service goes before the UUID in the IDs that users see: "deals.0190f0c4-…".
	Service string
	// DB is the service's, as kontor_app.
	DB *pg.DB
	// Clock tells when an operation was asked for and ended; the machine's if nil.
	Clock clock.Clock
}

// New describes an operation to be made.
type New struct {
	// ID is a UUID; callers make it, so that they can name it elsewhere in the same transaction.
	ID string
	// Kind is what it does: "import", "replay".
	Kind string
	// UserID is who asks for it.
	UserID string
	// Total is how many units of work there are; 0 while not known.
	Total int64
}

// Rejection says why one row was refused.
type Rejection struct {
	Line    int64  `json:"line"`
	Field   string `json:"field,omitempty"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// RecordID of the record that was refused, where the work is done on records and not on lines.
	RecordID string `json:"record_id,omitempty"`
}

// Progress is how far an operation is. Counts are totals, not differences, so that a step done twice counts once.
type Progress struct {
	// Done units, rejected ones included, of Total; Total is 0 while not known.
	Done, Total int64
	// Rejected units so far.
	Rejected int64
	// New rejections since the last call.
	New []Rejection
}

// End says how an operation ended: well, unless Failure or Cancelled is set.
type End struct {
	// Failure says why it failed as a whole, and what to do.
	Failure string
	// Cancelled by its user.
	Cancelled bool
	// RejectsFileID is the file with the rejected rows. Empty if there are none.
	RejectsFileID string
	// Result is what came of it, such as {"created": 85}; values are what JSON can hold.
	Result map[string]any
}

func (e End) state() string {
	switch {
	case e.Failure != "":
		return "failed"
	case e.Cancelled:
		return "cancelled"
	}
	return "succeeded"
}

// ID returns the ID that users see for a UUID.
func (s *Store) ID(uuid string) string { return s.Service + "." + uuid }

// Split takes an ID that users see apart. It returns ErrNotFound if it is not one.
func Split(opID string) (service, uuid string, err error) {
	service, uuid, ok := strings.Cut(opID, ".")
	if !ok || service == "" || !id.Valid(uuid) {
		return "", "", ErrNotFound
	}
	return service, uuid, nil
}

// Create makes an operation that waits for its turn.
func (s *Store) Create(ctx context.Context, tx pgx.Tx, org string, n New) error {
	now := s.Clock.Now()
	_, err := tx.Exec(ctx, `
		INSERT INTO operations (organization_id, id, kind, user_id, total, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6)`, org, n.ID, n.Kind, n.UserID, n.Total, now)
	if err != nil {
		return fmt.Errorf("insert operation: %w", err)
	}
	return nil
}

// Advance stores how far the operation is, and reports whether its user has asked to cancel it. It returns ErrEnded if
// the operation has ended meanwhile: whoever advances it is not the one who runs it any more.
func (s *Store) Advance(ctx context.Context, tx pgx.Tx, org, uuid string, p Progress) (cancel bool, err error) {
	added := p.New
	if len(added) > maxErrors {
		added = added[:maxErrors]
	}
	if added == nil {
		added = []Rejection{}
	}
	raw, err := json.Marshal(added)
	if err != nil {
		return false, fmt.Errorf("encode rejections: %w", err)
	}
	err = tx.QueryRow(ctx, `
		UPDATE operations
		SET state = 'running', done = $3::bigint, total = GREATEST($4::bigint, $3::bigint), rejected = $5::bigint, updated_at = $7,
			errors = CASE
				WHEN $6::jsonb = '[]' OR jsonb_array_length(errors) >= $8::int THEN errors
				ELSE (SELECT jsonb_agg(e ORDER BY n) FROM jsonb_array_elements(errors || $6::jsonb)
					WITH ORDINALITY AS x (e, n) WHERE n <= $8::int)
			END
		WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL
		RETURNING cancel_requested`,
		org, uuid, p.Done, p.Total, p.Rejected, string(raw), s.Clock.Now(), maxErrors).Scan(&cancel)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, ErrEnded
	}
	if err != nil {
		return false, fmt.Errorf("advance operation: %w", err)
	}
	return cancel, nil
}

// Finish ends the operation. It returns ErrEnded if it has ended already.
func (s *Store) Finish(ctx context.Context, tx pgx.Tx, org, uuid string, e End) error {
	result := e.Result
	if result == nil {
		result = map[string]any{}
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		UPDATE operations
		SET state = $3, error = $4, rejects_file_id = $5, result = $6::jsonb, ended_at = $7, updated_at = $7,
			total = CASE WHEN $3 = 'succeeded' THEN done ELSE total END
		WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL`,
		org, uuid, e.state(), e.Failure, e.RejectsFileID, string(raw), s.Clock.Now())
	if err != nil {
		return fmt.Errorf("end operation: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrEnded
	}
	return nil
}

// Get returns the operation with the ID that users see. The caller, named by the context, must have asked for it or
// reach all settings. It returns ErrNotFound.
func (s *Store) Get(ctx context.Context, opID string) (*operationv1.Operation, error) {
	service, uuid, err := Split(opID)
	if err != nil || service != s.Service {
		return nil, ErrNotFound
	}
	p := authn.MustFrom(ctx)
	op, err := s.Load(ctx, p.OrganizationID, uuid)
	if err != nil {
		return nil, err
	}
	if op.GetUserId() != p.UserID && !authz.For(ctx, "settings", optionsv1.Action_ACTION_VIEW).All() {
		return nil, ErrNotFound
	}
	return op, nil
}

// Cancel asks the operation with the ID that users see to stop; whoever runs it learns of it when it next advances.
// It returns ErrNotFound, as Get does, and ErrEnded.
func (s *Store) Cancel(ctx context.Context, opID string) (*operationv1.Operation, error) {
	op, err := s.Get(ctx, opID)
	if err != nil {
		return nil, err
	}
	_, uuid, _ := Split(opID)
	org := authn.MustFrom(ctx).OrganizationID
	err = s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		tag, err := tx.Exec(ctx, `
			UPDATE operations SET cancel_requested = true, updated_at = $3
			WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL`, org, uuid, s.Clock.Now())
		if err == nil && tag.RowsAffected() == 0 {
			return nil, ErrEnded
		}
		return nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("cancel operation: %w", err)
	}
	return op, nil
}

// Load returns an operation by its UUID, whoever asked for it. It returns ErrNotFound.
func (s *Store) Load(ctx context.Context, org, uuid string) (*operationv1.Operation, error) {
	var (
		op               = &operationv1.Operation{Id: s.ID(uuid)}
		state            string
		rejections, done []byte
		created          time.Time
		ended            *time.Time
	)
	err := s.DB.QueryRow(ctx, org, `
		SELECT kind, state, user_id::text, done, total, rejected, errors, rejects_file_id, error, result,
			created_at, ended_at
		FROM operations
		WHERE organization_id = $1 AND id = $2`, org, uuid).Scan(
		&op.Kind, &state, &op.UserId, &op.Done, &op.Total, &op.Rejected, &rejections, &op.RejectsFileId, &op.Error,
		&done, &created, &ended)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read operation: %w", err)
	}
	op.State, op.CreateTime = stateOf(state), timestamppb.New(created)
	if ended != nil {
		op.EndTime = timestamppb.New(*ended)
	}
	if err := decode(op, rejections, done); err != nil {
		return nil, err
	}
	return op, nil
}

func decode(op *operationv1.Operation, rejections, result []byte) error {
	var list []Rejection
	if err := json.Unmarshal(rejections, &list); err != nil {
		return fmt.Errorf("decode rejections: %w", err)
	}
	for _, r := range list {
		op.Errors = append(op.Errors, &operationv1.Rejection{
			Line: r.Line, Field: r.Field, Reason: r.Reason, Message: r.Message, RecordId: r.RecordID,
		})
	}
	op.Result = &structpb.Struct{}
	if err := op.GetResult().UnmarshalJSON(result); err != nil {
		return fmt.Errorf("decode result: %w", err)
	}
	return nil
}

func stateOf(s string) operationv1.State {
	switch s {
	case "queued":
		return operationv1.State_STATE_QUEUED
	case "running":
		return operationv1.State_STATE_RUNNING
	case "succeeded":
		return operationv1.State_STATE_SUCCEEDED
	case "failed":
		return operationv1.State_STATE_FAILED
	case "cancelled":
		return operationv1.State_STATE_CANCELLED
	}
	return operationv1.State_STATE_UNSPECIFIED
}
