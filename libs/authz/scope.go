// Package authz answers who may do what, from memory: a Directory of organisations, users, departments and roles, and
// the Scope that it gives a caller for a kind of record and an action.
//
// The directory is read from the compacted topic kontor.directory.v1, which identity writes. What no grant names is
// denied. Scopes say whose records a caller reaches, by the user responsible for a record.
package authz

import (
	"slices"
	"strconv"
)

// Scope says whose records a caller reaches. The zero value reaches none.
type Scope struct {
	all   bool
	users *userSet
}

// userSet is shared by all callers that reach the same users; it never changes.
type userSet struct {
	list []string // sorted
	has  map[string]struct{}
}

// All reaches every record of the organisation.
func All() Scope { return Scope{all: true} }

// None reaches no record.
func None() Scope { return Scope{} }

// Of reaches the records that the users are responsible for.
func Of(users ...string) Scope {
	if len(users) == 0 {
		return Scope{}
	}
	list := slices.Clone(users)
	slices.Sort(list)
	list = slices.Compact(list)
	set := &userSet{list: list}
	if len(list) > 1 {
		set.has = make(map[string]struct{}, len(list))
		for _, u := range list {
			set.has[u] = struct{}{}
		}
	}
	return Scope{users: set}
}

// All reports whether the scope reaches every record of the organisation.
func (s Scope) All() bool { return s.all }

// None reports whether the scope reaches no record.
func (s Scope) None() bool { return !s.all && s.users == nil }

// Users returns the users whose records the scope reaches, sorted; nil if it reaches all or none. The caller must not
// change the slice.
func (s Scope) Users() []string {
	if s.all || s.users == nil {
		return nil
	}
	return s.users.list
}

// Allows reports whether the scope reaches a record with this responsible user. A record without one is reached by
// All only.
func (s Scope) Allows(responsible string) bool {
	switch {
	case s.all:
		return true
	case s.users == nil || responsible == "":
		return false
	case s.users.has == nil:
		return s.users.list[0] == responsible
	}
	_, ok := s.users.has[responsible]
	return ok
}

// SQL returns a condition on the column with the responsible user's ID, for a WHERE clause, and appends what it needs
// to args: "TRUE", "FALSE", "d.responsible_id = $3" or "d.responsible_id = ANY($3::uuid[])".
func (s Scope) SQL(column string, args *[]any) string {
	switch {
	case s.all:
		return "TRUE"
	case s.users == nil:
		return "FALSE"
	case len(s.users.list) == 1:
		*args = append(*args, s.users.list[0])
		return column + " = $" + strconv.Itoa(len(*args))
	}
	*args = append(*args, s.users.list)
	return column + " = ANY($" + strconv.Itoa(len(*args)) + "::uuid[])"
}

// And returns the scope that reaches what both reach.
func (s Scope) And(o Scope) Scope {
	switch {
	case s.all:
		return o
	case o.all:
		return s
	case s.users == nil || o.users == nil:
		return Scope{}
	}
	both := make([]string, 0, min(len(s.users.list), len(o.users.list)))
	for _, u := range s.users.list {
		if o.Allows(u) {
			both = append(both, u)
		}
	}
	return Of(both...)
}
