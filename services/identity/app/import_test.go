package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// folder stands for the files service, which another module holds: it gives what was put into it.
type folder struct {
	filesv1.UnimplementedFilesServiceServer

	mu    sync.Mutex
	files map[string]string
}

func (f *folder) put(text string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files == nil {
		f.files = make(map[string]string)
	}
	key := id.New()
	f.files[key] = text
	return key
}

// DownloadFile gives a file to whoever is signed in.
func (f *folder) DownloadFile(req *filesv1.DownloadFileRequest, stream grpc.ServerStreamingServer[filesv1.DownloadFileResponse]) error {
	if authn.MustFrom(stream.Context()).UserID == "" {
		return apperr.Unauthenticated("NOBODY", "nobody")
	}
	f.mu.Lock()
	text, ok := f.files[req.GetId()]
	f.mu.Unlock()
	if !ok {
		return apperr.NotFound("FILE_NOT_FOUND", "there is no such file")
	}
	if err := stream.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_File{File: &filesv1.File{Size: int64(len(text))}}}); err != nil {
		return err
	}
	return stream.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_Chunk{Chunk: []byte(text)}})
}

// UploadFile keeps the file of rejected rows.
func (f *folder) UploadFile(stream grpc.ClientStreamingServer[filesv1.UploadFileRequest, filesv1.UploadFileResponse]) error {
	var b strings.Builder
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&filesv1.UploadFileResponse{File: &filesv1.File{Id: f.put(b.String())}})
		}
		if err != nil {
			return err
		}
		b.Write(m.GetChunk())
	}
}

// forwarding passes the caller's token on, as connections between services do.
type forwarding struct{ conn func() *grpc.ClientConn }

// Invoke see [grpc.ClientConnInterface].
func (f forwarding) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return apperr.FromStatus(f.conn().Invoke(authn.Outgoing(ctx), method, args, reply, opts...))
}

// NewStream see [grpc.ClientConnInterface].
func (f forwarding) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return f.conn().NewStream(authn.Outgoing(ctx), desc, method, opts...)
}

const teams = `sales_agent,manager,regional_office
Anna Snelling,Dustin Brinkmann,Central
Cecily Lampkin,Dustin Brinkmann,Central
Versie Hillebrand,Dustin Brinkmann,Central
Moses Frase,Dustin Brinkmann,Central
Daniell Hammack,Rocco Neubert,East
Cassey Cress,Rocco Neubert,East
,Rocco Neubert,East
Donn Cantrell,Rocco Neubert,East
`

const heads = `
kind: user
external_id: {source: sales-history, column: manager}
duplicates: skip
fields:
  name: {column: manager}
  email: {template: "{manager|slug}@sales.example"}
  department: {list: [{column: regional_office}, {template: "Team {manager}"}]}
  heads_department: {constant: "true"}
`

const agents = `
kind: user
external_id: {source: sales-history, column: sales_agent}
duplicates: update
fields:
  name: {column: sales_agent}
  email: {template: "{sales_agent|slug}@sales.example"}
  department: {list: [{column: regional_office}, {template: "Team {manager}"}]}
  roles: {constant: manager}
`

// counted is how many rows an import says it has dealt with so.
func counted(op *operationv1.Operation, what string) int {
	return int(op.GetResult().GetFields()[what].GetNumberValue())
}

func (s *suite) importUsers(t *testing.T, ctx context.Context, fileID, mapping string) *operationv1.Operation {
	t.Helper()
	res, err := identityv1.NewUsersServiceClient(s.conn).ImportUsers(ctx, &identityv1.ImportUsersRequest{FileId: fileID, Mapping: mapping})
	require.NoError(t, err)
	var op *operationv1.Operation
	testkit.Eventually(t, func() error {
		got, err := identityv1.NewOperationsServiceClient(s.conn).GetOperation(ctx, &operationv1.GetOperationRequest{Id: res.GetOperation().GetId()})
		if err != nil {
			return err
		}
		if op = got.GetOperation(); op.GetEndTime() == nil {
			return fmt.Errorf("%s: %d rows", op.GetState(), op.GetDone())
		}
		return nil
	})
	require.Empty(t, op.GetError())
	return op
}

