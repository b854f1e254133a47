package separate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"kontor.internal/libs/embedded"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/testkit"
	"kontor.internal/libs/testkit/realserver"
)

const (
	repository = "../../../.."
	gateway    = "gateway"
	identity   = "identity"
	files      = "files"
	operator   = "kontor" // runs no service, but the commands on all of them
)

// services in the order of their parts in the suite, which need not be the order of their start.
func services() []string {
	return []string{identity, files, "contacts", "catalog", "deals", "reporting", gateway}
}

// withJobs are the services whose databases have River's tables too.
func withJobs() []string { return []string{identity, "contacts", "catalog", "deals"} }

// installation is every service in a process of its own.
type installation struct {
	t         *testing.T
	bin       string
	env       map[string]map[string]string // by service
	owners    map[string]string            // by service with a database: the address that migrate gets
	processes map[string]*process
}

// install makes what the binaries in bin need, as an operator does. Nothing runs yet.
func install(t *testing.T, bin, kafka string) *installation {
	t.Helper()
	in := &installation{t: t, bin: bin, env: compose(t), owners: map[string]string{}, processes: map[string]*process{}}
	redis := testkit.RedisURL(t)
	ports := freePorts(t, 2*len(services())+1)
	take := func() string {
		addr := ports[0]
		ports = ports[1:]
		return addr
	}
	var neighbours []string
	for _, s := range services() {
		in.set(s, "KONTOR_GRPC_ADDR", take())
		in.set(s, "KONTOR_ADMIN_ADDR", take())
		neighbours = append(neighbours, s+"="+in.env[s]["KONTOR_GRPC_ADDR"])
	}
	in.set(gateway, "KONTOR_HTTP_ADDR", take())
	in.set(files, "KONTOR_BLOB_URL", "file://"+t.TempDir())
	for _, s := range services() {
		in.set(s, "KONTOR_KAFKA_BROKERS", kafka)
		in.set(s, "KONTOR_REDIS_URL", redis)
		// Compose and Kubernetes have a name for each service, and so every one the same port. One machine does not.
		in.env[s]["KONTOR_SERVICES"] = strings.Join(neighbours, ",")
		// What deploy/k8s sets besides; there it is longer.
		in.env[s]["KONTOR_DRAIN_DELAY"] = "50ms"
		if s == gateway {
			continue // has no database
		}
		var groups []string
		if s == identity {
			groups = append(groups, pg.RoleAccounts)
		}
		db := testkit.EmptyDatabase(t, s, groups...)
		in.set(s, "KONTOR_POSTGRES_URL", db.URL)
		in.set(operator, "KONTOR_"+strings.ToUpper(s)+"_POSTGRES_URL", db.URL)
		in.owners[s] = db.OwnerURL
	}
	in.env[identity]["KONTOR_PRODUCTION"] = "true"
	in.set(operator, "KONTOR_KAFKA_BROKERS", kafka)
	in.env[operator]["KONTOR_SERVICES"] = strings.Join(neighbours, ",")
	return in
}

// build makes the binaries, and returns their folder.
func build(t *testing.T) string {
	t.Helper()
	began, bin := time.Now(), t.TempDir()
	// As the Makefile does it, so that what that has compiled is used.
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", bin + string(filepath.Separator), "kontor.internal/services/suite/cmd/kontor"}
	for _, s := range services() {
		args = append(args, "kontor.internal/services/"+s+"/cmd/"+s)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("built in %s", time.Since(began).Round(time.Second))
	return bin
}

// brokers are what an installation is tested on, each for itself alone: the topics' names are fixed, and other tests may
// be at work on a shared one.
func brokers() map[string]func(*testing.T) string {
	all := map[string]func(*testing.T) string{"embedded": func(t *testing.T) string {
		kafka, err := embedded.StartKafka(t.Context(), embedded.KafkaOptions{Dir: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, kafka.Close()) })
		return kafka.Addr()
	}}
	if jars := os.Getenv(realserver.KafkaJarsEnv); jars != "" {
		all["Apache Kafka"] = func(t *testing.T) string {
			kafka, err := realserver.StartKafka(t.Context(), jars, t.TempDir())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, kafka.Stop()) })
			return kafka.Addr
		}
	}
	return all
}

// set gives a variable another value than the compose file. One that is not in the file is not set behind its back.
func (in *installation) set(service, name, value string) {
	in.t.Helper()
	require.Contains(in.t, in.env[service], name, "docker-compose.yml, %s", service)
	in.env[service][name] = value
}

