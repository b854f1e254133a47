package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/admin"
	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authn/authntest"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	"kontor.internal/services/gateway/app"
)

// backend stands for the services: it answers what a test needs and keeps what it was asked.
type backend struct {
	contactsv1.UnimplementedContactsServiceServer
	dealsv1.UnimplementedDealsServiceServer
	dealsv1.UnimplementedOperationsServiceServer
	dealsv1.UnimplementedCustomFieldsServiceServer
	filesv1.UnimplementedFilesServiceServer
	identityv1.UnimplementedSessionsServiceServer
	identityv1.UnimplementedApiKeysServiceServer

	mu       sync.Mutex
	update   *contactsv1.UpdateContactRequest
	refresh  string
	signIn   metadata.MD // what came with the last sign-in
	uploaded []byte
	tokens   []string
	slow     chan struct{}
	key      string // access token that the API key is worth
	broken   bool
}

func (b *backend) GetContact(ctx context.Context, req *contactsv1.GetContactRequest) (*contactsv1.GetContactResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = append(b.tokens, authn.BearerToken(md))
	if req.GetId() == "" || strings.HasPrefix(req.GetId(), "0") {
		return &contactsv1.GetContactResponse{Contact: &contactsv1.Contact{Id: req.GetId(), Etag: "v7", FirstName: "Ann"}}, nil
	}
	return nil, apperr.ToStatus(apperr.NotFound("CONTACT_NOT_FOUND", "contact not found").With("id", req.GetId())).Err()
}

func (b *backend) UpdateContact(_ context.Context, req *contactsv1.UpdateContactRequest) (*contactsv1.UpdateContactResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.update = req
	if req.GetContact().GetEtag() == "v1" {
		return nil, apperr.ToStatus(apperr.Conflict("CONTACT_ETAG_MISMATCH", "changed by someone else")).Err()
	}
	return &contactsv1.UpdateContactResponse{Contact: &contactsv1.Contact{Id: req.GetId(), Etag: "v8"}}, nil
}

func (b *backend) GetDeal(ctx context.Context, _ *dealsv1.GetDealRequest) (*dealsv1.GetDealResponse, error) {
	b.mu.Lock()
	broken := b.broken
	b.mu.Unlock()
	if broken {
		return nil, status.Error(codes.Unavailable, "connection refused: secret-host:5432")
	}
	select {
	case <-b.slow:
		return &dealsv1.GetDealResponse{Deal: &dealsv1.Deal{Id: "x"}}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func (b *backend) GetOperation(_ context.Context, req *operationv1.GetOperationRequest) (*operationv1.GetOperationResponse, error) {
	return &operationv1.GetOperationResponse{Operation: &operationv1.Operation{Id: req.GetId(), Done: 5}}, nil
}

func (b *backend) CreateSession(ctx context.Context, _ *identityv1.CreateSessionRequest) (*identityv1.CreateSessionResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signIn, _ = metadata.FromIncomingContext(ctx)
	return &identityv1.CreateSessionResponse{AccessToken: "a", RefreshToken: "first"}, nil
}

func (b *backend) RefreshSession(_ context.Context, req *identityv1.RefreshSessionRequest) (*identityv1.RefreshSessionResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refresh = req.GetRefreshToken()
	return &identityv1.RefreshSessionResponse{AccessToken: "b", RefreshToken: "second"}, nil
}

func (b *backend) ExchangeApiKey(_ context.Context, req *identityv1.ExchangeApiKeyRequest) (*identityv1.ExchangeApiKeyResponse, error) {
	if req.GetSecret() != "kontor_good" {
		return nil, apperr.ToStatus(apperr.Unauthenticated("API_KEY_REFUSED", "refused")).Err()
	}
	return &identityv1.ExchangeApiKeyResponse{AccessToken: b.key, ExpireTime: timestamppb.New(time.Now().Add(time.Minute))}, nil
}

func (b *backend) UploadFile(s grpc.ClientStreamingServer[filesv1.UploadFileRequest, filesv1.UploadFileResponse]) error {
	var name string
	var all []byte
	for {
		m, err := s.Recv()
		if errors.Is(err, io.EOF) {
			b.mu.Lock()
			b.uploaded = all
			b.mu.Unlock()
			return s.SendAndClose(&filesv1.UploadFileResponse{File: &filesv1.File{Id: id.New(), Name: name, Size: int64(len(all))}})
		}
		if err != nil {
			return err
		}
		if u := m.GetUpload(); u != nil {
			name = u.GetName()
		}
		all = append(all, m.GetChunk()...)
	}
}

func (b *backend) DownloadFile(req *filesv1.DownloadFileRequest, s grpc.ServerStreamingServer[filesv1.DownloadFileResponse]) error {
	const content = "hello world"
	f := &filesv1.File{Name: "../привет.txt", ContentType: "text/html", Size: int64(len(content)), Sha256: "abc"}
	if err := s.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_File{File: f}}); err != nil {
		return err
	}
	return s.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_Chunk{Chunk: []byte(content)[req.GetOffset():]}})
}

