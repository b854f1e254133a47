package outbox_test

import (
	"context"
	"fmt"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/pg"
)

func ExampleRelay() {
	ctx := context.Background()
	const url = "postgres://deals@localhost/deals"
	app, err := pg.Open(ctx, pg.Config{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer app.Close()
	system, err := pg.Open(ctx, pg.Config{URL: url, Role: pg.RoleSystem})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer system.Close()
	relay := &outbox.Relay{DB: system, Brokers: []string{"localhost:9092"}, Topics: []broker.Topic{{Name: "kontor.deals.v1"}}}
	app.OnWrite(relay.Wake)
	_ = relay.Run(ctx) // a runner.Component
}
