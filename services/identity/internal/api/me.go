package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"kontor.internal/libs/authn"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/serviceaccount"
	"kontor.internal/services/identity/internal/user"
)

type me struct {
	identityv1.UnimplementedMeServiceServer
	*Core
}

// GetMe says who the caller is and what the caller may do.
func (s *me) GetMe(ctx context.Context, _ *identityv1.GetMeRequest) (*identityv1.GetMeResponse, error) {
	who := authn.MustFrom(ctx)
	res := &identityv1.GetMeResponse{}
	u, err := s.Store.GetUser(ctx, who.OrganizationID, who.UserID)
	switch {
	case errors.Is(err, user.ErrNotFound):
		a, err := s.Store.GetServiceAccount(ctx, who.OrganizationID, who.UserID)
		if errors.Is(err, serviceaccount.ErrNotFound) {
			return nil, user.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		res.ServiceAccount = true
		res.User = &identityv1.User{Id: a.ID, Name: a.Name, DepartmentId: a.DepartmentID, RoleIds: a.RoleIDs, Active: a.Active}
	case err != nil:
		return nil, err
	default:
		res.User = s.message(ctx, u)
	}
	own, err := s.Store.Roles(ctx, who.OrganizationID, res.GetUser().GetRoleIds())
	if err != nil {
		return nil, err
	}
	var grants []role.Grant
	for _, r := range own {
		res.Roles = append(res.Roles, publish.Role(r))
		grants = append(grants, r.Grants...)
	}
	res.Permissions = permissions(grants)
	for _, f := range role.Withheld(own) {
		if p := res.GetPermissions()[f.Kind]; p != nil {
			if p.Fields == nil {
				p.Fields = make(map[string]accessv1.FieldAccess)
			}
			p.Fields[f.Field] = accessv1.FieldAccess(f.Access)
		}
	}
	o, err := s.Store.GetSettings(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	o.SMTP = nil
	res.Settings = publish.Settings(o)
	return res, nil
}

// permissions spells out what grants come to, kind by kind and action by action.
func permissions(grants []role.Grant) map[string]*identityv1.Permissions {
	out := make(map[string]*identityv1.Permissions)
	kinds := role.Kinds()
	for _, g := range grants {
		if g.Kind != role.AnyKind {
			kinds = append(kinds, g.Kind)
		}
	}
	for _, k := range kinds {
		actions := make(map[string]accessv1.Scope)
		for _, a := range role.Actions() {
			if reach := role.Reach(grants, k, a); reach != role.None {
				name := strings.ToLower(strings.TrimPrefix(optionsv1.Action(a).String(), "ACTION_"))
				actions[name] = accessv1.Scope(reach)
			}
		}
		if len(actions) > 0 {
			out[k] = &identityv1.Permissions{Actions: actions}
		}
	}
	return out
}

// UpdateMe changes what users may change about themselves.
func (s *me) UpdateMe(ctx context.Context, req *identityv1.UpdateMeRequest) (*identityv1.UpdateMeResponse, error) {
	u, err := s.change(ctx, authn.MustFrom(ctx).UserID, req.GetUser(), req.GetUpdateMask(),
		[]string{"name", "phones", "photo_file_id", "locale", "time_zone", "working_hours"})
	if err != nil {
		return nil, err
	}
	return &identityv1.UpdateMeResponse{User: u}, nil
}

// ChangePassword gives the caller a new password.
func (s *me) ChangePassword(ctx context.Context, req *identityv1.ChangePasswordRequest) (*identityv1.ChangePasswordResponse, error) {
	who := authn.MustFrom(ctx)
	u, err := s.Store.GetUser(ctx, who.OrganizationID, who.UserID)
	if err != nil {
		return nil, err
	}
	err = s.Sessions.ChangePassword(ctx, who.OrganizationID, who.UserID, who.SessionID, u.Name, req.GetPassword(), req.GetNewPassword())
	if err != nil {
		return nil, err
	}
	return &identityv1.ChangePasswordResponse{}, nil
}

// setup is what an authenticator app needs.
func setup(x *account.Setup) *identityv1.SecondFactorSetup {
	return &identityv1.SecondFactorSetup{Secret: x.Secret, Uri: x.URI, QrPng: x.QR}
}

// BeginSecondFactor makes a secret.
func (s *me) BeginSecondFactor(ctx context.Context, req *identityv1.BeginSecondFactorRequest) (*identityv1.BeginSecondFactorResponse, error) {
	who := authn.MustFrom(ctx)
	x, err := s.Sessions.BeginFactor(ctx, who.OrganizationID, who.UserID, req.GetPassword())
	if err != nil {
		return nil, err
	}
	return &identityv1.BeginSecondFactorResponse{Setup: setup(x)}, nil
}

// ConfirmSecondFactor sets the second factor.
func (s *me) ConfirmSecondFactor(ctx context.Context, req *identityv1.ConfirmSecondFactorRequest) (*identityv1.ConfirmSecondFactorResponse, error) {
	who := authn.MustFrom(ctx)
	codes, err := s.Sessions.ConfirmFactor(ctx, who.OrganizationID, who.UserID, req.GetCode())
	if err != nil {
		return nil, err
	}
	return &identityv1.ConfirmSecondFactorResponse{RecoveryCodes: codes}, nil
}

// RemoveSecondFactor takes it away.
func (s *me) RemoveSecondFactor(ctx context.Context, req *identityv1.RemoveSecondFactorRequest) (*identityv1.RemoveSecondFactorResponse, error) {
	who := authn.MustFrom(ctx)
	if err := s.Sessions.RemoveFactor(ctx, who.OrganizationID, who.UserID, req.GetPassword(), req.GetCode()); err != nil {
		return nil, err
	}
	return &identityv1.RemoveSecondFactorResponse{}, nil
}

// SetPresence says whether the caller is there.
func (s *me) SetPresence(ctx context.Context, req *identityv1.SetPresenceRequest) (*identityv1.SetPresenceResponse, error) {
	who := authn.MustFrom(ctx)
	p := req.GetPresence()
	var from, to time.Time
	if p.GetState() == identityv1.PresenceState_PRESENCE_STATE_ABSENT {
		from, to = publish.FromTime(p.GetAbsentFrom()), publish.FromTime(p.GetAbsentTo())
		if from.IsZero() || !to.After(from) || !to.After(s.Clock.Now()) {
			return nil, user.ErrPresence
		}
	}
	if p.GetState() == identityv1.PresenceState_PRESENCE_STATE_UNSPECIFIED {
		return nil, user.ErrPresence.Saying("say available, away or absent")
	}
	u, err := s.Store.UpdateUser(ctx, who.OrganizationID, who.UserID, 0, func(u *user.User) (user.Event, error) {
		return u.Change(func(u *user.User) {
			u.AbsentFrom, u.AbsentTo = from.Truncate(time.Microsecond), to.Truncate(time.Microsecond)
		})
	})
	if err != nil {
		return nil, err
	}
	s.Presence.Set(ctx, who.OrganizationID, who.UserID, p.GetState() == identityv1.PresenceState_PRESENCE_STATE_AWAY)
	return &identityv1.SetPresenceResponse{Presence: s.message(ctx, u).GetPresence()}, nil
}
