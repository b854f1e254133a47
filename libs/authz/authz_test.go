package authz_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

const (
	org  = "0192f0c4-0000-7000-8000-000000000001"
	view = optionsv1.Action_ACTION_VIEW
	edit = optionsv1.Action_ACTION_UPDATE
)

func entry(version int64) *accessv1.DirectoryEntry {
	return &accessv1.DirectoryEntry{OrganizationId: org, Version: version}
}

func user(id, departmentID string, roles ...string) *accessv1.DirectoryEntry {
	e := entry(1)
	e.Entry = &accessv1.DirectoryEntry_User{User: &accessv1.DirectoryUser{
		Id: id, Name: "User " + id, Email: id + "@example.com", DepartmentId: departmentID, RoleIds: roles, Active: true,
	}}
	return e
}

func department(id, parent, head string) *accessv1.DirectoryEntry {
	e := entry(1)
	e.Entry = &accessv1.DirectoryEntry_Department{Department: &accessv1.DirectoryDepartment{
		Id: id, Name: "Department " + id, ParentId: parent, HeadId: head,
	}}
	return e
}

func role(id string, grants ...*accessv1.DirectoryGrant) *accessv1.DirectoryEntry {
	e := entry(1)
	e.Entry = &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{Id: id, Name: "Role " + id, Grants: grants}}
	return e
}

func grant(kind string, action optionsv1.Action, scope accessv1.Scope) *accessv1.DirectoryGrant {
	return &accessv1.DirectoryGrant{Kind: kind, Action: action, Scope: scope}
}

// company is a tree of departments:
//
//	board (ruth)
//	├── east (hans)
//	│   ├── east1 (ina): ina, ann, ben
//	│   └── east2: cara
//	└── west (hans): dave
//
// hans sits in the board and heads east and west.
func company(more ...*accessv1.DirectoryEntry) *authz.Directory {
	d := authz.NewDirectory()
	for _, e := range append([]*accessv1.DirectoryEntry{
		department("board", "", "ruth"),
		department("east", "board", "hans"),
		department("east1", "east", "ina"),
		department("east2", "east", ""),
		department("west", "board", "hans"),
		role("own", grant("deal", view, accessv1.Scope_SCOPE_OWN)),
		role("dept", grant("deal", view, accessv1.Scope_SCOPE_DEPARTMENT)),
		role("below", grant("deal", view, accessv1.Scope_SCOPE_DEPARTMENT_AND_BELOW)),
		role("all", grant("deal", view, accessv1.Scope_SCOPE_ALL)),
		role("admin", grant(authz.AnyKind, optionsv1.Action_ACTION_UNSPECIFIED, accessv1.Scope_SCOPE_ALL)),
		role("anything of deals", grant("deal", optionsv1.Action_ACTION_UNSPECIFIED, accessv1.Scope_SCOPE_OWN)),
		role("view everything", grant(authz.AnyKind, view, accessv1.Scope_SCOPE_OWN)),
		role("nothing", grant("deal", view, accessv1.Scope_SCOPE_UNSPECIFIED)),
		role("from the future", grant("deal", view, accessv1.Scope(9))),
	}, more...) {
		d.Apply(e)
	}
	d.SetReady(time.Unix(1, 0))
	return d
}

