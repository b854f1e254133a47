package grpcserver_test

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// testFile is a service that belongs to no context, with a method of each kind of access.
const testFile = `
name: "kontor/test/v1/test_service.proto" package: "kontor.test.v1" syntax: "proto3"
dependency: "kontor/options/v1/permission.proto" dependency: "buf/validate/validate.proto"
message_type {
  name: "Request"
  field { name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { uuid: true } } } }
  field { name: "name" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { max_len: 256 } } } }
  field { name: "request_id" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { max_len: 128 } } } }
}
message_type { name: "Response" }
service {
  name: "TestService"
  method { name: "View" input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" options { [kontor.options.v1.permission] { kind: "product" action: ACTION_VIEW } } }
  method { name: "Create" input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" options { [kontor.options.v1.permission] { kind: "product" action: ACTION_CREATE } } }
  method { name: "SignedIn" input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" options { [kontor.options.v1.permission] { access: ACCESS_SIGNED_IN } } }
  method { name: "Public" input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" options { [kontor.options.v1.permission] { access: ACCESS_PUBLIC } } }
  method { name: "Internal" input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" options { [kontor.options.v1.permission] { access: ACCESS_SERVICE } } }
  method { name: "Download" server_streaming: true input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" options { [kontor.options.v1.permission] { kind: "product" action: ACTION_VIEW } } }
  method { name: "Upload" client_streaming: true input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" options { [kontor.options.v1.permission] { access: ACCESS_SIGNED_IN } } }
}
service {
  name: "ForgetfulService"
  method { name: "Nothing" input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" }
  method { name: "Half" input_type: ".kontor.test.v1.Request" output_type: ".kontor.test.v1.Response" options { [kontor.options.v1.permission] { kind: "product" } } }
}
`

// TestMain registers the file before anything reads the registry, as generated code does.
func TestMain(m *testing.M) {
	descriptor()
	os.Exit(m.Run())
}

// descriptor registers the file once for the test process.
var descriptor = sync.OnceValue(func() protoreflect.FileDescriptor {
	var p descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(testFile), &p); err != nil {
		panic(err)
	}
	d, err := protodesc.NewFile(&p, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	if err := protoregistry.GlobalFiles.RegisterFile(d); err != nil {
		panic(err)
	}
	return d
})

// request is what generated code for kontor.test.v1.Request would be.
type request struct{ *dynamicpb.Message }

func newRequest() *request {
	return &request{dynamicpb.NewMessage(descriptor().Messages().ByName("Request"))}
}

func (r *request) field(name protoreflect.Name) protoreflect.FieldDescriptor {
	return r.Descriptor().Fields().ByName(name)
}

func (r *request) with(name protoreflect.Name, v string) *request {
	r.Set(r.field(name), protoreflect.ValueOfString(v))
	return r
}

func (r *request) GetRequestId() string { return r.Get(r.field("request_id")).String() }

func newResponse() *dynamicpb.Message {
	return dynamicpb.NewMessage(descriptor().Messages().ByName("Response"))
}

// handlers does what the test says, by name of the method; nothing for methods it does not name.
type handlers struct {
	mu sync.Mutex
	do map[string]func(context.Context) error
	// see is shown the requests of unary calls.
	see func(*request)
}

func (h *handlers) onRequest(see func(*request)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.see = see
}

func (h *handlers) show(r *request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.see != nil {
		h.see(r)
	}
}

func (h *handlers) on(method string, do func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.do[method] = do
}

func (h *handlers) run(ctx context.Context, method string) error {
	h.mu.Lock()
	do := h.do[method]
	h.mu.Unlock()
	if do == nil {
		return nil
	}
	return do(ctx)
}

// register puts a service of the file on the server, as generated code does.
func register(r grpc.ServiceRegistrar, service protoreflect.Name, h *handlers) {
	sd := descriptor().Services().ByName(service)
	desc := &grpc.ServiceDesc{ServiceName: string(sd.FullName()), HandlerType: (*any)(nil)}
	for i := range sd.Methods().Len() {
		m := sd.Methods().Get(i)
		name, full := string(m.Name()), "/"+string(sd.FullName())+"/"+string(m.Name())
		if m.IsStreamingServer() || m.IsStreamingClient() {
			desc.Streams = append(desc.Streams, grpc.StreamDesc{
				StreamName: name, ServerStreams: m.IsStreamingServer(), ClientStreams: m.IsStreamingClient(),
				Handler: func(_ any, s grpc.ServerStream) error { return stream(s, m, h) },
			})
			continue
		}
		desc.Methods = append(desc.Methods, grpc.MethodDesc{
			MethodName: name,
			Handler: func(_ any, ctx context.Context, dec func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
				in := newRequest()
				if err := dec(in); err != nil {
					return nil, err
				}
				do := func(ctx context.Context, _ any) (any, error) {
					h.show(in)
					return newResponse(), h.run(ctx, name)
				}
				if chain == nil {
					return do(ctx, in)
				}
				return chain(ctx, in, &grpc.UnaryServerInfo{FullMethod: full}, do)
			},
		})
	}
	r.RegisterService(desc, h)
}

func stream(s grpc.ServerStream, m protoreflect.MethodDescriptor, h *handlers) error {
	if err := s.RecvMsg(newRequest()); err != nil {
		return err
	}
	if m.IsStreamingServer() {
		if err := s.SendMsg(newResponse()); err != nil {
			return err
		}
	}
	return h.run(s.Context(), string(m.Name()))
}

// invoke calls a unary method with a request that is in order.
func invoke(ctx context.Context, conn grpc.ClientConnInterface, method string) error {
	return send(ctx, conn, method, newRequest().with("id", recordID))
}

func send(ctx context.Context, conn grpc.ClientConnInterface, method string, req *request) error {
	return conn.Invoke(ctx, "/kontor.test.v1.TestService/"+method, req, newResponse())
}

// openStream begins a streaming call with one message.
func openStream(t *testing.T, ctx context.Context, conn grpc.ClientConnInterface, method string, req *request) grpc.ClientStream {
	t.Helper()
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/kontor.test.v1.TestService/"+method)
	require.NoError(t, err)
	if err := s.SendMsg(req); !errors.Is(err, io.EOF) { // refused already; the answer says why
		require.NoError(t, err)
		require.NoError(t, s.CloseSend())
	}
	return s
}

// drain reads a stream to its end.
func drain(s grpc.ClientStream) error {
	for {
		if err := s.RecvMsg(newResponse()); err != nil {
			return err
		}
	}
}
