package suite_test

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
	"kontor.internal/services/suite/internal/cli"
)

// victimEnv makes the test binary the kontor command, to be killed.
const victimEnv = "KONTOR_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		env := cli.Env{Lookup: os.LookupEnv, Stdout: os.Stdout, Stderr: os.Stderr, Version: "test"}
		os.Exit(cli.Main(ctx, env, []string{"suite"}))
	}
	os.Exit(m.Run())
}

// victim is a suite in a process of its own.
type victim struct {
	api

	cmd *exec.Cmd
	out *bytes.Buffer
}

func startVictim(t *testing.T, env map[string]string) *victim {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	v := &victim{cmd: exec.Command(exe), out: &bytes.Buffer{}, api: api{t: t, base: "http://" + env["KONTOR_HTTP_ADDR"]}}
	v.cmd.Env = append(os.Environ(), victimEnv+"=1")
	for name, value := range env {
		v.cmd.Env = append(v.cmd.Env, name+"="+value)
	}
	v.cmd.Stdout, v.cmd.Stderr = v.out, v.out
	require.NoError(t, v.cmd.Start())
	t.Cleanup(func() {
		v.kill()
		if t.Failed() {
			t.Logf("the victim said:\n%s", v.out)
		}
	})
	testkit.EventuallyWithin(t, time.Minute, func() error { return v.answers("/readyz", http.StatusOK) })
	return v
}

func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
}

func TestKillKeepsEverything(t *testing.T) {
	env := environment(t, openDir(t))
	v := startVictim(t, env)
	v.signIn()
	v.createDeals(5)
	v.kill() // before the report can have counted them all

	v = startVictim(t, env)
	v.signIn() // the same administrator, not a second first one
	require.EqualValues(t, 5, v.count("/v1/deals:count"))
	v.awaitOpenDeals(5)
	v.createDeals(1)
	v.awaitOpenDeals(6)
}

// An import is killed twice on its way, and goes on by itself each time.
func TestKilledImportResumes(t *testing.T) {
	const rows = 9000 // few enough for an exact count
	env := environment(t, openDir(t))
	v := startVictim(t, env)
	v.signIn()
	operation := v.importCompanies(rows)
	for _, past := range []int64{1, rows / 3} {
		v.awaitProgress(operation, past)
		v.kill()
		v = startVictim(t, env)
		v.signIn()
	}
	done := v.awaitEnd(operation)
	require.Equal(t, "STATE_SUCCEEDED", done["state"], "%v", done)
	for field, want := range map[string]int64{"done": rows, "total": rows, "rejected": 0} {
		n, err := number(done[field])
		require.NoError(t, err)
		require.Equal(t, want, n, field)
	}
	require.EqualValues(t, rows, v.count("/v1/companies:count"), "nothing lost, nothing doubled")
}

// importCompanies uploads a file of so many companies and starts its import.
func (a *api) importCompanies(rows int) (operation string) {
	a.t.Helper()
	var csv strings.Builder
	csv.WriteString("id,name,city\n")
	for i := range rows {
		fmt.Fprintf(&csv, "c-%d,Company %05d,Chennai\n", i, i)
	}
	file := a.upload("companies.csv", csv.String())
	out := a.must(http.MethodPost, "/v1/companies:import", object{"fileId": file, "mapping": `
kind: company
external_id: {source: test, column: id}
fields:
  name: {column: name}
`})
	op, _ := out["operation"].(object)
	id, _ := op["id"].(string)
	require.NotEmpty(a.t, id, "%v", out)
	return id
}

func (a *api) upload(name, content string) (id string) {
	a.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	require.NoError(a.t, err)
	_, err = part.Write([]byte(content))
	require.NoError(a.t, err)
	require.NoError(a.t, form.Close())
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.base+"/v1/files", &body)
	require.NoError(a.t, err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	out, err := a.send(req)
	require.NoError(a.t, err)
	file, _ := out["file"].(object)
	id, _ = file["id"].(string)
	require.NotEmpty(a.t, id, "%v", out)
	return id
}

func (a *api) operation(id string) (object, error) {
	out, err := a.call(http.MethodGet, "/v1/operations/"+id, nil)
	if err != nil {
		return nil, err
	}
	op, ok := out["operation"].(object)
	if !ok {
		return nil, fmt.Errorf("no operation in %v", out)
	}
	return op, nil
}

// awaitProgress waits until more rows than that are done, and fails if the import has ended: the test would prove
// nothing.
func (a *api) awaitProgress(id string, past int64) {
	a.t.Helper()
	testkit.Eventually(a.t, func() error {
		op, err := a.operation(id)
		if err != nil {
			return err
		}
		if op["endTime"] != nil {
			a.t.Fatalf("the import was over before it could be killed: %v", op)
		}
		done, err := number(op["done"])
		if err == nil && done < past {
			err = fmt.Errorf("%d rows done", done)
		}
		return err
	})
}

func (a *api) awaitEnd(id string) (op object) {
	a.t.Helper()
	testkit.EventuallyWithin(a.t, 2*time.Minute, func() error {
		var err error
		if op, err = a.operation(id); err == nil && op["endTime"] == nil {
			err = fmt.Errorf("not over: %v", op)
		}
		return err
	})
	return op
}
