package rest

import (
	"context"
	"net/http"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kontor.internal/libs/apperr"
)

// Headers that say under which conditions a write holds.
const (
	// HeaderIdempotencyKey makes a repeated write answer as the first did; it becomes the request_id of the call.
	HeaderIdempotencyKey = "Idempotency-Key"
	// HeaderIfMatch makes a write fail if the record has changed; it becomes the etag of the call.
	HeaderIfMatch = "If-Match"
)

// Failures of conditions.
var (
	ErrNotIdempotent = apperr.Invalid("IDEMPOTENCY_KEY_NOT_ACCEPTED",
		"this call takes no Idempotency-Key; leave the header out")
	ErrNoETag  = apperr.Invalid("IF_MATCH_NOT_ACCEPTED", "this call takes no If-Match; leave the header out")
	ErrKeyLong = apperr.Invalid("IDEMPOTENCY_KEY_TOO_LONG", "an Idempotency-Key has at most 128 characters")
)

const maxKey = 128

type conditions struct{ key, etag string }

type conditionsKey struct{}

// Conditions keeps a request's Idempotency-Key and If-Match for [ApplyConditions].
func Conditions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := conditions{key: r.Header.Get(HeaderIdempotencyKey), etag: r.Header.Get(HeaderIfMatch)}
		if len(c.key) > maxKey {
			WriteError(w, r, ErrKeyLong)
			return
		}
		if c.etag == "*" { // any version
			c.etag = ""
		}
		if c != (conditions{}) && r.Method != http.MethodGet && r.Method != http.MethodHead {
			r = r.WithContext(context.WithValue(r.Context(), conditionsKey{}, c))
		}
		next.ServeHTTP(w, r)
	})
}

// ApplyConditions writes the request's Idempotency-Key and If-Match into the fields request_id and etag of a call. A
// value already in the body holds. It fails where a header has no field to go to: silence would promise too much.
func ApplyConditions(ctx context.Context, call any) error {
	c, ok := ctx.Value(conditionsKey{}).(conditions)
	if !ok {
		return nil
	}
	m, ok := call.(proto.Message)
	if !ok {
		return nil
	}
	r := m.ProtoReflect()
	if c.key != "" && !setIfEmpty(r, "request_id", c.key) {
		return ErrNotIdempotent
	}
	if c.etag == "" {
		return nil
	}
	etag := unquote(c.etag)
	if setIfEmpty(r, "etag", etag) {
		return nil
	}
	path := findETag(r.Descriptor())
	if path.etag == nil {
		return ErrNoETag
	}
	setIfEmpty(r.Mutable(path.resource).Message(), path.etag.Name(), etag)
	return nil
}

// setIfEmpty reports whether the message has the string field.
func setIfEmpty(m protoreflect.Message, field protoreflect.Name, value string) bool {
	f := m.Descriptor().Fields().ByName(field)
	if f == nil || f.Kind() != protoreflect.StringKind {
		return false
	}
	if m.Get(f).String() == "" {
		m.Set(f, protoreflect.ValueOfString(value))
	}
	return true
}
