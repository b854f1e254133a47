package separate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
)

// TestServicesRunApart starts an installation as deploy/k8s and docker-compose.yml do, works with it through the REST
// face, and takes services away while it is worked with.
func TestServicesRunApart(t *testing.T) {
	bin := build(t)
	for name, kafka := range brokers() {
		t.Run(name, func(t *testing.T) { runApart(t, install(t, bin, kafka(t))) })
	}
}

func runApart(t *testing.T, in *installation) {
	t.Run("refuse to start without what they need", in.refusesToStart)
	in.migrateAll()
	for _, s := range services() {
		in.start(s) // all at once: there is no order in which they would have to be started
	}
	for _, s := range services() {
		in.awaitReady(s)
	}
	require.NoError(t, probe(t.Context(), "http://"+in.env[gateway]["KONTOR_HTTP_ADDR"]+"/readyz"))

	w := &work{t: t, in: in, caller: in.administrator()}
	w.sell()
	w.convertWhileDealsAreKilled()
	w.moveWhileReportingIsStopped()
	w.operate()

	in.stop(services()...)
}

// refusesToStart leaves out each variable that a service cannot do without. tools/deploy holds the same list against
// the manifests.
func (in *installation) refusesToStart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	need := map[string][]string{
		identity: {"KONTOR_IDENTITY_SECRET"}, files: {"KONTOR_FILES_SECRET", "KONTOR_BLOB_URL"}, gateway: {"KONTOR_REDIS_URL"},
	}
	for _, s := range services() {
		need[s] = append(need[s], "KONTOR_KAFKA_BROKERS", "KONTOR_SERVICE_SECRET")
		if s != gateway {
			need[s] = append(need[s], "KONTOR_POSTGRES_URL")
		}
		for _, name := range need[s] {
			env := maps.Clone(in.env[s])
			require.Contains(t, env, name, s)
			delete(env, name)
			out, err := in.command(ctx, s, env).CombinedOutput()
			require.Error(t, err, "%s starts without %s", s, name)
			require.Contains(t, string(out), name, "%s says what is missing", s)
		}
		if s == gateway {
			continue
		}
		out, err := in.command(ctx, s, in.env[s], "migrate").CombinedOutput()
		require.Error(t, err, "%s migrates as who may not", s)
		require.Contains(t, string(out), "KONTOR_POSTGRES_OWNER_URL", s)
	}
}

// migrateAll runs every migration, twice: a Job may be run again.
func (in *installation) migrateAll() {
	in.t.Helper()
	for _, s := range services() {
		if s == gateway {
			continue
		}
		in.migrate(s)
		in.migrate(s)
		require.Equal(in.t, slices.Contains(withJobs(), s), in.hasJobs(s), "River's tables in the database of %s", s)
	}
	in.migrateByOperator()
}

func (in *installation) hasJobs(service string) (there bool) {
	in.t.Helper()
	conn, err := pgx.Connect(in.t.Context(), in.owners[service])
	require.NoError(in.t, err)
	defer func() { require.NoError(in.t, conn.Close(in.t.Context())) }()
	require.NoError(in.t, conn.QueryRow(in.t.Context(), `SELECT to_regclass('river.river_job') IS NOT NULL`).Scan(&there))
	return there
}

// administrator signs in the one that identity made at its first start, as soon as every service knows of it.
func (in *installation) administrator() *caller {
	in.t.Helper()
	email, password := in.password()
	require.Equal(in.t, in.env[identity]["KONTOR_ADMIN_EMAIL"], email)
	c := &caller{t: in.t, base: "http://" + in.env[gateway]["KONTOR_HTTP_ADDR"]}
	testkit.Eventually(in.t, func() error {
		c.token = ""
		out, err := c.ask(http.MethodPost, "/v1/sessions", object{"email": email, "password": password})
		if err != nil {
			return err
		}
		c.token, _ = out["accessToken"].(string)
		for _, collection := range []string{"users", "files", "companies", "products", "deals", "reports"} {
			if _, err := c.ask(http.MethodGet, "/v1/"+collection, nil); err != nil {
				return fmt.Errorf("%s: %w", collection, err)
			}
		}
		return nil
	})
	return c
}

// work is what the administrator does.
type work struct {
	*caller

	t        *testing.T
	in       *installation
	pipeline string
	won      string // the stage
	company  object
	product  object
}

