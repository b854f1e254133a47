package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/catalog/internal/publish"
)

// TellExport tells that a user begins to take the list of products out of the suite.
func (s *Products) TellExport(ctx context.Context, org, userID string, list *typev1.ExportList) error {
	exportID := id.New()
	return s.DB.Write(ctx, org, func(context.Context, pgx.Tx) ([]event.Event, error) {
		return []event.Event{event.New(publish.Topic, publish.KindExport, exportID, 1, &catalogv1.ListExported{
			Export: &typev1.Export{Id: exportID, Kind: publish.KindProduct, UserId: userID, List: list},
		})}, nil
	})
}

// Names returns the names of the sections and price types with the IDs, those in the bin too.
func (s *Products) Names(ctx context.Context, org string, ids []string) (map[string]string, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT id::text, name FROM sections WHERE organization_id = $1 AND id = ANY($2::uuid[])
		UNION ALL
		SELECT id::text, name FROM price_types WHERE organization_id = $1 AND id = ANY($2::uuid[])`, org, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(ids))
	var recordID, name string
	_, err = pgx.ForEachRow(rows, []any{&recordID, &name}, func() error { out[recordID] = name; return nil })
	return out, err
}
