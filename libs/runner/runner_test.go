package runner_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/runner"
)

// diary records what happens, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, s)
}

// read returns what has happened so far.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// component waits until it is told to stop, takes a while to do so, and says when it has.
func (d *diary) component(name string, takes time.Duration, result error) runner.Component {
	return runner.Component{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(takes)
		d.add(name)
		return result
	}}
}

func (d *diary) group(c ...runner.Component) *runner.Group {
	return &runner.Group{
		Log: slog.New(slog.DiscardHandler), DrainDelay: 5 * time.Second, StopTimeout: 10 * time.Second,
		NotReady: func() { d.add("not ready") }, Components: c,
	}
}

func TestStopsInTheOppositeOrderAfterADrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // the signal
		defer cancel()
		start := time.Now()
		g := d.group(d.component("telemetry", 0, nil), d.component("relay", 2*time.Second, nil), d.component("grpc", 0, nil))
		require.NoError(t, g.Run(ctx))
		require.Equal(t, []string{"not ready", "grpc", "relay", "telemetry"}, d.read())
		require.Equal(t, 8*time.Second, time.Since(start)) // 1 s until the signal, 5 s drain, 2 s for the relay
	})
}

func TestFirstFailureStopsTheRestAtOnce(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	tests := []struct {
		name string
		run  func(ctx context.Context) error
		want string
	}{
		{"an error", func(context.Context) error { time.Sleep(time.Second); return boom }, "bad: boom"},
		{"an early return", func(context.Context) error { time.Sleep(time.Second); return nil }, "bad: exited without being asked to"},
		{"a panic", func(context.Context) error { time.Sleep(time.Second); panic("oops") }, "bad: panic: oops"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var d diary
				start := time.Now()
				g := d.group(d.component("good", 0, nil), runner.Component{Name: "bad", Run: tt.run}, d.component("late", 0, nil))
				err := g.Run(t.Context())
				require.ErrorContains(t, err, tt.want)
				require.Equal(t, []string{"not ready", "late", "good"}, d.read())
				require.Equal(t, time.Second, time.Since(start), "there is nothing to drain for")
			})
		})
	}
}

func TestFailureIsReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		boom := errors.New("boom")
		g := d.group(runner.Component{Name: "bad", Run: func(context.Context) error { return boom }}, d.component("also", 0, errors.New("late trouble")))
		err := g.Run(t.Context())
		require.ErrorIs(t, err, boom)
		require.Equal(t, "bad: boom\nalso: late trouble", err.Error())
	})
}

func TestFailureDuringTheDrainEndsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		g := d.group(runner.Component{Name: "bad", Run: func(context.Context) error {
			time.Sleep(3 * time.Second)
			return errors.New("boom")
		}})
		require.ErrorContains(t, g.Run(ctx), "bad: boom")
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestStuckComponentIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		g := d.group(d.component("fine", 0, nil), d.component("stuck", time.Minute, nil))
		require.EqualError(t, g.Run(ctx), "stuck: still running after 10s")
		require.Equal(t, []string{"not ready", "fine"}, d.read(), "the others are stopped nevertheless")
		time.Sleep(time.Hour) // lets it end
	})
}

func TestSayingOnesContextIsDoneIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, d.group(d.component("a", 0, context.Canceled)).Run(ctx))
	})
}
