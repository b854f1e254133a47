package flow_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	reportingv1 "kontor.internal/proto/gen/kontor/reporting/v1"
	"kontor.internal/services/suite/internal/suite"
)

// REP-1: the facts are built anew from the events alone; reports go on answering, and say the same before, meanwhile and
// after, and what happens meanwhile is counted.
func TestReportsGoOnWhileTheirFactsAreBuiltAnew(t *testing.T) {
	in := running(t)
	admin := in.organization(t, "Rebuilt")
	p := worked(t, admin, 300)
	queries := admin.standardReports(p)
	answers := func() (map[string][][][]string, error) {
		out := map[string][][][]string{}
		for _, q := range queries {
			r, err := admin.try(q)
			if err != nil {
				return nil, err
			}
			out[q.String()] = r.facts()
		}
		return out, nil
	}
	before, err := answers()
	require.NoError(t, err)

	stop, meanwhile := make(chan struct{}), make(chan error, 1)
	asked := 0
	go func() {
		meanwhile <- func() error {
			for {
				got, err := answers()
				if err != nil {
					return err
				}
				for name, want := range before {
					if fmt.Sprint(want) != fmt.Sprint(got[name]) {
						return fmt.Errorf("%s said %v, and now %v", name, want, got[name])
					}
				}
				asked++
				select {
				case <-stop:
					return nil
				default:
				}
			}
		}()
	}()
	out, code := in.kontor(t, nil, "events", "replay", "--to", "reporting")
	close(stop)
	require.NoError(t, <-meanwhile)
	require.Zero(t, code, out)
	require.Contains(t, out, "the new facts serve")
	require.Regexp(t, `deals +\d+ events\n`, out)
	require.Positive(t, asked)
	t.Logf("asked for all reports %d times meanwhile\n%s", asked, out)
	after, err := answers()
	require.NoError(t, err)
	require.Equal(t, before, after)

	// And the new facts go on from there.
	admin.must(http.MethodPost, "/v1/deals", object{"name": "after the rebuild", "pipelineId": p})
	testkit.Eventually(t, func() error {
		r, err := admin.try(query{report: "deals-by-employee", body: object{"pipelineId": p}})
		if err == nil && r.totals[0][1].value != "301" {
			err = fmt.Errorf("%v", r.totals)
		}
		return err
	})
}

// worked makes deals that have come all kinds of ways, waits until the reports have them, and returns their pipeline.
func worked(t *testing.T, c *caller, deals int) (pipeline string) {
	t.Helper()
	p := c.one("pipelines", "Sales")
	pipeline = text(t, p, "id")
	var open []string
	stages, _ := p["stages"].([]any)
	for _, s := range stages {
		o, _ := s.(object)
		if o["kind"] == "STAGE_KIND_OPEN" {
			open = append(open, text(t, o, "id"))
		}
	}
	company := text(t, c.must(http.MethodPost, "/v1/companies", object{"name": "Initech"})["company"].(object), "id")
	var g errgroup.Group
	g.SetLimit(4)
	for i := range deals {
		g.Go(func() error {
			out, err := c.ask(http.MethodPost, "/v1/deals", object{
				"name": fmt.Sprintf("deal %d", i), "pipelineId": pipeline, "companyId": company,
				"amount": object{"currencyCode": "USD", "amount": strconv.Itoa(10 + i)},
			})
			if err != nil {
				return err
			}
			d, _ := out["deal"].(object)
			path := "/v1/deals/" + fmt.Sprint(d["id"])
			for _, s := range open[1 : 1+i%len(open)] {
				if _, err := c.ask(http.MethodPost, path+":move", object{"stageId": s}); err != nil {
					return err
				}
			}
			switch i % 4 {
			case 0:
				_, err = c.ask(http.MethodPost, path+":win", object{})
			case 1:
				_, err = c.ask(http.MethodPost, path+":lose", object{"lostReason": "price"})
			}
			return err
		})
	}
	require.NoError(t, g.Wait())
	want, quarter := strconv.Itoa(deals), strconv.Itoa(deals/4)
	testkit.Eventually(t, func() error {
		r, err := c.try(query{report: "deals-by-employee", body: object{"pipelineId": pipeline}})
		if err != nil {
			return err
		}
		if len(r.totals) == 0 || r.totals[0][1].value != want || r.totals[0][3].value != quarter || r.totals[0][4].value != quarter {
			return fmt.Errorf("not yet: %v", r.totals)
		}
		// The last moves are the last to be told of: a quarter rests in each of the later open stages.
		f, err := c.try(query{report: "funnel", body: object{"pipelineId": pipeline}})
		if err != nil {
			return err
		}
		for _, row := range f.rows {
			if (row[0].value == "Proposal" || row[0].value == "Negotiation") && row[1].value != quarter {
				return fmt.Errorf("not yet: %v", f.rows.values())
			}
		}
		return nil
	})
	return pipeline
}

// One rebuild at a time; one that was broken off can be brought to its end.
func TestReplayRefusesASecondRebuildAndResumesABrokenOne(t *testing.T) {
	in := running(t)
	rebuilds := reportingv1.NewRebuildServiceClient(in.operator(t))
	// As a command leaves it that dies before it has published anything.
	res, err := rebuilds.StartRebuild(t.Context(), &reportingv1.StartRebuildRequest{Sources: []string{"deals", "contacts", "catalog"}})
	require.NoError(t, err)

	out, code := in.kontor(t, nil, "events", "replay", "--to", "reporting")
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "facts are being rebuilt already")
	require.Contains(t, out, "--resume")

	out, code = in.kontor(t, nil, "events", "replay", "--to", "reporting", "--resume")
	require.Zero(t, code, out)
	got, err := rebuilds.GetRebuild(t.Context(), &reportingv1.GetRebuildRequest{Generation: res.GetGeneration()})
	require.NoError(t, err)
	require.True(t, got.GetServing())
	require.Empty(t, got.GetWaitingFor())
}