// decisions 18, 19: offices and teams become departments, managers their heads, agents users; nobody is invited. A row
// that cannot be taken is rejected with its reason.
func TestImportUsers(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	file := s.files.put(teams)
	op := s.importUsers(t, admin, file, heads)
	require.Equal(t, 2, counted(op, "created"), op.String())
	require.Equal(t, 6, counted(op, "skipped"))

	op = s.importUsers(t, admin, file, agents)
	require.Equal(t, 7, counted(op, "created"), op.String())
	require.EqualValues(t, 1, op.GetRejected())
	require.EqualValues(t, 8, op.GetErrors()[0].GetLine())
	require.NotEmpty(t, op.GetRejectsFileId())

	users, departments := identityv1.NewUsersServiceClient(s.conn), identityv1.NewDepartmentsServiceClient(s.conn)
	tree, err := departments.ListDepartments(admin, &identityv1.ListDepartmentsRequest{})
	require.NoError(t, err)
	require.Len(t, tree.GetDepartments(), 4)
	look, err := users.LookupUsers(admin, &identityv1.LookupUsersRequest{Terms: []*identityv1.UserTerm{
		{Term: &identityv1.UserTerm_Name{Name: "moses FRASE"}},
		{Term: &identityv1.UserTerm_External{External: &identityv1.ExternalKey{Source: "sales-history", Id: "Dustin Brinkmann"}}},
		{Term: &identityv1.UserTerm_Email{Email: adminEmail}},
		{Term: &identityv1.UserTerm_Name{Name: "nobody"}},
	}})
	require.NoError(t, err)
	require.Equal(t, s.first.UserID, look.GetMatches()[2].GetId())
	require.Empty(t, look.GetMatches()[3].GetId())
	agent, head := look.GetMatches()[0].GetId(), look.GetMatches()[1].GetId()
	got, err := users.GetUser(admin, &identityv1.GetUserRequest{Id: agent})
	require.NoError(t, err)
	require.Equal(t, head, got.GetUser().GetHeadId())
	require.Contains(t, got.GetUser().GetEmail(), "frase@sales.example")
	require.False(t, got.GetUser().GetCanSignIn())
	testkit.Eventually(t, func() error {
		scope := s.directory.Scope(s.first.OrganizationID, head, "deal", optionsv1.Action_ACTION_VIEW)
		if !scope.Allows(agent) || len(scope.Users()) != 5 {
			return fmt.Errorf("a team's head reaches %v", scope.Users())
		}
		return nil
	})

	// Once more: nothing is doubled; what has changed in the file changes here.
	op = s.importUsers(t, admin, s.files.put(strings.ReplaceAll(teams, "Moses Frase,Dustin Brinkmann,Central", "Moses Frase,Rocco Neubert,East")), agents)
	require.Equal(t, 0, counted(op, "created"))
	require.Equal(t, 1, counted(op, "updated"), op.String())
	got, err = users.GetUser(admin, &identityv1.GetUserRequest{Id: agent})
	require.NoError(t, err)
	require.NotEqual(t, head, got.GetUser().GetHeadId())
	n, err := users.CountUsers(admin, &identityv1.CountUsersRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 10, n.GetCount())
}