type bundle struct {
	*backend

	t         *testing.T
	url       string
	org, user string
	token     string
	expired   string // a token that was good once
	issuer    *authntest.Issuer
	directory *authz.Directory
	redis     *redis.Client
	brokers   []string
}

func setup(t *testing.T, change func(*app.Config)) *bundle {
	t.Helper()
	b := &bundle{backend: &backend{slow: make(chan struct{})}, t: t, org: id.New(), user: id.New(), directory: authz.NewDirectory()}
	conn := testkit.GRPC(t, nil, func(r grpc.ServiceRegistrar) {
		contactsv1.RegisterContactsServiceServer(r, b)
		dealsv1.RegisterDealsServiceServer(r, b)
		dealsv1.RegisterOperationsServiceServer(r, b)
		dealsv1.RegisterCustomFieldsServiceServer(r, b)
		contactsv1.RegisterSearchServiceServer(r, contactsFound{})
		dealsv1.RegisterSearchServiceServer(r, dealsFound{})
		filesv1.RegisterFilesServiceServer(r, b)
		identityv1.RegisterSessionsServiceServer(r, b)
		identityv1.RegisterApiKeysServiceServer(r, b)
	})
	issuer := authntest.NewIssuer(t)
	b.issuer = issuer
	b.token = issuer.Token(b.org, b.user)
	b.key = issuer.Issue(authn.Principal{OrganizationID: b.org, UserID: b.user}, time.Now(), time.Minute)
	b.expired = issuer.Issue(authn.Principal{OrganizationID: b.org, UserID: b.user}, time.Now().Add(-time.Hour), time.Minute)
	b.redis, b.brokers = testkit.Redis(t), testkit.Kafka(t)
	cfg := app.Config{
		RatePerOrganization: 10_000, RatePerUser: 10_000, RatePerAddress: 10_000, MaxBody: 10_000, MaxUpload: 5 << 20,
		MaxCalls: 4, Timeout: 300 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	a, err := app.New(t.Context(), cfg, app.Deps{
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Brokers: b.brokers, Redis: b.redis, Directory: b.directory,
		Verifier: authn.NewVerifier(issuer.Keys, time.Now), ServiceSecret: "s",
		Dial:      func(string) (grpc.ClientConnInterface, error) { return conn, nil },
		Readiness: admin.NewReadiness(), Metrics: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	srv := httptest.NewServer(a.Handler())
	b.url = srv.URL
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, c := range a.Components() {
		if c.Name != "gateway http" {
			wg.Go(func() { _ = c.Run(ctx) })
		}
	}
	t.Cleanup(func() {
		stop()
		wg.Wait()
		srv.Close()
	})
	return b
}

type answer struct {
	*http.Response

	body    string
	problem struct {
		Type, Title, Detail, Instance, Reason, TraceID string
		Status                                         int
		RetryAfterSeconds                              float64
		Metadata                                       map[string]string
	}
}

func (b *bundle) do(method, path, body string, headers ...string) *answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	require.NoError(b.t, err)
	req.Header.Set("Authorization", "Bearer "+b.token)
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, res.Body.Close())
	a := &answer{Response: res, body: string(raw)}
	if res.Header.Get("Content-Type") == "application/problem+json" {
		require.NoError(b.t, json.Unmarshal(raw, &a.problem), a.body)
	}
	return a
}

const someID = "0190f0c4-0000-7000-8000-000000000000"

// WEB-1: JSON in and out, the record's version as ETag, nothing left out of an answer.
func TestGetAnswersJSONWithETag(t *testing.T) {
	b := setup(t, nil)
	a := b.do("GET", "/v1/contacts/"+someID, "")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, `"v7"`, a.Header.Get("ETag"))
	require.Contains(t, a.body, `"lastName":""`)
	require.NotContains(t, a.body, "null")
	require.NotEmpty(t, a.Header.Get("X-Request-Id"))
	require.NotEmpty(t, a.Header.Get("RateLimit-Remaining"))
}

