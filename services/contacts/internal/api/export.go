package api

import (
	"bufio"
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/exports"
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

// exportPage is how many records are read at a time.
const exportPage = 500

// pages asks for one page of a list after the other.
type pages struct {
	*typev1.ExportList

	token string
}

// GetPageSize see record.Query.
func (pages) GetPageSize() int32 { return exportPage }

// GetPageToken see record.Query.
func (p pages) GetPageToken() string { return p.token }

// export sends a list as a file. Nothing is kept: if we are killed, or the caller goes away, there is nothing left to tidy
// up, and the caller asks again.
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
	q := pages{ExportList: list}
	page, err := e.book.List(ctx, who, q) // tells of a filter that is none before anything is sent
	if err != nil {
		return err
	}
	parts := &sender{send: send}
	buf := bufio.NewWriterSize(parts, 64<<10)
	out, name, contentType, err := exports.New(buf, exports.Request{
		Kind: string(e.kind), Like: e.like, Custom: customKeys(check), Names: names.of, Zone: who.Location(), List: list, Time: e.Clock.Now().In(who.Location()),
	})
	if err != nil {
		return err
	}
	if err := e.store.TellExport(ctx, who, e.kind, list); err != nil {
		return err
	}
	if err := send(&typev1.ExportPart{Name: name, ContentType: contentType}); err != nil {
		return err
	}
	for {
		if err := e.page(ctx, who, page.Records, names, out); err != nil {
			return err
		}
		if page.Next == "" {
			break
		}
		q.token = page.Next
		if page, err = e.book.List(ctx, who, q); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return buf.Flush()
}

// page writes the records of a page that the caller may take along.
func (e *exporting[T, P]) page(ctx context.Context, who record.Caller, records []*T, names *namesOf, out exports.Writer) error {
	// Rights may be taken away while a long list is sent.
	who.View = authz.For(ctx, string(e.kind), optionsv1.Action_ACTION_VIEW)
	who.Act = authz.For(ctx, string(e.kind), optionsv1.Action_ACTION_EXPORT)
	var ids []string
	for _, r := range records {
		ids = append(ids, e.companies(r)...)
	}
	var err error
	if names.companies, err = e.store.CompanyNames(ctx, e.viewer(ctx, record.Company), ids); err != nil {
		return err
	}
	for _, r := range records {
		if m := P(r).Common(); !who.CanSee(m) || !who.CanAct(m) {
			continue
		}
		if err := out.Write(e.message(r)); err != nil {
			return err
		}
	}
	return nil
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

// customKeys are the keys of the organisation's fields.
func customKeys[T any](check record.Check[T]) []string {
	out := make([]string, len(check.Fields.Fields))
	for i, f := range check.Fields.Fields {
		out[i] = f.Def.GetKey()
	}
	return out
}

// sender sends what is written to it.
type sender struct {
	send func(*typev1.ExportPart) error
}

// Write see io.Writer.
func (s *sender) Write(p []byte) (int, error) {
	if err := s.send(&typev1.ExportPart{Data: slices.Clone(p)}); err != nil {
		return 0, err
	}
	return len(p), nil
}
