package api

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
)

// CreatePipeline see the contract.
func (s *PipelinesServer) CreatePipeline(ctx context.Context, req *dealsv1.CreatePipelineRequest) (*dealsv1.CreatePipelineResponse, error) {
	p, err := s.Pipelines.Create(ctx, authn.MustFrom(ctx).OrganizationID, pipelineDraft(req.GetPipeline()), req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &dealsv1.CreatePipelineResponse{Pipeline: publish.Pipeline(p), Warnings: warnings(p)}, nil
}

func warnings(p *pipeline.Pipeline) []*dealsv1.PipelineWarning {
	var out []*dealsv1.PipelineWarning
	for _, w := range p.Warnings() {
		out = append(out, &dealsv1.PipelineWarning{Reason: w.Reason, Message: w.Message, StageIds: w.StageIDs})
	}
	return out
}

// GetPipeline see the contract.
func (s *PipelinesServer) GetPipeline(ctx context.Context, req *dealsv1.GetPipelineRequest) (*dealsv1.GetPipelineResponse, error) {
	p, err := s.Pipelines.GetAny(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &dealsv1.GetPipelineResponse{Pipeline: publish.Pipeline(p)}, nil
}

// ListPipelines see the contract.
func (s *PipelinesServer) ListPipelines(ctx context.Context, req *dealsv1.ListPipelinesRequest) (*dealsv1.ListPipelinesResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	list := func() ([]*pipeline.Pipeline, string, error) {
		return s.Store.List(ctx, org, zoneOf(s.Directory, org), req.GetShowDeleted(), req)
	}
	ps, next, err := list()
	if err == nil && len(ps) == 0 && !req.GetShowDeleted() && req.GetPageToken() == "" {
		// Nothing there, or nothing that fits: an organisation that has just been made gets its first pipeline.
		if err = s.Pipelines.EnsureReady(ctx, org); err == nil {
			ps, next, err = list()
		}
	}
	if err != nil {
		return nil, err
	}
	out := &dealsv1.ListPipelinesResponse{Pipelines: make([]*dealsv1.Pipeline, len(ps)), NextPageToken: next}
	for i, p := range ps {
		out.Pipelines[i] = publish.Pipeline(p)
	}
	return out, nil
}

// CountPipelines see the contract.
func (s *PipelinesServer) CountPipelines(ctx context.Context, req *dealsv1.CountPipelinesRequest) (*dealsv1.CountPipelinesResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	count := func() (int64, bool, error) {
		return s.Store.Count(ctx, org, zoneOf(s.Directory, org), req.GetShowDeleted(), req.GetFilter())
	}
	n, more, err := count()
	if err == nil && n == 0 && !req.GetShowDeleted() { // as in the list, with which it agrees
		if err = s.Pipelines.EnsureReady(ctx, org); err == nil {
			n, more, err = count()
		}
	}
	if err != nil {
		return nil, err
	}
	return &dealsv1.CountPipelinesResponse{Count: int32(n), More: more}, nil
}

// UpdatePipeline see the contract.
func (s *PipelinesServer) UpdatePipeline(ctx context.Context, req *dealsv1.UpdatePipelineRequest) (*dealsv1.UpdatePipelineResponse, error) {
	version, err := aip.Version(req.GetPipeline().GetEtag())
	if err != nil {
		return nil, err
	}
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetPipeline(), pipeline.Fields()...)
	if err != nil {
		return nil, err
	}
	p, moved, err := s.Pipelines.Update(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId(), version,
		pipelineDraft(req.GetPipeline()), topLevel(mask.Paths()), req.GetStageMapping(), req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &dealsv1.UpdatePipelineResponse{Pipeline: publish.Pipeline(p), Warnings: warnings(p), MovedDeals: moved}, nil
}

// DeletePipeline see the contract.
func (s *PipelinesServer) DeletePipeline(ctx context.Context, req *dealsv1.DeletePipelineRequest) (*dealsv1.DeletePipelineResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	p, moved, err := s.Pipelines.Delete(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId(), version, req.GetStageMapping())
	if err != nil {
		return nil, err
	}
	return &dealsv1.DeletePipelineResponse{Pipeline: publish.Pipeline(p), MovedDeals: moved}, nil
}

// UndeletePipeline see the contract.
func (s *PipelinesServer) UndeletePipeline(ctx context.Context, req *dealsv1.UndeletePipelineRequest) (*dealsv1.UndeletePipelineResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	p, err := s.Pipelines.Undelete(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &dealsv1.UndeletePipelineResponse{Pipeline: publish.Pipeline(p)}, nil
}
