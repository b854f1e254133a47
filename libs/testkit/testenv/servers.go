package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"kontor.internal/libs/embedded"
	"kontor.internal/libs/testkit/realserver"
)

func (e *environment) startPostgres(ctx context.Context) (server, error) {
	const name, env = "PostgreSQL", "KONTOR_TEST_POSTGRES_URL"
	if s, ok := given(name, env); ok {
		return s, nil
	}
	p, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{
		Dir: filepath.Join(e.dir, "postgres"), CacheDir: e.cache, Throwaway: true,
	})
	if err != nil {
		return server{}, err
	}
	return server{name: name, env: env, value: p.URL(), note: "real, " + p.Version(), stop: p.Close}, nil
}

func (e *environment) startRedis(ctx context.Context) (server, error) {
	const name, env = "Redis", "KONTOR_TEST_REDIS_URL"
	if s, ok := given(name, env); ok {
		return s, nil
	}
	if e.mode == "never" {
		return e.without(name, env, "asked not to", false)
	}
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return e.without(name, env, "install it (Debian: apt-get install redis-server)", e.mode == "always" || e.ci)
	}
	version, err := exec.CommandContext(ctx, bin, "--version").Output()
	if err != nil {
		return server{}, err
	}
	s, err := realserver.StartRedis(ctx, bin, e.dir)
	if err != nil {
		return server{}, err
	}
	return server{name: name, env: env, value: "redis://" + s.Addr + "/0", note: "real, " + firstLine(version), stop: s.Stop}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