// What cannot be replayed, and where there is nobody to replay to, is said.
func TestOperatorCommandsSayWhatIsWrong(t *testing.T) {
	in := running(t)
	for name, c := range map[string]struct {
		env  []string
		args string
		code int
		says []string
	}{
		"unknown consumer": {nil, "events replay --to nobody", 2, []string{"nobody", "reporting"}},
		"no consumer":      {nil, "events replay", 1, []string{"--to", "required"}},
		"nobody answers":   {[]string{"KONTOR_GRPC_ADDR=127.0.0.1:1"}, "events replay --to reporting", 1, []string{"127.0.0.1:1", "kontor suite", "KONTOR_GRPC_ADDR"}},
		"another folder":   {[]string{"KONTOR_DATA_DIR=" + t.TempDir()}, "events replay --to reporting", 1, []string{"KONTOR_DATA_DIR"}},
		"no folder":        {[]string{"KONTOR_DATA_DIR=/nonexistent"}, "org create --name X --email x@y.test", 1, []string{"/nonexistent", "KONTOR_DATA_DIR"}},
		"weak password":    {[]string{"KONTOR_NEW_PASSWORD=password12"}, "org create --name X --email x@y.test", 1, []string{"PASSWORD_WEAK"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := in.kontor(t, c.env, strings.Fields(c.args)...)
			require.Equal(t, c.code, code, out)
			for _, s := range c.says {
				require.Contains(t, out, s)
			}
			require.NotContains(t, out, "goroutine")
		})
	}
}

// ID-1, ID-11: an operator makes an organisation; its administrator signs in and finds it ready, and nothing of others.
func TestOrganizationIsMadeByTheOperator(t *testing.T) {
	in := running(t)
	email := "chief-" + id.New() + "@acme.test"
	out, code := in.kontor(t, []string{"KONTOR_NEW_PASSWORD=" + password}, "org", "create",
		"--name", "Acme", "--email", email, "--currency", "EUR", "--time-zone", "Europe/Berlin", "--country", "DE", "--language", "de")
	require.Zero(t, code, out)
	require.Contains(t, out, email)
	require.NotContains(t, out, password)
	c := in.signIn(t, email)
	settings, _ := c.get("/v1/settings")["settings"].(object)
	require.Equal(t, "EUR", settings["baseCurrency"])
	require.Equal(t, "Europe/Berlin", settings["timeZone"])
	require.Equal(t, 1, c.count("users", ""))
	require.Zero(t, c.count("deals", ""))
	testkit.Eventually(t, func() error {
		if n := c.count("pipelines", ""); n != 1 {
			return fmt.Errorf("%d pipelines", n)
		}
		return nil
	})

	other := "made-up-" + id.New() + "@acme.test"
	out, code = in.kontor(t, nil, "org", "create", "--name", "Made up", "--email", other)
	require.Zero(t, code, out)
	require.Regexp(t, `password +[a-z2-7]{20} `, out)
}

// An event that cannot be applied is parked, told of and tried again when asked; others go on.
func TestParkedEventsAreListedAndTriedAgain(t *testing.T) {
	in := running(t)
	const topic = "kontor.deals.v1"
	bad := event.New(topic, "deal", id.New(), 1, &dealsv1.DealCreated{Deal: &dealsv1.Deal{}})
	bad.Organization = id.New()
	bad.Payload = []byte("this is not protobuf")
	bad.ID, bad.HappenedAt = id.New(), time.Now()
	a, err := suite.Attach(t.Context(), in.cfg, nil)
	require.NoError(t, err)
	w := &kafka.Writer{Addr: kafka.TCP(a.Brokers...), Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	require.NoError(t, w.WriteMessages(t.Context(), broker.Message(&bad)))
	require.NoError(t, w.Close())
	require.NoError(t, a.Close())

	listed := func(want bool) string {
		var out string
		testkit.Eventually(t, func() error {
			var code int
			if out, code = in.kontor(t, nil, "events", "parked", "--consumer", "reporting"); code != 0 {
				return fmt.Errorf("%d: %s", code, out)
			}
			if strings.Contains(out, bad.RecordID) != want {
				return fmt.Errorf("parked: %s", out)
			}
			return nil
		})
		return out
	}
	out := listed(true)
	require.Regexp(t, `reporting +reporting +\S+ +kontor.deals.v1.DealCreated +`+bad.Key()+` +.*decode`, out)
	admin := in.organization(t, "Unhindered")
	worked(t, admin, 4)

	out, code := in.kontor(t, nil, "events", "unpark", "--consumer", "reporting", "--key", bad.Key())
	require.Zero(t, code, out)
	require.Contains(t, out, "1 events are tried again")
	listed(true) // as bad as before
	out, code = in.kontor(t, nil, "events", "unpark", "--consumer", "reporting", "--key", "no/such/key")
	require.Zero(t, code, out)
	require.Contains(t, out, "nothing")
}
