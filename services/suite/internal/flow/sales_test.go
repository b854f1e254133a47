package flow_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
)

// TestSalesHistoryFromFileToFunnel is the main job on real input: a sales history is loaded from its files by the command
// line, through the public API, and every report says what a plain count over the files says.
func TestSalesHistoryFromFileToFunnel(t *testing.T) {
	data := salesData(t)
	h := readHistory(t, data)
	in := running(t)
	s := &sales{history: h, in: in, data: data, admin: in.organization(t, "Sales")}

	s.load(t)
	t.Run("funnel", s.funnel)
	t.Run("by employee, team and office", s.byEmployee)
	t.Run("by company", s.byCompany)
	t.Run("by product", s.byProduct)
	t.Run("organisation", s.organisation)
	t.Run("rows behind each number", func(t *testing.T) { s.rowsBehind(t, s.admin) })
	t.Run("a head sees the team", func(t *testing.T) {
		s.sees(t, "Dustin Brinkmann", func(o opportunity) bool { return o.manager == "Dustin Brinkmann" })
	})
	t.Run("an agent sees own deals", func(t *testing.T) {
		s.sees(t, "Darcel Schlecht", func(o opportunity) bool { return o.agent == "Darcel Schlecht" })
	})
	t.Run("an agent without deals sees none", func(t *testing.T) {
		s.sees(t, "Mei-Mei Johns", func(opportunity) bool { return false })
	})
	t.Run("again", s.again)
	t.Run("rejected rows", s.rejected)
}

type sales struct {
	*history

	in       *installation
	data     string
	admin    *caller
	pipeline string
}

// env is who imports.
func (s *sales) env() []string {
	return []string{"KONTOR_EMAIL=" + s.admin.email, "KONTOR_PASSWORD=" + password}
}

func (s *sales) mappings() string { return filepath.Join(repository, "docs", "examples", "sales") }

func (s *sales) importAll(t *testing.T) string {
	t.Helper()
	out, code := s.in.kontor(t, s.env(), "import", "--dir", s.mappings(), "--data", s.data)
	require.Zero(t, code, out)
	return out
}

func (s *sales) query(report, groupBy string) query {
	return query{report: report, groupBy: groupBy, body: object{"pipelineId": s.pipeline, "groupBy": groupBy}}
}

// load imports everything and waits until the reports have it.
func (s *sales) load(t *testing.T) {
	began := time.Now()
	out := s.importAll(t)
	loaded := time.Since(began)
	require.Contains(t, out, "8800 rows: 8800 created, 0 updated, 0 skipped, 0 rejected")
	s.pipeline = text(t, s.admin.one("pipelines", "Hardware sales"), "id")
	testkit.EventuallyWithin(t, 2*time.Minute, func() error {
		r, err := s.admin.try(s.query("deals-by-employee", "employee"))
		if err == nil && (len(r.totals) != 1 || r.totals[0][1].value != "8800") {
			err = fmt.Errorf("not yet all: %v", r.totals)
		}
		return err
	})
	t.Logf("the history was imported in %s and in every report after %s", loaded.Round(10*time.Millisecond), time.Since(began).Round(10*time.Millisecond))
}

