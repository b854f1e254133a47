package suite_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
)

// The fault tests stop what the suite stands on, and start it again at the same address, as an outage would. What they
// ask for is always the same: clear errors meanwhile, recovery without anybody's help, no event lost.

func TestPostgresGoneForAWhile(t *testing.T) {
	s := start(t, openDir(t))
	s.signIn()
	s.createDeals(3)
	s.awaitOpenDeals(3)

	require.NoError(t, s.Infra.Postgres.Stop())
	_, err := s.call(http.MethodPost, "/v1/deals", object{"name": "during the outage"})
	requireOutage(t, err, http.StatusServiceUnavailable)
	testkit.Eventually(t, func() error { return s.answers("/readyz", http.StatusServiceUnavailable) })
	require.NoError(t, s.answers("/healthz", http.StatusOK), "alive: a restart would not help")

	require.NoError(t, s.Infra.Postgres.Start(t.Context()))
	testkit.Eventually(t, func() error { return s.answers("/readyz", http.StatusOK) })
	testkit.Eventually(t, func() error {
		_, err := s.call(http.MethodPost, "/v1/deals", object{"name": "after the outage"})
		return err
	})
	s.awaitOpenDeals(4)
}

func TestPostgresKilledUnderLoad(t *testing.T) {
	s := start(t, openDir(t))
	s.signIn()
	// Each deal is asked for until it is there: the same request ID makes a repetition harmless even where the answer,
	// not the write, was lost.
	const deals = 60
	done := make(chan error, 1)
	go func() {
		for i := range deals {
			if err := s.createDealFor(fmt.Sprintf("deal %d", i), fmt.Sprintf("outage-%d", i)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 3 {
		s.awaitAtLeast(1)
		require.NoError(t, s.Infra.Postgres.Stop())
		require.NoError(t, s.Infra.Postgres.Start(t.Context()))
	}
	require.NoError(t, <-done)
	require.EqualValues(t, deals, s.count("/v1/deals:count"))
	s.awaitOpenDeals(deals)
}

func TestKafkaGoneForAWhile(t *testing.T) {
	s := start(t, openDir(t))
	s.signIn()
	s.createDeals(2)
	s.awaitOpenDeals(2)

	require.NoError(t, s.Infra.Kafka.Stop())
	s.createDeals(5) // the outbox holds what is to be told
	require.EqualValues(t, 7, s.count("/v1/deals:count"), "one's own writes are read at once")
	require.NoError(t, s.Infra.Kafka.Start(t.Context()))
	s.createDeals(1)
	s.awaitOpenDeals(8)
}

func TestRedisGoneForAWhile(t *testing.T) {
	s := start(t, openDir(t))
	s.signIn()
	require.NoError(t, s.Infra.Redis.Stop())
	s.createDeals(2) // limits and streams suffer, records do not
	s.awaitOpenDeals(2)
	require.NoError(t, s.Infra.Redis.Start(t.Context()))
	s.createDeals(1)
	s.awaitOpenDeals(3)
}

// requireOutage wants problem details that say what is the matter, and nothing of what is inside.
func requireOutage(t *testing.T, err error, status int) {
	t.Helper()
	var p *problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, status, p.Status, p.Text)
	for _, inside := range []string{"goroutine", "127.0.0.1", "password", "dial tcp", ".go:"} {
		require.NotContains(t, p.Text, inside)
	}
}

func (a *api) answers(path string, status int) error {
	_, err := a.call(http.MethodGet, path, nil)
	var p *problem
	switch {
	case errors.As(err, &p):
		if p.Status == status {
			return nil
		}
		return p
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("%s is fine", path)
	}
	return nil
}

func (a *api) createDeals(n int) {
	a.t.Helper()
	for i := range n {
		a.must(http.MethodPost, "/v1/deals", object{"name": fmt.Sprintf("deal %d", i)})
	}
}

// createDealFor tries until it is answered.
func (a *api) createDealFor(name, requestID string) error {
	var last error
	for range 600 {
		req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.base+"/v1/deals", strings.NewReader(`{"name":"`+name+`"}`))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", requestID)
		if _, last = a.send(req); last == nil {
			return nil
		}
		var p *problem
		if errors.As(last, &p) && p.Status < http.StatusInternalServerError && p.Status != http.StatusTooManyRequests {
			return p
		}
		time.Sleep(50 * time.Millisecond)
	}
	return last
}

// count asks a list for how many there are.
func (a *api) count(path string) int64 {
	a.t.Helper()
	n, err := number(a.must(http.MethodGet, path, nil)["count"])
	require.NoError(a.t, err)
	return n
}

func (a *api) awaitAtLeast(n int64) {
	a.t.Helper()
	testkit.Eventually(a.t, func() error {
		out, err := a.call(http.MethodGet, "/v1/deals:count", nil)
		if err != nil {
			return err
		}
		have, err := number(out["count"])
		if err == nil && have < n {
			err = fmt.Errorf("%d deals", have)
		}
		return err
	})
}

// awaitOpenDeals waits until the report has counted that many, and fails at once if it ever counts more.
func (a *api) awaitOpenDeals(want int64) {
	a.t.Helper()
	testkit.Eventually(a.t, func() error {
		have, err := a.openDeals()
		if err == nil && have != want {
			err = fmt.Errorf("the report counts %d open deals, want %d", have, want)
		}
		if have > want {
			a.t.Fatal(err)
		}
		return err
	})
}

func (a *api) openDeals() (int64, error) {
	out, err := a.call(http.MethodPost, "/v1/reports/open-deals-by-stage:run", object{})
	if err != nil {
		return 0, err
	}
	report, _ := out["report"].(object)
	rows, _ := report["rows"].([]any)
	var sum int64
	for _, row := range rows {
		values, _ := row.(object)["values"].([]any)
		if len(values) < 2 {
			return 0, fmt.Errorf("a row with %d values", len(values))
		}
		cell, _ := values[1].(object)
		n, err := number(cell["plain"])
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// number reads what JSON writes as a number or, for int64, as a string.
func number(v any) (int64, error) {
	switch v := v.(type) {
	case float64:
		return int64(v), nil
	case string:
		var n int64
		_, err := fmt.Sscan(v, &n)
		return n, err
	case nil:
		return 0, nil // a default value left out
	}
	return 0, fmt.Errorf("%v is not a number", v)
}
