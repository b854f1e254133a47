package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/publish"
)

// TellExport tells that a user begins to take the list out of the suite.
func (s *Deals) TellExport(ctx context.Context, c deal.Caller, list *typev1.ExportList) error {
	exportID := id.New()
	return s.DB.Write(ctx, c.OrganizationID, func(context.Context, pgx.Tx) ([]event.Event, error) {
		return []event.Event{event.New(publish.Topic, publish.KindExport, exportID, 1, &dealsv1.ListExported{
			Export: &typev1.Export{Id: exportID, Kind: publish.KindDeal, UserId: c.UserID, List: list},
		})}, nil
	})
}
