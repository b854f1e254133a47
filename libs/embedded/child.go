package embedded

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Child is a process that ends with ours, however ours ends.
type Child struct {
	cmd  *exec.Cmd
	last []string
	err  error
	done chan struct{}
}

// StartChild runs cmd, calling log with every line it says.
//
// The kernel sends the parent-death signal when the *thread* that started the
// child ends, so a goroutine stays locked to that thread for the child's life.
func StartChild(cmd *exec.Cmd, log func(line string)) (*Child, error) {
	c := &Child{cmd: cmd, done: make(chan struct{})}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = sysProcAttr(nil)
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = cmd.Stderr
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		close(started)
		c.last = follow(out, log)
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

// PID is the process's ID.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says why the process ended, with its last words, and nil while it runs.
func (c *Child) Err() error {
	select {
	case <-c.done:
		return fmt.Errorf("%w\n%s", c.err, strings.Join(c.last, "\n"))
	default:
		return nil
	}
}

// follow returns the last lines.
func follow(r io.Reader, log func(string)) []string {
	const keep = 20
	var last []string
	for sc := bufio.NewScanner(r); sc.Scan(); {
		if last = append(last, sc.Text()); len(last) > keep {
			last = last[1:]
		}
		log(sc.Text())
	}
	_, _ = io.Copy(io.Discard, r) // after a line too long for the scanner; a full pipe would stop the process
	return last
}

// Stop asks with the signal and insists after a while.
func (c *Child) Stop(sig syscall.Signal) error {
	for _, s := range []syscall.Signal{sig, syscall.SIGQUIT, syscall.SIGKILL} {
		select {
		case <-c.done: // its ID may be somebody else's by now
			return nil
		default:
		}
		if err := syscall.Kill(c.PID(), s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal %s to process %d: %w", s, c.PID(), err)
		}
		select {
		case <-c.done:
			return nil
		case <-time.After(stopTimeout):
		}
	}
	return fmt.Errorf("process %d does not end", c.PID())
}
