package api

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/store"
)

type roles struct {
	identityv1.UnimplementedRolesServiceServer
	*Core
}

// roleFields are what UpdateRole changes.
func roleFields() []string { return []string{"name", "description", "grants", "fields"} }

// answer turns a role, or the answer of a repeated request, into a message.
func (s *roles) answer(ctx context.Context, r *role.Role, err error) (*identityv1.Role, error) {
	if err == nil {
		return publish.Role(r), nil
	}
	if m, ok := s.Store.Replayed(ctx, authn.MustFrom(ctx).OrganizationID, err); ok {
		if p, ok := m.(*identityv1.Role); ok {
			return p, nil
		}
	}
	return nil, err
}

// CreateRole makes a role.
func (s *roles) CreateRole(ctx context.Context, req *identityv1.CreateRoleRequest) (*identityv1.CreateRoleResponse, error) {
	who := authn.MustFrom(ctx)
	r := &role.Role{}
	publish.FillRole(r, req.GetRole())
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if err := s.Store.MayGive(ctx, who.OrganizationID, who.UserID, r); err != nil {
		return nil, err
	}
	r, err := s.Store.CreateRole(ctx, who.OrganizationID, r)
	p, err := s.answer(ctx, r, err)
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateRoleResponse{Role: p}, nil
}

// UpdateRole changes fields of a role.
func (s *roles) UpdateRole(ctx context.Context, req *identityv1.UpdateRoleRequest) (*identityv1.UpdateRoleResponse, error) {
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetRole(), roleFields()...)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetRole().GetEtag())
	if err != nil {
		return nil, err
	}
	who := authn.MustFrom(ctx)
	r, err := s.Store.UpdateRole(ctx, who.OrganizationID, req.GetId(), version, func(r *role.Role) (*role.Updated, error) {
		ev, err := r.Change(func(r *role.Role) {
			dst := publish.Role(r)
			mask.Apply(dst, req.GetRole())
			publish.FillRole(r, dst)
		})
		if ev == nil || err != nil {
			return nil, err
		}
		return ev, s.Store.MayGive(ctx, who.OrganizationID, who.UserID, &ev.Previous, &ev.Role)
	})
	p, err := s.answer(ctx, r, err)
	if err != nil {
		return nil, err
	}
	return &identityv1.UpdateRoleResponse{Role: p}, nil
}

// DeleteRole removes a role that nobody has.
func (s *roles) DeleteRole(ctx context.Context, req *identityv1.DeleteRoleRequest) (*identityv1.DeleteRoleResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	who := authn.MustFrom(ctx)
	r, err := s.Store.DeleteRole(ctx, who.OrganizationID, req.GetId(), version, func(r *role.Role) error {
		return s.Store.MayGive(ctx, who.OrganizationID, who.UserID, r)
	})
	p, err := s.answer(ctx, r, err)
	if err != nil {
		return nil, err
	}
	return &identityv1.DeleteRoleResponse{Role: p}, nil
}

// GetRole returns a role.
func (s *roles) GetRole(ctx context.Context, req *identityv1.GetRoleRequest) (*identityv1.GetRoleResponse, error) {
	r, err := s.Store.GetRole(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetRoleResponse{Role: publish.Role(r)}, nil
}

// ListRoles pages through the roles.
func (s *roles) ListRoles(ctx context.Context, req *identityv1.ListRolesRequest) (*identityv1.ListRolesResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	l, err := store.RoleSchema().List(req, org)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Store.ListRoles(ctx, org, l)
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListRolesResponse{NextPageToken: next}
	for _, r := range all {
		res.Roles = append(res.Roles, publish.Role(r))
	}
	return res, nil
}

// CountRoles counts roles.
func (s *roles) CountRoles(ctx context.Context, req *identityv1.CountRolesRequest) (*identityv1.CountRolesResponse, error) {
	l, err := store.RoleSchema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.CountRoles(ctx, authn.MustFrom(ctx).OrganizationID, l)
	if err != nil {
		return nil, err
	}
	return &identityv1.CountRolesResponse{Count: int32(n), More: more}, nil
}
