package grpcserver

import (
	"errors"
	"log/slog"
	"time"

	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/logx"
)

// finish turns what the handler returned into what the caller is shown, counts the call and writes its one line.
func (s *Server) finish(c *call, err error) error {
	took := time.Since(c.start)
	err = textOf(err)
	st := apperr.ToStatus(err)
	code := st.Code()
	c.method.observe.end(code, took)
	level := levelOf(code)
	if level >= slog.LevelError {
		span := trace.SpanFromContext(c.ctx)
		span.RecordError(err)
		span.SetStatus(otelcodes.Error, st.Message())
	}
	if s.opts.Log.Enabled(c.ctx, level) {
		s.write(c, level, code, took, err)
	}
	return st.Err()
}

// ErrText is the answer to text that no database of ours can store.
var ErrText = apperr.Invalid("TEXT_INVALID", "text must not contain the character U+0000")

// textOf makes ErrText of PostgreSQL's refusal of such text. It may stand in any field, in a filter and in a search, so
// that looking for it beforehand would cost every call.
func textOf(err error) error {
	const notInRepertoire, untranslatable = "22021", "22P05"
	var sql interface{ SQLState() string }
	if errors.As(err, &sql) && (sql.SQLState() == notInRepertoire || sql.SQLState() == untranslatable) {
		return ErrText.Because(err)
	}
	return err
}

func (s *Server) write(c *call, level slog.Level, code codes.Code, took time.Duration, err error) {
	var buf [6]slog.Attr
	attrs := append(buf[:0],
		slog.String(logx.KeyMethod, c.method.name),
		slog.String(logx.KeyCode, code.String()),
		slog.Float64(logx.KeyDurationMS, float64(took.Microseconds())/1000),
	)
	if err != nil {
		if reason := apperr.Reason(err); reason != "" {
			attrs = append(attrs, slog.String(logx.KeyReason, reason))
		}
		attrs = append(attrs, slog.String(logx.KeyError, err.Error()))
		var p *panicError
		if errors.As(err, &p) {
			attrs = append(attrs, slog.String(logx.KeyStack, string(p.stack)))
		}
	}
	s.opts.Log.LogAttrs(c.ctx, level, "rpc", attrs...)
}

// levelOf says how loud a call's line is: what callers do wrong is their business, what we do wrong is ours.
func levelOf(c codes.Code) slog.Level {
	switch c { //nolint:exhaustive // All others are answers.
	case codes.ResourceExhausted, codes.DeadlineExceeded:
		return slog.LevelWarn
	case codes.Internal, codes.Unknown, codes.DataLoss, codes.Unavailable, codes.Unimplemented:
		return slog.LevelError
	}
	return slog.LevelInfo
}
