package pg

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// sendUUIDs makes IDs that are strings go to the server in 16 bytes each, lists of them above all. The client library
// alone would fail to, print the whole list into an error that nobody sees, and send text that the server has to read.
func sendUUIDs(_ context.Context, conn *pgx.Conn) error {
	m := conn.TypeMap()
	one := &pgtype.Type{Name: "uuid", OID: pgtype.UUIDOID, Codec: uuidCodec{}}
	m.RegisterType(one)
	m.RegisterType(&pgtype.Type{Name: "_uuid", OID: pgtype.UUIDArrayOID, Codec: &pgtype.ArrayCodec{ElementType: one}})
	return nil
}

// uuidCodec also encodes strings.
type uuidCodec struct{ pgtype.UUIDCodec }

// PlanEncode see [pgtype.Codec].
func (c uuidCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(string); ok && format == pgtype.BinaryFormatCode {
		return encodeUUID{}
	}
	return c.UUIDCodec.PlanEncode(m, oid, format, value)
}

type encodeUUID struct{}

// errUUID makes the client send the text, so that it is the server that says what is wrong with it.
var errUUID = errors.New("not a UUID")

// Encode see [pgtype.EncodePlan].
func (encodeUUID) Encode(value any, buf []byte) ([]byte, error) {
	s, ok := value.(string)
	if !ok || len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil, errUUID
	}
	for _, part := range []string{s[:8], s[9:13], s[14:18], s[19:23], s[24:]} {
		var err error
		if buf, err = hex.AppendDecode(buf, []byte(part)); err != nil {
			return nil, errUUID
		}
	}
	return buf, nil
}