// What is wrong with an import as a whole is said before the first row; a dry run writes nothing.
func TestImportRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewUsersServiceClient(s.conn)
	for name, x := range map[string][2]string{
		"no such file":    {id.New(), agents},
		"no such column":  {s.files.put("a,b\n1,2\n"), agents},
		"not a mapping":   {s.files.put(teams), "kind: [user"},
		"unknown field":   {s.files.put(teams), "kind: user\nfields:\n  password: {constant: x}\n"},
		"required fields": {s.files.put(teams), "kind: user\nfields:\n  name: {column: manager}\n"},
	} {
		_, err := c.ImportUsers(admin, &identityv1.ImportUsersRequest{FileId: x[0], Mapping: x[1]})
		require.NotEmpty(t, reason(err), name)
	}
	res, err := c.ImportUsers(admin, &identityv1.ImportUsersRequest{FileId: s.files.put(teams), Mapping: heads, DryRun: true})
	require.NoError(t, err)
	testkit.Eventually(t, func() error {
		got, err := identityv1.NewOperationsServiceClient(s.conn).GetOperation(admin, &operationv1.GetOperationRequest{Id: res.GetOperation().GetId()})
		if err == nil && got.GetOperation().GetEndTime() == nil {
			err = errors.New("not done")
		}
		return err
	})
	n, err := c.CountUsers(admin, &identityv1.CountUsersRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n.GetCount())
}

const staff = `
kind: user
duplicates: update
fields:
  name: {column: name}
  email: {column: email}
  roles: {column: role}
`

// become gives a user other rights, as of now, than what was given by the API: the nth directory entry newer than any.
func (s *suite) become(userID, email string, nth int64, grants ...*accessv1.DirectoryGrant) {
	newest := 1<<40 + nth
	roleID := id.New()
	s.directory.Apply(&accessv1.DirectoryEntry{
		OrganizationId: s.first.OrganizationID, Version: newest,
		Entry: &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{Id: roleID, Name: "Clerk", Grants: grants}},
	})
	s.directory.Apply(&accessv1.DirectoryEntry{
		OrganizationId: s.first.OrganizationID, Version: newest,
		Entry: &accessv1.DirectoryEntry_User{User: &accessv1.DirectoryUser{
			Id: userID, Name: "Clerk", Email: email, RoleIds: []string{roleID}, Active: true,
		}},
	})
}

// ID-4, ID-6: an import changes users only as far as who started it may, as of then: not without the right to change
// users, and not by taking a role away that permits more than one's own.
func TestImportChangesOnlyWhatOneMay(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	email := testkit.Unique("clerk") + "@acme.example"
	clerk := s.user(t, admin, "Clerk", email, "manager", annPassword)
	ann := s.user(t, admin, "Ann Lee", "ann@acme.example", "manager", "")
	ctx, _ := s.signIn(t, email, annPassword)
	grant := func(action optionsv1.Action) *accessv1.DirectoryGrant {
		return &accessv1.DirectoryGrant{Kind: "user", Action: action, Scope: accessv1.Scope_SCOPE_ALL}
	}
	file := s.files.put("name,email,role\nAnn Stolen,ann@acme.example,manager\nRoot,root@acme.example,manager\nBob,bob@acme.example,manager\n")

	s.become(clerk.GetId(), email, 1, grant(optionsv1.Action_ACTION_VIEW), grant(optionsv1.Action_ACTION_IMPORT))
	op := s.importUsers(t, ctx, file, staff)
	require.Equal(t, 1, counted(op, "created"), op.String())
	require.EqualValues(t, 2, op.GetRejected())
	require.Equal(t, "NOT_PERMITTED", op.GetErrors()[0].GetReason())

	s.become(clerk.GetId(), email, 2, grant(optionsv1.Action_ACTION_UNSPECIFIED))
	op = s.importUsers(t, ctx, file, staff)
	require.Equal(t, 1, counted(op, "updated"), op.String())
	require.EqualValues(t, 1, op.GetRejected())
	require.Equal(t, "ROLE_NOT_YOURS", op.GetErrors()[0].GetReason(), "the administrator stays one")
	got, err := identityv1.NewUsersServiceClient(s.conn).GetUser(admin, &identityv1.GetUserRequest{Id: ann.GetId()})
	require.NoError(t, err)
	require.Equal(t, "Ann Stolen", got.GetUser().GetName())
}
