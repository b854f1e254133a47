package store_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
	"kontor.internal/services/reporting/internal/report"
	"kontor.internal/services/reporting/internal/views"
)

// REP-1: a live event that overtakes the replay loses nothing of what only older events tell, such as the stage a deal was
// lost from.
func TestReplayFillsInWhatLiveEventsOvertook(t *testing.T) {
	b := setup(t)
	require.NoError(t, b.system.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := views.StartRebuild(ctx, tx, []string{"kontor.deals/0"})
		return err
	}))
	d := id.New()
	made := b.open(1, d, b.first, b.anna, 100)
	lost := b.open(2, d, b.lost, b.anna, 100)
	lost.State, lost.LostReason, lost.LostStageID = views.Lost, "price", &b.first
	lost.Change.FromStageID = &b.first
	reopened := b.open(3, d, b.second, b.anna, 100)
	reopened.Change.FromStageID = &b.lost
	again := b.open(4, d, b.lost, b.anna, 100)
	again.State, again.LostReason, again.LostStageID = views.Lost, "time", &b.second
	again.Change.FromStageID = &b.second
	renamed := again
	renamed.Version, renamed.Name, renamed.Change, renamed.LostStageID = 5, "Renamed", nil, nil

	b.deal(t, renamed, views.Live)
	for _, old := range []views.Deal{made, lost, reopened, again} {
		b.deal(t, old, views.Replayed)
	}
	require.NoError(t, b.system.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return views.EndReplay(ctx, tx, "kontor.deals/0")
	}))
	got, err := b.LostBy(t.Context(), b.selection)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, report.LostCount{StageID: b.second, Reason: "time", Deals: 1, Sum: got[0].Sum}, got[0])
}

// REP-1: one rebuild at a time; the refusal tells which one is under way.
func TestOneRebuildAtATime(t *testing.T) {
	b := setup(t)
	start := func() (generation int64, err error) {
		err = b.system.System(t.Context(), func(ctx context.Context, tx pgx.Tx) (err error) {
			generation, err = views.StartRebuild(ctx, tx, []string{"kontor.deals/0"})
			return err
		})
		return generation, err
	}
	first, err := start()
	require.NoError(t, err)
	_, err = start()
	require.ErrorIs(t, err, views.ErrUnderWay)
	var e *apperr.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, map[string]string{"generation": "2"}, e.Meta)
	require.EqualValues(t, 2, first)
}
