package cli

import (
	"context"
	"fmt"
	"runtime"
)

func versionCommand() Command {
	return Command{
		Name: "version", Summary: "print the version",
		Run: func(_ context.Context, env Env, _ []string) error {
			_, err := fmt.Fprintf(env.Stdout, "kontor %s (%s, %s/%s)\n", env.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