// WEB-1: errors are problem details with a stable reason, and nothing of the inside.
func TestErrorsAreProblemDetails(t *testing.T) {
	b := setup(t, nil)
	b.broken = true
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		reason             string
	}{
		"not there":        {"GET", "/v1/contacts/f" + someID[1:], "", nil, 404, "CONTACT_NOT_FOUND"},
		"no such path":     {"GET", "/v1/nothing", "", nil, 404, "ROUTE_NOT_FOUND"},
		"no such method":   {"PUT", "/v1/contacts", "{}", nil, 405, "METHOD_NOT_ALLOWED"},
		"not JSON":         {"PATCH", "/v1/contacts/" + someID, "{", nil, 400, "MALFORMED_REQUEST"},
		"unknown field":    {"PATCH", "/v1/contacts/" + someID, `{"nope":1}`, nil, 400, "MALFORMED_REQUEST"},
		"huge body":        {"PATCH", "/v1/contacts/" + someID, `{"comment":"` + strings.Repeat("x", 20_000) + `"}`, nil, 413, "BODY_TOO_LARGE"},
		"bad token":        {"GET", "/v1/contacts/" + someID, "", []string{"Authorization", "Bearer x.y.z"}, 401, "TOKEN_INVALID"},
		"other scheme":     {"GET", "/v1/contacts/" + someID, "", []string{"Authorization", "Basic eDp5"}, 401, "AUTHORIZATION_SCHEME"},
		"bad API key":      {"GET", "/v1/contacts/" + someID, "", []string{"Authorization", "Bearer kontor_bad"}, 401, "API_KEY_REFUSED"},
		"changed since":    {"PATCH", "/v1/contacts/" + someID, "{}", []string{"If-Match", `"v1"`}, 412, "CONTACT_ETAG_MISMATCH"},
		"If-Match on list": {"POST", "/v1/sessions:refresh", `{"refreshToken":"x"}`, []string{"If-Match", `"v1"`}, 400, "IF_MATCH_NOT_ACCEPTED"},
		"service is down":  {"GET", "/v1/deals/" + someID, "", nil, 503, "SERVICE_UNAVAILABLE"},
		"no operation":     {"GET", "/v1/operations/nobody.x", "", nil, 404, "OPERATION_NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.do(c.method, c.path, c.body, c.headers...)
			require.Equal(t, c.status, a.StatusCode, a.body)
			require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
			require.Equal(t, c.reason, a.problem.Reason, a.body)
			require.Equal(t, c.status, a.problem.Status)
			require.Equal(t, "/docs/errors#"+strings.ToLower(c.reason), a.problem.Type)
			require.NotEmpty(t, a.problem.TraceID)
			require.NotContains(t, a.body, "goroutine")
			require.NotContains(t, a.body, "secret-host")
		})
	}
}

// WEB-2: a call that takes longer than it may is said to have.
func TestACallThatTakesTooLong(t *testing.T) {
	b := setup(t, nil)
	a := b.do("GET", "/v1/deals/"+someID, "")
	require.Equal(t, 503, a.StatusCode, a.body)
	require.Equal(t, "DEADLINE_EXCEEDED", a.problem.Reason)
}

