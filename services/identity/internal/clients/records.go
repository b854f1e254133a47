// Package clients talks to the services that identity calls.
package clients

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/identity/internal/handover"
)

// book makes a [handover.Book] of the calls of one service.
type book struct {
	kind   string
	open   func(ctx context.Context, userID string) (filter string, err error)
	count  func(ctx context.Context, filter string) (int64, error)
	list   func(ctx context.Context, filter, token string) ([]handover.Found, string, error)
	get    func(ctx context.Context, id string) (handover.Found, error)
	assign func(ctx context.Context, id, etag, userID, requestID string, mask *fieldmaskpb.FieldMask) (string, error)
}

const pageSize = 100

// Kind see [handover.Book.Kind].
func (b *book) Kind() string { return b.kind }

// Count see [handover.Book.Count].
func (b *book) Count(ctx context.Context, userID string) (int64, error) {
	filter, err := b.open(ctx, userID)
	if err != nil {
		return 0, err
	}
	return b.count(ctx, filter)
}

// Open see [handover.Book.Open].
func (b *book) Open(ctx context.Context, userID, token string) ([]handover.Found, string, error) {
	filter, err := b.open(ctx, userID)
	if err != nil {
		return nil, "", err
	}
	return b.list(ctx, filter, token)
}

// Get see [handover.Book.Get].
func (b *book) Get(ctx context.Context, id string) (handover.Found, error) { return b.get(ctx, id) }

// Assign see [handover.Book.Assign].
func (b *book) Assign(ctx context.Context, id, etag, userID, requestID string) (string, error) {
	return b.assign(ctx, id, etag, userID, requestID, &fieldmaskpb.FieldMask{Paths: []string{"responsible_id"}})
}

func responsible(userID string) string { return "responsible_id = " + strconv.Quote(userID) }

func all(_ context.Context, userID string) (string, error) { return responsible(userID), nil }

// Books returns where the records of all kinds are that have a responsible user.
func Books(dial func(service string) (grpc.ClientConnInterface, error)) ([]handover.Book, error) {
	contacts, err := dial("contacts")
	if err != nil {
		return nil, fmt.Errorf("dial contacts: %w", err)
	}
	deals, err := dial("deals")
	if err != nil {
		return nil, fmt.Errorf("dial deals: %w", err)
	}
	return []handover.Book{leads(contacts), people(contacts), companies(contacts), sales(deals)}, nil
}

// found is what the records have alike.
func found[R interface {
	GetId() string
	GetEtag() string
	GetResponsibleId() string
	GetObserverIds() []string
	GetAvailableToEveryone() bool
}](name string, r R) handover.Found {
	return handover.Found{
		ID: r.GetId(), Name: name, Etag: r.GetEtag(), ResponsibleID: r.GetResponsibleId(), ObserverIDs: r.GetObserverIds(),
		AvailableToEveryone: r.GetAvailableToEveryone(),
	}
}

func leads(conn grpc.ClientConnInterface) handover.Book {
	c, settings := contactsv1.NewLeadsServiceClient(conn), contactsv1.NewSettingsServiceClient(conn)
	name := func(l *contactsv1.Lead) string {
		for _, s := range []string{l.GetTitle(), strings.TrimSpace(l.GetFirstName() + " " + l.GetLastName()), l.GetCompanyName()} {
			if s != "" {
				return s
			}
		}
		return ""
	}
	return &book{
		kind: "lead",
		// Open is a lead in a status that is not the end of one.
		open: func(ctx context.Context, userID string) (string, error) {
			res, err := settings.ListLeadStatuses(ctx, &contactsv1.ListLeadStatusesRequest{})
			if err != nil {
				return "", err
			}
			var open []string
			for _, s := range res.GetLeadStatuses() {
				if k := s.GetKind(); k == contactsv1.LeadStatusKind_LEAD_STATUS_KIND_NEW || k == contactsv1.LeadStatusKind_LEAD_STATUS_KIND_OPEN {
					open = append(open, "status_id = "+strconv.Quote(s.GetId()))
				}
			}
			return responsible(userID) + " AND (" + strings.Join(open, " OR ") + ")", nil
		},
		count: func(ctx context.Context, filter string) (int64, error) {
			res, err := c.CountLeads(ctx, &contactsv1.CountLeadsRequest{Filter: filter})
			return int64(res.GetCount()), err
		},
		list: func(ctx context.Context, filter, token string) ([]handover.Found, string, error) {
			res, err := c.ListLeads(ctx, &contactsv1.ListLeadsRequest{Filter: filter, PageToken: token, PageSize: pageSize})
			var out []handover.Found
			for _, r := range res.GetLeads() {
				out = append(out, found(name(r), r))
			}
			return out, res.GetNextPageToken(), err
		},
		get: func(ctx context.Context, id string) (handover.Found, error) {
			res, err := c.GetLead(ctx, &contactsv1.GetLeadRequest{Id: id})
			return found(name(res.GetLead()), res.GetLead()), err
		},
		assign: func(ctx context.Context, id, etag, userID, requestID string, mask *fieldmaskpb.FieldMask) (string, error) {
			res, err := c.UpdateLead(ctx, &contactsv1.UpdateLeadRequest{
				Id: id, Lead: &contactsv1.Lead{Etag: etag, ResponsibleId: userID}, UpdateMask: mask, RequestId: requestID,
			})
			return res.GetLead().GetEtag(), err
		},
	}
}

