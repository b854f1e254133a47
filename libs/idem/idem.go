// Package idem makes a repeated request have one effect and one answer.
//
// The interceptor puts the caller's request ID into the context. The first write of the request stores it together with
// the record it changed, in the same transaction; a repetition finds it and gets a [Replay] instead of a second effect.
// The caller of the write then answers with the record as of that version. What is not a write of the database (a
// request that was refused, a call that changed nothing) leaves no trace and is simply done again.
package idem

import (
	"context"
	"fmt"
	"sync"
	"time"

	"kontor.internal/libs/apperr"
)

// TTL is how long a request ID is remembered.
const TTL = 24 * time.Hour

// ErrReused says that the same request ID came with another request.
var ErrReused = apperr.AlreadyExists("REQUEST_ID_REUSED",
	"this request ID was used for another request; choose a new one for a new request")

// Request identifies a request of a caller.
type Request struct {
	// Method is the full name of the RPC.
	Method string
	// ID is the caller's.
	ID string
	// Hash tells the same request from another one with the same ID.
	Hash []byte
}

// Answer is the record that a request changed.
type Answer struct {
	Kind, RecordID string
	Version        int64
}

// Replay is returned, as an error, by a write whose request was done before. Nothing was written.
type Replay struct { //nolint:errname // an answer more than an error
	Kind, RecordID string
	Version        int64
}

// Error describes the earlier answer.
func (r *Replay) Error() string {
	return fmt.Sprintf("request was answered before: %s %s version %d", r.Kind, r.RecordID, r.Version)
}

type contextKey struct{}

type state struct {
	req Request

	mu     sync.Mutex
	answer *Answer
	done   bool
}

// With returns a context in which the next write belongs to req. A request without an ID changes nothing.
func With(ctx context.Context, req Request) context.Context {
	if req.ID == "" {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, &state{req: req})
}

// Without returns a context whose writes do not belong to the request: what has to be there before its own write.
func Without(ctx context.Context) context.Context {
	return context.WithValue(ctx, contextKey{}, (*state)(nil))
}

// From returns the request that the next write has to remember. There is none if the caller gave no request ID or a
// write has remembered it already: only the first write of a request carries its effect.
func From(ctx context.Context) (Request, bool) {
	s, _ := ctx.Value(contextKey{}).(*state)
	if s == nil {
		return Request{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.req, !s.done
}

// Remember names the record that answers the request where that is not the record of the write's first event, such as
// an operation. Without a request ID it does nothing.
func Remember(ctx context.Context, a Answer) {
	if s, _ := ctx.Value(contextKey{}).(*state); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answer = &a
	}
}

// Remembered returns what was given to Remember.
func Remembered(ctx context.Context) (Answer, bool) {
	s, _ := ctx.Value(contextKey{}).(*state)
	if s == nil {
		return Answer{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer == nil {
		return Answer{}, false
	}
	return *s.answer, true
}

// Done is called by the write that has committed the request.
func Done(ctx context.Context) {
	if s, _ := ctx.Value(contextKey{}).(*state); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.done = true
	}
}