// WEB-1: Idempotency-Key and If-Match become the call's request ID and etag.
func TestHeadersBecomeFields(t *testing.T) {
	b := setup(t, nil)
	a := b.do("PATCH", "/v1/contacts/"+someID, `{"firstName":"Bo"}`, "Idempotency-Key", "k-1", "If-Match", `W/"v7"`)
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, "k-1", b.update.GetRequestId())
	require.Equal(t, "v7", b.update.GetContact().GetEtag())
	require.Equal(t, []string{"first_name"}, b.update.GetUpdateMask().GetPaths())
	require.Equal(t, 400, b.do("PATCH", "/v1/contacts/"+someID, "{}", "Idempotency-Key", strings.Repeat("k", 200)).StatusCode)
}

// ID-7: in a browser the refresh token is in a cookie that scripts and other sites cannot use.
func TestRefreshTokenStaysInCookie(t *testing.T) {
	b := setup(t, nil)
	a := b.do("POST", "/v1/sessions", `{"email":"a@b.cd","password":"x"}`, "Authorization", "", "X-Kontor-Client", "browser")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.NotContains(t, a.body, "first")
	cookie := a.Cookies()[0]
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	require.Equal(t, "first", cookie.Value)
	require.Equal(t, "/v1", cookie.Path, "a browser sends it to /v1/sessions:refresh only if the path ends before a slash")

	a = b.do("POST", "/v1/sessions:refresh", `{}`, "Authorization", "", "X-Kontor-Client", "browser", "Cookie", cookie.String())
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, "first", b.refresh)
	require.Equal(t, "second", a.Cookies()[0].Value)

	// Without the header, which a form of another site cannot send, the cookie is worth nothing.
	b.do("POST", "/v1/sessions:refresh", `{}`, "Authorization", "", "Cookie", cookie.String())
	require.Empty(t, b.refresh)
	// Programs keep the token themselves.
	require.Contains(t, b.do("POST", "/v1/sessions", `{"email":"a@b.cd","password":"x"}`, "Authorization", "").body, "first")
}

// ID-7: a browser that wakes up with an access token that has expired can still renew it.
func TestExpiredTokenIsNoHindranceToRenewal(t *testing.T) {
	b := setup(t, nil)
	for _, path := range []string{"/v1/sessions", "/v1/sessions:refresh"} {
		a := b.do("POST", path, `{}`, "Authorization", "Bearer "+b.expired)
		require.Equal(t, 200, a.StatusCode, a.body)
	}
	a := b.do("GET", "/v1/sessions", "", "Authorization", "Bearer "+b.expired)
	require.Equal(t, 401, a.StatusCode, a.body)
	require.Equal(t, "TOKEN_EXPIRED", a.problem.Reason)
}

// ID-9: identity hears where somebody signs in from, and that it is the gateway who says so; what the caller claims does
// not count.
func TestIdentityIsToldTheAddressByTheGateway(t *testing.T) {
	b := setup(t, nil)
	a := b.do("POST", "/v1/sessions", `{"email":"a@b.cd","password":"x"}`, "Authorization", "", "X-Forwarded-For", "6.6.6.6",
		"Grpc-Metadata-X-Kontor-Service-Secret", "guessed")
	require.Equal(t, 200, a.StatusCode, a.body)
	_, err := authn.NewServiceSecret("s").Check(b.signIn)
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1"}, b.signIn.Get("x-forwarded-for"))
}

// ID-8: an API key works like a token.
func TestAPIKeyIsExchanged(t *testing.T) {
	b := setup(t, nil)
	a := b.do("GET", "/v1/contacts/"+someID, "", "Authorization", "Bearer kontor_good")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, []string{b.key}, b.tokens)
}

// WEB-2: limits are told, held, and hold over replicas.
func TestRateLimits(t *testing.T) {
	b := setup(t, func(c *app.Config) { c.RatePerUser = 5 })
	for range 5 {
		require.Equal(t, 200, b.do("GET", "/v1/contacts/"+someID, "").StatusCode)
	}
	a := b.do("GET", "/v1/contacts/"+someID, "")
	require.Equal(t, 429, a.StatusCode)
	require.Equal(t, "RATE_LIMITED", a.problem.Reason)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Equal(t, "0", a.Header.Get("RateLimit-Remaining"))
}