// ID-3, ID-4, decisions 10.
func TestScopes(t *testing.T) {
	t.Parallel()
	staff := func(ann []string, hans []string, ina []string) []*accessv1.DirectoryEntry {
		return []*accessv1.DirectoryEntry{
			user("ruth", "board", "below"), user("hans", "board", hans...), user("ina", "east1", ina...),
			user("ann", "east1", ann...), user("ben", "east1", "own"), user("cara", "east2", "own"),
			user("dave", "west", "own"), user("zoe", "", "below"),
		}
	}
	everybody := []string{"ann", "ben", "cara", "dave", "hans", "ina", "ruth"}
	tests := []struct {
		name   string
		people []*accessv1.DirectoryEntry
		who    string
		kind   string
		action optionsv1.Action
		all    bool
		users  []string
	}{
		{name: "own is oneself", people: staff([]string{"own"}, nil, nil), who: "ann", users: []string{"ann"}},
		{name: "department is the members of one's own", people: staff([]string{"dept"}, nil, nil), who: "ann", users: []string{"ann", "ben", "ina"}},
		{name: "department covers every department one heads, and not what is below", people: staff(nil, []string{"dept"}, nil), who: "hans", users: []string{"dave", "hans", "ruth"}},
		{name: "below covers the subtrees of all of them", people: staff(nil, []string{"below"}, nil), who: "hans", users: everybody},
		{name: "below at a leaf is the department", people: staff(nil, nil, []string{"below"}), who: "ina", users: []string{"ann", "ben", "ina"}},
		{name: "below at the top is everybody in the tree", people: staff(nil, nil, nil), who: "ruth", users: everybody},
		{name: "a user in no department has at least oneself", people: staff(nil, nil, nil), who: "zoe", users: []string{"zoe"}},
		{name: "all is everybody", people: staff([]string{"all"}, nil, nil), who: "ann", all: true},
		{name: "of several roles the widest counts", people: staff([]string{"own", "dept", "nothing"}, nil, nil), who: "ann", users: []string{"ann", "ben", "ina"}},
		{name: "the widest counts in any order", people: staff([]string{"all", "own"}, nil, nil), who: "ann", all: true},
		{name: "a wildcard kind and action grants", people: staff([]string{"admin"}, nil, nil), who: "ann", kind: "settings", action: edit, all: true},
		{name: "a wildcard action grants for its kind", people: staff([]string{"anything of deals"}, nil, nil), who: "ann", action: edit, users: []string{"ann"}},
		{name: "a wildcard action does not grant for other kinds", people: staff([]string{"anything of deals"}, nil, nil), who: "ann", kind: "lead"},
		{name: "a wildcard kind grants its action", people: staff([]string{"view everything"}, nil, nil), who: "ann", kind: "lead", users: []string{"ann"}},
		{name: "a wildcard kind does not grant other actions", people: staff([]string{"view everything"}, nil, nil), who: "ann", kind: "lead", action: edit},
		{name: "what no grant names is denied", people: staff([]string{"own"}, nil, nil), who: "ann", action: edit},
		{name: "a grant of nothing is none", people: staff([]string{"nothing"}, nil, nil), who: "ann"},
		{name: "a scope of a later version grants nothing", people: staff([]string{"from the future"}, nil, nil), who: "ann"},
		{name: "a role that does not exist grants nothing", people: staff([]string{"gone"}, nil, nil), who: "ann"},
		{name: "no roles grant nothing", people: staff(nil, nil, nil), who: "ann"},
		{name: "an unknown user reaches nothing", people: staff(nil, nil, nil), who: "nobody"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := company(tt.people...)
			kind, action := tt.kind, tt.action
			if kind == "" {
				kind = "deal"
			}
			if action == optionsv1.Action_ACTION_UNSPECIFIED {
				action = view
			}
			for range 2 { // the second from the cache
				s := d.Scope(org, tt.who, kind, action)
				require.Equal(t, tt.all, s.All())
				require.Equal(t, tt.users, s.Users())
				require.Equal(t, !tt.all && tt.users == nil, s.None())
			}
		})
	}
}

// ID-1: the same IDs in another organisation reach nothing.
func TestScopeOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	d := company(user("ann", "east1", "admin"))
	require.True(t, d.Scope("other", "ann", "deal", view).None())
	_, ok := d.User("other", "ann")
	require.False(t, ok)
	require.Empty(t, d.Users("other"))
	require.Empty(t, d.Departments("other"))
	require.Empty(t, d.UsersBelow("other", "board"))
}

// Two changes that crossed may leave a cycle; it must not hang, and nobody in it may lose their colleagues.
func TestCycleInTheTree(t *testing.T) {
	t.Parallel()
	d := authz.NewDirectory()
	for _, e := range []*accessv1.DirectoryEntry{
		department("a", "c", "ann"), department("b", "a", ""), department("c", "b", ""), department("self", "self", ""),
		role("below", grant("deal", view, accessv1.Scope_SCOPE_DEPARTMENT_AND_BELOW)),
		user("ann", "a", "below"), user("ben", "b", "below"), user("cara", "c", "below"), user("sam", "self", "below"),
	} {
		d.Apply(e)
	}
	require.Equal(t, []string{"ann", "ben", "cara"}, d.Scope(org, "ben", "deal", view).Users())
	require.Equal(t, []string{"sam"}, d.Scope(org, "sam", "deal", view).Users())
	require.Equal(t, []string{"ann", "ben", "cara"}, d.UsersBelow(org, "b"))
}

