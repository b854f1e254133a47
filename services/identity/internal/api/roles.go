package api

import (
	"context"

	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/store"
)

type roles struct {
	identityv1.UnimplementedRolesServiceServer
	*Core
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
