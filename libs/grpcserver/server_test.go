package grpcserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authn/authntest"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/logx"
	"kontor.internal/libs/telemetry"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

const (
	org      = "0192f0c4-0000-7000-8000-0000000000aa"
	ann      = "0192f0c4-0000-7000-8000-000000000001" // may view and create products
	ben      = "0192f0c4-0000-7000-8000-000000000002" // may nothing
	leaver   = "0192f0c4-0000-7000-8000-000000000003" // deactivated
	recordID = "0192f0c4-0000-7000-8000-0000000000bb"
)

// lines is a log that tests read.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// rpcs returns the completion lines.
func (l *lines) rpcs(t *testing.T) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(l.text()) {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		if m["msg"] == "rpc" {
			out = append(out, m)
		}
	}
	return out
}

type bench struct {
	server   *grpcserver.Server
	issuer   *authntest.Issuer
	dir      *authz.Directory
	log      *lines
	metrics  *prometheus.Registry
	handlers *handlers
	listener *bufconn.Listener
	local    bool // dial within the process
}

// eitherWay runs a test over the network and within the process: both have to be the same to callers and handlers.
func eitherWay(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	t.Run("over the network", func(t *testing.T) {
		t.Parallel()
		test(t, setup(t))
	})
	t.Run("within the process", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.local = true
		test(t, b)
	})
}

func directory() *authz.Directory {
	d := authz.NewDirectory()
	put := func(version int64, set func(*accessv1.DirectoryEntry)) {
		e := &accessv1.DirectoryEntry{OrganizationId: org, Version: version}
		set(e)
		d.Apply(e)
	}
	put(1, func(e *accessv1.DirectoryEntry) {
		e.Entry = &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{Id: "r", Grants: []*accessv1.DirectoryGrant{
			{Kind: "product", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL},
			{Kind: "product", Action: optionsv1.Action_ACTION_CREATE, Scope: accessv1.Scope_SCOPE_OWN},
		}}}
	})
	for who, roles := range map[string][]string{ann: {"r"}, ben: nil, leaver: {"r"}} {
		put(1, func(e *accessv1.DirectoryEntry) { e.Entry = userEntry(who, who != leaver, roles...) })
	}
	d.SetReady(time.Unix(1, 0))
	return d
}

func userEntry(who string, active bool, roles ...string) *accessv1.DirectoryEntry_User {
	return &accessv1.DirectoryEntry_User{User: &accessv1.DirectoryUser{Id: who, Active: active, RoleIds: roles}}
}

