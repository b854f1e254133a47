package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/id"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/contacts/app"
)

// world is contacts on a real database behind its real interceptors, with deals, files and identity played by the test.
type world struct {
	t     *testing.T
	db    *testkit.Database
	dir   *authz.Directory
	files *playedFiles
	deals *playedDeals
	app   *app.App

	mu  sync.Mutex
	now time.Time

	conn grpc.ClientConnInterface

	contacts   contactsv1.ContactsServiceClient
	companies  contactsv1.CompaniesServiceClient
	leads      contactsv1.LeadsServiceClient
	settings   contactsv1.SettingsServiceClient
	duplicates contactsv1.DuplicatesServiceClient
	merges     contactsv1.MergesServiceClient
	operations contactsv1.OperationsServiceClient
	bulk       contactsv1.BulkServiceClient
	custom     contactsv1.CustomFieldsServiceClient
}

// clock is the time of day of the test, which moves only when told to.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t *testing.T, brokers ...string) *world {
	t.Helper()
	w := &world{
		t: t, db: testkit.Postgres(t, app.Name, app.Migrations()), dir: authz.NewDirectory(),
		files: &playedFiles{content: map[string]string{}}, deals: &playedDeals{made: map[string]*dealsv1.CreateDealRequest{}},
		now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
	require.NoError(t, jobs.Migrate(t.Context(), w.db.OwnerURL))
	w.dir.SetReady(w.now)
	log := slog.New(slog.DiscardHandler)

	neighbours := grpc.NewServer()
	filesv1.RegisterFilesServiceServer(neighbours, w.files)
	dealsv1.RegisterDealsServiceServer(neighbours, w.deals)
	dealsv1.RegisterPipelinesServiceServer(neighbours, playedPipelines{})
	catalogv1.RegisterProductsServiceServer(neighbours, playedCatalog{})
	identityv1.RegisterInternalServiceServer(neighbours, playedIdentity{})
	identityv1.RegisterUsersServiceServer(neighbours, &playedUsers{dir: w.dir})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = neighbours.Serve(ln) }()
	t.Cleanup(neighbours.Stop)
	dialled, err := grpcclient.Dial(ln.Addr().String(), grpcclient.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = dialled.Close() })
	w.app, err = app.New(t.Context(), app.Config{}, app.Deps{
		Log: log, Clock: w.clock, DB: w.db.App, SystemDB: w.db.System, Brokers: brokers, Directory: w.dir,
		Dial: func(string) (grpc.ClientConnInterface, error) { return dialled, nil },
	})
	require.NoError(t, err)

	srv, err := grpcserver.New(grpcserver.Options{Log: log, Verifier: nameTokens{}, Directory: w.dir})
	require.NoError(t, err)
	conn := testkit.GRPC(t, srv.Server, w.app.Register)
	require.NoError(t, srv.Check())
	w.conn = conn
	w.contacts = contactsv1.NewContactsServiceClient(conn)
	w.companies = contactsv1.NewCompaniesServiceClient(conn)
	w.leads = contactsv1.NewLeadsServiceClient(conn)
	w.settings = contactsv1.NewSettingsServiceClient(conn)
	w.duplicates = contactsv1.NewDuplicatesServiceClient(conn)
	w.merges = contactsv1.NewMergesServiceClient(conn)
	w.operations = contactsv1.NewOperationsServiceClient(conn)
	w.bulk = contactsv1.NewBulkServiceClient(conn)
	w.custom = contactsv1.NewCustomFieldsServiceClient(conn)
	return w
}

// runJobs runs the jobs until the test ends or stop is called.
func (w *world) runJobs() (stop func()) { return w.run("jobs") }

// run runs the components whose name ends so until the test ends or stop is called.
func (w *world) run(name string) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var wg sync.WaitGroup
	for _, c := range w.app.Components() {
		if strings.HasSuffix(c.Name, name) {
			wg.Go(func() {
				if err := c.Run(ctx); err != nil {
					w.t.Errorf("%s: %v", c.Name, err)
				}
			})
		}
	}
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	w.t.Cleanup(stop)
	return stop
}

// member is a user of an organisation.
type member struct {
	ctx       context.Context //nolint:containedctx // Carries the token of a test's caller.
	org, user string
}

// organization makes an organisation with a user who may do everything.
func (w *world) organization() member {
	org := id.New()
	w.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_Organization{
		Organization: &accessv1.DirectoryOrganization{Id: org, Name: "Test", TimeZone: "Europe/Berlin", BaseCurrency: "EUR", Country: "DE"},
	}})
	return w.member(org, "", &accessv1.DirectoryGrant{Kind: "*", Scope: accessv1.Scope_SCOPE_ALL})
}

// department makes a department.
func (w *world) department(org, parent, head string) string {
	dep := id.New()
	w.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_Department{
		Department: &accessv1.DirectoryDepartment{Id: dep, Name: "Department", ParentId: parent, HeadId: head},
	}})
	return dep
}

