package rest

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/gateway/internal/upstream"
)

// Problem is the body of a failed call: problem details by RFC 9457, with what our errors carry beside.
type Problem struct {
	Type              string            `json:"type"`
	Title             string            `json:"title"`
	Status            int               `json:"status"`
	Detail            string            `json:"detail,omitempty"`
	Instance          string            `json:"instance,omitempty"`
	Reason            string            `json:"reason"`
	Metadata          map[string]string `json:"metadata,omitempty"`
	Fields            []Field           `json:"fields,omitempty"`
	RetryAfterSeconds float64           `json:"retryAfterSeconds,omitempty"`
	TraceID           string            `json:"traceId,omitempty"`
}

// Field is an input field at fault.
type Field struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// HeaderRequestID carries the ID of a request, to be named when asking about it.
const HeaderRequestID = "X-Request-Id"

// Failures that arise before any service is asked.
var (
	ErrRoute     = apperr.NotFound("ROUTE_NOT_FOUND", "there is no such path; the reference at /reference lists them")
	ErrMethod    = apperr.Invalid("METHOD_NOT_ALLOWED", "this path does not take this method; see the reference at /reference")
	ErrMalformed = apperr.Invalid("MALFORMED_REQUEST", "the request cannot be read")
	ErrTooLarge  = apperr.Invalid("BODY_TOO_LARGE", "the body is too large")
	ErrTimeout   = apperr.Unavailable("DEADLINE_EXCEEDED", "this took too long; try again")
)

// WriteError answers with the problem details of err. What is not an expected failure shows nothing of its cause.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	p := problem(err)
	p.Instance = r.URL.Path
	if sc := trace.SpanContextFromContext(r.Context()); sc.HasTraceID() {
		p.TraceID = sc.TraceID().String()
	} else {
		p.TraceID = w.Header().Get(HeaderRequestID)
	}
	h := w.Header()
	if p.RetryAfterSeconds > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfterSeconds))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone; nobody is left to tell
}

func problem(err error) *Problem {
	var large *http.MaxBytesError
	var own *apperr.Error
	switch {
	case errors.As(err, &large) || strings.Contains(err.Error(), "http: request body too large"):
		return problemOf(http.StatusRequestEntityTooLarge, status.Convert(apperr.ToStatus(ErrTooLarge).Err()))
	case errors.Is(err, ErrMethod):
		return problemOf(http.StatusMethodNotAllowed, apperr.ToStatus(ErrMethod))
	case errors.As(err, &own):
		st := apperr.ToStatus(own)
		return problemOf(httpStatus(st.Code(), own.Reason), st)
	}
	st, ok := status.FromError(err)
	if !ok {
		st = apperr.ToStatus(err)
	}
	st = outward(st)
	return problemOf(httpStatus(st.Code(), reason(st)), st)
}

// outward replaces what a library says of a failure by what may be told: its words name addresses and causes.
func outward(st *status.Status) *status.Status {
	if info(st) != nil {
		return st
	}
	switch st.Code() {
	case codes.InvalidArgument: // the body or a parameter did not parse
		return apperr.ToStatus(malformed(st.Message()))
	case codes.Unavailable:
		return apperr.ToStatus(upstream.ErrOpen)
	case codes.DeadlineExceeded:
		return apperr.ToStatus(ErrTimeout)
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return status.New(codes.Internal, "internal error")
	default:
		return st
	}
}

// info is what our own errors carry; nil where a library made the status.
func info(st *status.Status) *errdetails.ErrorInfo {
	for _, d := range st.Details() {
		if i, ok := d.(*errdetails.ErrorInfo); ok {
			return i
		}
	}
	return nil
}

func problemOf(code int, st *status.Status) *Problem {
	p := &Problem{Status: code, Title: http.StatusText(code), Detail: st.Message(), Reason: reason(st)}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			p.Metadata = d.GetMetadata()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				p.Fields = append(p.Fields, Field{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			p.RetryAfterSeconds = d.GetRetryDelay().AsDuration().Seconds()
		}
	}
	p.Type = "/docs/errors#" + strings.ToLower(p.Reason)
	return p
}

// reason is the stable reason of a status; where a library made the status it is the code's.
func reason(st *status.Status) string {
	if i := info(st); i != nil {
		return i.GetReason()
	}
	var name strings.Builder
	for i, c := range st.Code().String() {
		if i > 0 && c >= 'A' && c <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(c)
	}
	return strings.ToUpper(name.String())
}

func httpStatus(c codes.Code, reason string) int {
	if c == codes.Aborted && strings.HasSuffix(reason, "ETAG_MISMATCH") {
		return http.StatusPreconditionFailed
	}
	return runtime.HTTPStatusFromCode(c)
}

func routingError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler,
	w http.ResponseWriter, r *http.Request, code int,
) {
	switch code {
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		WriteError(w, r, ErrMethod)
	case http.StatusBadRequest:
		WriteError(w, r, ErrMalformed)
	default:
		WriteError(w, r, ErrRoute)
	}
}
