package flow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/id"
)

// creates are the paths of the methods that make a record and know a repetition, from the contracts.
func creates(t *testing.T, methods []method) []string {
	t.Helper()
	var out []string
	for _, m := range methods {
		if !strings.HasPrefix(string(m.Name()), "Create") || m.Input().Fields().ByName("request_id") == nil {
			continue
		}
		if rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule); ok && rule.GetPost() != "" {
			out = append(out, rule.GetPost())
		}
	}
	return out
}

// The same request ID twice: one effect and the same answer, byte for byte, even when the record has changed since; with
// another body it is refused.
func TestSameRequestIDTwice(t *testing.T) {
	in := running(t)
	c := in.organization(t, "Repeated")
	c.one("pipelines", "Sales")
	bodies := map[string]object{
		"/v1/users":           {"name": "Ann", "email": "ann-" + id.New() + "@kontor.test"},
		"/v1/departments":     {"name": "North"},
		"/v1/roles":           {"name": "Assistant"},
		"/v1/serviceAccounts": {"name": "Robot"},
		"/v1/leads":           {"title": "Enquiry"},
		"/v1/leadStatuses":    {"name": "Paused for now", "kind": "LEAD_STATUS_KIND_OPEN"},
		"/v1/contacts":        {"firstName": "Bo", "lastName": "Li"},
		"/v1/companies":       {"name": "Initech"},
		"/v1/products":        {"name": "Gadget"},
		"/v1/sections":        {"name": "Gadgets"},
		"/v1/views":           {"name": "Mine", "kind": "company"},
		"/v1/oidcProviders":   {"name": "Login", "issuer": "https://login.kontor.test", "clientId": "kontor"},
		"/v1/priceTypes":      {"name": "Dealers"},
		"/v1/deals":           {"name": "A deal"},
		"/v1/pipelines": {"name": "Second", "stages": []object{
			{"name": "Begun", "kind": "STAGE_KIND_OPEN"}, {"name": "Won", "kind": "STAGE_KIND_WON"}, {"name": "Lost", "kind": "STAGE_KIND_LOST"},
		}},
	}
	paths := creates(t, served(t, in.plain(t)))
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			c := c.in(t)
			body := bodies[path]
			require.NotNil(t, body, "say what a body of this path may be")
			collection := strings.TrimPrefix(path, "/v1/")
			var of []string
			if collection == "views" { // lists of a kind
				of = []string{"kind", "company"}
			}
			before := len(c.all(collection, "", of...))
			key := id.New()
			first := c.do(http.MethodPost, path, body, "Idempotency-Key", key)
			require.Equal(t, http.StatusOK, first.status, "%s", first.body)
			again := c.do(http.MethodPost, path, body, "Idempotency-Key", key)
			require.Equal(t, http.StatusOK, again.status, "%s", again.body)
			require.Equal(t, string(first.body), string(again.body))
			require.Len(t, c.all(collection, "", of...), before+1, "one effect")

			rec := only(t, first)
			field := "name"
			for _, f := range []string{"title", "firstName"} {
				if _, ok := body[f]; ok {
					field = f
				}
			}
			changed := c.do(http.MethodPatch, path+"/"+text(t, rec, "id"), object{field: "Changed since"})
			require.Equal(t, http.StatusOK, changed.status, "%s", changed.body)
			again = c.do(http.MethodPost, path, body, "Idempotency-Key", key)
			require.Equal(t, string(first.body), string(again.body), "the answer is that of the first time")

			other := c.do(http.MethodPost, path, object{field: "Something else"}, "Idempotency-Key", key)
			require.NotEqual(t, http.StatusOK, other.status, "%s", other.body)
			other.requireProblem("")
			require.Len(t, c.all(collection, "", of...), before+1)
		})
	}
}

// only is the one record of an answer.
func only(t *testing.T, a *answer) object {
	t.Helper()
	for _, v := range a.object() {
		if o, ok := v.(object); ok {
			return o
		}
	}
	require.Fail(t, "no record", "%s", a.body)
	return nil
}

