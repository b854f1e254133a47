// Package api is the gRPC face of deals: it turns requests into commands of the aggregates and queries of the store, and
// their results into messages. It decides nothing.
package api

import (
	"context"
	"time"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
)

// Server serves DealsService.
type Server struct {
	dealsv1.UnimplementedDealsServiceServer

	Deals     *deal.Service
	Pipelines *pipeline.Service
	Store     *store.Deals
	DB        *pg.DB
	Directory *authz.Directory
	Clock     clock.Clock
	// Preview shows what an import of deals would do.
	Preview func(ctx context.Context, call imports.PreviewCall) (*typev1.ImportPreview, error)
	// Import starts an import of deals and returns the UUID of its operation.
	Import     func(ctx context.Context, fileID, mapping string, dryRun bool) (string, error)
	Operations *operation.Store
}

// PipelinesServer serves PipelinesService.
type PipelinesServer struct {
	dealsv1.UnimplementedPipelinesServiceServer

	Pipelines *pipeline.Service
	Store     *store.Pipelines
	Directory *authz.Directory
}

// OperationsServer serves the OperationsService of this context.
type OperationsServer struct {
	dealsv1.UnimplementedOperationsServiceServer

	Operations *operation.Store
	// Undo starts the operation that takes another back and returns its UUID.
	Undo func(ctx context.Context, org, userID, opID string) (string, error)
}

// GetOperation see the contract.
func (s *OperationsServer) GetOperation(ctx context.Context, req *operationv1.GetOperationRequest) (*operationv1.GetOperationResponse, error) {
	op, err := s.Operations.Get(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &operationv1.GetOperationResponse{Operation: op}, nil
}

// CancelOperation see the contract.
func (s *OperationsServer) CancelOperation(ctx context.Context, req *operationv1.CancelOperationRequest) (*operationv1.CancelOperationResponse, error) {
	op, err := s.Operations.Cancel(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &operationv1.CancelOperationResponse{Operation: op}, nil
}

// UndoOperation see the contract.
func (s *OperationsServer) UndoOperation(ctx context.Context, req *operationv1.UndoOperationRequest) (*operationv1.UndoOperationResponse, error) {
	who := authn.MustFrom(ctx)
	id, err := s.Undo(ctx, who.OrganizationID, who.UserID, req.GetId())
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, who.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	return &operationv1.UndoOperationResponse{Operation: op}, nil
}

// caller is who asks, with the scopes of this call: to view, and to do what the method does.
func caller(ctx context.Context) deal.Caller {
	who := authn.MustFrom(ctx)
	return deal.Caller{
		OrganizationID: who.OrganizationID, UserID: who.UserID,
		View: authz.For(ctx, publish.KindDeal, optionsv1.Action_ACTION_VIEW),
		Act:  authz.ScopeFrom(ctx),
		// Contacts makes the deal of a lead that it converts, when what the deal is with has been settled there.
		FromContacts: who.Service == "contacts",
		MayUndercut:  !authz.For(ctx, "product", optionsv1.Action_ACTION_UPDATE).None(),
	}
}

// query is caller for reading, with the day it is in the organisation.
func (s *Server) query(ctx context.Context, deleted bool) store.Query {
	return s.Query(caller(ctx), deleted)
}

func zoneOf(d *authz.Directory, org string) *time.Location {
	o, _ := d.Organization(org)
	return o.Location()
}

func (s *Server) userName(org, id string) string {
	u, _ := s.Directory.User(org, id)
	return u.Name
}
