// Package api is the gRPC face of the contacts service: it turns requests into calls of the use cases and records into
// messages. It decides nothing.
package api

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/history"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/operation"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// Server holds what the handlers of all services call.
type Server struct {
	Contacts   *contact.Contacts
	Companies  *company.Companies
	Leads      *lead.Leads
	LookUp     LookUp
	Searcher   Searcher
	Duplicates Duplicates
	Merges     Merges
	Directory  *authz.Directory
	Operations *operation.Store
	// CustomFields serves the definitions of all kinds.
	CustomFields customfields.Server
	// Exports is what exports need of the store.
	Exports Exporting
	// Import starts an import and returns the UUID of its operation.
	Import func(ctx context.Context, kind record.Kind, fileID, mapping string, dryRun bool) (string, error)
	// Bulk starts a bulk change and returns the UUID of its operation.
	Bulk func(ctx context.Context, req bulk.Request) (string, error)
	// Preview shows what an import would do.
	Preview func(ctx context.Context, kind string, call imports.PreviewCall) (*typev1.ImportPreview, error)
	// Undo takes an operation back and returns the UUID of the operation that does it.
	Undo  func(ctx context.Context, opID string) (string, error)
	Clock clock.Clock
}

// LookUp finds records by what is known of them.
type LookUp interface {
	Tags

	LookUpPoints(ctx context.Context, contacts, companies, leads record.Caller, points []reach.Point) ([]store.Match, error)
	LookUpContacts(ctx context.Context, c record.Caller, k store.Keys) ([]store.Hit, error)
	LookUpCompanies(ctx context.Context, c record.Caller, k store.Keys) ([]store.Hit, error)
}

// Register adds the services to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	contactsv1.RegisterContactsServiceServer(r, &contactsServer{Server: s})
	contactsv1.RegisterCompaniesServiceServer(r, &companiesServer{Server: s})
	contactsv1.RegisterLeadsServiceServer(r, &leadsServer{Server: s})
	contactsv1.RegisterDuplicatesServiceServer(r, &duplicatesServer{Server: s})
	contactsv1.RegisterMergesServiceServer(r, &mergesServer{Server: s})
	contactsv1.RegisterSettingsServiceServer(r, &settingsServer{Server: s})
	contactsv1.RegisterCustomFieldsServiceServer(r, customFieldsServer{Server: s.CustomFields})
	contactsv1.RegisterScreeningServiceServer(r, &screeningServer{Server: s})
	contactsv1.RegisterTagsServiceServer(r, &tagsServer{Server: s, store: s.LookUp})
	contactsv1.RegisterBulkServiceServer(r, &bulkServer{Server: s})
	contactsv1.RegisterSearchServiceServer(r, &searchServer{Server: s})
	contactsv1.RegisterExportServiceServer(r, &exportServer{Server: s, store: s.Exports})
	contactsv1.RegisterOperationsServiceServer(r, &operationsServer{operations: s.Operations, undo: s.Undo})
}

// caller is who asks, with the scopes of this call: of seeing records of the kind, and of what the method does.
func (s *Server) caller(ctx context.Context, kind record.Kind) record.Caller {
	c := s.viewer(ctx, kind)
	c.Act = authz.ScopeFrom(ctx)
	return c
}

// viewer is who asks, with the scope of seeing records of a kind that may be another than the method's.
func (s *Server) viewer(ctx context.Context, kind record.Kind) record.Caller {
	who := authn.MustFrom(ctx)
	return record.Caller{
		OrganizationID: who.OrganizationID, UserID: who.UserID, Zone: s.zone(who.OrganizationID),
		View: authz.For(ctx, string(kind), optionsv1.Action_ACTION_VIEW),
	}
}

// maker is who asks, with the scope of making records of a kind.
func (s *Server) maker(ctx context.Context, kind record.Kind) record.Caller {
	c := s.viewer(ctx, kind)
	c.Act = authz.For(ctx, string(kind), optionsv1.Action_ACTION_CREATE)
	return c
}

func (s *Server) zone(org string) *time.Location {
	o, _ := s.Directory.Organization(org)
	return o.Location()
}

// started answers with the operation of an import.
func (s *Server) started(ctx context.Context, kind record.Kind, fileID, mapping string, dryRun bool) (*operationv1.Operation, error) {
	id, err := s.Import(ctx, kind, fileID, mapping, dryRun)
	if err != nil {
		return nil, err
	}
	return s.Operations.Load(ctx, authn.MustFrom(ctx).OrganizationID, id)
}

// historian reads the events of a record that the caller may see.
type historian interface {
	History(ctx context.Context, who record.Caller, id string, before int64, limit int) ([]event.Event, error)
}

// past returns a page of what happened to a record that the caller may see.
func past(ctx context.Context, h historian, who record.Caller, req history.Request) ([]*typev1.HistoryEntry, string, error) {
	return history.Page(req, func(before int64, limit int) ([]event.Event, error) {
		return h.History(ctx, who, req.GetId(), before, limit)
	})
}

// customFieldsServer serves the CustomFieldsService of this context.
type customFieldsServer struct {
	contactsv1.UnsafeCustomFieldsServiceServer
	customfields.Server
}

// operationsServer serves the OperationsService of this context.
type operationsServer struct {
	contactsv1.UnimplementedOperationsServiceServer

	operations *operation.Store
	undo       func(ctx context.Context, opID string) (string, error)
}

// GetOperation see the contract.
func (s *operationsServer) GetOperation(ctx context.Context, req *operationv1.GetOperationRequest) (*operationv1.GetOperationResponse, error) {
	op, err := s.operations.Get(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &operationv1.GetOperationResponse{Operation: op}, nil
}

// CancelOperation see the contract.
func (s *operationsServer) CancelOperation(ctx context.Context, req *operationv1.CancelOperationRequest) (*operationv1.CancelOperationResponse, error) {
	op, err := s.operations.Cancel(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &operationv1.CancelOperationResponse{Operation: op}, nil
}
