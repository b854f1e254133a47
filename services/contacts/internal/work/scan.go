package work

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"golang.org/x/sync/errgroup"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
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

// Timeout see [river.Worker]: a large base takes minutes.
func (w *Scan) Timeout(*river.Job[ScanArgs]) time.Duration { return time.Hour }

// scanLook is how often a scan looks whether it is to stop.
const scanLook = 500 * time.Millisecond

// errStopped says that the user asks to stop.
var errStopped = errors.New("stopped by the user")

// Work runs the scan and ends its operation with it.
func (w *Scan) Work(ctx context.Context, job *river.Job[ScanArgs]) error {
	a := job.Args
	ctx = authn.With(ctx, authn.Principal{OrganizationID: a.OrganizationID, Service: "contacts"})
	err := w.scan(ctx, a)
	switch {
	case errors.Is(err, operation.ErrEnded): // cut off after its end
		return nil
	case errors.Is(err, errStopped):
		return w.finish(ctx, a, operation.End{Cancelled: true})
	case err != nil && ctx.Err() == nil && job.Attempt >= job.MaxAttempts:
		return errors.Join(err, w.finish(ctx, a, operation.End{
			Failure: "SCAN_GIVEN_UP: the scan was tried several times without success. Start it again later.",
		}))
	}
	return err
}

func (w *Scan) finish(ctx context.Context, a ScanArgs, e operation.End) error {
	return w.Store.Tx(ctx, a.OrganizationID, func(ctx context.Context, tx pgx.Tx) error {
		return w.Operations.Finish(ctx, tx, a.OrganizationID, a.OperationID, e)
	})
}

// scan compares the records. Asked to stop, it stops the comparison wherever that is.
func (w *Scan) scan(ctx context.Context, a ScanArgs) error {
	look := func(ctx context.Context) error {
		cancelled := false
		err := w.Store.Tx(ctx, a.OrganizationID, func(ctx context.Context, tx pgx.Tx) (err error) {
			cancelled, err = w.Operations.Advance(ctx, tx, a.OrganizationID, a.OperationID, operation.Progress{})
			return err
		})
		if err == nil && cancelled {
			err = errStopped
		}
		return err
	}
	if err := look(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	g.Go(func() error {
		tick := time.NewTicker(scanLook)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				return nil
			case <-tick.C:
				if err := look(ctx); err != nil && !errors.Is(err, operation.ErrEnded) && ctx.Err() == nil {
					return err
				}
			}
		}
	})
	g.Go(func() error {
		defer close(done)
		return w.Store.ScanDuplicates(ctx, a.OrganizationID, record.Kind(a.RecordKind), a.OperationID,
			func(ctx context.Context, tx pgx.Tx, pairs int64) error {
				return w.Operations.Finish(ctx, tx, a.OrganizationID, a.OperationID, operation.End{Result: map[string]any{"pairs": pairs}})
			})
	})
	return g.Wait()
}

// StartScan makes an operation that compares all records of a kind, and its job, and returns its UUID; while one is under way
// it returns that one's.
func StartScan(
	kept *store.Store, operations *operation.Store, client func() *jobs.Client,
) func(ctx context.Context, kind record.Kind) (string, error) {
	return func(ctx context.Context, kind record.Kind) (string, error) {
		who, opID := authn.MustFrom(ctx), id.New()
		running := opID
		idem.Remember(ctx, idem.Answer{Kind: "operation", RecordID: opID, Version: 1})
		err := kept.Tx(ctx, who.OrganizationID, func(ctx context.Context, tx pgx.Tx) (err error) {
			if running, err = kept.OpenScan(ctx, tx, who.OrganizationID, kind, opID); err != nil || running != opID {
				return err
			}
			if err := operations.Create(ctx, tx, who.OrganizationID, operation.New{ID: opID, Kind: "duplicates", UserID: who.UserID}); err != nil {
				return err
			}
			return client().Insert(ctx, tx, ScanArgs{OrganizationID: who.OrganizationID, OperationID: opID, RecordKind: string(kind)}, nil)
		})
		var replay *idem.Replay
		if errors.As(err, &replay) {
			return replay.RecordID, nil
		}
		return running, err
	}
}
