package rest

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// etags finds the etag of the resource in an answer. Where it stands is looked up once per message type.
type etags struct {
	paths sync.Map // protoreflect.FullName → etagPath
}

// etagPath is the resource's field in the answer, and the etag's in the resource; both nil if there is none.
type etagPath struct {
	resource, etag protoreflect.FieldDescriptor
}

func newETags() *etags { return &etags{} }

// write sets the ETag header of an answer that carries one resource.
func (e *etags) write(_ context.Context, w http.ResponseWriter, answer proto.Message) error {
	m := answer.ProtoReflect()
	path := e.path(m.Descriptor())
	if path.etag == nil || !m.Has(path.resource) {
		return nil
	}
	if v := m.Get(path.resource).Message().Get(path.etag).String(); v != "" {
		w.Header().Set("ETag", quote(v))
	}
	return nil
}

func (e *etags) path(d protoreflect.MessageDescriptor) etagPath {
	if p, ok := e.paths.Load(d.FullName()); ok {
		return p.(etagPath) //nolint:forcetypeassert // only this function stores
	}
	p := findETag(d)
	e.paths.Store(d.FullName(), p)
	return p
}

// findETag looks for the one resource of a message: its first field that is a message with an etag.
func findETag(d protoreflect.MessageDescriptor) etagPath {
	fields := d.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Kind() != protoreflect.MessageKind || f.Cardinality() == protoreflect.Repeated {
			continue
		}
		if etag := f.Message().Fields().ByName("etag"); etag != nil && etag.Kind() == protoreflect.StringKind {
			return etagPath{resource: f, etag: etag}
		}
	}
	return etagPath{}
}

func quote(etag string) string {
	if strings.HasPrefix(etag, `"`) {
		return etag
	}
	return `"` + etag + `"`
}

func unquote(header string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(header), "W/"), `"`)
}
