package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrLocked says that another live process holds a folder.
var ErrLocked = errors.New("in use by another process")

// Lock is an exclusive claim on a folder. The kernel drops it when the process
// ends, however it ends, so there are no stale ones.
type Lock struct{ file *os.File }

// LockDir makes the folder if need be and claims it. The error is [ErrLocked],
// with the other process's ID in its text, if it is taken.
func LockDir(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // PostgreSQL, another user, has to pass through
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Clean(filepath.Join(dir, "lock")), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = file.Close() }()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		pid, _ := os.ReadFile(file.Name())
		return nil, fmt.Errorf("%s is %w (process %s)", dir, ErrLocked, strings.TrimSpace(string(pid)))
	}
	// For the message above only; the claim is the flock.
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &Lock{file: file}, nil
}

// Release gives the folder up.
func (l *Lock) Release() error { return l.file.Close() }
