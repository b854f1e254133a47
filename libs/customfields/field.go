package customfields

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// Prefix is what the names of custom fields begin with in filters, orders, masks, imports and exports.
const Prefix = "custom_fields."

// KindSpec is what a service says of a kind of record that it keeps.
type KindSpec struct {
	// Name of the kind, such as "deal".
	Name string
	// Message is an empty message of the record, whose fields formulas and conditions may name.
	Message proto.Message
	// Stages says that records stand at stages, so that a field may be required from one on.
	Stages bool
	// Pipelines says that a field may belong to one pipeline.
	Pipelines bool
}

// Set is the custom fields of an organisation, all kinds of one service. It does not change.
type Set struct {
	// Version grows with every change of a definition.
	Version int64

	kinds map[string]*Kind
}

// Kind returns the fields of a kind; without any if it has none.
func (s *Set) Kind(name string) *Kind {
	if k := s.kinds[name]; k != nil {
		return k
	}
	return &Kind{Name: name}
}

// Kind is the custom fields of one kind of record.
type Kind struct {
	Name string
	// Fields are those in use, in their order.
	Fields []*Field

	all      map[string]*Field // by key, retired ones too
	formulas []*Field
	// demanding are the fields that a record must have, or is given a default of.
	demanding []*Field
}

// Field is a definition made ready for use.
type Field struct {
	Def *customfieldsv1.CustomField

	path    string
	choices map[string]*customfieldsv1.Choice // by ID
	labels  map[string]string                 // ID by folded label, the retired only where no other has it
	formula *formula
	visible *condition
	preset  any
}

// Field returns a field in use.
func (k *Kind) Field(key string) (*Field, bool) {
	f := k.all[key]
	if f == nil || f.Retired() {
		return nil, false
	}
	return f, true
}

// Empty reports whether the kind has no fields, not even retired ones.
func (k *Kind) Empty() bool { return len(k.all) == 0 }

// HasStages reports whether a field is required from some stage on.
func (k *Kind) HasStages() bool {
	return slices.ContainsFunc(k.demanding, func(f *Field) bool { return f.Def.GetRequired() == customfieldsv1.Required_REQUIRED_FROM_STAGE })
}

// Takes reports whether the values of another kind's field can be carried over to this one: it is of the same type, and
// every choice that is offered there is one here.
func (f *Field) Takes(from *Field) bool {
	if f.Def.GetType() != from.Def.GetType() || f.Def.GetType() == customfieldsv1.Type_TYPE_FORMULA || f.Def.GetLinkKind() != from.Def.GetLinkKind() {
		return false
	}
	for id := range from.choices {
		if _, ok := f.choices[id]; !ok {
			return false
		}
	}
	return true
}

// Retired reports whether the field is out of use.
func (f *Field) Retired() bool { return f.Def.GetRetireTime() != nil }

// Path is the field's name in filters, orders, masks and imports.
func (f *Field) Path() string { return f.path }

// compileSet makes definitions ready for use. They have been checked when they were saved; one that this version of the
// program cannot read (a formula of a newer one) is left out of computing and not of the rest.
func compileSet(version int64, specs map[string]KindSpec, defs []*customfieldsv1.CustomField) *Set {
	s := &Set{Version: version, kinds: make(map[string]*Kind)}
	for _, d := range defs {
		k := s.kinds[d.GetKind()]
		if k == nil {
			k = &Kind{Name: d.GetKind(), all: make(map[string]*Field)}
			s.kinds[d.GetKind()] = k
		}
		f := newField(d)
		k.all[d.GetKey()] = f
		if !f.Retired() {
			k.Fields = append(k.Fields, f)
		}
	}
	for name, k := range s.kinds {
		slices.SortStableFunc(k.Fields, func(a, b *Field) int { return int(a.Def.GetPosition() - b.Def.GetPosition()) })
		names := newNames(specs[name], k)
		var env *formulas
		for _, f := range k.Fields {
			if f.Def.GetVisibleWhen() != "" {
				f.visible, _ = names.condition(f.Def.GetVisibleWhen())
			}
			if f.Def.GetType() == customfieldsv1.Type_TYPE_FORMULA {
				if env == nil {
					env, _ = names.formulas()
				}
				if f.formula, _ = env.compile(f.Def.GetFormula()); f.formula != nil {
					k.formulas = append(k.formulas, f)
				}
			}
			if f.Def.GetDefaultValue() != nil {
				f.preset, _ = f.check(fromProto(f.Def.GetDefaultValue()), nil, nil)
			}
			if f.preset != nil || f.demands() {
				k.demanding = append(k.demanding, f)
			}
		}
	}
	return s
}

func newField(d *customfieldsv1.CustomField) *Field {
	f := &Field{Def: d, path: Prefix + d.GetKey()}
	if len(d.GetChoices()) > 0 {
		f.choices = make(map[string]*customfieldsv1.Choice, len(d.GetChoices()))
		f.labels = make(map[string]string, len(d.GetChoices()))
		for _, c := range d.GetChoices() {
			f.choices[c.GetId()] = c
			if _, has := f.labels[fold(c.GetLabel())]; !has || !c.GetRetired() {
				f.labels[fold(c.GetLabel())] = c.GetId()
			}
		}
	}
	return f
}

// demands reports whether some record must have a value.
func (f *Field) demands() bool {
	switch f.Def.GetRequired() {
	case customfieldsv1.Required_REQUIRED_ALWAYS, customfieldsv1.Required_REQUIRED_FROM_STAGE:
		return true
	default:
	}
	return false
}

// choice finds a choice by its ID or its label.
func (f *Field) choice(s string) (id string, ok bool) {
	s = strings.TrimSpace(s)
	if _, ok := f.choices[s]; ok {
		return s, true
	}
	id, ok = f.labels[fold(s)]
	return id, ok
}

// Show is the values as the API shows them: without those of retired fields.
func (k *Kind) Show(in Values) Values {
	out, copied := in, false
	for key := range in {
		if _, ok := k.Field(key); ok {
			continue
		}
		if !copied {
			out, copied = maps.Clone(in), true
		}
		delete(out, key)
	}
	return out
}

// names is what formulas and conditions of a kind may name: fields of the record and custom fields.
type names struct {
	builtin map[string]protoreflect.FieldDescriptor
	kind    *Kind
}

func newNames(spec KindSpec, k *Kind) *names {
	n := &names{builtin: map[string]protoreflect.FieldDescriptor{}, kind: k}
	if spec.Message == nil {
		return n
	}
	fields := spec.Message.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); readable(f) {
			n.builtin[string(f.Name())] = f
		}
	}
	return n
}
