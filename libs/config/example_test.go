package config_test

import (
	"fmt"
	"time"

	"kontor.internal/libs/config"
)

func Example() {
	var cfg struct {
		Addr  string        `env:"GRPC_ADDR" flag:"grpc-addr" default:"127.0.0.1:9090" help:"address to listen on"`
		Drain time.Duration `env:"DRAIN" default:"5s" help:"how long to go on serving before a stop"`
		Token string        `env:"TOKEN" secret:"true" help:"…"`
	}
	rest, err := config.Load(&cfg, config.Source{
		Prefix: "KONTOR_",
		Env: func(k string) (string, bool) { // os.LookupEnv
			v, ok := map[string]string{"KONTOR_DRAIN": "10s", "KONTOR_TOKEN": "hunter2"}[k]
			return v, ok
		},
		Args: []string{"--grpc-addr", ":9091", "migrate"}, // os.Args[1:]
	})
	fmt.Println(rest, err)
	fmt.Println(cfg.Addr, cfg.Drain, len(cfg.Token))
	// Output:
	// [migrate] <nil>
	// :9091 10s 7
}
