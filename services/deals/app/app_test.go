package app_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn/authntest"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/id"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/money"
	"kontor.internal/libs/runner"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/deals/app"
)

// suite is the whole service in process, with neighbours that answer from memory.
type suite struct {
	t          *testing.T
	db         *testkit.Database
	brokers    []string
	issuer     *authntest.Issuer
	directory  *authz.Directory
	neighbours *neighbours
	log        *slog.Logger

	deals      dealsv1.DealsServiceClient
	pipelines  dealsv1.PipelinesServiceClient
	operations dealsv1.OperationsServiceClient
	custom     dealsv1.CustomFieldsServiceClient
	bulk       dealsv1.BulkServiceClient
	exports    dealsv1.ExportServiceClient
	search     dealsv1.SearchServiceClient

	org, boss, ann, bob string
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{
		t: t, db: testkit.Postgres(t, "deals", app.Migrations()), brokers: testkit.Kafka(t), issuer: authntest.NewIssuer(t),
		directory: authz.NewDirectory(), org: id.New(), boss: id.New(), ann: id.New(), bob: id.New(),
		log: slog.New(slog.DiscardHandler),
	}
	require.NoError(t, jobs.Migrate(t.Context(), s.db.OwnerURL))
	s.neighbours = newNeighbours(t, s)
	s.fillDirectory()

	server, err := grpcserver.New(grpcserver.Options{Log: s.log, Verifier: s.issuer.Verifier(), Directory: s.directory})
	require.NoError(t, err)
	a := s.newApp()
	a.Register(server)
	require.NoError(t, server.Check(), "every method says who may call it")
	conn := serve(t, server.Server, server.Serve, true)
	s.deals, s.pipelines = dealsv1.NewDealsServiceClient(conn), dealsv1.NewPipelinesServiceClient(conn)
	s.operations = dealsv1.NewOperationsServiceClient(conn)
	s.custom = dealsv1.NewCustomFieldsServiceClient(conn)
	s.search = dealsv1.NewSearchServiceClient(conn)
	s.bulk, s.exports = dealsv1.NewBulkServiceClient(conn), dealsv1.NewExportServiceClient(conn)
	return s
}

func (s *suite) newApp() *app.App {
	s.t.Helper()
	a, err := app.New(s.t.Context(), app.Config{FoldEvery: 50 * time.Millisecond, BaseEvery: 100 * time.Millisecond, Workers: 1}, app.Deps{
		Log: s.log, DB: s.db.App, SystemDB: s.db.System, Brokers: s.brokers, Directory: s.directory, Dial: s.neighbours.dial,
	})
	require.NoError(s.t, err)
	return a
}

// run runs the long-running parts until the test ends, or stop is called.
func (s *suite) run(a *app.App) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	g := runner.Group{Log: s.log, Components: a.Components()}
	go func() { done <- g.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				s.t.Errorf("components: %v", err)
			}
		})
	}
	s.t.Cleanup(stop)
	return stop
}

// serve runs a server in memory. With raw, errors stay the statuses they arrive as.
func serve(t *testing.T, srv *grpc.Server, run func(net.Listener) error, raw bool) *grpc.ClientConn {
	t.Helper()
	ln := bufconn.Listen(1 << 20)
	done := make(chan error, 1)
	go func() { done <- run(ln) }()
	conn, err := grpcclient.Dial("passthrough:///deals", grpcclient.Options{
		Raw: raw, Dialer: func(ctx context.Context, _ string) (net.Conn, error) { return ln.DialContext(ctx) },
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
		<-done
	})
	return conn
}

// fillDirectory makes an organisation in New York with euros: a boss who may everything, Ann and Bob who may what is
// their own.
func (s *suite) fillDirectory() {
	apply := func(e *accessv1.DirectoryEntry) {
		e.OrganizationId, e.Version = s.org, 1
		s.directory.Apply(e)
	}
	apply(&accessv1.DirectoryEntry{Entry: &accessv1.DirectoryEntry_Organization{Organization: &accessv1.DirectoryOrganization{
		Id: s.org, Name: "Org", TimeZone: "America/New_York", BaseCurrency: "EUR",
	}}})
	everything, own := id.New(), id.New()
	apply(&accessv1.DirectoryEntry{Entry: &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{
		Id: everything, Grants: []*accessv1.DirectoryGrant{{Kind: "*", Scope: accessv1.Scope_SCOPE_ALL}},
	}}})
	apply(&accessv1.DirectoryEntry{Entry: &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{
		Id: own, Grants: []*accessv1.DirectoryGrant{
			{Kind: "deal", Scope: accessv1.Scope_SCOPE_OWN},
			{Kind: "product", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL},
		},
	}}})
	for user, role := range map[string]string{s.boss: everything, s.ann: own, s.bob: own} {
		name := map[string]string{s.boss: "Boss", s.ann: "Ann", s.bob: "Bob"}[user]
		apply(&accessv1.DirectoryEntry{Entry: &accessv1.DirectoryEntry_User{User: &accessv1.DirectoryUser{
			Id: user, Name: name, Active: true, RoleIds: []string{role},
		}}})
	}
	s.directory.SetReady(clock.System())
}

