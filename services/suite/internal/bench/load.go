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
	// cpu is of the suite and of PostgreSQL together.
	cpu time.Duration
}

func (r result) perSecond() float64 { return float64(r.requests) / r.took.Seconds() }

func (r result) cpuPerRequest() string {
	return fmt.Sprintf("%.2f ms", r.cpu.Seconds()*1000/float64(max(1, r.requests)))
}

// load sends requests over n connections for some seconds, each as soon as the one before is answered. The requests are
// written by hand: the generator shares the cores with what it measures.
func (r *run) load(ctx context.Context, n int, length time.Duration, request func(worker, i int) []byte) (result, error) {
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
	res.took, res.requests, res.cpu = time.Since(began), len(res.times), r.cpu()-before
	return res, errors.Join(errs...)
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
func (r *run) cpu() time.Duration {
	total := processCPU(r.suite.Process.Pid)
	for _, pid := range children(r.pg.PID()) {
		total += processCPU(pid)
	}
	return total + processCPU(r.pg.PID())
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
