package authz

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kontor.internal/libs/authn"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// Directory holds, in memory, what every service must know of organisations, users, departments and roles. It is
// safe for concurrent use. What it returns are copies or is never changed again.
type Directory struct {
	mu   sync.RWMutex
	orgs map[string]*organization

	revision atomic.Uint64
	ready    atomic.Bool
	level    atomic.Int64 // Unix nanoseconds of the last proof that the directory is level with its topic

	waiters sync.Mutex
	changed chan struct{} // closed at the next change
}

// organization is what has been applied for one organisation. Readers use the snapshot, which is made from it at the
// first reading after a change.
type organization struct {
	mu          sync.Mutex
	settings    Organization
	known       bool
	users       map[string]*User
	departments map[string]*Department
	roles       map[string]*Role
	versions    map[string]int64 // by kind/id, of removed entries too

	// ended has, for each user, the sessions whose access tokens are refused. It stands beside the snapshot, which
	// somebody signing out shall not cost.
	ended sync.Map // of string to []string, which never change

	snap atomic.Pointer[snapshot]
}

// NewDirectory returns an empty directory. It is not ready until a Reader, or SetReady, says so.
func NewDirectory() *Directory {
	return &Directory{orgs: make(map[string]*organization), changed: make(chan struct{})}
}

// Apply takes an entry over, unless a newer version of it has been applied.
func (d *Directory) Apply(e *accessv1.DirectoryEntry) {
	kind, id := identify(e)
	if kind == "" || id == "" || e.GetOrganizationId() == "" {
		return
	}
	o := d.organization(e.GetOrganizationId(), true)
	o.mu.Lock()
	key := kind + "/" + id
	newer := e.GetVersion() > o.versions[key] || e.GetVersion() == 0
	if newer {
		o.versions[key] = e.GetVersion()
		if e.GetDeleted() {
			o.remove(kind, id)
		} else {
			o.put(e)
		}
		if kind != KindEndedSessions {
			o.snap.Store(nil)
		}
	}
	o.mu.Unlock()
	if newer {
		d.announce()
	}
}

// Remove takes away the entry with the key "organisation/kind/id"; unknown keys change nothing.
func (d *Directory) Remove(key string) {
	org, rest, _ := strings.Cut(key, "/")
	kind, id, ok := strings.Cut(rest, "/")
	if !ok {
		return
	}
	o := d.organization(org, false)
	if o == nil {
		return
	}
	o.mu.Lock()
	o.remove(kind, id)
	o.snap.Store(nil)
	o.mu.Unlock()
	d.announce()
}

func identify(e *accessv1.DirectoryEntry) (kind, id string) {
	switch x := e.GetEntry().(type) {
	case *accessv1.DirectoryEntry_Organization:
		return KindOrganization, x.Organization.GetId()
	case *accessv1.DirectoryEntry_User:
		return KindUser, x.User.GetId()
	case *accessv1.DirectoryEntry_Department:
		return KindDepartment, x.Department.GetId()
	case *accessv1.DirectoryEntry_Role:
		return KindRole, x.Role.GetId()
	case *accessv1.DirectoryEntry_EndedSessions:
		return KindEndedSessions, x.EndedSessions.GetUserId()
	}
	return "", ""
}

// put is for holders of mu.
func (o *organization) put(e *accessv1.DirectoryEntry) {
	switch x := e.GetEntry().(type) {
	case *accessv1.DirectoryEntry_Organization:
		o.settings, o.known = organizationOf(x.Organization), true
	case *accessv1.DirectoryEntry_User:
		o.users[x.User.GetId()] = userOf(x.User)
	case *accessv1.DirectoryEntry_Department:
		o.departments[x.Department.GetId()] = departmentOf(x.Department)
	case *accessv1.DirectoryEntry_Role:
		o.roles[x.Role.GetId()] = roleOf(x.Role)
	case *accessv1.DirectoryEntry_EndedSessions:
		o.ended.Store(x.EndedSessions.GetUserId(), slices.Clone(x.EndedSessions.GetSessionIds()))
	}
}

// remove is for holders of mu.
func (o *organization) remove(kind, id string) {
	switch kind {
	case KindOrganization:
		o.settings, o.known = Organization{}, false
	case KindUser:
		delete(o.users, id)
	case KindDepartment:
		delete(o.departments, id)
	case KindRole:
		delete(o.roles, id)
	case KindEndedSessions:
		o.ended.Delete(id)
	}
}

