package api

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/wire"
)

// settingsServer serves SettingsService.
type settingsServer struct {
	contactsv1.UnimplementedSettingsServiceServer
	*Server
}

// ListLeadStatuses see the contract.
func (s *settingsServer) ListLeadStatuses(
	ctx context.Context, _ *contactsv1.ListLeadStatusesRequest,
) (*contactsv1.ListLeadStatusesResponse, error) {
	cfg, err := s.Leads.Config.Config(ctx, authn.MustFrom(ctx).OrganizationID)
	if err != nil {
		return nil, err
	}
	return &contactsv1.ListLeadStatusesResponse{LeadStatuses: wire.Statuses(cfg)}, nil
}

// CreateLeadStatus see the contract.
func (s *settingsServer) CreateLeadStatus(
	ctx context.Context, req *contactsv1.CreateLeadStatusRequest,
) (*contactsv1.CreateLeadStatusResponse, error) {
	st, err := s.Leads.CreateStatus(ctx, authn.MustFrom(ctx).OrganizationID, wire.StatusFrom(req.GetLeadStatus()))
	if err != nil {
		return nil, err
	}
	return &contactsv1.CreateLeadStatusResponse{LeadStatus: wire.Status(st.Status, st.Position)}, nil
}

// UpdateLeadStatus see the contract.
func (s *settingsServer) UpdateLeadStatus(
	ctx context.Context, req *contactsv1.UpdateLeadStatusRequest,
) (*contactsv1.UpdateLeadStatusResponse, error) {
	in := req.GetLeadStatus()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, "name", "color", "retired")
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(in.GetEtag())
	if err != nil {
		return nil, err
	}
	st, err := s.Leads.UpdateStatus(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId(), version, func(cur lead.Status) lead.Status {
		m := wire.Status(cur, 0)
		mask.Apply(m, in)
		return wire.StatusFrom(m)
	})
	if err != nil {
		return nil, err
	}
	return &contactsv1.UpdateLeadStatusResponse{LeadStatus: wire.Status(st.Status, st.Position)}, nil
}

// ReorderLeadStatuses see the contract.
func (s *settingsServer) ReorderLeadStatuses(
	ctx context.Context, req *contactsv1.ReorderLeadStatusesRequest,
) (*contactsv1.ReorderLeadStatusesResponse, error) {
	cfg, err := s.Leads.ReorderStatuses(ctx, authn.MustFrom(ctx).OrganizationID, req.GetIds())
	if err != nil {
		return nil, err
	}
	return &contactsv1.ReorderLeadStatusesResponse{LeadStatuses: wire.Statuses(cfg)}, nil
}

// GetLeadSettings see the contract.
func (s *settingsServer) GetLeadSettings(
	ctx context.Context, _ *contactsv1.GetLeadSettingsRequest,
) (*contactsv1.GetLeadSettingsResponse, error) {
	cfg, err := s.Leads.Config.Config(ctx, authn.MustFrom(ctx).OrganizationID)
	if err != nil {
		return nil, err
	}
	return &contactsv1.GetLeadSettingsResponse{LeadSettings: wire.Settings(cfg)}, nil
}

// UpdateLeadSettings see the contract.
func (s *settingsServer) UpdateLeadSettings(
	ctx context.Context, req *contactsv1.UpdateLeadSettingsRequest,
) (*contactsv1.UpdateLeadSettingsResponse, error) {
	in := req.GetLeadSettings()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, "untouched_limit", "auto_conversion")
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(in.GetEtag())
	if err != nil {
		return nil, err
	}
	auto := wire.AutoFrom(in.GetAutoConversion())
	if mask.Has("auto_conversion") && auto.PipelineID != "" {
		if err := s.Leads.Deals.HasPipeline(ctx, auto.PipelineID); err != nil {
			return nil, err
		}
	}
	org := authn.MustFrom(ctx).OrganizationID
	cfg, err := s.Leads.SetSettings(ctx, org, version, func(cfg *lead.Config) {
		if mask.Has("untouched_limit") {
			cfg.UntouchedLimit = in.GetUntouchedLimit().AsDuration()
		}
		if mask.Has("auto_conversion") {
			cfg.Auto = auto
		}
	})
	if err != nil {
		return nil, err
	}
	return &contactsv1.UpdateLeadSettingsResponse{LeadSettings: wire.Settings(cfg)}, nil
}
