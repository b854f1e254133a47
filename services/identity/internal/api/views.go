package api

import (
	"context"
	"errors"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/view"
)

type views struct {
	identityv1.UnimplementedViewsServiceServer
	*Core
}

// CreateView saves a view for the caller.
func (s *views) CreateView(ctx context.Context, req *identityv1.CreateViewRequest) (*identityv1.CreateViewResponse, error) {
	w := viewer(ctx)
	v := &view.View{ID: id.New(), OwnerID: w.UserID}
	publish.FillView(v, req.GetView())
	if err := admitted(w, &view.View{}, v); err != nil {
		return nil, err
	}
	err := s.Store.CreateView(ctx, w, v)
	if m, again := s.Store.Replayed(ctx, w.OrganizationID, err); again {
		p, ok := m.(*identityv1.View)
		if !ok {
			return nil, idem.ErrReused
		}
		p.Editable = true
		return &identityv1.CreateViewResponse{View: p}, nil
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateViewResponse{View: shown(w, v)}, nil
}

// GetView returns a view that is for the caller.
func (s *views) GetView(ctx context.Context, req *identityv1.GetViewRequest) (*identityv1.GetViewResponse, error) {
	w := viewer(ctx)
	v, err := s.one(ctx, w, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetViewResponse{View: shown(w, v)}, nil
}

func (s *views) one(ctx context.Context, w view.Viewer, id string) (*view.View, error) {
	all, err := s.Store.Views(ctx, w, "", id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, view.ErrNotFound
	}
	return all[0], nil
}

// ListViews returns the views of a list that are for the caller.
func (s *views) ListViews(ctx context.Context, req *identityv1.ListViewsRequest) (*identityv1.ListViewsResponse, error) {
	w := viewer(ctx)
	all, err := s.Store.Views(ctx, w, req.GetKind(), "")
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListViewsResponse{}
	for _, v := range all {
		res.Views = append(res.Views, shown(w, v))
	}
	return res, nil
}

// UpdateView changes a view.
func (s *views) UpdateView(ctx context.Context, req *identityv1.UpdateViewRequest) (*identityv1.UpdateViewResponse, error) {
	w := viewer(ctx)
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetView(),
		"name", "columns", "order_by", "filter", "audience", "department_id", "default_view")
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetView().GetEtag())
	if err != nil {
		return nil, err
	}
	v, err := s.Store.UpdateView(ctx, w, req.GetId(), version, func(v *view.View) ([]string, error) {
		before := *v
		p := publish.View(v)
		mask.Apply(p, req.GetView())
		publish.FillView(v, p)
		if v.Audience != view.Department && !mask.Has("department_id") {
			v.DepartmentID = ""
		}
		return mask.Paths(), admitted(w, &before, v)
	})
	var replay *idem.Replay
	if errors.As(err, &replay) { // a repeated change: the view as it is
		v, err = s.one(ctx, w, req.GetId())
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.UpdateViewResponse{View: shown(w, v)}, nil
}

// DeleteView deletes a view.
func (s *views) DeleteView(ctx context.Context, req *identityv1.DeleteViewRequest) (*identityv1.DeleteViewResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	err = s.Store.DeleteView(ctx, viewer(ctx), req.GetId(), version)
	var replay *idem.Replay
	if err != nil && !errors.As(err, &replay) {
		return nil, err
	}
	return &identityv1.DeleteViewResponse{}, nil
}

// admitted checks the change of before, which is empty for a new view, to v: that a department it comes to be for is one
// of the viewer's, for an administrator shares with any, and that the viewer decides what those lists open with.
func admitted(w view.Viewer, before, v *view.View) error {
	if err := v.Normalize(); err != nil {
		return err
	}
	if v.DepartmentID != "" && v.DepartmentID != before.DepartmentID && !w.Administrator && !w.In(v.DepartmentID) {
		return department.ErrNotFound
	}
	return w.Decide(before, v)
}

// viewer is the caller: the departments are those the caller is in or heads.
func viewer(ctx context.Context) view.Viewer {
	p := authn.MustFrom(ctx)
	w := view.Viewer{
		OrganizationID: p.OrganizationID, UserID: p.UserID,
		Administrator: authz.For(ctx, "settings", optionsv1.Action_ACTION_UPDATE).All(),
	}
	d := authz.DirectoryFrom(ctx)
	if d == nil {
		return w
	}
	if u, ok := d.User(p.OrganizationID, p.UserID); ok && u.DepartmentID != "" {
		w.Departments = append(w.Departments, u.DepartmentID)
	}
	for _, dep := range d.Departments(p.OrganizationID) {
		if dep.HeadID == p.UserID {
			w.Departments, w.Heads = append(w.Departments, dep.ID), append(w.Heads, dep.ID)
		}
	}
	return w
}

func shown(w view.Viewer, v *view.View) *identityv1.View {
	p := publish.View(v)
	p.Editable = w.Change(v, 0) == nil
	return p
}
