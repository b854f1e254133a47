package flow_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// dataEnv names the folder of real inputs, which is not part of the repository.
const dataEnv = "KONTOR_SHARED_DATA"

// salesData is the folder of the real sales history. Without it the test is skipped, and says so.
func salesData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(dataEnv)
	if dir == "" {
		dir = filepath.Join(repository, "..", "shared", "data")
	}
	dir = filepath.Join(dir, "sales")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: the real sales history is not at %s: set %s to the folder that holds sales/", dir, dataEnv)
	}
	return dir
}

// repository is the root of the checkout, seen from this package.
var repository = filepath.Join("..", "..", "..", "..")

// opportunity is a row of the history, with its dirt taken off.
type opportunity struct {
	agent, manager, office, product, account, stage string
	// value is what was agreed on, and else the list price; income is what was agreed on.
	value, income int
}

// history is read here with nothing of ours, so that the reports have something independent to agree with.
type history struct {
	opportunities []opportunity
	accounts      int
	agents        map[string]string // to managers
}

func readHistory(t *testing.T, dir string) *history {
	t.Helper()
	h := &history{accounts: len(readCSV(t, dir, "accounts.csv")), agents: map[string]string{}}
	offices, prices := map[string]string{}, map[string]int{}
	for _, r := range readCSV(t, dir, "sales_teams.csv") {
		h.agents[r["sales_agent"]], offices[r["sales_agent"]] = r["manager"], r["regional_office"]
	}
	for _, r := range readCSV(t, dir, "products.csv") {
		prices[r["product"]] = whole(t, r["sales_price"])
	}
	for _, r := range readCSV(t, dir, "sales_pipeline.csv") {
		o := opportunity{
			agent: r["sales_agent"], manager: h.agents[r["sales_agent"]], office: offices[r["sales_agent"]],
			product: r["product"], account: r["account"], stage: r["deal_stage"],
		}
		if o.product == "GTXPro" {
			o.product = "GTX Pro"
		}
		require.Contains(t, prices, o.product)
		require.NotEmpty(t, o.manager)
		o.income = whole(t, r["close_value"])
		if o.value = o.income; o.value == 0 {
			o.value = prices[o.product]
		}
		h.opportunities = append(h.opportunities, o)
	}
	return h
}

func whole(t *testing.T, s string) int {
	t.Helper()
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

func readCSV(t *testing.T, dir, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var out []map[string]string
	for _, line := range lines[1:] {
		r := map[string]string{}
		for i, column := range lines[0] {
			r[column] = line[i]
		}
		out = append(out, r)
	}
	return out
}

// tally is a plain count.
type tally struct{ worked, open, won, lost, income, openSum, sum int }

func (y tally) add(o opportunity) tally {
	y.worked++
	y.sum += o.value
	switch o.stage {
	case "Won":
		y.won++
		y.income += o.income
	case "Lost":
		y.lost++
	default:
		y.open++
		y.openSum += o.value
	}
	return y
}

// count adds up by a key, over what is kept; nil keeps all.
func (h *history) count(key func(opportunity) string, keep func(opportunity) bool) map[string]tally {
	out := map[string]tally{}
	for _, o := range h.opportunities {
		if keep == nil || keep(o) {
			out[key(o)] = out[key(o)].add(o)
		}
	}
	return out
}

// column is one figure of each tally.
func column[V any](of map[string]tally, figure func(tally) V) map[string]V {
	out := map[string]V{}
	for name, y := range of {
		out[name] = figure(y)
	}
	return out
}

func usd(n int) string { return fmt.Sprintf("%d.00 USD", n) }

// Keys to count by.
func byAgent(o opportunity) string   { return o.agent }
func byTeam(o opportunity) string    { return "Team " + o.manager }
func byOffice(o opportunity) string  { return o.office }
func byProduct(o opportunity) string { return o.product }
func byStage(o opportunity) string   { return o.stage }
func byAll(opportunity) string       { return "USD" }
func byAccount(o opportunity) string {
	if o.account == "" {
		return "(no company)"
	}
	return o.account
}
