package rest

import (
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"kontor.internal/services/gateway/internal/jsonpb"
)

// marshaler reads requests with protojson and writes answers with our own encoder, which writes the same for less.
type marshaler struct {
	runtime.JSONPb

	encoder *jsonpb.Encoder
}

func newMarshaler() *marshaler {
	return &marshaler{JSONPb: runtime.JSONPb{MarshalOptions: jsonpb.Options()}, encoder: jsonpb.New()}
}

// Marshal returns v as JSON.
func (m *marshaler) Marshal(v any) ([]byte, error) {
	if msg, ok := v.(proto.Message); ok {
		return m.encoder.Marshal(msg)
	}
	return m.JSONPb.Marshal(v)
}
