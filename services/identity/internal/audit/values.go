package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"

	// The events of all contexts, so that what they say can be told.
	_ "kontor.internal/proto/gen/kontor/catalog/v1"
	_ "kontor.internal/proto/gen/kontor/contacts/v1"
	_ "kontor.internal/proto/gen/kontor/customfields/v1"
	_ "kontor.internal/proto/gen/kontor/deals/v1"
	_ "kontor.internal/proto/gen/kontor/files/v1"
	_ "kontor.internal/proto/gen/kontor/identity/v1"
)

// Topics are those of the services whose events become entries.
func Topics() []string {
	return []string{"kontor.identity.v1", "kontor.contacts.v1", "kontor.catalog.v1", "kontor.deals.v1", "kontor.files.v1"}
}

// Values knows what events say of fields. It looks at a type once.
type Values struct {
	plans   sync.Map // by type: *plan
	actions sync.Map // by kind and type: string
}

// plan is what is to be done with events of a type.
type plan struct {
	typ protoreflect.MessageType // nil for what this version does not know
	// record and previous are the fields with the record after and before; nil if there are none.
	record, previous protoreflect.FieldDescriptor
	secrets          bool
}

func (v *Values) action(kind, eventType string) string {
	key := kind + " " + eventType
	if a, ok := v.actions.Load(key); ok {
		return a.(string) //nolint:forcetypeassert // nothing else is stored
	}
	a := actionOf(kind, eventType)
	v.actions.Store(key, a)
	return a
}

func (v *Values) plan(eventType string) *plan {
	if p, ok := v.plans.Load(eventType); ok {
		return p.(*plan) //nolint:forcetypeassert // nothing else is stored
	}
	p := &plan{}
	if typ, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(eventType)); err == nil {
		p.typ = typ
		fields := typ.Descriptor().Fields()
		if f := fields.ByNumber(1); f != nil && f.Message() != nil && f.Cardinality() != protoreflect.Repeated {
			p.record = f
			if before := fields.ByName("previous"); before != nil && before.Message() == f.Message() {
				p.previous = before
			}
		}
		p.secrets = hasSecrets(typ.Descriptor(), map[protoreflect.FullName]bool{})
	}
	v.plans.Store(eventType, p)
	return p
}

// Reduce returns of an event what the log keeps: of a record before and after only the fields that differ, and nothing
// that is secret. Most events, those of new records above all, are kept as they come and not even decoded. Of a type that
// this version does not know nothing is kept, for nobody could say what is in it.
func (v *Values) Reduce(eventType string, payload []byte) ([]byte, error) {
	p := v.plan(eventType)
	if p.typ == nil {
		return nil, nil
	}
	if p.previous == nil && !p.secrets {
		return payload, nil
	}
	m := p.typ.New()
	if err := proto.Unmarshal(payload, m.Interface()); err != nil {
		return nil, fmt.Errorf("decode event %s: %w", eventType, err)
	}
	if p.previous != nil && m.Has(p.previous) {
		keepDifferences(m.Mutable(p.previous).Message(), m.Mutable(p.record).Message())
		if mask := m.Descriptor().Fields().ByName("update_mask"); mask != nil {
			m.Clear(mask)
		}
	}
	if p.secrets {
		dropSecrets(m)
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil {
		return nil, fmt.Errorf("encode values of %s: %w", eventType, err)
	}
	return out, nil
}

// upkeep are fields that change with every version, or never.
func upkeep(name protoreflect.Name) bool {
	switch name {
	case "id", "etag", "create_time", "update_time":
		return true
	}
	return false
}

// keepDifferences clears the fields that are the same in both.
func keepDifferences(before, after protoreflect.Message) {
	fields := after.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		had, has := before.Has(f), after.Has(f)
		if upkeep(f.Name()) || had && has && before.Get(f).Equal(after.Get(f)) {
			before.Clear(f)
			after.Clear(f)
		}
	}
}

// secret reports whether a field may hold what nobody is to read: passwords, tokens, keys and what second factors are made
// of. Events hold no such thing, but what is written here stays for ever.
func secret(f protoreflect.FieldDescriptor) bool {
	if f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.BytesKind {
		return false
	}
	name := string(f.Name())
	for _, word := range []string{"password", "passphrase", "secret", "token", "recovery_code", "private_key", "credential", "totp", "otp_"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// hasSecrets reports whether messages of a type can hold a secret.
func hasSecrets(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[d.FullName()] {
		return false
	}
	seen[d.FullName()] = true
	fields := d.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if secret(f) {
			return true
		}
		if f.IsMap() {
			f = f.MapValue()
		}
		if f.Message() != nil && hasSecrets(f.Message(), seen) {
			return true
		}
	}
	return false
}

func dropSecrets(m protoreflect.Message) {
	m.SetUnknown(nil) // whatever it is
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case secret(f):
			m.Clear(f)
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, item protoreflect.Value) bool {
				dropSecrets(item.Message())
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				dropSecrets(v.List().Get(i).Message())
			}
		case !f.IsMap() && !f.IsList() && f.Message() != nil:
			dropSecrets(v.Message())
		}
		return true
	})
}

