package fieldrules

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// plan says where in messages of a type something of records may stand. Types are looked at once.
type plan struct {
	kind      string                       // of the record that the message is, or is a part of
	whole     bool                         // it is the record itself
	kindField protoreflect.FieldDescriptor // says the kind
	nameField protoreflect.FieldDescriptor // names the field that the message is about
	shownBy   protoreflect.FieldDescriptor // without which the message is of no use
	fields    []planField
	// empty plans have nothing to look at, all the way down.
	empty bool
}

type planField struct {
	desc protoreflect.FieldDescriptor
	// name is that of the field; tells are the record's fields that options say it tells besides.
	name  string
	tells []string
	child *plan
}

// shows reports whether messages with the plan show fields of a record.
func (p *plan) shows() bool { return p.kind != "" || p.kindField != nil }

// plans by full name; a plan never changes once it is here.
var plans sync.Map //nolint:gochecknoglobals // Made of descriptors, which are global and never change.

var planning sync.Mutex //nolint:gochecknoglobals // As plans.

func planOf(m protoreflect.MessageDescriptor) *plan {
	if p, ok := plans.Load(m.FullName()); ok {
		return p.(*plan)
	}
	planning.Lock()
	defer planning.Unlock()
	made := make(map[protoreflect.FullName]*plan)
	p := build(m, made)
	// A type that contains itself has something to look at if any on the way has; until nothing changes.
	for changed := true; changed; {
		changed = false
		for _, q := range made {
			if q.empty && !q.bare() {
				q.empty, changed = false, true
			}
		}
	}
	for name, q := range made {
		plans.Store(name, q)
	}
	return p
}

// bare reports whether there is nothing to look at in the message, as far as is known.
func (p *plan) bare() bool {
	if p.shows() || p.nameField != nil {
		return false
	}
	for _, f := range p.fields {
		if f.child != nil && !f.child.empty {
			return false
		}
	}
	return true
}

func build(m protoreflect.MessageDescriptor, made map[protoreflect.FullName]*plan) *plan {
	if p := made[m.FullName()]; p != nil {
		return p
	}
	o := record(m)
	p := &plan{kind: o.GetKind(), whole: o.GetKind() != "", empty: true}
	if p.kind == "" {
		p.kind = o.GetPartOf()
	}
	made[m.FullName()] = p
	byName := func(name string) protoreflect.FieldDescriptor { return m.Fields().ByName(protoreflect.Name(name)) }
	if o != nil {
		p.kindField, p.nameField, p.shownBy = byName(o.GetKindField()), byName(o.GetNameField()), byName(o.GetShownBy())
	}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		pf := planField{desc: f, name: string(f.Name()), tells: field(f).GetTells()}
		if d := f.Message(); d != nil && !f.IsMap() {
			pf.child = build(d, made)
		}
		p.fields = append(p.fields, pf)
	}
	return p
}
