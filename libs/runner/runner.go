// Package runner starts the parts of a process in order, and stops them in the opposite order.
package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// Component is one long-running part of a process.
type Component struct {
	// Name says in logs and errors which part it is.
	Name string
	// Run blocks until ctx is done, then finishes in-flight work and returns nil. Returning earlier is a failure.
	Run func(ctx context.Context) error
}

// Group runs components as one process.
type Group struct {
	// Log gets a line for each start and stop.
	Log *slog.Logger
	// NotReady is called once when a stop begins, before anything is stopped: flip readiness here. May be nil.
	NotReady func()
	// DrainDelay is how long to go on serving after NotReady, so that balancers notice first.
	DrainDelay time.Duration
	// StopTimeout is how long each component may take to stop; 20 s if zero.
	StopTimeout time.Duration
	// Components are started in this order and stopped, one after the other, in the opposite one.
	Components []Component
}

// defaultStopTimeout leaves room within the 30 s that Kubernetes gives a pod.
const defaultStopTimeout = 20 * time.Second

type running struct {
	Component
	cancel context.CancelFunc
	done   chan error
}

// Run returns nil after an orderly stop asked for by ctx, and otherwise the first component failure joined with
// whatever went wrong while stopping. The first failure stops the rest without a drain. A component that does not
// stop in time is named in the error and left behind.
func (g *Group) Run(ctx context.Context) error {
	failed := make(chan error, len(g.Components))
	up := make([]running, 0, len(g.Components))
	for _, c := range g.Components {
		up = append(up, start(ctx, c, failed))
		g.Log.InfoContext(ctx, "component started", "component", c.Name)
	}

	var errs []error
	select {
	case <-ctx.Done():
		g.notReady()
		drained := time.NewTimer(g.DrainDelay)
		select {
		case <-drained.C:
		case err := <-failed:
			errs = append(errs, err)
		}
		drained.Stop()
	case err := <-failed:
		errs = append(errs, err)
		g.Log.ErrorContext(ctx, "component failed; stopping", "error", err)
		g.notReady()
	}

	for i := len(up) - 1; i >= 0; i-- {
		errs = append(errs, g.stop(ctx, up[i], errs)...)
	}
	return errors.Join(errs...)
}

func (g *Group) notReady() {
	if g.NotReady != nil {
		g.NotReady()
	}
}

func start(ctx context.Context, c Component, failed chan<- error) running {
	// Each component has its own context, so that cancelling ctx starts the ordered stop instead of stopping
	// everything at once.
	cctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := running{Component: c, cancel: cancel, done: make(chan error, 1)}
	go func() {
		err := runSafely(cctx, c)
		if err == nil && cctx.Err() == nil {
			err = errors.New("exited without being asked to")
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", c.Name, err)
			failed <- err
		}
		r.done <- err
	}()
	return r
}

// runSafely turns a panic into a failure, so that the other components are still stopped in order.
func runSafely(ctx context.Context, c Component) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.Run(ctx)
}

// stop cancels one component and waits for it. It returns the failures not yet among known.
func (g *Group) stop(ctx context.Context, r running, known []error) []error {
	r.cancel()
	late := time.NewTimer(cmp.Or(g.StopTimeout, defaultStopTimeout))
	defer late.Stop()
	select {
	case err := <-r.done:
		g.Log.InfoContext(ctx, "component stopped", "component", r.Name)
		// A component told to stop may report just that.
		if err == nil || errors.Is(err, context.Canceled) {
			return nil
		}
		for _, k := range known {
			if k == err { //nolint:errorlint // The very same value, reported by both channels.
				return nil
			}
		}
		return []error{err}
	case <-late.C:
		err := fmt.Errorf("%s: still running after %s", r.Name, cmp.Or(g.StopTimeout, defaultStopTimeout))
		g.Log.ErrorContext(ctx, "component does not stop", "component", r.Name, "error", err)
		return []error{err}
	}
}
