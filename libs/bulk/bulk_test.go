package bulk_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

const things = `
CREATE TABLE things (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    name text NOT NULL,
    CONSTRAINT things_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT things_name_short CHECK (length(name) < 20)
);
SELECT kontor_tenant('things');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO kontor_app, kontor_system;
`

var (
	errFilter = apperr.Invalid("INVALID_FILTER", "no such thing")
	errLocked = apperr.Forbidden("PERMISSION_DENIED", "not this one")
	errOutage = errors.New("the network is gone")
)

// world is a service with bulk changes of "things", which are given a suffix, on a real database.
type world struct {
	t         *testing.T
	db        *testkit.Database
	org, user string
	runner    *bulk.Runner
	saved     map[string]string
	enqueued  []string

	mu sync.Mutex
	// applied are the IDs of each batch that was written.
	applied [][]string
	// before is called before each batch.
	before func(n int) error
	// locked are refused one by one, poison as a whole.
	locked, poison []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	base, err := schema.All()
	require.NoError(t, err)
	w := &world{
		t: t, db: testkit.Postgres(t, "things", fstest.MapFS{"0001_init.sql": {Data: []byte(base + bulk.Schema + things)}}),
		org: id.New(), user: id.New(), saved: map[string]string{},
	}
	w.runner = &bulk.Runner{
		DB: w.db.App, Operations: &operation.Store{Service: "things", DB: w.db.App, Clock: clock.System},
		Files: w, Targets: map[string]bulk.Target{"thing": w}, BatchSize: 4, Log: slog.New(slog.DiscardHandler),
		As: func(ctx context.Context, org, user string) (context.Context, error) {
			return authn.With(ctx, authn.Principal{OrganizationID: org, UserID: user}), nil
		},
		Enqueue: func(_ context.Context, _ pgx.Tx, _, opID string) error {
			w.enqueued = append(w.enqueued, opID)
			return nil
		},
	}
	return w
}

// Save see bulk.Files.
func (w *world) Save(_ context.Context, name, _, _ string, content io.Reader) (string, error) {
	text, err := io.ReadAll(content)
	w.saved[name] = string(text)
	return name, err
}

// Select see bulk.Target: a filter is a prefix of names.
func (w *world) Select(_ context.Context, org, filter string, inBin bool) (string, []any, error) {
	if filter == "wrong" {
		return "", nil, errFilter
	}
	if inBin {
		return `SELECT id FROM things WHERE organization_id = $1 AND false`, []any{org}, nil
	}
	return `SELECT id FROM things WHERE organization_id = $1 AND name LIKE $2`, []any{org, filter + "%"}, nil
}

// Apply see bulk.Target.
func (w *world) Apply(ctx context.Context, tx pgx.Tx, b bulk.Batch) ([]bulk.Result, []event.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.before != nil {
		if err := w.before(len(w.applied)); err != nil {
			return nil, nil, err
		}
	}
	results := make([]bulk.Result, len(b.IDs))
	var evs []event.Event
	for i, thing := range b.IDs {
		if slices.Contains(w.locked, thing) {
			results[i].Refused = errLocked
			continue
		}
		suffix := string(b.Change)
		if slices.Contains(w.poison, thing) {
			suffix = strings.Repeat("x", 20)
		}
		var version int64
		err := tx.QueryRow(ctx, `
			UPDATE things SET name = name || $3, version = version + 1
			WHERE organization_id = $1 AND id = $2 AND name NOT LIKE '%' || $3
			RETURNING version`, b.Organization, thing, suffix).Scan(&version)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
		case err != nil:
			return nil, nil, err
		default:
			results[i].Changed = true
			evs = append(evs, event.New("things", "thing", thing, version, wrapperspb.String(suffix), event.Cause(b.Cause)))
		}
	}
	w.applied = append(w.applied, slices.Clone(b.IDs))
	return results, evs, nil
}

// made makes things of a name.
func (w *world) made(name string, n int) []string {
	w.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = id.New()
	}
	require.NoError(w.t, w.db.App.Write(w.t.Context(), w.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		_, err := tx.Exec(ctx, `INSERT INTO things (organization_id, id, name) SELECT $1, x, $3 FROM unnest($2::uuid[]) x`, w.org, ids, name)
		return nil, err
	}))
	return ids
}

func (w *world) start(r bulk.Request) string {
	w.t.Helper()
	r.Organization, r.UserID, r.Kind = w.org, w.user, "thing"
	r.Change = []byte("!")
	opID, err := w.runner.Start(w.as(), r)
	require.NoError(w.t, err)
	return opID
}

func (w *world) as() context.Context {
	return authn.With(w.t.Context(), authn.Principal{OrganizationID: w.org, UserID: w.user})
}

func (w *world) operation(opID string) *operationv1.Operation {
	w.t.Helper()
	op, err := w.runner.Operations.Load(w.as(), w.org, opID)
	require.NoError(w.t, err)
	return op
}

// count asks the database.
func (w *world) count(sql string, args ...any) int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.db.App.QueryRow(w.t.Context(), w.org, sql, append([]any{w.org}, args...)...).Scan(&n))
	return n
}

