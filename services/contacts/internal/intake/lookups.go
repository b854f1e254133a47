package intake

import (
	"context"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/imports"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// Lookups returns how mappings find other records: companies here, users in identity, products in the catalog.
func Lookups(s *store.Store, users, products func(context.Context, imports.Query) (map[string]imports.Found, error)) map[string]imports.Lookup {
	by := []imports.By{imports.ByName, imports.ByExternalID, imports.ByEmail}
	return map[string]imports.Lookup{
		"user": {By: by, Find: users},
		"product": {
			By: []imports.By{imports.ByName, imports.ByExternalID, imports.BySKU}, Attributes: []string{"name"}, Find: products,
		},
		string(record.Company): {By: by, Find: func(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
			return companies(ctx, s, q)
		}},
	}
}

func companies(ctx context.Context, s *store.Store, q imports.Query) (map[string]imports.Found, error) {
	var k store.Keys
	switch q.By {
	case imports.ByExternalID:
		for _, key := range q.Keys {
			k.ExternalIDs = append(k.ExternalIDs, record.ExternalID{Source: q.Source, ID: key})
		}
	case imports.ByEmail:
		k.Emails = q.Keys
	default:
		k.Names = q.Keys
	}
	hits, err := s.LookUpCompanies(ctx, viewer(ctx, q.Organization, record.Company), k)
	if err != nil {
		return nil, err
	}
	found := make(map[string]imports.Found, len(hits))
	for _, h := range hits {
		key := q.Keys[h.Index]
		f, again := found[key]
		found[key] = imports.Found{ID: h.ID, Ambiguous: f.Ambiguous || again && f.ID != h.ID}
	}
	return found, nil
}

// viewer is who imports, with the scope of seeing records of a kind.
func viewer(ctx context.Context, org string, kind record.Kind) record.Caller {
	return record.Caller{
		OrganizationID: org, UserID: userOf(ctx), View: authz.For(ctx, string(kind), optionsv1.Action_ACTION_VIEW),
	}
}

func userOf(ctx context.Context) string {
	who, _ := authn.From(ctx)
	return who.UserID
}
