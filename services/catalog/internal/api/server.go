// Package api is the gRPC face of the catalog: it turns requests into commands of the aggregates and queries of the store,
// and their results into messages. It decides nothing.
package api

import (
	"context"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/services/catalog/internal/record"
)

// errScope is told to callers whose grant reaches only records that somebody answers for: nobody does for products.
var errScope = apperr.Forbidden("PERMISSION_DENIED", "the catalog belongs to the whole organisation; ask an administrator for a grant that reaches all records")

// caller returns the caller's organisation, if the caller reaches the catalog.
func caller(ctx context.Context) (string, error) {
	if !authz.ScopeFrom(ctx).All() {
		return "", errScope
	}
	return authn.MustFrom(ctx).OrganizationID, nil
}

// origin says what makes a record: the user, or a service on the user's behalf.
func origin(ctx context.Context) record.Origin {
	who := authn.MustFrom(ctx)
	if who.Service != "" {
		return record.Origin{Kind: "service", ID: who.Service}
	}
	return record.Origin{Kind: "user", ID: who.UserID}
}

// pageSize caps the size of a page.
func pageSize(asked int32, standard, most int) int {
	if asked <= 0 {
		return standard
	}
	return min(int(asked), most)
}
