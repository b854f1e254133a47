// Package role holds what roles grant. The ready-made roles (ID-4) are data: each organisation gets its own copy, and
// nothing in the program asks for a role by its name but the guard of the last administrator.
package role

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
)

// Failures.
var (
	ErrNotFound = apperr.NotFound("ROLE_NOT_FOUND", "there is no such role")
	// ErrNotYours keeps those who may change users from making themselves, or anybody, more than they are.
	ErrNotYours  = apperr.Forbidden("ROLE_NOT_YOURS", "this concerns a role that permits more than your own; ask an administrator")
	ErrInvalid   = apperr.Invalid("ROLE_INVALID", "the role's data is not valid")
	ErrNameTaken = apperr.AlreadyExists("ROLE_NAME_TAKEN", "another role has this name")
	ErrStale     = apperr.Conflict("ROLE_ETAG_MISMATCH", "the role was changed by someone else; read it again")
	ErrReadyMade = apperr.NotAllowedNow("ROLE_READY_MADE", "ready-made roles stay as they are; make a role of your own after it")
	ErrInUse     = apperr.NotAllowedNow("ROLE_IN_USE", "take the role first from its users and programs, deactivated ones too, and from the second factor's policy")
)

// Codes of the ready-made roles.
const (
	Manager       = "manager"
	Head          = "department_head"
	Director      = "director"
	Administrator = "administrator"
)

// Scope is how far a grant reaches. Wider scopes are greater.
type Scope int

// The scopes, from narrow to wide.
const (
	None Scope = iota
	Own
	Department
	DepartmentAndBelow
	All
)

// Action is what a grant allows.
type Action int

// The actions. AnyAction stands for all of them.
const (
	AnyAction Action = iota
	View
	Create
	Update
	Delete
	Export
	Import
)

// AnyKind stands for every kind of record.
const AnyKind = "*"

// Grant allows an action on a kind of record, as far as its scope reaches.
type Grant struct {
	Kind   string `json:"kind"`
	Action Action `json:"action"`
	Scope  Scope  `json:"scope"`
}

// Role is a set of grants.
type Role struct {
	ID, Code, Name, Description string
	Grants                      []Grant
	Fields                      []FieldRule
	Version                     int64
	CreatedAt, UpdatedAt        time.Time
}

// Access is what a role leaves of a field. Narrower ones are greater.
type Access int

// What is left.
const (
	Whole Access = iota
	ReadOnly
	Hidden
)

// FieldRule withholds a field of a kind of record.
type FieldRule struct {
	Kind string `json:"kind"`
	// Field is the name in the record's message; custom.<key> for one of the organisation's own.
	Field  string `json:"field"`
	Access Access `json:"access"`
}

// Created is the domain event of a new role.
type Created struct{ Role Role }

// Updated is the domain event of a role that was changed.
type Updated struct{ Role, Previous Role }

// MaxGrants is how many grants a role may have.
const MaxGrants = 200

// Validate returns ErrInvalid, naming the fields at fault.
func (r *Role) Validate() error {
	err := ErrInvalid
	if n := utf8.RuneCountInString(r.Name); n < 1 || n > 100 || strings.TrimSpace(r.Name) == "" ||
		!utf8.ValidString(r.Name) || strings.ContainsFunc(r.Name, unicode.IsControl) {
		err = err.WithField("name", "1 to 100 characters, no control characters")
	}
	if utf8.RuneCountInString(r.Description) > 500 || !utf8.ValidString(r.Description) {
		err = err.WithField("description", "at most 500 characters")
	}
	if len(r.Grants) > MaxGrants {
		err = err.WithField("grants", "at most "+strconv.Itoa(MaxGrants))
	}
	kinds := append(Kinds(), AnyKind)
	seen := make(map[Grant]bool, len(r.Grants))
	for i, g := range r.Grants {
		field := "grants[" + strconv.Itoa(i) + "]"
		if !slices.Contains(kinds, g.Kind) {
			err = err.WithField(field+".kind", "one of "+strings.Join(kinds, ", "))
		}
		if g.Action < AnyAction || g.Action > Import {
			err = err.WithField(field+".action", "no such action")
		}
		if g.Scope <= None || g.Scope > All {
			err = err.WithField(field+".scope", "own, department, department and below, or all; leave out what is not granted")
		}
		what := Grant{Kind: g.Kind, Action: g.Action}
		if seen[what] {
			err = err.WithField(field, "the same kind and action twice")
		}
		seen[what] = true
	}
	err = validFields(err, r.Fields)
	if len(err.Fields) > 0 {
		return err
	}
	return nil
}