// as is a context in which calls are made by a user.
func (s *suite) as(user string) context.Context {
	return s.issuer.Context(s.t.Context(), s.org, user)
}

func (s *suite) create(user string, d *dealsv1.Deal) *dealsv1.Deal {
	s.t.Helper()
	resp, err := s.deals.CreateDeal(s.as(user), &dealsv1.CreateDealRequest{Deal: d})
	require.NoError(s.t, err)
	return resp.GetDeal()
}

// reason is the stable reason of a refusal.
func reason(err error) string { return apperr.Reason(apperr.FromStatus(err)) }

// neighbours are the other services, answering from memory.
type neighbours struct {
	catalogv1.UnimplementedProductsServiceServer
	contactsv1.UnimplementedCompaniesServiceServer
	contactsv1.UnimplementedContactsServiceServer
	contactsv1.UnimplementedLeadsServiceServer
	filesv1.UnimplementedFilesServiceServer
	identityv1.UnimplementedInternalServiceServer
	identityv1.UnimplementedUsersServiceServer

	s    *suite
	conn *grpc.ClientConn

	mu       sync.Mutex
	products []*catalogv1.ProductSummary
	people   map[string]string // names to IDs, of users and companies
	visible  map[string]string // IDs to kinds, of what contacts shows
	away     bool              // whether contacts does not answer
	asked    int               // how often contacts was asked
	files    map[string][]byte
	saved    map[string][]byte
	// broken makes downloads break off after so many bytes, that many times.
	broken, breakAt int
}

func newNeighbours(t *testing.T, s *suite) *neighbours {
	t.Helper()
	n := &neighbours{s: s, people: map[string]string{}, visible: map[string]string{}, files: map[string][]byte{}, saved: map[string][]byte{}}
	srv := grpc.NewServer()
	catalogv1.RegisterProductsServiceServer(srv, n)
	contactsv1.RegisterCompaniesServiceServer(srv, n)
	contactsv1.RegisterContactsServiceServer(srv, n)
	contactsv1.RegisterLeadsServiceServer(srv, n)
	filesv1.RegisterFilesServiceServer(srv, n)
	identityv1.RegisterInternalServiceServer(srv, n)
	identityv1.RegisterUsersServiceServer(srv, n)
	n.conn = serve(t, srv, srv.Serve, false)
	return n
}

func (n *neighbours) dial(string) (grpc.ClientConnInterface, error) { return n.conn, nil }

func (n *neighbours) product(name, price, minimum string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &catalogv1.ProductSummary{Id: id.New(), Name: name, Unit: "piece", TaxRate: "20", Active: true}
	if price != "" {
		p.ListPrice = money.ToProto(cash(price))
	}
	if minimum != "" {
		p.MinimumPrice = money.ToProto(cash(minimum))
	}
	n.products = append(n.products, p)
	return p.GetId()
}

func cash(amount string) money.Money {
	m, err := money.Parse("EUR", amount)
	if err != nil {
		panic(err)
	}
	return m
}

func (n *neighbours) BatchGetProducts(_ context.Context, req *catalogv1.BatchGetProductsRequest) (*catalogv1.BatchGetProductsResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := &catalogv1.BatchGetProductsResponse{}
	for _, p := range n.products {
		for _, i := range req.GetIds() {
			if p.GetId() == i {
				out.Products = append(out.Products, p)
			}
		}
	}
	return out, nil
}

func (n *neighbours) LookupProducts(_ context.Context, req *catalogv1.LookupProductsRequest) (*catalogv1.LookupProductsResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := &catalogv1.LookupProductsResponse{}
	for _, k := range req.GetKeys() {
		for _, p := range n.products {
			if p.GetName() == k {
				out.Matches = append(out.Matches, &catalogv1.LookupProductsResponse_Match{Key: k, Products: []*catalogv1.ProductSummary{p}})
			}
		}
	}
	return out, nil
}

