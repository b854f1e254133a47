package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/record"
)

// exportKind names exports in events.
const exportKind = "export"

// CompanyNames returns the names of those of the companies that the caller may see, by ID.
func (s *Store) CompanyNames(ctx context.Context, c record.Caller, ids []string) (map[string]string, error) {
	out := make(map[string]string, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	args := []any{c.OrganizationID, ids}
	rows, err := s.db.Query(ctx, c.OrganizationID, `
		SELECT id::text, name FROM companies
		WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND `+visible(c, &args), args...)
	if err != nil {
		return nil, fmt.Errorf("read names of companies: %w", err)
	}
	var companyID, name string
	if _, err := pgx.ForEachRow(rows, []any{&companyID, &name}, func() error {
		out[companyID] = name
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read names of companies: %w", err)
	}
	return out, nil
}

// TellExport tells that a user begins to take a list out of the suite.
func (s *Store) TellExport(ctx context.Context, c record.Caller, kind record.Kind, list *typev1.ExportList) error {
	exportID := id.New()
	return s.db.Write(ctx, c.OrganizationID, func(context.Context, pgx.Tx) ([]event.Event, error) {
		return []event.Event{event.New(publish.Topic, exportKind, exportID, 1, &contactsv1.ListExported{
			Export: &typev1.Export{Id: exportID, Kind: string(kind), UserId: c.UserID, List: list},
		})}, nil
	})
}
