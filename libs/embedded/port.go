package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// listenAgain listens on the loopback port recorded in file, or on any free one
// if there is no record or somebody else has taken the port meanwhile, and
// records what it got. Keeping the port lets clients of the previous run, and
// people with a psql prompt open, go on after a restart.
func listenAgain(ctx context.Context, file string) (net.Listener, error) {
	var lc net.ListenConfig
	if port := recordedPort(file); port > 0 {
		if ln, err := lc.Listen(ctx, "tcp", loopback(port)); err == nil {
			return ln, nil
		}
	}
	ln, err := lc.Listen(ctx, "tcp", loopback(0))
	if err != nil {
		return nil, fmt.Errorf("listen on the loopback interface: %w", err)
	}
	if err := recordPort(file, portOf(ln)); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// onFreePort calls start with a port that was free a moment ago, for servers that
// must bind it themselves, and with another one should it have been taken
// meanwhile.
func onFreePort(ctx context.Context, file string, start func(port int) error) error {
	const attempts = 5
	var err error
	for range attempts {
		ln, lerr := listenAgain(ctx, file)
		if lerr != nil {
			return lerr
		}
		port := portOf(ln)
		if err := ln.Close(); err != nil {
			return err
		}
		if err = start(port); err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

func portOf(ln net.Listener) int {
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return addr.Port
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func recordedPort(file string) int {
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return port
}

func recordPort(file string, port int) error {
	return writeFileAtomic(file, []byte(strconv.Itoa(port)+"\n"), 0o600)
}

// writeFileAtomic replaces a file such that a crash leaves the old or the new
// content, never half of one.
func writeFileAtomic(file string, content []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
