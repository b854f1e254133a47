// Package bench measures the suite from outside, as built: a binary started on a PostgreSQL with durable commits, loaded
// with records, and asked over REST. Figures are set beside a bare program's on the same database in the same run.
package bench

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/embedded"
	"kontor.internal/services/suite/internal/remote"
)

// Options of a run.
type Options struct {
	// Binary is the built kontor.
	Binary string
	// Dir is an empty folder.
	Dir string
	// SalesData is the folder of the real sales history; its import is left out if it is empty.
	SalesData string
	// Mappings is docs/examples/sales.
	Mappings string
	// Contacts and Deals are how many to load.
	Contacts, Deals int
	// Seconds is how long each load lasts.
	Seconds int
	// Only names the parts to measure, of those in steps; if it is empty, all but base. What they stand on is loaded before.
	Only []string
	// Profiles is a folder for a CPU profile of the suite under each load; none are taken if it is empty.
	Profiles string
	// Out takes the figures, as a table.
	Out io.Writer
}

const (
	httpAddr  = "127.0.0.1:18180"
	grpcAddr  = "127.0.0.1:18190"
	adminAddr = "127.0.0.1:18191"
	email     = "bench@example.com"
	password  = "correct-horse-battery-7" // of a suite that lives for minutes
	workers   = 32
)

// run is one benchmark run.
type run struct {
	Options

	pg     *embedded.Postgres
	suite  *exec.Cmd
	token  string
	client *remote.Client
}

