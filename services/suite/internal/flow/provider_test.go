package flow_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"kontor.internal/libs/id"
)

// opProvider is a real OpenID Connect provider with a sign-in page, on an address of its own. What a provider that is
// attacked or broken would answer is put in by the fields below.
type opProvider struct {
	*storage.Storage
	server  *httptest.Server
	clients map[string]*storage.Client

	mu    sync.Mutex
	users map[string]*storage.User
	keys  []opKey
	// otherNonce and otherClient stand in ID tokens instead of what a sign-in was begun with, if they are set.
	otherNonce, otherClient string
	// atUserinfo has claims told by the userinfo endpoint instead of in the ID token.
	atUserinfo bool
	groups     []any
	down       bool
}

const opPassword = "open-sesame"

func startProvider(t *testing.T) *opProvider {
	t.Helper()
	p := &opProvider{clients: map[string]*storage.Client{}, users: map[string]*storage.User{}}
	p.rotate(t)
	var handler http.Handler
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	p.Storage = storage.NewStorageWithClients(p, p.clients)
	handler = exampleop.SetupServer(p.server.URL, p, slog.New(slog.DiscardHandler), false)
	return p
}

// set changes what the provider does.
func (p *opProvider) set(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

// person is somebody whom the provider knows; the user name is the subject.
func (p *opProvider) person(subject, email string, verified bool) {
	p.set(func() {
		p.users[subject] = &storage.User{
			ID: subject, Username: subject, Password: opPassword, FirstName: "Ann", LastName: "Lee", Email: email, EmailVerified: verified,
		}
	})
}

// GetUserByID see [storage.UserStore].
func (p *opProvider) GetUserByID(id string) *storage.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users[id]
}

// GetUserByUsername see [storage.UserStore].
func (p *opProvider) GetUserByUsername(name string) *storage.User { return p.GetUserByID(name) }

// ExampleClientID see [storage.UserStore].
func (p *opProvider) ExampleClientID() string { return "none" }

type opKey struct {
	id  string
	key *rsa.PrivateKey
}

type opSigner struct{ opKey }

func (k opSigner) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k opSigner) Key() any                                    { return k.key }
func (k opSigner) ID() string                                  { return k.id }

type opPublic struct{ opKey }

func (k opPublic) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k opPublic) Use() string                        { return "sig" }
func (k opPublic) Key() any                           { return &k.key.PublicKey }
func (k opPublic) ID() string                         { return k.id }

// rotate puts another key in place of the one that signs.
func (p *opProvider) rotate(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p.set(func() { p.keys = []opKey{{id.New(), key}} })
}

// SigningKey see [op.Storage].
func (p *opProvider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return opSigner{p.keys[0]}, nil
}

// KeySet see [op.Storage].
func (p *opProvider) KeySet(context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []op.Key{opPublic{p.keys[0]}}, nil
}

// twisted is what a sign-in was begun with, changed.
type twisted struct {
	op.AuthRequest
	nonce, clientID string
}

func (r *twisted) GetNonce() string      { return r.nonce }
func (r *twisted) GetClientID() string   { return r.clientID }
func (r *twisted) GetAudience() []string { return []string{r.clientID} }

// AuthRequestByCode see [op.Storage].
func (p *opProvider) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	r, err := p.Storage.AuthRequestByCode(ctx, code)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return &twisted{r, cmp.Or(p.otherNonce, r.GetNonce()), cmp.Or(p.otherClient, r.GetClientID())}, nil
}

// opClient tells claims in the ID token unless it is not to.
type opClient struct {
	op.Client
	id      string
	inToken bool
}

func (c opClient) GetID() string { return c.id }

func (c opClient) IDTokenUserinfoClaimsAssertion() bool { return c.inToken }

// GetClientByClientID see [op.Storage].
func (p *opProvider) GetClientByClientID(ctx context.Context, clientID string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, clientID)
	p.mu.Lock()
	defer p.mu.Unlock()
	return opClient{c, cmp.Or(p.otherClient, clientID), !p.atUserinfo}, err
}

// SetUserinfoFromRequest see [op.CanSetUserinfoFromRequest].
func (p *opProvider) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	if err := p.SetUserinfoFromScopes(ctx, info, token.GetSubject(), token.GetClientID(), scopes); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	info.Subject = token.GetSubject() // the library asks without the scope that the storage goes by
	info.AppendClaims("groups", p.groups)
	return nil
}

// browser is one, with its cookies.
type browser struct {
	t    *testing.T
	base string
	http *http.Client
}

func (in *installation) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t: t, base: in.base, http: &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, "/sign-in/") {
			return http.ErrUseLastResponse // the page of ours
		}
		return nil
	}}}
}

// post is a request of our client.
func (b *browser) post(path string, body object) *answer {
	b.t.Helper()
	c := &caller{t: b.t, base: b.base, http: b.http}
	return c.do(http.MethodPost, path, body, "X-Kontor-Client", "browser")
}

// begin begins a sign-in and returns where the browser is sent.
func (b *browser) begin(providerID string) string {
	b.t.Helper()
	a := b.post("/v1/sessions:beginExternal", object{"providerId": providerID})
	require.Equal(b.t, http.StatusOK, a.status, "%s", a.body)
	require.Empty(b.t, a.object()["binding"], "it is in the cookie")
	return text(b.t, a.object(), "authorizationUri")
}

// load loads a page, or sends a form.
func (b *browser) load(method, address string, form url.Values) (*http.Response, []byte) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.http.Do(req)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, res.Body.Close()) }()
	page, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res, page
}

var loginID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// atProvider signs in at the provider's page and returns what the browser comes back with.
func (b *browser) atProvider(address, subject string) object {
	b.t.Helper()
	res, page := b.load(http.MethodGet, address, nil)
	require.Equal(b.t, http.StatusOK, res.StatusCode, "%s", page)
	found := loginID.FindSubmatch(page)
	require.NotNil(b.t, found, "%s", page)
	to := res.Request.URL.ResolveReference(&url.URL{Path: "/login/username"})
	res, body := b.load(http.MethodPost, to.String(), url.Values{
		"username": {subject}, "password": {opPassword}, "id": {string(found[1])},
	})
	back, err := res.Location()
	require.NoError(b.t, err, "%s", body)
	q := back.Query()
	return object{
		"providerId": strings.TrimPrefix(back.Path, "/sign-in/"), "state": q.Get("state"), "code": q.Get("code"), "error": q.Get("error"),
		"iss": q.Get("iss"),
	}
}

// signIn goes the whole way.
func (b *browser) signIn(providerID, subject string) *answer {
	b.t.Helper()
	return b.post("/v1/sessions:completeExternal", b.atProvider(b.begin(providerID), subject))
}