// WEB-2: a service that hangs takes its own callers' time only, and is refused at once when it is full.
func TestSlowServiceTakesNobodyWithIt(t *testing.T) {
	b := setup(t, func(c *app.Config) { c.Timeout = 5 * time.Second })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { b.do("GET", "/v1/deals/"+someID, "") })
	}
	eventually(t, "the slow service is full", func() bool {
		a := b.do("GET", "/v1/contacts/"+someID, "")
		require.Equal(t, 200, a.StatusCode) // its neighbour answers all the while
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", b.url+"/v1/deals/"+someID, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+b.token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == 503
	})
	close(b.slow)
	wg.Wait()
}

// decisions 16: files stream through, whatever their names.
func TestFilesUpAndDown(t *testing.T) {
	b := setup(t, nil)
	content := strings.Repeat("0123456789abcdef", 50_000)
	var form strings.Builder
	w := multipart.NewWriter(&form)
	require.NoError(t, w.WriteField("record.kind", "deal"))
	part, err := w.CreateFormFile("file", "sales.csv")
	require.NoError(t, err)
	_, err = io.WriteString(part, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	a := b.do("POST", "/v1/files", form.String(), "Content-Type", w.FormDataContentType())
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, content, string(b.uploaded))

	a = b.do("POST", "/v1/files", form.String()[:400_000], "Content-Type", w.FormDataContentType())
	require.Equal(t, "UPLOAD_MALFORMED", a.problem.Reason, a.body)
	a = b.do("GET", "/v1/files/"+someID+":download", "")
	require.Equal(t, "hello world", a.body)
	require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
	require.Contains(t, a.Header.Get("Content-Disposition"), "attachment")
	require.Contains(t, a.Header.Get("Content-Security-Policy"), "sandbox")
	a = b.do("GET", "/v1/files/"+someID+":download", "", "Range", "bytes=6-")
	require.Equal(t, 206, a.StatusCode)
	require.Equal(t, "world", a.body)
	require.Equal(t, "bytes 6-10/11", a.Header.Get("Content-Range"))
}

// WEB-1: operations are found by their prefix.
func TestOperationsAreRouted(t *testing.T) {
	b := setup(t, nil)
	a := b.do("GET", "/v1/operations/deals."+someID, "")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Contains(t, a.body, `"done":"5"`)
}

func (b *backend) ListCustomFields(_ context.Context, req *customfieldsv1.ListCustomFieldsRequest) (*customfieldsv1.ListCustomFieldsResponse, error) {
	return &customfieldsv1.ListCustomFieldsResponse{CustomFields: []*customfieldsv1.CustomField{{Kind: req.GetKind(), Key: "of_deals"}}}, nil
}

// CON-12: definitions are found by the kind of record.
func TestCustomFieldsAreRouted(t *testing.T) {
	b := setup(t, nil)
	a := b.do("GET", "/v1/customFields/deal", "")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Contains(t, a.body, `"of_deals"`)
	a = b.do("GET", "/v1/customFields/planet", "")
	require.Equal(t, 404, a.StatusCode)
	require.Contains(t, a.body, "CUSTOM_FIELD_KIND_UNKNOWN")
}

// WEB-4: the client's own addresses can be opened, and its policy lets nothing foreign in.
func TestSite(t *testing.T) {
	b := setup(t, nil)
	a := b.do("GET", "/deals/board", "", "Authorization", "")
	require.Equal(t, 200, a.StatusCode)
	require.Contains(t, a.Header.Get("Content-Security-Policy"), "default-src 'self'")
	require.Contains(t, b.do("GET", "/openapi.yaml", "").body, "openapi: 3.1.0")
	require.Contains(t, b.do("GET", "/docs/errors", "").body, "DEAL_NOT_FOUND")
	require.Equal(t, 200, b.do("GET", "/healthz", "").StatusCode)
	a = b.do("GET", "/reference", "") // the reference itself is there only after a build
	require.NotEqual(t, 301, a.StatusCode)
	require.Equal(t, "/reference/", a.Request.URL.Path)
}

// eventually waits for what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if !holds() {
			return errors.New("not yet: " + what)
		}
		return nil
	})
}
