// Package publish turns what has happened into events: those of identity's own topic and, for what every service must
// know, entries of the directory (kontor.access.v1). Both are written in the transaction of the change.
package publish

import (
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/event"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/apikey"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/handover"
	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/serviceaccount"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/user"
)

// Topic is identity's own.
const Topic = "kontor.identity.v1"

// Kinds of records in events.
const (
	KindUser           = "user"
	KindDepartment     = "department"
	KindRole           = "role"
	KindServiceAccount = "service_account"
	KindAPIKey         = "api_key"
	KindOrganization   = "organization"
	KindSession        = "session"
	KindHandover       = "handover"
	// directory goes before the kinds of directory entries: they are events beside those of the records themselves and
	// have histories of their own.
	directory = "directory."
)

// DirectoryKinds are the kinds of directory entries in the event table.
func DirectoryKinds() []string {
	return []string{directory + KindOrganization, directory + KindUser, directory + KindDepartment, directory + KindRole, kindEndedSessions}
}

// kindEndedSessions is the kind of the directory's entries of ended sessions; their record is the user.
const kindEndedSessions = directory + authz.KindEndedSessions

// EndedSessions is the directory entry that has the access tokens of a user's ended sessions refused. version counts the
// entries of the user.
func EndedSessions(org, userID string, version int64, sessions []string) event.Event {
	return event.New(authz.Topic, kindEndedSessions, userID, version, &accessv1.DirectoryEntry{
		OrganizationId: org, Version: version,
		Entry: &accessv1.DirectoryEntry_EndedSessions{EndedSessions: &accessv1.DirectoryEndedSessions{
			UserId: userID, SessionIds: sessions,
		}},
	})
}

// Users turns what happened to a user into events.
func Users(org string, ev user.Event, now time.Time) []event.Event {
	switch e := ev.(type) {
	case user.Created:
		return userEvents(org, &e.User, event.New(Topic, KindUser, e.User.ID, e.User.Version,
			&identityv1.UserCreated{User: User(&e.User, now)}))
	case user.Updated:
		return userEvents(org, &e.User, event.New(Topic, KindUser, e.User.ID, e.User.Version, &identityv1.UserUpdated{
			User: User(&e.User, now), Previous: User(&e.Previous, now), UpdateMask: mask(e.Fields),
		}))
	case user.Deactivated:
		return userEvents(org, &e.User, event.New(Topic, KindUser, e.User.ID, e.User.Version,
			&identityv1.UserDeactivated{User: User(&e.User, now)}))
	case user.Activated:
		return userEvents(org, &e.User, event.New(Topic, KindUser, e.User.ID, e.User.Version,
			&identityv1.UserActivated{User: User(&e.User, now)}))
	case user.PasswordSet:
		return []event.Event{event.New(Topic, KindUser, e.User.ID, e.User.Version,
			&identityv1.UserPasswordSet{User: User(&e.User, now), ByAdministrator: e.ByAdministrator})}
	case user.IdentityChanged:
		return []event.Event{event.New(Topic, KindUser, e.User.ID, e.User.Version, &identityv1.UserExternalIdentityChanged{
			User: User(&e.User, now), Connected: e.Connected, ExternalIdentity: &identityv1.ExternalIdentity{
				ProviderId: e.ProviderID, Subject: e.Subject, Email: e.Email, CreateTime: Time(e.At), LastUseTime: Time(e.LastUsedAt),
			},
		})}
	case user.FactorChanged:
		return []event.Event{event.New(Topic, KindUser, e.User.ID, e.User.Version, &identityv1.UserSecondFactorChanged{
			User: User(&e.User, now), Enabled: e.Enabled, ByAdministrator: e.ByAdministrator,
		})}
	}
	return nil
}

func mask(fields []string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: fields} }

func userEvents(org string, u *user.User, ev event.Event) []event.Event {
	return []event.Event{ev, DirectoryUser(org, u)}
}

// DirectoryUser is the directory entry of a user.
func DirectoryUser(org string, u *user.User) event.Event {
	return event.New(authz.Topic, directory+KindUser, u.ID, u.Version, &accessv1.DirectoryEntry{
		OrganizationId: org, Version: u.Version,
		Entry: &accessv1.DirectoryEntry_User{User: &accessv1.DirectoryUser{
			Id: u.ID, Name: u.Name, Email: u.Email, DepartmentId: u.DepartmentID, RoleIds: u.RoleIDs, Active: u.Active,
		}},
	})
}

