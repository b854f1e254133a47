// Package apperr is the one kind of error that callers are meant to see: an expected failure with a stable reason.
//
// Everything that is not an [Error] is a bug or an outage; [ToStatus] shows it as "internal error" and the log keeps
// its text. Sentinels are package variables of the aggregates; the With… and Because methods return copies, so a
// sentinel never changes, and errors.Is compares reasons.
package apperr

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// Error is an expected failure with a stable, machine-readable reason.
type Error struct {
	// Code is the gRPC code; REST answers with the HTTP status that belongs to it.
	Code codes.Code
	// Reason is UPPER_SNAKE, documented next to the RPC and never renamed.
	Reason string
	// Msg says what to do; safe to show to a caller.
	Msg string
	// Meta holds values that a program may act upon, such as the stage a deal is in. Shown to the caller.
	Meta map[string]string
	// Fields names the fields of the request at fault.
	Fields []Field
	// RetryAfter tells the caller when a repetition may succeed. Zero if it is not known.
	RetryAfter time.Duration

	cause error // logged, never sent
}

// Field is one field of a request and what is wrong with it.
type Field struct {
	// Field is the path of the field, such as "deal.lines[2].quantity".
	Field string
	// Description says what is wrong and what is expected.
	Description string
}

// Invalid is malformed input: InvalidArgument, HTTP 400.
func Invalid(reason, msg string) *Error { return newError(codes.InvalidArgument, reason, msg) }

// Unauthenticated is a caller we do not know: HTTP 401.
func Unauthenticated(reason, msg string) *Error { return newError(codes.Unauthenticated, reason, msg) }

// Forbidden is a caller who may not: PermissionDenied, HTTP 403.
func Forbidden(reason, msg string) *Error { return newError(codes.PermissionDenied, reason, msg) }

// NotFound is a record that is not there, or not there for the caller: HTTP 404.
func NotFound(reason, msg string) *Error { return newError(codes.NotFound, reason, msg) }

// AlreadyExists is a name or key that is taken: HTTP 409.
func AlreadyExists(reason, msg string) *Error { return newError(codes.AlreadyExists, reason, msg) }

// Conflict is a record that somebody else changed meanwhile: Aborted, HTTP 409 (412 for an etag).
func Conflict(reason, msg string) *Error { return newError(codes.Aborted, reason, msg) }

// NotAllowedNow is a record whose state does not permit the change: FailedPrecondition, HTTP 400.
func NotAllowedNow(reason, msg string) *Error { return newError(codes.FailedPrecondition, reason, msg) }

// TooMany is a quota or a limit exceeded: ResourceExhausted, HTTP 429.
func TooMany(reason, msg string) *Error { return newError(codes.ResourceExhausted, reason, msg) }

// Unavailable is something we depend on that does not answer: HTTP 503.
func Unavailable(reason, msg string) *Error { return newError(codes.Unavailable, reason, msg) }

func newError(c codes.Code, reason, msg string) *Error {
	return &Error{Code: c, Reason: reason, Msg: msg}
}

// Error is the text for logs; it includes the cause. Callers are shown Msg.
func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString(e.Reason + ": " + e.Msg)
	for _, f := range e.Fields {
		s.WriteString("; " + f.Field + ": " + f.Description)
	}
	if e.cause != nil {
		s.WriteString(": " + e.cause.Error())
	}
	return s.String()
}

// Unwrap returns the cause given to Because.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is match by reason, so that copies match their sentinel.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// With returns a copy that carries the value v under key k.
func (e *Error) With(k, v string) *Error {
	c := e.copy()
	c.Meta = maps.Clone(e.Meta)
	if c.Meta == nil {
		c.Meta = make(map[string]string, 1)
	}
	c.Meta[k] = v
	return c
}

// Because returns a copy with the cause err, which is logged and never sent.
func (e *Error) Because(err error) *Error {
	c := e.copy()
	c.cause = err
	return c
}

// WithField returns a copy that names a field at fault.
func (e *Error) WithField(field, desc string) *Error {
	c := e.copy()
	c.Fields = append(slices.Clip(e.Fields), Field{Field: field, Description: desc})
	return c
}

// Saying returns a copy with another text for the caller: the same reason, told more exactly.
func (e *Error) Saying(msg string) *Error {
	c := e.copy()
	c.Msg = msg
	return c
}

// RetryIn returns a copy that tells the caller to try again after d.
func (e *Error) RetryIn(d time.Duration) *Error {
	c := e.copy()
	c.RetryAfter = d
	return c
}

func (e *Error) copy() *Error {
	c := *e
	return &c
}

// Reason returns the reason of err, or "" if err is not an expected failure.
func Reason(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}
