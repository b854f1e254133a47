package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// owner is the user a server runs as when we are root, which it refuses to be.
type owner struct {
	name     string
	uid, gid uint32
}

// unprivilegedOwner is nil unless we are root.
func unprivilegedOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else is the answer
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &owner{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root and there is neither a user postgres nor nobody: " +
		"run Kontor as an ordinary user")
}

// elsewhere is where data goes that cannot be where it should.
const elsewhere = "/var/lib/kontor"

// reachable returns dir if the owner can pass through all folders above it. A
// folder below one with mode 0700, such as /root, it cannot; then the data goes
// to a new folder below /var/lib/kontor, to which a link in dir points. Deleting
// dir thus means starting anew here, too.
func reachable(dir string, o *owner) (string, error) {
	link := filepath.Join(dir, "moved-to")
	if other, err := os.Readlink(link); err == nil {
		return other, nil
	}
	if o == nil || passable(dir, o) {
		return dir, nil
	}
	advice := "set KONTOR_DATA_DIR to a folder that everybody can pass through"
	if err := os.MkdirAll(elsewhere, 0o755); err != nil { //nolint:gosec // the server's user has to pass through
		return "", fmt.Errorf("user %s cannot reach %s, nor can another folder be made: %w; %s", o.name, dir, err, advice)
	}
	other, err := os.MkdirTemp(elsewhere, filepath.Base(dir)+"-*")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(other, 0o755); err != nil { //nolint:gosec // the same
		return "", err
	}
	if !passable(other, o) {
		return "", fmt.Errorf("user %s reaches neither %s nor %s: %s", o.name, dir, other, advice)
	}
	return other, os.Symlink(other, link)
}

func passable(dir string, o *owner) bool {
	for d := dir; ; d = filepath.Dir(d) {
		fi, err := os.Stat(d)
		if err != nil {
			return false
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		var bit os.FileMode = 0o001
		switch {
		case st.Uid == o.uid:
			bit = 0o100
		case st.Gid == o.gid:
			bit = 0o010
		}
		if fi.Mode().Perm()&bit == 0 {
			return false
		}
		if d == filepath.Dir(d) {
			return true
		}
	}
}

// dataVersion is the major version that made the data folder, "" if there is
// none yet.
func dataVersion(dataDir string) (string, error) {
	b, err := os.ReadFile(filepath.Clean(filepath.Join(dataDir, "PG_VERSION")))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read data folder: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// checkOwner refuses a folder made by another user with words that say what to
// do; the server's own message does not.
func checkOwner(dataDir string, o *owner) error {
	fi, err := os.Stat(dataDir)
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	want := uint32(os.Geteuid())
	if o != nil {
		want = o.uid
	}
	if st.Uid == want {
		return nil
	}
	return fmt.Errorf("data folder %s belongs to user ID %d, and the server would run as %d: "+
		"start Kontor as the user who started it first, or chown -R the folder", dataDir, st.Uid, want)
}

// initdb makes the data folder beside its place and moves it there when it is
// complete, so that a crash in between does not leave half a one.
func (p *Postgres) initdb(ctx context.Context) error {
	tmp := p.dataDir + ".new"
	pwfile := filepath.Join(p.opts.Dir, "password.new")
	if err := errors.Join(os.RemoveAll(tmp), os.RemoveAll(p.dataDir), os.RemoveAll(pwfile)); err != nil {
		return err
	}
	defer func() { _ = os.Remove(pwfile) }()
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	// A file, since /dev/stdin cannot be opened again after dropping root.
	if err := os.WriteFile(pwfile, []byte(p.password+"\n"), 0o600); err != nil {
		return err
	}
	if p.owner != nil {
		for _, name := range []string{tmp, pwfile} {
			if err := os.Chown(name, int(p.owner.uid), int(p.owner.gid)); err != nil {
				return err
			}
		}
	}
	args := []string{
		"-D", tmp, "--username=" + postgresAdmin, "--pwfile=" + pwfile, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
	}
	if p.opts.Throwaway {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), args...) //nolint:gosec // our own arguments
	p.runAs(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Rename(tmp, p.dataDir)
}

// longestSocket is what the address of a Unix socket can hold, on the narrowest system.
const longestSocket = 103

// makeSocketDir returns "" if the path is too long for sockets in it. Sockets are
// written there by the owner and reached by us: by nobody else.
func makeSocketDir(dir string, o *owner) (string, error) {
	if len(filepath.Join(dir, ".s.PGSQL.65535")) > longestSocket {
		return "", nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if o == nil {
		return dir, nil
	}
	return dir, os.Chown(dir, int(o.uid), int(o.gid))
}

// clearSockets removes what a killed server has left, among it a lock file whose
// process ID may be somebody else's by now. No server runs when it is called.
func clearSockets(dir string) error {
	if dir == "" {
		return nil
	}
	left, err := filepath.Glob(filepath.Join(dir, ".s.PGSQL.*"))
	for _, f := range left {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}

func (p *Postgres) runAs(cmd *exec.Cmd) {
	cmd.SysProcAttr = sysProcAttr(p.owner)
	cmd.Dir = "/" // ours may be one its user cannot enter
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
}

// lockFileSays reports whether the server's lock file gives that status.
func lockFileSays(dataDir, status string) bool {
	lines := lockFile(dataDir)
	return len(lines) > 7 && strings.TrimSpace(lines[7]) == status
}

func lockFile(dataDir string) []string {
	b, err := os.ReadFile(filepath.Clean(filepath.Join(dataDir, "postmaster.pid")))
	if err != nil {
		return nil
	}
	return strings.Split(string(b), "\n")
}

// clearStale ends what is left of a server whose Kontor was killed: usually one
// still busy shutting down, sometimes one that nobody told, or a lock file whose
// process ID belongs to somebody else by now, at which PostgreSQL would balk.
func clearStale(ctx context.Context, dataDir string, log *slog.Logger) error {
	lines := lockFile(dataDir)
	if lines == nil {
		return nil
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		pid = 0
	}
	real, err := filepath.EvalSymlinks(dataDir)
	if err != nil {
		return err
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		left := processesIn(real)
		if len(left) == 0 {
			break
		}
		log.InfoContext(ctx, "stopping the postgresql of a previous run", "signal", sig.String(), "processes", left)
		if slices.Contains(left, pid) {
			_ = syscall.Kill(pid, sig)
		} else {
			// No postmaster: its children notice and end by themselves, or are told.
			for _, child := range left {
				_ = syscall.Kill(child, sig)
			}
		}
		if gone(ctx, real, stopTimeout) {
			break
		}
	}
	if left := processesIn(real); len(left) > 0 {
		return fmt.Errorf("processes %v hold %s and do not end", left, dataDir)
	}
	if len(lockFile(dataDir)) > 0 && runtimeHasProc() {
		return os.Remove(filepath.Join(dataDir, "postmaster.pid"))
	}
	return nil
}

func runtimeHasProc() bool {
	_, err := os.Stat("/proc/self/cwd")
	return err == nil
}

func gone(ctx context.Context, dataDir string, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for len(processesIn(dataDir)) > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
