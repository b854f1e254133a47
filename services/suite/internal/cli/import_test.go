package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/imports"
	"kontor.internal/services/suite/internal/demo"
	"kontor.internal/services/suite/internal/remote"
)

// Every example mapping can be read, and names a file of its own.
func TestExampleMappingsCanBeRead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "..", "..", "docs", "examples", "sales")
	data := t.TempDir()
	for _, name := range []string{"sales_teams.csv", "accounts.csv", "products.csv", "sales_pipeline.csv"} {
		require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte("a\n"), 0o600))
	}
	l := loader{cfg: importConfig{Dir: dir, Data: data}}
	files, err := l.read()
	require.NoError(t, err)
	require.Len(t, files, 6, "in the order of their names")
	require.Equal(t, "pipeline", files[0].mapping.Kind)
	require.Len(t, files[0].mapping.Records, 1)
}

// A folder is checked as a whole before anything is sent.
func TestImportChecksTheFolderFirst(t *testing.T) {
	t.Parallel()
	env := func(vars map[string]string) Env {
		return Env{Lookup: func(n string) (string, bool) { v, ok := vars[n]; return v, ok }, Stdout: &strings.Builder{}, Stderr: &strings.Builder{}}
	}
	key := map[string]string{"KONTOR_API_KEY": "kontor_x_y"}
	dir, data := t.TempDir(), t.TempDir()
	run := func(vars map[string]string, args ...string) error {
		return importCommand().Run(context.Background(), env(vars), args)
	}
	require.ErrorContains(t, run(key), "--dir")
	require.ErrorIs(t, run(nil, "--dir", dir, "--data", data), remote.ErrCredentials)
	require.ErrorContains(t, run(key, "--dir", dir, "--data", data), "no mapping files")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.yaml"), []byte("kind: company\nsource: {file: a.csv}\nfields: {name: {column: a}}\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2.yaml"), []byte("kind: company\nfields: {name: {colum: a}}\n"), 0o600))
	err := run(key, "--dir", dir, "--data", data)
	require.ErrorContains(t, err, "1.yaml: there is no file a.csv")
	require.ErrorContains(t, err, "2.yaml")
	require.ErrorContains(t, err, `unknown key "colum"`)
}

// The sample data's mappings can be read, and each of its rows has an ID of its own.
func TestDemoData(t *testing.T) {
	t.Parallel()
	d := demo.New("b", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), demo.Stages{Pipeline: "Sales", Open: []string{"New", "Offer"}, Won: "Won", Lost: "Lost"})
	for _, f := range d.Files() {
		m, err := imports.ParseMapping(f.Mapping)
		require.NoError(t, err, f.Name)
		require.Equal(t, f.Kind, m.Kind)
		require.Equal(t, demo.Source, m.ExternalID.Source)
		seen := map[string]bool{}
		for _, line := range strings.Split(strings.TrimSpace(string(f.Content)), "\n") {
			first, _, _ := strings.Cut(line, ",")
			require.False(t, seen[first], "%s: %s stands twice", f.Name, first)
			seen[first] = true
		}
		require.Greater(t, len(seen), 10)
	}
}