func (d *Directory) organization(id string, create bool) *organization {
	d.mu.RLock()
	o := d.orgs[id]
	d.mu.RUnlock()
	if o != nil || !create {
		return o
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if o = d.orgs[id]; o == nil {
		o = &organization{
			users: make(map[string]*User), departments: make(map[string]*Department),
			roles: make(map[string]*Role), versions: make(map[string]int64),
		}
		d.orgs[id] = o
	}
	return o
}

// snapshot returns what is known of an organisation; nil if nothing is.
func (d *Directory) snapshot(org string) *snapshot {
	o := d.organization(org, false)
	if o == nil {
		return nil
	}
	if s := o.snap.Load(); s != nil {
		return s
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.snap.Load()
	if s == nil {
		s = newSnapshot(o)
		o.snap.Store(s)
	}
	return s
}

func (d *Directory) announce() {
	d.revision.Add(1)
	d.waiters.Lock()
	close(d.changed)
	d.changed = make(chan struct{})
	d.waiters.Unlock()
}

// Changed returns a channel that is closed at the next change.
func (d *Directory) Changed() <-chan struct{} {
	d.waiters.Lock()
	defer d.waiters.Unlock()
	return d.changed
}

// Revision grows with each change; what was derived from the directory at one revision holds until the next.
func (d *Directory) Revision() uint64 { return d.revision.Load() }

// Ready reports whether everything that was in the topic at the start has been applied. A directory that has been
// ready once stays so: while Kafka is away it answers from what it knows.
func (d *Directory) Ready() bool { return d.ready.Load() }

// SetReady says that the directory is complete as of now.
func (d *Directory) SetReady(now time.Time) {
	d.level.Store(now.UnixNano())
	d.ready.Store(true)
}

// LevelAt is when the directory was last known to be level with its topic; the zero time if it never was.
func (d *Directory) LevelAt() time.Time {
	n := d.level.Load()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Check is a readiness check: it returns ErrNotReady until the directory is ready.
func (d *Directory) Check(context.Context) error {
	if !d.Ready() {
		return ErrNotReady
	}
	return nil
}

// Organization returns the organisation's settings.
func (d *Directory) Organization(org string) (Organization, bool) {
	s := d.snapshot(org)
	if s == nil {
		return Organization{}, false
	}
	return s.settings, s.known
}

// Organizations returns the IDs of all organisations, in no order.
func (d *Directory) Organizations() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids := make([]string, 0, len(d.orgs))
	for id, o := range d.orgs {
		o.mu.Lock()
		if o.known {
			ids = append(ids, id)
		}
		o.mu.Unlock()
	}
	return ids
}

// User returns a user, active or not.
func (d *Directory) User(org, id string) (User, bool) {
	if s := d.snapshot(org); s != nil {
		if u, ok := s.users[id]; ok {
			return *u, true
		}
	}
	return User{}, false
}

// UserByEmail returns the user with the e-mail address, in whatever case it is written.
func (d *Directory) UserByEmail(org, email string) (User, bool) {
	if s := d.snapshot(org); s != nil {
		if u, ok := s.byEmail[fold(email)]; ok {
			return *u, true
		}
	}
	return User{}, false
}

// UserByName returns the user with the name, in whatever case and spacing it is written. It returns false if there is
// none, or several.
func (d *Directory) UserByName(org, name string) (User, bool) {
	if s := d.snapshot(org); s != nil {
		if u := s.byName[fold(name)]; len(u) == 1 {
			return *u[0], true
		}
	}
	return User{}, false
}

// Users returns all users, active or not, by name.
func (d *Directory) Users(org string) []User {
	s := d.snapshot(org)
	if s == nil {
		return nil
	}
	return s.allUsers()
}

// Department returns a department.
func (d *Directory) Department(org, id string) (Department, bool) {
	if s := d.snapshot(org); s != nil {
		if x, ok := s.departments[id]; ok {
			return *x, true
		}
	}
	return Department{}, false
}

// DepartmentByName returns the department with the name, in whatever case and spacing it is written. It returns false
// if there is none, or several.
func (d *Directory) DepartmentByName(org, name string) (Department, bool) {
	if s := d.snapshot(org); s != nil {
		if x := s.departmentsByName[fold(name)]; len(x) == 1 {
			return *x[0], true
		}
	}
	return Department{}, false
}

// Departments returns all departments, by name.
func (d *Directory) Departments(org string) []Department {
	s := d.snapshot(org)
	if s == nil {
		return nil
	}
	return s.allDepartments()
}

// DepartmentsBelow returns the IDs of a department and of all departments below it, sorted.
func (d *Directory) DepartmentsBelow(org, department string) []string {
	s := d.snapshot(org)
	if s == nil {
		return nil
	}
	return s.below(department)
}

// UsersBelow returns the IDs of the users, active or not, in a department and in all departments below it, sorted.
func (d *Directory) UsersBelow(org, department string) []string {
	s := d.snapshot(org)
	if s == nil {
		return nil
	}
	return s.members(s.below(department)...)
}

// UsersIn returns the IDs of the users, active or not, in a department itself, sorted.
func (d *Directory) UsersIn(org, department string) []string {
	s := d.snapshot(org)
	if s == nil {
		return nil
	}
	return s.members(department)
}

// Role returns a role.
func (d *Directory) Role(org, id string) (Role, bool) {
	if s := d.snapshot(org); s != nil {
		if r, ok := s.roles[id]; ok {
			return *r, true
		}
	}
	return Role{}, false
}

// Scope returns how far the user reaches for a kind of record and an action: the widest of what the user's roles
// grant. An unknown or deactivated user reaches nothing.
func (d *Directory) Scope(org, user, kind string, action optionsv1.Action) Scope {
	s := d.snapshot(org)
	if s == nil {
		return Scope{}
	}
	return s.scope(user, kind, action)
}

// FieldRules returns what the user's roles withhold of records; nil if nothing. Of several roles that grant something of
// a kind the widest counts: what only some of them withhold is not withheld.
func (d *Directory) FieldRules(org, user string) FieldRules {
	s := d.snapshot(org)
	if s == nil || !s.withholding {
		return nil
	}
	return s.fieldRules(user)
}

// Ended reports whether the session that p comes from has ended, as far as is known here. It is never true of who has
// none, such as an API key or a service.
func (d *Directory) Ended(p authn.Principal) bool {
	if p.SessionID == "" {
		return false
	}
	o := d.organization(p.OrganizationID, false)
	if o == nil {
		return false
	}
	ids, _ := o.ended.Load(p.UserID)
	ended, _ := ids.([]string)
	return slices.Contains(ended, p.SessionID)
}

// fold makes names and addresses comparable: lower case, single blanks.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
