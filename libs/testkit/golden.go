package testkit

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// Golden compares got with testdata/<name>. A missing file fails; -update writes
// it. JSON (by the name's ending) is compared by meaning, everything else byte by
// byte.
func Golden(t testing.TB, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, got, 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "no golden file; look at the output and run the test with -update")
	if strings.HasSuffix(name, ".json") && json.Valid(want) {
		require.JSONEq(t, string(want), string(got))
		return
	}
	require.Equal(t, string(want), string(got), "differs from %s; if it should, run the test with -update", file)
}
