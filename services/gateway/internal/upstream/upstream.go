// Package upstream guards the calls to the services behind the gateway, so that a slow or dead one takes nobody with
// it: a limit of calls under way for each service, a circuit breaker, and a deadline.
package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/apperr"
)

// Refusals of a guard. Nothing has been sent when they are given.
var (
	ErrBusy = apperr.Unavailable("SERVICE_BUSY", "the service has as many calls as it can take; try again shortly").
		RetryIn(time.Second)
	ErrOpen = apperr.Unavailable("SERVICE_UNAVAILABLE", "a service needed for this does not answer; try again shortly").
		RetryIn(2 * time.Second)
)

// Options of a guard. Zero values take the defaults.
type Options struct {
	// MaxCalls is how many calls may be under way at once; 256.
	MaxCalls int
	// Timeout of a call that has no shorter one; 30 s.
	Timeout time.Duration
	// Prepare may change a call before it is sent, or refuse it.
	Prepare func(ctx context.Context, call any) error
	// Refused counts refusals, with label values service and reason. May be nil.
	Refused *prometheus.CounterVec
}

const (
	defaultMaxCalls = 256
	defaultTimeout  = 30 * time.Second
	// openAfter failures in a row the breaker opens; it lets a call through again after openFor.
	openAfter = 8
	openFor   = 2 * time.Second
)

// Guard is a connection to one service that refuses at once what would only wait.
type Guard struct {
	conn    grpc.ClientConnInterface
	service string
	o       Options
	slots   chan struct{}
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// New returns conn, guarded.
func New(service string, conn grpc.ClientConnInterface, o Options) *Guard {
	if o.MaxCalls == 0 {
		o.MaxCalls = defaultMaxCalls
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	return &Guard{
		conn: conn, service: service, o: o,
		slots: make(chan struct{}, o.MaxCalls),
		breaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
			Name:         service,
			Timeout:      openFor,
			IsSuccessful: answered,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= openAfter },
		}),
	}
}

// answered reports whether the service is there: it gave an answer, be it a refusal. A caller who went away says
// nothing about the service.
func answered(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return false
	default:
		return true
	}
}

// Invoke see [grpc.ClientConnInterface].
func (g *Guard) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if g.o.Prepare != nil {
		if err := g.o.Prepare(ctx, args); err != nil {
			return apperr.ToStatus(err).Err()
		}
	}
	done, err := g.enter()
	if err != nil {
		return apperr.ToStatus(err).Err()
	}
	_, hurried := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	err = g.conn.Invoke(ctx, method, args, reply, opts...)
	if hurried && status.Code(err) == codes.DeadlineExceeded {
		done(nil) // a caller in a hurry, such as a search, says nothing about the service
	} else {
		done(err)
	}
	return err
}

// NewStream see [grpc.ClientConnInterface]. A stream counts as a call until it is open; files flow longer than calls.
func (g *Guard) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	done, err := g.enter()
	if err != nil {
		return nil, apperr.ToStatus(err).Err()
	}
	s, err := g.conn.NewStream(ctx, desc, method, opts...)
	done(err)
	return s, err
}

func (g *Guard) enter() (done func(error), err error) {
	select {
	case g.slots <- struct{}{}:
	default:
		g.count("busy")
		return nil, ErrBusy
	}
	report, err := g.breaker.Allow()
	if err != nil {
		<-g.slots
		g.count("open")
		if errors.Is(err, gobreaker.ErrTooManyRequests) || errors.Is(err, gobreaker.ErrOpenState) {
			return nil, ErrOpen
		}
		return nil, err
	}
	return func(err error) {
		<-g.slots
		report(err)
	}, nil
}

func (g *Guard) count(reason string) {
	if g.o.Refused != nil {
		g.o.Refused.WithLabelValues(g.service, reason).Inc()
	}
}
