package fieldrules

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// Names that fields of requests have in every call (decisions 12).
const (
	nameFilter  = "filter"
	nameOrderBy = "order_by"
	nameGroupBy = "group_by"
	nameColumns = "columns"
	nameMask    = "update_mask"
)

// Check returns ErrHidden or ErrReadOnly if a request uses what the user may not see, or changes what the user may not
// change: in a record, a mask, a filter, an order, a list of columns, or by a value of its own that is named after a
// field of the record. kind and action are those of the method.
func (r Rules) Check(m proto.Message, kind string, action optionsv1.Action) error {
	if r.Empty() || m == nil {
		return nil
	}
	c := checker{rules: r, may: r.MayRead}
	switch action {
	case optionsv1.Action_ACTION_CREATE, optionsv1.Action_ACTION_UPDATE, optionsv1.Action_ACTION_IMPORT:
		c.may = r.MayWrite
	case optionsv1.Action_ACTION_UNSPECIFIED, optionsv1.Action_ACTION_VIEW, optionsv1.Action_ACTION_DELETE, optionsv1.Action_ACTION_EXPORT:
	}
	ref := m.ProtoReflect()
	return c.message(ref, planOf(ref.Descriptor()), kind, nil, 0)
}

type checker struct {
	rules Rules
	// may is the rule for values that are sent.
	may func(kind, name string) error
}

// maxDepth is how deep requests are looked into.
const maxDepth = 20

// message checks one message; mask, if there is one, says which fields of a record in it are meant.
func (c checker) message(m protoreflect.Message, p *plan, kind string, mask []string, depth int) error {
	if depth > maxDepth {
		return nil
	}
	kind = p.kindOf(m, kind)
	if p.whole {
		return c.record(m, kind, mask)
	}
	if p.nameField != nil {
		var err error
		p.names(m, func(name string) bool {
			err = c.may(kind, name)
			return err != nil
		})
		if err != nil {
			return err
		}
	}
	mask = maskOf(m)
	for _, f := range p.fields {
		if !m.Has(f.desc) || f.desc.IsMap() {
			continue
		}
		if err := c.field(m, f, kind, mask, depth); err != nil {
			return err
		}
	}
	return nil
}

func (c checker) field(m protoreflect.Message, f planField, kind string, mask []string, depth int) error {
	v := m.Get(f.desc)
	switch {
	case f.name == nameMask:
		// Of the record that comes with it; the record itself may be of another kind than the method.
		return nil
	case f.name == nameFilter && f.desc.Kind() == protoreflect.StringKind:
		return c.rules.MayFilter(kind, v.String())
	case f.name == nameOrderBy && f.desc.Kind() == protoreflect.StringKind:
		return c.order(kind, v.String())
	case f.name == nameGroupBy && f.desc.Kind() == protoreflect.StringKind:
		return c.rules.MayRead(kind, v.String())
	case f.name == nameColumns && f.desc.IsList() && f.desc.Kind() == protoreflect.StringKind:
		for i := range v.List().Len() {
			if err := c.rules.MayRead(kind, v.List().Get(i).String()); err != nil {
				return err
			}
		}
		return nil
	}
	if err := c.value(kind, f); err != nil {
		return err
	}
	if f.child == nil {
		return nil
	}
	if !f.desc.IsList() {
		return c.message(v.Message(), f.child, kind, mask, depth+1)
	}
	for i := range v.List().Len() {
		if err := c.message(v.List().Get(i).Message(), f.child, kind, mask, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// value is a value of the request that is named after a field of the record, or says that it tells one.
func (c checker) value(kind string, f planField) error {
	if len(f.tells) == 0 {
		// Of the same name, and the same thing: a message of another type is something else.
		var is protoreflect.FullName
		if d := f.desc.Message(); d != nil {
			is = d.FullName()
		}
		if s := schemas()[kind]; s == nil || s.types[f.name] != is {
			return nil
		}
		return c.may(kind, f.name)
	}
	// A value that tells fields uses them; it changes none.
	for _, name := range f.tells {
		if err := c.rules.MayRead(kind, name); err != nil {
			return err
		}
	}
	return nil
}

// record is a record that is sent to be made, or for the fields that a mask names.
func (c checker) record(m protoreflect.Message, kind string, mask []string) error {
	if len(mask) > 0 {
		for _, path := range mask {
			if snake(path) == customFields {
				if err := c.own(m, kind); err != nil {
					return err
				}
				continue
			}
			if err := c.may(kind, path); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if string(f.Name()) == customFields && f.IsMap() {
			err = c.own(m, kind)
		} else {
			err = c.may(kind, string(f.Name()))
		}
		return err == nil
	})
	return err
}

// own checks every one of the organisation's own fields that is sent.
func (c checker) own(m protoreflect.Message, kind string) error {
	f := m.Descriptor().Fields().ByName(customFields)
	if f == nil || !f.IsMap() {
		return nil
	}
	var err error
	m.Get(f).Map().Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		err = c.may(kind, CustomPrefix+k.String())
		return err == nil
	})
	return err
}

// maskOf is the update mask of a request, if it has one that is not empty.
func maskOf(m protoreflect.Message) []string {
	f := m.Descriptor().Fields().ByName(nameMask)
	if f == nil || !m.Has(f) {
		return nil
	}
	mask, ok := m.Get(f).Message().Interface().(*fieldmaskpb.FieldMask)
	if !ok {
		return nil
	}
	return mask.GetPaths()
}

func (c checker) order(kind, order string) error {
	for part := range strings.SplitSeq(order, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		if err := c.rules.MayRead(kind, name); err != nil {
			return err
		}
	}
	return nil
}