func (n *neighbours) LookupCompanies(_ context.Context, req *contactsv1.LookupCompaniesRequest) (*contactsv1.LookupCompaniesResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := &contactsv1.LookupCompaniesResponse{}
	for i, name := range req.GetNames() {
		if n.people[name] == "" {
			n.people[name] = id.New()
		}
		out.Hits = append(out.Hits, &contactsv1.CompanyHit{Id: n.people[name], By: &contactsv1.CompanyHit_NameIndex{NameIndex: int32(i)}})
	}
	return out, nil
}

// client makes a company, contact or lead that everybody sees.
func (n *neighbours) client(kind string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	made := id.New()
	n.visible[made] = kind
	return made
}

// listed are the IDs of the kind in a filter.
func (n *neighbours) listed(kind, filter string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.away {
		return nil, apperr.ToStatus(apperr.Unavailable("UNAVAILABLE", "away")).Err()
	}
	var out []string
	for i, k := range n.visible {
		if k == kind && strings.Contains(filter, `id = "`+i+`"`) {
			out = append(out, i)
		}
	}
	return out, nil
}

func (n *neighbours) ListCompanies(_ context.Context, req *contactsv1.ListCompaniesRequest) (*contactsv1.ListCompaniesResponse, error) {
	ids, err := n.listed("company", req.GetFilter())
	out := &contactsv1.ListCompaniesResponse{}
	for _, i := range ids {
		out.Companies = append(out.Companies, &contactsv1.Company{Id: i})
	}
	return out, err
}

func (n *neighbours) ListContacts(_ context.Context, req *contactsv1.ListContactsRequest) (*contactsv1.ListContactsResponse, error) {
	ids, err := n.listed("contact", req.GetFilter())
	out := &contactsv1.ListContactsResponse{}
	for _, i := range ids {
		out.Contacts = append(out.Contacts, &contactsv1.Contact{Id: i})
	}
	return out, err
}

func (n *neighbours) ListLeads(_ context.Context, req *contactsv1.ListLeadsRequest) (*contactsv1.ListLeadsResponse, error) {
	ids, err := n.listed("lead", req.GetFilter())
	out := &contactsv1.ListLeadsResponse{}
	for _, i := range ids {
		out.Leads = append(out.Leads, &contactsv1.Lead{Id: i})
	}
	return out, err
}

func (n *neighbours) LookupUsers(_ context.Context, req *identityv1.LookupUsersRequest) (*identityv1.LookupUsersResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := &identityv1.LookupUsersResponse{}
	for _, term := range req.GetTerms() {
		out.Matches = append(out.Matches, &identityv1.UserMatch{Id: n.people[term.GetName()]})
	}
	return out, nil
}

func (n *neighbours) IssueToken(_ context.Context, req *identityv1.IssueTokenRequest) (*identityv1.IssueTokenResponse, error) {
	return &identityv1.IssueTokenResponse{AccessToken: n.s.issuer.Token(req.GetOrganizationId(), req.GetUserId())}, nil
}

func (n *neighbours) file(content []byte) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := id.New()
	n.files[f] = content
	return f
}

func (n *neighbours) DownloadFile(req *filesv1.DownloadFileRequest, out grpc.ServerStreamingServer[filesv1.DownloadFileResponse]) error {
	n.mu.Lock()
	content, ok := n.files[req.GetId()]
	cut := -1
	if n.broken > 0 {
		n.broken--
		cut = n.breakAt
	}
	n.mu.Unlock()
	if !ok {
		return apperr.ToStatus(apperr.NotFound("FILE_NOT_FOUND", "no such file")).Err()
	}
	first := &filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_File{File: &filesv1.File{Id: req.GetId(), Size: int64(len(content))}}}
	if err := out.Send(first); err != nil {
		return err
	}
	for at := 0; at < len(content); at += 32 << 10 {
		if cut >= 0 && at >= cut {
			return apperr.ToStatus(apperr.Unavailable("FILES_GONE", "gone")).Err()
		}
		part := content[at:min(at+32<<10, len(content))]
		if err := out.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_Chunk{Chunk: part}}); err != nil {
			return err
		}
	}
	return nil
}

func (n *neighbours) UploadFile(in grpc.ClientStreamingServer[filesv1.UploadFileRequest, filesv1.UploadFileResponse]) error {
	var content []byte
	for {
		m, err := in.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		content = append(content, m.GetChunk()...)
	}
	f := id.New()
	n.mu.Lock()
	n.saved[f] = content
	n.mu.Unlock()
	return in.SendAndClose(&filesv1.UploadFileResponse{File: &filesv1.File{Id: f}})
}