func setup(t testing.TB, change ...func(*grpcserver.Options)) *bench {
	t.Helper()
	b := &bench{
		issuer: authntest.NewIssuer(t), dir: directory(), log: &lines{}, metrics: prometheus.NewRegistry(),
		handlers: &handlers{do: make(map[string]func(context.Context) error)}, listener: bufconn.Listen(1 << 20),
	}
	o := grpcserver.Options{
		Log: logx.New(b.log, logx.Options{}), Verifier: b.issuer.Verifier(), Directory: b.dir, Metrics: b.metrics,
		ServiceSecret: authn.NewServiceSecret("s3cret"),
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	b.server, err = grpcserver.New(o)
	require.NoError(t, err)
	register(b.server, "TestService", b.handlers)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.server.Run(ctx, b.listener) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return b
}

func (b *bench) dial(t testing.TB, o grpcclient.Options) grpc.ClientConnInterface {
	t.Helper()
	if b.local {
		b.awaitServing(t)
		return grpcclient.Local(b.server.Local(), o)
	}
	o.Dialer = func(ctx context.Context, _ string) (net.Conn, error) { return b.listener.DialContext(ctx) }
	conn, err := grpcclient.Dial("passthrough:///test", o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// awaitServing waits for what a connection over the network waits for by itself.
func (b *bench) awaitServing(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := healthpb.NewHealthClient(b.server.Local()).Check(t.Context(), &healthpb.HealthCheckRequest{})
		return err == nil
	}, 5*time.Second, time.Millisecond)
}

// as is a context in which the user calls.
func (b *bench) as(t testing.TB, user string) context.Context {
	t.Helper()
	return b.issuer.Context(t.Context(), org, user)
}

func TestCallerAndScopeReachTheHandler(t *testing.T) { eitherWay(t, testCallerAndScopeReachTheHandler) }

func testCallerAndScopeReachTheHandler(t *testing.T, b *bench) {
	b.handlers.on("Create", func(ctx context.Context) error {
		p := authn.MustFrom(ctx)
		require.Equal(t, ann, p.UserID)
		require.Equal(t, org, p.OrganizationID)
		require.NotEmpty(t, authn.Token(ctx))
		require.Equal(t, []string{ann}, authz.ScopeFrom(ctx).Users())
		require.True(t, authz.For(ctx, "product", optionsv1.Action_ACTION_VIEW).All())
		r, ok := idem.From(ctx)
		require.True(t, ok)
		require.Equal(t, "key-1", r.ID)
		require.Equal(t, "/kontor.test.v1.TestService/Create", r.Method)
		require.NotEmpty(t, r.Hash)
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		return nil
	})
	conn := b.dial(t, grpcclient.Options{})
	req := newRequest().with("id", recordID).with("request_id", "key-1")
	require.NoError(t, send(b.as(t, ann), conn, "Create", req))

	b.handlers.on("Create", func(ctx context.Context) error {
		_, ok := idem.From(ctx)
		require.False(t, ok, "no request ID, nothing to recognise")
		return nil
	})
	require.NoError(t, invoke(b.as(t, ann), conn, "Create"))
}

// The same request ID with another request is told apart by the hash.
func TestHashTellsRequestsApart(t *testing.T) { eitherWay(t, testHashTellsRequestsApart) }

func testHashTellsRequestsApart(t *testing.T, b *bench) {
	var hashes [][]byte
	b.handlers.on("Create", func(ctx context.Context) error {
		r, _ := idem.From(ctx)
		hashes = append(hashes, r.Hash)
		return nil
	})
	conn := b.dial(t, grpcclient.Options{})
	for _, name := range []string{"x", "x", "y"} {
		req := newRequest().with("id", recordID).with("request_id", "key-1").with("name", name)
		require.NoError(t, send(b.as(t, ann), conn, "Create", req))
	}
	require.Equal(t, hashes[0], hashes[1])
	require.NotEqual(t, hashes[0], hashes[2])
}

// ID-4, ID-7, decisions 10: who gets in.
func TestAdmission(t *testing.T) { eitherWay(t, testAdmission) }

func testAdmission(t *testing.T, b *bench) {
	conn := b.dial(t, grpcclient.Options{Raw: true})
	b.handlers.on("Public", func(ctx context.Context) error {
		if _, known := authn.From(ctx); known {
			return errors.New("a public method knows no caller")
		}
		return nil
	})
	tests := []struct {
		name   string
		ctx    context.Context
		call   string
		code   codes.Code
		reason string
	}{
		{"a granted user passes", b.as(t, ann), "View", codes.OK, ""},
		{"a user without a grant is refused", b.as(t, ben), "View", codes.PermissionDenied, "NOT_PERMITTED"},
		{"a call without a token is refused", t.Context(), "View", codes.Unauthenticated, "TOKEN_MISSING"},
		{"rubbish for a token is refused", metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer rubbish"), "View", codes.Unauthenticated, "TOKEN_INVALID"},
		{"another issuer's token is refused", authntest.NewIssuer(t).Context(t.Context(), org, ann), "View", codes.Unauthenticated, "TOKEN_INVALID"},
		{"a deactivated user is refused though the token is good", b.as(t, leaver), "View", codes.Unauthenticated, "USER_DEACTIVATED"},
		{"the same user of another organisation is nobody", b.issuer.Context(t.Context(), id.New(), ann), "View", codes.Unauthenticated, "USER_UNKNOWN"},
		{"any user may call what is for the signed-in", b.as(t, ben), "SignedIn", codes.OK, ""},
		{"a deactivated one may not", b.as(t, leaver), "SignedIn", codes.Unauthenticated, "USER_DEACTIVATED"},
		{"nobody in particular may call what is public", t.Context(), "Public", codes.OK, ""},
		{"a bad token does not matter there", metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer rubbish"), "Public", codes.OK, ""},
		{"a service may call what is for services", authn.WithServiceSecret(t.Context(), "deals", "s3cret"), "Internal", codes.OK, ""},
		{"with a wrong secret it may not", authn.WithServiceSecret(t.Context(), "deals", "wrong"), "Internal", codes.PermissionDenied, "SERVICE_ONLY"},
		{"a user may not, however able", b.as(t, ann), "Internal", codes.PermissionDenied, "SERVICE_ONLY"},
		{"the secret alone is no user", authn.WithServiceSecret(t.Context(), "deals", "s3cret"), "View", codes.Unauthenticated, "TOKEN_MISSING"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := invoke(tt.ctx, conn, tt.call)
			require.Equal(t, tt.code, status.Code(err), "%v", err)
			var reason string
			for _, d := range status.Convert(err).Details() {
				if info, ok := d.(*errdetails.ErrorInfo); ok {
					reason = info.GetReason()
				}
			}
			require.Equal(t, tt.reason, reason)
		})
	}
}

func TestServiceKnowsOnWhoseBehalf(t *testing.T) { eitherWay(t, testServiceKnowsOnWhoseBehalf) }

func testServiceKnowsOnWhoseBehalf(t *testing.T, b *bench) {
	b.handlers.on("Internal", func(ctx context.Context) error {
		require.Equal(t, authn.Principal{OrganizationID: org, UserID: ann, Service: "deals"}, withoutSession(authn.MustFrom(ctx)))
		require.True(t, authz.ScopeFrom(ctx).All())
		return nil
	})
	conn := b.dial(t, grpcclient.Options{Service: "deals", Secret: "s3cret"})
	require.NoError(t, invoke(b.as(t, ann), conn, "Internal"))
}

// ID-10: the address is what the suite has seen itself: a client that says where it is, is not believed.
func TestAddressOfTheClient(t *testing.T) { eitherWay(t, testAddressOfTheClient) }

func testAddressOfTheClient(t *testing.T, b *bench) {
	var got string
	b.handlers.on("View", func(ctx context.Context) error {
		got = authn.Address(ctx)
		return nil
	})
	ask := func(o grpcclient.Options, ctx context.Context) string {
		got = "none"
		require.NoError(t, invoke(ctx, b.dial(t, o), "View"))
		return got
	}
	service := grpcclient.Options{Service: "deals", Secret: "s3cret"}
	require.Equal(t, "203.0.113.7", ask(service, authn.WithAddress(b.as(t, ann), "203.0.113.7")), "passed on by a service")
	require.Empty(t, ask(service, b.as(t, ann)), "a service at work by itself")
	forged := metadata.AppendToOutgoingContext(b.as(t, ann), authn.MetadataAddress, "203.0.113.7", authn.MetadataAddressProof, authn.AddressProof("guess"))
	require.NotEqual(t, "203.0.113.7", ask(grpcclient.Options{}, forged))
	require.NotEqual(t, "203.0.113.7", ask(grpcclient.Options{Service: "deals", Secret: "guess"}, authn.WithAddress(b.as(t, ann), "203.0.113.7")))
}

func withoutSession(p authn.Principal) authn.Principal {
	p.SessionID = ""
	return p
}

func TestInvalidRequestsNameTheirFields(t *testing.T) {
	eitherWay(t, testInvalidRequestsNameTheirFields)
}

func testInvalidRequestsNameTheirFields(t *testing.T, b *bench) {
	conn := b.dial(t, grpcclient.Options{Raw: true})
	err := send(b.as(t, ann), conn, "Create", newRequest().with("id", "7").with("name", strings.Repeat("x", 300)))
	st := status.Convert(err)
	require.Equal(t, codes.InvalidArgument, st.Code())
	require.Len(t, st.Details(), 2)
	require.Equal(t, apperr.ReasonInvalidArgument, st.Details()[0].(*errdetails.ErrorInfo).GetReason())
	violations := st.Details()[1].(*errdetails.BadRequest).GetFieldViolations()
	require.Len(t, violations, 2)
	require.Equal(t, "id", violations[0].GetField())
	require.Equal(t, "name", violations[1].GetField())
	require.Contains(t, violations[1].GetDescription(), "256")
}

func TestErrorsReachTheCallerAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	errGone := apperr.NotFound("SECTION_NOT_FOUND", "section not found")
	b := setup(t)
	b.handlers.on("View", func(context.Context) error { return errGone.With("id", "7").Because(errors.New("hunter2")) })
	err := invoke(b.as(t, ann), b.dial(t, grpcclient.Options{}), "View")
	require.ErrorIs(t, err, errGone)
	var e *apperr.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, map[string]string{"id": "7"}, e.Meta)
	require.NotContains(t, err.Error(), "hunter2")

	line := b.log.rpcs(t)[0]
	require.Equal(t, "INFO", line["level"])
	require.Equal(t, "SECTION_NOT_FOUND", line["reason"])
	require.Contains(t, line["error"], "hunter2")
}

