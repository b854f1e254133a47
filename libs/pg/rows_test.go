package pg_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
)

// A column that is the same in all rows goes as one value, in lists long enough to be worth a statement of their own.
func TestColumnsThatAreTheSameGoOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rows int
		same bool
		args int
		from string
	}{
		{99, true, 3, "(SELECT u.id AS id, u.at::timestamptz AS at, u.place FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS u (id, at, place)) AS n"},
		{100, true, 3, "(SELECT u.id AS id, $3::timestamptz AS at, u.place FROM unnest($2::uuid[]) WITH ORDINALITY AS u (id, place)) AS n"},
		{100, false, 3, "(SELECT u.id AS id, u.at::timestamptz AS at, u.place FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS u (id, at, place)) AS n"},
	} {
		ids, times := make([]string, c.rows), make([]string, c.rows)
		for i := range ids {
			ids[i], times[i] = newID(), "2026-03-29"
		}
		if !c.same {
			times[c.rows-1] = ""
		}
		r := pg.NewRows(c.rows, "org")
		pg.Column(r, "id", "uuid", "uuid", ids, pg.Equal)
		pg.Column(r, "at", "timestamptz", "text", times, pg.Equal)
		require.Equal(t, c.from, r.From())
		require.Len(t, r.Args, c.args)
	}
}

func TestColumnsWithNullAreNotTheSame(t *testing.T) {
	t.Parallel()
	a, b, c := "a", "a", "c"
	require.True(t, pg.EqualOrNull(&a, &b))
	require.True(t, pg.EqualOrNull[string](nil, nil))
	require.False(t, pg.EqualOrNull(&a, &c))
	require.False(t, pg.EqualOrNull(&a, nil))
	require.False(t, pg.EqualOrNull(nil, &a))
}

// Rows that go together read back as they were, whatever of them is the same: decisions 1.
func TestManyEventsReadBack(t *testing.T) {
	t.Parallel()
	base, org := database(t), newID()
	db, ctx := base.App, as(t, org, newID())
	at := time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)
	var want []string
	for _, mixed := range []bool{false, true} {
		evs := make([]event.Event, 150)
		for i := range evs {
			evs[i] = created(newID(), 1)
			evs[i].Payload = fmt.Appendf(nil, "payload %d", i)
			evs[i].EffectiveAt = &at
			if mixed && i%3 == 0 {
				evs[i].EffectiveAt, evs[i].Cause, evs[i].Responsible = nil, "cause", newID()
			}
		}
		require.NoError(t, db.Write(ctx, org, func(context.Context, pgx.Tx) ([]event.Event, error) { return evs, nil }))
		for i := range evs {
			got, err := db.EventAt(ctx, org, evs[i].Kind, evs[i].RecordID, evs[i].Version)
			require.NoError(t, err)
			require.Equal(t, evs[i].ID, got.ID)
			require.True(t, bytes.Equal(evs[i].Payload, got.Payload))
			require.Equal(t, evs[i].Cause, got.Cause)
			require.Equal(t, evs[i].Responsible, got.Responsible)
			require.Equal(t, evs[i].EffectiveAt == nil, got.EffectiveAt == nil)
			want = append(want, evs[i].RecordID)
		}
	}
	rows, err := base.System.Pool().Query(ctx, `SELECT record_id::text FROM outbox ORDER BY id`)
	require.NoError(t, err)
	told, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, want, told, "the relay tells them in the order they were written")
}

// Lists of IDs are sent in their binary form; what is no ID is refused by the server, as ever.
func TestListsOfIDs(t *testing.T) {
	t.Parallel()
	org := newID()
	db, ctx := database(t).App, as(t, org, newID())
	a, b := newID(), newID()
	for _, c := range []struct {
		ids  any
		want []string
	}{
		{[]string{a, b}, []string{a, b}},
		{[]*string{&a, nil}, []string{a, "-"}},
		{[]string{}, []string{}},
	} {
		rows, err := db.Query(ctx, org, `SELECT coalesce(x::text, '-') FROM unnest($1::uuid[]) AS x`, c.ids)
		require.NoError(t, err)
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	for _, bad := range []string{"x", a[:35], a[:35] + "g", "{" + a[1:35] + "}"} {
		rows, err := db.Query(ctx, org, `SELECT unnest($1::uuid[])`, []string{bad})
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		require.Equal(t, "22P02", pg.State(err), bad)
	}
}
