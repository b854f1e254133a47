package clients

import (
	"context"
	"fmt"

	"kontor.internal/libs/imports"
	"kontor.internal/libs/money"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// Lookups are those of imports that other services answer, by kind. seen is told of every product found, so that what
// the import writes can name it.
func Lookups(dial Dial, seen func(org, id, name, unit string)) (map[string]imports.Lookup, error) {
	contacts, err := dial("contacts")
	if err != nil {
		return nil, fmt.Errorf("dial contacts: %w", err)
	}
	catalog, err := dial("catalog")
	if err != nil {
		return nil, fmt.Errorf("dial catalog: %w", err)
	}
	identity, err := dial("identity")
	if err != nil {
		return nil, fmt.Errorf("dial identity: %w", err)
	}
	people := []imports.By{imports.ByName, imports.ByExternalID, imports.ByEmail}
	return map[string]imports.Lookup{
		"company": {By: people, Find: companies(contactsv1.NewCompaniesServiceClient(contacts))},
		"contact": {By: people, Find: persons(contactsv1.NewContactsServiceClient(contacts))},
		"user":    {By: people, Find: users(identityv1.NewUsersServiceClient(identity))},
		"product": {
			By:         []imports.By{imports.ByName, imports.ByExternalID, imports.BySKU},
			Attributes: []string{"list_price", "unit", "tax_rate"},
			Find:       products(catalogv1.NewProductsServiceClient(catalog), seen),
		},
	}, nil
}

type find = func(ctx context.Context, q imports.Query) (map[string]imports.Found, error)

// answers gathers what was found by the place of the key in the query.
type answers struct {
	keys  []string
	found map[string]imports.Found
}

func (a *answers) add(i int32, id string) {
	if i < 0 || int(i) >= len(a.keys) {
		return
	}
	key := a.keys[i]
	f, again := a.found[key]
	a.found[key] = imports.Found{ID: id, Ambiguous: again && f.ID != id || f.Ambiguous}
}

func externalIDs(q imports.Query) []*typev1.ExternalId {
	out := make([]*typev1.ExternalId, len(q.Keys))
	for i, k := range q.Keys {
		out[i] = &typev1.ExternalId{Source: q.Source, Id: k}
	}
	return out
}

func companies(client contactsv1.CompaniesServiceClient) find {
	return func(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
		req := &contactsv1.LookupCompaniesRequest{}
		switch q.By {
		case imports.ByExternalID:
			req.ExternalIds = externalIDs(q)
		case imports.ByEmail:
			req.Emails = q.Keys
		default:
			req.Names = q.Keys
		}
		resp, err := client.LookupCompanies(ctx, req)
		if err != nil {
			return nil, err
		}
		a := answers{keys: q.Keys, found: make(map[string]imports.Found)}
		for _, h := range resp.GetHits() {
			switch by := h.GetBy().(type) {
			case *contactsv1.CompanyHit_NameIndex:
				a.add(by.NameIndex, h.GetId())
			case *contactsv1.CompanyHit_ExternalIdIndex:
				a.add(by.ExternalIdIndex, h.GetId())
			case *contactsv1.CompanyHit_EmailIndex:
				a.add(by.EmailIndex, h.GetId())
			}
		}
		return a.found, nil
	}
}

func persons(client contactsv1.ContactsServiceClient) find {
	return func(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
		req := &contactsv1.LookupContactsRequest{}
		switch q.By {
		case imports.ByExternalID:
			req.ExternalIds = externalIDs(q)
		case imports.ByEmail:
			req.Emails = q.Keys
		default:
			req.Names = q.Keys
		}
		resp, err := client.LookupContacts(ctx, req)
		if err != nil {
			return nil, err
		}
		a := answers{keys: q.Keys, found: make(map[string]imports.Found)}
		for _, h := range resp.GetHits() {
			switch by := h.GetBy().(type) {
			case *contactsv1.ContactHit_NameIndex:
				a.add(by.NameIndex, h.GetId())
			case *contactsv1.ContactHit_ExternalIdIndex:
				a.add(by.ExternalIdIndex, h.GetId())
			case *contactsv1.ContactHit_EmailIndex:
				a.add(by.EmailIndex, h.GetId())
			}
		}
		return a.found, nil
	}
}

func users(client identityv1.UsersServiceClient) find {
	return func(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
		terms := make([]*identityv1.UserTerm, len(q.Keys))
		for i, k := range q.Keys {
			switch q.By {
			case imports.ByExternalID:
				terms[i] = &identityv1.UserTerm{Term: &identityv1.UserTerm_External{
					External: &identityv1.ExternalKey{Source: q.Source, Id: k},
				}}
			case imports.ByEmail:
				terms[i] = &identityv1.UserTerm{Term: &identityv1.UserTerm_Email{Email: k}}
			default:
				terms[i] = &identityv1.UserTerm{Term: &identityv1.UserTerm_Name{Name: k}}
			}
		}
		resp, err := client.LookupUsers(ctx, &identityv1.LookupUsersRequest{Terms: terms})
		if err != nil {
			return nil, err
		}
		out := make(map[string]imports.Found)
		for i, m := range resp.GetMatches() {
			if i < len(q.Keys) && (m.GetId() != "" || m.GetAmbiguous()) {
				out[q.Keys[i]] = imports.Found{ID: m.GetId(), Ambiguous: m.GetAmbiguous()}
			}
		}
		return out, nil
	}
}

func products(client catalogv1.ProductsServiceClient, seen func(org, id, name, unit string)) find {
	return func(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
		by := catalogv1.LookupProductsRequest_BY_NAME
		switch q.By { //nolint:exhaustive // The rest is by name.
		case imports.ByExternalID:
			by = catalogv1.LookupProductsRequest_BY_EXTERNAL_ID
		case imports.BySKU:
			by = catalogv1.LookupProductsRequest_BY_SKU
		}
		resp, err := client.LookupProducts(ctx, &catalogv1.LookupProductsRequest{By: by, Keys: q.Keys, Source: q.Source})
		if err != nil {
			return nil, err
		}
		out := make(map[string]imports.Found)
		for _, m := range resp.GetMatches() {
			if len(m.GetProducts()) == 0 {
				continue
			}
			p, err := product(m.GetProducts()[0])
			if err != nil {
				return nil, err
			}
			seen(q.Organization, p.ID, p.Name, p.Unit)
			out[m.GetKey()] = imports.Found{
				ID: p.ID, Ambiguous: len(m.GetProducts()) > 1,
				Attributes: map[string]any{"list_price": price(p.ListPrice), "unit": p.Unit, "tax_rate": p.TaxRate},
			}
		}
		return out, nil
	}
}

// price is nil, an empty value, for a product without a price.
func price(m money.Money) any {
	if m.Currency == "" {
		return nil
	}
	return m
}