func TestUnknownErrorsAreOpaqueAndLoggedOnce(t *testing.T) {
	eitherWay(t, testUnknownErrorsAreOpaqueAndLoggedOnce)
}

func testUnknownErrorsAreOpaqueAndLoggedOnce(t *testing.T, b *bench) {
	b.handlers.on("View", func(context.Context) error { return errors.New("connection to 10.0.0.7 refused") })
	parent := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := metadata.AppendToOutgoingContext(b.as(t, ann), telemetry.Header, parent)
	err := invoke(ctx, b.dial(t, grpcclient.Options{Raw: true}), "View")
	require.Equal(t, codes.Internal, status.Code(err))
	require.Equal(t, "internal error", status.Convert(err).Message())

	require.Equal(t, 1, strings.Count(b.log.text(), "10.0.0.7"))
	line := b.log.rpcs(t)[0]
	require.Equal(t, "ERROR", line["level"])
	require.Equal(t, "Internal", line["code"])
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", line["trace_id"])
	require.Equal(t, org, line["organization_id"])
	require.Equal(t, ann, line["user_id"])
	require.Equal(t, "/kontor.test.v1.TestService/View", line["method"])
	require.NotContains(t, b.log.text(), recordID, "bodies are not logged")
}

func TestPanicBecomesInternalWithItsLine(t *testing.T) {
	eitherWay(t, testPanicBecomesInternalWithItsLine)
}

