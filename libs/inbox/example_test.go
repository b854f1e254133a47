package inbox_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/pg"
)

func ExampleConsumer() {
	ctx := context.Background()
	system, err := pg.Open(ctx, pg.Config{URL: "postgres://reporting@localhost/reporting", Role: pg.RoleSystem})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer system.Close()
	consumer := &inbox.Consumer{
		Name: "reporting.deals", Topics: []string{"kontor.deals.v1"}, Brokers: []string{"localhost:9092"}, DB: system,
		Handlers: map[string]inbox.Handler{
			// A projection drops what is not newer than what it has applied.
			"google.protobuf.StringValue": func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
				var name wrapperspb.StringValue
				if err := proto.Unmarshal(ev.Payload, &name); err != nil {
					return fmt.Errorf("%w: %w", inbox.ErrPermanent, err) // it is parked
				}
				_, err := tx.Exec(ctx, `
					INSERT INTO deals (organization_id, id, name, version) VALUES ($1, $2, $3, $4)
					ON CONFLICT ON CONSTRAINT deals_pkey DO UPDATE SET name = excluded.name, version = excluded.version
					WHERE deals.version < excluded.version`, ev.Organization, ev.RecordID, name.GetValue(), ev.Version)
				return err
			},
		},
	}
	_ = consumer.Run(ctx) // a runner.Component
}