// compose reads the environments of the services from docker-compose.yml, with the defaults of what the operator may
// set.
func compose(t *testing.T) map[string]map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository, "docker-compose.yml"))
	require.NoError(t, err)
	var file struct {
		Services map[string]struct {
			Environment map[string]string `yaml:"environment"`
		} `yaml:"services"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	variable := regexp.MustCompile(`\$\{\w+:-([^}]*)\}`)
	out := map[string]map[string]string{}
	for _, s := range append(services(), operator) {
		out[s] = map[string]string{}
		for name, value := range file.Services[s].Environment {
			out[s][name] = variable.ReplaceAllString(value, "$1")
		}
	}
	return out
}

// freePorts are loopback addresses that nobody listens on, below the range from which the system gives ports to
// outgoing connections: a service keeps its port while it is stopped.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	var held []net.Listener
	for tries := 0; len(out) < n && tries < 100*n; tries++ {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err == nil {
			out, held = append(out, ln.Addr().String()), append(held, ln)
		}
	}
	require.Len(t, out, n, "free ports")
	for _, ln := range held {
		require.NoError(t, ln.Close())
	}
	return out
}

// command is a binary of ours with exactly the environment given: what the test inherits is not what an operator sets.
func (in *installation) command(ctx context.Context, service string, env map[string]string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(in.bin, service), args...)
	cmd.Dir = in.t.TempDir()
	cmd.Env = []string{}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	return cmd
}

// migrate brings the schema of a service up to date, as the migration Job does: it knows the owner's address and the
// brokers, nothing else.
func (in *installation) migrate(service string) {
	in.t.Helper()
	out, err := in.command(in.t.Context(), service, map[string]string{
		"KONTOR_POSTGRES_OWNER_URL": in.owners[service], "KONTOR_KAFKA_BROKERS": in.env[service]["KONTOR_KAFKA_BROKERS"],
	}, "migrate").CombinedOutput()
	require.NoError(in.t, err, "%s migrate: %s", service, out)
}

// kontor runs a command of the operator's and returns what it printed.
func (in *installation) kontor(extra map[string]string, args ...string) (string, error) {
	in.t.Helper()
	env := maps.Clone(in.env[operator])
	maps.Copy(env, extra)
	out, err := in.command(in.t.Context(), operator, env, args...).CombinedOutput()
	return string(out), err
}

// process is one that runs.
type process struct {
	service string
	cmd     *exec.Cmd
	out     *output
	ended   chan struct{}
	err     error // once ended
}

// start starts a service and does not wait for it.
func (in *installation) start(service string) {
	in.t.Helper()
	// It ends when told to, at the latest by the clean-up.
	p := &process{
		service: service, cmd: in.command(context.WithoutCancel(in.t.Context()), service, in.env[service]), out: &output{},
		ended: make(chan struct{}),
	}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	require.NoError(in.t, p.cmd.Start())
	in.processes[service] = p
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	in.t.Cleanup(func() {
		p.kill()
		if in.t.Failed() {
			text := p.out.String()
			in.t.Logf("%s said:\n%s", service, text[max(0, len(text)-3000):])
		}
	})
}

// awaitReady waits until a service says that it is ready, and gives up when it has ended instead.
func (in *installation) awaitReady(service string) {
	in.t.Helper()
	p := in.processes[service]
	testkit.EventuallyWithin(in.t, time.Minute, func() error {
		select {
		case <-p.ended:
			require.Fail(in.t, "ended instead of getting ready", "%s: %v\n%s", service, p.err, p.out)
		default:
		}
		return probe(in.t.Context(), "http://"+in.env[service]["KONTOR_ADMIN_ADDR"]+"/readyz")
	})
}

func probe(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, res.Status, body)
	}
	return err
}

// kill is the machine's failure: the process is asked nothing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop is the operator's SIGTERM to some services at once. Each ends by itself, and well.
func (in *installation) stop(names ...string) {
	in.t.Helper()
	for _, s := range names {
		require.NoError(in.t, in.processes[s].cmd.Process.Signal(syscall.SIGTERM), s)
	}
	for _, s := range names {
		p := in.processes[s]
		select {
		case <-p.ended:
			require.NoError(in.t, p.err, "%s was told to stop, and said:\n%s", s, p.out)
		case <-time.After(45 * time.Second): // the grace period of deploy/k8s is 60 s
			require.Fail(in.t, "does not stop", "%s:\n%s", s, p.out)
		}
	}
}

// output keeps what a process prints; it may be read meanwhile.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// password is what identity made up for the first administrator and printed.
func (in *installation) password() (email, password string) {
	in.t.Helper()
	said := regexp.MustCompile(`(?m)^First start\. Sign in as (\S+) with the password (\S+)$`)
	testkit.Eventually(in.t, func() error {
		found := said.FindStringSubmatch(in.processes[identity].out.String())
		if found == nil {
			return errors.New("identity has told no password")
		}
		email, password = found[1], found[2]
		return nil
	})
	return email, password
}
