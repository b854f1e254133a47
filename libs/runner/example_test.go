package runner_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"kontor.internal/libs/runner"
)

func Example() {
	component := func(name string) runner.Component {
		return runner.Component{Name: name, Run: func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println(name, "stops")
			return nil
		}}
	}
	g := runner.Group{
		Log: slog.New(slog.DiscardHandler), NotReady: func() { fmt.Println("not ready") },
		Components: []runner.Component{component("telemetry"), component("relay"), component("grpc")},
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond) // signal.NotifyContext
	defer cancel()
	fmt.Println(g.Run(ctx))
	// Output:
	// not ready
	// grpc stops
	// relay stops
	// telemetry stops
	// <nil>
}
