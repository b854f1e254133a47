package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/id"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// method is a method that the suite serves.
type method struct {
	protoreflect.MethodDescriptor

	access optionsv1.Access
}

// path is how gRPC calls it.
func (m method) path() string { return "/" + string(m.Parent().FullName()) + "/" + string(m.Name()) }

// served are all methods of ours that the running server says it serves.
func served(t *testing.T, conn *grpc.ClientConn) []method {
	t.Helper()
	s, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{ListServices: "*"},
	}))
	res, err := s.Recv()
	require.NoError(t, err)
	require.NoError(t, s.CloseSend())
	var out []method
	for _, service := range res.GetListServicesResponse().GetService() {
		if !strings.HasPrefix(service.GetName(), "kontor.") {
			continue
		}
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service.GetName()))
		require.NoError(t, err)
		sd, ok := d.(protoreflect.ServiceDescriptor)
		require.True(t, ok)
		for i := range sd.Methods().Len() {
			md := sd.Methods().Get(i)
			p, ok := proto.GetExtension(md.Options(), optionsv1.E_Permission).(*optionsv1.Permission)
			require.True(t, ok)
			out = append(out, method{md, p.GetAccess()})
		}
	}
	require.Greater(t, len(out), 100)
	return out
}

// plain is a connection that proves nothing about who calls.
func (in *installation) plain(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpcclient.Dial(in.env["KONTOR_GRPC_ADDR"], grpcclient.Options{Raw: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// call calls any method with the token, if any, and returns the first answer as JSON and the status.
func call(t *testing.T, conn *grpc.ClientConn, token string, m method, req proto.Message) (string, *status.Status) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	typ, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	require.NoError(t, err)
	res := typ.New().Interface()
	if !m.IsStreamingClient() && !m.IsStreamingServer() {
		err = conn.Invoke(ctx, m.path(), req, res)
	} else {
		err = stream(ctx, conn, m, req, res)
	}
	text, jerr := protojson.Marshal(res)
	require.NoError(t, jerr)
	return string(text), status.Convert(err)
}

func stream(ctx context.Context, conn *grpc.ClientConn, m method, req, res proto.Message) error {
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer()}, m.path())
	if err != nil {
		return err
	}
	if err := s.SendMsg(req); err != nil && !errors.Is(err, io.EOF) { // what is wrong is told by the answer
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	return s.RecvMsg(res)
}

// records are IDs by the name of the message that has them, such as "Deal".
type records map[string][]string

// collect takes the IDs of all records in a message.
func (r records) collect(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Name() == "id" && fd.Kind() == protoreflect.StringKind:
			name := string(m.Descriptor().Name())
			if v.String() != "" && name != "ExternalId" && !slices.Contains(r[name], v.String()) {
				r[name] = append(r[name], v.String())
			}
		case fd.IsMap() || fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				r.collect(v.List().Get(i).Message())
			}
		default:
			r.collect(v.Message())
		}
		return true
	})
}

// of is an ID for a field: of the record the field's name speaks of, or of the one the method does.
func (r records) of(m method, field string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(field, "_ids"), "_id")
	switch name {
	case "responsible", "user", "head", "successor", "owner", "observer":
		name = "user"
	case "id", "ids":
		best := ""
		for kind := range r {
			if strings.Contains(strings.ReplaceAll(string(m.Name()), "ies", "y"), kind) && len(kind) > len(best) {
				best = kind
			}
		}
		if best != "" {
			return r[best][0]
		}
	}
	for kind := range r {
		if strings.EqualFold(kind, strings.ReplaceAll(name, "_", "")) {
			return r[kind][0]
		}
	}
	return ""
}

// filler makes requests.
type filler struct {
	// id gives the ID for a field; empty leaves the field out.
	id func(field string) string
	// word goes where any text may: into names, searches and look-ups.
	word string
	// sparse leaves out what is neither an ID nor required.
	sparse bool
}

// request makes a message of the method's input.
func (f filler) request(t *testing.T, m method) proto.Message {
	t.Helper()
	typ, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	require.NoError(t, err)
	msg := typ.New()
	f.fill(msg, 0)
	return msg.Interface()
}

func (f filler) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() && m.WhichOneof(o) != nil {
			continue
		}
		rules, _ := proto.GetExtension(fd.Options(), validate.E_Field).(*validate.FieldRules)
		switch {
		case fd.IsMap():
		case fd.IsList():
			l := m.Mutable(fd).List()
			if v, ok := f.value(fd, rules.GetRepeated().GetItems(), depth, func() protoreflect.Value { return l.NewElement() }); ok {
				l.Append(v)
				for fd.Kind() == protoreflect.StringKind && uint64(l.Len()) < rules.GetRepeated().GetMinItems() {
					l.Append(protoreflect.ValueOfString(id.New())) // beside the one that is asked for
				}
			}
		default:
			if v, ok := f.value(fd, rules, depth, func() protoreflect.Value { return m.NewField(fd) }); ok {
				m.Set(fd, v)
			}
		}
	}
}