func result(op *operationv1.Operation, name string) int {
	return int(op.GetResult().GetFields()[name].GetNumberValue())
}

const changedOnce = `SELECT count(*) FROM things WHERE organization_id = $1 AND version = 2`

// CON-13: what matches is decided once, worked on in batches, each record changed once with one event; what is left behind
// is nothing but the events.
func TestAllThatMatchAreChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.made("a", 10)
	w.made("b", 3)
	done := w.made("a!", 1)
	opID := w.start(bulk.Request{Filter: "a"})
	require.Equal(t, []string{opID}, w.enqueued)
	first := true
	w.before = func(int) error {
		if first {
			first = false
			w.mu.Unlock()
			w.made("a", 1) // comes too late
			w.mu.Lock()
		}
		return nil
	}
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	op := w.operation(opID)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.EqualValues(t, 11, op.GetTotal())
	require.Equal(t, []int{10, 1, 0}, []int{result(op, "changed"), result(op, "unchanged"), result(op, "rejected")})
	require.Equal(t, 10, w.count(changedOnce))
	require.Equal(t, 10, w.count(`SELECT count(*) FROM events WHERE organization_id = $1 AND cause = 'bulk/' || $2`, opID))
	require.Len(t, w.applied, 3)
	require.True(t, slices.IsSorted(slices.Concat(w.applied...)))
	require.Zero(t, w.count(`SELECT count(*) FROM bulk_records WHERE organization_id = $1`))
	require.Contains(t, slices.Concat(w.applied...), done[0])
	// The job may be run again: there is nothing more to do.
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Len(t, w.applied, 3)
}

// CON-13, faults: an outage in the middle loses nothing and doubles nothing: the next run goes on where this one came to.
func TestAnInterruptedChangeGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.made("a", 10)
	opID := w.start(bulk.Request{Everything: true})
	w.before = func(n int) error {
		if n == 1 {
			return errOutage
		}
		return nil
	}
	require.ErrorIs(t, w.runner.Run(t.Context(), w.org, opID), errOutage)
	op := w.operation(opID)
	require.Nil(t, op.GetEndTime())
	require.EqualValues(t, 4, op.GetDone())
	require.Equal(t, 4, w.count(changedOnce))
	w.before = nil
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Equal(t, 10, result(w.operation(opID), "changed"))
	require.Equal(t, 10, w.count(changedOnce))
}

// CON-13: a record that is refused is left, listed with the reason, and does not keep the others of its batch from being changed,
// be it refused by the rules or by the database.
func TestThoseRefusedAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.made("a", 9)
	w.locked, w.poison = all[2:3], all[5:6]
	gone := id.New()
	opID := w.start(bulk.Request{IDs: append([]string{gone, all[0]}, all[1:]...)})
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	op := w.operation(opID)
	require.Equal(t, []int{7, 1, 2}, []int{result(op, "changed"), result(op, "unchanged"), result(op, "rejected")})
	reasons := map[string]string{}
	for _, e := range op.GetErrors() {
		reasons[e.GetRecordId()] = e.GetReason()
	}
	require.Equal(t, map[string]string{all[2]: "PERMISSION_DENIED", all[5]: "RECORD_REFUSED"}, reasons)
	file := w.saved[op.GetRejectsFileId()]
	require.Contains(t, file, all[2]+",PERMISSION_DENIED,not this one\n")
	require.Contains(t, file, "things_name_short")
	require.Equal(t, 7, w.count(changedOnce))
}

// CON-13: a change that is cancelled stops after the batch it is at; what is done stays done and is told.
func TestACancelledChangeStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.made("a", 10)
	opID := w.start(bulk.Request{Everything: true})
	w.before = func(n int) error {
		if n == 1 {
			_, err := w.runner.Operations.Cancel(w.as(), "things."+opID)
			return err
		}
		return nil
	}
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	op := w.operation(opID)
	require.Equal(t, operationv1.State_STATE_CANCELLED, op.GetState())
	require.Equal(t, 8, result(op, "changed"))
	require.Equal(t, 8, w.count(changedOnce))
}

// CON-13: what cannot be begun is refused at once.
func TestWhatIsNoSelectionIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		req  bulk.Request
		want error
	}{
		"nothing":      {bulk.Request{}, bulk.ErrSelection},
		"two ways":     {bulk.Request{Filter: "a", Everything: true}, bulk.ErrSelection},
		"wrong filter": {bulk.Request{Filter: "wrong"}, errFilter},
	} {
		c.req.Organization, c.req.UserID, c.req.Kind = w.org, w.user, "thing"
		_, err := w.runner.Start(w.as(), c.req)
		require.ErrorIs(t, err, c.want, name)
	}
	require.Empty(t, w.enqueued)
	r := bulk.Request{}.Selected(&typev1.BulkSelection{Filter: "a", ShowDeleted: true})
	require.True(t, r.InBin)
	opID := w.start(r)
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Zero(t, w.operation(opID).GetTotal())
}
