package api

import (
	"context"
	"encoding/base64"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/id"
	"kontor.internal/libs/operation"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	"kontor.internal/services/identity/internal/founding"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/user"
)

type organizations struct {
	identityv1.UnimplementedOrganizationsServiceServer
	*Core
}

// CreateOrganization makes an organisation.
func (s *organizations) CreateOrganization(ctx context.Context, req *identityv1.CreateOrganizationRequest) (*identityv1.CreateOrganizationResponse, error) {
	m, err := s.Founding.Create(ctx, founding.Order{
		Name: req.GetName(), TimeZone: req.GetTimeZone(), BaseCurrency: req.GetBaseCurrency(), Country: req.GetCountry(),
		Language: req.GetLanguage(), AdminEmail: req.GetAdminEmail(), AdminName: req.GetAdminName(),
		AdminPassword: req.GetAdminPassword(), Checked: true,
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateOrganizationResponse{
		Organization: &identityv1.Organization{
			Id: m.Settings.ID, Name: m.Settings.Name, CreateTime: publish.Time(m.Settings.CreatedAt),
		},
		Administrator:     publish.User(m.Administrator, s.Clock.Now()),
		GeneratedPassword: m.Password,
	}, nil
}

// ListOrganizations pages through the organisations.
func (s *organizations) ListOrganizations(ctx context.Context, req *identityv1.ListOrganizationsRequest) (*identityv1.ListOrganizationsResponse, error) {
	size := int(req.GetPageSize())
	if size == 0 {
		size = 50
	}
	size = min(size, 500)
	after := ""
	if t := req.GetPageToken(); t != "" {
		raw, err := base64.RawURLEncoding.DecodeString(t)
		if err != nil || !id.Valid(string(raw)) {
			return nil, aip.ErrPageToken
		}
		after = string(raw)
	}
	all, err := s.Store.ListOrganizations(ctx, after, size+1)
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListOrganizationsResponse{}
	if len(all) > size {
		all = all[:size]
		res.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(all[size-1].ID))
	}
	for _, o := range all {
		res.Organizations = append(res.Organizations, &identityv1.Organization{Id: o.ID, Name: o.Name, CreateTime: publish.Time(o.CreatedAt)})
	}
	return res, nil
}

type internal struct {
	identityv1.UnimplementedInternalServiceServer
	*Core
}

// IssueToken gives a service a token to act for a user.
func (s *internal) IssueToken(ctx context.Context, req *identityv1.IssueTokenRequest) (*identityv1.IssueTokenResponse, error) {
	active, err := s.Store.MemberActive(ctx, req.GetOrganizationId(), req.GetUserId())
	if err != nil {
		return nil, err
	}
	if !active {
		return nil, user.ErrNotFound
	}
	token, expires, err := s.Keys.Sign(ctx, authn.Principal{
		OrganizationID: req.GetOrganizationId(), UserID: req.GetUserId(), Service: req.GetService(),
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.IssueTokenResponse{AccessToken: token, ExpireTime: publish.Time(expires)}, nil
}

type operations struct {
	identityv1.UnimplementedOperationsServiceServer
	*Core
}

// GetOperation returns an operation.
func (s *operations) GetOperation(ctx context.Context, req *operationv1.GetOperationRequest) (*operationv1.GetOperationResponse, error) {
	op, err := s.Operations.Get(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &operationv1.GetOperationResponse{Operation: op}, nil
}

// CancelOperation asks an operation to stop.
func (s *operations) CancelOperation(ctx context.Context, req *operationv1.CancelOperationRequest) (*operationv1.CancelOperationResponse, error) {
	op, err := s.Operations.Cancel(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &operationv1.CancelOperationResponse{Operation: op}, nil
}

// UndoOperation see the contract. Users who were imported are deactivated, which is more than taking back.
func (s *operations) UndoOperation(ctx context.Context, req *operationv1.UndoOperationRequest) (*operationv1.UndoOperationResponse, error) {
	op, err := s.Operations.Get(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return nil, operation.ErrNotUndoable.With("kind", op.GetKind())
}