func testPanicBecomesInternalWithItsLine(t *testing.T, b *bench) {
	b.handlers.on("View", func(context.Context) error { panic("oops") })
	b.handlers.on("Download", func(context.Context) error { panic("stream oops") })
	conn := b.dial(t, grpcclient.Options{Raw: true})
	err := invoke(b.as(t, ann), conn, "View")
	require.Equal(t, codes.Internal, status.Code(err))
	require.Equal(t, "internal error", status.Convert(err).Message())
	line := b.log.rpcs(t)[0]
	require.Equal(t, "panic: oops", line["error"])
	require.Contains(t, line["stack"], "service_test.go")

	s := openStream(t, b.as(t, ann), conn, "Download", newRequest().with("id", recordID))
	require.Equal(t, codes.Internal, status.Code(drain(s)))
	require.Len(t, b.log.rpcs(t), 2)
	require.InDelta(t, 1, testutil.ToFloat64(counter(t, b, "View", codes.Internal)), 0)
}

func counter(t *testing.T, b *bench, method string, code codes.Code) prometheus.Collector {
	t.Helper()
	families, err := b.metrics.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "kontor_rpc_handled_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["method"] == method && labels["code"] == code.String() {
				g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "x"})
				g.Set(m.GetCounter().GetValue())
				return g
			}
		}
	}
	t.Fatalf("no counter of %s %s", method, code)
	return nil
}

func TestStreams(t *testing.T) { eitherWay(t, testStreams) }

func testStreams(t *testing.T, b *bench) {
	conn := b.dial(t, grpcclient.Options{Raw: true})
	t.Run("each message is validated", func(t *testing.T) {
		t.Parallel()
		s := openStream(t, b.as(t, ann), conn, "Upload", newRequest().with("id", "7"))
		require.Equal(t, codes.InvalidArgument, status.Code(drain(s)))
	})
	t.Run("a caller without a token is refused", func(t *testing.T) {
		t.Parallel()
		s := openStream(t, t.Context(), b.dial(t, grpcclient.Options{}), "Download", newRequest().with("id", recordID))
		require.ErrorIs(t, drain(s), authn.ErrTokenMissing)
	})
	t.Run("a granted one gets what there is", func(t *testing.T) {
		t.Parallel()
		s := openStream(t, b.as(t, ann), conn, "Download", newRequest().with("id", recordID))
		require.NoError(t, s.RecvMsg(newResponse()))
		require.ErrorIs(t, drain(s), io.EOF)
	})
}

