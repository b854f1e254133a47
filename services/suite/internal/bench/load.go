package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// result of a load.
type result struct {
	requests int
	took     time.Duration
	times    []time.Duration
	// cpu is what the suite and PostgreSQL have used.
	cpu usage
}

// usage is processor time.
type usage struct{ suite, postgres time.Duration }

func (u usage) minus(o usage) usage { return usage{u.suite - o.suite, u.postgres - o.postgres} }

func (r result) perSecond() float64 { return float64(r.requests) / r.took.Seconds() }

func (r result) cpuPerRequest() string {
	each := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(max(1, r.requests)) }
	return fmt.Sprintf("%.2f ms (suite %.2f, PostgreSQL %.2f)", each(r.cpu.suite+r.cpu.postgres), each(r.cpu.suite), each(r.cpu.postgres))
}

// load sends requests over n connections for some seconds, each as soon as the one before is answered. The requests are
// written by hand: the generator shares the cores with what it measures.
func (r *run) load(ctx context.Context, name string, n int, length time.Duration, request func(worker, i int) []byte) (result, error) {
	profiled := r.profile(ctx, name, length)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var res result
	var errs []error
	before := r.cpu()
	began := time.Now()
	for w := range n {
		wg.Go(func() {
			times, err := r.work(ctx, began.Add(length), func(i int) []byte { return request(w, i) })
			mu.Lock()
			defer mu.Unlock()
			res.times = append(res.times, times...)
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	res.took, res.requests, res.cpu = time.Since(began), len(res.times), r.cpu().minus(before)
	return res, errors.Join(append(errs, profiled())...)
}

func (r *run) work(ctx context.Context, until time.Time, request func(i int) []byte) ([]time.Duration, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", httpAddr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var times []time.Duration
	for i := 0; time.Now().Before(until) && ctx.Err() == nil; i++ {
		began := time.Now()
		if _, err := conn.Write(request(i)); err != nil {
			return times, err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return times, err
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			return times, err
		}
		if res.StatusCode != http.StatusOK {
			return times, fmt.Errorf("HTTP %d: %s", res.StatusCode, body)
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}

func (r *run) get(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", path, r.token)
}

func (r *run) post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", path, r.token, len(body), body)
}

// clockTick is Linux's USER_HZ, 100 on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// cpu is the time that the suite and PostgreSQL's processes have had.
func (r *run) cpu() usage {
	u := usage{suite: processCPU(r.suite.Process.Pid), postgres: processCPU(r.pg.PID())}
	for _, pid := range children(r.pg.PID()) {
		u.postgres += processCPU(pid)
	}
	return u
}

// profile asks the suite for a CPU profile of the seconds of a load and keeps it under a name; the function it returns
// waits for it. Taking one costs a little, so that figures are better taken without.
func (r *run) profile(ctx context.Context, name string, length time.Duration) (wait func() error) {
	if r.Profiles == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", adminAddr, max(1, int(length.Seconds())-1))
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			raw, err := io.ReadAll(res.Body)
			if err := errors.Join(err, res.Body.Close()); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(r.Profiles, name+".pprof"), raw, 0o600)
		}()
	}()
	return func() error { return <-done }
}

// processCPU reads user and system time from /proc; 0 for a process that has gone. Children that have ended count with
// their parent.
func processCPU(pid int) time.Duration {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	// The name, in parentheses, may hold spaces.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	var ticks int64
	for _, i := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick
}

func children(pid int) []int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var out []int
	for _, f := range strings.Fields(string(raw)) {
		if n, err := strconv.Atoi(f); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// rss is a process's resident memory, in bytes.
func rss(pid int) int64 {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
