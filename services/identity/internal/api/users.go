package api

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/imports"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/store"
	"kontor.internal/services/identity/internal/user"
)

type users struct {
	identityv1.UnimplementedUsersServiceServer
	*Core
}

// fields of a user that UpdateUser changes.
func userFields() []string {
	return []string{
		"name", "phones", "sip_extension", "photo_file_id", "locale", "time_zone", "department_id", "role_ids", "working_hours",
		"external_ids",
	}
}

// CreateUser makes a user.
func (s *users) CreateUser(ctx context.Context, req *identityv1.CreateUserRequest) (*identityv1.CreateUserResponse, error) {
	who := authn.MustFrom(ctx)
	u := publish.FromUser(req.GetUser())
	*u = user.User{
		Name: strings.TrimSpace(u.Name), Phones: u.Phones, SIPExtension: u.SIPExtension, PhotoFileID: u.PhotoFileID,
		Locale: u.Locale, TimeZone: u.TimeZone, DepartmentID: u.DepartmentID, RoleIDs: u.RoleIDs, WorkingHours: u.WorkingHours,
		ExternalIDs: u.ExternalIDs,
	}
	var err error
	if u.Email, err = account.NormalizeEmail(req.GetUser().GetEmail()); err != nil {
		return nil, err
	}
	withE164(ctx, who.OrganizationID, u.Phones)
	if err := u.Validate(); err != nil {
		return nil, err
	}
	if err := s.Store.MayHandle(ctx, who.OrganizationID, who.UserID, u.RoleIDs...); err != nil {
		return nil, err
	}
	o, err := s.Store.GetSettings(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	out, err := s.Invited.CreateUser(ctx, who.OrganizationID, u, o.SMTP != nil)
	if p, ok := s.replayed(ctx, err); ok {
		return &identityv1.CreateUserResponse{User: p}, nil
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateUserResponse{User: s.message(ctx, out)}, nil
}

// replayed returns the user that a repeated request was answered with.
func (c *Core) replayed(ctx context.Context, err error) (*identityv1.User, bool) {
	if err == nil {
		return nil, false
	}
	org := authn.MustFrom(ctx).OrganizationID
	m, ok := c.Store.Replayed(ctx, org, err)
	if !ok {
		return nil, false
	}
	p, ok := m.(*identityv1.User)
	if !ok {
		return nil, false
	}
	// What an event does not carry is as it is now.
	if u, err := c.Store.GetUser(ctx, org, p.GetId()); err == nil {
		now := c.messages(ctx, org, []*user.User{u})[0]
		p.Invitation = now.GetInvitation()
		p.HeadId, p.CanSignIn, p.Presence, p.SecondFactor = now.GetHeadId(), now.GetCanSignIn(), now.GetPresence(), now.GetSecondFactor()
	}
	return p, true
}

// message is the answer for one user of the caller's organisation.
func (c *Core) message(ctx context.Context, u *user.User) *identityv1.User {
	return c.messages(ctx, authn.MustFrom(ctx).OrganizationID, []*user.User{u})[0]
}

func (c *Core) messages(ctx context.Context, org string, all []*user.User) []*identityv1.User {
	ids := make([]string, len(all))
	for i, u := range all {
		ids[i] = u.ID
	}
	away := c.Presence.Away(ctx, org, ids)
	now := c.Clock.Now()
	out := make([]*identityv1.User, len(all))
	for i, u := range all {
		u.Away = away[u.ID]
		out[i] = publish.User(u, now)
	}
	return out
}

// GetUser returns a user.
func (s *users) GetUser(ctx context.Context, req *identityv1.GetUserRequest) (*identityv1.GetUserResponse, error) {
	if !authz.ScopeFrom(ctx).Allows(req.GetId()) {
		return nil, user.ErrNotFound
	}
	u, err := s.Store.GetUser(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetUserResponse{User: s.message(ctx, u)}, nil
}

// ListUsers pages through the users.
func (s *users) ListUsers(ctx context.Context, req *identityv1.ListUsersRequest) (*identityv1.ListUsersResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	l, err := store.UserSchema().List(req, org)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Store.ListUsers(ctx, org, l, authz.ScopeFrom(ctx))
	if err != nil {
		return nil, err
	}
	return &identityv1.ListUsersResponse{Users: s.messages(ctx, org, all), NextPageToken: next}, nil
}

// filterOnly is a list request that only filters.
type filterOnly struct{ filter string }

func (f filterOnly) GetFilter() string  { return f.filter }
func (filterOnly) GetOrderBy() string   { return "" }
func (filterOnly) GetPageSize() int32   { return 0 }
func (filterOnly) GetPageToken() string { return "" }

// CountUsers counts users.
func (s *users) CountUsers(ctx context.Context, req *identityv1.CountUsersRequest) (*identityv1.CountUsersResponse, error) {
	l, err := store.UserSchema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.CountUsers(ctx, authn.MustFrom(ctx).OrganizationID, l, authz.ScopeFrom(ctx))
	if err != nil {
		return nil, err
	}
	return &identityv1.CountUsersResponse{Count: int32(n), More: more}, nil
}

// UpdateUser changes fields of a user.
func (s *users) UpdateUser(ctx context.Context, req *identityv1.UpdateUserRequest) (*identityv1.UpdateUserResponse, error) {
	if err := reachUser(ctx, req.GetId(), optionsv1.Action_ACTION_UPDATE); err != nil {
		return nil, err
	}
	u, err := s.change(ctx, req.GetId(), req.GetUser(), req.GetUpdateMask(), userFields())
	if err != nil {
		return nil, err
	}
	return &identityv1.UpdateUserResponse{User: u}, nil
}

// change takes over the fields of the mask that may be changed.
func (c *Core) change(ctx context.Context, id string, p *identityv1.User, fm *fieldmaskpb.FieldMask, allowed []string) (*identityv1.User, error) {
	who := authn.MustFrom(ctx)
	mask, err := aip.UpdateMask(fm, p, allowed...)
	if err != nil {
		return nil, err
	}
	etag, err := aip.Version(p.GetEtag())
	if err != nil {
		return nil, err
	}
	var held []string // the roles that were looked at, if roles change
	if mask.Has("role_ids") {
		before, err := c.Store.GetUser(ctx, who.OrganizationID, id)
		if err != nil {
			return nil, err
		}
		held = before.RoleIDs
		if err := c.Store.MayHandle(ctx, who.OrganizationID, who.UserID, difference(held, p.GetRoleIds())...); err != nil {
			return nil, err
		}
	}
	out, err := c.Store.UpdateUser(ctx, who.OrganizationID, id, etag, func(u *user.User) (user.Event, error) {
		if mask.Has("role_ids") && !slices.Equal(held, u.RoleIDs) {
			return nil, user.ErrStale // changed since we looked whether the caller may
		}
		return u.Change(func(u *user.User) { c.merge(ctx, who.OrganizationID, u, p, mask) })
	})
	if r, ok := c.replayed(ctx, err); ok {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return c.message(ctx, out), nil
}

// merge takes the fields of the mask over from p.
func (c *Core) merge(ctx context.Context, org string, u *user.User, p *identityv1.User, mask aip.Mask) {
	dst := publish.User(u, c.Clock.Now())
	mask.Apply(dst, p)
	n := publish.FromUser(dst)
	u.Name, u.Phones, u.SIPExtension, u.PhotoFileID = strings.TrimSpace(n.Name), n.Phones, n.SIPExtension, n.PhotoFileID
	u.Locale, u.TimeZone, u.DepartmentID, u.RoleIDs = n.Locale, n.TimeZone, n.DepartmentID, n.RoleIDs
	u.WorkingHours, u.ExternalIDs = n.WorkingHours, n.ExternalIDs
	if mask.Has("phones") {
		withE164(ctx, org, u.Phones)
	}
}

// difference is what is in one of the lists only.
func difference(a, b []string) []string {
	var out []string
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			out = append(out, x)
		}
	}
	return out
}

// DeactivateUser takes the right to sign in away, and hands the user's records over if there is a successor.
func (s *users) DeactivateUser(ctx context.Context, req *identityv1.DeactivateUserRequest) (*identityv1.DeactivateUserResponse, error) {
	leave := func(u *user.User) user.Event { return u.Deactivate(s.Clock.Now().UTC()) }
	if req.GetSuccessorId() != "" {
		return s.handOver(ctx, req, leave)
	}
	u, err := s.setActive(ctx, req.GetId(), req.GetEtag(), leave)
	if err != nil {
		return nil, err
	}
	return &identityv1.DeactivateUserResponse{User: u}, nil
}

// ActivateUser gives it back.
func (s *users) ActivateUser(ctx context.Context, req *identityv1.ActivateUserRequest) (*identityv1.ActivateUserResponse, error) {
	u, err := s.setActive(ctx, req.GetId(), req.GetEtag(), func(u *user.User) user.Event { return u.Activate() })
	if err != nil {
		return nil, err
	}
	return &identityv1.ActivateUserResponse{User: u}, nil
}

func (s *users) setActive(ctx context.Context, id, etag string, fn func(*user.User) user.Event) (*identityv1.User, error) {
	version, change, err := s.activation(ctx, id, etag, fn)
	if err != nil {
		return nil, err
	}
	out, err := s.Store.UpdateUser(ctx, authn.MustFrom(ctx).OrganizationID, id, version, change)
	if r, ok := s.replayed(ctx, err); ok {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return s.message(ctx, out), nil
}

// activation sees to it that the caller may activate and deactivate the user, and returns how to.
func (s *users) activation(ctx context.Context, id, etag string, fn func(*user.User) user.Event) (
	version int64, change func(*user.User) (user.Event, error), err error,
) {
	if err := reachUser(ctx, id, optionsv1.Action_ACTION_DELETE); err != nil {
		return 0, nil, err
	}
	if version, err = aip.Version(etag); err != nil {
		return 0, nil, err
	}
	before, err := s.mayHandle(ctx, id)
	if err != nil {
		return 0, nil, err
	}
	return version, func(u *user.User) (user.Event, error) {
		if !slices.Equal(before.RoleIDs, u.RoleIDs) {
			return nil, user.ErrStale // changed since we looked whether the caller may
		}
		return fn(u), nil
	}, nil
}

// mayHandle returns the user unless the user may do more than the caller.
func (s *users) mayHandle(ctx context.Context, id string) (*user.User, error) {
	who := authn.MustFrom(ctx)
	u, err := s.Store.GetUser(ctx, who.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	return u, s.Store.MayHandle(ctx, who.OrganizationID, who.UserID, u.RoleIDs...)
}

// SetUserPassword gives a user a password.
func (s *users) SetUserPassword(ctx context.Context, req *identityv1.SetUserPasswordRequest) (*identityv1.SetUserPasswordResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	if err := reachUser(ctx, req.GetId(), optionsv1.Action_ACTION_UPDATE); err != nil {
		return nil, err
	}
	u, err := s.mayHandle(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.Sessions.AdminSetPassword(ctx, org, u.ID, u.Name, req.GetPassword(), req.GetMustChange()); err != nil {
		return nil, err
	}
	if u, err = s.Store.GetUser(ctx, org, u.ID); err != nil {
		return nil, err
	}
	return &identityv1.SetUserPasswordResponse{User: s.message(ctx, u)}, nil
}

// ResetSecondFactor takes a user's second factor away.
func (s *users) ResetSecondFactor(ctx context.Context, req *identityv1.ResetSecondFactorRequest) (*identityv1.ResetSecondFactorResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	if err := reachUser(ctx, req.GetId(), optionsv1.Action_ACTION_UPDATE); err != nil {
		return nil, err
	}
	if _, err := s.mayHandle(ctx, req.GetId()); err != nil {
		return nil, err
	}
	if err := s.Sessions.ResetFactor(ctx, org, req.GetId()); err != nil {
		return nil, err
	}
	u, err := s.Store.GetUser(ctx, org, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.ResetSecondFactorResponse{User: s.message(ctx, u)}, nil
}

// LookupUsers finds users for imports.
func (s *users) LookupUsers(ctx context.Context, req *identityv1.LookupUsersRequest) (*identityv1.LookupUsersResponse, error) {
	scope := authz.ScopeFrom(ctx)
	terms := make([]store.Term, len(req.GetTerms()))
	for i, t := range req.GetTerms() {
		terms[i] = store.Term{
			Name: strings.ToLower(strings.TrimSpace(t.GetName())), Email: strings.ToLower(strings.TrimSpace(t.GetEmail())),
			Source: t.GetExternal().GetSource(), ExternalID: t.GetExternal().GetId(),
		}
	}
	found, err := s.Store.LookupUsers(ctx, authn.MustFrom(ctx).OrganizationID, terms)
	if err != nil {
		return nil, err
	}
	res := &identityv1.LookupUsersResponse{Matches: make([]*identityv1.UserMatch, len(found))}
	for i, m := range found {
		res.Matches[i] = &identityv1.UserMatch{Ambiguous: m.Ambiguous}
		if scope.Allows(m.ID) {
			res.Matches[i].Id = m.ID
		}
	}
	return res, nil
}

// PreviewUserImport shows what an import would do.
func (s *users) PreviewUserImport(ctx context.Context, req *identityv1.PreviewUserImportRequest) (*identityv1.PreviewUserImportResponse, error) {
	p, err := s.Imports.PreviewFor(ctx, "user", req)
	if err != nil {
		return nil, err
	}
	return &identityv1.PreviewUserImportResponse{Preview: p}, nil
}

// ImportUsers starts an import.
func (s *users) ImportUsers(ctx context.Context, req *identityv1.ImportUsersRequest) (*identityv1.ImportUsersResponse, error) {
	who := authn.MustFrom(ctx)
	opID, err := s.Imports.Start(ctx, imports.Request{
		Organization: who.OrganizationID, UserID: who.UserID, Kind: "user", FileID: req.GetFileId(), Mapping: req.GetMapping(),
		DryRun: req.GetDryRun(),
	})
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, who.OrganizationID, opID)
	if err != nil {
		return nil, err
	}
	return &identityv1.ImportUsersResponse{Operation: op}, nil
}
