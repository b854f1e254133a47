// Package jsonpb writes messages as protojson does with EmitDefaultValues, several times faster.
//
// protojson finds out with every message anew which fields it has, sorts them and asks each for its name. Here that is
// done once for a type (plan.go) and a message only costs its values. What is rare is left to protojson itself: the
// well-known types but Timestamp, and messages with extensions. A test holds the two against each other over every
// message of the contracts.
package jsonpb

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Options are those of protojson that an [Encoder] follows.
func Options() protojson.MarshalOptions {
	// EmitUnpopulated would write nulls, which the OpenAPI document does not allow.
	return protojson.MarshalOptions{EmitDefaultValues: true}
}

// Encoder writes messages as JSON. It may be used by several goroutines at once; it keeps what it learns of types.
type Encoder struct {
	plans plans
}

// New returns an encoder.
func New() *Encoder { return &Encoder{} }

// Marshal returns m as JSON. It fails for text that is not UTF-8 and for values that JSON has no form for, such as a
// timestamp after the year 9999.
func (e *Encoder) Marshal(m proto.Message) ([]byte, error) {
	r := m.ProtoReflect()
	p := e.plans.of(r.Descriptor())
	// Answers of one type are about as long as each other.
	b, err := p.append(make([]byte, 0, p.room()), r)
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", r.Descriptor().FullName(), err)
	}
	p.size.Store(int64(len(b)))
	return b, nil
}

func (p *plan) append(b []byte, m protoreflect.Message) ([]byte, error) {
	switch p.form {
	case timestamp:
		if out, ok := p.appendTimestamp(b, m); ok {
			return out, nil
		}
		return Options().MarshalAppend(b, m.Interface())
	case delegated:
		return Options().MarshalAppend(b, m.Interface())
	case ordinary:
	}
	b = append(b, '{')
	begin := len(b)
	for i := range p.fields {
		f := &p.fields[i]
		if f.optional && !m.Has(f.desc) {
			continue
		}
		if len(b) > begin {
			b = append(b, ',')
		}
		b = append(b, f.name...)
		var err error
		if b, err = f.append(b, m.Get(f.desc)); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func (f *field) append(b []byte, v protoreflect.Value) ([]byte, error) {
	switch {
	case f.list:
		return f.appendList(b, v.List())
	case f.key != 0:
		return f.appendMap(b, v.Map())
	}
	return f.appendOne(b, v)
}

func (f *field) appendList(b []byte, l protoreflect.List) ([]byte, error) {
	b = append(b, '[')
	for i := range l.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = f.appendOne(b, l.Get(i)); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendMap writes the entries in the order of their keys.
func (f *field) appendMap(b []byte, m protoreflect.Map) ([]byte, error) {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, f.compareKeys)
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendString(b, k.String()); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = f.appendOne(b, m.Get(k)); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendOne writes a value that is neither list nor map.
func (f *field) appendOne(b []byte, v protoreflect.Value) ([]byte, error) {
	switch f.kind {
	case protoreflect.StringKind:
		return appendString(b, v.String())
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool()), nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		// As text: JavaScript's numbers end at 2^53.
		return append(strconv.AppendInt(append(b, '"'), v.Int(), 10), '"'), nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return append(strconv.AppendUint(append(b, '"'), v.Uint(), 10), '"'), nil
	case protoreflect.FloatKind:
		return appendFloat(b, v.Float(), float32(v.Float()))
	case protoreflect.DoubleKind:
		return appendFloat(b, v.Float(), v.Float())
	case protoreflect.BytesKind:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), v.Bytes()), '"'), nil
	case protoreflect.EnumKind:
		if name, ok := f.enum[v.Enum()]; ok {
			return append(b, name...), nil
		}
		return strconv.AppendInt(b, int64(v.Enum()), 10), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return f.message.append(b, v.Message())
	}
	return nil, fmt.Errorf("%s is of no known kind: %v", f.desc.FullName(), f.kind)
}

// appendFloat writes a number as encoding/json does; exact is n in its own precision.
func appendFloat(b []byte, n float64, exact any) ([]byte, error) {
	switch {
	case math.IsNaN(n):
		return append(b, `"NaN"`...), nil
	case math.IsInf(n, 1):
		return append(b, `"Infinity"`...), nil
	case math.IsInf(n, -1):
		return append(b, `"-Infinity"`...), nil
	}
	text, err := json.Marshal(exact)
	return append(b, text...), err
}

// appendTimestamp writes an instant in UTC with 0, 3, 6 or 9 digits after the second, and reports whether it is one that
// can be written.
func (p *plan) appendTimestamp(b []byte, m protoreflect.Message) ([]byte, bool) {
	const (
		first, last = -62135596800, 253402300799 // of the years 1 and 9999
		milli       = 1_000_000
		micro       = 1_000
	)
	seconds, nanos := m.Get(p.seconds).Int(), m.Get(p.nanos).Int()
	if seconds < first || seconds > last || nanos < 0 || nanos >= int64(time.Second) {
		return nil, false
	}
	layout := `"2006-01-02T15:04:05.000000000Z"`
	switch {
	case nanos == 0:
		layout = `"2006-01-02T15:04:05Z"`
	case nanos%milli == 0:
		layout = `"2006-01-02T15:04:05.000Z"`
	case nanos%micro == 0:
		layout = `"2006-01-02T15:04:05.000000Z"`
	}
	return time.Unix(seconds, nanos).UTC().AppendFormat(b, layout), true
}

// appendString writes text in quotes, escaping no more than JSON demands.
func appendString(b []byte, s string) ([]byte, error) {
	b = append(b, '"')
	done := 0 // of s, in b
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				return nil, errUTF8
			}
			i += n
			continue
		case c >= ' ' && c != '"' && c != '\\':
			i++
			continue
		}
		b = append(b, s[done:i]...)
		b = appendEscaped(b, c)
		i++
		done = i
	}
	return append(append(b, s[done:]...), '"'), nil
}

func appendEscaped(b []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}
