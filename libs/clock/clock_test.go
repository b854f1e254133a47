package clock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/clock"
)

func TestSystemReadsBackFromPostgres(t *testing.T) {
	t.Parallel()
	now := clock.System()
	require.Equal(t, time.UTC, now.Location())
	require.Equal(t, now, now.Round(time.Microsecond))
	require.WithinDuration(t, time.Now(), clock.Clock(nil).Now(), time.Minute)
}

func TestFixedStandsStill(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 59, 0, 0, time.UTC)
	require.Equal(t, at, clock.Fixed(at).Now())
}
