package fieldrules

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

const (
	customFields = "custom_fields"
	// CustomPrefix goes before the key of one of the organisation's own fields in the name of a rule.
	CustomPrefix = "custom."
)

// Field is a field of a record that rules can be made for.
type Field struct {
	Name string
	// Fixed fields can be made read-only and not hidden: nobody could work with the record without them.
	Fixed bool
}

// schema is what the descriptor of a kind's message says.
type schema struct {
	// tells says, for every name that a field has anywhere, which fields of the record it tells.
	tells map[string][]string
	// types are those of the fields that hold messages.
	types  map[string]protoreflect.FullName
	fields []Field
	custom bool
}

// schemas are found once: all messages are registered before anything is called.
//
//nolint:gochecknoglobals // Made of descriptors, which are global and never change.
var schemas = sync.OnceValue(func() map[string]*schema {
	out := make(map[string]*schema)
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Messages().Len() {
			m := f.Messages().Get(i)
			if kind := record(m).GetKind(); kind != "" {
				out[kind] = schemaOf(m)
			}
		}
		return true
	})
	return out
})

func schemaOf(m protoreflect.MessageDescriptor) *schema {
	s := &schema{tells: make(map[string][]string), types: make(map[string]protoreflect.FullName)}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		name, o := string(f.Name()), field(f)
		switch name {
		case "id", "etag":
			continue
		case customFields:
			s.custom = true
			continue
		}
		tells := o.GetTells()
		if len(tells) == 0 {
			tells = []string{name}
		}
		if slices.Contains(tells, name) {
			s.fields = append(s.fields, Field{Name: name, Fixed: o.GetFixed()})
		}
		s.tells[name] = tells
		if d := f.Message(); d != nil {
			s.types[name] = d.FullName()
		}
		for _, also := range o.GetAlso() {
			s.tells[also] = tells
		}
	}
	return s
}

// Kinds are the kinds of records that have rules for fields, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(schemas())) }

// Fields are the fields of a kind that rules can name, in the order of the record's definition, without the
// organisation's own.
func Fields(kind string) []Field {
	if s := schemas()[kind]; s != nil {
		return s.fields
	}
	return nil
}

// Own reports whether records of the kind can have fields of the organisation's own.
func Own(kind string) bool {
	s := schemas()[kind]
	return s != nil && s.custom
}

// canonical returns the fields of the record that a name tells: of a filter, an order, a mask or a mapping.
func (s *schema) canonical(name string) []string {
	name = snake(strings.TrimSpace(name))
	if key, ok := strings.CutPrefix(name, customFields+"."); ok {
		key, _, _ = strings.Cut(key, ".")
		return []string{CustomPrefix + key}
	}
	if strings.HasPrefix(name, CustomPrefix) {
		return []string{name}
	}
	if tells, ok := s.tells[name]; ok {
		return tells
	}
	first, _, _ := strings.Cut(name, ".")
	return s.tells[first]
}

// snake writes the JSON names of fields as they are called in protos. The keys of own fields have no capitals.
func snake(name string) string {
	if strings.ToLower(name) == name {
		return name
	}
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func record(m protoreflect.MessageDescriptor) *optionsv1.Record {
	r, _ := proto.GetExtension(m.Options(), optionsv1.E_Record).(*optionsv1.Record)
	return r
}

func field(f protoreflect.FieldDescriptor) *optionsv1.RecordField {
	r, _ := proto.GetExtension(f.Options(), optionsv1.E_Field).(*optionsv1.RecordField)
	return r
}
