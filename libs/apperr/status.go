package apperr

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Domain marks the reasons that are ours in google.rpc.ErrorInfo.
const Domain = "kontor"

// ReasonInvalidArgument is the reason of a request that breaks a rule of its message (protovalidate).
const ReasonInvalidArgument = "INVALID_ARGUMENT"

// ToStatus turns what a handler returned into what the caller is shown. It is called once per RPC, by the server's
// interceptor. Whatever is not an expected failure becomes an opaque Internal.
func ToStatus(err error) *status.Status {
	var e *Error
	switch {
	case err == nil:
		return status.New(codes.OK, "")
	case errors.As(err, &e):
		return e.status()
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, "request cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, "deadline exceeded; try again")
	}
	// A status made on purpose by code that speaks gRPC. Unknown and Internal carry text that nobody has checked.
	if st, ok := status.FromError(err); ok && st.Code() != codes.Unknown && st.Code() != codes.Internal {
		return st
	}
	return status.New(codes.Internal, "internal error")
}

func (e *Error) status() *status.Status {
	details := make([]protoadapt.MessageV1, 0, 3)
	details = append(details, &errdetails.ErrorInfo{Reason: e.Reason, Domain: Domain, Metadata: e.Meta})
	if len(e.Fields) > 0 {
		bad := &errdetails.BadRequest{FieldViolations: make([]*errdetails.BadRequest_FieldViolation, len(e.Fields))}
		for i, f := range e.Fields {
			bad.FieldViolations[i] = &errdetails.BadRequest_FieldViolation{Field: f.Field, Description: f.Description}
		}
		details = append(details, bad)
	}
	if e.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	st := status.New(e.Code, e.Msg)
	if with, err := st.WithDetails(details...); err == nil {
		return with
	}
	return st
}

// FromStatus turns the answer of a neighbour service back into an error of ours. Its expected failures come back as
// the same [Error] (errors.Is matches by reason) and may be passed on to the caller. A neighbour that does not answer
// becomes SERVICE_UNAVAILABLE. The rest, its internal errors and its complaints about the shape of our own request,
// is our bug or outage, not the caller's, and comes back as a plain error that no caller is shown.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err // not from gRPC, such as the caller's own context
	}
	e := fromDetails(st)
	switch {
	case e != nil && e.Reason != ReasonInvalidArgument:
		return e
	case st.Code() == codes.Canceled:
		return fmt.Errorf("%w: %s", context.Canceled, st.Message())
	case st.Code() == codes.DeadlineExceeded:
		return fmt.Errorf("%w: %s", context.DeadlineExceeded, st.Message())
	case st.Code() == codes.Unavailable:
		return Unavailable("SERVICE_UNAVAILABLE", "a service needed for this does not answer; try again").Because(err)
	}
	return fmt.Errorf("neighbour service answered %s: %s", st.Code(), st.Message())
}

func fromDetails(st *status.Status) *Error {
	var e *Error
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			e = &Error{Code: st.Code(), Reason: info.GetReason(), Msg: st.Message(), Meta: info.GetMetadata()}
		}
	}
	if e == nil {
		return nil
	}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Fields = append(e.Fields, Field{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			e.RetryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	return e
}
