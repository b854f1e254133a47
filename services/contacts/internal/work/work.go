// Package work holds the jobs of the contacts service: the deals and the files of converted leads, telling of overdue
// leads, emptying the bin. Imports are jobs of libs/imports.
package work

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/jobs"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// DealArgs are the arguments of the job that makes a converted lead's deal.
type DealArgs struct {
	OrganizationID string `json:"organization_id"`
	LeadID         string `json:"lead_id"`
	UserID         string `json:"user_id"`
	DealID         string `json:"deal_id"`
	Name           string `json:"name"`
	PipelineID     string `json:"pipeline_id,omitempty"`
}

// Kind names the job in River's table.
func (DealArgs) Kind() string { return "contacts.deal" }

// forever is the most attempts that River counts: an outage of another service is no reason to lose a deal.
const forever = 32767

// Enqueue returns the function that conversions make their jobs with, in their transaction. client is asked for when the
// first job is made: it is built after what its workers need.
func Enqueue(client func() *jobs.Client) func(ctx context.Context, tx pgx.Tx, e store.Errands) error {
	return func(ctx context.Context, tx pgx.Tx, e store.Errands) error {
		opts := &river.InsertOpts{MaxAttempts: forever}
		for _, to := range e.Carry {
			args := FilesArgs{
				OrganizationID: e.OrganizationID, LeadID: e.LeadID, UserID: e.UserID, RecordKind: string(to.Kind), RecordID: to.ID,
			}
			if err := client().Insert(ctx, tx, args, opts); err != nil {
				return err
			}
		}
		if e.Deal == nil {
			return nil
		}
		return client().Insert(ctx, tx, DealArgs{
			OrganizationID: e.OrganizationID, LeadID: e.LeadID, UserID: e.UserID,
			DealID: e.Deal.ID, Name: e.Deal.Name, PipelineID: e.Deal.PipelineID,
		}, opts)
	}
}

// Deals makes the deals of converted leads, however long it takes (CON-4, decisions 14).
type Deals struct {
	river.WorkerDefaults[DealArgs]

	Leads *lead.Leads
	// As returns a context in which calls are made for a user.
	As func(ctx context.Context, org, userID string) (context.Context, error)
	// Make asks the deals service; see clients.Deals.
	Make func(ctx context.Context, l *lead.Lead, draft lead.DealDraft) (refused, err error)
	// Files gives the deal, once it is made, the lead's files.
	Files *Files
}

// Work asks for the deal, notes the answer and has the files carried over. It may run again after having been answered:
// the deals service knows the deal by its ID, a lead that is settled stays so, and a file is copied once.
func (w *Deals) Work(ctx context.Context, job *river.Job[DealArgs]) error {
	a := job.Args
	l, err := w.Leads.Store.Get(ctx, a.OrganizationID, a.LeadID)
	switch {
	case errors.Is(err, lead.ErrNotFound):
		return nil
	case err != nil:
		return err
	case l.Awaits(a.DealID):
		refused, err := w.ask(ctx, a, l)
		if err != nil {
			return err
		}
		self := authn.With(ctx, authn.Principal{OrganizationID: a.OrganizationID, Service: "contacts"})
		if l, err = w.Leads.SettleDeal(self, a.OrganizationID, a.LeadID, a.DealID, refused); err != nil {
			return err
		}
	}
	if !l.Made(a.DealID) {
		return nil
	}
	return w.Files.carry(ctx, FilesArgs{
		OrganizationID: a.OrganizationID, LeadID: a.LeadID, UserID: a.UserID, RecordKind: string(lead.Deal), RecordID: a.DealID,
	})
}

// ask asks for the deal on behalf of who converted the lead.
func (w *Deals) ask(ctx context.Context, a DealArgs, l *lead.Lead) (refused, err error) {
	ctx, err = w.As(ctx, a.OrganizationID, a.UserID)
	switch {
	case gone(err): // somebody else can convert the lead again
		return err, nil
	case err != nil:
		return nil, err
	}
	return w.Make(ctx, l, lead.DealDraft{ID: a.DealID, Name: a.Name, PipelineID: a.PipelineID})
}

