// Package view holds saved views: how somebody wants to look at a list (CON-13). Which fields and filters there are is for
// the context of the list to know; a view that names one that is gone is told so there.
package view

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
)

// MaxPerOwner is how many views of a kind one owner may have.
const MaxPerOwner = 100

// Failures.
var (
	ErrNotFound = apperr.NotFound("VIEW_NOT_FOUND", "there is no such view, or it is not for you")
	ErrStale    = apperr.Conflict("VIEW_ETAG_MISMATCH", "the view was changed by someone else; read it again")
	ErrNotYours = apperr.Forbidden("VIEW_NOT_YOURS", "only its owner or an administrator changes a view; save your own instead")
	ErrDefault  = apperr.Forbidden("VIEW_DEFAULT_NOT_YOURS",
		"what a list opens with for everyone is for who may change settings, and for a department also for its head; save the view without it")
	ErrInvalid   = apperr.Invalid("VIEW_INVALID", "the view's data is not valid")
	ErrNameTaken = apperr.AlreadyExists("VIEW_NAME_TAKEN", "there is a view of this name; choose another")
	ErrTooMany   = apperr.NotAllowedNow("VIEW_TOO_MANY", "there are 100 views of this list; delete one first")
)

// Audience is who a view is for.
type Audience int

// The audiences, from narrow to wide.
const (
	Personal Audience = iota + 1
	Department
	Everyone
)

// Column is a column of the list; Width is in pixels, 0 if left to the list.
type Column struct {
	Field string `json:"field"`
	Width int32  `json:"width,omitempty"`
}

// View is a saved view.
type View struct {
	ID, Kind, Name       string
	Columns              []Column
	OrderBy, Filter      string
	Audience             Audience
	DepartmentID         string
	Default              bool
	OwnerID              string
	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// Viewer is who looks.
type Viewer struct {
	OrganizationID, UserID string
	// Departments whose views are for the viewer.
	Departments []string
	// Heads are those among them that the viewer is the head of.
	Heads []string
	// Administrator may see and change all shared views.
	Administrator bool
}

// Sees reports whether the view is for the viewer.
func (w Viewer) Sees(v *View) bool {
	switch {
	case v.OwnerID == w.UserID:
		return true
	case v.Audience == Personal:
		return false
	}
	return v.Audience == Everyone || w.Administrator || w.In(v.DepartmentID)
}

// Decide returns ErrDefault if the change of before, which is empty for a new view, to v makes lists open with it for
// others whose lists the viewer has no say in.
func (w Viewer) Decide(before, v *View) error {
	was := before.Default && before.Audience == v.Audience && before.DepartmentID == v.DepartmentID
	switch {
	case !v.Default, was, v.Audience == Personal, w.Administrator:
		return nil
	case v.Audience == Department && slices.Contains(w.Heads, v.DepartmentID):
		return nil
	}
	return ErrDefault
}

// In reports whether a department is the viewer's.
func (w Viewer) In(department string) bool {
	return slices.Contains(w.Departments, department)
}

// Change returns ErrNotFound or ErrNotYours unless the viewer may change the view, and ErrStale if it is of another
// version; 0 stands for any.
func (w Viewer) Change(v *View, version int64) error {
	switch {
	case !w.Sees(v):
		return ErrNotFound
	case v.OwnerID != w.UserID && !w.Administrator:
		return ErrNotYours
	case version != 0 && version != v.Version:
		return ErrStale
	}
	return nil
}

// Normalize checks the fields a caller may set and tidies them. It returns ErrInvalid, naming the fields at fault.
func (v *View) Normalize() error {
	err := ErrInvalid
	v.Name = strings.TrimSpace(v.Name)
	if n := utf8.RuneCountInString(v.Name); n < 1 || n > 100 || !utf8.ValidString(v.Name) || strings.ContainsFunc(v.Name, unicode.IsControl) {
		err = err.WithField("name", "1 to 100 characters, no control characters")
	}
	if v.Kind == "" || strings.Trim(v.Kind, "abcdefghijklmnopqrstuvwxyz_") != "" {
		err = err.WithField("kind", "the kind of the records in the list")
	}
	if v.Audience == 0 {
		v.Audience = Personal
	}
	if (v.Audience == Department) != (v.DepartmentID != "") {
		err = err.WithField("department_id", "is for views for a department, and those need it")
	}
	seen := make(map[string]bool, len(v.Columns))
	for _, c := range v.Columns {
		if seen[c.Field] {
			err = err.WithField("columns", "a column is there twice: "+c.Field)
		}
		seen[c.Field] = true
	}
	for name, text := range map[string]string{"order_by": v.OrderBy, "filter": v.Filter} {
		if strings.ContainsRune(text, 0) {
			err = err.WithField(name, "holds a zero character")
		}
	}
	if len(err.Fields) > 0 {
		return err
	}
	return nil
}
