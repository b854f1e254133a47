package inbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
)

// run is events in a row, of one organisation, that one handler takes at once.
type run struct {
	of   *Together
	evs  []event.Event
	last int64 // offset
}

// handle gives a message to its handler, or keeps it for the next flush, and returns when the event happened.
func (p *partition) handle(ctx context.Context, s *session, r *run, m kafka.Message, alone bool) (time.Time, error) {
	if p.ignores(m) {
		return happened(m), nil
	}
	ev, err := broker.Decode(m)
	if err != nil {
		return time.Time{}, &failure{m.Offset, errors.Join(ErrPermanent, err)}
	}
	of := p.several(ev.Type)
	if alone {
		of = nil
	}
	if len(r.evs) > 0 && (r.of != of || r.evs[0].Organization != ev.Organization) {
		if err := p.flush(ctx, s, r); err != nil {
			return time.Time{}, err
		}
	}
	if of != nil {
		r.of, r.evs, r.last = of, append(r.evs, ev), m.Offset
		return ev.HappenedAt, nil
	}
	if err := p.deliver(ctx, s, ev); err != nil {
		return time.Time{}, &failure{m.Offset, err}
	}
	return ev.HappenedAt, nil
}

// flush gives the events of a run to their handler.
func (p *partition) flush(ctx context.Context, s *session, r *run) error {
	evs := r.evs
	r.evs = nil
	switch len(evs) {
	case 0:
		return nil
	case 1:
		if err := p.deliver(ctx, s, evs[0]); err != nil {
			return &failure{r.last, err}
		}
		return nil
	}
	if err := p.deliverTogether(ctx, s, r.of, evs); err != nil {
		return &together{err}
	}
	return nil
}

func (p *partition) deliverTogether(ctx context.Context, s *session, of *Together, evs []event.Event) (err error) {
	if err := s.become(ctx, evs[0].Organization); err != nil {
		return err
	}
	if p.Tracer != nil {
		for _, ev := range evs { // in each one's own trace
			_, span := p.trace(ctx, ev)
			defer func() { end(span, err) }()
		}
	}
	ctx = authn.With(ctx, authn.Principal{OrganizationID: evs[0].Organization, Service: p.Name})
	defer caught(&err)
	return of.Apply(ctx, s.tx, evs)
}

// deliver calls the handler of an event, if it has one, as the event's organisation.
func (p *partition) deliver(ctx context.Context, s *session, ev event.Event) (err error) {
	h := p.handler(ev.Type)
	if h == nil {
		return nil
	}
	if err := s.become(ctx, ev.Organization); err != nil {
		return err
	}
	ctx, span := p.trace(ctx, ev)
	defer func() { end(span, err) }()
	// Who did it goes on doing it, through this consumer.
	ctx = authn.With(ctx, authn.Principal{OrganizationID: ev.Organization, UserID: userOf(ev.Actor), Service: p.Name})
	if ev.Address != "" {
		ctx = authn.WithAddress(ctx, ev.Address)
	}
	defer caught(&err)
	return h(ctx, s.tx, ev)
}

// caught, deferred, turns a panic into an error: the event is at fault, or the handler's dealing with it.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: panic: %v\n%s", ErrPermanent, r, debug.Stack())
	}
}

func end(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, "not applied")
	}
	span.End()
}

// trace goes on with the trace of the write, so that one trace leads from a click to what it changed elsewhere, and
// events that the handler adds belong to it too.
func (p *partition) trace(ctx context.Context, ev event.Event) (context.Context, trace.Span) {
	if ev.TraceParent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": ev.TraceParent})
	}
	if p.Tracer == nil {
		return ctx, noop.Span{}
	}
	return p.Tracer.Start(ctx, "apply "+ev.Type, trace.WithSpanKind(trace.SpanKindConsumer), //nolint:spancheck // the caller ends it
		trace.WithAttributes(attribute.String("messaging.consumer.group.name", p.Name),
			attribute.String("messaging.destination.name", p.topic)))
}

// userOf is the actor if it is a user.
func userOf(actor string) string {
	if strings.HasPrefix(actor, "service:") {
		return ""
	}
	return actor
}

// session knows as whom the transaction works at the moment.
type session struct {
	tx   pgx.Tx
	role string
	now  string // role
	org  string
}

const become = `SELECT set_config('role', $1, true), set_config('kontor.organization', $2, true)`

// become changes to the handlers' role, for one organisation.
func (s *session) become(ctx context.Context, org string) error {
	if s.now == s.role && s.org == org {
		return nil
	}
	if _, err := s.tx.Exec(ctx, become, s.role, org); err != nil {
		return fmt.Errorf("become organisation: %w", err)
	}
	s.now, s.org = s.role, org
	return nil
}

// system changes back for the bookkeeping.
func (s *session) system(ctx context.Context) error {
	b := &pgx.Batch{}
	if s.queueSystem(b); b.Len() == 0 {
		return nil
	}
	if err := s.tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("become system: %w", err)
	}
	return nil
}

// queueSystem is system with the statements that follow.
func (s *session) queueSystem(b *pgx.Batch) {
	if s.now == "" || s.now == pg.RoleSystem {
		return
	}
	b.Queue(become, pg.RoleSystem, "")
	s.now, s.org = pg.RoleSystem, ""
}
