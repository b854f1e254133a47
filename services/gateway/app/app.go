// Package app wires the gateway. Read it top to bottom: what a request passes, in order, is in handler.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/rs/cors"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/admin"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/runner"
	"kontor.internal/libs/telemetry"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/gateway/internal/access"
	"kontor.internal/services/gateway/internal/auth"
	"kontor.internal/services/gateway/internal/export"
	"kontor.internal/services/gateway/internal/limit"
	"kontor.internal/services/gateway/internal/rest"
	"kontor.internal/services/gateway/internal/session"
	"kontor.internal/services/gateway/internal/site"
	"kontor.internal/services/gateway/internal/stream"
	"kontor.internal/services/gateway/internal/upload"
	"kontor.internal/services/gateway/internal/upstream"
)

// Config is what the operator may set.
type Config struct {
	// HTTPAddr is where to listen.
	HTTPAddr string `env:"KONTOR_HTTP_ADDR" flag:"http-addr" default:"127.0.0.1:8080" help:"address of the REST face and the client"`
	// Origins of other sites whose pages may call the API.
	Origins []string `env:"KONTOR_CORS_ORIGINS" help:"other sites whose pages may call the API"`
	// TrustedProxies may say where a request comes from.
	TrustedProxies []string `env:"KONTOR_TRUSTED_PROXIES" help:"networks whose X-Forwarded-For counts, such as 10.0.0.0/8"`
	// Rates are requests a minute.
	RatePerOrganization int `env:"KONTOR_RATE_PER_ORGANIZATION" default:"600000" help:"requests a minute, all users of an organisation"`
	RatePerUser         int `env:"KONTOR_RATE_PER_USER" default:"300000" help:"requests a minute, one user or API key"`
	RatePerAddress      int `env:"KONTOR_RATE_PER_ADDRESS" default:"1200" help:"requests a minute without a token, one address"`
	// MaxBody and MaxUpload are in bytes.
	MaxBody   int64 `env:"KONTOR_MAX_BODY" default:"1048576" help:"largest JSON body, in bytes"`
	MaxUpload int64 `env:"KONTOR_MAX_UPLOAD" default:"1073741824" help:"largest upload, in bytes"`
	// MaxCalls is for each service.
	MaxCalls int `env:"KONTOR_MAX_CALLS" default:"256" help:"calls under way at once, for each service"`
	// Timeout of a call.
	Timeout time.Duration `env:"KONTOR_CALL_TIMEOUT" default:"30s" help:"longest a call of a service may take"`
}

// Deps are what the gateway shares with the process it runs in.
type Deps struct {
	Log       *slog.Logger
	Now       func() time.Time
	Brokers   []string
	Redis     redis.UniversalClient
	Directory *authz.Directory
	Verifier  *authn.Verifier
	// Dial connects to a service by name.
	Dial          func(service string) (grpc.ClientConnInterface, error)
	ServiceSecret string
	Readiness     *admin.Readiness
	Metrics       prometheus.Registerer
	// Telemetry traces requests; nil is off.
	Telemetry *telemetry.Telemetry
}

// service is what the gateway calls itself to other services.
const service = "gateway"

// topics are what browsers are told of.
func topics() []string {
	return []string{"kontor.contacts.v1", "kontor.deals.v1", "kontor.catalog.v1", "kontor.identity.v1"}
}

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	stopTimeout       = 10 * time.Second
	maxHeaderBytes    = 64 << 10
	// streamLife is a little longer than an access token's, so that a browser comes back with a fresh one.
	streamLife = 15 * time.Minute
	minGzip    = 1 << 10
)

// App is the gateway.
type App struct {
	cfg     Config
	log     *slog.Logger
	handler http.Handler
	hub     *stream.Hub
	feeder  *stream.Feeder
}

