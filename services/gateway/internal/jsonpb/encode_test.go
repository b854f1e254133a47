package jsonpb_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	_ "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	_ "kontor.internal/proto/gen/kontor/deals/v1"
	_ "kontor.internal/proto/gen/kontor/files/v1"
	_ "kontor.internal/proto/gen/kontor/identity/v1"
	_ "kontor.internal/proto/gen/kontor/operation/v1"
	_ "kontor.internal/proto/gen/kontor/reporting/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/gateway/internal/jsonpb"
)

// same says that the encoder writes m as protojson does. protojson puts a space here and there so that nobody relies on
// its very bytes.
func same(t *testing.T, e *jsonpb.Encoder, m proto.Message) {
	t.Helper()
	want, err := jsonpb.Options().Marshal(m)
	require.NoError(t, err)
	got, err := e.Marshal(m)
	require.NoError(t, err)
	require.Equal(t, compact(t, want), compact(t, got))
}

func compact(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, text))
	return b.String()
}

// messages are all types of the contracts.
func messages(t testing.TB) []protoreflect.MessageType {
	t.Helper()
	var out []protoreflect.MessageType
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if strings.HasPrefix(string(mt.Descriptor().FullName()), "kontor.") {
			out = append(out, mt)
		}
		return true
	})
	require.Greater(t, len(out), 200)
	return out
}

func TestEveryMessageIsWrittenAsProtojsonDoes(t *testing.T) {
	t.Parallel()
	e := jsonpb.New()
	r := &filler{Rand: rand.New(rand.NewPCG(7, 11))}
	for _, mt := range messages(t) {
		same(t, e, mt.New().Interface()) // empty
		for range 20 {
			m := mt.New()
			r.fill(m, 0)
			same(t, e, m.Interface())
		}
	}
}

// What our contracts do not have today.
func TestKindsAndWellKnownTypes(t *testing.T) {
	t.Parallel()
	e := jsonpb.New()
	r := &filler{Rand: rand.New(rand.NewPCG(3, 5))}
	for _, name := range []protoreflect.FullName{
		"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask", "google.protobuf.Empty",
		"google.protobuf.DoubleValue", "google.protobuf.FloatValue", "google.protobuf.Int64Value", "google.protobuf.BytesValue",
		"google.rpc.BadRequest", "google.rpc.ErrorInfo", "google.rpc.RetryInfo", "google.type.Date", "google.api.HttpRule",
		"buf.validate.FieldRules", // proto2, with extensions
	} {
		mt, err := protoregistry.GlobalTypes.FindMessageByName(name)
		if err != nil {
			continue // not linked in
		}
		for range 20 {
			m := mt.New()
			r.fill(m, 0)
			same(t, e, m.Interface())
		}
	}
	s, err := structpb.NewStruct(map[string]any{"b": []any{1.5, nil, "x"}, "a": map[string]any{"y": true}})
	require.NoError(t, err)
	same(t, e, s)
	inner, err := anypb.New(&typev1.Money{CurrencyCode: "EUR"})
	require.NoError(t, err)
	same(t, e, &status.Status{Details: []*anypb.Any{inner}})
	for _, at := range []time.Time{
		{},
		time.Unix(0, 0), time.Unix(-1, 1), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Unix(5, 120_000_000), time.Unix(5, 120_000), time.Unix(5, 12),
	} {
		same(t, e, &contactsv1.Contact{CreateTime: timestamppb.New(at)})
	}
}

func TestTextIsEscapedAsFarAsNeeded(t *testing.T) {
	t.Parallel()
	e := jsonpb.New()
	for c := range rune(0x250) {
		same(t, e, &contactsv1.Contact{Comment: "a" + string(c) + "b"})
	}
	for _, s := range []string{"", "Ünïcode 漢字 🎉", "\u2028\u2029\ufffd\x7f", `<a href="x">&</a>`, strings.Repeat("\\\"\n", 50)} {
		same(t, e, &contactsv1.Contact{Comment: s})
	}
}

func TestWhatHasNoJSONIsAnError(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]proto.Message{
		"text that is not UTF-8":     &contactsv1.Contact{Comment: "a\xffb"},
		"a time after the year 9999": &contactsv1.Contact{CreateTime: &timestamppb.Timestamp{Seconds: 253402300800}},
		"a time with odd fractions":  &contactsv1.Contact{CreateTime: &timestamppb.Timestamp{Nanos: -1}},
		"a time in a list of them":   &contactsv1.ListContactsResponse{Contacts: []*contactsv1.Contact{{Name: "\xff"}}},
	} {
		_, err := jsonpb.Options().Marshal(m)
		require.Error(t, err, name)
		_, err = jsonpb.New().Marshal(m)
		require.Error(t, err, name)
	}
}

