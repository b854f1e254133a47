package api

import (
	"context"
	"strings"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/store"
)

type departments struct {
	identityv1.UnimplementedDepartmentsServiceServer
	*Core
}

// answer turns a department, or the answer of a repeated request, into a message.
func (s *departments) answer(ctx context.Context, d *department.Department, err error) (*identityv1.Department, error) {
	if err == nil {
		return publish.Department(d), nil
	}
	if m, ok := s.Store.Replayed(ctx, authn.MustFrom(ctx).OrganizationID, err); ok {
		if p, ok := m.(*identityv1.Department); ok {
			return p, nil
		}
	}
	return nil, err
}

// CreateDepartment makes a department.
func (s *departments) CreateDepartment(ctx context.Context, req *identityv1.CreateDepartmentRequest) (*identityv1.CreateDepartmentResponse, error) {
	in := publish.FromDepartment(req.GetDepartment())
	d := &department.Department{
		Name: strings.TrimSpace(in.Name), ParentID: in.ParentID, HeadID: in.HeadID, ExternalIDs: in.ExternalIDs,
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	d, err := s.Store.CreateDepartment(ctx, authn.MustFrom(ctx).OrganizationID, d)
	p, err := s.answer(ctx, d, err)
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateDepartmentResponse{Department: p}, nil
}

// GetDepartment returns a department.
func (s *departments) GetDepartment(ctx context.Context, req *identityv1.GetDepartmentRequest) (*identityv1.GetDepartmentResponse, error) {
	d, err := s.Store.GetDepartment(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetDepartmentResponse{Department: publish.Department(d)}, nil
}

// ListDepartments pages through the departments.
func (s *departments) ListDepartments(ctx context.Context, req *identityv1.ListDepartmentsRequest) (*identityv1.ListDepartmentsResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	bin := "live"
	if req.GetShowDeleted() {
		bin = "bin"
	}
	l, err := store.DepartmentSchema().List(req, org, bin)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Store.ListDepartments(ctx, org, l, req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListDepartmentsResponse{NextPageToken: next}
	for _, d := range all {
		res.Departments = append(res.Departments, publish.Department(d))
	}
	return res, nil
}

// CountDepartments counts departments.
func (s *departments) CountDepartments(ctx context.Context, req *identityv1.CountDepartmentsRequest) (*identityv1.CountDepartmentsResponse, error) {
	l, err := store.DepartmentSchema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.CountDepartments(ctx, authn.MustFrom(ctx).OrganizationID, l, req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	return &identityv1.CountDepartmentsResponse{Count: int32(n), More: more}, nil
}

// UpdateDepartment changes fields of a department.
func (s *departments) UpdateDepartment(ctx context.Context, req *identityv1.UpdateDepartmentRequest) (*identityv1.UpdateDepartmentResponse, error) {
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetDepartment(), "name", "parent_id", "head_id", "external_ids")
	if err != nil {
		return nil, err
	}
	p, err := s.update(ctx, req.GetId(), req.GetDepartment().GetEtag(), func(d *department.Department) (department.Event, error) {
		return d.Change(func(d *department.Department) {
			dst := publish.Department(d)
			mask.Apply(dst, req.GetDepartment())
			n := publish.FromDepartment(dst)
			d.Name, d.ParentID, d.HeadID, d.ExternalIDs = strings.TrimSpace(n.Name), n.ParentID, n.HeadID, n.ExternalIDs
		})
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.UpdateDepartmentResponse{Department: p}, nil
}

func (s *departments) update(ctx context.Context, id, etag string, fn func(*department.Department) (department.Event, error)) (*identityv1.Department, error) {
	version, err := aip.Version(etag)
	if err != nil {
		return nil, err
	}
	d, err := s.Store.UpdateDepartment(ctx, authn.MustFrom(ctx).OrganizationID, id, version, fn)
	return s.answer(ctx, d, err)
}

// DeleteDepartment puts a department into the bin.
func (s *departments) DeleteDepartment(ctx context.Context, req *identityv1.DeleteDepartmentRequest) (*identityv1.DeleteDepartmentResponse, error) {
	p, err := s.update(ctx, req.GetId(), req.GetEtag(), func(d *department.Department) (department.Event, error) {
		return d.Delete(s.Clock.Now().UTC())
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.DeleteDepartmentResponse{Department: p}, nil
}

// UndeleteDepartment takes a department out of the bin.
func (s *departments) UndeleteDepartment(ctx context.Context, req *identityv1.UndeleteDepartmentRequest) (*identityv1.UndeleteDepartmentResponse, error) {
	p, err := s.update(ctx, req.GetId(), req.GetEtag(), func(d *department.Department) (department.Event, error) {
		return d.Restore(s.Clock.Now().UTC())
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.UndeleteDepartmentResponse{Department: p}, nil
}
