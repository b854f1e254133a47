package app_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/id"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/catalog/app"
)

// world is catalog on a real database behind its real interceptors, with files and identity played by the test.
type world struct {
	t     *testing.T
	db    *testkit.Database
	dir   *authz.Directory
	files *playedFiles
	app   *app.App

	products   catalogv1.ProductsServiceClient
	sections   catalogv1.SectionsServiceClient
	priceTypes catalogv1.PriceTypesServiceClient
	currencies catalogv1.CurrenciesServiceClient
	operations catalogv1.OperationsServiceClient
	bulk       catalogv1.BulkServiceClient
	exports    catalogv1.ExportServiceClient
	custom     catalogv1.CustomFieldsServiceClient
	search     catalogv1.SearchServiceClient
}

// now is the time of day of all tests.
var now = time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, db: testkit.Postgres(t, app.Name, app.Migrations()), dir: authz.NewDirectory(),
		files: &playedFiles{content: map[string]string{}},
	}
	require.NoError(t, jobs.Migrate(t.Context(), w.db.OwnerURL))
	w.dir.SetReady(now)
	log := slog.New(slog.DiscardHandler)

	neighbours := testkit.GRPC(t, nil, func(r grpc.ServiceRegistrar) {
		filesv1.RegisterFilesServiceServer(r, w.files)
		identityv1.RegisterInternalServiceServer(r, playedIdentity{})
	})
	var err error
	w.app, err = app.New(app.Config{}, app.Deps{
		Log: log, Clock: clock.Fixed(now), DB: w.db.App, SystemDB: w.db.System, Directory: w.dir,
		Dial: func(string) (grpc.ClientConnInterface, error) { return neighbours, nil },
	})
	require.NoError(t, err)

	srv, err := grpcserver.New(grpcserver.Options{Log: log, Verifier: nameTokens{}, Directory: w.dir})
	require.NoError(t, err)
	conn := testkit.GRPC(t, srv.Server, w.app.Register)
	require.NoError(t, srv.Check())
	w.products = catalogv1.NewProductsServiceClient(conn)
	w.sections = catalogv1.NewSectionsServiceClient(conn)
	w.priceTypes = catalogv1.NewPriceTypesServiceClient(conn)
	w.currencies = catalogv1.NewCurrenciesServiceClient(conn)
	w.operations = catalogv1.NewOperationsServiceClient(conn)
	w.bulk, w.exports = catalogv1.NewBulkServiceClient(conn), catalogv1.NewExportServiceClient(conn)
	w.search = catalogv1.NewSearchServiceClient(conn)
	w.custom = catalogv1.NewCustomFieldsServiceClient(conn)
	return w
}

// runJobs runs catalog's jobs until the test ends.
func (w *world) runJobs() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var wg sync.WaitGroup
	for _, c := range w.app.Components() {
		if strings.HasSuffix(c.Name, "jobs") {
			wg.Go(func() {
				if err := c.Run(ctx); err != nil {
					w.t.Errorf("%s: %v", c.Name, err)
				}
			})
		}
	}
	w.t.Cleanup(func() { cancel(); wg.Wait() })
}

// member is a user of an organisation with a grant on the catalog and the settings.
type member struct {
	ctx       context.Context //nolint:containedctx // Carries the token of a test's caller.
	org, user string
}

// organization makes an organisation with a user who may do everything.
func (w *world) organization() member {
	org := id.New()
	w.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_Organization{
		Organization: &accessv1.DirectoryOrganization{Id: org, Name: "Test", TimeZone: "Europe/Berlin", BaseCurrency: "EUR"},
	}})
	return w.member(org, &accessv1.DirectoryGrant{Kind: "*", Scope: accessv1.Scope_SCOPE_ALL})
}

// member makes a user with the grants.
func (w *world) member(org string, grants ...*accessv1.DirectoryGrant) member {
	user, role := id.New(), id.New()
	w.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_Role{
		Role: &accessv1.DirectoryRole{Id: role, Name: "Role", Grants: grants},
	}})
	w.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_User{
		User: &accessv1.DirectoryUser{Id: user, Name: "User", Email: user + "@example.com", RoleIds: []string{role}, Active: true},
	}})
	ctx := metadata.AppendToOutgoingContext(w.t.Context(), "authorization", "Bearer "+org+"."+user)
	return member{ctx: ctx, org: org, user: user}
}