// ID-2, ID-4: changes count from the next call on.
func TestChangesReachCachedScopes(t *testing.T) {
	t.Parallel()
	d := company(user("ann", "east1", "dept"), user("ben", "east1", "own"))
	require.Equal(t, []string{"ann", "ben"}, d.Scope(org, "ann", "deal", view).Users())
	revision := d.Revision()

	moved := user("ben", "west", "own")
	moved.Version = 2
	d.Apply(moved)
	require.Greater(t, d.Revision(), revision)
	require.Equal(t, []string{"ann"}, d.Scope(org, "ann", "deal", view).Users())

	old := user("ben", "east1", "own") // delivered once more
	d.Apply(old)
	require.Equal(t, []string{"ann"}, d.Scope(org, "ann", "deal", view).Users())

	gone := user("ann", "east1", "dept")
	gone.Version, gone.Deleted = 2, true
	d.Apply(gone)
	require.True(t, d.Scope(org, "ann", "deal", view).None())
	d.Apply(user("ann", "east1", "dept")) // an old entry does not bring it back
	require.True(t, d.Scope(org, "ann", "deal", view).None())
}

func TestLookups(t *testing.T) {
	t.Parallel()
	settings := entry(1)
	settings.Entry = &accessv1.DirectoryEntry_Organization{Organization: &accessv1.DirectoryOrganization{
		Id: org, Name: "Acme", TimeZone: "Europe/Berlin", BaseCurrency: "EUR", Country: "DE", Language: "de",
	}}
	d := company(settings, user("ann", "east1"), user("ben", "east2"))
	twin := user("bea", "east1")
	twin.GetUser().Name = "User  BEN"
	d.Apply(twin)

	u, ok := d.UserByEmail(org, " ANN@Example.com")
	require.True(t, ok)
	require.Equal(t, "ann", u.ID)
	u, ok = d.UserByName(org, "user ANN ")
	require.True(t, ok)
	require.Equal(t, "ann", u.ID)
	_, ok = d.UserByName(org, "User ben")
	require.False(t, ok, "two users of one name are not told apart by it")
	dep, ok := d.DepartmentByName(org, "department EAST1")
	require.True(t, ok)
	require.Equal(t, "east1", dep.ID)
	require.Equal(t, []string{"east", "east1", "east2"}, d.DepartmentsBelow(org, "east"))
	require.Equal(t, []string{"ann", "bea", "ben"}, d.UsersBelow(org, "board"))
	require.Equal(t, []string{"ann", "bea"}, d.UsersIn(org, "east1"))
	require.Equal(t, []string{org}, d.Organizations())

	o, ok := d.Organization(org)
	require.True(t, ok)
	require.Equal(t, "Europe/Berlin", o.Location().String())
	require.Equal(t, time.UTC, authz.Organization{TimeZone: "Nowhere/Atall"}.Location())
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	inactive := user("ina", "east1", "admin")
	inactive.GetUser().Active = false
	tests := []struct {
		name string
		who  string
		want *apperr.Error
	}{
		{"a granted action passes", "ann", nil},
		{"an action nobody granted is refused", "ben", authz.ErrNotPermitted},
		{"a deactivated user is refused whatever the roles", "ina", authz.ErrUserInactive},
		{"a user the directory does not know is refused", "nobody", authz.ErrUserUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := company(user("ann", "east1", "own"), user("ben", "east1"), inactive)
				_, err := d.Authorize(t.Context(), authn.Principal{OrganizationID: org, UserID: tt.who}, "deal", view)
				if tt.want == nil {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, tt.want)
			})
		})
	}
}

func TestNotPermittedNamesKindAndAction(t *testing.T) {
	t.Parallel()
	var e *apperr.Error
	require.ErrorAs(t, authz.NotPermitted("deal", edit), &e)
	require.Equal(t, map[string]string{"kind": "deal", "action": "update"}, e.Meta)
	require.Contains(t, e.Msg, "update a deal")
}