// Departments turns what happened to a department into events.
func Departments(org string, ev department.Event) []event.Event {
	var d department.Department
	var out event.Event
	switch e := ev.(type) {
	case department.Created:
		d = e.Department
		out = event.New(Topic, KindDepartment, d.ID, d.Version, &identityv1.DepartmentCreated{Department: Department(&d)})
	case department.Updated:
		d = e.Department
		out = event.New(Topic, KindDepartment, d.ID, d.Version, &identityv1.DepartmentUpdated{
			Department: Department(&d), Previous: Department(&e.Previous), UpdateMask: mask(e.Fields),
		})
	case department.Deleted:
		d = e.Department
		out = event.New(Topic, KindDepartment, d.ID, d.Version, &identityv1.DepartmentDeleted{Department: Department(&d)})
	case department.Restored:
		d = e.Department
		out = event.New(Topic, KindDepartment, d.ID, d.Version, &identityv1.DepartmentRestored{Department: Department(&d)})
	default:
		return nil
	}
	return []event.Event{out, event.New(authz.Topic, directory+KindDepartment, d.ID, d.Version, &accessv1.DirectoryEntry{
		OrganizationId: org, Version: d.Version, Deleted: !d.DeletedAt.IsZero(),
		Entry: &accessv1.DirectoryEntry_Department{Department: &accessv1.DirectoryDepartment{
			Id: d.ID, Name: d.Name, ParentId: d.ParentID, HeadId: d.HeadID,
		}},
	})}
}

// RoleCreated turns a new role into events.
func RoleCreated(org string, r *role.Role) []event.Event {
	return []event.Event{
		event.New(Topic, KindRole, r.ID, r.Version, &identityv1.RoleCreated{Role: Role(r)}),
		directoryRole(org, r),
	}
}

// RoleUpdated turns a changed role into events.
func RoleUpdated(org string, r, previous *role.Role) []event.Event {
	return []event.Event{
		event.New(Topic, KindRole, r.ID, r.Version, &identityv1.RoleUpdated{Role: Role(r), Previous: Role(previous)}),
		directoryRole(org, r),
	}
}

// RoleDeleted turns the end of a role into events; its version is one above the last.
func RoleDeleted(org string, r *role.Role) []event.Event {
	return []event.Event{
		event.New(Topic, KindRole, r.ID, r.Version, &identityv1.RoleDeleted{Role: Role(r)}),
		event.New(authz.Topic, directory+KindRole, r.ID, r.Version, &accessv1.DirectoryEntry{
			OrganizationId: org, Version: r.Version, Deleted: true,
			Entry: &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{Id: r.ID, Name: r.Name}},
		}),
	}
}

func directoryRole(org string, r *role.Role) event.Event {
	return event.New(authz.Topic, directory+KindRole, r.ID, r.Version, &accessv1.DirectoryEntry{
		OrganizationId: org, Version: r.Version,
		Entry: &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{
			Id: r.ID, Name: r.Name, Grants: grants(r.Grants), Fields: fieldRules(r.Fields),
		}},
	})
}

// ServiceAccounts turns what happened to a service account into events.
func ServiceAccounts(org string, ev serviceaccount.Event) []event.Event {
	var a serviceaccount.ServiceAccount
	var out event.Event
	switch e := ev.(type) {
	case serviceaccount.Created:
		a = e.ServiceAccount
		out = event.New(Topic, KindServiceAccount, a.ID, a.Version, &identityv1.ServiceAccountCreated{ServiceAccount: ServiceAccount(&a)})
	case serviceaccount.Updated:
		a = e.ServiceAccount
		out = event.New(Topic, KindServiceAccount, a.ID, a.Version, &identityv1.ServiceAccountUpdated{
			ServiceAccount: ServiceAccount(&a), Previous: ServiceAccount(&e.Previous), UpdateMask: mask(e.Fields),
		})
	case serviceaccount.Deleted:
		a = e.ServiceAccount
		out = event.New(Topic, KindServiceAccount, a.ID, a.Version, &identityv1.ServiceAccountDeleted{ServiceAccount: ServiceAccount(&a)})
	default:
		return nil
	}
	return []event.Event{out, event.New(authz.Topic, directory+KindUser, a.ID, a.Version, &accessv1.DirectoryEntry{
		OrganizationId: org, Version: a.Version,
		Entry: &accessv1.DirectoryEntry_User{User: &accessv1.DirectoryUser{
			Id: a.ID, Name: a.Name, DepartmentId: a.DepartmentID, RoleIds: a.RoleIDs, Active: a.Active, ServiceAccount: true,
		}},
	})}
}

