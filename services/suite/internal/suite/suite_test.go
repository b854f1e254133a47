package suite_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/embedded"
	"kontor.internal/services/suite/internal/suite"
)

func TestSuiteStopsAndStartsAgainOnItsData(t *testing.T) {
	dir := openDir(t)
	first := start(t, dir)
	first.must(http.MethodGet, "/readyz", nil)
	url := first.Infra.PostgresURL
	require.NoError(t, first.stop())

	second := start(t, dir)
	second.must(http.MethodGet, "/readyz", nil)
	second.signIn()
	require.Equal(t, url, second.Infra.PostgresURL, "the same server at the same address")
}

func TestOneSuiteAFolder(t *testing.T) {
	dir := openDir(t)
	start(t, dir)
	_, err := suite.Open(t.Context(), configFor(t, dir), suite.Options{})
	require.ErrorIs(t, err, embedded.ErrLocked)
	require.ErrorContains(t, err, "already running")
	require.ErrorContains(t, err, "KONTOR_DATA_DIR")

	// Commands beside it use what it has started.
	a, err := suite.Attach(t.Context(), configFor(t, dir), nil)
	require.NoError(t, err)
	require.Len(t, a.Databases, len(suite.Services()))
	require.NoError(t, a.Close())
}

func TestTakenPortIsNamed(t *testing.T) {
	cfg := configFor(t, openDir(t))
	ln, err := net.Listen("tcp", cfg.Parts.Gateway.HTTPAddr)
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	_, err = suite.Open(t.Context(), cfg, suite.Options{})
	require.ErrorContains(t, err, cfg.Parts.Gateway.HTTPAddr)
	require.ErrorContains(t, err, "KONTOR_HTTP_ADDR")
}
