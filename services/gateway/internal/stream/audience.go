package stream

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/authz"
)

// Names of fields that say who sees a record. Every context calls them so.
const (
	fieldResponsible = "responsible_id"
	fieldObservers   = "observer_ids"
	fieldEveryone    = "available_to_everyone"
)

// Audience says who sees a record.
type Audience struct {
	// Owned says that somebody answers for each record of the kind; a product is nobody's in particular.
	Owned bool
	// Responsible is the user who answers for it.
	Responsible string
	// Observers see it beside those whose scope reaches the responsible user.
	Observers []string
	// Everyone opens it to all users who see records of the kind at all.
	Everyone bool
}

// sees is the rule by which the services list their records: what the scope reaches, and beyond it what the user
// observes or what is open to everyone, unless the user sees nothing of the kind.
func (a Audience) sees(user string, scope authz.Scope) bool {
	switch {
	case scope.None():
		return false
	case !a.Owned:
		return true
	}
	return scope.Allows(a.Responsible) || a.Everyone || slices.Contains(a.Observers, user)
}

// audiences returns who sees the record of an event after the change and who did before. The record comes first in
// each event; an update carries the old values of what it changed beside it. Of a type that this gateway does not know
// only the headers are used: then nobody sees more than by scope.
func audiences(typ, responsible, previous string, payload []byte) (now, before Audience) {
	now = Audience{Owned: responsible != "", Responsible: responsible}
	before = now
	if previous != "" {
		before.Owned, before.Responsible = true, previous
	}
	mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(typ))
	if err != nil {
		return now, before
	}
	m := mt.New()
	first := m.Descriptor().Fields().ByNumber(1)
	if first == nil || first.Message() == nil || first.IsList() || first.Message().Fields().ByName(fieldResponsible) == nil {
		return now, before
	}
	now.Owned, before.Owned = true, true
	if err := proto.Unmarshal(payload, m.Interface()); err != nil {
		return now, before
	}
	now.read(m.Get(first).Message(), fieldObservers, fieldEveryone)
	before.Observers, before.Everyone = now.Observers, now.Everyone
	if old := m.Descriptor().Fields().ByName("previous"); old != nil && old.Message() == first.Message() {
		before.read(m.Get(old).Message(), changed(m)...)
	}
	return now, before
}

// read takes the named fields over from a record.
func (a *Audience) read(record protoreflect.Message, fields ...string) {
	of := record.Descriptor().Fields()
	for _, name := range fields {
		f := of.ByName(protoreflect.Name(name))
		switch {
		case f == nil:
		case name == fieldObservers && f.IsList() && f.Kind() == protoreflect.StringKind:
			list := record.Get(f).List()
			a.Observers = make([]string, list.Len())
			for i := range list.Len() {
				a.Observers[i] = list.Get(i).String()
			}
		case name == fieldEveryone && f.Kind() == protoreflect.BoolKind:
			a.Everyone = record.Get(f).Bool()
		}
	}
}

// changed returns the fields that an update names as changed.
func changed(update protoreflect.Message) []string {
	f := update.Descriptor().Fields().ByName("update_mask")
	if f == nil {
		return nil
	}
	mask, _ := update.Get(f).Message().Interface().(*fieldmaskpb.FieldMask)
	return mask.GetPaths()
}

// encode and decodeAudience are how an audience travels through Redis: flags, responsible user, observers.
func (a Audience) encode() string {
	flags := ""
	if a.Owned {
		flags += "o"
	}
	if a.Everyone {
		flags += "e"
	}
	return strings.Join(append([]string{flags, a.Responsible}, a.Observers...), ",")
}

func decodeAudience(s string) Audience {
	parts := strings.Split(s, ",")
	if len(parts) < 2 {
		return Audience{Owned: true} // not understood: nobody's but those who see all
	}
	return Audience{
		Owned: strings.Contains(parts[0], "o"), Everyone: strings.Contains(parts[0], "e"),
		Responsible: parts[1], Observers: parts[2:],
	}
}