// REP-2: the funnel, from the facts and, with a filter that all deals fit, from the rows themselves.
func (s *sales) funnel(t *testing.T) {
	admin := s.admin.in(t)
	stages := s.count(byStage, nil)
	require.Equal(t, map[string]int{"Prospecting": 500, "Engaging": 1589, "Won": 4238, "Lost": 2473},
		column(stages, func(y tally) int { return y.worked }), "the files are the ones that the issue knows")
	q := s.query("funnel", "")
	for _, q := range []query{q, q.with("filter", `currency = "USD"`)} {
		r := admin.run(q)
		require.Equal(t, column(stages, func(y tally) int { return y.worked }), r.numbers(t, "deals"))
		require.Equal(t, column(stages, func(y tally) string { return usd(y.sum) }), r.by(t, "amount"))
		require.Equal(t, "10005534.00 USD", r.by(t, "amount")["Won"])
		reached := r.by(t, "reached")
		require.Equal(t, "8800", reached["Prospecting"])
		require.Equal(t, "8300", reached["Engaging"], "what was won or lost has been there")
		require.Equal(t, [][]string{{"Engaging", "not recorded", "2473", usd(stages["Lost"].sum)}}, r.sub.values())
	}
	// DEAL-5: the board counts the same.
	columns := s.board(admin)
	require.Equal(t, column(stages, func(y tally) int { return y.worked }), column(columns, func(y tally) int { return y.worked }))
	require.Equal(t, column(stages, func(y tally) int { return y.sum }), column(columns, func(y tally) int { return y.sum }))
	open := admin.run(s.query("open-deals-by-stage", ""))
	require.Equal(t, map[string]int{"Prospecting": 500, "Engaging": 1589}, open.numbers(t, "deals"))
}

// board reads the columns of the board with their counts and sums.
func (s *sales) board(c *caller) map[string]tally {
	c.t.Helper()
	out := map[string]tally{}
	list, _ := c.get("/v1/deals:board", "pipelineId", s.pipeline, "pageSize", "1")["columns"].([]any)
	for _, v := range list {
		col, _ := v.(object)
		y := tally{worked: number(c.t, col["count"])}
		if total, ok := col["baseTotal"].(object); ok {
			amount := text(c.t, total, "amount")
			y.sum = whole(c.t, strings.TrimSuffix(amount, ".00"))
		}
		out[text(c.t, col, "title")] = y
	}
	return out
}

// REP-3: volume by employee, and by department and office, which are the same numbers added up.
func (s *sales) byEmployee(t *testing.T) {
	admin := s.admin.in(t)
	for group, key := range map[string]func(opportunity) string{"employee": byAgent, "department": byTeam, "top-department": byOffice} {
		requireVolume(t, s.count(key, nil), s.count(byAll, nil), admin.run(s.query("deals-by-employee", group)))
		// WON: the same income wherever it is asked for.
		if group != "top-department" {
			won := admin.run(s.query("won-deals", group))
			require.Equal(t, column(s.count(key, isWon), func(y tally) string { return usd(y.income) }), won.by(t, "income"))
		}
	}
	expected := admin.run(s.query("expected-sales", "employee"))
	require.Equal(t, column(s.count(byAgent, isOpen), func(y tally) int { return y.worked }), expected.numbers(t, "deals"))
	require.Equal(t, column(s.count(byAgent, isOpen), func(y tally) string { return usd(y.openSum) }), expected.by(t, "amount"))
}

func isWon(o opportunity) bool  { return o.stage == "Won" }
func isOpen(o opportunity) bool { return o.stage != "Won" && o.stage != "Lost" }

func requireVolume(t *testing.T, want, total map[string]tally, r *table) {
	t.Helper()
	require.Equal(t, column(want, func(y tally) int { return y.worked }), r.numbers(t, "worked"))
	require.Equal(t, column(want, func(y tally) int { return y.open }), r.numbers(t, "open"))
	require.Equal(t, column(want, func(y tally) int { return y.won }), r.numbers(t, "won"))
	require.Equal(t, column(want, func(y tally) int { return y.lost }), r.numbers(t, "lost"))
	require.Equal(t, column(want, func(y tally) string { return usd(y.income) }), r.by(t, "won_income"))
	require.Equal(t, column(want, func(y tally) string { return usd(y.openSum) }), r.by(t, "open_amount"))
	all := total["USD"]
	require.Len(t, r.totals, 1)
	require.Equal(t, []string{"USD", strconv.Itoa(all.worked), strconv.Itoa(all.open), strconv.Itoa(all.won), strconv.Itoa(all.lost)},
		r.totals.values()[0][:5])
	require.Equal(t, usd(all.income), r.totals[0][6].value)
}

func (s *sales) byCompany(t *testing.T) {
	requireVolume(t, s.count(byAccount, nil), s.count(byAll, nil), s.admin.in(t).run(s.query("deals-by-company", "")))
}

