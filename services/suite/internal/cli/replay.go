package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/outbox"
	reportingv1 "kontor.internal/proto/gen/kontor/reporting/v1"
	reporting "kontor.internal/services/reporting/app"
	"kontor.internal/services/suite/internal/suite"
)

type replayConfig struct {
	operatorConfig

	To     string `flag:"to" required:"true" help:"whose view of the events is built anew: reporting"`
	Resume bool   `flag:"resume" help:"go on with a rebuild that was broken off, by publishing everything to it once more"`
}

func replayCommand() Command {
	return Command{
		Name: "events replay", Summary: "build the reports' facts anew from the events, while the old ones go on serving",
		Run: func(ctx context.Context, env Env, args []string) (err error) {
			var cfg replayConfig
			if err := loadConfig(&cfg, env, "kontor events replay", args); err != nil {
				return err
			}
			if cfg.To != reporting.Name {
				return fmt.Errorf("nothing can be replayed to %q, only to %s: %w", cfg.To, reporting.Name, ErrUsage)
			}
			if cfg.Separate { // what is missing is said before a rebuild is begun
				a, err := cfg.attach(ctx, env)
				if err == nil {
					err = a.CanPublish(reporting.Sources()...)
				}
				if err != nil {
					return err
				}
			}
			conn, err := cfg.dial(reporting.Name)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, conn.Close()) }()
			r := replay{
				client: reportingv1.NewRebuildServiceClient(conn), out: env.Stdout,
				attach: func() (*suite.Attached, error) { return cfg.attach(ctx, env) },
			}
			return cfg.explain(reporting.Name, r.run(ctx, cfg.Resume))
		},
	}
}

// replay is one rebuild.
type replay struct {
	client reportingv1.RebuildServiceClient
	attach func() (*suite.Attached, error)
	out    io.Writer
}

func (r *replay) run(ctx context.Context, resume bool) error {
	generation, topic, err := r.start(ctx, resume)
	if err != nil {
		return err
	}
	began := clock.Instant()
	err = r.publish(ctx, topic)
	if err == nil {
		err = r.await(ctx, generation)
	}
	if err != nil {
		return fmt.Errorf("the rebuild is not finished, and the old facts go on serving; run this again with --resume: %w", err)
	}
	fmt.Fprintf(r.out, "the new facts serve; done in %s\n", time.Since(began).Round(100*time.Millisecond))
	return nil
}

// start opens a generation of facts, or finds the one that an earlier run has left behind.
func (r *replay) start(ctx context.Context, resume bool) (generation int64, topic string, err error) {
	res, err := r.client.StartRebuild(ctx, &reportingv1.StartRebuildRequest{Sources: reporting.Sources()})
	var e *apperr.Error
	switch {
	case err == nil:
		return res.GetGeneration(), res.GetTopic(), nil
	case !errors.As(err, &e) || e.Reason != "REBUILD_UNDER_WAY":
		return 0, "", err
	case !resume:
		return 0, "", fmt.Errorf("%w; if what began it was broken off, run this again with --resume", err)
	}
	if generation, err = strconv.ParseInt(e.Meta["generation"], 10, 64); err != nil {
		return 0, "", errors.New("the rebuild that was under way has just come to its end")
	}
	return generation, broker.ReplayTopic(reporting.Name), nil
}

// publish has the owners' events published once more.
func (r *replay) publish(ctx context.Context, topic string) (err error) {
	a, err := r.attach()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	for _, source := range reporting.Sources() {
		if err := r.source(ctx, a, source, topic); err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
	}
	return nil
}

func (r *replay) source(ctx context.Context, a *suite.Attached, source, topic string) error {
	db, err := a.System(ctx, source)
	if err != nil {
		return err
	}
	defer db.Close()
	last := clock.Instant()
	n, err := outbox.Replay(ctx, outbox.ReplayOptions{
		DB: db, Brokers: a.Brokers, Source: "kontor." + source + ".v1", Topic: topic, Clock: clock.System,
		Progress: func(n int64) {
			if time.Since(last) >= time.Second {
				last = clock.Instant()
				fmt.Fprintf(r.out, "%-12s %d events so far\n", source, n)
			}
		},
	})
	if err == nil {
		fmt.Fprintf(r.out, "%-12s %d events\n", source, n)
	}
	return err
}

// await waits until the new generation serves.
func (r *replay) await(ctx context.Context, generation int64) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last, left := clock.Instant(), -1
	for {
		res, err := r.client.GetRebuild(ctx, &reportingv1.GetRebuildRequest{Generation: generation})
		if err != nil {
			return err
		}
		if res.GetServing() {
			return nil
		}
		if n := len(res.GetWaitingFor()); n != left && time.Since(last) >= time.Second {
			last, left = clock.Instant(), n
			fmt.Fprintf(r.out, "%-12s taking them in; to come: %s\n", reporting.Name, sourcesLeft(res.GetWaitingFor()))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// sourcesLeft names the services whose events have not all been taken in, of what is named "source/partition".
func sourcesLeft(waitingFor []string) string {
	var out []string
	for _, w := range waitingFor {
		source, _, _ := strings.Cut(strings.TrimPrefix(w, "kontor."), "/")
		out = append(out, source)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}
