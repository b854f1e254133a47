package api

import (
	"context"
	"slices"
	"strings"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/serviceaccount"
	"kontor.internal/services/identity/internal/store"
)

type serviceAccounts struct {
	identityv1.UnimplementedServiceAccountsServiceServer
	*Core
}

// answer turns a service account, or the answer of a repeated request, into a message.
func (s *serviceAccounts) answer(ctx context.Context, a *serviceaccount.ServiceAccount, err error) (*identityv1.ServiceAccount, error) {
	if err == nil {
		return publish.ServiceAccount(a), nil
	}
	if m, ok := s.Store.Replayed(ctx, authn.MustFrom(ctx).OrganizationID, err); ok {
		if p, ok := m.(*identityv1.ServiceAccount); ok {
			return p, nil
		}
	}
	return nil, err
}

// CreateServiceAccount makes a service account.
func (s *serviceAccounts) CreateServiceAccount(ctx context.Context, req *identityv1.CreateServiceAccountRequest) (*identityv1.CreateServiceAccountResponse, error) {
	who := authn.MustFrom(ctx)
	in := req.GetServiceAccount()
	a := &serviceaccount.ServiceAccount{Name: strings.TrimSpace(in.GetName()), DepartmentID: in.GetDepartmentId(), RoleIDs: in.GetRoleIds()}
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if err := s.Store.MayHandle(ctx, who.OrganizationID, who.UserID, a.RoleIDs...); err != nil {
		return nil, err
	}
	a, err := s.Store.CreateServiceAccount(ctx, who.OrganizationID, a)
	p, err := s.answer(ctx, a, err)
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateServiceAccountResponse{ServiceAccount: p}, nil
}

// GetServiceAccount returns a service account.
func (s *serviceAccounts) GetServiceAccount(ctx context.Context, req *identityv1.GetServiceAccountRequest) (*identityv1.GetServiceAccountResponse, error) {
	a, err := s.Store.GetServiceAccount(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetServiceAccountResponse{ServiceAccount: publish.ServiceAccount(a)}, nil
}

// ListServiceAccounts pages through the service accounts.
func (s *serviceAccounts) ListServiceAccounts(ctx context.Context, req *identityv1.ListServiceAccountsRequest) (*identityv1.ListServiceAccountsResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	l, err := store.ServiceAccountSchema().List(req, org)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Store.ListServiceAccounts(ctx, org, l)
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListServiceAccountsResponse{NextPageToken: next}
	for _, a := range all {
		res.ServiceAccounts = append(res.ServiceAccounts, publish.ServiceAccount(a))
	}
	return res, nil
}

// CountServiceAccounts counts service accounts.
func (s *serviceAccounts) CountServiceAccounts(ctx context.Context, req *identityv1.CountServiceAccountsRequest) (*identityv1.CountServiceAccountsResponse, error) {
	l, err := store.ServiceAccountSchema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.CountServiceAccounts(ctx, authn.MustFrom(ctx).OrganizationID, l)
	if err != nil {
		return nil, err
	}
	return &identityv1.CountServiceAccountsResponse{Count: int32(n), More: more}, nil
}

// UpdateServiceAccount changes fields of a service account.
func (s *serviceAccounts) UpdateServiceAccount(ctx context.Context, req *identityv1.UpdateServiceAccountRequest) (*identityv1.UpdateServiceAccountResponse, error) {
	who := authn.MustFrom(ctx)
	in := req.GetServiceAccount()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, "name", "department_id", "role_ids")
	if err != nil {
		return nil, err
	}
	before, err := s.Store.GetServiceAccount(ctx, who.OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	if mask.Has("role_ids") {
		if err := s.Store.MayHandle(ctx, who.OrganizationID, who.UserID, difference(before.RoleIDs, in.GetRoleIds())...); err != nil {
			return nil, err
		}
	}
	p, err := s.update(ctx, req.GetId(), in.GetEtag(), func(a *serviceaccount.ServiceAccount) (serviceaccount.Event, error) {
		if !slices.Equal(before.RoleIDs, a.RoleIDs) {
			return nil, serviceaccount.ErrStale // changed since we looked whether the caller may
		}
		return a.Change(func(a *serviceaccount.ServiceAccount) {
			dst := publish.ServiceAccount(a)
			mask.Apply(dst, in)
			a.Name, a.DepartmentID, a.RoleIDs = strings.TrimSpace(dst.GetName()), dst.GetDepartmentId(), dst.GetRoleIds()
		})
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.UpdateServiceAccountResponse{ServiceAccount: p}, nil
}

func (s *serviceAccounts) update(ctx context.Context, id, etag string,
	fn func(*serviceaccount.ServiceAccount) (serviceaccount.Event, error),
) (*identityv1.ServiceAccount, error) {
	version, err := aip.Version(etag)
	if err != nil {
		return nil, err
	}
	a, err := s.Store.UpdateServiceAccount(ctx, authn.MustFrom(ctx).OrganizationID, id, version, fn)
	return s.answer(ctx, a, err)
}

// DeleteServiceAccount takes a service account out of use.
func (s *serviceAccounts) DeleteServiceAccount(ctx context.Context, req *identityv1.DeleteServiceAccountRequest) (*identityv1.DeleteServiceAccountResponse, error) {
	p, err := s.update(ctx, req.GetId(), req.GetEtag(), func(a *serviceaccount.ServiceAccount) (serviceaccount.Event, error) {
		return a.Delete()
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.DeleteServiceAccountResponse{ServiceAccount: p}, nil
}