func (s *sales) byProduct(t *testing.T) {
	r := s.admin.in(t).run(s.query("income-by-product", "product"))
	want := s.count(byProduct, isWon)
	require.Equal(t, column(want, func(y tally) int { return y.won }), r.numbers(t, "deals"))
	require.Equal(t, column(want, func(y tally) string { return usd(y.income) }), r.by(t, "income"))
	require.Equal(t, usd(10005534), r.totals[0][3].value)
}

// organisation checks what the reports stand on: offices, teams with their heads, agents, companies, products.
func (s *sales) organisation(t *testing.T) {
	admin := s.admin.in(t)
	require.Equal(t, 85, s.accounts)
	require.Equal(t, s.accounts, admin.count("companies", ""))
	require.Equal(t, 15, admin.count("companies", "parent_id:*"), "subsidiaries")
	require.Equal(t, 0, admin.count("companies", `industry = "technolgy" OR country = "Philipines"`), "translated")
	acme := admin.one("companies", "Acme Corporation")
	require.Equal(t, "technology", acme["industry"])
	turnover, _ := acme["annualTurnover"].(object)
	require.Equal(t, object{"currencyCode": "USD", "amount": "1100040000"}, object{"currencyCode": turnover["currencyCode"], "amount": strings.TrimSuffix(text(t, turnover, "amount"), ".00")})
	require.InDelta(t, 2822, number(t, acme["employees"]), 0)

	require.Equal(t, 7, admin.count("products", ""))
	require.Equal(t, 9, admin.count("departments", ""), "three offices and six teams")
	require.Equal(t, 1+6+35, admin.count("users", ""), "the administrator, managers, agents")
	for agent, manager := range s.agents {
		team := admin.one("departments", "Team "+manager)
		require.Equal(t, text(t, admin.one("users", manager), "id"), team["headId"], manager)
		require.Equal(t, team["id"], admin.one("users", agent)["departmentId"], agent)
	}

	// What never left the first stage began on no known day: a cohort leaves it out and says so.
	out := admin.must(http.MethodPost, "/v1/reports/funnel:run", object{"pipelineId": s.pipeline, "mode": "MODE_COHORT"})
	report, _ := out["report"].(object)
	require.Equal(t, 500, number(t, report["withoutDate"]))
}

// REP-5: every number of every report leads to as many rows as it says.
func (s *sales) rowsBehind(t *testing.T, c *caller) {
	c = c.in(t)
	for i, source := range []string{"form", "form", "fair"} { // for the funnel of leads
		c.must(http.MethodPost, "/v1/leads", object{"title": fmt.Sprintf("enquiry %d", i), "source": source})
	}
	leads := query{report: "lead-funnel", groupBy: "source", body: object{"groupBy": "source"}}
	require.Eventually(t, func() bool { return fmt.Sprint(c.run(leads).totals.values()) == "[[ 3 3 0 0 0]]" }, 20*time.Second, 100*time.Millisecond)
	require.Equal(t, map[string]int{"form": 2, "fair": 1}, c.run(leads).numbers(t, "leads"))
	followed := 0
	for _, q := range c.standardReports(s.pipeline) {
		followed += c.requireRowsBehind(q, c.run(q))
	}
	period := s.query("won-deals", "month").with("from", object{"year": 2017, "month": 3, "day": 5}).with("to", object{"year": 2017, "month": 6, "day": 30})
	for _, q := range []query{period, s.query("deals-by-employee", "department").with("mode", "MODE_COHORT").with("from", object{"year": 2017, "month": 1, "day": 1})} {
		r := c.run(q)
		followed += c.requireRowsBehind(q, r)
	}
	t.Logf("%d numbers followed to their rows", followed)
}

