package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/deals/internal/deal"
)

// Contacts implements deal.Clients by contacts' lists, which show the caller what they may see.
type Contacts struct {
	companies contactsv1.CompaniesServiceClient
	contacts  contactsv1.ContactsServiceClient
	leads     contactsv1.LeadsServiceClient
}

// NewContacts returns a client of contacts.
func NewContacts(dial Dial) (*Contacts, error) {
	conn, err := dial("contacts")
	if err != nil {
		return nil, fmt.Errorf("dial contacts: %w", err)
	}
	return &Contacts{
		companies: contactsv1.NewCompaniesServiceClient(conn), contacts: contactsv1.NewContactsServiceClient(conn),
		leads: contactsv1.NewLeadsServiceClient(conn),
	}, nil
}

// atOnce is how many IDs fit into the filter of a list.
const atOnce = 50

// Visible see deal.Clients.
func (c *Contacts) Visible(ctx context.Context, kind string, ids []string) (map[string]bool, error) {
	out := make(map[string]bool, len(ids))
	for some := range slices.Chunk(ids, atOnce) {
		found, err := c.list(ctx, kind, `id = "`+strings.Join(some, `" OR id = "`)+`"`, int32(len(some)))
		if err := failure(err); err != nil {
			return nil, err
		}
		for _, id := range found {
			out[id] = true
		}
	}
	return out, nil
}

func (c *Contacts) list(ctx context.Context, kind, filter string, size int32) ([]string, error) {
	switch kind {
	case deal.KindCompany:
		resp, err := c.companies.ListCompanies(ctx, &contactsv1.ListCompaniesRequest{Filter: filter, PageSize: size})
		return identities(resp.GetCompanies()), err
	case deal.KindContact:
		resp, err := c.contacts.ListContacts(ctx, &contactsv1.ListContactsRequest{Filter: filter, PageSize: size})
		return identities(resp.GetContacts()), err
	default:
		resp, err := c.leads.ListLeads(ctx, &contactsv1.ListLeadsRequest{Filter: filter, PageSize: size})
		return identities(resp.GetLeads()), err
	}
}

func identities[R interface{ GetId() string }](records []R) []string {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.GetId()
	}
	return ids
}

// failure says what an error of contacts means: who may see no such records at all sees none of these, and whoever does not
// answer is away.
func failure(err error) error {
	var e *apperr.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case codes.PermissionDenied:
		return nil
	case codes.Unavailable, codes.DeadlineExceeded:
		return deal.ErrClientsAway.Because(err)
	default:
		return err
	}
}
