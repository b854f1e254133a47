package fieldrules

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// Clear takes from a message, and from all that is in it, what the user may not see. kind is that of records which the
// message does not say itself, such as those of a history.
func (r Rules) Clear(m proto.Message, kind string) {
	if r.Empty() || m == nil {
		return
	}
	ref := m.ProtoReflect()
	if p := planOf(ref.Descriptor()); !p.empty {
		r.clear(ref, p, kind)
	}
}

// KindOf is the kind of records that the answer to a request is about: the one that the request says, else that of the
// method.
func KindOf(req proto.Message, method string) string {
	if req == nil {
		return method
	}
	m := req.ProtoReflect()
	p := planOf(m.Descriptor())
	if kind := p.kindOf(m, ""); kind != "" && !p.whole {
		return kind
	}
	for _, f := range p.fields {
		if f.child != nil && f.child.kindField != nil && !f.desc.IsList() && m.Has(f.desc) {
			return f.child.kindOf(m.Get(f.desc).Message(), method)
		}
	}
	return method
}

// clear reports whether the message may stay.
func (r Rules) clear(m protoreflect.Message, p *plan, kind string) bool {
	kind = p.kindOf(m, kind)
	if p.nameField != nil && p.names(m, func(name string) bool { return r.Hides(kind, name) }) {
		return false
	}
	had := p.shownBy != nil && m.Has(p.shownBy)
	shows := p.shows() && len(r.of[kind]) > 0
	for _, f := range p.fields {
		if !m.Has(f.desc) {
			continue
		}
		if shows && f.name == customFields && f.desc.IsMap() {
			r.clearOwn(m.Mutable(f.desc).Map(), kind)
			continue
		}
		if shows && r.hides(kind, f) {
			m.Clear(f.desc)
			continue
		}
		switch {
		case f.child == nil || f.child.empty:
		case f.desc.IsList():
			r.clearList(m.Mutable(f.desc).List(), f.child, kind)
		case !r.clear(m.Mutable(f.desc).Message(), f.child, kind):
			m.Clear(f.desc)
		}
	}
	if p.nameField != nil {
		r.clearOwnChange(m, p, kind)
	}
	return !had || m.Has(p.shownBy)
}

// kindOf is the kind of record that the message is about.
func (p *plan) kindOf(m protoreflect.Message, inherited string) string {
	switch {
	case p.kindField != nil && m.Has(p.kindField):
		return m.Get(p.kindField).String()
	case p.kind != "":
		return p.kind
	}
	return inherited
}

// names calls hidden with the field, or the fields, that the message is about.
func (p *plan) names(m protoreflect.Message, hidden func(string) bool) bool {
	if !p.nameField.IsList() {
		return hidden(m.Get(p.nameField).String())
	}
	list := m.Get(p.nameField).List()
	for i := range list.Len() {
		if hidden(list.Get(i).String()) {
			return true
		}
	}
	return false
}

func (r Rules) hides(kind string, f planField) bool {
	if len(f.tells) == 0 {
		return r.Hides(kind, f.name)
	}
	for _, name := range f.tells {
		if r.Hides(kind, name) {
			return true
		}
	}
	return false
}

func (r Rules) clearList(list protoreflect.List, p *plan, kind string) {
	kept := 0
	for i := range list.Len() {
		v := list.Get(i)
		if r.clear(v.Message(), p, kind) {
			list.Set(kept, v)
			kept++
		}
	}
	list.Truncate(kept)
}

func (r Rules) clearOwn(values protoreflect.Map, kind string) {
	values.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		if r.Hides(kind, CustomPrefix+k.String()) {
			values.Clear(k)
		}
		return true
	})
}

// clearOwnChange takes hidden fields of the organisation's own out of a message that is about all of them.
func (r Rules) clearOwnChange(m protoreflect.Message, p *plan, kind string) {
	if p.nameField.IsList() || m.Get(p.nameField).String() != customFields {
		return
	}
	for _, f := range p.fields {
		if f.desc.Message() == nil || f.desc.IsList() || f.desc.IsMap() || !m.Has(f.desc) {
			continue
		}
		v, ok := m.Mutable(f.desc).Message().Interface().(*structpb.Value)
		if !ok {
			continue
		}
		for key := range v.GetStructValue().GetFields() {
			if r.Hides(kind, CustomPrefix+strings.ToLower(key)) {
				delete(v.GetStructValue().GetFields(), key)
			}
		}
	}
}
