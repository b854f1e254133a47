package api

import (
	"context"

	"kontor.internal/libs/aip"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/section"
	"kontor.internal/services/catalog/internal/store"
)

// Sections serves SectionsService.
type Sections struct {
	catalogv1.UnimplementedSectionsServiceServer

	Sections *section.Service
	Store    *store.Sections
}

// CreateSection see the contract.
func (s *Sections) CreateSection(ctx context.Context, req *catalogv1.CreateSectionRequest) (*catalogv1.CreateSectionResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	draft, err := publish.ToSection(req.GetSection())
	if err != nil {
		return nil, err
	}
	sec, err := s.Sections.Create(ctx, org, draft, origin(ctx))
	if err != nil {
		return nil, err
	}
	return &catalogv1.CreateSectionResponse{Section: publish.Section(sec)}, nil
}

// GetSection see the contract.
func (s *Sections) GetSection(ctx context.Context, req *catalogv1.GetSectionRequest) (*catalogv1.GetSectionResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	sec, err := s.Sections.Get(ctx, org, req.GetId())
	if err != nil {
		return nil, err
	}
	return &catalogv1.GetSectionResponse{Section: publish.Section(sec)}, nil
}

// ListSections see the contract.
func (s *Sections) ListSections(ctx context.Context, req *catalogv1.ListSectionsRequest) (*catalogv1.ListSectionsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.List(ctx, org, req, req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.ListSectionsResponse{Sections: make([]*catalogv1.Section, len(list)), NextPageToken: next}
	for i, sec := range list {
		resp.Sections[i] = publish.Section(sec)
	}
	return resp, nil
}

// CountSections see the contract.
func (s *Sections) CountSections(ctx context.Context, req *catalogv1.CountSectionsRequest) (*catalogv1.CountSectionsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.Count(ctx, org, req.GetFilter(), req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	return &catalogv1.CountSectionsResponse{Count: n, More: more}, nil
}

// UpdateSection see the contract.
func (s *Sections) UpdateSection(ctx context.Context, req *catalogv1.UpdateSectionRequest) (*catalogv1.UpdateSectionResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetSection(), "name", "parent_id", "sort", "external_ids")
	if err != nil {
		return nil, err
	}
	in, err := publish.ToSection(req.GetSection())
	if err != nil {
		return nil, err
	}
	sec, err := s.Sections.Update(ctx, org, req.GetId(), in.Version, func(sec *section.Section) {
		if mask.Has("name") {
			sec.Name = in.Name
		}
		if mask.Has("parent_id") {
			sec.ParentID = in.ParentID
		}
		if mask.Has("sort") {
			sec.Sort = in.Sort
		}
		if mask.Has("external_ids") {
			sec.ExternalIDs = in.ExternalIDs
		}
	})
	if err != nil {
		return nil, err
	}
	return &catalogv1.UpdateSectionResponse{Section: publish.Section(sec)}, nil
}

// DeleteSection see the contract.
func (s *Sections) DeleteSection(ctx context.Context, req *catalogv1.DeleteSectionRequest) (*catalogv1.DeleteSectionResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	sec, err := s.Sections.Delete(ctx, org, req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &catalogv1.DeleteSectionResponse{Section: publish.Section(sec)}, nil
}

// UndeleteSection see the contract.
func (s *Sections) UndeleteSection(ctx context.Context, req *catalogv1.UndeleteSectionRequest) (*catalogv1.UndeleteSectionResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	sec, err := s.Sections.Undelete(ctx, org, req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &catalogv1.UndeleteSectionResponse{Section: publish.Section(sec)}, nil
}
