package testkit

import (
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// shared starts something once per test process, whichever test asks first, and
// fails every test that asks if it did not start.
type shared[T any] struct {
	once sync.Once
	val  T
	err  error
}

func (s *shared[T]) get(t testing.TB, start func() (T, error)) T {
	t.Helper()
	s.once.Do(func() { s.val, s.err = start() })
	if s.err != nil {
		t.Fatalf("testkit: %v", s.err)
	}
	return s.val
}

// requireReal fails the test if the environment demands real servers and does
// not name this one.
func requireReal(t testing.TB, what, env, how string) {
	t.Helper()
	if os.Getenv("KONTOR_TEST_REAL") == "1" {
		t.Fatalf("testkit: KONTOR_TEST_REAL=1 demands a real %s, and %s is not set: %s", what, env, how)
	}
}

// untilExit keeps pipes open until we end.
var untilExit sync.Map

// removeAfterExit deletes a folder after this process has ended, and the process
// with the given ID after it, however they end: a test binary has no hook that
// runs then. A shell waits on a pipe that breaks at our end.
func removeAfterExit(dir string, pid int) error {
	script := `read -r _; i=0; while kill -0 "$2" 2>/dev/null && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done; ` +
		`kill -9 "$2" 2>/dev/null; rm -rf -- "$1"`
	cmd := exec.Command("/bin/sh", "-c", script, "sh", dir, strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	// What nobody refers to is closed by the garbage collector, and the server would be killed in the middle of a test.
	untilExit.Store(dir, pipe)
	// Not our output: `go test` would wait for it to be closed.
	return cmd.Start()
}