// New wires the gateway. Nothing runs and nothing is called before Components do.
func New(ctx context.Context, cfg Config, d Deps) (*App, error) {
	a := &App{cfg: cfg, log: d.Log}
	trusted, err := prefixes(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	services, err := connect(cfg, d)
	if err != nil {
		return nil, err
	}
	mux, err := rest.NewMux(ctx, services, func(ctx context.Context, w http.ResponseWriter, m proto.Message) error {
		return session.ToCookie(ctx, w, m)
	})
	if err != nil {
		return nil, err
	}
	a.hub = &stream.Hub{Redis: d.Redis, Log: d.Log}
	a.feeder = &stream.Feeder{Brokers: d.Brokers, Topics: topics(), Redis: d.Redis, Log: d.Log}
	files := &upload.Files{Client: filesv1.NewFilesServiceClient(services.Files), MaxBytes: cfg.MaxUpload}
	lists := &export.Handler{
		Contacts: contactsv1.NewExportServiceClient(services.Contacts), Deals: dealsv1.NewExportServiceClient(services.Deals),
		Catalog: catalogv1.NewExportServiceClient(services.Catalog), Audit: identityv1.NewAuditServiceClient(services.Identity),
	}
	watch := &stream.Handler{Hub: a.hub, Directory: d.Directory, Life: streamLife}
	if err := errors.Join(
		mux.HandlePath(http.MethodPost, "/v1/files", files.Upload),
		mux.HandlePath(http.MethodGet, "/v1/files/{id}:download", files.Download),
		mux.HandlePath(http.MethodGet, "/v1/events:watch", watch.Serve),
		mux.HandlePath(http.MethodGet, "/v1/contacts:export", lists.ServeContacts),
		mux.HandlePath(http.MethodGet, "/v1/companies:export", lists.ServeCompanies),
		mux.HandlePath(http.MethodGet, "/v1/leads:export", lists.ServeLeads),
		mux.HandlePath(http.MethodGet, "/v1/audit-entries:export", lists.ServeAudit),
		mux.HandlePath(http.MethodGet, "/v1/deals:export", lists.ServeDeals),
		mux.HandlePath(http.MethodGet, "/v1/products:export", lists.ServeProducts),
	); err != nil {
		return nil, fmt.Errorf("routes beside the protos: %w", err)
	}
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(minGzip), gzhttp.CompressionLevel(1))
	if err != nil {
		return nil, fmt.Errorf("compression: %w", err)
	}
	authenticate := &auth.Authenticator{
		Verifier: d.Verifier, Keys: identityv1.NewApiKeysServiceClient(services.Identity),
		Service: service, Secret: d.ServiceSecret, Now: d.Now, Fail: rest.WriteError,
	}
	limiter := &limit.Limiter{Redis: d.Redis, Log: d.Log, Now: d.Now, Window: time.Minute}
	rates := limit.Rates{PerOrganization: cfg.RatePerOrganization, PerUser: cfg.RatePerUser, PerAddress: cfg.RatePerAddress}

	// Innermost first.
	api := http.Handler(mux)
	api = rest.Conditions(api)
	api = session.Handler(api)
	api = limitBody(cfg.MaxBody, api)
	api = limiter.Handler(rates, auth.ClientAddress, rest.WriteError, api)
	api = authenticate.Handler(api)
	api = cors.New(cors.Options{
		AllowedOrigins: cfg.Origins, AllowOriginFunc: sameOnly(cfg.Origins),
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", rest.HeaderIdempotencyKey, rest.HeaderIfMatch, "Last-Event-ID"},
		ExposedHeaders: []string{"ETag", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", rest.HeaderRequestID},
		MaxAge:         600,
	}).Handler(api)

	root := http.NewServeMux()
	root.HandleFunc("GET /healthz", admin.Healthz)
	root.Handle("GET /readyz", d.Readiness)
	root.Handle("/v1/", api)
	root.Handle("/.well-known/", api)
	root.Handle("/", site.Handler())

	// Compression holds an answer back until it is worth it; a change must not wait for the next.
	outer := http.NewServeMux()
	outer.Handle("GET /v1/events:watch", api)
	outer.Handle("/", compress(root))

	observe, err := access.New(d.Log, d.Metrics, d.Now, d.Telemetry.Enabled())
	if err != nil {
		return nil, err
	}
	a.handler = auth.Address(trusted, observe.Handler(rest.WriteError, secure(outer)))
	return a, nil
}

// connect returns the services, each behind its own guard.
func connect(cfg Config, d Deps) (rest.Services, error) {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kontor_gateway_refused_total", Help: "Calls refused without being sent, by service and reason.",
	}, []string{"service", "reason"})
	if d.Metrics != nil {
		if err := d.Metrics.Register(refused); err != nil {
			return rest.Services{}, fmt.Errorf("metrics: %w", err)
		}
	}
	var s rest.Services
	var errs []error
	proof := authn.AddressProof(d.ServiceSecret)
	for name, to := range map[string]*grpc.ClientConnInterface{
		"identity": &s.Identity, "files": &s.Files, "contacts": &s.Contacts, "catalog": &s.Catalog, "deals": &s.Deals,
		"reporting": &s.Reporting,
	} {
		conn, err := d.Dial(name)
		errs = append(errs, err)
		if name == "identity" {
			conn = &auth.Vouched{ClientConnInterface: conn, Service: service, Secret: d.ServiceSecret}
		}
		conn = &auth.Located{ClientConnInterface: conn, Proof: proof}
		*to = upstream.New(name, conn, upstream.Options{
			MaxCalls: cfg.MaxCalls, Timeout: cfg.Timeout, Refused: refused,
			Prepare: func(ctx context.Context, call any) error {
				session.FromCookie(ctx, call)
				return rest.ApplyConditions(ctx, call)
			},
		})
	}
	return s, errors.Join(errs...)
}

// Components are the parts to run, in order.
func (a *App) Components() []runner.Component {
	return []runner.Component{
		{Name: "gateway change feed", Run: a.feeder.Run},
		{Name: "gateway http", Run: a.serve},
		{Name: "gateway change streams", Run: a.hub.Run}, // ends the open streams before the server waits for them
	}
}

func (a *App) serve(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", a.cfg.HTTPAddr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{
		Handler: a.handler, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:    slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("requests cut off: %w", err), srv.Close())
	}
	return nil
}

// limitBody bounds bodies of all paths but the one for uploads, which has its own bound.
func limitBody(most int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/files" {
			r.Body = http.MaxBytesReader(w, r.Body, most)
		}
		next.ServeHTTP(w, r)
	})
}

// secure sets the headers that hold for every answer.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// sameOnly keeps the CORS library from its default, which is to let every site in when none is named.
func sameOnly(origins []string) func(string) bool {
	if len(origins) > 0 {
		return nil
	}
	return func(string) bool { return false }
}

func prefixes(networks []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(networks))
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, fmt.Errorf("KONTOR_TRUSTED_PROXIES: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}
