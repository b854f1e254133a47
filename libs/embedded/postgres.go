package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	postgresAdmin = "postgres"
	startTimeout  = time.Minute
	stopTimeout   = 15 * time.Second
	pollInterval  = 10 * time.Millisecond
)

// PostgresOptions say how to run PostgreSQL.
type PostgresOptions struct {
	// Dir keeps the data folder, the password and the port. It is made if missing.
	Dir string
	// CacheDir keeps a fetched server if the machine has none; Dir if empty.
	CacheDir string
	// BinDir is the folder of initdb and postgres; searched for if empty.
	BinDir string
	// Settings are added to, and win over, the built-in ones for a small machine.
	Settings map[string]string
	// Throwaway gives up durability for speed, for tests.
	Throwaway bool
	Log       *slog.Logger
}

// Postgres is a running server. It restarts by itself when it ends unasked.
type Postgres struct {
	opts    PostgresOptions
	bin     string
	dataDir string
	// socketDir is empty if a socket's path would be too long.
	socketDir string
	password  string
	port      int
	owner     *owner          // nil: run as ourselves
	base      context.Context // the log's values, without the start's deadline

	mu    sync.Mutex
	child *Child // nil while stopped; may have ended and be about to be replaced
}

// StartPostgres starts a server on the folder, making its data folder the first
// time, and returns when it answers. ctx bounds the start, not the server.
func StartPostgres(ctx context.Context, opts PostgresOptions) (*Postgres, error) {
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(ctx, startTimeout+5*time.Minute) // may have to fetch
	defer cancel()

	p := &Postgres{opts: opts, base: context.WithoutCancel(ctx)}
	if err := p.prepare(ctx); err != nil {
		return nil, fmt.Errorf("embedded postgresql: %w", err)
	}
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// URL names the administrator's database. Its password is made up and is kept
// in the folder.
func (p *Postgres) URL() string { return p.urlOn(p.port) }

// SocketURL is URL by way of a Unix socket, which costs a fifth less than the
// loopback interface. It is URL itself if the folder's path is too long for one.
func (p *Postgres) SocketURL() string {
	if p.socketDir == "" {
		return p.URL()
	}
	u := url.URL{Scheme: "postgres", Path: "/postgres", User: url.UserPassword(postgresAdmin, p.password)}
	u.RawQuery = url.Values{"host": {p.socketDir}, "port": {strconv.Itoa(p.port)}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

func (p *Postgres) urlOn(port int) string {
	u := url.URL{
		Scheme: "postgres", Host: loopback(port), Path: "/postgres",
		User: url.UserPassword(postgresAdmin, p.password), RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Version is the server's major version and the folder of its binaries.
func (p *Postgres) Version() string {
	version, err := dataVersion(p.dataDir)
	if err != nil {
		return p.bin
	}
	return version + " (" + p.bin + ")"
}

// PID is the server's process ID, 0 while it is stopped.
func (p *Postgres) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return 0
	}
	return p.child.PID()
}

// Start starts a stopped server again, at the same address.
func (p *Postgres) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != nil {
		return nil
	}
	c, err := p.launch(ctx)
	if err != nil {
		return fmt.Errorf("embedded postgresql: %w", err)
	}
	p.child = c
	go p.watch(c)
	return nil
}

// Stop stops the server; open transactions are rolled back.
func (p *Postgres) Stop() error {
	p.mu.Lock()
	c := p.child
	p.child = nil
	p.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.Stop(syscall.SIGINT)
}

// Close see [Postgres.Stop].
func (p *Postgres) Close() error { return p.Stop() }

// watch starts the server again when it ends although nobody asked for it, say
// because the kernel ran out of memory and picked it.
func (p *Postgres) watch(c *Child) {
	<-c.done
	for pause := 100 * time.Millisecond; p.replace(c); pause = min(2*pause, 10*time.Second) {
		<-time.After(pause)
	}
}

// replace reports whether it has to be tried again.
func (p *Postgres) replace(c *Child) (again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != c {
		return false // stopped
	}
	p.opts.Log.ErrorContext(p.base, "postgresql ended unasked; starting it again", "error", c.Err())
	ctx, cancel := context.WithTimeout(p.base, startTimeout)
	defer cancel()
	next, err := p.launch(ctx)
	if err != nil {
		p.opts.Log.ErrorContext(p.base, "postgresql does not start", "error", err)
		return true
	}
	p.child = next
	go p.watch(next)
	return false
}

// prepare finds the server, the folder's owner and the password, and runs
// initdb the first time.
func (p *Postgres) prepare(ctx context.Context) error {
	if err := os.MkdirAll(p.opts.Dir, 0o755); err != nil { //nolint:gosec // the server's user has to pass through
		return err
	}
	dir, err := filepath.Abs(p.opts.Dir)
	if err != nil {
		return err
	}
	if p.owner, err = unprivilegedOwner(); err != nil {
		return err
	}
	if dir, err = reachable(dir, p.owner); err != nil {
		return err
	}
	p.opts.Dir = dir
	p.dataDir = filepath.Join(dir, "data")

	if p.socketDir, err = makeSocketDir(filepath.Join(dir, "socket"), p.owner); err != nil {
		return err
	}
	version, err := dataVersion(p.dataDir)
	if err != nil {
		return err
	}
	if p.bin, err = p.findServer(ctx, version); err != nil {
		return err
	}
	if p.password, err = keptPassword(filepath.Join(dir, "password"), version == ""); err != nil {
		return err
	}
	if version == "" {
		return p.initdb(ctx)
	}
	return checkOwner(p.dataDir, p.owner)
}

// launch runs the server and waits until it answers.
func (p *Postgres) launch(ctx context.Context) (c *Child, err error) {
	if err := clearStale(ctx, p.dataDir, p.opts.Log); err != nil {
		return nil, err
	}
	if err := clearSockets(p.socketDir); err != nil {
		return nil, err
	}
	if p.port != 0 { // clients know it
		return p.launchOn(ctx, p.port)
	}
	err = onFreePort(ctx, filepath.Join(p.opts.Dir, "port"), func(port int) error {
		c, err = p.launchOn(ctx, port)
		return err
	})
	return c, err
}

func (p *Postgres) launchOn(ctx context.Context, port int) (*Child, error) {
	args := []string{"-D", p.dataDir}
	settings := p.settings(port)
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", k+"="+settings[k])
	}
	cmd := exec.Command(filepath.Join(p.bin, "postgres"), args...) //nolint:gosec,noctx // our own arguments; outlives ctx
	p.runAs(cmd)
	c, err := StartChild(cmd, p.logLine)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if err := p.awaitReady(ctx, c, port); err != nil {
		return nil, errors.Join(err, c.Stop(syscall.SIGQUIT))
	}
	p.port = port
	return c, nil
}

func (p *Postgres) settings(port int) map[string]string {
	s := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": p.socketDir,
		"max_connections":         "300",
		"shared_buffers":          "128MB",
		"work_mem":                "8MB",
		"maintenance_work_mem":    "64MB",
		"effective_cache_size":    "1GB",
		"random_page_cost":        "1.1",
		"jit":                     "off", // costs more than it gains on our short statements
		"huge_pages":              "off",
		"wal_level":               "minimal",
		"max_wal_senders":         "0",
		"wal_compression":         "on",
		"max_wal_size":            "2GB",
		"checkpoint_timeout":      "15min",
		"autovacuum_naptime":      "15s", // the outbox is a queue
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"lc_messages":             "C",
		"log_destination":         "stderr",
		"logging_collector":       "off",
		"log_line_prefix":         "",
		// Not ERROR: expected ones (a unique name is taken) are answered to the
		// caller, and their texts carry personal data.
		"log_min_messages":        "log",
		"log_min_error_statement": "panic",
		"log_checkpoints":         "off",
	}
	if p.opts.Throwaway {
		for _, k := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
			s[k] = "off"
		}
		s["shared_buffers"] = "64MB"
		s["max_connections"] = "400"
		s["autovacuum_naptime"] = "1min"
	}
	for k, v := range p.opts.Settings {
		s[k] = v
	}
	return s
}

