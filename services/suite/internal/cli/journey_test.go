package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/config"
	"kontor.internal/services/suite/internal/suite"
)

// running is a suite in the test's process, and how its administrator calls the command line.
type running struct {
	t    *testing.T
	vars map[string]string
}

func startSuite(t *testing.T) *running {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // the database's user passes through it
	addr := func() string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, ln.Close()) }()
		return ln.Addr().String()
	}
	r := &running{t: t, vars: map[string]string{
		"KONTOR_DATA_DIR": dir, "KONTOR_HTTP_ADDR": addr(), "KONTOR_GRPC_ADDR": addr(), "KONTOR_ADMIN_ADDR": addr(), "KONTOR_LOG_LEVEL": "warn",
		"KONTOR_ADMIN_EMAIL": "admin@kontor.test", "KONTOR_ADMIN_PASSWORD": "correct-horse-battery-staple",
		"KONTOR_EMAIL": "admin@kontor.test", "KONTOR_PASSWORD": "correct-horse-battery-staple",
	}}
	var cfg suite.Config
	_, err := config.Load(&cfg, config.Source{Env: r.env(nil).Lookup})
	require.NoError(t, err)
	s, err := suite.Open(t.Context(), cfg, suite.Options{Version: "test", Output: t.Output()})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, errors.Join(<-ran, s.Close(context.Background())))
	})
	require.NoError(t, s.AwaitReady(t.Context()))
	return r
}

func (r *running) env(out *strings.Builder) Env {
	return Env{
		Lookup: func(name string) (string, bool) { v, ok := r.vars[name]; return v, ok },
		Stdout: out, Stderr: out, Version: "test",
	}
}

// kontor runs the command line and returns what it prints.
func (r *running) kontor(args ...string) string {
	r.t.Helper()
	var out strings.Builder
	code := Main(r.t.Context(), r.env(&out), args)
	require.Zero(r.t, code, "kontor %s:\n%s", strings.Join(args, " "), out.String())
	return out.String()
}

// salesHistory writes a small history in the shape of the real one, with its dirt.
func salesHistory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var deals strings.Builder
	deals.WriteString("opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n")
	for i := range 40 {
		fmt.Fprintf(&deals, "W%d,Ann Agent,GTXPro,Mother Inc,Won,10/20/2016,3/1/2017,%d\n", i, 100+i)
		fmt.Fprintf(&deals, "L%d,Bea Agent,GTX Basic,Daughter Inc,Lost,10/20/2016,3/1/2017,0\n", i)
		fmt.Fprintf(&deals, "E%d,Ann Agent,GTX Basic,,Engaging,10/20/2016,,\n", i)
		fmt.Fprintf(&deals, "P%d,Bea Agent,GTX Basic,,Prospecting,,,\n", i)
	}
	deals.WriteString("X1,Nobody Known,GTX Basic,,Engaging,10/20/2016,,\nX2,Ann Agent,GTX Basic,,Engaging,31/31/2016,,\n")
	for name, content := range map[string]string{
		"sales_teams.csv":    "sales_agent,manager,regional_office\nAnn Agent,Meg Manager,East\nBea Agent,Meg Manager,East\n",
		"products.csv":       "product,series,sales_price\nGTX Basic,GTX,550\nGTX Pro,GTX,4821\n",
		"accounts.csv":       "account,sector,year_established,revenue,employees,office_location,subsidiary_of\nDaughter Inc,technolgy,1996,1100.04,12,United States,Mother Inc\nMother Inc,medical,1990,1.5,7,Philipines,\n",
		"sales_pipeline.csv": deals.String(),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

// Issue, main job: a folder of files goes in through the public API by the example mappings; rows that cannot be placed are
// told with their line; done again nothing is doubled. Sample data comes and goes beside it.
func TestImportAndDemo(t *testing.T) {
	r := startSuite(t)
	mappings, data := filepath.Join("..", "..", "..", "..", "docs", "examples", "sales"), salesHistory(t)

	out := r.kontor("import", "--dir", mappings, "--data", data)
	for _, line := range []string{
		"sales_teams.csv: 2 rows: 1 created, 0 updated, 1 skipped, 0 rejected",
		"sales_teams.csv: 2 rows: 2 created",
		"accounts.csv: 2 rows: 2 created, 0 updated, 0 skipped, 0 rejected",
		"products.csv: 2 rows: 2 created",
		"sales_pipeline.csv: 162 rows: 160 created, 0 updated, 0 skipped, 2 rejected",
		`line 162 (responsible): LOOKUP_NOT_FOUND: there is no user with the name "Nobody Known"`,
		"line 163 (effective_time): DATE_INVALID",
		"2 rows were rejected",
	} {
		require.Contains(t, out, line)
	}

	again := r.kontor("import", "--dir", mappings, "--data", data)
	require.Contains(t, again, "is there already")
	require.Contains(t, again, "sales_pipeline.csv: 162 rows: 0 created, 0 updated, 160 skipped, 2 rejected")

	made := r.kontor("demo")
	require.Regexp(t, `companies\s+40 made`, made)
	require.Regexp(t, `deals\s+120 made`, made)
	require.NotContains(t, made, "line ", "no row of the sample data is rejected")
	removed := r.kontor("demo", "remove")
	require.Regexp(t, `deals\s+120 removed`, removed)
	require.Regexp(t, `products\s+11 removed`, removed)
	require.Regexp(t, `companies\s+0 removed`, r.kontor("demo", "remove"), "the user's own records stay")
}
