// Package realserver starts the servers that the embedded ones stand in for: for testenv, which shares them among all
// tests, and for a test that needs one of its own.
package realserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor.internal/libs/embedded"
)

// Server is one that runs.
type Server struct {
	// Addr is host:port.
	Addr string

	child  *embedded.Child
	signal syscall.Signal // that ends it
}

// Stop ends the server.
func (s *Server) Stop() error { return s.child.Stop(s.signal) }

// StartRedis starts the redis-server bin and returns when it answers. It keeps nothing.
func StartRedis(ctx context.Context, bin, dir string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(bin, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
	child, err := embedded.StartChild(cmd, func(string) {})
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: address(port), child: child, signal: syscall.SIGTERM}
	client := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer func() { _ = client.Close() }()
	if err := await(ctx, child, func() error { return client.Ping(ctx).Err() }); err != nil {
		return nil, errors.Join(fmt.Errorf("redis-server: %w", err), s.Stop())
	}
	return s, nil
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

// Run runs a command and returns what it said if it fails.
func Run(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out.Bytes())
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
