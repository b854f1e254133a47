package publish

import (
	"net/netip"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/identity/internal/apikey"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/handover"
	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/serviceaccount"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/user"
)

// Time is the message of a time; nil for the zero time.
func Time(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// FromTime is the time of a message; the zero time for nil.
func FromTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// User is the message of a user. Its presence is as of now.
func User(u *user.User, now time.Time) *identityv1.User {
	p := &identityv1.User{
		Id: u.ID, Name: u.Name, Email: u.Email, SipExtension: u.SIPExtension, PhotoFileId: u.PhotoFileID, Locale: u.Locale,
		TimeZone: u.TimeZone, DepartmentId: u.DepartmentID, HeadId: u.HeadID, RoleIds: u.RoleIDs, Presence: presenceOf(u, now),
		Active: u.Active, CanSignIn: u.CanSignIn, SecondFactor: u.SecondFactor, Etag: aip.Etag(u.Version), CreateTime: Time(u.CreatedAt),
		UpdateTime: Time(u.UpdatedAt), DeactivateTime: Time(u.DeactivatedAt), WorkingHours: intervals(u.WorkingHours),
	}
	if i := u.Invitation; i != nil {
		p.Invitation = &identityv1.Invitation{
			CreateTime: Time(i.CreatedAt), ExpireTime: Time(i.ExpiresAt), SendTime: Time(i.SentAt), Failure: i.Failure,
		}
	}
	for _, ph := range u.Phones {
		p.Phones = append(p.Phones, &typev1.PhoneNumber{Number: ph.Number, E164: ph.E164, Kind: ph.Kind, Primary: ph.Primary})
	}
	for _, x := range u.ExternalIDs {
		p.ExternalIds = append(p.ExternalIds, &typev1.ExternalId{Source: x.Source, Id: x.ID})
	}
	return p
}

// FromUser is the user of a message. What only the server sets is taken over too: callers who must not set it clear it.
func FromUser(p *identityv1.User) *user.User {
	u := &user.User{
		ID: p.GetId(), Name: p.GetName(), Email: p.GetEmail(), SIPExtension: p.GetSipExtension(), PhotoFileID: p.GetPhotoFileId(),
		Locale: p.GetLocale(), TimeZone: p.GetTimeZone(), DepartmentID: p.GetDepartmentId(), RoleIDs: p.GetRoleIds(),
		WorkingHours: fromIntervals(p.GetWorkingHours()), Active: p.GetActive(),
		AbsentFrom: FromTime(p.GetPresence().GetAbsentFrom()), AbsentTo: FromTime(p.GetPresence().GetAbsentTo()),
		CreatedAt: FromTime(p.GetCreateTime()), UpdatedAt: FromTime(p.GetUpdateTime()), DeactivatedAt: FromTime(p.GetDeactivateTime()),
	}
	u.Version, _ = aip.Version(p.GetEtag())
	for _, ph := range p.GetPhones() {
		u.Phones = append(u.Phones, user.Phone{Number: ph.GetNumber(), E164: ph.GetE164(), Kind: ph.GetKind(), Primary: ph.GetPrimary()})
	}
	for _, x := range p.GetExternalIds() {
		u.ExternalIDs = append(u.ExternalIDs, user.ExternalID{Source: x.GetSource(), ID: x.GetId()})
	}
	return u
}

func presenceOf(u *user.User, now time.Time) *identityv1.Presence {
	p := &identityv1.Presence{State: identityv1.PresenceState_PRESENCE_STATE_AVAILABLE}
	if now.Before(u.AbsentTo) {
		p.AbsentFrom, p.AbsentTo = Time(u.AbsentFrom), Time(u.AbsentTo)
	}
	switch {
	case u.Absent(now):
		p.State = identityv1.PresenceState_PRESENCE_STATE_ABSENT
	case u.Away:
		p.State = identityv1.PresenceState_PRESENCE_STATE_AWAY
	}
	return p
}

func intervals(hours []user.Interval) []*identityv1.WorkingInterval {
	var out []*identityv1.WorkingInterval
	for _, h := range hours {
		out = append(out, &identityv1.WorkingInterval{Weekday: identityv1.Weekday(h.Weekday), Start: h.From, End: h.To})
	}
	return out
}

func fromIntervals(hours []*identityv1.WorkingInterval) []user.Interval {
	var out []user.Interval
	for _, h := range hours {
		out = append(out, user.Interval{Weekday: int(h.GetWeekday()), From: h.GetStart(), To: h.GetEnd()})
	}
	return out
}

// Department is the message of a department.
func Department(d *department.Department) *identityv1.Department {
	p := &identityv1.Department{
		Id: d.ID, Name: d.Name, ParentId: d.ParentID, HeadId: d.HeadID, Etag: aip.Etag(d.Version),
		CreateTime: Time(d.CreatedAt), UpdateTime: Time(d.UpdatedAt), DeleteTime: Time(d.DeletedAt),
	}
	for _, x := range d.ExternalIDs {
		p.ExternalIds = append(p.ExternalIds, &typev1.ExternalId{Source: x.Source, Id: x.ID})
	}
	return p
}

// FromDepartment is the department of a message.
func FromDepartment(p *identityv1.Department) *department.Department {
	d := &department.Department{
		ID: p.GetId(), Name: p.GetName(), ParentID: p.GetParentId(), HeadID: p.GetHeadId(), CreatedAt: FromTime(p.GetCreateTime()),
		UpdatedAt: FromTime(p.GetUpdateTime()), DeletedAt: FromTime(p.GetDeleteTime()),
	}
	d.Version, _ = aip.Version(p.GetEtag())
	for _, x := range p.GetExternalIds() {
		d.ExternalIDs = append(d.ExternalIDs, department.ExternalID{Source: x.GetSource(), ID: x.GetId()})
	}
	return d
}

// Role is the message of a role.
func Role(r *role.Role) *identityv1.Role {
	return &identityv1.Role{
		Id: r.ID, Name: r.Name, Code: r.Code, Description: r.Description, Grants: grants(r.Grants), Fields: fieldRules(r.Fields),
		Etag: aip.Etag(r.Version), CreateTime: Time(r.CreatedAt), UpdateTime: Time(r.UpdatedAt),
	}
}

// FillRole sets the fields of a role that a caller may set.
func FillRole(r *role.Role, p *identityv1.Role) {
	r.Name, r.Description = strings.TrimSpace(p.GetName()), strings.TrimSpace(p.GetDescription())
	r.Grants = make([]role.Grant, len(p.GetGrants()))
	for i, g := range p.GetGrants() {
		r.Grants[i] = role.Grant{Kind: g.GetKind(), Action: role.Action(g.GetAction()), Scope: role.Scope(g.GetScope())}
	}
	r.Fields = make([]role.FieldRule, len(p.GetFields()))
	for i, f := range p.GetFields() {
		r.Fields[i] = role.FieldRule{Kind: f.GetKind(), Field: f.GetField(), Access: role.Access(f.GetAccess())}
	}
}

func fieldRules(in []role.FieldRule) []*accessv1.DirectoryFieldRule {
	out := make([]*accessv1.DirectoryFieldRule, len(in))
	for i, f := range in {
		out[i] = &accessv1.DirectoryFieldRule{Kind: f.Kind, Field: f.Field, Access: accessv1.FieldAccess(f.Access)}
	}
	return out
}

func grants(in []role.Grant) []*accessv1.DirectoryGrant {
	out := make([]*accessv1.DirectoryGrant, len(in))
	for i, g := range in {
		out[i] = &accessv1.DirectoryGrant{Kind: g.Kind, Action: optionsv1.Action(g.Action), Scope: accessv1.Scope(g.Scope)}
	}
	return out
}

// ServiceAccount is the message of a service account.
func ServiceAccount(a *serviceaccount.ServiceAccount) *identityv1.ServiceAccount {
	return &identityv1.ServiceAccount{
		Id: a.ID, Name: a.Name, DepartmentId: a.DepartmentID, RoleIds: a.RoleIDs, Active: a.Active, Etag: aip.Etag(a.Version),
		CreateTime: Time(a.CreatedAt), UpdateTime: Time(a.UpdatedAt),
	}
}

// APIKey is the message of an API key, without its secret.
func APIKey(k *apikey.Key) *identityv1.ApiKey {
	return &identityv1.ApiKey{
		Id: k.ID, Name: k.Name, ServiceAccountId: k.ServiceAccountID, AllowedNetworks: Networks(k.Networks),
		ExpireTime: Time(k.ExpiresAt), RevokeTime: Time(k.RevokedAt), LastUseTime: Time(k.LastUsedAt),
		LastUseAddress: k.LastUsedAddress, CreateTime: Time(k.CreatedAt), CreateUserId: k.CreatedBy,
	}
}

// Networks are prefixes as text; a single address without its length.
func Networks(nets []netip.Prefix) []string {
	out := make([]string, len(nets))
	for i, n := range nets {
		if out[i] = n.String(); n.IsSingleIP() {
			out[i] = n.Addr().String()
		}
	}
	return out
}

// Session is the message of a session.
func Session(s *session.Session) *identityv1.Session {
	return &identityv1.Session{
		Id: s.ID, UserId: s.UserID, Address: s.Address, UserAgent: s.UserAgent, LastAddress: s.LastAddress,
		CreateTime: Time(s.CreatedAt), LastUseTime: Time(s.LastUsedAt), ExpireTime: Time(s.ExpiresAt),
		ProviderId: s.ProviderID,
	}
}

// Settings is the message of an organisation's settings, without secrets.
func Settings(s *organization.Settings) *identityv1.Settings {
	p := &identityv1.Settings{
		OrganizationId: s.ID, Name: s.Name, LogoFileId: s.LogoFileID, TimeZone: s.TimeZone, Language: s.Language,
		Country: s.Country, BaseCurrency: s.BaseCurrency, WeekStart: identityv1.Weekday(s.WeekStart),
		FiscalYearStartMonth: int32(s.FiscalYearStartMonth),
		WorkingCalendar:      &identityv1.WorkingCalendar{Hours: intervals(s.Calendar.Hours)},
		Modules:              s.Modules, Etag: aip.Etag(s.Version), UpdateTime: Time(s.UpdatedAt), Smtp: SMTP(s.SMTP),
		SecondFactor: &identityv1.SecondFactorPolicy{Required: s.SecondFactor.Required, RoleIds: s.SecondFactor.RoleIDs},
	}
	for _, h := range s.Calendar.Holidays {
		p.WorkingCalendar.Holidays = append(p.WorkingCalendar.Holidays, &identityv1.Holiday{
			Date: &date.Date{Year: int32(h.Year), Month: int32(h.Month), Day: int32(h.Day)}, Name: h.Name,
		})
	}
	return p
}

// SMTP is the message of a mail server, without its password; nil for none.
func SMTP(s *organization.SMTP) *identityv1.SmtpServer {
	if s == nil {
		return nil
	}
	return &identityv1.SmtpServer{
		Host: s.Host, Port: int32(s.Port), Security: identityv1.SmtpSecurity(s.Security), Username: s.Username,
		PasswordSet: s.PasswordSet, FromAddress: s.FromAddress, FromName: s.FromName,
	}
}

// FromSettings is the settings of a message.
func FromSettings(p *identityv1.Settings) *organization.Settings {
	s := &organization.Settings{
		ID: p.GetOrganizationId(), Name: p.GetName(), LogoFileID: p.GetLogoFileId(), TimeZone: p.GetTimeZone(),
		Language: p.GetLanguage(), Country: p.GetCountry(), BaseCurrency: p.GetBaseCurrency(), WeekStart: int(p.GetWeekStart()),
		FiscalYearStartMonth: int(p.GetFiscalYearStartMonth()), Modules: p.GetModules(), SMTP: FromSMTP(p.GetSmtp()),
		SecondFactor: organization.SecondFactor{
			Required: p.GetSecondFactor().GetRequired(), RoleIDs: p.GetSecondFactor().GetRoleIds(),
		},
		Calendar:  organization.Calendar{Hours: fromIntervals(p.GetWorkingCalendar().GetHours())},
		UpdatedAt: FromTime(p.GetUpdateTime()),
	}
	s.Version, _ = aip.Version(p.GetEtag())
	for _, h := range p.GetWorkingCalendar().GetHolidays() {
		d := h.GetDate()
		s.Calendar.Holidays = append(s.Calendar.Holidays, organization.Holiday{
			Year: int(d.GetYear()), Month: int(d.GetMonth()), Day: int(d.GetDay()), Name: h.GetName(),
		})
	}
	return s
}

// FromSMTP is the mail server of a message, with the password if one is given; nil for none.
func FromSMTP(p *identityv1.SmtpServer) *organization.SMTP {
	if p == nil {
		return nil
	}
	s := &organization.SMTP{
		Host: p.GetHost(), Port: int(p.GetPort()), Security: organization.Security(p.GetSecurity()), Username: p.GetUsername(),
		Password: p.GetPassword(), FromAddress: p.GetFromAddress(), FromName: p.GetFromName(),
	}
	if s.Security == 0 {
		s.Security = organization.StartTLS
	}
	return s
}

// Handover turns a handover into a message.
func Handover(h *handover.Handover) *identityv1.Handover {
	return &identityv1.Handover{
		Id: h.ID, UserId: h.UserID, SuccessorId: h.SuccessorID, State: identityv1.HandoverState(h.State),
		Moved: h.Moved, Left: h.Left, Returned: h.Returned, Kept: h.Kept, OperationId: "identity." + h.OperationID,
		CreatorId: h.CreatorID, CreateTime: Time(h.CreatedAt), RevertibleUntil: Time(h.RevertibleUntil()),
	}
}

// HandoverRecord turns a record of a handover into a message.
func HandoverRecord(r handover.Record) *identityv1.HandoverRecord {
	return &identityv1.HandoverRecord{
		Kind: r.Kind, RecordId: r.ID, Name: r.Name, State: identityv1.HandoverRecordState(r.Fate), Reason: r.Reason,
	}
}
