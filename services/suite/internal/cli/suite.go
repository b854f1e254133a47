package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"kontor.internal/libs/config"
	"kontor.internal/services/suite/internal/suite"
)

func suiteCommand() Command {
	return Command{Name: "suite", Summary: "run everything in this process", Run: runSuite}
}

// gcPercent is how much the heap may grow between two collections.
const gcPercent = 300

func runSuite(ctx context.Context, env Env, args []string) error {
	cfg, err := suiteConfig(env, "kontor suite", args)
	if err != nil {
		return err
	}
	if _, told := env.Lookup("GOGC"); !told {
		// The heap is small beside the machine: collecting a third as often takes a tenth off every request.
		debug.SetGCPercent(gcPercent)
	}
	s, err := suite.Open(ctx, cfg, suite.Options{Version: env.Version, Output: env.Stderr})
	if err != nil {
		return err
	}
	starting, started := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() {
		ran <- s.Run(ctx)
		started() // or rather: not any more
	}()
	if s.AwaitReady(starting) == nil {
		welcome(env.Stdout, s)
	}
	err = <-ran
	return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
}

// suiteConfig reads environment and flags. Someone at a terminal gets a quiet log in lines for people, unless told
// otherwise.
func suiteConfig(env Env, name string, args []string) (suite.Config, error) {
	var cfg suite.Config
	err := loadConfig(&cfg, env, name, args)
	return cfg, err
}

// loadConfig is suiteConfig for a command that is told more than the suite: cfg points to a struct with a suite.Config in
// it.
func loadConfig(cfg any, env Env, name string, args []string) error {
	defaults := map[string]string{"KONTOR_LOG_LEVEL": "warn"}
	if terminal(env.Stderr) {
		defaults["KONTOR_LOG_TEXT"] = "true"
	}
	rest, err := config.Load(cfg, config.Source{
		Env: func(name string) (string, bool) {
			if v, ok := env.Lookup(name); ok {
				return v, true
			}
			v, ok := defaults[name]
			return v, ok
		},
		Args: args, Name: name, Output: env.Stdout,
	})
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%s takes no argument %q: %w", name, rest[0], ErrUsage)
	}
	return err
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}

// welcome says where the suite is, how to get in and what to try.
func welcome(w io.Writer, s *suite.Suite) {
	address := "http://" + reachable(s.HTTPAddr())
	var b strings.Builder
	fmt.Fprintf(&b, "\nKontor is running at %s\n\n", address)
	switch {
	case s.First == nil:
		b.WriteString("  sign in   as before")
		if file := s.PasswordFile(); file != "" {
			fmt.Fprintf(&b, " (the first administrator's password, unless changed since: %s)", file)
		}
		b.WriteString("\n")
	case s.First.MadeUp:
		fmt.Fprintf(&b, "  sign in   %s\n  password  %s   (also in %s; change it, then delete the file)\n",
			s.First.Email, s.First.Password, s.PasswordFile())
	default:
		fmt.Fprintf(&b, "  sign in   %s, with the password from KONTOR_ADMIN_PASSWORD\n", s.First.Email)
	}
	self := "kontor"
	if exe, err := os.Executable(); err == nil {
		if wd, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(wd, exe); err == nil && !strings.HasPrefix(rel, "..") {
				self = rel
			}
		}
	}
	fmt.Fprintf(&b, "\n  try       %s demo                  sample data to look around in\n", self)
	fmt.Fprintf(&b, "            %s import --help         load your own, from CSV files\n", self)
	fmt.Fprintf(&b, "            curl %s/readyz\n", address)
	b.WriteString("\nCtrl-C stops it; everything is kept.\n\n")
	_, _ = io.WriteString(w, b.String())
}

// reachable turns an address to listen on into one to connect to.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
