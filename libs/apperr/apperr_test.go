package apperr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/apperr"
)

var (
	errStale  = apperr.Conflict("DEAL_ETAG_MISMATCH", "deal was changed by someone else; read it again")
	errClosed = apperr.NotAllowedNow("DEAL_CLOSED", "a closed deal cannot change stage")
)

func TestCopiesMatchTheirSentinel(t *testing.T) {
	t.Parallel()
	cause := errors.New("row 7")
	e := errStale.With("stage", "won").With("id", "7").WithField("deal.etag", "is v3, not v2").Because(cause).
		Saying("read the deal again").RetryIn(time.Second)
	wrapped := fmt.Errorf("update deal: %w", e)
	require.ErrorIs(t, wrapped, errStale)
	require.NotErrorIs(t, wrapped, errClosed)
	require.ErrorIs(t, wrapped, cause)
	require.Equal(t, map[string]string{"stage": "won", "id": "7"}, e.Meta)
	require.Contains(t, e.Error(), "row 7")
	require.Equal(t, "DEAL_ETAG_MISMATCH", apperr.Reason(wrapped))
	require.Empty(t, apperr.Reason(cause))

	require.Nil(t, errStale.Meta, "a sentinel never changes")
	require.Nil(t, errStale.Fields)
	require.NoError(t, errors.Unwrap(errStale))
}

func TestCopiesDoNotShareFields(t *testing.T) {
	t.Parallel()
	base := errClosed.WithField("a", "1")
	x, y := base.WithField("b", "2"), base.WithField("c", "3")
	require.Equal(t, "b", x.Fields[1].Field)
	require.Equal(t, "c", y.Fields[1].Field)
}

func TestToStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		code codes.Code
		msg  string
	}{
		{"no error", nil, codes.OK, ""},
		{"malformed input", apperr.Invalid("R", "m"), codes.InvalidArgument, "m"},
		{"who are you", apperr.Unauthenticated("R", "m"), codes.Unauthenticated, "m"},
		{"you may not", apperr.Forbidden("R", "m"), codes.PermissionDenied, "m"},
		{"no such thing", apperr.NotFound("R", "m"), codes.NotFound, "m"},
		{"name taken", apperr.AlreadyExists("R", "m"), codes.AlreadyExists, "m"},
		{"changed underneath you", apperr.Conflict("R", "m"), codes.Aborted, "m"},
		{"not in this state", apperr.NotAllowedNow("R", "m"), codes.FailedPrecondition, "m"},
		{"over quota", apperr.TooMany("R", "m"), codes.ResourceExhausted, "m"},
		{"dependency down", apperr.Unavailable("R", "m"), codes.Unavailable, "m"},
		{"wrapped", fmt.Errorf("update: %w", apperr.NotFound("R", "m")), codes.NotFound, "m"},
		{"the caller has gone", fmt.Errorf("query: %w", context.Canceled), codes.Canceled, "request cancelled"},
		{"too slow", fmt.Errorf("query: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "deadline exceeded; try again"},
		{"a bug", errors.New("password=hunter2"), codes.Internal, "internal error"},
		{"a status made on purpose", status.Error(codes.Unimplemented, "not here"), codes.Unimplemented, "not here"},
		{"somebody's internal text", status.Error(codes.Internal, "dsn=secret"), codes.Internal, "internal error"},
		{"an unchecked status", status.Error(codes.Unknown, "dsn=secret"), codes.Internal, "internal error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := apperr.ToStatus(tt.err)
			require.Equal(t, tt.code, st.Code())
			require.Equal(t, tt.msg, st.Message())
		})
	}
}

func TestCauseIsNeverSent(t *testing.T) {
	t.Parallel()
	st := apperr.ToStatus(errStale.Because(errors.New("hunter2")))
	require.NotContains(t, st.Proto().String(), "hunter2")
}

func TestDetails(t *testing.T) {
	t.Parallel()
	st := apperr.ToStatus(apperr.TooMany("LIMIT", "slow down").With("limit", "5").
		WithField("name", "is too long").RetryIn(1500 * time.Millisecond))
	require.Len(t, st.Details(), 3)
	info := st.Details()[0].(*errdetails.ErrorInfo)
	require.Equal(t, "LIMIT", info.GetReason())
	require.Equal(t, "kontor", info.GetDomain())
	require.Equal(t, map[string]string{"limit": "5"}, info.GetMetadata())
	require.Equal(t, "name", st.Details()[1].(*errdetails.BadRequest).GetFieldViolations()[0].GetField())
	require.Equal(t, 1500*time.Millisecond, st.Details()[2].(*errdetails.RetryInfo).GetRetryDelay().AsDuration())
}

func TestFromStatus(t *testing.T) {
	t.Parallel()
	sent := errClosed.With("stage", "won").WithField("deal.stage_id", "is closed").RetryIn(time.Second)
	invalid := apperr.Invalid(apperr.ReasonInvalidArgument, "bad request").WithField("id", "must be a UUID")

	t.Run("an expected failure comes back as it was sent", func(t *testing.T) {
		t.Parallel()
		got := apperr.FromStatus(apperr.ToStatus(sent).Err())
		var e *apperr.Error
		require.ErrorAs(t, got, &e)
		require.ErrorIs(t, got, errClosed)
		require.Equal(t, sent.Meta, e.Meta)
		require.Equal(t, sent.Fields, e.Fields)
		require.Equal(t, sent.RetryAfter, e.RetryAfter)
		require.Equal(t, sent.Code, e.Code)
	})
	tests := []struct {
		name string
		err  error
		code codes.Code // that our own caller is shown
	}{
		{"a neighbour that does not answer is unavailable", status.Error(codes.Unavailable, "connection refused 10.0.0.7"), codes.Unavailable},
		{"its internal error is ours", status.Error(codes.Internal, "nil pointer"), codes.Internal},
		{"its complaint about the shape of our request is our bug", apperr.ToStatus(invalid).Err(), codes.Internal},
		{"its refusal without a reason is our bug", status.Error(codes.PermissionDenied, "no"), codes.Internal},
		{"its deadline is a deadline", status.Error(codes.DeadlineExceeded, "slow"), codes.DeadlineExceeded},
		{"a cancelled call is cancelled", status.Error(codes.Canceled, "gone"), codes.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := apperr.ToStatus(apperr.FromStatus(tt.err))
			require.Equal(t, tt.code, st.Code())
			require.NotContains(t, st.Message(), "10.0.0.7")
			require.NotContains(t, st.Message(), "nil pointer")
		})
	}
	require.NoError(t, apperr.FromStatus(nil))
	plain := errors.New("x")
	require.Equal(t, plain, apperr.FromStatus(plain))
}

func ExampleError_With() {
	err := errClosed.With("stage", "won")
	fmt.Println(errors.Is(err, errClosed), err.Meta["stage"])
	// Output: true won
}
