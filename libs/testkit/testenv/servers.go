package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor.internal/libs/embedded"
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
	port, err := freePort()
	if err != nil {
		return server{}, err
	}
	cmd := exec.Command(bin, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", e.dir)
	child, err := embedded.StartChild(cmd, func(string) {})
	if err != nil {
		return server{}, err
	}
	stop := func() error { return child.Stop(syscall.SIGTERM) }
	client := redis.NewClient(&redis.Options{Addr: address(port)})
	defer func() { _ = client.Close() }()
	if err := await(ctx, child, func() error { return client.Ping(ctx).Err() }); err != nil {
		return server{}, errors.Join(fmt.Errorf("redis-server: %w", err), stop())
	}
	return server{name: name, env: env, value: "redis://" + address(port) + "/0", note: "real, " + firstLine(version), stop: stop}, nil
}

// await tries until it works, the process ends, or a minute has passed.
func await(ctx context.Context, child *embedded.Child, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-child.Done():
			return child.Err()
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", err)
		case <-tick.C:
		}
	}
}

// freePort is free when it is asked for; servers that must be told a port leave
// no better way.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("listening on %s", ln.Addr())
	}
	return addr.Port, ln.Close()
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// quietly runs a command and returns what it said if it fails.
func quietly(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out.Bytes())
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
