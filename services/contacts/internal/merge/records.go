package merge

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
	"kontor.internal/services/contacts/internal/record"
)

// Store merges the records of one kind.
type Store[T any] interface {
	// Merge makes one record of those of the plan, in one transaction. decide gets them locked, the survivor first, and
	// returns the survivor as it is to be. Besides its errors and the kind's ErrNotFound there is ErrMerged.
	Merge(ctx context.Context, org, mergeID string, p *Plan, now time.Time, decide func([]*T) (*T, error)) (*Done, *T, error)
	// Undo takes a merge back and returns the fields that stay as they are now, which are none unless keep is set. admit says
	// whether the caller may.
	Undo(ctx context.Context, org, mergeID string, now time.Time, keep bool, admit func(*record.Meta) error) ([]string, error)
}

// Records merges the records of one kind.
type Records[T any, P record.Entity[T], M proto.Message] struct {
	Book  *record.Book[T, P]
	Store Store[T]
	// Fields are those that a caller may set.
	Fields []string
	// Message and Record translate.
	Message func(*T) M
	Record  func(M) (*T, error)
	// Finish decides what of the merged record no caller may set; records are as they were, the survivor first.
	Finish func(records []*T, after *T) error
}

// Rights are the caller's: Update reaches the records that may be changed, Delete those that may go.
type Rights struct{ Update, Delete record.Caller }

// Preview is what a merge would make.
type Preview[T any] struct {
	Record    *T
	Conflicts []Conflict
	// Versions of all records by ID.
	Versions map[string]int64
}

// Preview shows what Merge would make of the plan.
func (r *Records[T, P, M]) Preview(ctx context.Context, may Rights, p *Plan) (*Preview[T], error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	var records []*T
	out := &Preview[T]{Versions: map[string]int64{}}
	for _, recordID := range p.IDs() {
		rec, err := r.Book.Get(ctx, may.Update, recordID)
		if err != nil {
			return nil, err
		}
		m := P(rec).Common()
		if m.ID != recordID {
			return nil, ErrMerged.With("id", recordID)
		}
		out.Versions[m.ID] = m.Version
		records = append(records, rec)
	}
	check, err := r.Book.Checker(ctx, may.Update.OrganizationID)
	if err != nil {
		return nil, err
	}
	out.Record, out.Conflicts, err = r.decide(may, p, records, check)
	return out, err
}

// Merge makes one record of those of the plan.
func (r *Records[T, P, M]) Merge(ctx context.Context, may Rights, p *Plan) (*Done, *T, error) {
	if err := p.Check(); err != nil {
		return nil, nil, err
	}
	decide, err := r.Decider(ctx, may, p)
	if err != nil {
		return nil, nil, err
	}
	return r.Store.Merge(ctx, may.Update.OrganizationID, id.New(), p, r.Book.Clock.Now(), decide)
}

// Decider returns the function that checks rights and versions, and decides what becomes of the records of a plan.
func (r *Records[T, P, M]) Decider(ctx context.Context, may Rights, p *Plan) (func([]*T) (*T, error), error) {
	check, err := r.Book.Checker(ctx, may.Update.OrganizationID)
	if err != nil {
		return nil, err
	}
	return func(records []*T) (*T, error) {
		after, _, err := r.decide(may, p, records, check)
		return after, err
	}, nil
}

// decide checks rights and versions and returns the survivor as it is to be.
func (r *Records[T, P, M]) decide(may Rights, p *Plan, records []*T, check record.Check[T]) (*T, []Conflict, error) {
	messages := make([]M, len(records))
	for i, rec := range records {
		m := P(rec).Common()
		if err := r.Book.Admit(may.Update, m, p.Versions[m.ID]); err != nil {
			return nil, nil, err
		}
		if i > 0 && !may.Delete.CanAct(m) {
			return nil, nil, record.ErrForbidden.Saying("you may see this record but not make it part of another")
		}
		messages[i] = r.Message(rec)
	}
	merged, conflicts, err := Combine(messages, p.IDs(), r.Fields, p.Choices)
	if err != nil {
		return nil, nil, err
	}
	after, err := r.Record(merged)
	if err != nil {
		return nil, nil, err
	}
	if err := r.Finish(records, after); err != nil {
		return nil, nil, err
	}
	if err := P(after).Normalize(r.Book.Users.Country(may.Update.OrganizationID)); err != nil {
		return nil, nil, err
	}
	// Required fields that none of the records has filled are no reason to keep them apart.
	return after, conflicts, check.Do(records[0], after, true)
}

// Undo takes a merge back; see [Store].
func (r *Records[T, P, M]) Undo(ctx context.Context, may Rights, mergeID string, keep bool) ([]string, error) {
	return r.Store.Undo(ctx, may.Update.OrganizationID, mergeID, r.Book.Clock.Now(), keep, r.Admit(may))
}

// Admit returns the function that says whether the caller may take back a merge into a record. What is in the bin can be
// parted nevertheless.
func (r *Records[T, P, M]) Admit(may Rights) func(*record.Meta) error {
	return func(m *record.Meta) error {
		err := r.Book.Admit(may.Update, m, 0)
		var e *apperr.Error
		if errors.As(err, &e) && e.Reason == r.Book.ErrDeleted.Reason {
			return nil
		}
		return err
	}
}
