package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/embedded"
)

// victimEnv makes the test binary a process that runs servers until it is killed.
const victimEnv = "EMBEDDED_TEST_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		if err := runVictim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func runVictim(dir string) error {
	ctx := context.Background()
	p, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: dir + "/postgres"})
	if err != nil {
		return err
	}
	k, err := embedded.StartKafka(ctx, embedded.KafkaOptions{Dir: dir + "/kafka"})
	if err != nil {
		return err
	}
	fmt.Println(p.URL(), k.Addr(), p.PID())
	select {} // until killed
}

// victim is another process that runs the servers.
type victim struct {
	cmd         *exec.Cmd
	postgresURL string
	kafkaAddr   string
	postgresPID int
}

func startVictim(t *testing.T, dir string) *victim {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	v := &victim{cmd: exec.Command(exe)}
	v.cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	v.cmd.Stderr = os.Stderr
	out, err := v.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, v.cmd.Start())
	t.Cleanup(v.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Sscan(strings.TrimSpace(line), &v.postgresURL, &v.kafkaAddr, &v.postgresPID)
	require.NoError(t, err)
	return v
}

func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
}

// eventually waits for what the kernel or another process does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 30*time.Second, 10*time.Millisecond, what)
}