// ID-2, ID-6: what a person may not see any more ends at once.
func TestStreamEndsWhenItsCallerIsDeactivated(t *testing.T) {
	eitherWay(t, testStreamEndsWhenItsCallerIsDeactivated)
}

func testStreamEndsWhenItsCallerIsDeactivated(t *testing.T, b *bench) {
	b.handlers.on("Download", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	s := openStream(t, b.as(t, ann), b.dial(t, grpcclient.Options{}), "Download", newRequest().with("id", recordID))
	require.NoError(t, s.RecvMsg(newResponse()))
	b.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 2, Entry: userEntry(ann, false)})
	require.ErrorIs(t, drain(s), authz.ErrUserInactive)
}

func TestRefusesToStartWithoutPermissionOption(t *testing.T) {
	t.Parallel()
	s, err := grpcserver.New(grpcserver.Options{
		Log: logx.New(&lines{}, logx.Options{}), Verifier: authntest.NewIssuer(t).Verifier(), Directory: directory(),
	})
	require.NoError(t, err)
	require.NoError(t, s.Check())

	s, err = grpcserver.New(grpcserver.Options{
		Log: logx.New(&lines{}, logx.Options{}), Verifier: authntest.NewIssuer(t).Verifier(), Directory: directory(),
	})
	require.NoError(t, err)
	register(s, "ForgetfulService", &handlers{})
	const want = "/kontor.test.v1.ForgetfulService/Nothing: no (kontor.options.v1.permission)"
	require.ErrorContains(t, s.Check(), want)
	require.ErrorContains(t, s.Check(), "ForgetfulService/Half", "a kind without an action says nothing")
	require.ErrorContains(t, s.Listen(t.Context(), "127.0.0.1:0"), want)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorContains(t, s.Run(t.Context(), ln), want)
	_, err = net.Dial("tcp", ln.Addr().String())
	require.Error(t, err, "it does not even listen")
}

func TestOptionsAreRequired(t *testing.T) {
	t.Parallel()
	_, err := grpcserver.New(grpcserver.Options{})
	require.Error(t, err)
}

func TestHealthNeedsNoToken(t *testing.T) { eitherWay(t, testHealthNeedsNoToken) }

func testHealthNeedsNoToken(t *testing.T, b *bench) {
	client := healthpb.NewHealthClient(b.dial(t, grpcclient.Options{Raw: true}))
	res, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, res.GetStatus())
	b.server.NotReady()
	res, err = client.Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, res.GetStatus())
	require.Empty(t, b.log.rpcs(t), "probes are not logged")
}

func TestStopLetsCallsEndAndCutsThoseThatDoNot(t *testing.T) {
	t.Parallel()
	s, err := grpcserver.New(grpcserver.Options{
		Log: logx.New(&lines{}, logx.Options{}), Verifier: authntest.NewIssuer(t).Verifier(), Directory: directory(),
		StopTimeout: 100 * time.Millisecond,
	})
	require.NoError(t, err)
	ln := bufconn.Listen(1 << 20)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, ln) }()
	conn, err := grpcclient.Dial("passthrough:///test", grpcclient.Options{
		Dialer: func(ctx context.Context, _ string) (net.Conn, error) { return ln.DialContext(ctx) },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{}) // never ends by itself
	require.NoError(t, err)
	res, err := watch.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, res.GetStatus())
	cancel()
	res, err = watch.Recv()
	require.NoError(t, err, "told of the stop before being cut")
	require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, res.GetStatus())
	require.NoError(t, <-done)
	_, err = watch.Recv()
	require.Error(t, err)
}

func TestDeadlineOfTheServer(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcserver.Options) { o.Timeout = 20 * time.Millisecond })
	b.handlers.on("View", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return b.listener.DialContext(ctx)
	}), insecureCredentials())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.Equal(t, codes.DeadlineExceeded, status.Code(invoke(b.as(t, ann), conn, "View")))
}
