// Package clients asks the owners of records, on behalf of the caller, whether the caller sees a record and who answers
// for it.
package clients

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/files/internal/file"
)

// Dial returns the connection to a service.
type Dial = func(service string) (grpc.ClientConnInterface, error)

// Owner says who answers for a record that the caller sees.
type Owner struct {
	// UserID is the responsible user. Empty for records that nobody in particular answers for.
	UserID string
}

// ask asks a service for a record by its ID.
type ask func(ctx context.Context, id string) (Owner, error)

// Records knows the owners of records.
type Records struct {
	kinds map[string]ask
}

// New returns the kinds of records that files can hang on. A new kind is added here.
func New(dial Dial) (*Records, error) {
	conns := make(map[string]grpc.ClientConnInterface)
	for _, s := range []string{"deals", "contacts", "catalog", "identity"} {
		c, err := dial(s)
		if err != nil {
			return nil, fmt.Errorf("dial %s: %w", s, err)
		}
		conns[s] = c
	}
	deals := dealsv1.NewDealsServiceClient(conns["deals"])
	leads := contactsv1.NewLeadsServiceClient(conns["contacts"])
	contacts := contactsv1.NewContactsServiceClient(conns["contacts"])
	companies := contactsv1.NewCompaniesServiceClient(conns["contacts"])
	products := catalogv1.NewProductsServiceClient(conns["catalog"])
	users := identityv1.NewUsersServiceClient(conns["identity"])
	return &Records{kinds: map[string]ask{
		"deal": func(ctx context.Context, id string) (Owner, error) {
			r, err := deals.GetDeal(ctx, &dealsv1.GetDealRequest{Id: id})
			return Owner{r.GetDeal().GetResponsibleId()}, err
		},
		"lead": func(ctx context.Context, id string) (Owner, error) {
			r, err := leads.GetLead(ctx, &contactsv1.GetLeadRequest{Id: id})
			return Owner{r.GetLead().GetResponsibleId()}, err
		},
		"contact": func(ctx context.Context, id string) (Owner, error) {
			r, err := contacts.GetContact(ctx, &contactsv1.GetContactRequest{Id: id})
			return Owner{r.GetContact().GetResponsibleId()}, err
		},
		"company": func(ctx context.Context, id string) (Owner, error) {
			r, err := companies.GetCompany(ctx, &contactsv1.GetCompanyRequest{Id: id})
			return Owner{r.GetCompany().GetResponsibleId()}, err
		},
		"product": func(ctx context.Context, id string) (Owner, error) {
			_, err := products.GetProduct(ctx, &catalogv1.GetProductRequest{Id: id})
			return Owner{}, err
		},
		"user": func(ctx context.Context, id string) (Owner, error) {
			r, err := users.GetUser(ctx, &identityv1.GetUserRequest{Id: id})
			return Owner{r.GetUser().GetId()}, err
		},
		// The organisation itself, for its logo: every member sees it.
		"organization": func(ctx context.Context, id string) (Owner, error) {
			if id != authn.MustFrom(ctx).OrganizationID {
				return Owner{}, file.ErrRecord
			}
			return Owner{}, nil
		},
	}}, nil
}

// Owner returns who answers for a record. It returns file.ErrKind for a kind that files cannot hang on, and
// file.ErrRecord if the caller does not see the record, for whatever reason.
func (r *Records) Owner(ctx context.Context, rec file.Record) (Owner, error) {
	ask, ok := r.kinds[rec.Kind]
	if !ok {
		return Owner{}, file.ErrKind.With("kind", rec.Kind)
	}
	o, err := ask(ctx, rec.ID)
	if err == nil {
		return o, nil
	}
	var refused *apperr.Error
	if errors.As(err, &refused) && (refused.Code == codes.NotFound || refused.Code == codes.PermissionDenied) {
		return Owner{}, file.ErrRecord.Because(err)
	}
	return Owner{}, err
}