// The same request sent many times at once is one effect; who comes too early is asked to repeat.
func TestSameRequestIDManyTimesAtOnce(t *testing.T) {
	in := running(t)
	c := in.organization(t, "Hasty")
	c.one("pipelines", "Sales")
	key := id.New()
	bodies := make([]string, 16)
	var g errgroup.Group
	for i := range bodies {
		g.Go(func() error {
			for range 50 {
				a := c.do(http.MethodPost, "/v1/deals", object{"name": "One"}, "Idempotency-Key", key)
				switch a.status {
				case http.StatusOK:
					bodies[i] = string(a.body)
					return nil
				case http.StatusConflict, http.StatusServiceUnavailable:
				default:
					return fmt.Errorf("%d: %s", a.status, a.body)
				}
			}
			return errors.New("never answered")
		})
	}
	require.NoError(t, g.Wait())
	for _, b := range bodies {
		require.Equal(t, bodies[0], b)
	}
	require.Equal(t, 1, c.count("deals", ""))
}

// requireProblem wants problem details with a reason, any if it is empty, and nothing of what is inside.
func (a *answer) requireProblem(reason string) {
	a.t.Helper()
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"), "%s", a.body)
	var p struct {
		Status        int
		Title, Reason string
		TraceID       string
	}
	require.NoError(a.t, json.Unmarshal(a.body, &p))
	require.Equal(a.t, a.status, p.Status)
	require.NotEmpty(a.t, p.Title)
	require.NotEmpty(a.t, p.Reason)
	require.NotEmpty(a.t, p.TraceID)
	if reason != "" {
		require.Equal(a.t, reason, p.Reason)
	}
	for _, inside := range []string{"goroutine", ".go:", "SQLSTATE", "pgx", "127.0.0.1"} {
		require.NotContains(a.t, string(a.body), inside)
	}
}

// ID-8: a key works until its time is over or it is taken back, and then is refused like one that never was.
func TestExpiredAndRevokedKeysAreRefused(t *testing.T) {
	in := running(t)
	admin := in.organization(t, "Keys")
	roles := admin.all("roles", "")
	require.NotEmpty(t, roles)
	var ids []string
	for _, r := range roles {
		ids = append(ids, text(t, r, "id"))
	}
	robot := only(t, admin.do(http.MethodPost, "/v1/serviceAccounts", object{"name": "Robot", "roleIds": ids}))
	key := func(more object) (c *caller, keyID string) {
		body := object{"name": "Key", "serviceAccountId": robot["id"]}
		for k, v := range more {
			body[k] = v
		}
		out := admin.must(http.MethodPost, "/v1/apiKeys", body)
		k, _ := out["apiKey"].(object)
		return &caller{t: t, base: in.base, token: text(t, out, "secret")}, text(t, k, "id")
	}
	good, _ := key(nil)
	deadline := time.Now().Add(30 * time.Second)
	for good.do(http.MethodGet, "/v1/deals", nil).status != http.StatusOK { // until the directory knows the account
		require.True(t, time.Now().Before(deadline))
		time.Sleep(50 * time.Millisecond)
	}
	short, _ := key(object{"expireTime": time.Now().Add(3 * time.Second).UTC().Format(time.RFC3339Nano)})
	require.Equal(t, http.StatusOK, short.do(http.MethodGet, "/v1/deals", nil).status)
	revoked, keyID := key(nil)
	require.Equal(t, http.StatusOK, admin.do(http.MethodDelete, "/v1/apiKeys/"+keyID, nil).status)

	never := &caller{t: t, base: in.base, token: good.token[:len(good.token)-4] + "aaaa"}
	refusal := never.do(http.MethodGet, "/v1/deals", nil)
	require.Equal(t, http.StatusUnauthorized, refusal.status)
	refusal.requireProblem("API_KEY_REFUSED")
	a := revoked.do(http.MethodGet, "/v1/deals", nil)
	require.Equal(t, http.StatusUnauthorized, a.status)
	a.requireProblem("API_KEY_REFUSED")
	deadline = time.Now().Add(10 * time.Second) // the gateway keeps a key for longer, if the key lasts
	for a = short.do(http.MethodGet, "/v1/deals", nil); a.status == http.StatusOK; a = short.do(http.MethodGet, "/v1/deals", nil) {
		require.True(t, time.Now().Before(deadline), "the key outlives its time")
		time.Sleep(100 * time.Millisecond)
	}
	require.Equal(t, http.StatusUnauthorized, a.status)
	a.requireProblem("API_KEY_REFUSED")
}

