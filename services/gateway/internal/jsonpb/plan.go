package jsonpb

import (
	"cmp"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"
)

var errUTF8 = errors.New("text is not UTF-8")

// form is how a type of message is written.
type form int

const (
	ordinary form = iota
	timestamp
	// delegated messages are written by protojson.
	delegated
)

// plan is how the messages of a type are written.
type plan struct {
	form   form
	fields []field // in their order in the contract
	// seconds and nanos are a timestamp's.
	seconds, nanos protoreflect.FieldDescriptor
	// size of the last one that was written on its own, in bytes.
	size atomic.Int64
}

// field is how a field is written.
type field struct {
	desc protoreflect.FieldDescriptor
	// name with quotes and colon.
	name string
	// kind is the value's: of a list its elements', of a map its values'.
	kind protoreflect.Kind
	list bool
	// key is the kind of a map's keys; 0 for what is no map.
	key protoreflect.Kind
	// optional fields are left out when they are not set.
	optional bool
	enum     map[protoreflect.EnumNumber]string // the names, with quotes
	message  *plan
}

// room is how many bytes to begin with.
func (p *plan) room() int64 {
	const least = 512
	size := p.size.Load()
	return max(least, size+size/8)
}

// plans keeps the plan of every type that has been seen.
type plans struct {
	ready  sync.Map // protoreflect.MessageDescriptor → *plan
	making sync.Mutex
}

func (ps *plans) of(d protoreflect.MessageDescriptor) *plan {
	if p, ok := ps.ready.Load(d); ok {
		return p.(*plan) //nolint:forcetypeassert // only this function stores
	}
	ps.making.Lock()
	defer ps.making.Unlock()
	// Types refer to each other, and to themselves: nobody sees a plan before all that it refers to are made.
	made := make(map[protoreflect.MessageDescriptor]*plan)
	p := ps.make(d, made)
	for d, p := range made {
		ps.ready.Store(d, p)
	}
	return p
}

func (ps *plans) make(d protoreflect.MessageDescriptor, made map[protoreflect.MessageDescriptor]*plan) *plan {
	if p, ok := ps.ready.Load(d); ok {
		return p.(*plan) //nolint:forcetypeassert // only of stores
	}
	if p, ok := made[d]; ok {
		return p
	}
	p := &plan{form: formOf(d)}
	made[d] = p
	fields := d.Fields()
	switch p.form {
	case timestamp:
		p.seconds, p.nanos = fields.ByName("seconds"), fields.ByName("nanos")
		return p
	case delegated:
		return p
	case ordinary:
	}
	p.fields = make([]field, fields.Len())
	for i := range p.fields {
		fd := fields.Get(i)
		f := field{
			desc: fd, name: strconv.Quote(fd.JSONName()) + ":", kind: fd.Kind(), list: fd.IsList(), optional: fd.HasPresence(),
		}
		value := fd
		if fd.IsMap() {
			f.key, value = fd.MapKey().Kind(), fd.MapValue()
			f.kind = value.Kind()
		}
		if e := value.Enum(); e != nil {
			f.enum = names(e)
		}
		if m := value.Message(); m != nil {
			f.message = ps.make(m, made)
		}
		p.fields[i] = f
	}
	return p
}

func formOf(d protoreflect.MessageDescriptor) form {
	switch {
	case d.FullName() == "google.protobuf.Timestamp":
		return timestamp
	case d.ParentFile().Package() == "google.protobuf", d.ExtensionRanges().Len() > 0, d.RequiredNumbers().Len() > 0:
		return delegated
	}
	return ordinary
}

func names(e protoreflect.EnumDescriptor) map[protoreflect.EnumNumber]string {
	out := make(map[protoreflect.EnumNumber]string, e.Values().Len())
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		text := strconv.Quote(string(v.Name()))
		if e.FullName() == "google.protobuf.NullValue" {
			text = "null"
		}
		if _, ok := out[v.Number()]; !ok { // the first name of a number counts
			out[v.Number()] = text
		}
	}
	return out
}

// compareKeys orders the keys of a map.
func (f *field) compareKeys(a, b protoreflect.MapKey) int {
	switch f.key {
	case protoreflect.StringKind:
		return cmp.Compare(a.String(), b.String())
	case protoreflect.BoolKind:
		return cmp.Compare(strconv.FormatBool(a.Bool()), strconv.FormatBool(b.Bool()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return cmp.Compare(a.Uint(), b.Uint())
	default:
		return cmp.Compare(a.Int(), b.Int())
	}
}