// Fields are values by the names of the fields, in their JSON form.
type Fields map[string]*structpb.Value

// Told is what an entry says of fields.
type Told struct {
	// Before and After are the record's. Of an entry that is not Whole they are what it changed.
	Before, After Fields
	// Whole says that After has all of the record and nothing is said of what was before.
	Whole bool
	// Beside is what the event tells that is no field of the record.
	Beside Fields
	// Order has the names of the record's fields, then those beside.
	Order []string
}

// Tell reads the values of an entry. Those of an erased one, and of a type that is not known, tell nothing.
func (v *Values) Tell(e *Entry) (*Told, error) {
	t := &Told{Before: Fields{}, After: Fields{}, Beside: Fields{}}
	p := v.plan(e.Type)
	if p.typ == nil || e.Payload == nil {
		return t, nil
	}
	m := p.typ.New()
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(e.Payload, m.Interface()); err != nil {
		return nil, fmt.Errorf("values of entry %d: %w", e.Sequence, err)
	}
	var err error
	if p.record != nil {
		if t.After, err = fieldsOf(m.Get(p.record).Message()); err != nil {
			return nil, err
		}
		t.Order = namesOf(p.record.Message())
	}
	switch gone := e.Action == "deleted" || e.Action == "purged" || e.Action == "removed"; {
	case p.previous != nil && m.Has(p.previous):
		if t.Before, err = fieldsOf(m.Get(p.previous).Message()); err != nil {
			return nil, err
		}
	case gone:
		t.Before, t.After = t.After, Fields{}
	case e.Version > 1:
		t.Whole = true
	}
	for _, f := range []protoreflect.FieldDescriptor{p.record, p.previous, p.typ.Descriptor().Fields().ByName("update_mask")} {
		if f != nil {
			m.Clear(f)
		}
	}
	if t.Beside, err = fieldsOf(m); err != nil {
		return nil, err
	}
	t.Order = append(t.Order, namesOf(p.typ.Descriptor())...)
	return t, nil
}

func namesOf(d protoreflect.MessageDescriptor) []string {
	out := make([]string, d.Fields().Len())
	for i := range out {
		out[i] = string(d.Fields().Get(i).Name())
	}
	return out
}

// fieldsOf returns the fields of a message that are set and not upkeep.
func fieldsOf(m protoreflect.Message) (Fields, error) {
	b, err := protojson.Marshal(m.Interface())
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	s := &structpb.Struct{}
	if err := protojson.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	out := Fields{}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if value, ok := s.GetFields()[f.JSONName()]; ok && !upkeep(f.Name()) {
			out[string(f.Name())] = value
		}
	}
	return out, nil
}

// Change is one field before and after; nil is no value.
type Change struct {
	Field         string
	Before, After *structpb.Value
}

// Changes returns what an entry changed, in the order of the record's definition, and then what it tells besides. before is
// the record as earlier entries have it, for an entry that is Whole; nil if nothing earlier is known.
func (t *Told) Changes(before Fields) []Change {
	was := t.Before
	if t.Whole {
		was = before
	}
	var out []Change
	for i, name := range t.Order {
		if slices.Contains(t.Order[:i], name) {
			continue
		}
		b, a := was[name], t.After[name]
		if b == nil && a == nil || b != nil && a != nil && proto.Equal(b, a) || t.Whole && before == nil {
			continue
		}
		out = append(out, Change{name, b, a})
	}
	for _, name := range t.Order {
		if value, ok := t.Beside[name]; ok {
			out = append(out, Change{Field: name, After: value})
		}
	}
	return out
}

// Over lays what an entry says over what earlier ones said.
func (t *Told) Over(before Fields) Fields {
	if t.Whole || before == nil {
		return t.After
	}
	for name := range t.Before {
		delete(before, name)
	}
	maps.Copy(before, t.After)
	return before
}

// State is a record as entries about it have it, the newest first; nil if none of them has all of it.
func (v *Values) State(entries []*Entry) (Fields, error) {
	slices.SortStableFunc(entries, func(a, b *Entry) int { return cmp.Compare(b.Version, a.Version) })
	told := make([]*Told, 0, len(entries))
	whole := false
	for _, e := range entries {
		t, err := v.Tell(e)
		if err != nil {
			return nil, err
		}
		told = append(told, t)
		if whole = e.Payload != nil && (t.Whole || e.Version == 1); whole {
			break
		}
	}
	if !whole {
		return nil, nil
	}
	var state Fields
	for _, t := range slices.Backward(told) {
		state = t.Over(state)
	}
	return state, nil
}