// Requests of one type come at once, also the first ones.
func TestPlansAreMadeOnceForAll(t *testing.T) {
	t.Parallel()
	e := jsonpb.New()
	all := messages(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, mt := range all {
				if _, err := e.Marshal(mt.New().Interface()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// filler fills messages at random.
type filler struct{ *rand.Rand }

const deepest = 4

func (r *filler) fill(m protoreflect.Message, depth int) {
	switch v := m.Interface().(type) {
	case *timestamppb.Timestamp:
		v.Seconds, v.Nanos = r.Int64N(253402300799), r.nanos()
		return
	case *anypb.Any:
		_ = v.MarshalFrom(&typev1.Money{CurrencyCode: "USD"}) // cannot fail
		return
	case *structpb.Value: // an empty one has no JSON
		v.Kind = []*structpb.Value{
			structpb.NewNullValue(), structpb.NewBoolValue(true), structpb.NewStringValue("a \"b\""), structpb.NewNumberValue(1.5),
			structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("c")}}),
		}[r.IntN(5)].GetKind()
		return
	}
	switch m.Descriptor().FullName() {
	case "google.protobuf.Duration":
		m.Set(m.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(r.Int64N(1e9)))
		return
	case "google.protobuf.FieldMask":
		m.Mutable(m.Descriptor().Fields().ByName("paths")).List().Append(protoreflect.ValueOfString("first_name"))
		return
	case "google.protobuf.Struct", "google.protobuf.ListValue":
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		message := fd.Message() != nil && !fd.IsMap() || fd.IsMap() && fd.MapValue().Message() != nil
		if r.IntN(4) == 0 || message && depth >= deepest {
			continue
		}
		switch {
		case fd.IsList():
			l := m.Mutable(fd).List()
			for range r.IntN(4) {
				l.Append(r.value(fd, l.NewElement, depth))
			}
		case fd.IsMap():
			entries := m.Mutable(fd).Map()
			for range r.IntN(4) {
				entries.Set(r.value(fd.MapKey(), nil, depth).MapKey(), r.value(fd.MapValue(), entries.NewValue, depth))
			}
		default:
			m.Set(fd, r.value(fd, func() protoreflect.Value { return m.NewField(fd) }, depth))
		}
	}
}

func (r *filler) nanos() int32 {
	return []int32{0, 120_000_000, 120_000, 12, 999_999_999}[r.IntN(5)]
}

func (r *filler) value(fd protoreflect.FieldDescriptor, fresh func() protoreflect.Value, depth int) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		if r.IntN(8) == 0 && !fd.Enum().IsClosed() {
			return protoreflect.ValueOfEnum(4711) // from a newer service
		}
		return protoreflect.ValueOfEnum(values.Get(r.IntN(values.Len())).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(r.Uint32()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(r.Uint32())
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(r.Uint64()))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(r.Uint64())
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(r.number()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(r.number())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "plain", "with \"quotes\"\n", "ÄÖ漢🎉", "\x01\u2028"}[r.IntN(5)] + strconv.Itoa(r.IntN(9)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("\xff\x00bytes")[:r.IntN(7)])
	default:
		v := fresh()
		r.fill(v.Message(), depth+1)
		return v
	}
}

func (r *filler) number() float64 {
	return []float64{0, 1, -1.5, 1e-9, 1e22, 3.25e-7, math.NaN(), math.Inf(1), math.Inf(-1), r.NormFloat64()}[r.IntN(10)]
}

// page is a list of 50 contacts as most are.
func page() proto.Message {
	res := &contactsv1.ListContactsResponse{NextPageToken: "abc"}
	for i := range 50 {
		n := strconv.Itoa(i)
		res.Contacts = append(res.Contacts, &contactsv1.Contact{
			Id: "0192f0c4-0000-7000-8000-0000000000aa", Etag: "v1", FirstName: "First" + n, LastName: "Last" + n, Name: "First Last",
			Position: "Buyer", ResponsibleId: "0192f0c4-0000-7000-8000-0000000000aa", CreateTime: timestamppb.New(time.Unix(1e9, 5e8)),
			UpdateTime: timestamppb.New(time.Unix(1e9, 5e8)), Origin: &typev1.Origin{Kind: "import"},
			Emails: []*typev1.EmailAddress{{Address: "p@example.com", Primary: true}},
			Phones: []*typev1.PhoneNumber{{Number: "+49 30 1234567", Primary: true}},
		})
	}
	return res
}

func BenchmarkList(b *testing.B) {
	m, e := page(), jsonpb.New()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListByProtojson(b *testing.B) {
	m := page()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jsonpb.Options().Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
}
