// Package section holds the rules of the shelves of the catalog (CAT-2).
package section

import (
	"slices"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
	"kontor.internal/services/catalog/internal/record"
)

// Failures.
var (
	ErrNotFound   = apperr.NotFound("SECTION_NOT_FOUND", "section not found")
	ErrStale      = apperr.Conflict("SECTION_ETAG_MISMATCH", "the section was changed by someone else; read it again")
	ErrInvalid    = apperr.Invalid("SECTION_INVALID", "the section cannot be kept so")
	ErrName       = apperr.AlreadyExists("SECTION_NAME_TAKEN", "there is another section with this name in the same place")
	ErrExternalID = apperr.AlreadyExists("SECTION_EXTERNAL_ID_TAKEN", "another section has this external ID")
	ErrCycle      = apperr.NotAllowedNow("SECTION_CYCLE", "a section cannot stand within itself; choose another parent")
	ErrNotEmpty   = apperr.NotAllowedNow("SECTION_NOT_EMPTY", "there are sections or products in the section; move them or delete them first")
)

// Section is a shelf. Sections nest without limit; none stands within itself.
type Section struct {
	record.Head

	Name string
	// ParentID is the section it stands in; empty at the top.
	ParentID    string
	Sort        int32
	ExternalIDs []record.ExternalID
}

// Validate puts the fields in order and returns ErrInvalid with the field if one cannot be kept so.
func (s *Section) Validate() error {
	if err := record.Text("name", &s.Name, 256, ErrInvalid); err != nil {
		return err
	}
	switch {
	case s.Name == "":
		return ErrInvalid.WithField("name", "must not be empty")
	case s.ParentID != "" && !id.Valid(s.ParentID):
		return ErrInvalid.WithField("parent_id", "is not an ID")
	case s.ParentID != "" && s.ParentID == s.ID:
		return ErrCycle
	}
	return record.CheckExternalIDs(s.ExternalIDs, ErrInvalid)
}

// Clone returns a copy that shares nothing that changes.
func (s *Section) Clone() *Section {
	c := *s
	c.ExternalIDs = slices.Clone(s.ExternalIDs)
	return &c
}

// Event is something that happened to a section. It carries the section after the change.
type Event interface{ Record() *Section }

// Created tells of a new section.
type Created struct{ After *Section }

// Updated tells of changed fields.
type Updated struct{ Before, After *Section }

// Deleted tells that a section was put into the bin.
type Deleted struct{ After *Section }

// Undeleted tells that a section was taken out of the bin.
type Undeleted struct{ After *Section }

// Record see [Event].
func (e Created) Record() *Section { return e.After }

// Record see [Event].
func (e Updated) Record() *Section { return e.After }

// Record see [Event].
func (e Deleted) Record() *Section { return e.After }

// Record see [Event].
func (e Undeleted) Record() *Section { return e.After }

// New completes a draft to a new section.
func New(draft *Section, newID string, origin record.Origin, now time.Time) (*Section, Event, error) {
	s := draft.Clone()
	s.Head = record.Head{ID: newID, Version: 1, Origin: origin, CreatedAt: now, UpdatedAt: now}
	if err := s.Validate(); err != nil {
		return nil, nil, err
	}
	return s, Created{After: s}, nil
}

// Change lets set change the section's fields. In the bin nothing is changed.
func (s *Section) Change(set func(*Section), now time.Time) (Event, error) {
	if s.DeletedAt != nil {
		return nil, ErrNotFound
	}
	before := s.Clone()
	set(s)
	s.Head = before.Head
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s.Touch(now)
	return Updated{Before: before, After: s}, nil
}

// Delete puts the section into the bin.
func (s *Section) Delete(now time.Time) (Event, error) {
	if s.DeletedAt != nil {
		return nil, ErrNotFound
	}
	s.Touch(now)
	s.DeletedAt = &now
	return Deleted{After: s}, nil
}

// Undelete takes the section out of the bin.
func (s *Section) Undelete(now time.Time) (Event, error) {
	if !s.Restorable(now) {
		return nil, ErrNotFound.Saying("the section is not in the bin, or has been there for more than 30 days")
	}
	s.Touch(now)
	s.DeletedAt = nil
	return Undeleted{After: s}, nil
}
