// Package merge makes one record of several and takes that back (CON-16). It knows records as messages of the API, field by
// field, so that a new field of a record is merged like the others; the store does the rest in one transaction.
package merge

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kontor.internal/libs/apperr"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/record"
)

// Failures of merges.
var (
	ErrNotFound  = apperr.NotFound("MERGE_NOT_FOUND", "merge not found")
	ErrInvalid   = apperr.Invalid("MERGE_INVALID", "the merge cannot be done like this; see the fields")
	ErrMerged    = apperr.Conflict("RECORD_MERGED", "one of the records was merged into another meanwhile; look at it again")
	ErrConverted = apperr.NotAllowedNow("MERGE_CONVERTED",
		"a lead that is converted can only be the one that stays, and there can be only one of them")
	ErrUndone  = apperr.Conflict("MERGE_UNDONE", "the merge was undone already")
	ErrChanged = apperr.NotAllowedNow("MERGE_UNDO_CHANGED",
		"fields that the merge had changed were changed again since; undo with keep_changes to leave these as they are")
	// Why a group is left when many are merged.
	ErrDismissed = apperr.NotAllowedNow("MERGE_DISMISSED", "two records of the group were marked as not the same; merge the others by hand")
	ErrUnsure    = apperr.NotAllowedNow("MERGE_UNSURE", "the records were changed since the scan and are not as much alike any more; scan again")
	ErrTooMany   = apperr.NotAllowedNow("MERGE_TOO_MANY", "more than fifty-one records may be the same; look whether they share a number or an address that is nobody's own")
	ErrRefused   = apperr.NotAllowedNow("MERGE_REFUSED", "the merged record would break a rule of the database; merge the records by hand")
	ErrLater     = apperr.NotAllowedNow("MERGE_UNDO_LATER", "a record of this merge was merged once more or removed since; undo that first")
)

// Plan says what becomes one.
type Plan struct {
	Kind       record.Kind
	SurvivorID string
	MergedIDs  []string
	// Choices is the record whose value a field keeps, by the field; empty for all values there are.
	Choices map[string]string
	// Versions are the ones the choices were made on, by ID.
	Versions map[string]int64
}

// IDs are all records of the plan, the survivor first.
func (p *Plan) IDs() []string { return append([]string{p.SurvivorID}, p.MergedIDs...) }

// Check returns ErrInvalid naming what of the plan cannot be.
func (p *Plan) Check() error {
	if slices.Contains(p.MergedIDs, p.SurvivorID) {
		return ErrInvalid.WithField("plan.merged_ids", "the record that stays is among those that go")
	}
	for field, id := range p.Choices {
		if id != "" && !slices.Contains(p.IDs(), id) {
			return ErrInvalid.WithField("plan.choices", "the record chosen for "+field+" is not one of the merge")
		}
	}
	return nil
}

// Conflict is a field of one value for which the records have several.
type Conflict struct {
	Field string
	// IDs and Values are those of the records that have one, the survivor's first.
	IDs    []string
	Values []protoreflect.Value
	Of     protoreflect.FieldDescriptor
	Chosen string
}

// Done is a merge that took place.
type Done struct {
	ID                  string
	Kind                record.Kind
	SurvivorID          string
	MergedIDs           []string
	UserID, UndoneBy    string
	CreatedAt, UndoneAt time.Time
	// BatchID is the operation that it was part of, "" if none; BatchNumber says which of its groups it was.
	BatchID     string
	BatchNumber *int64
}

// Combine makes one record of several: fields not chosen have the survivor's value if there is one, else that of the first
// other; lists have all values. records and ids are in the same order, the survivor first.
func Combine[M proto.Message](records []M, ids, fields []string, choices map[string]string) (M, []Conflict, error) {
	out := proto.Clone(records[0]).(M) //nolint:forcetypeassert // A clone is of the same type.
	m := out.ProtoReflect()
	var conflicts []Conflict
	for field := range choices {
		if !slices.Contains(fields, field) {
			return out, nil, ErrInvalid.WithField("plan.choices", field+" is not a field that can be chosen")
		}
	}
	for _, name := range fields {
		f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if f == nil {
			continue
		}
		chosen, isChosen := choices[name]
		switch {
		case isChosen && chosen != "":
			from := records[slices.Index(ids, chosen)].ProtoReflect()
			m.Clear(f)
			if from.Has(f) {
				m.Set(f, clone(from, f))
			}
			if c, ok := conflict(records, ids, f); ok && !f.IsList() && !f.IsMap() {
				c.Chosen = chosen
				conflicts = append(conflicts, c)
			}
		case f.IsMap():
			for _, r := range records[1:] {
				addPairs(m, f, r.ProtoReflect())
			}
		case f.IsList():
			for _, r := range records[1:] {
				addItems(m, f, r.ProtoReflect())
			}
		case isChosen:
			return out, nil, ErrInvalid.WithField("plan.choices", name+" holds one value; choose a record")
		default:
			c, several := conflict(records, ids, f)
			if len(c.IDs) == 0 {
				continue
			}
			if c.Chosen = c.IDs[0]; several {
				conflicts = append(conflicts, c)
			}
			m.Set(f, clone(records[slices.Index(ids, c.Chosen)].ProtoReflect(), f))
		}
	}
	tidy(out)
	return out, conflicts, nil
}