// member makes a user with the grants.
func (w *world) member(org, department string, grants ...*accessv1.DirectoryGrant) member {
	user, role := id.New(), id.New()
	w.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_Role{
		Role: &accessv1.DirectoryRole{Id: role, Name: "Role", Grants: grants},
	}})
	w.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_User{
		User: &accessv1.DirectoryUser{
			Id: user, Name: "User " + user, Email: user + "@example.com", RoleIds: []string{role}, Active: true, DepartmentId: department,
		},
	}})
	ctx := metadata.AppendToOutgoingContext(w.t.Context(), "authorization", "Bearer "+org+"."+user)
	return member{ctx: ctx, org: org, user: user}
}

// leave deactivates a member.
func (w *world) leave(m member) {
	u, _ := w.dir.User(m.org, m.user)
	w.dir.Apply(&accessv1.DirectoryEntry{OrganizationId: m.org, Version: 2, Entry: &accessv1.DirectoryEntry_User{
		User: &accessv1.DirectoryUser{Id: u.ID, Name: u.Name, Email: u.Email, RoleIds: u.RoleIDs},
	}})
}

// own grants everything on one's own records of the kinds.
func own(kinds ...string) []*accessv1.DirectoryGrant {
	out := make([]*accessv1.DirectoryGrant, len(kinds))
	for i, k := range kinds {
		out[i] = &accessv1.DirectoryGrant{Kind: k, Scope: accessv1.Scope_SCOPE_OWN}
	}
	return out
}

