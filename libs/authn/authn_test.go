package authn_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authn/authntest"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// hands is a clock that tests move.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) forward(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

type bench struct {
	issuer   *authntest.Issuer
	clock    *hands
	verifier *authn.Verifier
}

func setup(t testing.TB) *bench {
	t.Helper()
	b := &bench{issuer: authntest.NewIssuer(t), clock: &hands{now: start}}
	b.verifier = authn.NewVerifier(b.issuer.Keys, b.clock.Now)
	return b
}

func (b *bench) token(ttl time.Duration) string {
	return b.issuer.Issue(authn.Principal{OrganizationID: "acme", UserID: "ann", SessionID: "s1"}, b.clock.Now(), ttl)
}

// ID-7: short-lived signed tokens, checked against published keys.
func TestVerify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p, err := b.verifier.Verify(t.Context(), b.token(10*time.Minute))
	require.NoError(t, err)
	require.Equal(t, authn.Principal{OrganizationID: "acme", UserID: "ann", SessionID: "s1"}, p)

	onBehalf := b.issuer.Issue(authn.Principal{OrganizationID: "acme", UserID: "ann", Service: "deals"}, start, time.Minute)
	p, err = b.verifier.Verify(t.Context(), onBehalf)
	require.NoError(t, err)
	require.Equal(t, "deals", p.Service)
	require.Equal(t, "ann", p.Actor())
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, strange, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	claims := func(change func(*authn.Claims)) authn.Claims {
		c := authn.Claims{Organization: "acme", RegisteredClaims: jwt.RegisteredClaims{
			Issuer: authn.Issuer, Subject: "ann", ExpiresAt: jwt.NewNumericDate(start.Add(time.Minute)),
		}}
		change(&c)
		return c
	}
	good := b.token(time.Minute)
	parts := strings.Split(good, ".")
	kid := b.issuer.Rotate()
	sign := func(m jwt.SigningMethod, key any, c authn.Claims) string {
		tok := jwt.NewWithClaims(m, c)
		tok.Header["kid"] = kid
		s, err := tok.SignedString(key)
		require.NoError(t, err)
		return s
	}
	// A key of ours under which a stranger's signature is checked.
	forged := sign(jwt.SigningMethodEdDSA, strange, claims(func(*authn.Claims) {}))
	tests := []struct {
		name, token string
		want        error
	}{
		{"no token", "", authn.ErrTokenMissing},
		{"no JWT", "abc", authn.ErrTokenInvalid},
		{"an expired one", b.issuer.Issue(authn.Principal{OrganizationID: "acme", UserID: "ann"}, start.Add(-time.Hour), time.Minute), authn.ErrTokenExpired},
		{"one signed by somebody else", forged, authn.ErrTokenInvalid},
		{"one with a changed payload", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"kontor","sub":"root","org":"acme","exp":9999999999}`)) + "." + parts[2], authn.ErrTokenInvalid},
		{"alg none", sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(func(*authn.Claims) {})), authn.ErrTokenInvalid},
		{"HMAC with the public key", sign(jwt.SigningMethodHS256, []byte(strange.Public().(ed25519.PublicKey)), claims(func(*authn.Claims) {})), authn.ErrTokenInvalid},
		{"one without a user", b.issuer.Issue(authn.Principal{OrganizationID: "acme"}, start, time.Minute), authn.ErrTokenInvalid},
		{"one without an organisation", b.issuer.Issue(authn.Principal{UserID: "ann"}, start, time.Minute), authn.ErrTokenInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := b.verifier.Verify(t.Context(), tt.token)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

// A token seen before costs no signature check; it still ends when it says.
func TestVerifiedTokensAreRemembered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.token(4 * time.Minute)
	for range 3 {
		_, err := b.verifier.Verify(t.Context(), token)
		require.NoError(t, err)
	}
	require.Equal(t, 1, b.issuer.Fetches())
	b.clock.forward(4*time.Minute + 6*time.Second)
	_, err := b.verifier.Verify(t.Context(), token)
	require.ErrorIs(t, err, authn.ErrTokenExpired)
}

// ID-7: keys rotate without downtime.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.token(time.Hour)
	_, err := b.verifier.Verify(t.Context(), before)
	require.NoError(t, err)

	b.clock.forward(10 * time.Second)
	b.issuer.Rotate()
	after := b.token(time.Hour)
	_, err = b.verifier.Verify(t.Context(), after) // an unknown key is fetched at once
	require.NoError(t, err)
	_, err = b.verifier.Verify(t.Context(), before)
	require.NoError(t, err)
	require.Equal(t, 2, b.issuer.Fetches())
}

func TestWithdrawnKeysEndWhatTheySigned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	kid := b.issuer.Rotate()
	stolen := b.token(time.Hour)
	_, err := b.verifier.Verify(t.Context(), stolen)
	require.NoError(t, err)
	b.issuer.Rotate()
	b.issuer.Withdraw(kid)
	b.clock.forward(5 * time.Minute) // keys are fetched again by now
	_, err = b.verifier.Verify(t.Context(), stolen)
	require.ErrorIs(t, err, authn.ErrTokenInvalid)
}

// Tokens with made-up key IDs must not become a load on identity.
func TestUnknownKeysAreNotFetchedForEachToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.verifier.Verify(t.Context(), b.token(time.Hour))
	require.NoError(t, err)
	stranger := authntest.NewIssuer(t)
	for range 20 {
		_, err := b.verifier.Verify(t.Context(), stranger.Issue(authn.Principal{OrganizationID: "acme", UserID: "eve"}, start, time.Hour))
		require.ErrorIs(t, err, authn.ErrTokenInvalid)
	}
	require.LessOrEqual(t, b.issuer.Fetches(), 2)
}

func TestOutageOfIdentity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.token(time.Hour)
	b.issuer.SetDown(true)
	_, err := b.verifier.Verify(t.Context(), token)
	require.ErrorIs(t, err, authn.ErrKeysUnavailable, "without keys nobody can be let in, and nobody is to blame")
	b.issuer.SetDown(false)
	_, err = b.verifier.Verify(t.Context(), token)
	require.NoError(t, err)

	b.issuer.SetDown(true)
	b.clock.forward(6 * time.Minute) // the keys have grown old, and there are no newer ones
	_, err = b.verifier.Verify(t.Context(), token)
	require.NoError(t, err, "keys once good stay good through an outage")
	fetches := b.issuer.Fetches()
	_, err = b.verifier.Verify(t.Context(), b.token(time.Hour))
	require.NoError(t, err)
	require.Equal(t, fetches, b.issuer.Fetches(), "one attempt in a while is enough")
}

func TestServiceSecret(t *testing.T) {
	t.Parallel()
	secret := authn.NewServiceSecret("s3cret")
	tests := []struct {
		name   string
		secret authn.ServiceSecret
		md     metadata.MD
		want   string
		err    error
	}{
		{"the secret lets in", secret, metadata.Pairs(authn.MetadataServiceSecret, "s3cret", authn.MetadataService, "deals"), "deals", nil},
		{"a wrong one does not", secret, metadata.Pairs(authn.MetadataServiceSecret, "S3cret"), "", authn.ErrServiceSecret},
		{"none does not", secret, metadata.MD{}, "", authn.ErrServiceSecret},
		{"without a secret nobody is let in", authn.NewServiceSecret(""), metadata.Pairs(authn.MetadataServiceSecret, ""), "", authn.ErrServiceSecret},
		{"nor by the zero value", authn.ServiceSecret{}, metadata.Pairs(authn.MetadataServiceSecret, ""), "", authn.ErrServiceSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.secret.Check(tt.md)
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"Bearer abc": "abc", "bearer abc": "abc", "Bearer ": "", "Basic abc": "", "": "", "abc": "",
	} {
		require.Equal(t, want, authn.Bearer(header), header)
	}
}

func TestOutgoingCarriesTheToken(t *testing.T) {
	t.Parallel()
	ctx := authn.WithToken(t.Context(), authn.Principal{UserID: "ann"}, "abc")
	md, _ := metadata.FromOutgoingContext(authn.Outgoing(ctx))
	require.Equal(t, []string{"Bearer abc"}, md[authn.MetadataAuthorization])
	_, ok := metadata.FromOutgoingContext(authn.Outgoing(authn.With(ctx, authn.Principal{UserID: "ben"})))
	require.False(t, ok, "one user's token is not passed on for another")
}

func TestMustFromPanicsForNobody(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { authn.MustFrom(context.Background()) })
}

func BenchmarkVerifyCached(b *testing.B) {
	s := setup(b)
	token := s.token(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.verifier.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
