package api

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/exports"
	"kontor.internal/libs/fieldrules"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// Exporting is what exports need of the store.
type Exporting interface {
	CompanyNames(ctx context.Context, c record.Caller, ids []string) (map[string]string, error)
	TellExport(ctx context.Context, c record.Caller, kind record.Kind, list *typev1.ExportList) error
}

// exportServer serves ExportService.
type exportServer struct {
	contactsv1.UnimplementedExportServiceServer
	*Server

	store Exporting
}

// ExportContacts see the contract.
func (s *exportServer) ExportContacts(req *contactsv1.ExportContactsRequest, to grpc.ServerStreamingServer[contactsv1.ExportContactsResponse]) error {
	return export(to.Context(), &exporting[contact.Contact, *contact.Contact]{
		exportServer: s, kind: record.Contact, book: s.Contacts, like: &contactsv1.Contact{},
		message: func(c *contact.Contact) proto.Message { return wire.Contact(c) },
		companies: func(c *contact.Contact) []string {
			ids := make([]string, len(c.Employments))
			for i, e := range c.Employments {
				ids[i] = e.CompanyID
			}
			return ids
		},
	}, req.GetList(), func(p *typev1.ExportPart) error { return to.Send(&contactsv1.ExportContactsResponse{Part: p}) })
}

// ExportCompanies see the contract.
func (s *exportServer) ExportCompanies(req *contactsv1.ExportCompaniesRequest, to grpc.ServerStreamingServer[contactsv1.ExportCompaniesResponse]) error {
	return export(to.Context(), &exporting[company.Company, *company.Company]{
		exportServer: s, kind: record.Company, book: s.Companies, like: &contactsv1.Company{},
		message:   func(c *company.Company) proto.Message { return wire.Company(c) },
		companies: func(c *company.Company) []string { return slices.DeleteFunc([]string{c.ParentID}, empty) },
	}, req.GetList(), func(p *typev1.ExportPart) error { return to.Send(&contactsv1.ExportCompaniesResponse{Part: p}) })
}

// ExportLeads see the contract.
func (s *exportServer) ExportLeads(req *contactsv1.ExportLeadsRequest, to grpc.ServerStreamingServer[contactsv1.ExportLeadsResponse]) error {
	return export(to.Context(), &exporting[lead.Lead, *lead.Lead]{
		exportServer: s, kind: record.Lead, book: &s.Leads.Book, like: &contactsv1.Lead{},
		message:   func(l *lead.Lead) proto.Message { return wire.Lead(l, s.Clock.Now()) },
		companies: func(*lead.Lead) []string { return nil },
	}, req.GetList(), func(p *typev1.ExportPart) error { return to.Send(&contactsv1.ExportLeadsResponse{Part: p}) })
}

func empty(s string) bool { return s == "" }

// exporting is an export of records of one kind.
type exporting[T any, P record.Entity[T]] struct {
	*exportServer

	kind    record.Kind
	book    *record.Book[T, P]
	like    proto.Message
	message func(*T) proto.Message
	// companies lists the companies that a record leads to.
	companies func(*T) []string
}

// export sends a list as a file.
func export[T any, P record.Entity[T]](
	ctx context.Context, e *exporting[T, P], list *typev1.ExportList, send func(*typev1.ExportPart) error,
) error {
	if list == nil {
		list = &typev1.ExportList{}
	}
	who := e.caller(ctx, e.kind)
	names, err := e.names(ctx, who.OrganizationID)
	if err != nil {
		return err
	}
	check, err := e.book.Checker(ctx, who.OrganizationID)
	if err != nil {
		return err
	}
	return exports.Send(exports.Request{
		Kind: string(e.kind), Like: e.like, Custom: check.Fields.ExportColumns(names.users), Names: names.of, Zone: who.Location(), List: list, Fields: fieldrules.From(ctx),
		Time: e.Clock.Now().In(who.Location()),
	}, exports.Source{
		Read:  func(p exports.Pages) ([]proto.Message, string, error) { return e.page(ctx, who, p, names) },
		Begin: func() error { return e.store.TellExport(ctx, who, e.kind, list) },
	}, send)
}

// page returns the records of a page that the caller may take along.
func (e *exporting[T, P]) page(ctx context.Context, who record.Caller, p exports.Pages, names *namesOf) ([]proto.Message, string, error) {
	// Rights may be taken away while a long list is sent.
	who.View = authz.For(ctx, string(e.kind), optionsv1.Action_ACTION_VIEW)
	who.Act = authz.For(ctx, string(e.kind), optionsv1.Action_ACTION_EXPORT)
	page, err := e.book.List(ctx, who, p)
	if err != nil {
		return nil, "", err
	}
	var ids []string
	for _, r := range page.Records {
		ids = append(ids, e.companies(r)...)
	}
	if names.companies, err = e.store.CompanyNames(ctx, e.viewer(ctx, record.Company), ids); err != nil {
		return nil, "", err
	}
	out := make([]proto.Message, 0, len(page.Records))
	for _, r := range page.Records {
		if m := P(r).Common(); who.CanSee(m) && who.CanAct(m) {
			out = append(out, e.message(r))
		}
	}
	return out, page.Next, nil
}

// namesOf is what people call what records lead to.
type namesOf struct {
	users               func(id string) string
	statuses, companies map[string]string
}

func (s *exportServer) names(ctx context.Context, org string) (*namesOf, error) {
	cfg, err := s.Leads.Config.Config(ctx, org)
	if err != nil {
		return nil, err
	}
	n := &namesOf{statuses: make(map[string]string, len(cfg.Statuses)), users: func(id string) string {
		u, _ := s.Directory.User(org, id)
		return u.Name
	}}
	for _, st := range cfg.Statuses {
		n.statuses[st.ID] = st.Name
	}
	return n, nil
}

func (n *namesOf) of(field, id string) string {
	name := ""
	switch field {
	case "responsible_id", "creator_id", "observer_ids":
		name = n.users(id)
	case "status_id":
		name = n.statuses[id]
	case "company_id", "parent_id":
		name = n.companies[id]
	}
	if name == "" {
		return id
	}
	return name
}