// sees signs a user in, whose password the administrator sets, and wants the same answers that the administrator gets for
// what the user may see, and nothing else anywhere (ID-6, REP-9).
func (s *sales) sees(t *testing.T, name string, theirs func(opportunity) bool) {
	admin := s.admin.in(t)
	u := admin.one("users", name)
	admin.must(http.MethodPost, "/v1/users/"+text(t, u, "id")+":setPassword", object{"password": password})
	c := s.in.signIn(t, text(t, u, "email"))

	var mine []string
	for _, agent := range sortedKeys(s.count(byAgent, theirs)) {
		mine = append(mine, text(t, admin.one("users", agent), "id"))
	}
	filter := `responsible_id = "` + text(t, u, "id") + `"` // who has no deals
	ids := map[string]bool{}
	if len(mine) > 0 {
		filter = `responsible_id = "` + strings.Join(mine, `" OR responsible_id = "`) + `"`
	}
	for _, id := range mine {
		ids[id] = true
	}
	total := s.count(byAll, theirs)["USD"]

	// Reports: by themselves, and against an independent count.
	for _, q := range c.standardReports(s.pipeline) {
		got := c.run(q)
		require.Equal(t, admin.run(q.with("filter", filter)).facts(), got.facts(), "%s", q)
		c.requireRowsBehind(q, got)
	}
	requireReport := c.run(s.query("deals-by-employee", "employee"))
	require.Equal(t, column(s.count(byAgent, theirs), func(y tally) int { return y.worked }), requireReport.numbers(t, "worked"))
	// Asking for others' gives nothing, not even a name.
	other := `responsible_id = "` + text(t, admin.one("users", "Vicki Laflamme"), "id") + `"`
	for _, q := range c.standardReports(s.pipeline) {
		r := c.run(q.with("filter", other))
		require.Empty(t, r.totals, "%s", q)
		require.NotContains(t, fmt.Sprint(r.facts()), "Vicki", "%s", q)
	}

	// Lists, counts and the board.
	require.Equal(t, total.worked, c.count("deals", ""))
	require.Zero(t, c.count("deals", other))
	listed, deals := c.all("deals", ""), map[string]bool{}
	require.Len(t, listed, total.worked)
	for _, d := range listed {
		require.True(t, ids[text(t, d, "responsibleId")], "a deal of somebody else: %v", d)
		deals[text(t, d, "id")] = true
	}
	hits, _ := c.get("/v1/deals:search", "query", "GTX Plus", "pageSize", "50")["hits"].([]any)
	require.Equal(t, total.worked > 0, len(hits) > 0)
	for _, hit := range hits {
		o, _ := hit.(object)
		require.True(t, deals[text(t, o, "id")], "found a deal of somebody else: %v", o)
	}
	want := s.count(byStage, theirs)
	for stage, y := range s.board(c) {
		require.Equal(t, want[stage].worked, y.worked, stage)
		require.Equal(t, want[stage].sum, y.sum, stage)
	}
	for _, collection := range []string{"leads", "contacts", "companies"} {
		list := c.all(collection, "")
		require.Len(t, list, c.count(collection, ""), collection)
		for _, r := range list {
			require.Contains(t, append(mine, text(t, u, "id")), text(t, r, "responsibleId"), collection)
		}
	}

	// One record of somebody else's is not there, by whatever door.
	theirDeal := text(t, admin.first("deals", other), "id")
	for _, path := range []string{"/v1/deals/" + theirDeal, "/v1/deals/" + theirDeal + ":history"} {
		require.Equal(t, http.StatusNotFound, c.do(http.MethodGet, path, nil).status, path)
	}
	require.Equal(t, http.StatusNotFound, c.do(http.MethodPatch, "/v1/deals/"+theirDeal, object{"name": "mine"}).status)
	require.Equal(t, http.StatusNotFound, c.do(http.MethodDelete, "/v1/deals/"+theirDeal, nil).status)
}

// first is the first record that fits.
func (c *caller) first(collection, filter string) object {
	c.t.Helper()
	list, _ := c.get("/v1/"+collection, "pageSize", "1", "filter", filter)[collection].([]any)
	require.NotEmpty(c.t, list)
	rec, _ := list[0].(object)
	return rec
}

