package session

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/account"
)

// Refusal is why a sign-in was refused. The numbers are those of the API.
type Refusal int

// The refusals that are told.
const (
	WrongPassword Refusal = iota + 1
	WrongCode
)

// Refused is a sign-in that was refused. It is a job: whether there is such an account is looked up behind the caller's
// back, for the answer must take as long if there is none (ID-9).
type Refused struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
	Why       Refusal   `json:"why"`
	At        time.Time `json:"at"`
}

// Kind see [river.JobArgs].
func (Refused) Kind() string { return "sign_in_refused" }

// RefusalOf returns the job that tells of a refused sign-in; false if there is nothing to tell of. Attempts beyond the
// limit are not told of: their number is anybody's choice.
func RefusalOf(in SignIn, err error, now time.Time) (Refused, bool) {
	r := Refused{
		ID: id.New(), Email: in.Email, Address: in.Client.Address, UserAgent: in.Client.UserAgent,
		At: now.UTC().Truncate(time.Microsecond),
	}
	switch {
	case errors.Is(err, ErrRefused):
		r.Why = WrongPassword
	case errors.Is(err, account.ErrCodeWrong):
		r.Why = WrongCode
	default:
		return r, false
	}
	email, err := account.NormalizeEmail(in.Email)
	if err == nil {
		r.Email = email
	}
	return r, err == nil
}

// RefusedWorker tells the organisations of an account.
type RefusedWorker struct {
	river.WorkerDefaults[Refused]

	Accounts Accounts
	// Tell writes what one organisation is told; a second time it does nothing.
	Tell func(ctx context.Context, org, userID string, r *Refused) error
}

// Work see [river.Worker].
func (w *RefusedWorker) Work(ctx context.Context, job *river.Job[Refused]) error {
	a, err := w.Accounts.FindAccount(ctx, job.Args.Email)
	if err != nil || a == nil {
		return err
	}
	members, err := w.Accounts.Memberships(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, m := range members {
		if !a.Opens(m.OrganizationID) {
			continue
		}
		if err := w.Tell(ctx, m.OrganizationID, m.UserID, &job.Args); err != nil {
			return err
		}
	}
	return nil
}
