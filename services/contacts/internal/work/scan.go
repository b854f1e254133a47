package work

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/id"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/operation"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// ScanArgs are the arguments of the job that compares all records of a kind.
type ScanArgs struct {
	OrganizationID string `json:"organization_id"`
	OperationID    string `json:"operation_id"`
	RecordKind     string `json:"record_kind"`
}

// Kind names the job in River's table.
func (ScanArgs) Kind() string { return "contacts.duplicates" }

// Scan looks for duplicates among all records of a kind (CON-16). One that is cut off begins anew: it is one transaction.
type Scan struct {
	river.WorkerDefaults[ScanArgs]
	Store      *store.Store
	Operations *operation.Store
}

// Work runs the scan and ends its operation with it.
func (w *Scan) Work(ctx context.Context, job *river.Job[ScanArgs]) error {
	a := job.Args
	ctx = authn.With(ctx, authn.Principal{OrganizationID: a.OrganizationID, Service: "contacts"})
	cancelled := false
	err := w.Store.Tx(ctx, a.OrganizationID, func(ctx context.Context, tx pgx.Tx) (err error) {
		cancelled, err = w.Operations.Advance(ctx, tx, a.OrganizationID, a.OperationID, operation.Progress{})
		if err == nil && cancelled {
			err = w.Operations.Finish(ctx, tx, a.OrganizationID, a.OperationID, operation.End{Cancelled: true})
		}
		return err
	})
	switch {
	case errors.Is(err, operation.ErrEnded): // cut off after its end
		return nil
	case err != nil || cancelled:
		return err
	}
	return w.Store.ScanDuplicates(ctx, a.OrganizationID, record.Kind(a.RecordKind), a.OperationID,
		func(ctx context.Context, tx pgx.Tx, pairs int64) error {
			return w.Operations.Finish(ctx, tx, a.OrganizationID, a.OperationID, operation.End{Result: map[string]any{"pairs": pairs}})
		})
}

// StartScan makes an operation that compares all records of a kind, and its job, and returns its UUID.
func StartScan(
	kept *store.Store, operations *operation.Store, client func() *jobs.Client,
) func(ctx context.Context, kind record.Kind) (string, error) {
	return func(ctx context.Context, kind record.Kind) (string, error) {
		who, opID := authn.MustFrom(ctx), id.New()
		return opID, kept.Tx(ctx, who.OrganizationID, func(ctx context.Context, tx pgx.Tx) error {
			if err := operations.Create(ctx, tx, who.OrganizationID, operation.New{ID: opID, Kind: "duplicates", UserID: who.UserID}); err != nil {
				return err
			}
			return client().Insert(ctx, tx, ScanArgs{OrganizationID: who.OrganizationID, OperationID: opID, RecordKind: string(kind)}, nil)
		})
	}
}