// again imports everything once more, which changes nothing.
func (s *sales) again(t *testing.T) {
	admin := s.admin.in(t)
	before := s.everything(admin)
	began := time.Now()
	out := s.importAll(t)
	t.Logf("imported again in %s", time.Since(began).Round(10*time.Millisecond))
	for _, n := range regexp.MustCompile(`(\d+) created, (\d+) updated, \d+ skipped, (\d+) rejected`).FindAllStringSubmatch(out, -1) {
		require.Equal(t, []string{"0", "0", "0"}, n[1:], out)
	}
	require.Contains(t, out, "8800 skipped")
	require.Equal(t, before, s.everything(admin))
}

// everything is what can be counted, and the versions of some records.
func (s *sales) everything(c *caller) map[string]any {
	c.t.Helper()
	out := map[string]any{}
	for _, q := range c.standardReports(s.pipeline) {
		out[q.String()] = c.run(q).facts()
	}
	for _, collection := range []string{"deals", "companies", "products", "sections", "users", "departments", "pipelines"} {
		out[collection] = c.count(collection, "")
		out["first of "+collection] = text(c.t, c.first(collection, ""), "etag")
	}
	return out
}

// rejected imports rows that cannot be placed: each is told of with its line, field and reason, and kept to be mended;
// the others are taken in (CON-17).
func (s *sales) rejected(t *testing.T) {
	admin := s.admin.in(t)
	before := s.everything(admin)
	data := t.TempDir()
	csv := `opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
BAD00001,Nobody At All,GTX Pro,Isdom,Won,10/25/2016,3/11/2017,4514
BAD00002,Darcel Schlecht,No Such Product,Isdom,Won,10/25/2016,3/11/2017,4514
BAD00003,Darcel Schlecht,GTX Pro,No Such Company,Won,10/25/2016,3/11/2017,4514
BAD00004,Darcel Schlecht,GTX Pro,Isdom,Pondering,10/25/2016,3/11/2017,4514
BAD00005,Darcel Schlecht,GTX Pro,Isdom,Won,25/10/2016,3/11/2017,4514
BAD00006,Darcel Schlecht,GTX Pro,Isdom,Won,10/25/2016,3/11/2017,a lot
Z063OYW0,Darcel Schlecht,GTXPro,Isdom,Won,10/25/2016,3/11/2017,4514
`
	require.NoError(t, os.WriteFile(filepath.Join(data, "sales_pipeline.csv"), []byte(csv), 0o600))
	mapping, err := os.ReadFile(filepath.Join(s.mappings(), "50-deals.yaml"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "50-deals.yaml"), mapping, 0o600))
	out, code := s.in.kontor(t, s.env(), "import", "--dir", dir, "--data", data)
	require.Zero(t, code, out)
	require.Contains(t, out, "7 rows: 0 created, 0 updated, 1 skipped, 6 rejected")
	for _, want := range []string{
		`line 2 \(responsible\): LOOKUP_NOT_FOUND: .*Nobody At All`,
		`line 3 \((product|amount)\): LOOKUP_NOT_FOUND: .*No Such Product`,
		`line 4 \(company\): LOOKUP_NOT_FOUND: .*No Such Company`,
		`line 5 \(stage\): LOOKUP_NOT_FOUND: .*Pondering`,
		`line 6 \(\S+\): \S+: .*25/10/2016`,
		`line 7 \(amount\): \S+: .*a lot`,
	} {
		require.Regexp(t, want, out)
	}
	id := regexp.MustCompile(`/v1/files/(\S+):download`).FindStringSubmatch(out)
	require.NotEmpty(t, id, out)
	rejects := admin.do(http.MethodGet, "/v1/files/"+id[1]+":download", nil)
	require.Equal(t, http.StatusOK, rejects.status)
	for i := range 6 {
		require.Contains(t, string(rejects.body), fmt.Sprintf("BAD0000%d", i+1), "kept, to be mended")
	}
	require.NotContains(t, string(rejects.body), "Z063OYW0")
	require.Equal(t, before, s.everything(admin))
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