// Bad input gets problem details from the whole suite, too, not only from the gateway (gateway/app has its own cases).
func TestBadInputIsToldClearly(t *testing.T) {
	in := running(t)
	c := in.organization(t, "Clumsy")
	deal := only(t, c.do(http.MethodPost, "/v1/deals", object{"name": "A deal"}))
	path := "/v1/deals/" + text(t, deal, "id")
	for name, q := range map[string]struct {
		method, path string
		body         any
		status       int
		reason       string
		headers      []string
	}{
		"not JSON":          {method: "POST", path: "/v1/deals", body: `{"name":`, status: 400, reason: "MALFORMED_REQUEST"},
		"wrong type":        {method: "POST", path: "/v1/deals", body: `{"name": {}}`, status: 400, reason: "MALFORMED_REQUEST"},
		"deep nesting":      {method: "POST", path: "/v1/deals", body: strings.Repeat(`{"amount":`, 20_000), status: 400, reason: "MALFORMED_REQUEST"},
		"invalid UTF-8":     {method: "POST", path: "/v1/deals", body: "{\"name\":\"\xff\"}", status: 400},
		"NUL in text":       {method: "POST", path: "/v1/deals", body: `{"name":"a\u0000b"}`, status: 400, reason: "TEXT_INVALID"},
		"NUL in a filter":   {method: "GET", path: "/v1/deals?filter=name%20%3D%20%22a%00b%22", status: 400},
		"huge body":         {method: "POST", path: "/v1/deals", body: `{"comment":"` + strings.Repeat("x", 2<<20) + `"}`, status: 413, reason: "BODY_TOO_LARGE"},
		"rule of a field":   {method: "POST", path: "/v1/deals", body: object{"name": strings.Repeat("x", 10_000)}, status: 400, reason: "INVALID_ARGUMENT"},
		"bad money":         {method: "POST", path: "/v1/deals", body: object{"name": "x", "amount": object{"currencyCode": "USD", "amount": "a lot"}}, status: 400},
		"not an ID":         {method: "GET", path: "/v1/deals/1%27%20OR%201=1", status: 400, reason: "INVALID_ARGUMENT"},
		"bad filter":        {method: "GET", path: "/v1/deals?filter=name%20%3D%3D%20%28", status: 400},
		"unknown field":     {method: "GET", path: "/v1/deals?filter=password%3D1", status: 400},
		"bad order":         {method: "GET", path: "/v1/deals?orderBy=drop%20table", status: 400},
		"bad page token":    {method: "GET", path: "/v1/deals?pageToken=abc", status: 400},
		"bad page size":     {method: "GET", path: "/v1/deals?pageSize=-1", status: 400},
		"stale":             {method: "PATCH", path: path, body: object{"name": "x"}, headers: []string{"If-Match", `"v99"`}, status: 412, reason: "DEAL_ETAG_MISMATCH"},
		"bad date":          {method: "POST", path: "/v1/reports/funnel:run", body: object{"from": object{"year": 2026, "month": 13, "day": 45}}, status: 400, reason: "DAY_INVALID"},
		"period backwards":  {method: "POST", path: "/v1/reports/won-deals:run", body: object{"from": object{"year": 2026, "month": 2, "day": 1}, "to": object{"year": 2026, "month": 1, "day": 1}}, status: 400, reason: "PERIOD_INVALID"},
		"unknown report":    {method: "POST", path: "/v1/reports/nothing:run", body: object{}, status: 404, reason: "REPORT_NOT_FOUND"},
		"unknown grouping":  {method: "POST", path: "/v1/reports/won-deals:run", body: object{"groupBy": "star-sign"}, status: 400, reason: "GROUP_BY_INVALID"},
		"mapping not YAML":  {method: "POST", path: "/v1/deals:import", body: object{"fileId": id.New(), "mapping": "{{{"}, status: 400},
		"import of nothing": {method: "POST", path: "/v1/deals:import", body: object{"fileId": id.New(), "mapping": "kind: deal\nfields: {name: {column: a}}"}, status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.in(t).do(q.method, q.path, q.body, q.headers...)
			require.Equal(t, q.status, a.status, "%s", a.body)
			a.requireProblem(q.reason)
		})
	}
}