// conflict gathers the values of a field, and says whether there are different ones. A flag that is not set is no value.
func conflict[M proto.Message](records []M, ids []string, f protoreflect.FieldDescriptor) (Conflict, bool) {
	c, several := Conflict{Field: string(f.Name()), Of: f}, false
	for i, r := range records {
		if m := r.ProtoReflect(); m.Has(f) {
			v := m.Get(f)
			several = several || len(c.Values) > 0 && !v.Equal(c.Values[0])
			c.IDs, c.Values = append(c.IDs, ids[i]), append(c.Values, v)
		}
	}
	return c, several
}

// clone returns the value of a field of m, sharing nothing with it.
func clone(m protoreflect.Message, f protoreflect.FieldDescriptor) protoreflect.Value {
	return proto.Clone(m.Interface()).ProtoReflect().Get(f)
}

func addPairs(to protoreflect.Message, f protoreflect.FieldDescriptor, from protoreflect.Message) {
	if !from.Has(f) {
		return
	}
	clone(from, f).Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		if pairs := to.Mutable(f).Map(); !pairs.Has(k) {
			pairs.Set(k, v)
		}
		return true
	})
}

// addItems adds what the list does not hold yet. Numbers and addresses are the same if their normalised forms are.
func addItems(to protoreflect.Message, f protoreflect.FieldDescriptor, from protoreflect.Message) {
	if !from.Has(f) {
		return
	}
	list, more := to.Mutable(f).List(), clone(from, f).List()
	for i := range more.Len() {
		v := more.Get(i)
		known := false
		for j := range list.Len() {
			known = known || alike(f, list.Get(j), v)
		}
		if !known {
			list.Append(v)
		}
	}
}

func alike(f protoreflect.FieldDescriptor, a, b protoreflect.Value) bool {
	if f.Message() == nil {
		return a.Equal(b)
	}
	switch x := a.Message().Interface().(type) {
	case *typev1.PhoneNumber:
		y, ok := b.Message().Interface().(*typev1.PhoneNumber)
		return ok && (x.GetE164() != "" && x.GetE164() == y.GetE164() || x.GetNumber() == y.GetNumber())
	case *typev1.EmailAddress:
		y, ok := b.Message().Interface().(*typev1.EmailAddress)
		return ok && x.GetNormalized() == y.GetNormalized()
	case *typev1.ExternalId: // a record has one per source; the others go on leading to the record
		y, ok := b.Message().Interface().(*typev1.ExternalId)
		return ok && x.GetSource() == y.GetSource()
	case *contactsv1.Employment:
		y, ok := b.Message().Interface().(*contactsv1.Employment)
		return ok && x.GetCompanyId() == y.GetCompanyId() && record.Key(x.GetRole()) == record.Key(y.GetRole()) &&
			proto.Equal(x.GetStartDate(), y.GetStartDate())
	}
	return a.Equal(b)
}

// tidy leaves one primary in each list, the first, and a name of its own to each set of requisites.
func tidy(m proto.Message) {
	one := func(f protoreflect.FieldDescriptor, list protoreflect.List) {
		primary := f.Message().Fields().ByName("primary")
		if primary == nil {
			return
		}
		seen := false
		for i := range list.Len() {
			if e := list.Get(i).Message(); e.Get(primary).Bool() {
				if seen {
					e.Clear(primary)
				}
				seen = true
			}
		}
	}
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsList() && f.Message() != nil {
			one(f, v.List())
		}
		return true
	})
	if c, ok := m.(*contactsv1.Company); ok {
		names := map[string]bool{}
		for _, r := range c.GetRequisites() {
			base := r.GetName()
			for n := 2; names[record.Key(r.GetName())]; n++ {
				r.Name = record.Join(base, string(rune('0'+n%10)))
			}
			names[record.Key(r.GetName())] = true
		}
	}
}

// Back takes back what a change from before to after has done to a record that is cur now. Fields that the change had not
// touched stay as they are now; so do those, which it returns, that were changed again since.
func Back[M proto.Message](before, after, cur M) (M, []string) {
	out := proto.Clone(cur).(M) //nolint:forcetypeassert // A clone is of the same type.
	b, a, c := before.ProtoReflect(), after.ProtoReflect(), out.ProtoReflect()
	var kept []string
	fields := b.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if n := f.Name(); n == "id" || n == "etag" || n == "update_time" || n == "name" && f.ContainingMessage().Name() == "Contact" || same(f, b, a) {
			continue
		}
		if !same(f, a, c) {
			kept = append(kept, string(f.Name()))
			continue
		}
		c.Clear(f)
		if b.Has(f) {
			c.Set(f, clone(b, f))
		}
	}
	return out, kept
}

func same(f protoreflect.FieldDescriptor, a, b protoreflect.Message) bool {
	return a.Has(f) == b.Has(f) && a.Get(f).Equal(b.Get(f))
}
