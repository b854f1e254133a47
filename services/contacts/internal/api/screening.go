package api

import (
	"context"
	"strings"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// screeningServer serves ScreeningService.
type screeningServer struct {
	contactsv1.UnimplementedScreeningServiceServer
	*Server
}

// HandOverLead see the contract.
func (s *screeningServer) HandOverLead(ctx context.Context, req *contactsv1.HandOverLeadRequest) (*contactsv1.HandOverLeadResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	user, department := strings.ToLower(req.GetUserId()), strings.ToLower(req.GetDepartmentId())
	if (user == "") == (department == "") {
		return nil, lead.ErrRecipient
	}
	if department != "" {
		org := authn.MustFrom(ctx).OrganizationID
		d, _ := s.Directory.Department(org, department)
		if head, ok := s.Directory.User(org, d.HeadID); !ok || !head.Active {
			return nil, lead.ErrNoHead
		}
		user = d.HeadID
	}
	l, err := s.Leads.HandOver(ctx, s.caller(ctx, record.Lead), req.GetId(), version, user, department)
	if err != nil {
		return nil, err
	}
	return &contactsv1.HandOverLeadResponse{Lead: wire.Lead(l, s.Clock.Now())}, nil
}
