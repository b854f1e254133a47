package pg

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"kontor.internal/libs/apperr"
)

// ErrUnavailable is what callers see while the database cannot be reached.
var ErrUnavailable = apperr.Unavailable("DATABASE_UNAVAILABLE", "the database does not answer; try again in a moment").
	RetryIn(time.Second)

// SQLSTATE values we act upon.
const (
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
	checkViolation       = "23514"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

// IsUnique reports whether err is the violation of that unique constraint.
func IsUnique(err error, constraint string) bool { return violates(err, uniqueViolation, constraint) }

// IsForeignKey reports whether err is the violation of that foreign key.
func IsForeignKey(err error, constraint string) bool {
	return violates(err, foreignKeyViolation, constraint)
}

// IsCheck reports whether err is the violation of that check.
func IsCheck(err error, constraint string) bool { return violates(err, checkViolation, constraint) }

func violates(err error, state, constraint string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == state && e.ConstraintName == constraint
}

// State returns the SQLSTATE of err, or "".
func State(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// retryable reports whether the transaction has had no effect and may succeed when run again.
func retryable(err error) bool {
	switch State(err) {
	case serializationFailure, deadlockDetected:
		return true
	}
	return false
}

// visible turns an outage into ErrUnavailable and leaves everything else as it is.
func visible(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || !isOutage(err) {
		return err
	}
	return ErrUnavailable.Because(err)
}

func isOutage(err error) bool {
	if s := State(err); s != "" {
		// Connection exceptions, shutdowns, and no connection left.
		return strings.HasPrefix(s, "08") || strings.HasPrefix(s, "57P") || s == "53300"
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}
