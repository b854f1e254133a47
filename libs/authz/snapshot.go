package authz

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// snapshot is an organisation as it stood after some change, with the indexes that questions need. Only its caches
// change.
type snapshot struct {
	settings          Organization
	known             bool
	users             map[string]*User
	departments       map[string]*Department
	roles             map[string]*Role
	byEmail           map[string]*User
	byName            map[string][]*User
	departmentsByName map[string][]*Department
	children          map[string][]string // department → departments right below
	inDepartment      map[string][]string // department → users in it
	headOf            map[string][]string // user → departments headed

	withholding bool // some role has rules for fields

	mu     sync.RWMutex
	scopes map[scopeKey]Scope
	sets   map[string]Scope // by departments and user added, shared by colleagues
	rules  map[string]FieldRules
}

type scopeKey struct {
	user, kind string
	action     optionsv1.Action
}

// maxScopes bounds the cache of scopes: users × kinds × actions of a large organisation.
const maxScopes = 200_000

// newSnapshot is for holders of o.mu.
func newSnapshot(o *organization) *snapshot {
	s := &snapshot{
		settings: o.settings, known: o.known,
		// The values never change once applied, so the maps are enough to copy.
		users: maps.Clone(o.users), departments: maps.Clone(o.departments), roles: maps.Clone(o.roles),
		byEmail:           make(map[string]*User, len(o.users)),
		byName:            make(map[string][]*User, len(o.users)),
		departmentsByName: make(map[string][]*Department, len(o.departments)),
		children:          make(map[string][]string, len(o.departments)),
		inDepartment:      make(map[string][]string, len(o.departments)),
		headOf:            make(map[string][]string),
		scopes:            make(map[scopeKey]Scope),
		sets:              make(map[string]Scope),
		rules:             make(map[string]FieldRules),
	}
	for _, r := range s.roles {
		s.withholding = s.withholding || len(r.Fields) > 0
	}
	for _, u := range s.users {
		if u.Email != "" {
			s.byEmail[fold(u.Email)] = u
		}
		s.byName[fold(u.Name)] = append(s.byName[fold(u.Name)], u)
		if u.DepartmentID != "" {
			s.inDepartment[u.DepartmentID] = append(s.inDepartment[u.DepartmentID], u.ID)
		}
	}
	for _, d := range s.departments {
		s.departmentsByName[fold(d.Name)] = append(s.departmentsByName[fold(d.Name)], d)
		if d.ParentID != "" {
			s.children[d.ParentID] = append(s.children[d.ParentID], d.ID)
		}
		if d.HeadID != "" {
			s.headOf[d.HeadID] = append(s.headOf[d.HeadID], d.ID)
		}
	}
	return s
}

func (s *snapshot) scope(user, kind string, action optionsv1.Action) Scope {
	key := scopeKey{user: user, kind: kind, action: action}
	s.mu.RLock()
	scope, ok := s.scopes[key]
	s.mu.RUnlock()
	if ok {
		return scope
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	scope = s.compute(key)
	if len(s.scopes) >= maxScopes {
		clear(s.scopes)
	}
	s.scopes[key] = scope
	return scope
}

// compute is for holders of mu.
func (s *snapshot) compute(key scopeKey) Scope {
	u := s.users[key.user]
	if u == nil || !u.Active {
		return Scope{}
	}
	widest, _ := s.widest(u, key.kind, key.action)
	switch widest {
	case accessv1.Scope_SCOPE_ALL:
		return All()
	case accessv1.Scope_SCOPE_OWN:
		return Of(u.ID)
	case accessv1.Scope_SCOPE_DEPARTMENT, accessv1.Scope_SCOPE_DEPARTMENT_AND_BELOW:
		return s.departmentScope(u, s.reach(u, widest))
	case accessv1.Scope_SCOPE_UNSPECIFIED:
	}
	return Scope{} // also for a scope that only a later version knows
}

// widest returns the widest scope among the user's grants that match, and those grants with their roles.
func (s *snapshot) widest(u *User, kind string, action optionsv1.Action) (accessv1.Scope, []Granted) {
	var (
		widest accessv1.Scope
		by     []Granted
	)
	for _, id := range u.RoleIDs {
		r := s.roles[id]
		if r == nil {
			continue
		}
		for _, g := range r.Grants {
			if !g.matches(kind, action) || g.Scope > accessv1.Scope_SCOPE_ALL {
				continue
			}
			// The scopes are numbered from narrow to wide, and each holds the one before.
			widest = max(widest, g.Scope)
			by = append(by, Granted{RoleID: r.ID, RoleName: r.Name, Grant: g})
		}
	}
	return widest, by
}

// reach returns the departments that a scope of the user covers, sorted.
func (s *snapshot) reach(u *User, scope accessv1.Scope) []string {
	var departments []string
	if u.DepartmentID != "" {
		departments = append(departments, u.DepartmentID)
	}
	departments = append(departments, s.headOf[u.ID]...)
	if scope == accessv1.Scope_SCOPE_DEPARTMENT_AND_BELOW {
		departments = s.below(departments...)
	}
	slices.Sort(departments)
	return slices.Compact(departments)
}

// departmentScope is for holders of mu.
func (s *snapshot) departmentScope(u *User, departments []string) Scope {
	key := strings.Join(departments, ",")
	inside := slices.Contains(departments, u.DepartmentID)
	if !inside {
		key += "+" + u.ID
	}
	if scope, ok := s.sets[key]; ok {
		return scope
	}
	users := s.members(departments...)
	if !inside {
		users = append(users, u.ID)
	}
	scope := Of(users...)
	s.sets[key] = scope
	return scope
}

// below returns the departments and all below them, sorted. A cycle in the tree, which two changes that crossed may
// have made, is walked once.
func (s *snapshot) below(departments ...string) []string {
	seen := make(map[string]struct{}, len(departments))
	queue := slices.Clone(departments)
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if _, ok := seen[id]; ok {
			continue
		}
		seen[id] = struct{}{}
		queue = append(queue, s.children[id]...)
	}
	return slices.Sorted(maps.Keys(seen))
}

// members returns the users in the departments, sorted.
func (s *snapshot) members(departments ...string) []string {
	var users []string
	for _, id := range departments {
		users = append(users, s.inDepartment[id]...)
	}
	slices.Sort(users)
	return users
}

func (s *snapshot) allUsers() []User {
	list := make([]User, 0, len(s.users))
	for _, u := range s.users {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b User) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return list
}

func (s *snapshot) allDepartments() []Department {
	list := make([]Department, 0, len(s.departments))
	for _, d := range s.departments {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b Department) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return list
}