// awaitReady waits for the server to say so in its lock file, which costs no
// failed logins, and then proves it with one connection.
func (p *Postgres) awaitReady(ctx context.Context, c *Child, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !lockFileSays(p.dataDir, "ready") {
		select {
		case <-c.done:
			err := fmt.Errorf("the server ended while starting: %w", c.Err())
			if strings.Contains(err.Error(), "Address already in use") {
				err = errors.Join(err, syscall.EADDRINUSE)
			}
			return err
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", ctx.Err())
		case <-tick.C:
		}
	}
	conn, err := pgx.Connect(ctx, p.urlOn(port))
	if err != nil {
		return fmt.Errorf("the server refuses its administrator: %w", err)
	}
	return conn.Close(ctx)
}

// logLine passes the server's log on.
func (p *Postgres) logLine(line string) {
	level := slog.LevelDebug
	if strings.HasPrefix(line, "FATAL:") || strings.HasPrefix(line, "PANIC:") {
		level = slog.LevelWarn
	}
	p.opts.Log.Log(p.base, level, "postgresql", "line", line)
}

func keptPassword(file string, mayMake bool) (string, error) {
	b, err := os.ReadFile(filepath.Clean(file))
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !mayMake || !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the administrator's password: %w", err)
	}
	password := rand.Text()
	return password, writeFileAtomic(file, []byte(password+"\n"), 0o600)
}
