package inbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Progress says how far this process's partitions are.
type Progress struct {
	// Assigned is the number of partitions that this process reads.
	Assigned int
	// Behind is the number of messages known to be there and not applied.
	Behind int64
	// CaughtUp is true when partitions are assigned and none is behind.
	CaughtUp bool
	// LastEvent is when the latest applied event happened; zero if none was since the partitions were assigned.
	LastEvent time.Time
}

// Progress returns how far the partitions of this process are. With several replicas ask [ReadFreshness].
func (c *Consumer) Progress() Progress { return c.state.sum() }

type progress struct {
	mu    sync.Mutex
	parts map[*partition]mark
}

type mark struct {
	known     bool
	next, end int64
	last      time.Time
}

func (s *progress) assigned(parts []*partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = make(map[*partition]mark, len(parts))
	for _, p := range parts {
		s.parts[p] = mark{}
	}
}

func (s *progress) seen(p *partition, next, end int64, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.parts[p]
	if !ok {
		return // of an earlier generation
	}
	m.known, m.next, m.end = true, next, end
	if last.After(m.last) {
		m.last = last
	}
	s.parts[p] = m
}

func (s *progress) sum() Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Progress{Assigned: len(s.parts), CaughtUp: len(s.parts) > 0}
	for _, m := range s.parts {
		out.Behind += max(m.end-m.next, 0)
		out.CaughtUp = out.CaughtUp && m.known && m.next >= m.end
		if m.last.After(out.LastEvent) {
			out.LastEvent = m.last
		}
	}
	return out
}

// Querier is a pool or a transaction.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Freshness says how far a consumer's projection is, whichever process reads for it.
type Freshness struct {
	// Behind is the number of messages that had been seen and not applied when something was last applied.
	Behind int64
	// LastEvent is when the latest applied event happened; zero if there was none.
	LastEvent time.Time
	// AsOf is the moment up to which nothing is known to be missing: zero if the projection is caught up, so that it
	// holds as of now.
	AsOf time.Time
}

// ReadFreshness reads the positions of a consumer, from the pool or within the transaction that reads its projection.
func ReadFreshness(ctx context.Context, q Querier, consumer string) (Freshness, error) {
	var f Freshness
	var last, asOf *time.Time
	err := q.QueryRow(ctx, `
		SELECT coalesce(sum(greatest(end_offset - next_offset, 0)), 0)::bigint, max(last_event_at),
			min(last_event_at) FILTER (WHERE end_offset > next_offset)
		FROM inbox_positions
		WHERE consumer = $1`, consumer).Scan(&f.Behind, &last, &asOf)
	if err != nil {
		return f, fmt.Errorf("read freshness: %w", err)
	}
	if last != nil {
		f.LastEvent = last.UTC()
	}
	if asOf != nil {
		f.AsOf = asOf.UTC()
	}
	return f, nil
}

type metrics struct {
	lag                                   *prometheus.GaugeVec
	parked                                prometheus.Gauge
	applied, parkedTotal, retries, missed prometheus.Counter
}

func (m *metrics) register(reg prometheus.Registerer, consumer string) error {
	labels := prometheus.Labels{"consumer": consumer}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
	}
	m.lag = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kontor_inbox_lag", Help: "Messages that are there and not applied.", ConstLabels: labels,
	}, []string{"topic", "partition"})
	m.parked = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kontor_inbox_parked", Help: "Events parked, those queueing behind others included.", ConstLabels: labels,
	})
	m.applied = counter("kontor_inbox_applied_total", "Events applied.")
	m.parkedTotal = counter("kontor_inbox_parked_total", "Events that have been parked.")
	m.retries = counter("kontor_inbox_retries_total", "Transactions tried again.")
	m.missed = counter("kontor_inbox_missed_total", "Events that were gone from the topic before they were applied.")
	if reg == nil {
		return nil
	}
	return errors.Join(reg.Register(m.lag), reg.Register(m.parked), reg.Register(m.applied), reg.Register(m.parkedTotal),
		reg.Register(m.retries), reg.Register(m.missed))
}