// Change lets fn change a role of the organisation's own. It returns nil if nothing differs afterwards, ErrReadyMade or
// ErrInvalid.
func (r *Role) Change(fn func(*Role)) (*Updated, error) {
	if r.Code != "" {
		return nil, ErrReadyMade
	}
	before := *r
	fn(r)
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if r.Name == before.Name && r.Description == before.Description && slices.Equal(r.Grants, before.Grants) &&
		slices.Equal(r.Fields, before.Fields) {
		return nil, nil
	}
	return &Updated{Role: *r, Previous: before}, nil
}

// Actions lists the actions a grant can name one by one.
func Actions() []Action { return []Action{View, Create, Update, Delete, Export, Import} }

// Kinds lists the kinds of records that roles speak of (ID-4).
func Kinds() []string {
	return []string{
		"lead", "contact", "company", "deal", "quote", "invoice", "product", "call", "mail", "activity", "report",
		"user", "department", "role", "settings", "audit",
	}
}

// Reach returns how far grants reach for a kind of record and an action: the widest that matches.
func Reach(grants []Grant, kind string, action Action) Scope {
	widest := None
	for _, g := range grants {
		if (g.Kind == AnyKind || g.Kind == kind) && (g.Action == AnyAction || g.Action == action) {
			widest = max(widest, g.Scope)
		}
	}
	return widest
}

// Covers reports whether have reaches at least as far as want everywhere.
func Covers(have, want []Grant) bool {
	for _, w := range want {
		kinds, actions := []string{w.Kind}, []Action{w.Action}
		if w.Action == AnyAction {
			actions = append(actions, Actions()...)
		}
		if w.Kind == AnyKind {
			kinds = append(kinds, Kinds()...)
		}
		for _, k := range kinds {
			for _, a := range actions {
				if Reach(have, k, a) < w.Scope {
					return false
				}
			}
		}
	}
	return true
}

// ReadyMade returns the ready-made roles, without IDs and times.
func ReadyMade() []Role {
	work := []string{"lead", "contact", "company", "deal", "quote", "invoice", "call", "mail", "activity"}
	return []Role{
		{
			Code: Manager, Name: "Manager", Description: "Works on the records that are theirs.",
			Grants: append(records(work, Own, View, Create, Update, Delete), everybody(Own)...),
		},
		{
			Code: Head, Name: "Department head", Description: "Works on all records of the department and of the departments below.",
			Grants: append(records(work, DepartmentAndBelow, View, Create, Update, Delete, Export), everybody(DepartmentAndBelow)...),
		},
		{
			Code: Director, Name: "Director", Description: "Works on all records; changes no settings.",
			Grants: append(append(records(append(work, "product"), All, AnyAction), everybody(All)...),
				Grant{Kind: "report", Action: Export, Scope: All}),
		},
		{
			Code: Administrator, Name: "Administrator", Description: "May do everything, settings included.",
			Grants: []Grant{{Kind: AnyKind, Action: AnyAction, Scope: All}},
		},
	}
}

func records(kinds []string, scope Scope, actions ...Action) []Grant {
	grants := make([]Grant, 0, len(kinds)*len(actions))
	for _, k := range kinds {
		for _, a := range actions {
			grants = append(grants, Grant{Kind: k, Action: a, Scope: scope})
		}
	}
	return grants
}

// everybody is what each member needs to work at all: who is there, what is sold, and reports on what is in reach.
func everybody(reports Scope) []Grant {
	return []Grant{
		{Kind: "product", Action: View, Scope: All},
		{Kind: "user", Action: View, Scope: All},
		{Kind: "department", Action: View, Scope: All},
		{Kind: "role", Action: View, Scope: All},
		{Kind: "report", Action: View, Scope: reports},
	}
}
