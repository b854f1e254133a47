// Command testenv runs a command with the servers that tests need: one
// PostgreSQL, a real redis-server and a real Apache Kafka broker. It starts them
// on free ports, tells the command their addresses, and stops them however the
// command ends.
//
//	testenv [-root DIR] [-real auto|always|never] -- go test ./...
//
// Redis and Kafka are used where they are to be had; otherwise tests run on the
// embedded ones, and the log says so. -real always (and CI=true, where Maven
// Central answers) demands them. The first start of Kafka fetches its jars from
// Maven Central into .cache/kafka by tools/kafka/pom.xml.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run() (code int, err error) {
	root := flag.String("root", ".", "the repository")
	mode := flag.String("real", "auto", "real Redis and Kafka: auto, always or never")
	flag.Parse()
	if flag.NArg() == 0 {
		return 2, errors.New("what to run? Say: testenv -- COMMAND")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "kontor-testenv-*")
	if err != nil {
		return 1, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL, another user, has to pass through
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	abs, err := filepath.Abs(*root)
	if err != nil {
		return 1, err
	}

	e := &environment{dir: dir, cache: filepath.Join(abs, ".cache"), root: abs, mode: *mode, ci: os.Getenv("CI") == "true"}
	defer func() { err = errors.Join(err, e.stop()) }()
	if err := e.start(ctx); err != nil {
		return 1, err
	}
	return command(ctx, flag.Args(), e.vars())
}

// environment is the running servers.
type environment struct {
	dir, cache, root, mode string
	ci                     bool

	postgres, redis, kafka server
}

// server is one of them: its variable and value, and how to stop it. An empty
// value means that tests start an embedded one themselves.
type server struct {
	name, env, value, note string
	also                   []string // further variables, NAME=value
	stop                   func() error
}

func (e *environment) start(ctx context.Context) error {
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range []struct {
		to    *server
		start func(context.Context) (server, error)
	}{
		{&e.postgres, e.startPostgres},
		{&e.redis, e.startRedis},
		{&e.kafka, e.startKafka},
	} {
		g.Go(func() (err error) {
			*s.to, err = s.start(ctx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, s := range e.all() {
		fmt.Fprintf(os.Stderr, "testenv: %-11s %s\n", s.name, s.note)
	}
	fmt.Fprintf(os.Stderr, "testenv: ready after %s\n", time.Since(began).Round(10*time.Millisecond))
	return nil
}

func (e *environment) all() []server { return []server{e.postgres, e.redis, e.kafka} }

func (e *environment) vars() []string {
	var vars []string
	for _, s := range e.all() {
		if s.value != "" {
			vars = append(append(vars, s.env+"="+s.value), s.also...)
		}
	}
	if e.redis.value != "" && e.kafka.value != "" {
		vars = append(vars, "KONTOR_TEST_REAL=1")
	}
	return vars
}

func (e *environment) stop() error {
	var errs []error
	for _, s := range e.all() {
		if s.stop != nil {
			errs = append(errs, s.stop())
		}
	}
	return errors.Join(errs...)
}

// given is a server that the caller's environment names already.
func given(name, env string) (server, bool) {
	value := os.Getenv(env)
	return server{name: name, env: env, value: value, note: "given by " + env}, value != ""
}

// without is the answer if a real server cannot be had: an error if it has to
// be, else the embedded one.
func (e *environment) without(name, env, why string, demanded bool) (server, error) {
	if demanded {
		return server{}, fmt.Errorf("no real %s: %s", name, why)
	}
	return server{name: name, env: env, note: "embedded (no real one: " + why + ")"}, nil
}

func command(ctx context.Context, args, vars []string) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), vars...)
	if err := cmd.Start(); err != nil {
		return 127, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		// The terminal has told the command as well; a lone SIGTERM has not.
		_ = cmd.Process.Signal(syscall.SIGTERM)
		err = <-ended
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil // it has said itself what is wrong
	}
	return 0, err
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}