// Run measures everything and writes a table.
func Run(ctx context.Context, o Options) (err error) {
	r := &run{Options: o}
	settings := map[string]string{}
	if o.Profiles != "" { // costs a little, as profiles do
		settings["shared_preload_libraries"] = "pg_stat_statements"
	}
	if r.pg, err = embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: filepath.Join(o.Dir, "postgres"), Settings: settings}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop(), r.pg.Close()) }()
	if o.Profiles != "" {
		err := r.withDatabase(ctx, "postgres", func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "CREATE EXTENSION pg_stat_statements")
			return err
		})
		if err != nil {
			return err
		}
	}
	if _, err = r.start(ctx); err != nil {
		return err
	}
	r.row("what", "figure", "reference", "ratio")
	r.row("---", "---", "---", "---")
	for _, s := range r.steps() {
		if !r.wanted(s) {
			continue
		}
		if err := s.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

type step struct {
	name string
	// loads is what a step that only loads is needed for.
	loads []string
	// apart is a step that is measured only if it is named: it has data of its own.
	apart bool
	run   func(context.Context) error
}

func (r *run) steps() []step {
	return []step{
		{name: "sales", run: r.importSales},
		{name: "contacts", loads: []string{"restart", "list", "get", "create"}, run: r.importContacts},
		{name: "deals", loads: []string{"restart", "board", "freshness"}, run: r.importDeals},
		{name: "restart", run: r.restart},
		{name: "list", run: r.lists},
		{name: "board", run: r.board},
		{name: "freshness", run: r.freshness},
		{name: "get", run: r.gets},
		{name: "create", run: r.creates},
		{name: "base", apart: true, run: r.base},
	}
}

func (r *run) wanted(s step) bool {
	if len(r.Only) == 0 {
		return !s.apart
	}
	return slices.ContainsFunc(r.Only, func(name string) bool { return name == s.name || slices.Contains(s.loads, name) })
}

func (r *run) row(cells ...string) { fmt.Fprintln(r.Out, "| "+strings.Join(cells, " | ")+" |") }

// start starts the binary and returns how long it took to be ready.
func (r *run) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(filepath.Join(r.Dir, "suite.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	r.suite = exec.CommandContext(ctx, r.Binary, "suite")
	r.suite.Stdout, r.suite.Stderr = log, log
	r.suite.Env = append(os.Environ(), "KONTOR_DATA_DIR="+filepath.Join(r.Dir, "data"), "KONTOR_POSTGRES_URL="+r.pg.URL(),
		"KONTOR_HTTP_ADDR="+httpAddr, "KONTOR_GRPC_ADDR="+grpcAddr, "KONTOR_ADMIN_ADDR="+adminAddr,
		"KONTOR_ADMIN_EMAIL="+email, "KONTOR_ADMIN_PASSWORD="+password, "KONTOR_KAFKA_BROKERS=", "KONTOR_REDIS_URL=")
	began := time.Now()
	if err := r.suite.Start(); err != nil {
		return 0, err
	}
	if err := r.await(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	r.client, err = remote.New(httpAddr, remote.Credentials{Email: email, Password: password})
	if err != nil {
		return took, err
	}
	return took, r.signIn(ctx)
}

func (r *run) signIn(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+httpAddr+"/v1/sessions",
		strings.NewReader(`{"email":"`+email+`","password":"`+password+`"}`))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	var s struct {
		AccessToken string `json:"accessToken"`
	}
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil || s.AccessToken == "" {
		return fmt.Errorf("sign in: HTTP %d: %w", res.StatusCode, err)
	}
	r.token = s.AccessToken
	return nil
}

func (r *run) await(ctx context.Context) error {
	for range 3000 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+httpAddr+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("the suite did not become ready; see suite.log")
}

func (r *run) stop() error {
	if r.suite == nil {
		return nil
	}
	err := r.suite.Process.Signal(syscall.SIGINT)
	_ = r.suite.Wait() // however it ended
	r.suite = nil
	return err
}

// restart measures a start on existing data, and memory at rest.
func (r *run) restart(ctx context.Context) error {
	if err := r.stop(); err != nil {
		return err
	}
	took, err := r.start(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, 10*time.Second); err != nil { // to come to rest
		return err
	}
	r.row("ready after a start on existing data", took.Round(10*time.Millisecond).String(), "5 s", "")
	r.row("suite's memory at rest (PostgreSQL aside)", fmt.Sprintf("%d MB", rss(r.suite.Process.Pid)>>20), "350 MB", "")
	return nil
}

// imported is what an import took.
type imported struct {
	rows int
	took time.Duration
	// cpu is of the import itself with what went on beside it, all of the import with what it leads to: events told,
	// consumers caught up.
	cpu, all usage
	// memory is the most that the suite held, in bytes.
	memory int64
}

func (i imported) perSecond() string {
	return fmt.Sprintf("%.0f rows/s (%s)", float64(i.rows)/i.took.Seconds(), seconds(i.took))
}

func (i imported) cpuPerRow() string {
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(max(1, i.rows)) }
	return fmt.Sprintf("%.0f µs (suite %.0f, PostgreSQL %.0f) until the last row is in; %.0f µs (%.0f, %.0f) with all that follows",
		each(i.cpu.suite+i.cpu.postgres), each(i.cpu.suite), each(i.cpu.postgres),
		each(i.all.suite+i.all.postgres), each(i.all.suite), each(i.all.postgres))
}

// importFile imports rows of CSV that write makes, and waits until all has settled.
func (r *run) importFile(ctx context.Context, kind, mapping string, rows int, write func(*csv.Writer) error) (imported, error) {
	path := filepath.Join(r.Dir, kind+".csv")
	f, err := os.Create(path)
	if err != nil {
		return imported{}, err
	}
	w := csv.NewWriter(f)
	err = write(w)
	w.Flush()
	if err := errors.Join(err, w.Error(), f.Close()); err != nil {
		return imported{}, err
	}
	profiled := r.profile(ctx, "import-"+kind, max(time.Second, time.Duration(rows)*100*time.Microsecond))
	out := imported{rows: rows}
	before, began := r.cpu(), time.Now()
	op, err := r.client.Import(ctx, kind, mapping, kind+".csv", false,
		func() (io.ReadCloser, error) { return os.Open(path) }, func(remote.Operation) {
			out.memory = max(out.memory, rss(r.suite.Process.Pid))
		})
	out.took, out.cpu = time.Since(began), r.cpu().minus(before)
	switch {
	case err != nil:
		return out, err
	case op.Rejected > 0:
		return out, fmt.Errorf("import of kind %s: %d rows rejected", kind, op.Rejected)
	}
	if err := r.settle(ctx); err != nil {
		return out, err
	}
	out.all = r.cpu().minus(before)
	if err := r.statements(ctx, "import-"+kind); err != nil {
		return out, err
	}
	return out, errors.Join(profiled(), r.vacuum(ctx))
}

func (r *run) importSales(ctx context.Context) error {
	if r.SalesData == "" {
		r.row("import of the sales history", "left out: the data is not here", "", "")
		return nil
	}
	began := time.Now()
	cmd := exec.CommandContext(ctx, r.Binary, "import", "--dir", r.Mappings, "--data", r.SalesData, "--address", "http://"+httpAddr)
	cmd.Env = append(os.Environ(), "KONTOR_EMAIL="+email, "KONTOR_PASSWORD="+password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("import of the sales history: %w\n%s", err, out)
	}
	r.row("import of the sales history: 8,800 opportunities and all they refer to", seconds(time.Since(began)), "15 s", "")
	return nil
}

func (r *run) importContacts(ctx context.Context) error {
	const mapping = `
kind: contact
source: {file: contacts.csv}
external_id: {source: bench, column: id}
duplicates: skip
fields:
  first_name: {column: first}
  last_name: {column: last}
  emails: {column: email}
  phones: {column: phone}
  position: {column: position}
`
	took, err := r.importFile(ctx, "contact", mapping, r.Contacts, func(w *csv.Writer) error {
		if err := w.Write([]string{"id", "first", "last", "email", "phone", "position"}); err != nil {
			return err
		}
		for i := range r.Contacts {
			n := strconv.Itoa(i)
			if err := w.Write([]string{
				n, "First" + n, "Last" + strconv.Itoa(i*7919%100_000), "p" + n + "@example.com",
				fmt.Sprintf("+4930%07d", i), "Buyer",
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.row(fmt.Sprintf("import of %d contacts with phone and e-mail", r.Contacts), took.perSecond(), "10,000 rows/s", "")
	r.row("import of contacts: CPU per row, services and database", took.cpuPerRow(), "", "")
	return nil
}

func (r *run) importDeals(ctx context.Context) error {
	const mapping = `
kind: deal
source: {file: deals.csv}
external_id: {source: bench, column: id}
duplicates: skip
defaults: {currency: USD}
fields:
  name: {column: name}
  pipeline: {constant: Sales, lookup: {kind: pipeline, by: name}}
  stage: {column: stage, lookup: {kind: stage, by: name, within: pipeline}}
  amount: {column: amount}
`
	stages := []string{"New", "Information", "Proposal", "Negotiation"}
	took, err := r.importFile(ctx, "deal", mapping, r.Deals, func(w *csv.Writer) error {
		if err := w.Write([]string{"id", "name", "stage", "amount"}); err != nil {
			return err
		}
		for i := range r.Deals {
			if err := w.Write([]string{strconv.Itoa(i), "Deal " + strconv.Itoa(i), stages[i%4], strconv.Itoa(100 + i%5000)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.row(fmt.Sprintf("import of %d open deals", r.Deals), took.perSecond(), "", "")
	r.row("import of deals: CPU per row, services and database", took.cpuPerRow(), "", "")
	return nil
}

// settle waits until events have been told and facts have caught up, so that nothing of the load runs in the measurement.
func (r *run) settle(ctx context.Context) error {
	for quiet := 0; quiet < 5; {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		var f struct {
			LagSeconds float64 `json:"lagSeconds"`
		}
		if err := r.client.Get(ctx, "/v1/reports:freshness", nil, &f); err != nil {
			return err
		}
		waiting := 0
		for _, db := range written() {
			err := r.withDatabase(ctx, db, func(conn *pgx.Conn) error {
				var n int
				err := conn.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM outbox LIMIT 1) AS o").Scan(&n)
				waiting += n
				return err
			})
			if err != nil {
				return err
			}
		}
		if quiet++; f.LagSeconds > 0 || waiting > 0 {
			quiet = 0
		}
	}
	return nil
}

// written are the databases that are loaded.
func written() []string { return []string{"contacts", "deals"} }

// vacuum does at once what would be done in the background some time.
func (r *run) vacuum(ctx context.Context) error {
	for _, db := range append([]string{"reporting"}, written()...) {
		err := r.withDatabase(ctx, db, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "VACUUM ANALYZE")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// statements writes what PostgreSQL spent on which statement since the last time beside the profiles, if there are any.
func (r *run) statements(ctx context.Context, name string) error {
	if r.Profiles == "" {
		return nil
	}
	return r.withDatabase(ctx, "postgres", func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT round(total_exec_time::numeric, 1)::text, calls::text, rows::text, datname, regexp_replace(left(query, 300), '\s+', ' ', 'g')
			FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
			ORDER BY total_exec_time DESC LIMIT 60`)
		if err != nil {
			return err
		}
		var out strings.Builder
		out.WriteString("ms\tcalls\trows\tdatabase\tstatement\n")
		var took, calls, n, db, sql string
		if _, err := pgx.ForEachRow(rows, []any{&took, &calls, &n, &db, &sql}, func() error {
			out.WriteString(strings.Join([]string{took, calls, n, db, sql}, "\t") + "\n")
			return nil
		}); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.Profiles, name+".statements"), []byte(out.String()), 0o600); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "SELECT pg_stat_statements_reset()")
		return err
	})
}

func (r *run) withDatabase(ctx context.Context, name string, fn func(*pgx.Conn) error) error {
	cfg, err := pgx.ParseConfig(r.pg.URL())
	if err != nil {
		return err
	}
	cfg.Database = name
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nobody to tell
	return fn(conn)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// quantile of durations that are sorted here.
func quantile(ds []time.Duration, q float64) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	slices.Sort(ds)
	return ds[min(len(ds)-1, int(math.Ceil(q*float64(len(ds))))-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
