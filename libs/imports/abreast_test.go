package imports_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/event"
	"kontor.internal/libs/imports"
)

// applying makes a world's batches go through fn, which is told the line of a batch's first row.
func (w *world) applying(
	keys func(imports.Row) []string,
	fn func(ctx context.Context, tx pgx.Tx, b imports.Batch, first int64) ([]imports.Result, []event.Event, error),
) {
	t := w.runner.Targets["thing"]
	t.Keys = keys
	t.Apply = func(ctx context.Context, tx pgx.Tx, b imports.Batch) ([]imports.Result, []event.Event, error) {
		return fn(ctx, tx, b, b.Rows[0].Line)
	}
	w.runner.Targets["thing"] = t
}

func none(imports.Row) []string { return nil }

// await fails if nothing comes within the time that a test may take.
func await(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Second):
		return errors.New("waited in vain")
	}
}

// CON-17: two batches are written at a time, and stored in their order whichever is ready first. The first is held until
// the second has written its rows.
func TestImportWritesTwoBatchesAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := make(chan struct{})
	w.applying(none, func(ctx context.Context, tx pgx.Tx, b imports.Batch, first int64) ([]imports.Result, []event.Event, error) {
		res, evs, err := w.apply(ctx, tx, b)
		switch first {
		case 2:
			err = errors.Join(err, await(ctx, second))
		case 5:
			close(second)
		}
		return res, evs, err
	})
	opID := w.start(t, mapping, rows(12), false)
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Equal(t, result(12, 0, 0, 0), w.ops.end.Result)
	require.Len(t, w.names(t), 12)
}

// CON-17: a batch is in only if all before it are. The first fails when the second has written its rows; both are written
// by the next run.
func TestImportStoresNoBatchAfterOneThatFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := make(chan struct{})
	var once sync.Once
	failed := false
	w.applying(none, func(ctx context.Context, tx pgx.Tx, b imports.Batch, first int64) ([]imports.Result, []event.Event, error) {
		res, evs, err := w.apply(ctx, tx, b)
		switch {
		case first == 5:
			once.Do(func() { close(second) })
		case first == 2 && !failed:
			failed = true
			return nil, nil, errors.Join(err, await(ctx, second), errors.New("the connection broke"))
		}
		return res, evs, err
	})
	opID := w.start(t, mapping, rows(12), false)
	require.ErrorContains(t, w.runner.Run(t.Context(), w.org, opID), "the connection broke")
	require.Empty(t, w.names(t))
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Equal(t, result(12, 0, 0, 0), w.ops.end.Result)
	require.Len(t, w.names(t), 12)
}

// CON-17: batches with a key in common, or an external ID, are written one after the other, so that the later row finds
// the record of the earlier.
func TestImportWritesBatchesWithACommonKeyInTurn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys func(imports.Row) []string
		file string
	}{
		"key":         {func(r imports.Row) []string { return []string{r.Text("name")[:1]} }, rows(12)},
		"external ID": {none, "id,name,size\n" + strings.Repeat("1,thing,1\n", 12)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var mu sync.Mutex
			under, most := 0, 0
			count := func(n int) {
				mu.Lock()
				defer mu.Unlock()
				under += n
				most = max(most, under)
			}
			w.applying(c.keys, func(ctx context.Context, tx pgx.Tx, b imports.Batch, _ int64) ([]imports.Result, []event.Event, error) {
				count(1)
				defer count(-1)
				if _, err := tx.Exec(ctx, `SELECT pg_sleep(0.05)`); err != nil {
					return nil, nil, err
				}
				return w.apply(ctx, tx, b)
			})
			opID := w.start(t, mapping, c.file, false)
			require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
			require.Equal(t, 1, most)
			require.EqualValues(t, 0, w.ops.end.Result["rejected"])
		})
	}
}

// CON-17: rows that come into each other's way without Keys having told make no deadlock: the row further up wins, as ever.
// The second batch takes the external ID before the first does.
func TestImportBatchesThatWaitForEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken := make(chan struct{})
	var once sync.Once
	w.applying(none, func(ctx context.Context, tx pgx.Tx, b imports.Batch, first int64) ([]imports.Result, []event.Event, error) {
		if first == 2 {
			if err := await(ctx, taken); err != nil {
				return nil, nil, err
			}
		}
		for i, r := range b.Rows { // what the record is known by is not in the file's own ID
			if _, err := tx.Exec(ctx, `
				INSERT INTO things (organization_id, id, name, size, external_id) VALUES ($1, gen_random_uuid(), $2, $3, $4)`,
				b.Organization, r.Text("name"), r.Integer("size"), "size "+strconv.FormatInt(r.Integer("size"), 10)); err != nil {
				return nil, nil, err
			}
			if first == 5 && i == 0 {
				once.Do(func() { close(taken) })
			}
		}
		return slicesOf(len(b.Rows), imports.Result{Outcome: imports.Created}), nil, nil
	})
	opID := w.start(t, mapping, "id,name,size\n1,a,1\n2,b,7\n3,c,3\n4,d,7\n5,e,5\n6,f,6\n", false)
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Equal(t, []string{"a", "b", "c", "e", "f"}, w.names(t))
	require.Equal(t, result(5, 0, 0, 1), w.ops.end.Result)
}

func slicesOf[T any](n int, v T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}
