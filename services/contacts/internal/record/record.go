// Package record holds what leads, contacts and companies have in common: who answers for them, who may see them,
// where they came from, the bin, and the checks on the text that people and machines send.
//
// The records are mostly data, so their fields are exported and checked by one Normalize per kind.
package record

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/customfields"
)

// BinDays is how long a deleted record can be restored (decisions 24).
const BinDays = 30

// Kind is the name of a record kind in permissions, events and references.
type Kind string

// The record kinds of this service.
const (
	Lead    Kind = "lead"
	Contact Kind = "contact"
	Company Kind = "company"
)

// Failures that every kind shares.
var (
	ErrField               = apperr.Invalid("FIELD_INVALID", "some fields are not valid; each says what is expected")
	ErrExternalIDTaken     = apperr.AlreadyExists("EXTERNAL_ID_TAKEN", "another record has this external ID")
	ErrResponsibleNotFound = apperr.NotFound("RESPONSIBLE_NOT_FOUND", "the responsible user is not an active user of the organisation")
	ErrForbidden           = apperr.Forbidden("PERMISSION_DENIED", "you may see this record but not do this to it")
)

// Meta is what every record carries beside its own fields.
type Meta struct {
	// ID and Version are given by the store. Version grows by one with each change.
	ID      string
	Version int64
	// ResponsibleID is the one user who answers for the record.
	ResponsibleID string
	// ObserverIDs may see it and are told of changes.
	ObserverIDs []string
	// Everyone opens it to every user who may see records of its kind at all.
	Everyone bool
	// ExternalIDs are unique per kind and source (CON-23).
	ExternalIDs []ExternalID
	// Tags are the organisation's own words for the record, as typed; Key tells whether two are the same (CON-23).
	Tags []string
	// DoNotContact lists the channels by which whoever it is must not be contacted, in the order of Channels (CON-23).
	DoNotContact []string
	// Origin is what made the record (CON-9).
	Origin    Origin
	CreatorID string
	CreatedAt time.Time
	UpdatedAt time.Time
	// DeletedAt is zero unless the record is in the bin.
	DeletedAt time.Time
	// Custom is the values of the organisation's own fields, those of retired ones included (CON-12).
	Custom customfields.Values
	// Fields are those that Custom has been checked by; nil if the record has only been read.
	Fields *customfields.Kind
}

// ExternalID is the record's ID in another system.
type ExternalID struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// Origin says what made a record: "user", "import", "lead", "api" … and the ID of that.
type Origin struct {
	Kind, ID string
}

// Deleted reports whether the record is in the bin.
func (m *Meta) Deleted() bool { return !m.DeletedAt.IsZero() }

// Caller is who asks, and how far the right to see and the right to do what is asked reach.
type Caller struct {
	OrganizationID, UserID string
	// View is the scope of seeing, Act that of the method's own action.
	View, Act authz.Scope
	// Zone is where the organisation's days begin; UTC if nil.
	Zone *time.Location
}

// Location is where the organisation's days begin.
func (c Caller) Location() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// CanSee reports whether the caller may see the record: it is in scope, observed by the caller or open to everyone.
func (c Caller) CanSee(m *Meta) bool {
	return c.View.Allows(m.ResponsibleID) ||
		!c.View.None() && (m.Everyone || slices.Contains(m.ObserverIDs, c.UserID))
}

// CanAct reports whether the caller may do to the record what the method does. Observing gives no right to change.
func (c Caller) CanAct(m *Meta) bool { return c.Act.Allows(m.ResponsibleID) }

// Change is a domain event: what became of a record. Before is nil for a new one.
type Change[T any] struct {
	What          What
	Before, After *T
	// Cause is what led to it, if not the caller alone.
	Cause string
	// EffectiveAt is when it took place, if that is known to be another time than now: imports (decisions 5).
	EffectiveAt *time.Time
}

// What is the kind of a change.
type What int

// The changes that every record kind knows.
const (
	Created What = iota + 1
	Updated
	Deleted
	Undeleted
	Purged
)

// Users answers questions about the organisation and its users from memory.
type Users interface {
	// Active reports whether id is a user of the organisation who may be given work.
	Active(organizationID, id string) bool
	// Country is the ISO 3166-1 code by whose rules phone numbers without a prefix are read.
	Country(organizationID string) string
}

// NormalizeMeta checks and tidies the fields a caller may set.
func NormalizeMeta(m *Meta, f *Faults) {
	m.ResponsibleID = strings.ToLower(m.ResponsibleID)
	for i := range m.ObserverIDs {
		m.ObserverIDs[i] = strings.ToLower(m.ObserverIDs[i])
	}
	slices.Sort(m.ObserverIDs)
	m.ObserverIDs = slices.Compact(m.ObserverIDs)
	seen := make(map[string]bool, len(m.ExternalIDs))
	for i := range m.ExternalIDs {
		x := &m.ExternalIDs[i]
		f.Line(At("external_ids", i, "source"), &x.Source)
		f.Line(At("external_ids", i, "id"), &x.ID)
		if seen[x.Source] {
			f.Add(At("external_ids", i, "source"), "there is another ID of this source; a record has one per source")
		}
		seen[x.Source] = true
	}
	m.Tags = tidyTags(m.Tags, f)
	for i, c := range m.DoNotContact {
		if m.DoNotContact[i] = strings.ToLower(strings.TrimSpace(c)); !slices.Contains(Channels(), m.DoNotContact[i]) {
			f.Add("do_not_contact", "is one of "+strings.Join(Channels(), ", "))
		}
	}
	slices.SortFunc(m.DoNotContact, func(a, b string) int {
		return cmp.Compare(slices.Index(Channels(), a), slices.Index(Channels(), b))
	})
	m.DoNotContact = slices.Compact(m.DoNotContact)
}

// MaxTags is how many tags a record may have, and maxTag how many characters each.
const (
	MaxTags = 50
	maxTag  = 64
)

// Channels are those by which people are contacted.
func Channels() []string { return []string{"phone", "email", "messenger", "post", "sms"} }

// tidyTags checks tags and leaves out those that are there already.
func tidyTags(tags []string, f *Faults) []string {
	var out []string
	seen := make(map[string]bool, len(tags))
	for _, tag := range tags {
		f.Line("tags", &tag)
		key := Key(tag)
		if key == "" || seen[key] {
			continue
		}
		if utf8.RuneCountInString(tag) > maxTag {
			f.Add("tags", "a tag has at most 64 characters")
		}
		seen[key] = true
		out = append(out, tag)
	}
	if len(out) > MaxTags {
		f.Add("tags", "a record has at most 50 tags")
	}
	return out
}

// WithTags returns the tags with more of them.
func WithTags(tags, more []string) []string { return append(slices.Clone(tags), more...) }

// WithoutTags returns the tags without some.
func WithoutTags(tags, gone []string) []string {
	keys := make(map[string]bool, len(gone))
	for _, tag := range gone {
		keys[Key(tag)] = true
	}
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return keys[Key(tag)] })
}