// nameTokens takes "organisation.user" for a token.
type nameTokens struct{}

func (nameTokens) Verify(_ context.Context, token string) (authn.Principal, error) {
	org, user, ok := strings.Cut(token, ".")
	if !ok {
		return authn.Principal{}, apperr.Unauthenticated("TOKEN_INVALID", "bad token")
	}
	return authn.Principal{OrganizationID: org, UserID: user}, nil
}

type playedIdentity struct {
	identityv1.UnimplementedInternalServiceServer
}

func (playedIdentity) IssueToken(context.Context, *identityv1.IssueTokenRequest) (*identityv1.IssueTokenResponse, error) {
	return &identityv1.IssueTokenResponse{AccessToken: "token"}, nil
}

// playedFiles keeps files in memory.
type playedFiles struct {
	filesv1.UnimplementedFilesServiceServer

	mu      sync.Mutex
	content map[string]string
}

func (f *playedFiles) put(text string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	fileID := id.New()
	f.content[fileID] = text
	return fileID
}

func (f *playedFiles) all() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.content)
}

func (f *playedFiles) DownloadFile(req *filesv1.DownloadFileRequest, s grpc.ServerStreamingServer[filesv1.DownloadFileResponse]) error {
	text, ok := f.all()[req.GetId()]
	if !ok {
		return apperr.ToStatus(apperr.NotFound("FILE_NOT_FOUND", "file not found")).Err()
	}
	if err := s.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_File{File: &filesv1.File{Size: int64(len(text))}}}); err != nil {
		return err
	}
	return s.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_Chunk{Chunk: []byte(text)}})
}

func (f *playedFiles) UploadFile(s grpc.ClientStreamingServer[filesv1.UploadFileRequest, filesv1.UploadFileResponse]) error {
	var b bytes.Buffer
	for {
		m, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return s.SendAndClose(&filesv1.UploadFileResponse{File: &filesv1.File{Id: f.put(b.String())}})
		}
		if err != nil {
			return err
		}
		b.Write(m.GetChunk())
	}
}

// reason is the stable reason of an error that came over the wire.
func reason(err error) string {
	if _, ok := status.FromError(err); !ok {
		return ""
	}
	return apperr.Reason(apperr.FromStatus(err))
}

func (w *world) base(m member) string {
	w.t.Helper()
	resp, err := w.priceTypes.ListPriceTypes(m.ctx, &catalogv1.ListPriceTypesRequest{Filter: "base = true"})
	require.NoError(w.t, err)
	require.Len(w.t, resp.GetPriceTypes(), 1)
	return resp.GetPriceTypes()[0].GetId()
}

func (w *world) product(m member, p *catalogv1.Product) *catalogv1.Product {
	w.t.Helper()
	resp, err := w.products.CreateProduct(m.ctx, &catalogv1.CreateProductRequest{Product: p})
	require.NoError(w.t, err)
	return resp.GetProduct()
}

func (w *world) section(m member, name, parent string) *catalogv1.Section {
	w.t.Helper()
	resp, err := w.sections.CreateSection(m.ctx, &catalogv1.CreateSectionRequest{Section: &catalogv1.Section{Name: name, ParentId: parent}})
	require.NoError(w.t, err)
	return resp.GetSection()
}

func usd(amount string) *typev1.Money { return &typev1.Money{CurrencyCode: "USD", Amount: amount} }
func eur(amount string) *typev1.Money { return &typev1.Money{CurrencyCode: "EUR", Amount: amount} }

// finished waits for an operation to end.
func (w *world) finished(m member, opID string) *operationv1.Operation {
	w.t.Helper()
	var op *operationv1.Operation
	testkit.Eventually(w.t, func() error {
		resp, err := w.operations.GetOperation(m.ctx, &operationv1.GetOperationRequest{Id: opID})
		if err != nil {
			return err
		}
		if op = resp.GetOperation(); op.GetEndTime() == nil {
			return errors.New("not ended: " + op.GetState().String())
		}
		return nil
	})
	return op
}