// sell sells something and wants to see it in the report within seconds.
func (w *work) sell() {
	t := w.t
	w.company = w.create("companies", "company", object{"name": "Globex"})
	section := w.create("sections", "section", object{"name": "Hardware"})
	w.product = w.create("products", "product", object{"name": "Anvil", "sectionId": section["id"], "active": true})
	for _, p := range list(t, w.must(http.MethodGet, "/v1/pipelines", nil), "pipelines") {
		w.pipeline = text(t, p, "id")
		for _, s := range list(t, p, "stages") {
			if s["kind"] == "STAGE_KIND_WON" {
				w.won = text(t, s, "id")
			}
		}
	}
	require.NotEmpty(t, w.won, "the pipeline that is there from the start")
	w.awaitWon() // reporting has heard of the pipeline, and knows of no deal

	d := w.deal("Anvils for Globex", "3")
	require.Equal(t, "AMOUNT_SOURCE_LINES", d["amountSource"])
	w.win(d)
	began := time.Now()
	w.awaitWon("Anvils for Globex")
	t.Logf("won and in the report after %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, map[string]string{"Anvils for Globex": "360.00 USD"}, w.wonIncome())
}

// deal makes one with a line of so many anvils.
func (w *work) deal(name, quantity string) object {
	w.t.Helper()
	return w.create("deals", "deal", object{
		"name": name, "pipelineId": w.pipeline, "companyId": w.company["id"], "amountSource": "AMOUNT_SOURCE_LINES",
		"lines": []object{{"productId": w.product["id"], "quantity": quantity, "price": "120"}},
	})
}

func (w *work) win(deal object) {
	w.t.Helper()
	won := part(w.t, w.must(http.MethodPost, "/v1/deals/"+text(w.t, deal, "id")+":win", object{}), "deal")
	require.Equal(w.t, "DEAL_STATE_WON", won["state"])
	require.Equal(w.t, w.won, won["stageId"])
}

// wonIncome is the report of won deals: income by the deal's name.
func (w *work) wonIncome() map[string]string {
	w.t.Helper()
	out, err := w.tryWonIncome()
	require.NoError(w.t, err)
	return out
}

func (w *work) tryWonIncome() (map[string]string, error) {
	res, err := w.ask(http.MethodPost, "/v1/reports/won-deals:run", object{"pipelineId": w.pipeline, "groupBy": "deal"})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	report, _ := res["report"].(object)
	rows, _ := report["rows"].([]any)
	for _, r := range rows {
		row, _ := r.(object)
		values, _ := row["values"].([]any)
		var name, income string
		for _, v := range values {
			value, _ := v.(object)
			if ref, ok := value["ref"].(object); ok && name == "" {
				name = fmt.Sprint(ref["name"])
			}
			if m, ok := value["money"].(object); ok {
				income = fmt.Sprint(m["amount"], " ", m["currencyCode"])
			}
		}
		out[name] = income
	}
	return out, nil
}

// awaitWon waits until the report has the deals, and no others.
func (w *work) awaitWon(names ...string) {
	w.t.Helper()
	slices.Sort(names)
	testkit.Eventually(w.t, func() error {
		got, err := w.tryWonIncome()
		if err != nil {
			return err
		}
		if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, names) {
			return fmt.Errorf("won deals in the report: %q", have)
		}
		return nil
	})
}

// CON-4: a conversion that meets a service which has died ends by itself when that service is back.
func (w *work) convertWhileDealsAreKilled() {
	t := w.t
	lead := w.create("leads", "lead", object{
		"title": "Rockets", "firstName": "Wile", "lastName": "Coyote", "companyName": "Acme",
		"products": []object{{"productId": w.product["id"], "quantity": "2", "price": object{"currencyCode": "USD", "amount": "120"}}},
	})
	path := "/v1/leads/" + text(t, lead, "id")
	w.in.processes["deals"].kill()
	converted := part(t, w.must(http.MethodPost, path+":convert", object{"contact": object{}, "company": object{}, "deal": object{}}), "lead")
	conversion := part(t, converted, "conversion")
	require.Equal(t, "DEAL_STATE_PENDING", conversion["dealState"])
	deal := text(t, conversion, "dealId")
	_, err := w.ask(http.MethodGet, "/v1/deals/"+deal, nil)
	var refused *refusal
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusServiceUnavailable, refused.status, refused.body)
	require.NoError(t, probe(t.Context(), "http://"+w.in.env["contacts"]["KONTOR_ADMIN_ADDR"]+"/readyz"), "who depends on it works on")

	w.in.start("deals")
	w.in.awaitReady("deals")
	began := time.Now()
	testkit.EventuallyWithin(t, time.Minute, func() error {
		out, err := w.ask(http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		if state := part(t, part(t, out, "lead"), "conversion")["dealState"]; state != "DEAL_STATE_DONE" {
			return fmt.Errorf("conversion: %v", state)
		}
		_, err = w.ask(http.MethodGet, "/v1/deals/"+deal, nil)
		return err
	})
	t.Logf("the conversion was done %s after deals was back", time.Since(began).Round(time.Millisecond))
	made := list(t, w.must(http.MethodGet, "/v1/deals?filter="+url.QueryEscape(`lead_id = "`+text(t, lead, "id")+`"`), nil), "deals")
	require.Len(t, made, 1)
	require.Equal(t, deal, made[0]["id"])
	require.Equal(t, "Rockets", made[0]["name"])
	require.Equal(t, conversion["companyId"], made[0]["companyId"])
	require.Equal(t, "240.00", strings.TrimSpace(text(t, part(t, made[0], "amount"), "amount")))
}

// REP-1: what happens while reporting is away is in the reports when it is back.
func (w *work) moveWhileReportingIsStopped() {
	t := w.t
	w.in.stop("reporting")
	for i := range 5 {
		w.win(w.deal(fmt.Sprintf("Away %d", i), "1"))
	}
	_, err := w.tryWonIncome()
	var refused *refusal
	require.True(t, errors.As(err, &refused) && refused.status == http.StatusServiceUnavailable, "%v", err)

	w.in.start("reporting")
	w.in.awaitReady("reporting")
	w.awaitWon("Anvils for Globex", "Away 0", "Away 1", "Away 2", "Away 3", "Away 4")
}
