package grpcserver

import (
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/apperr"
)

// ErrInvalidArgument is the answer to a request that breaks a rule of its message; its fields say which. The reason is
// apperr.ReasonInvalidArgument, spelt out for the list of errors.
var ErrInvalidArgument = apperr.Invalid("INVALID_ARGUMENT", "the request is not valid")

// check validates a message by the rules in its proto.
func (s *Server) check(req any) error {
	msg, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	err := s.validate.Validate(msg)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return fmt.Errorf("rules of %s: %w", msg.ProtoReflect().Descriptor().FullName(), err)
	}
	e := ErrInvalidArgument
	for _, v := range invalid.Violations {
		e = e.WithField(protovalidate.FieldPathString(v.Proto.GetField()), v.Proto.GetMessage())
	}
	return e
}
