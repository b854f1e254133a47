package aip

import (
	"fmt"
	"slices"
	"strings"

	"go.einride.tech/aip/fieldmask"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/apperr"
)

// ErrUpdateMask says that a field cannot be changed so.
var ErrUpdateMask = apperr.Invalid("INVALID_UPDATE_MASK", "the update mask names a field that cannot be changed")

// Mask is the set of fields that an update changes.
type Mask struct{ paths []string }

// UpdateMask checks mask against what may be changed. Without a mask the fields that msg has set are meant, those that
// may not be changed left aside (AIP-134); "*" means all allowed. A path below an allowed one is allowed.
func UpdateMask(mask *fieldmaskpb.FieldMask, msg proto.Message, allowed ...string) (Mask, error) {
	paths := mask.GetPaths()
	switch {
	case len(paths) == 0:
		return Mask{paths: populated(msg, allowed)}, nil
	case len(paths) == 1 && paths[0] == "*":
		return Mask{paths: slices.Clone(allowed)}, nil
	}
	m := Mask{paths: make([]string, 0, len(paths))}
	for _, p := range paths {
		if !covered(p, allowed) {
			return Mask{}, ErrUpdateMask.WithField("update_mask", fmt.Sprintf("%.80q cannot be changed", p))
		}
		if !slices.Contains(m.paths, p) {
			m.paths = append(m.paths, p)
		}
	}
	checked := &fieldmaskpb.FieldMask{}
	for _, p := range m.paths {
		if name, _, one := strings.Cut(p, "."); one {
			// The rest is the key of an entry, whatever that may be.
			if f := msg.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name)); f != nil && f.IsMap() && f.MapKey().Kind() == protoreflect.StringKind {
				p = name
			}
		}
		checked.Paths = append(checked.Paths, p)
	}
	if err := fieldmask.Validate(checked, msg); err != nil {
		return Mask{}, ErrUpdateMask.WithField("update_mask", err.Error())
	}
	return m, nil
}

func covered(path string, by []string) bool {
	for _, b := range by {
		if path == b || strings.HasPrefix(path, b+".") {
			return true
		}
	}
	return false
}

func populated(msg proto.Message, allowed []string) []string {
	paths := []string{}
	msg.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if name := string(f.Name()); slices.Contains(allowed, name) {
			paths = append(paths, name)
		}
		return true
	})
	slices.Sort(paths)
	return paths
}

// Has reports whether the field, or something below it, is to be changed.
func (m Mask) Has(path string) bool {
	for _, p := range m.paths {
		if p == path || strings.HasPrefix(p, path+".") || strings.HasPrefix(path, p+".") {
			return true
		}
	}
	return false
}

// Empty reports whether nothing is to be changed.
func (m Mask) Empty() bool { return len(m.paths) == 0 }

// Paths are the fields to be changed.
func (m Mask) Paths() []string { return slices.Clone(m.paths) }

// Proto is the mask as a message, for the event of the change.
func (m Mask) Proto() *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: m.Paths()} }

// Apply copies the fields of the mask from src to dst, which are messages of one type. Of a map of any
// JSON (custom fields) the entries that src has are copied and the others stay; a path below a map copies that entry, or takes
// it away if src does not have it.
func (m Mask) Apply(dst, src proto.Message) {
	if m.Empty() {
		return
	}
	d, s := dst.ProtoReflect(), src.ProtoReflect()
	plain := &fieldmaskpb.FieldMask{}
	for _, p := range m.paths {
		name, key, one := strings.Cut(p, ".")
		f := d.Descriptor().Fields().ByName(protoreflect.Name(name))
		switch {
		case f == nil || !f.IsMap() || !one && !ofValues(f):
			plain.Paths = append(plain.Paths, p)
		case one:
			k := protoreflect.ValueOfString(key).MapKey()
			if v := s.Get(f).Map().Get(k); v.IsValid() {
				d.Mutable(f).Map().Set(k, v)
			} else {
				d.Mutable(f).Map().Clear(k)
			}
		default:
			s.Get(f).Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				d.Mutable(f).Map().Set(k, v)
				return true
			})
		}
	}
	if len(plain.GetPaths()) > 0 {
		fieldmask.Update(plain, dst, src)
	}
}

// ofValues reports whether a map is one of any JSON.
func ofValues(f protoreflect.FieldDescriptor) bool {
	m := f.MapValue().Message()
	return m != nil && m.FullName() == "google.protobuf.Value"
}
