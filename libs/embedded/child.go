package embedded

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a process that ends with ours.
type child struct {
	cmd  *exec.Cmd
	last []string
	err  error         // why it ended; read after done
	done chan struct{} // closed when it has ended
}

// startChild runs cmd, its output going to logs, which returns the lines worth
// keeping for an error message.
//
// The kernel sends the parent-death signal when the *thread* that started the
// child ends, so a goroutine stays locked to that thread for the child's life.
func startChild(cmd *exec.Cmd, logs func(io.Reader) []string) (*child, error) {
	c := &child{cmd: cmd, done: make(chan struct{})}
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		close(started)
		c.last = logs(out)
		c.err = cmd.Wait()
		if c.err == nil {
			c.err = errors.New("exit status 0")
		}
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// tail is what the process said last. If it runs still, that is not known yet.
func (c *child) tail() []string {
	select {
	case <-c.done:
		return c.last
	default:
		return nil
	}
}

// stop asks with the signal and insists after a while.
func (c *child) stop(sig syscall.Signal) error {
	for _, s := range []syscall.Signal{sig, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := syscall.Kill(c.pid(), s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal %s to process %d: %w", s, c.pid(), err)
		}
		select {
		case <-c.done:
			return nil
		case <-time.After(stopTimeout):
		}
	}
	return fmt.Errorf("process %d does not end", c.pid())
}
