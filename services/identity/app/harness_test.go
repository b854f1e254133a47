package app_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/embedded"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/testkit"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/app"
)

const (
	adminEmail    = "root@acme.example"
	adminPassword = "tidal-marble-9-lantern"
	serviceSecret = "a secret that only these tests know"
)

// suite is identity as it runs in production, on a database of its own: server with all interceptors, relay, directory
// by Kafka, Redis.
type suite struct {
	conn      *grpc.ClientConn
	app       *app.App
	db        *testkit.Database
	directory *authz.Directory
	clock     *steppedClock
	redis     *redis.Client
	first     *app.Founded
	files     *folder
}

// steppedClock is the machine's clock, moved on by tests.
type steppedClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *steppedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *steppedClock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

type option func(*app.Config, *app.Deps)

// ownBroker is a broker of this test alone: the audit log takes in whatever any context tells, and a shared one carries
// the events of all tests.
func ownBroker(t *testing.T) []string {
	t.Helper()
	k, err := embedded.StartKafka(t.Context(), embedded.KafkaOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return []string{k.Addr()}
}

func start(t *testing.T, opts ...option) *suite {
	t.Helper()
	s := &suite{clock: &steppedClock{}, directory: authz.NewDirectory(), files: &folder{}}
	s.db = testkit.Postgres(t, app.Name, app.Migrations(), app.Groups()...)
	require.NoError(t, jobs.Migrate(t.Context(), s.db.OwnerURL))
	s.redis = testkit.Redis(t)
	log := slog.New(slog.DiscardHandler)
	now := clock.Clock(s.clock.now)

	verifier := authn.NewVerifier(func(ctx context.Context) ([]byte, error) {
		res, err := identityv1.NewKeysServiceClient(s.conn).GetJwks(ctx, &identityv1.GetJwksRequest{})
		if err != nil {
			return nil, err
		}
		return protojson.Marshal(res)
	}, now)
	srv, err := grpcserver.New(grpcserver.Options{
		Log: log, Verifier: verifier, Directory: s.directory, ServiceSecret: authn.NewServiceSecret(serviceSecret),
	})
	require.NoError(t, err)

	cfg := app.Config{Secret: "the secret that these tests encrypt with"}
	deps := app.Deps{
		Log: log, Clock: now, Brokers: ownBroker(t), DB: s.db.App, System: s.db.System,
		Accounts: s.db.Open(t, pg.RoleAccounts), Redis: s.redis, Directory: s.directory, Verifier: verifier,
		ServiceSecret: serviceSecret,
		Dial: func(string) (grpc.ClientConnInterface, error) {
			return forwarding{func() *grpc.ClientConn { return s.conn }}, nil
		},
	}
	for _, o := range opts {
		o(&cfg, &deps)
	}
	s.app, err = app.New(t.Context(), cfg, deps)
	require.NoError(t, err)
	testkit.CreateTopic(t, deps.Brokers, authz.Topic, broker.DefaultPartitions, "cleanup.policy=compact")
	testkit.CreateTopic(t, deps.Brokers, "kontor.identity.v1", broker.DefaultPartitions)
	s.first, err = s.app.Bootstrap(t.Context(), app.First{Organization: "Acme", Email: adminEmail, Password: adminPassword, Country: "DE"})
	require.NoError(t, err)
	s.conn = testkit.GRPC(t, srv.Server, func(r grpc.ServiceRegistrar) {
		s.app.Register(r)
		filesv1.RegisterFilesServiceServer(r, s.files)
	})

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	for _, c := range s.app.Components() {
		wg.Go(func() { _ = c.Run(ctx) })
	}
	reader := &authz.Reader{Brokers: deps.Brokers, Directory: s.directory, Clock: now}
	wg.Go(func() { _ = reader.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	testkit.Eventually(t, func() error { return s.directory.Check(ctx) })
	return s
}

// signIn returns a context with the user's access token, and the tokens.
func (s *suite) signIn(t *testing.T, email, password string) (context.Context, *identityv1.CreateSessionResponse) {
	t.Helper()
	res, err := identityv1.NewSessionsServiceClient(s.conn).CreateSession(t.Context(),
		&identityv1.CreateSessionRequest{Email: email, Password: password})
	require.NoError(t, err)
	require.NotEmpty(t, res.GetAccessToken())
	return bearer(t.Context(), res.GetAccessToken()), res
}

func (s *suite) admin(t *testing.T) context.Context {
	t.Helper()
	ctx, _ := s.signIn(t, adminEmail, adminPassword)
	return ctx
}

func bearer(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

func asService(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-kontor-service", "test", "x-kontor-service-secret", serviceSecret)
}

// reason is the stable reason of a failure.
func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// role returns the ID of a ready-made role.
func (s *suite) role(t *testing.T, ctx context.Context, code string) string {
	t.Helper()
	res, err := identityv1.NewRolesServiceClient(s.conn).ListRoles(ctx, &identityv1.ListRolesRequest{Filter: `code = "` + code + `"`})
	require.NoError(t, err)
	require.Len(t, res.GetRoles(), 1)
	return res.GetRoles()[0].GetId()
}

// user makes a user with a role and, if one is given, a password.
func (s *suite) user(t *testing.T, ctx context.Context, name, email, roleCode, password string) *identityv1.User {
	t.Helper()
	c := identityv1.NewUsersServiceClient(s.conn)
	res, err := c.CreateUser(ctx, &identityv1.CreateUserRequest{User: &identityv1.User{
		Name: name, Email: email, RoleIds: []string{s.role(t, ctx, roleCode)},
	}})
	require.NoError(t, err)
	if password != "" {
		set, err := c.SetUserPassword(ctx, &identityv1.SetUserPasswordRequest{Id: res.GetUser().GetId(), Password: password})
		require.NoError(t, err)
		return set.GetUser()
	}
	return res.GetUser()
}

// organization makes another organisation with its administrator, and returns its ID and the context of the latter.
func (s *suite) organization(t *testing.T, name, email string) (string, context.Context) {
	t.Helper()
	res, err := identityv1.NewOrganizationsServiceClient(s.conn).CreateOrganization(asService(t.Context()),
		&identityv1.CreateOrganizationRequest{Name: name, AdminEmail: email, AdminPassword: adminPassword})
	require.NoError(t, err)
	ctx, _ := s.signIn(t, email, adminPassword)
	return res.GetOrganization().GetId(), ctx
}
