// Package department is the tree of departments, each with a head; subordination drives scope (ID-3).
package department

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
)

// MaxDepth is how many levels the tree may have.
const MaxDepth = 32

// BinTime is how long a department can be taken out of the bin.
const BinTime = 30 * 24 * time.Hour

// Failures.
var (
	ErrNotFound       = apperr.NotFound("DEPARTMENT_NOT_FOUND", "there is no such department")
	ErrParentNotFound = apperr.NotFound("DEPARTMENT_PARENT_NOT_FOUND", "there is no such department to be put under")
	ErrHeadNotFound   = apperr.NotFound("USER_NOT_FOUND", "there is no such user to be the head")
	ErrStale          = apperr.Conflict("DEPARTMENT_ETAG_MISMATCH", "the department was changed by someone else; read it again")
	ErrNameTaken      = apperr.AlreadyExists("DEPARTMENT_NAME_TAKEN", "a department beside it has this name")
	ErrCycle          = apperr.NotAllowedNow("DEPARTMENT_CYCLE", "a department cannot be below itself")
	ErrTooDeep        = apperr.NotAllowedNow("DEPARTMENT_TOO_DEEP", "the tree of departments may be 32 deep")
	ErrNotEmpty       = apperr.NotAllowedNow("DEPARTMENT_NOT_EMPTY", "move its users and departments elsewhere first")
	ErrNotDeleted     = apperr.NotAllowedNow("DEPARTMENT_NOT_DELETED", "the department is not in the bin")
	ErrInvalid        = apperr.Invalid("DEPARTMENT_INVALID", "the department's data is not valid")
	ErrExternalTaken  = apperr.AlreadyExists("EXTERNAL_ID_TAKEN", "another record has this external ID")
)

// Department is a node in the tree.
type Department struct {
	ID, Name string
	// ParentID is empty at the top.
	ParentID string
	// HeadID is the user who heads it; empty for nobody.
	HeadID      string
	ExternalIDs []ExternalID

	Version              int64
	CreatedAt, UpdatedAt time.Time
	// DeletedAt is zero unless the department is in the bin.
	DeletedAt time.Time
}

// ExternalID is the department's ID in another system.
type ExternalID struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// The domain events. The department is as after the change.
type (
	// Created says that a department was made.
	Created struct{ Department Department }
	// Updated says that fields were changed.
	Updated struct {
		Department, Previous Department
		Fields               []string
	}
	// Deleted says that it was put into the bin.
	Deleted struct{ Department Department }
	// Restored says that it was taken out of the bin.
	Restored struct{ Department Department }
)

// Event is one of the domain events above.
type Event any

// Store keeps departments. Every method is scoped to one organisation; an ID of another organisation behaves exactly
// like an ID that does not exist.
type Store interface {
	// CreateDepartment returns ErrNameTaken, ErrParentNotFound, ErrHeadNotFound, ErrTooDeep or ErrExternalTaken.
	CreateDepartment(ctx context.Context, org string, d *Department) (*Department, error)

	// GetDepartment returns ErrNotFound if there is no such department; one in the bin is returned.
	GetDepartment(ctx context.Context, org, id string) (*Department, error)

	// UpdateDepartment loads the department, lets fn change it and saves it with the event fn returns, atomically;
	// without an event nothing is saved. fn may run more than once. It returns ErrNotFound, ErrStale if etag is not zero
	// and not the stored version, ErrCycle, ErrNotEmpty if fn deletes one that is not empty, fn's error, or what
	// CreateDepartment does.
	UpdateDepartment(ctx context.Context, org, id string, etag int64, fn func(*Department) (Event, error)) (*Department, error)
}

// Validate returns ErrInvalid, naming the fields at fault.
func (d *Department) Validate() error {
	err := ErrInvalid
	if n := utf8.RuneCountInString(d.Name); n < 1 || n > 200 || strings.TrimSpace(d.Name) == "" ||
		!utf8.ValidString(d.Name) || strings.ContainsFunc(d.Name, unicode.IsControl) {
		err = err.WithField("name", "1 to 200 characters, no control characters")
	}
	if len(d.ExternalIDs) > 20 {
		err = err.WithField("external_ids", "at most 20")
	}
	for _, x := range d.ExternalIDs {
		if len(x.Source) < 1 || len(x.Source) > 64 || len(x.ID) < 1 || len(x.ID) > 256 {
			err = err.WithField("external_ids", "a source of up to 64 characters and an ID of up to 256")
		}
	}
	if len(err.Fields) > 0 {
		return err
	}
	return nil
}

// Change lets fn change fields and returns Updated with those that did change, or nil if none did. A department in
// the bin cannot be changed.
func (d *Department) Change(fn func(*Department)) (Event, error) {
	if !d.DeletedAt.IsZero() {
		return nil, ErrNotFound
	}
	before := *d
	fn(d)
	if err := d.Validate(); err != nil {
		return nil, err
	}
	var fields []string
	add := func(differs bool, field string) {
		if differs {
			fields = append(fields, field)
		}
	}
	add(before.Name != d.Name, "name")
	add(before.ParentID != d.ParentID, "parent_id")
	add(before.HeadID != d.HeadID, "head_id")
	add(!slices.Equal(before.ExternalIDs, d.ExternalIDs), "external_ids")
	if len(fields) == 0 {
		return nil, nil // No event: nothing to save.
	}
	return Updated{Department: *d, Previous: before, Fields: fields}, nil
}

// Delete puts the department into the bin. That it is empty is for the store to see.
func (d *Department) Delete(now time.Time) (Event, error) {
	if !d.DeletedAt.IsZero() {
		return nil, ErrNotFound
	}
	d.DeletedAt = now
	return Deleted{Department: *d}, nil
}

// Restore takes the department out of the bin.
func (d *Department) Restore(now time.Time) (Event, error) {
	switch {
	case d.DeletedAt.IsZero():
		return nil, ErrNotDeleted
	case now.Sub(d.DeletedAt) > BinTime:
		return nil, ErrNotFound
	}
	d.DeletedAt = time.Time{}
	return Restored{Department: *d}, nil
}

// Below returns an error if putting department id under parent would make a circle or a tree that is too deep.
// parents says, by ID, what each department is under; those that are not in it are at the top.
func Below(id, parent string, parents map[string]string) error {
	above := 0
	for p := parent; p != ""; p = parents[p] {
		if p == id {
			return ErrCycle
		}
		if above++; above >= MaxDepth {
			return ErrTooDeep
		}
	}
	if above+height(id, parents) > MaxDepth {
		return ErrTooDeep
	}
	return nil
}

// height is how many levels the department and what is below it take up.
func height(id string, parents map[string]string) int {
	most := 1
	for d := range parents {
		n := 1
		for p := d; p != id && p != "" && n <= MaxDepth; p = parents[p] {
			n++
			if parents[p] == id {
				most = max(most, n)
			}
		}
	}
	return most
}
