// Package export serves lists as files: GET /v1/{kind}s:export.
package export

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/gateway/internal/rest"
)

// Handler passes exports on, part by part. When the client goes away the service stops reading the list.
type Handler struct {
	Contacts contactsv1.ExportServiceClient
	Audit    identityv1.AuditServiceClient
	Deals    dealsv1.ExportServiceClient
	Catalog  catalogv1.ExportServiceClient
}

// ServeContacts answers GET /v1/contacts:export.
func (h *Handler) ServeContacts(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	serve(w, r, func(list *typev1.ExportList) (func() (*typev1.ExportPart, error), error) {
		s, err := h.Contacts.ExportContacts(authn.Outgoing(r.Context()), &contactsv1.ExportContactsRequest{List: list})
		return parts(s, (*contactsv1.ExportContactsResponse).GetPart), err
	})
}

// ServeCompanies answers GET /v1/companies:export.
func (h *Handler) ServeCompanies(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	serve(w, r, func(list *typev1.ExportList) (func() (*typev1.ExportPart, error), error) {
		s, err := h.Contacts.ExportCompanies(authn.Outgoing(r.Context()), &contactsv1.ExportCompaniesRequest{List: list})
		return parts(s, (*contactsv1.ExportCompaniesResponse).GetPart), err
	})
}

// ServeLeads answers GET /v1/leads:export.
func (h *Handler) ServeLeads(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	serve(w, r, func(list *typev1.ExportList) (func() (*typev1.ExportPart, error), error) {
		s, err := h.Contacts.ExportLeads(authn.Outgoing(r.Context()), &contactsv1.ExportLeadsRequest{List: list})
		return parts(s, (*contactsv1.ExportLeadsResponse).GetPart), err
	})
}

// ServeDeals answers GET /v1/deals:export.
func (h *Handler) ServeDeals(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	serve(w, r, func(list *typev1.ExportList) (func() (*typev1.ExportPart, error), error) {
		s, err := h.Deals.ExportDeals(authn.Outgoing(r.Context()), &dealsv1.ExportDealsRequest{List: list})
		return parts(s, (*dealsv1.ExportDealsResponse).GetPart), err
	})
}

// ServeProducts answers GET /v1/products:export.
func (h *Handler) ServeProducts(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	serve(w, r, func(list *typev1.ExportList) (func() (*typev1.ExportPart, error), error) {
		s, err := h.Catalog.ExportProducts(authn.Outgoing(r.Context()), &catalogv1.ExportProductsRequest{List: list})
		return parts(s, (*catalogv1.ExportProductsResponse).GetPart), err
	})
}

// ServeAudit answers GET /v1/audit-entries:export.
func (h *Handler) ServeAudit(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	serve(w, r, func(list *typev1.ExportList) (func() (*typev1.ExportPart, error), error) {
		s, err := h.Audit.ExportAuditEntries(authn.Outgoing(r.Context()), &identityv1.ExportAuditEntriesRequest{List: list})
		return parts(s, (*identityv1.ExportAuditEntriesResponse).GetPart), err
	})
}

// parts returns one part after the other of a stream.
func parts[M any](s grpc.ServerStreamingClient[M], part func(*M) *typev1.ExportPart) func() (*typev1.ExportPart, error) {
	return func() (*typev1.ExportPart, error) {
		m, err := s.Recv()
		if err != nil {
			return nil, err
		}
		return part(m), nil
	}
}

func serve(w http.ResponseWriter, r *http.Request, open func(*typev1.ExportList) (func() (*typev1.ExportPart, error), error)) {
	list, err := query(r.URL.Query())
	if err != nil {
		rest.WriteError(w, r, err)
		return
	}
	next, err := open(list)
	if err != nil {
		rest.WriteError(w, r, err)
		return
	}
	first, err := next()
	if err != nil {
		rest.WriteError(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", first.GetContentType())
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": first.GetName()}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-store")
	for {
		p, err := next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			// The head has gone out. Breaking the connection is the only way left to say that the file is not whole.
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write(p.GetData()); err != nil {
			return // the client has gone
		}
	}
}

// query reads what is asked for; names are those of JSON, columns are separated by commas or repeated.
func query(q url.Values) (*typev1.ExportList, error) {
	list := &typev1.ExportList{Filter: q.Get("filter"), OrderBy: q.Get("orderBy"), Delimiter: q.Get("delimiter")}
	for _, c := range q["columns"] {
		for _, name := range strings.Split(c, ",") {
			if name = strings.TrimSpace(name); name != "" {
				list.Columns = append(list.Columns, name)
			}
		}
	}
	switch f := strings.ToLower(q.Get("format")); f {
	case "", "csv":
	case "xlsx":
		list.Format = typev1.ExportFormat_EXPORT_FORMAT_XLSX
	case "vcard", "vcf":
		list.Format = typev1.ExportFormat_EXPORT_FORMAT_VCARD
	default:
		return nil, apperr.Invalid(apperr.ReasonInvalidArgument, "format is csv, xlsx or vcard")
	}
	for name, to := range map[string]*bool{"showDeleted": &list.ShowDeleted, "byteOrderMark": &list.ByteOrderMark} {
		v := q.Get(name)
		if v == "" {
			continue
		}
		b, err := strconv.ParseBool(v)
		if err != nil {
			return nil, apperr.Invalid(apperr.ReasonInvalidArgument, name+" is true or false").Because(err)
		}
		*to = b
	}
	return list, nil
}