// view grants seeing everybody's records of a kind.
func view(kind string) *accessv1.DirectoryGrant {
	return &accessv1.DirectoryGrant{Kind: kind, Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL}
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

func (playedIdentity) IssueToken(_ context.Context, req *identityv1.IssueTokenRequest) (*identityv1.IssueTokenResponse, error) {
	return &identityv1.IssueTokenResponse{AccessToken: req.GetOrganizationId() + "." + req.GetUserId()}, nil
}

// playedUsers finds users by e-mail in the directory.
type playedUsers struct {
	identityv1.UnimplementedUsersServiceServer

	dir *authz.Directory
}

func (u *playedUsers) LookupUsers(ctx context.Context, req *identityv1.LookupUsersRequest) (*identityv1.LookupUsersResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	org, _, _ := strings.Cut(authn.Bearer(md.Get("authorization")[0]), ".")
	res := &identityv1.LookupUsersResponse{}
	for _, t := range req.GetTerms() {
		m := &identityv1.UserMatch{}
		if found, ok := u.dir.UserByEmail(org, t.GetEmail()); ok {
			m.Id = found.ID
		}
		res.Matches = append(res.Matches, m)
	}
	return res, nil
}

// The pipelines that playedPipelines knows.
const (
	usualPipeline  = "01a20000-0000-7000-8000-00000000000a"
	binnedPipeline = "01a20000-0000-7000-8000-00000000000b"
)

// playedPipelines has one pipeline in use and one in the bin.
type playedPipelines struct {
	dealsv1.UnimplementedPipelinesServiceServer
}

func (playedPipelines) GetPipeline(_ context.Context, req *dealsv1.GetPipelineRequest) (*dealsv1.GetPipelineResponse, error) {
	p := &dealsv1.Pipeline{Id: req.GetId()}
	switch req.GetId() {
	case usualPipeline:
	case binnedPipeline:
		p.DeleteTime = timestamppb.Now()
	default:
		return nil, apperr.ToStatus(apperr.NotFound("PIPELINE_NOT_FOUND", "pipeline not found")).Err()
	}
	return &dealsv1.GetPipelineResponse{Pipeline: p}, nil
}

// playedDeals makes deals, unless it is down or has something against them.
type playedDeals struct {
	dealsv1.UnimplementedDealsServiceServer

	mu      sync.Mutex
	down    bool
	refuse  error
	asked   int
	made    map[string]*dealsv1.CreateDealRequest
	callers []string
}

func (d *playedDeals) set(down bool, refuse error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down, d.refuse = down, refuse
}

func (d *playedDeals) state() (asked int, made map[string]*dealsv1.CreateDealRequest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked, maps.Clone(d.made)
}

func (d *playedDeals) CreateDeal(ctx context.Context, req *dealsv1.CreateDealRequest) (*dealsv1.CreateDealResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	md, _ := metadata.FromIncomingContext(ctx)
	d.callers = append(d.callers, strings.Join(md.Get("authorization"), ""))
	switch {
	case d.down:
		return nil, status.Error(codes.Unavailable, "down")
	case d.refuse != nil:
		return nil, apperr.ToStatus(d.refuse).Err()
	}
	d.made[req.GetDealId()] = req
	return &dealsv1.CreateDealResponse{Deal: &dealsv1.Deal{Id: req.GetDealId()}}, nil
}

func (d *playedDeals) GetDeal(_ context.Context, req *dealsv1.GetDealRequest) (*dealsv1.GetDealResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.made[req.GetId()]; !ok {
		return nil, apperr.ToStatus(apperr.NotFound("DEAL_NOT_FOUND", "deal not found")).Err()
	}
	return &dealsv1.GetDealResponse{Deal: &dealsv1.Deal{Id: req.GetId()}}, nil
}

// desk is the one product of the catalog, "d-1" in the shop.
const desk = "0190a3d4-0000-7000-8000-00000000000d"

type playedCatalog struct {
	catalogv1.UnimplementedProductsServiceServer
}

func (playedCatalog) LookupProducts(_ context.Context, req *catalogv1.LookupProductsRequest) (*catalogv1.LookupProductsResponse, error) {
	key := "Desk"
	if req.GetBy() == catalogv1.LookupProductsRequest_BY_EXTERNAL_ID && req.GetSource() == "shop" {
		key = "d-1"
	}
	res := &catalogv1.LookupProductsResponse{}
	if slices.Contains(req.GetKeys(), key) {
		res.Matches = append(res.Matches, &catalogv1.LookupProductsResponse_Match{
			Key: key, Products: []*catalogv1.ProductSummary{{Id: desk, Name: "Desk"}},
		})
	}
	return res, nil
}

// playedFiles keeps files in memory.
type playedFiles struct {
	filesv1.UnimplementedFilesServiceServer

	mu      sync.Mutex
	content map[string]string
	down    bool
	refuse  error
	asked   int
	copied  map[string]int // by record, how often files were copied to it
	callers []string
}

func (f *playedFiles) set(down bool, refuse error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.refuse = down, refuse
}

// state returns how often copies were asked for, and by record how often it got them.
func (f *playedFiles) state() (asked int, copied map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked, maps.Clone(f.copied)
}

func (f *playedFiles) CopyFiles(ctx context.Context, req *filesv1.CopyFilesRequest) (*filesv1.CopyFilesResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	md, _ := metadata.FromIncomingContext(ctx)
	f.callers = append(f.callers, strings.Join(md.Get("authorization"), ""))
	switch {
	case f.down:
		return nil, status.Error(codes.Unavailable, "down")
	case f.refuse != nil:
		return nil, apperr.ToStatus(f.refuse).Err()
	}
	if f.copied == nil {
		f.copied = make(map[string]int)
	}
	f.copied[req.GetFrom().GetKind()+"/"+req.GetFrom().GetId()+" → "+req.GetTo().GetKind()+"/"+req.GetTo().GetId()]++
	return &filesv1.CopyFilesResponse{}, nil
}

func (f *playedFiles) put(text string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	fileID := id.New()
	f.content[fileID] = text
	return fileID
}

func (f *playedFiles) get(fileID string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, ok := f.content[fileID]
	return text, ok
}

func (f *playedFiles) DownloadFile(req *filesv1.DownloadFileRequest, s grpc.ServerStreamingServer[filesv1.DownloadFileResponse]) error {
	text, ok := f.get(req.GetId())
	if !ok {
		return apperr.ToStatus(apperr.NotFound("FILE_NOT_FOUND", "file not found")).Err()
	}
	if err := s.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_File{File: &filesv1.File{Size: int64(len(text))}}}); err != nil {
		return err
	}
	for len(text) > 0 {
		n := min(len(text), 1<<18)
		if err := s.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_Chunk{Chunk: []byte(text[:n])}}); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
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

// finished waits for an operation to end.
func (w *world) finished(m member, opID string) *operationv1.Operation {
	w.t.Helper()
	var op *operationv1.Operation
	testkit.EventuallyWithin(w.t, 3*time.Minute, func() error {
		resp, err := w.operations.GetOperation(m.ctx, &operationv1.GetOperationRequest{Id: opID})
		if err != nil {
			return err
		}
		if op = resp.GetOperation(); op.GetEndTime() == nil {
			return fmt.Errorf("not ended: %s", op.GetState())
		}
		return nil
	})
	return op
}

func (w *world) lead(m member, l *contactsv1.Lead) *contactsv1.Lead {
	w.t.Helper()
	resp, err := w.leads.CreateLead(m.ctx, &contactsv1.CreateLeadRequest{Lead: l})
	require.NoError(w.t, err)
	return resp.GetLead()
}

func (w *world) contact(m member, c *contactsv1.Contact) *contactsv1.Contact {
	w.t.Helper()
	resp, err := w.contacts.CreateContact(m.ctx, &contactsv1.CreateContactRequest{Contact: c})
	require.NoError(w.t, err)
	return resp.GetContact()
}

func (w *world) company(m member, c *contactsv1.Company) *contactsv1.Company {
	w.t.Helper()
	resp, err := w.companies.CreateCompany(m.ctx, &contactsv1.CreateCompanyRequest{Company: c})
	require.NoError(w.t, err)
	return resp.GetCompany()
}