// Somebody just invited may be faster than the topic.
func TestNewcomersAreWaitedFor(t *testing.T) {
	t.Parallel()
	who := authn.Principal{OrganizationID: org, UserID: "new"}

	t.Run("the entry arrives in time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := company()
			go func() {
				time.Sleep(500 * time.Millisecond)
				d.Apply(user("new", "", "fresh"))
				time.Sleep(500 * time.Millisecond)
				d.Apply(role("fresh", grant("deal", view, accessv1.Scope_SCOPE_ALL)))
			}()
			start := time.Now()
			s, err := d.Authorize(t.Context(), who, "deal", view)
			require.NoError(t, err)
			require.True(t, s.All())
			require.Equal(t, time.Second, time.Since(start))
		})
	})
	t.Run("it does not", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := company().Authorize(t.Context(), who, "deal", view)
			require.ErrorIs(t, err, authz.ErrUserUnknown)
			require.Equal(t, 2*time.Second, time.Since(start))
		})
	})
	t.Run("the directory is still being read", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, err := authz.NewDirectory().Authorize(t.Context(), who, "deal", view)
			var e *apperr.Error
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, authz.ErrNotReady)
			require.Positive(t, e.RetryAfter)
		})
	})
	t.Run("the caller goes away", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := company().Authorize(ctx, who, "deal", view)
			require.Error(t, err)
			require.Equal(t, 100*time.Millisecond, time.Since(start))
		})
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	d := company(user("hans", "board", "own", "below"), user("ann", "east1", "own"))
	e, err := d.Explain(org, "hans", "deal", view)
	require.NoError(t, err)
	require.Equal(t, accessv1.Scope_SCOPE_DEPARTMENT_AND_BELOW, e.Widest)
	require.Len(t, e.Granted, 2)
	require.Equal(t, "Role below", e.Granted[1].RoleName)
	require.Equal(t, []string{"board", "east", "east1", "east2", "west"}, e.Departments)
	require.Equal(t, e.Scope.Users(), d.Scope(org, "hans", "deal", view).Users())

	e, err = d.Explain(org, "ann", "lead", view)
	require.NoError(t, err)
	require.Empty(t, e.Granted)
	require.True(t, e.Scope.None())
	_, err = d.Explain(org, "nobody", "deal", view)
	require.ErrorIs(t, err, authz.ErrUserUnknown)
}

func TestScopeSQL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		scope authz.Scope
		sql   string
		args  []any
	}{
		{"all", authz.All(), "TRUE", []any{"x"}},
		{"none", authz.None(), "FALSE", []any{"x"}},
		{"nobody is none", authz.Of(), "FALSE", []any{"x"}},
		{"one user", authz.Of("ann", "ann"), "d.responsible_id = $2", []any{"x", "ann"}},
		{"several users", authz.Of("ben", "ann"), "d.responsible_id = ANY($2::uuid[])", []any{"x", []string{"ann", "ben"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := []any{"x"}
			require.Equal(t, tt.sql, tt.scope.SQL("d.responsible_id", &args))
			require.Equal(t, tt.args, args)
		})
	}
}

func TestScopeAllows(t *testing.T) {
	t.Parallel()
	require.True(t, authz.All().Allows(""))
	require.False(t, authz.None().Allows("ann"))
	require.True(t, authz.Of("ann").Allows("ann"))
	require.False(t, authz.Of("ann").Allows(""), "a record without a responsible user is for those who reach all")
	require.True(t, authz.Of("ann", "ben").Allows("ben"))
	require.False(t, authz.Of("ann", "ben").Allows("cara"))
	require.Equal(t, []string{"ben"}, authz.Of("ann", "ben").And(authz.Of("ben", "cara")).Users())
	require.Equal(t, []string{"ben"}, authz.All().And(authz.Of("ben")).Users())
	require.True(t, authz.Of("ann").And(authz.Of("ben")).None())
}

func TestForUsesTheCallersPrincipal(t *testing.T) {
	t.Parallel()
	d := company(user("ann", "east1", "own"))
	ctx := authn.With(t.Context(), authn.Principal{OrganizationID: org, UserID: "ann", Service: "reporting"})
	require.True(t, authz.For(ctx, "deal", view).None(), "no directory, no rights")
	ctx = authz.With(ctx, d, authz.None())
	require.Equal(t, []string{"ann"}, authz.For(ctx, "deal", view).Users())
	require.True(t, authz.For(ctx, "deal", edit).None())
	require.True(t, authz.For(authz.With(t.Context(), d, authz.All()), "deal", view).None(), "no caller, no rights")
}

func BenchmarkAuthorize(b *testing.B) {
	d := company(user("ann", "east1", "dept"), user("ben", "east1", "own"))
	p := authn.Principal{OrganizationID: org, UserID: "ann"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Authorize(b.Context(), p, "deal", view); err != nil {
			b.Fatal(err)
		}
	}
}
