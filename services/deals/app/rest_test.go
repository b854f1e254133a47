package app_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/stretchr/testify/require"

	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
)

// The REST bindings of the contract lead where they say: verbs beside IDs, lists beside their counts.
func TestBindings(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	mux := runtime.NewServeMux()
	require.NoError(t, dealsv1.RegisterDealsServiceHandlerClient(t.Context(), mux, s.deals))
	require.NoError(t, dealsv1.RegisterPipelinesServiceHandlerClient(t.Context(), mux, s.pipelines))
	token := "Bearer " + s.issuer.Token(s.org, s.boss)
	call := func(method, path, body string) (int, string) {
		req := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), method, path, strings.NewReader(body))
		req.Header.Set("Authorization", token)
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, req)
		return rec.Code, rec.Body.String()
	}
	code, body := call(http.MethodPost, "/v1/deals", `{"name": "By REST", "amount": {"currencyCode": "EUR", "amount": "5"}}`)
	require.Equal(t, http.StatusOK, code, body)
	d := s.create(s.boss, &dealsv1.Deal{Name: "Another"})
	at := "/v1/deals/" + d.GetId()
	for _, c := range []struct{ method, path, body, want string }{
		{http.MethodGet, "/v1/deals", "", `"deals":[`},
		{http.MethodGet, "/v1/deals?pageSize=1&filter=state%20%3D%20OPEN&orderBy=name", "", `"nextPageToken":`},
		{http.MethodGet, "/v1/deals:count", "", `"count":2`},
		{http.MethodGet, "/v1/deals:search?query=rest", "", `"By REST"`},
		{http.MethodGet, "/v1/deals:board?groupBy=BOARD_GROUP_BY_RESPONSIBLE", "", `"columns":[`},
		{http.MethodGet, at, "", `"Another"`},
		{http.MethodGet, at + ":history", "", `"kontor.deals.v1.DealCreated"`},
		{http.MethodGet, at + ":stageChanges", "", `"stays":[`},
		{http.MethodPatch, at, `{"comment": "by REST"}`, `"by REST"`},
		{http.MethodPost, at + ":win", `{}`, `DEAL_STATE_WON`},
		{http.MethodPost, at + ":reopen", `{}`, `DEAL_STATE_OPEN`},
		{http.MethodPost, at + ":lose", `{"lostReason": "Price"}`, `DEAL_STATE_LOST`},
		{http.MethodDelete, at, "", `"deleteTime":`},
		{http.MethodGet, "/v1/deals?showDeleted=true", "", `"Another"`},
		{http.MethodPost, at + ":undelete", `{}`, `"deal":`},
		{http.MethodGet, "/v1/pipelines", "", `"Negotiation"`},
		{http.MethodGet, "/v1/pipelines:count", "", `"count":1`},
		{http.MethodGet, "/v1/pipelines/" + d.GetPipelineId(), "", `"Negotiation"`},
		{http.MethodPatch, "/v1/pipelines/" + d.GetPipelineId(), `{"name": "Selling"}`, `"Selling"`},
	} {
		code, body := call(c.method, c.path, c.body)
		require.Equal(t, http.StatusOK, code, "%s %s: %s", c.method, c.path, body)
		require.Contains(t, strings.ReplaceAll(body, `": `, `":`), c.want, "%s %s", c.method, c.path)
	}
}