func people(conn grpc.ClientConnInterface) handover.Book {
	c := contactsv1.NewContactsServiceClient(conn)
	return &book{
		kind: "contact", open: all,
		count: func(ctx context.Context, filter string) (int64, error) {
			res, err := c.CountContacts(ctx, &contactsv1.CountContactsRequest{Filter: filter})
			return int64(res.GetCount()), err
		},
		list: func(ctx context.Context, filter, token string) ([]handover.Found, string, error) {
			res, err := c.ListContacts(ctx, &contactsv1.ListContactsRequest{Filter: filter, PageToken: token, PageSize: pageSize})
			var out []handover.Found
			for _, r := range res.GetContacts() {
				out = append(out, found(r.GetName(), r))
			}
			return out, res.GetNextPageToken(), err
		},
		get: func(ctx context.Context, id string) (handover.Found, error) {
			res, err := c.GetContact(ctx, &contactsv1.GetContactRequest{Id: id})
			return found(res.GetContact().GetName(), res.GetContact()), err
		},
		assign: func(ctx context.Context, id, etag, userID, requestID string, mask *fieldmaskpb.FieldMask) (string, error) {
			res, err := c.UpdateContact(ctx, &contactsv1.UpdateContactRequest{
				Id: id, Contact: &contactsv1.Contact{Etag: etag, ResponsibleId: userID}, UpdateMask: mask, RequestId: requestID,
			})
			return res.GetContact().GetEtag(), err
		},
	}
}

func companies(conn grpc.ClientConnInterface) handover.Book {
	c := contactsv1.NewCompaniesServiceClient(conn)
	return &book{
		kind: "company", open: all,
		count: func(ctx context.Context, filter string) (int64, error) {
			res, err := c.CountCompanies(ctx, &contactsv1.CountCompaniesRequest{Filter: filter})
			return int64(res.GetCount()), err
		},
		list: func(ctx context.Context, filter, token string) ([]handover.Found, string, error) {
			res, err := c.ListCompanies(ctx, &contactsv1.ListCompaniesRequest{Filter: filter, PageToken: token, PageSize: pageSize})
			var out []handover.Found
			for _, r := range res.GetCompanies() {
				out = append(out, found(r.GetName(), r))
			}
			return out, res.GetNextPageToken(), err
		},
		get: func(ctx context.Context, id string) (handover.Found, error) {
			res, err := c.GetCompany(ctx, &contactsv1.GetCompanyRequest{Id: id})
			return found(res.GetCompany().GetName(), res.GetCompany()), err
		},
		assign: func(ctx context.Context, id, etag, userID, requestID string, mask *fieldmaskpb.FieldMask) (string, error) {
			res, err := c.UpdateCompany(ctx, &contactsv1.UpdateCompanyRequest{
				Id: id, Company: &contactsv1.Company{Etag: etag, ResponsibleId: userID}, UpdateMask: mask, RequestId: requestID,
			})
			return res.GetCompany().GetEtag(), err
		},
	}
}

func sales(conn grpc.ClientConnInterface) handover.Book {
	c := dealsv1.NewDealsServiceClient(conn)
	return &book{
		kind: "deal",
		open: func(_ context.Context, userID string) (string, error) {
			return responsible(userID) + " AND state = OPEN", nil
		},
		count: func(ctx context.Context, filter string) (int64, error) {
			res, err := c.CountDeals(ctx, &dealsv1.CountDealsRequest{Filter: filter})
			return int64(res.GetCount()), err
		},
		list: func(ctx context.Context, filter, token string) ([]handover.Found, string, error) {
			res, err := c.ListDeals(ctx, &dealsv1.ListDealsRequest{Filter: filter, PageToken: token, PageSize: pageSize})
			var out []handover.Found
			for _, r := range res.GetDeals() {
				out = append(out, found(r.GetName(), r))
			}
			return out, res.GetNextPageToken(), err
		},
		get: func(ctx context.Context, id string) (handover.Found, error) {
			res, err := c.GetDeal(ctx, &dealsv1.GetDealRequest{Id: id})
			return found(res.GetDeal().GetName(), res.GetDeal()), err
		},
		assign: func(ctx context.Context, id, etag, userID, requestID string, mask *fieldmaskpb.FieldMask) (string, error) {
			res, err := c.UpdateDeal(ctx, &dealsv1.UpdateDealRequest{
				Id: id, Deal: &dealsv1.Deal{Etag: etag, ResponsibleId: userID}, UpdateMask: mask, RequestId: requestID,
			})
			return res.GetDeal().GetEtag(), err
		},
	}
}
