package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kontor.internal/services/gateway/internal/rest"
)

// WEB-1: whatever a contract binds to a path is served there: a new service is not forgotten.
func TestEveryBindingIsServed(t *testing.T) {
	conn, err := grpc.NewClient("127.0.0.1:1", grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	mux, err := rest.NewMux(t.Context(), rest.Services{
		Identity: conn, Files: conn, Contacts: conn, Catalog: conn, Deals: conn, Reporting: conn,
	}, func(context.Context, http.ResponseWriter, proto.Message) error { return nil })
	require.NoError(t, err)
	variable := regexp.MustCompile(`\{[^}]*\}`)
	n := 0
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
				if !ok || rule == nil || m.IsStreamingServer() || m.IsStreamingClient() { // streams have handlers of their own
					continue
				}
				verb, path := "", ""
				switch r := rule.GetPattern().(type) {
				case *annotations.HttpRule_Get:
					verb, path = http.MethodGet, r.Get
				case *annotations.HttpRule_Post:
					verb, path = http.MethodPost, r.Post
				case *annotations.HttpRule_Patch:
					verb, path = http.MethodPatch, r.Patch
				case *annotations.HttpRule_Put:
					verb, path = http.MethodPut, r.Put
				case *annotations.HttpRule_Delete:
					verb, path = http.MethodDelete, r.Delete
				}
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), verb, variable.ReplaceAllString(path, "x"), strings.NewReader("{}")))
				require.NotContains(t, w.Body.String(), "ROUTE_NOT_FOUND", "%s: %s %s", m.FullName(), verb, path)
				require.NotContains(t, w.Body.String(), "METHOD_NOT_ALLOWED", "%s: %s %s", m.FullName(), verb, path)
				n++
			}
		}
		return true
	})
	require.Greater(t, n, 100)
}
