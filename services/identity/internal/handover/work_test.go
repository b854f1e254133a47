package handover_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/identity/internal/handover"
)

const leaver, successor, third = "leaver", "successor", "third"

// deal is a record in its service.
type deal struct {
	responsible string
	version     int
}

// shelf is a book of deals, which others work on too.
type shelf struct {
	deals map[string]*deal
	// meanwhile, if set, happens to a deal just before it is assigned; once for each.
	meanwhile func(d *deal)
	met       map[string]bool
}

func (s *shelf) Kind() string { return "deal" }

func (s *shelf) found(id string) handover.Found {
	d := s.deals[id]
	return handover.Found{ID: id, Name: id, Etag: strconv.Itoa(d.version), ResponsibleID: d.responsible}
}

func (s *shelf) Open(_ context.Context, userID, _ string) ([]handover.Found, string, error) {
	var out []handover.Found
	for id, d := range s.deals {
		if d.responsible == userID {
			out = append(out, s.found(id))
		}
	}
	return out, "", nil
}

func (s *shelf) Count(ctx context.Context, userID string) (int64, error) {
	all, _, err := s.Open(ctx, userID, "")
	return int64(len(all)), err
}

func (s *shelf) Get(_ context.Context, id string) (handover.Found, error) {
	if s.deals[id] == nil {
		return handover.Found{}, apperr.NotFound("DEAL_NOT_FOUND", "there is no such deal")
	}
	return s.found(id), nil
}

func (s *shelf) Assign(_ context.Context, id, etag, userID, _ string) (string, error) {
	d := s.deals[id]
	if d == nil {
		return "", apperr.NotFound("DEAL_NOT_FOUND", "there is no such deal")
	}
	if s.meanwhile != nil && !s.met[id] {
		s.met[id] = true
		s.meanwhile(d)
	}
	if etag != strconv.Itoa(d.version) {
		return "", apperr.Conflict("DEAL_ETAG_MISMATCH", "read it again")
	}
	d.responsible = userID
	d.version++
	return strconv.Itoa(d.version), nil
}

// desk keeps one handover.
type desk struct {
	h       handover.Handover
	records []handover.Record
	// dead has the process die before it notes what it has done.
	dead bool
}

func (d *desk) GetHandover(context.Context, string, string) (*handover.Handover, error) {
	h := d.h
	return &h, nil
}

func (d *desk) Note(_ context.Context, _, _ string, records []handover.Record) error {
	d.records = append(d.records, records...)
	return nil
}

func (d *desk) Next(_ context.Context, _, _, _ string, fate handover.Fate, limit int) ([]handover.Record, error) {
	var out []handover.Record
	for _, r := range d.records {
		if r.Fate == fate && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, nil
}

var errDied = errors.New("died")

func (d *desk) Settle(_ context.Context, _, _ string, records []handover.Record, _ int64) (bool, error) {
	if d.dead {
		return false, errDied
	}
	for _, r := range records {
		i := slices.IndexFunc(d.records, func(o handover.Record) bool { return o.ID == r.ID })
		d.records[i] = r
	}
	return false, nil
}

func (d *desk) End(_ context.Context, _, _ string, _ bool, _ string) error {
	d.h.State = map[handover.State]handover.State{
		handover.Running: handover.Done, handover.Reverting: handover.Reverted,
	}[d.h.State]
	return nil
}

// work does the job's last attempt.
func work(t *testing.T, d *desk, s *shelf) error {
	t.Helper()
	w := &handover.Worker{
		Store: d, Books: []handover.Book{s}, Log: slog.New(slog.DiscardHandler),
		As: func(ctx context.Context, _, _ string) (context.Context, error) { return ctx, nil },
	}
	return w.Work(t.Context(), &river.Job[handover.Job]{
		JobRow: &rivertype.JobRow{Attempt: 1, MaxAttempts: 1}, Args: handover.Job{Organization: "org", HandoverID: "h"},
	})
}

func handing() (*desk, *shelf) {
	d := &desk{h: handover.Handover{ID: "h", UserID: leaver, SuccessorID: successor, State: handover.Running}}
	return d, &shelf{deals: map[string]*deal{"one": {responsible: leaver, version: 1}}, met: map[string]bool{}}
}

// ID-2: reversible for 30 days, in which records are worked on by the successor and by the system.
func TestGivenBackWhateverWasDoneToIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		between     func(s *shelf)
		meanwhile   func(d *deal)
		fate        handover.Fate
		reason      string
		responsible string
	}{
		"as it was left":          {fate: handover.Returned, responsible: leaver},
		"worked on":               {between: func(s *shelf) { s.deals["one"].version += 3 }, fate: handover.Returned, responsible: leaver},
		"changed at that moment":  {meanwhile: func(d *deal) { d.version++ }, fate: handover.Returned, responsible: leaver},
		"given back by hand":      {between: func(s *shelf) { *s.deals["one"] = deal{leaver, 9} }, fate: handover.Returned, responsible: leaver},
		"given to another":        {between: func(s *shelf) { *s.deals["one"] = deal{third, 9} }, fate: handover.Kept, reason: "REASSIGNED", responsible: third},
		"given away right before": {meanwhile: func(d *deal) { *d = deal{third, 9} }, fate: handover.Kept, reason: "REASSIGNED", responsible: third},
		"deleted":                 {between: func(s *shelf) { delete(s.deals, "one") }, fate: handover.Kept, reason: "DEAL_NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, s := handing()
			require.NoError(t, work(t, d, s))
			require.Equal(t, handover.Moved, d.records[0].Fate)
			if tt.between != nil {
				tt.between(s)
			}
			s.meanwhile, d.h.State = tt.meanwhile, handover.Reverting
			require.NoError(t, work(t, d, s))
			require.Equal(t, handover.Reverted, d.h.State)
			require.Equal(t, tt.fate, d.records[0].Fate)
			require.Equal(t, tt.reason, d.records[0].Reason)
			if tt.responsible != "" {
				require.Equal(t, tt.responsible, s.deals["one"].responsible)
			}
		})
	}
}

// ID-2: a job that was given up after it moved a record, and before it could note that, has moved it nevertheless.
func TestGivenBackThoughNotNotedAsMoved(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		between     func(s *shelf)
		fate        handover.Fate
		reason      string
		responsible string
	}{
		"moved":            {fate: handover.Returned, responsible: leaver},
		"moved, worked on": {between: func(s *shelf) { s.deals["one"].version++ }, fate: handover.Returned, responsible: leaver},
		"not moved":        {between: func(s *shelf) { *s.deals["one"] = deal{leaver, 1} }, fate: handover.Left, responsible: leaver},
		"given to another": {between: func(s *shelf) { *s.deals["one"] = deal{third, 2} }, fate: handover.Left, reason: "REASSIGNED", responsible: third},
		"deleted":          {between: func(s *shelf) { delete(s.deals, "one") }, fate: handover.Kept, reason: "DEAL_NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, s := handing()
			d.dead = true
			require.ErrorIs(t, work(t, d, s), errDied)
			require.Equal(t, handover.Done, d.h.State)
			require.Equal(t, handover.Pending, d.records[0].Fate)
			if tt.between != nil {
				tt.between(s)
			}
			d.dead, d.h.State = false, handover.Reverting
			require.NoError(t, work(t, d, s))
			require.Equal(t, tt.fate, d.records[0].Fate)
			require.Equal(t, tt.reason, d.records[0].Reason)
			if tt.responsible != "" {
				require.Equal(t, tt.responsible, s.deals["one"].responsible)
			}
		})
	}
}