// gone reports whether nobody can act for the user any more: who converted the lead has left.
func gone(err error) bool {
	var e *apperr.Error
	return errors.As(err, &e) && e.Code == codes.NotFound
}

// FilesArgs are the arguments of the job that carries a converted lead's files over to a record.
type FilesArgs struct {
	OrganizationID string `json:"organization_id"`
	LeadID         string `json:"lead_id"`
	UserID         string `json:"user_id"`
	RecordKind     string `json:"record_kind"`
	RecordID       string `json:"record_id"`
}

// Kind names the job in River's table.
func (FilesArgs) Kind() string { return "contacts.files" }

// Files carries the files of converted leads over, however long it takes (CON-4, decisions 14).
type Files struct {
	river.WorkerDefaults[FilesArgs]

	// As returns a context in which calls are made for a user.
	As func(ctx context.Context, org, userID string) (context.Context, error)
	// Carry asks the files service; see clients.Files.
	Carry func(ctx context.Context, leadID string, to lead.Place) (refused, err error)
	Log   *slog.Logger
}

// Work carries the files over. It may run again: a file is copied once.
func (w *Files) Work(ctx context.Context, job *river.Job[FilesArgs]) error {
	return w.carry(ctx, job.Args)
}

// carry returns an error if another try may help. A refusal is for the operator's eyes alone: the lead keeps its files,
// and it takes the record, the lead or the user to have gone within moments of the conversion.
func (w *Files) carry(ctx context.Context, a FilesArgs) error {
	behalf, err := w.As(ctx, a.OrganizationID, a.UserID)
	var refused error
	switch {
	case gone(err):
		refused, err = err, nil
	case err != nil:
		return err
	default:
		refused, err = w.Carry(behalf, a.LeadID, lead.Place{Kind: record.Kind(a.RecordKind), ID: a.RecordID})
	}
	if refused != nil {
		w.Log.WarnContext(ctx, "files of a lead not carried over", "organization_id", a.OrganizationID, "lead_id", a.LeadID,
			"record_kind", a.RecordKind, "record_id", a.RecordID, "error", refused)
	}
	return err
}

// UpkeepArgs are the arguments of the job that looks after what time does to records.
type UpkeepArgs struct{}

// Kind names the job in River's table.
func (UpkeepArgs) Kind() string { return "contacts.upkeep" }

// Every is how often overdue leads are looked for.
const Every = time.Minute

// Periodic returns the jobs that run by the clock. One process of all runs each.
func Periodic() []*river.PeriodicJob {
	return []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(Every), func() (river.JobArgs, *river.InsertOpts) {
			// One that waits is enough; one that fails is followed by the next.
			return UpkeepArgs{}, &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: Every}}
		}, &river.PeriodicJobOpts{RunOnStart: true}),
	}
}

// Upkeep tells of overdue leads (CON-2) and empties the bin (decisions 24), organisation by organisation.
type Upkeep struct {
	river.WorkerDefaults[UpkeepArgs]

	Store     *store.Store
	Directory *authz.Directory
	Clock     clock.Clock
	Log       *slog.Logger
}

// Work does one round. The trouble of one organisation does not keep the others waiting.
func (w *Upkeep) Work(ctx context.Context, _ *river.Job[UpkeepArgs]) error {
	var errs []error
	for _, org := range w.Directory.Organizations() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_, err := w.Store.Leads().TellOverdue(ctx, org, w.Clock.Now(), func(responsible string) []string {
			return Heads(w.Directory, org, responsible)
		})
		errs = append(errs, err)
		_, err = w.Store.Purge(ctx, org, w.Clock.Now())
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Heads returns who heads the departments that the user is in, nearest first, the user aside.
func Heads(d *authz.Directory, org, userID string) []string {
	var heads []string
	user, _ := d.User(org, userID)
	department := user.DepartmentID
	// Departments are a tree; the bound is against a directory that is half read.
	for range 100 {
		dep, ok := d.Department(org, department)
		if !ok {
			break
		}
		if dep.HeadID != "" && dep.HeadID != userID && !slices.Contains(heads, dep.HeadID) {
			heads = append(heads, dep.HeadID)
		}
		department = dep.ParentID
	}
	return heads
}