// value makes a value for a field, or none.
func (f filler) value(fd protoreflect.FieldDescriptor, rules *validate.FieldRules, depth int, empty func() protoreflect.Value) (v protoreflect.Value, ok bool) {
	name := string(fd.Name())
	switch fd.Kind() { //nolint:exhaustive // numbers and the rest are as good as zero
	case protoreflect.StringKind:
		s := f.text(name, rules.GetString())
		return protoreflect.ValueOfString(s), s != ""
	case protoreflect.Int32Kind:
		n := rules.GetInt32().GetGte()
		return protoreflect.ValueOfInt32(n), n > 0
	case protoreflect.DoubleKind:
		x := rules.GetDouble().GetGte()
		return protoreflect.ValueOfFloat64(x), x > 0
	case protoreflect.EnumKind:
		if f.sparse && rules == nil {
			return v, false
		}
		return protoreflect.ValueOfEnum(fd.Enum().Values().Get(min(1, fd.Enum().Values().Len()-1)).Number()), true
	case protoreflect.MessageKind:
		if depth > 3 || strings.HasPrefix(string(fd.Message().FullName()), "google.protobuf.") {
			return v, false
		}
		if f.sparse && !rules.GetRequired() && slices.Contains([]protoreflect.Name{"Money", "Date", "DealLine"}, fd.Message().Name()) {
			return v, false
		}
		e := empty()
		known(e.Message(), f, depth)
		empty := true
		e.Message().Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool {
			empty = false
			return false
		})
		return e, !empty || rules.GetRequired()
	}
	return v, false
}

// known fills messages whose fields only make sense together, and others field by field.
func known(m protoreflect.Message, f filler, depth int) {
	set := func(field string, v any) {
		m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(field)), protoreflect.ValueOf(v))
	}
	switch m.Descriptor().Name() {
	case "Money":
		set("currency_code", "USD")
		set("amount", "1")
	case "Date":
		set("year", int32(2026))
		set("month", int32(1))
		set("day", int32(2))
	case "ExternalId": // another system's, and free text
		set("source", "elsewhere")
		set("id", id.New())
	case "DealLine", "Line":
		set("name", f.word)
		set("quantity", "1")
		if id := f.id("product_id"); id != "" && m.Descriptor().Fields().ByName("product_id") != nil {
			set("product_id", id)
		}
	default:
		f.fill(m, depth+1)
	}
}

// text is what a text field gets.
func (f filler) text(name string, rules *validate.StringRules) string {
	switch {
	case rules.GetUuid(), name == "id", name == "ids", strings.HasSuffix(name, "_id") && name != "request_id", strings.HasSuffix(name, "_ids"):
		return f.id(name)
	case name == "filter":
		if id := f.id("id"); id != "" && !f.sparse {
			return `id = "` + id + `"`
		}
		return ""
	case name == "request_id", name == "etag", name == "page_token", name == "order_by":
		return ""
	}
	required := len(rules.GetIn()) > 0 || rules.GetMinLen() > 0 || rules.GetPattern() != "" || rules.GetEmail()
	if f.sparse && !required {
		return ""
	}
	switch {
	case strings.Contains(name, "currency"):
		return "USD"
	case strings.Contains(name, "email") && !strings.Contains(f.word, "@"):
		return id.New() + "@example.com"
	case name == "report":
		return "funnel"
	case rules.GetEmail():
		return id.New() + "@example.com"
	case len(rules.GetIn()) > 0:
		return rules.GetIn()[0]
	case rules.GetPattern() != "":
		return fitting(rules.GetPattern())
	}
	return f.word
}

// fitting is the first of some usual values that fits a pattern, or "".
func fitting(pattern string) string {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return ""
	}
	for _, s := range []string{"US", "USD", "1", "09:00", "+14155550142", "#4c6ef5", "2026-01-02", "yolanda"} {
		if re.MatchString(s) {
			return s
		}
	}
	return ""
}

// mentions tells which of the words a text contains.
func mentions(text string, words ...string) []string {
	var out []string
	for _, w := range words {
		if strings.Contains(text, w) {
			out = append(out, w)
		}
	}
	return out
}

// reason is the stable reason of a failure.
func reason(st *status.Status) string {
	for _, d := range st.Details() {
		if e, ok := d.(interface{ GetReason() string }); ok {
			return e.GetReason()
		}
	}
	return ""
}

// asJSON is for messages of failures.
func asJSON(t *testing.T, m proto.Message) string {
	t.Helper()
	b, err := protojson.Marshal(m)
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(b, &v))
	b, err = json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// bearer is a context with a caller's token.
func bearer(t *testing.T, token string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
}