// KeyCreated turns a new API key into an event.
func KeyCreated(k *apikey.Key) event.Event {
	return event.New(Topic, KindAPIKey, k.ID, k.Version, &identityv1.ApiKeyCreated{ApiKey: APIKey(k)})
}

// KeyRevoked turns a revoked API key into an event.
func KeyRevoked(k *apikey.Key) event.Event {
	return event.New(Topic, KindAPIKey, k.ID, k.Version, &identityv1.ApiKeyRevoked{ApiKey: APIKey(k)})
}

// OrganizationCreated turns a new organisation into events.
func OrganizationCreated(s *organization.Settings) []event.Event {
	return []event.Event{
		event.New(Topic, KindOrganization, s.ID, s.Version, &identityv1.OrganizationCreated{Settings: Settings(s)}),
		directoryOrganization(s),
	}
}

// SettingsUpdated turns changed settings into events.
func SettingsUpdated(e *organization.Updated) []event.Event {
	return []event.Event{
		event.New(Topic, KindOrganization, e.Settings.ID, e.Settings.Version, &identityv1.SettingsUpdated{
			Settings: Settings(&e.Settings), Previous: Settings(&e.Previous), UpdateMask: mask(e.Fields),
		}),
		directoryOrganization(&e.Settings),
	}
}

func directoryOrganization(s *organization.Settings) event.Event {
	return event.New(authz.Topic, directory+KindOrganization, s.ID, s.Version, &accessv1.DirectoryEntry{
		OrganizationId: s.ID, Version: s.Version,
		Entry: &accessv1.DirectoryEntry_Organization{Organization: &accessv1.DirectoryOrganization{
			Id: s.ID, Name: s.Name, TimeZone: s.TimeZone, BaseCurrency: s.BaseCurrency, Language: s.Language, Country: s.Country,
		}},
	})
}

// SessionStarted turns a sign-in into an event. Nobody is signed in yet, so it names its actor.
func SessionStarted(s *session.Session) event.Event {
	return event.New(Topic, KindSession, s.ID, s.Version, &identityv1.SessionStarted{Session: Session(s)}, event.Actor(s.UserID))
}

// SessionEnded turns the end of a session into an event.
func SessionEnded(s *session.Session, why session.EndReason, actor string) event.Event {
	var opts []event.Option
	if actor != "" {
		opts = append(opts, event.Actor(actor))
	}
	return event.New(Topic, KindSession, s.ID, s.Version,
		&identityv1.SessionEnded{Session: Session(s), Reason: identityv1.SessionEndReason(why)}, opts...)
}

// HandoverStarted says that a handover has begun.
func HandoverStarted(h *handover.Handover) event.Event {
	return event.New(Topic, KindHandover, h.ID, h.Version, &identityv1.HandoverStarted{Handover: Handover(h)})
}

// HandoverFinished says that a handover has ended, or what of its way back could be done.
func HandoverFinished(h *handover.Handover) event.Event {
	return event.New(Topic, KindHandover, h.ID, h.Version, &identityv1.HandoverFinished{Handover: Handover(h)}, event.Actor(h.ActorID))
}

// HandoverReverting says that a handover is on its way back.
func HandoverReverting(h *handover.Handover) event.Event {
	return event.New(Topic, KindHandover, h.ID, h.Version, &identityv1.HandoverReverting{Handover: Handover(h)})
}

// HandoverReverted says that the way back has ended.
func HandoverReverted(h *handover.Handover) event.Event {
	return event.New(Topic, KindHandover, h.ID, h.Version, &identityv1.HandoverReverted{Handover: Handover(h)}, event.Actor(h.ActorID))
}
