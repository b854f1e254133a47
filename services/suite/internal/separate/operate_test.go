package separate_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
)

// migrateByOperator does what every service's own migration does, with one command: one database is taken back to nothing
// before, and has its tables again.
func (in *installation) migrateByOperator() {
	in.t.Helper()
	owners := map[string]string{}
	for s, url := range in.owners {
		owners["KONTOR_"+strings.ToUpper(s)+"_POSTGRES_OWNER_URL"] = url
	}
	out, err := in.kontor(nil, "migrate")
	require.Error(in.t, err, out)
	require.Contains(in.t, out, "KONTOR_IDENTITY_POSTGRES_OWNER_URL", "says what is missing")

	conn, err := pgx.Connect(in.t.Context(), in.owners["deals"])
	require.NoError(in.t, err)
	defer func() { require.NoError(in.t, conn.Close(in.t.Context())) }()
	_, err = conn.Exec(in.t.Context(), `DROP SCHEMA river CASCADE`)
	require.NoError(in.t, err)
	require.False(in.t, in.hasJobs("deals"))
	out, err = in.kontor(owners, "migrate")
	require.NoError(in.t, err, out)
	require.Equal(in.t, "up to date: identity, files, contacts, catalog, deals, reporting\n", out)
	for s := range in.owners {
		require.Equal(in.t, slices.Contains(withJobs(), s), in.hasJobs(s), "River's tables in the database of %s", s)
	}
}

// operate is an operator's work on services that run apart, by the commands of docker-compose.yml's kontor.
func (w *work) operate() {
	w.t.Run("replay", w.replay)
	w.t.Run("parked", w.parked)
	w.t.Run("organisation", w.organization)
}

// REP-1: the reports say the same when their facts have been built anew.
func (w *work) replay(t *testing.T) {
	before := w.wonIncome()
	out, err := w.in.kontor(nil, "events", "replay", "--to", "reporting")
	require.NoError(t, err, out)
	require.Contains(t, out, "the new facts serve")
	require.Regexp(t, `deals +[1-9]\d* events\n`, out)
	require.Equal(t, before, w.wonIncome())

	for name, wrong := range map[string]map[string]string{
		"KONTOR_CATALOG_POSTGRES_URL": {"KONTOR_CATALOG_POSTGRES_URL": ""},
		"KONTOR_KAFKA_BROKERS":        {"KONTOR_KAFKA_BROKERS": ""},
		"KONTOR_SERVICE_SECRET":       {"KONTOR_SERVICE_SECRET": "another"},
		"KONTOR_SERVICES":             {"KONTOR_SERVICES": "reporting=127.0.0.1:1"},
	} {
		out, err := w.in.kontor(wrong, "events", "replay", "--to", "reporting")
		require.Error(t, err, name)
		require.Contains(t, out, name)
	}
}

// An event that cannot be applied is listed with its service, and tried again when asked.
func (w *work) parked(t *testing.T) {
	const topic = "kontor.deals.v1"
	bad := event.New(topic, "deal", id.New(), 1, &dealsv1.DealCreated{Deal: &dealsv1.Deal{}})
	bad.Organization, bad.ID, bad.HappenedAt = id.New(), id.New(), time.Now()
	bad.Payload = []byte("this is not protobuf")
	kw := &kafka.Writer{
		Addr:         kafka.TCP(w.in.env[operator]["KONTOR_KAFKA_BROKERS"]),
		RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond,
	}
	require.NoError(t, kw.WriteMessages(t.Context(), broker.Message(&bad)))
	require.NoError(t, kw.Close())
	testkit.Eventually(t, func() error {
		out, err := w.in.kontor(nil, "events", "parked", "--consumer", "reporting")
		if err == nil && !strings.Contains(out, bad.Key()) {
			err = errors.New("not parked")
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	// One database is enough to ask about one service.
	only := map[string]string{}
	for name := range maps.Keys(w.in.env[operator]) {
		if strings.HasSuffix(name, "_POSTGRES_URL") && name != "KONTOR_REPORTING_POSTGRES_URL" {
			only[name] = ""
		}
	}
	out, err := w.in.kontor(only, "events", "unpark", "--consumer", "reporting", "--key", bad.Key())
	require.NoError(t, err, out)
	require.Contains(t, out, "1 events are tried again")
	only["KONTOR_REPORTING_POSTGRES_URL"] = ""
	out, err = w.in.kontor(only, "events", "parked")
	require.Error(t, err)
	require.Contains(t, out, "no database is known")
}

// ID-1: an organisation is made while the services run apart, and its administrator signs in.
func (w *work) organization(t *testing.T) {
	const email, password = "chief@second.test", "correct-horse-battery-7"
	out, err := w.in.kontor(map[string]string{"KONTOR_NEW_PASSWORD": password}, "org", "create", "--name", "Second", "--email", email)
	require.NoError(t, err, out)
	require.Contains(t, out, email)
	c := &caller{t: t, base: w.base}
	require.NotEmpty(t, text(t, c.must(http.MethodPost, "/v1/sessions", object{"email": email, "password": password}), "accessToken"))

	out, err = w.in.kontor(map[string]string{"KONTOR_SERVICES": "identity=127.0.0.1:1"}, "org", "create", "--name", "X", "--email", "x@y.test")
	require.Error(t, err)
	require.Contains(t, out, "KONTOR_SERVICES")
}
