package authz

import (
	"slices"
	"time"

	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// Topic is the compacted topic that the directory is read from.
const Topic = "kontor.directory.v1"

// Kinds of entries, as in the keys of the topic: "organisation/kind/id".
const (
	KindOrganization = "organization"
	KindUser         = "user"
	KindDepartment   = "department"
	KindRole         = "role"
	// KindEndedSessions has the user's ID for its own.
	KindEndedSessions = "ended_sessions"
)

// AnyKind in a grant stands for every kind of record.
const AnyKind = "*"

// Organization holds the settings that every service needs.
type Organization struct {
	ID, Name string
	// TimeZone is the IANA zone that days are reckoned in.
	TimeZone string
	// BaseCurrency is an ISO 4217 code.
	BaseCurrency string
	// Language is a BCP 47 tag.
	Language string
	// Country is an ISO 3166-1 code, by which phone numbers without a prefix are read.
	Country string

	location *time.Location
}

// Location is the zone that days are reckoned in; UTC if the setting names none that is known here.
func (o Organization) Location() *time.Location {
	if o.location == nil {
		return time.UTC
	}
	return o.location
}

// User is a member of an organisation, a person or a service account.
type User struct {
	ID, Name string
	// Email is empty for service accounts.
	Email string
	// DepartmentID is empty for a user in no department.
	DepartmentID string
	// RoleIDs must not be changed.
	RoleIDs []string
	// Active users may sign in and be given work.
	Active         bool
	ServiceAccount bool
}

// Department is a node in the tree of departments.
type Department struct {
	ID, Name string
	// ParentID is empty at the top.
	ParentID string
	// HeadID is the user who heads it; empty if nobody does.
	HeadID string
}

// Role is a set of grants.
type Role struct {
	ID, Name string
	// Grants must not be changed.
	Grants []Grant
	// Fields is what the role withholds of the records it grants; it must not be changed.
	Fields FieldRules
}

// FieldRules is what is withheld, by kind of record and field. What it does not name is not.
type FieldRules map[string]map[string]accessv1.FieldAccess

// Grant allows an action on a kind of record.
type Grant struct {
	// Kind is the record kind, or AnyKind.
	Kind string
	// Action is the action, or ACTION_UNSPECIFIED for every one.
	Action optionsv1.Action
	// Scope is how far it reaches.
	Scope accessv1.Scope
}

func (g Grant) matches(kind string, action optionsv1.Action) bool {
	return (g.Kind == AnyKind || g.Kind == kind) &&
		(g.Action == optionsv1.Action_ACTION_UNSPECIFIED || g.Action == action)
}

func organizationOf(p *accessv1.DirectoryOrganization) Organization {
	o := Organization{
		ID: p.GetId(), Name: p.GetName(), TimeZone: p.GetTimeZone(), BaseCurrency: p.GetBaseCurrency(),
		Language: p.GetLanguage(), Country: p.GetCountry(),
	}
	if l, err := time.LoadLocation(o.TimeZone); err == nil {
		o.location = l
	}
	return o
}

func userOf(p *accessv1.DirectoryUser) *User {
	return &User{
		ID: p.GetId(), Name: p.GetName(), Email: p.GetEmail(), DepartmentID: p.GetDepartmentId(),
		RoleIDs: slices.Clone(p.GetRoleIds()), Active: p.GetActive(), ServiceAccount: p.GetServiceAccount(),
	}
}

func departmentOf(p *accessv1.DirectoryDepartment) *Department {
	return &Department{ID: p.GetId(), Name: p.GetName(), ParentID: p.GetParentId(), HeadID: p.GetHeadId()}
}

func roleOf(p *accessv1.DirectoryRole) *Role {
	r := &Role{ID: p.GetId(), Name: p.GetName(), Grants: make([]Grant, len(p.GetGrants()))}
	for i, g := range p.GetGrants() {
		r.Grants[i] = Grant{Kind: g.GetKind(), Action: g.GetAction(), Scope: g.GetScope()}
	}
	for _, f := range p.GetFields() {
		if r.Fields == nil {
			r.Fields = make(FieldRules)
		}
		if r.Fields[f.GetKind()] == nil {
			r.Fields[f.GetKind()] = make(map[string]accessv1.FieldAccess)
		}
		r.Fields[f.GetKind()][f.GetField()] = f.GetAccess()
	}
	return r
}
