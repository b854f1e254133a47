package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/services/suite/internal/remote"
)

func (r *run) length() time.Duration { return time.Duration(r.Seconds) * time.Second }

// lists measures a page of 50, filtered and sorted, alone and then under load for its cost.
func (r *run) lists(ctx context.Context) error {
	path := func(i int) string {
		return "/v1/contacts?" + url.Values{
			"pageSize": {"50"}, "filter": {fmt.Sprintf(`position = "Buyer" AND create_time > "20%02d-01-01T00:00:00Z"`, i%20)}, "orderBy": {"name"},
		}.Encode()
	}
	alone, err := r.load(ctx, "list-alone", 1, r.length(), func(_, i int) []byte { return r.get(path(i)) })
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	r.row("list 50 of "+strconv.Itoa(r.Contacts)+" contacts, filtered and sorted, alone: p50 / p99",
		ms(quantile(alone.times, .5))+" / "+ms(quantile(alone.times, .99)), "p99 < 25 ms", "")
	full, err := r.load(ctx, "list", workers, r.length(), func(_, i int) []byte { return r.get(path(i)) })
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	r.row("list: CPU per request, services and database", full.cpuPerRequest(), "1.2 ms", fmt.Sprintf("%.0f/s", full.perSecond()))
	return nil
}

// board measures the board of the ready-made pipeline, with all deals on it.
func (r *run) board(ctx context.Context) error {
	id, err := r.pipeline(ctx)
	if err != nil {
		return err
	}
	res, err := r.load(ctx, "board", 1, r.length(), func(int, int) []byte { return r.get("/v1/deals:board?pipelineId=" + id) })
	if err != nil {
		return fmt.Errorf("board: %w", err)
	}
	r.row(fmt.Sprintf("board of %d open deals, alone: p50 / p99", r.Deals),
		ms(quantile(res.times, .5))+" / "+ms(quantile(res.times, .99)), "p99 < 40 ms", "")
	return nil
}

func (r *run) pipeline(ctx context.Context) (string, error) {
	var found string
	err := r.client.Each(ctx, "pipelines", "", func(o remote.Object) error {
		if o["name"] == "Sales" && (found == "" || o["isDefault"] == true) {
			found, _ = o["id"].(string)
		}
		return nil
	})
	return found, err
}

// freshness changes 500 deals a second and measures when the report's facts have some of them.
func (r *run) freshness(ctx context.Context) error {
	const rate, sampled = 500, 10
	id, err := r.pipeline(ctx)
	if err != nil {
		return err
	}
	deals, err := r.someDeals(ctx, id, 4000)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var lags []time.Duration
	var wg sync.WaitGroup
	jobs := make(chan int, rate)
	for range workers {
		wg.Go(func() {
			for i := range jobs {
				// Through the API's own client: its cost does not count here.
				body := remote.Object{"probability": i % 100}
				if err := r.client.Patch(ctx, "/v1/deals/"+deals[i%len(deals)], body); err != nil || i%sampled != 0 {
					continue
				}
				committed := time.Now()
				if r.awaitFact(ctx, deals[i%len(deals)], i%100) == nil {
					mu.Lock()
					lags = append(lags, time.Since(committed))
					mu.Unlock()
				}
			}
		})
	}
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	began := time.Now()
	n := rate * r.Seconds
	for i := range n {
		<-tick.C
		jobs <- i
	}
	close(jobs)
	wg.Wait()
	took := time.Since(began)
	r.row(fmt.Sprintf("commit → visible in the report, at %.0f events/s: p50 / p99", float64(n)/took.Seconds()),
		ms(quantile(lags, .5))+" / "+ms(quantile(lags, .99)), "p99 < 500 ms", "")
	return nil
}

func (r *run) someDeals(ctx context.Context, pipelineID string, n int) ([]string, error) {
	var ids []string
	err := r.withDatabase(ctx, "deals", func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT id::text FROM deals WHERE pipeline_id = $1 LIMIT $2`, pipelineID, n)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return ids, err
}

// awaitFact looks at the facts until they have the deal's new probability.
func (r *run) awaitFact(ctx context.Context, dealID string, probability int) error {
	return r.withDatabase(ctx, "reporting", func(conn *pgx.Conn) error {
		for range 1000 {
			var now *int
			err := conn.QueryRow(ctx, `SELECT probability FROM deal_facts WHERE deal_id = $1`, dealID).Scan(&now)
			if err != nil {
				return err
			}
			if now != nil && *now == probability {
				return nil
			}
			if err := pause(ctx, 3*time.Millisecond); err != nil {
				return err
			}
		}
		return fmt.Errorf("deal %s never reached the facts", dealID)
	})
}

// gets measures reading a contact, and the bare select of the same row.
func (r *run) gets(ctx context.Context) error {
	var ids []string
	err := r.withDatabase(ctx, "contacts", func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT id::text FROM contacts LIMIT 10000`)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	pick := func(w, i int) string { return ids[(w*7919+i*31)%len(ids)] }
	if err := r.signIn(ctx); err != nil { // a token lives ten minutes
		return err
	}
	res, err := r.load(ctx, "get", workers, r.length(), func(w, i int) []byte { return r.get("/v1/contacts/" + pick(w, i)) })
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	bare, err := r.bareGets(ctx, pick)
	if err != nil {
		return err
	}
	r.row("get a contact by ID, 32 connections", fmt.Sprintf("%.0f/s, p99 %s", res.perSecond(), ms(quantile(res.times, .99))),
		fmt.Sprintf("%.0f/s bare select", bare), fmt.Sprintf("%.2f (wanted 0.18)", res.perSecond()/bare))
	r.row("get: CPU per request, services and database", res.cpuPerRequest(), "0.3 ms", "")
	return nil
}

// creates measures making contacts, and a bare program that inserts the same rows with one commit each. The suite stands
// still meanwhile, for the relay would publish what the bare program writes.
func (r *run) creates(ctx context.Context) error {
	if err := r.signIn(ctx); err != nil {
		return err
	}
	stamp := strconv.FormatInt(time.Now().UnixNano(), 36)
	res, err := r.load(ctx, "create", workers, r.length(), func(w, i int) []byte {
		n := fmt.Sprintf("%s-%d-%d", stamp, w, i)
		return r.post("/v1/contacts", `{"firstName":"Ann","lastName":"Lee `+n+`","emails":[{"address":"`+n+`@example.com","primary":true}],`+
			`"phones":[{"number":"+49 30 `+strconv.Itoa(1_000_000+(w*100_000+i)%9_000_000)+`","primary":true}]}`)
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if err := errors.Join(r.settle(ctx), r.vacuum(ctx), r.stop()); err != nil {
		return err
	}
	bare, err := r.bareCreates(ctx)
	if err != nil {
		return err
	}
	r.row("create a contact through REST, 32 connections", fmt.Sprintf("%.0f/s, p99 %s", res.perSecond(), ms(quantile(res.times, .99))),
		fmt.Sprintf("%.0f/s bare inserts", bare), fmt.Sprintf("%.2f (wanted 0.35)", res.perSecond()/bare))
	r.row("create: CPU per request, services and database", res.cpuPerRequest(), "0.8 ms", "")
	return nil
}
