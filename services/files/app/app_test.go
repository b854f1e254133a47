package app_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authn/authntest"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/files/app"
)

const maxSize = 1 << 20

// suite is the files service behind the real interceptors, on a database and a folder of its own. Deals answer as the
// real service does: by the caller's scope.
type suite struct {
	client filesv1.FilesServiceClient
	db     *testkit.Database
	dir    string
	issuer *authntest.Issuer
	clock  *steppedClock
	app    *app.App
	people *contacts

	org, other           string
	ann, bob, dan, eve   string // eve works in the other organisation; dan sees all deals of his
	annsDeal, annsSecond string
	othersDeal           string
}

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

// deals is a service with two deals; it shows them as far as the caller's scope reaches.
type deals struct {
	dealsv1.UnimplementedDealsServiceServer
	responsible map[string]string
}

func (d *deals) GetDeal(ctx context.Context, req *dealsv1.GetDealRequest) (*dealsv1.GetDealResponse, error) {
	who, ok := d.responsible[req.GetId()]
	if !ok || !authz.ScopeFrom(ctx).Allows(who) {
		return nil, apperr.NotFound("DEAL_NOT_FOUND", "there is no such deal")
	}
	return &dealsv1.GetDealResponse{Deal: &dealsv1.Deal{Id: req.GetId(), ResponsibleId: who}}, nil
}

// contacts is a service with some contacts; the ID of one that is part of another leads to that.
type contacts struct {
	contactsv1.UnimplementedContactsServiceServer
	mu                sync.Mutex
	responsible, into map[string]string
}

func (c *contacts) GetContact(ctx context.Context, req *contactsv1.GetContactRequest) (*contactsv1.GetContactResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := req.GetId()
	for c.into[at] != "" {
		at = c.into[at]
	}
	who, ok := c.responsible[at]
	if !ok || !authz.ScopeFrom(ctx).Allows(who) {
		return nil, apperr.NotFound("CONTACT_NOT_FOUND", "there is no such contact")
	}
	return &contactsv1.GetContactResponse{Contact: &contactsv1.Contact{Id: at, ResponsibleId: who}}, nil
}

func (c *contacts) merge(id, into string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.into[id] = into
}

func start(t *testing.T) *suite {
	t.Helper()
	s := &suite{
		db: testkit.Postgres(t, app.Name, app.Migrations()), dir: t.TempDir(), issuer: authntest.NewIssuer(t), clock: &steppedClock{},
		people: &contacts{responsible: map[string]string{}, into: map[string]string{}},
		org:    id.New(), other: id.New(), ann: id.New(), bob: id.New(), eve: id.New(), annsDeal: id.New(), othersDeal: id.New(),
		annsSecond: id.New(), dan: id.New(),
	}
	now := clock.Clock(s.clock.now)
	directory := authz.NewDirectory()
	for _, org := range []string{s.org, s.other} {
		directory.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_Role{
			Role: &accessv1.DirectoryRole{Id: s.role(org), Grants: []*accessv1.DirectoryGrant{
				{Kind: "deal", Scope: accessv1.Scope_SCOPE_OWN}, {Kind: "contact", Scope: accessv1.Scope_SCOPE_OWN},
			}},
		}})
	}
	for user, org := range map[string]string{s.ann: s.org, s.bob: s.org, s.eve: s.other} {
		directory.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_User{
			User: &accessv1.DirectoryUser{Id: user, Active: true, RoleIds: []string{s.role(org)}},
		}})
	}
	seer := id.New()
	directory.Apply(&accessv1.DirectoryEntry{OrganizationId: s.org, Version: 1, Entry: &accessv1.DirectoryEntry_Role{
		Role: &accessv1.DirectoryRole{Id: seer, Grants: []*accessv1.DirectoryGrant{
			{Kind: "deal", Scope: accessv1.Scope_SCOPE_OWN},
			{Kind: "deal", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL},
		}},
	}})
	directory.Apply(&accessv1.DirectoryEntry{OrganizationId: s.org, Version: 1, Entry: &accessv1.DirectoryEntry_User{
		User: &accessv1.DirectoryUser{Id: s.dan, Active: true, RoleIds: []string{seer}},
	}})
	directory.SetReady(time.Now())
	srv, err := grpcserver.New(grpcserver.Options{
		Log: slog.New(slog.DiscardHandler), Verifier: s.issuer.Verifier(), Directory: directory,
	})
	require.NoError(t, err)
	var conn *grpc.ClientConn
	a, err := app.New(t.Context(), app.Config{BlobURL: "file://" + s.dir, MaxSize: maxSize, LinkSecret: "0123456789abcdef0123456789abcdef"},
		app.Deps{
			Log: slog.New(slog.DiscardHandler), Clock: now, Brokers: testkit.Kafka(t), DB: s.db.App, System: s.db.System,
			Dial: func(string) (grpc.ClientConnInterface, error) { return forwarding{&conn}, nil },
		})
	require.NoError(t, err)
	s.app = a
	conn = testkit.GRPC(t, srv.Server, func(r grpc.ServiceRegistrar) {
		a.Register(r)
		contactsv1.RegisterContactsServiceServer(r, s.people)
		dealsv1.RegisterDealsServiceServer(r, &deals{responsible: map[string]string{s.annsDeal: s.ann, s.annsSecond: s.ann, s.othersDeal: id.New()}})
	})
	s.client = filesv1.NewFilesServiceClient(conn)
	return s
}

// forwarding passes the caller's token on, as connections between services do, and gives errors back as ours.
type forwarding struct{ conn **grpc.ClientConn }

func (f forwarding) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return apperr.FromStatus((*f.conn).Invoke(authn.Outgoing(ctx), method, args, reply, opts...))
}

func (f forwarding) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return (*f.conn).NewStream(authn.Outgoing(ctx), desc, method, opts...)
}

// role is the same for all members of an organisation.
func (s *suite) role(org string) string { return "0" + org[1:] }

func (s *suite) as(t *testing.T, user string) context.Context {
	t.Helper()
	org := s.org
	if user == s.eve {
		org = s.other
	}
	token := s.issuer.Token(org, user)
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
}

func (s *suite) upload(ctx context.Context, head *filesv1.Upload, data []byte) (*filesv1.File, error) {
	stream, err := s.client.UploadFile(ctx)
	if err != nil {
		return nil, err
	}
	_ = stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Upload{Upload: head}})
	for piece := range chunks(data, 100_000) {
		if err := stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Chunk{Chunk: piece}}); err != nil {
			break // the answer says why
		}
	}
	res, err := stream.CloseAndRecv()
	return res.GetFile(), err
}

func chunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(b[:k]) {
				return
			}
			b = b[k:]
		}
	}
}

func download(stream interface {
	Recv() (*filesv1.DownloadFileResponse, error)
}, err error,
) (*filesv1.File, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	var f *filesv1.File
	var data []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return f, data, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if m.GetFile() != nil {
			f = m.GetFile()
		}
		data = append(data, m.GetChunk()...)
	}
}

func reason(err error) string { return apperr.Reason(apperr.FromStatus(err)) }

// blobs lists what lies in the store.
func (s *suite) blobs(t *testing.T) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// decisions 16: what was uploaded comes back, whole and in part, to its uploader and to nobody else.
func TestUploadedFileBelongsToItsUploader(t *testing.T) {
	t.Parallel()
	s := start(t)
	data := bytes.Repeat([]byte("opportunity_id,sales_agent\n"), 20_000)
	f, err := s.upload(s.as(t, s.ann), &filesv1.Upload{Name: `C:\Users\ann\pipeline.csv`, ContentType: "text/html", Size: int64(len(data))}, data)
	require.NoError(t, err)
	require.Equal(t, "pipeline.csv", f.GetName(), "folders are cut off")
	require.Equal(t, "text/csv", f.GetContentType(), "what it is, not what the sender says")
	require.EqualValues(t, len(data), f.GetSize())
	require.Equal(t, s.ann, f.GetUploaderId())

	got, body, err := download(s.client.DownloadFile(s.as(t, s.ann), &filesv1.DownloadFileRequest{Id: f.GetId()}))
	require.NoError(t, err)
	require.Equal(t, data, body)
	require.Equal(t, f.GetSha256(), got.GetSha256())
	_, body, err = download(s.client.DownloadFile(s.as(t, s.ann), &filesv1.DownloadFileRequest{Id: f.GetId(), Offset: 26, Length: 5}))
	require.NoError(t, err)
	require.Equal(t, "\noppo", string(body))
	_, _, err = download(s.client.DownloadFile(s.as(t, s.ann), &filesv1.DownloadFileRequest{Id: f.GetId(), Offset: int64(len(data))}))
	require.Equal(t, "FILE_RANGE_INVALID", reason(err))

	for name, user := range map[string]string{"a colleague": s.bob, "another organisation": s.eve} {
		_, err := s.client.GetFile(s.as(t, user), &filesv1.GetFileRequest{Id: f.GetId()})
		require.Equal(t, "FILE_NOT_FOUND", reason(err), name)
		_, _, err = download(s.client.DownloadFile(s.as(t, user), &filesv1.DownloadFileRequest{Id: f.GetId()}))
		require.Equal(t, "FILE_NOT_FOUND", reason(err), name)
		_, err = s.client.DeleteFile(s.as(t, user), &filesv1.DeleteFileRequest{Id: f.GetId()})
		require.Equal(t, "FILE_NOT_FOUND", reason(err), name)
	}
}

// decisions 16: rights come from the record that a file hangs on.
func TestFilesOfARecordFollowTheRecord(t *testing.T) {
	t.Parallel()
	s := start(t)
	deal := &typev1.Ref{Kind: "deal", Id: s.annsDeal}
	f, err := s.upload(s.as(t, s.ann), &filesv1.Upload{Name: "offer.pdf", Record: deal}, []byte("%PDF-1.7 …"))
	require.NoError(t, err)
	require.Equal(t, "application/pdf", f.GetContentType())
	list, err := s.client.ListFiles(s.as(t, s.ann), &filesv1.ListFilesRequest{Record: deal})
	require.NoError(t, err)
	require.Len(t, list.GetFiles(), 1)

	_, err = s.client.ListFiles(s.as(t, s.bob), &filesv1.ListFilesRequest{Record: deal})
	require.Equal(t, "RECORD_NOT_FOUND", reason(err))
	_, err = s.upload(s.as(t, s.bob), &filesv1.Upload{Name: "x.txt", Record: deal}, []byte("x"))
	require.Equal(t, "RECORD_NOT_FOUND", reason(err))
	_, err = s.client.GetFile(s.as(t, s.bob), &filesv1.GetFileRequest{Id: f.GetId()})
	require.Equal(t, "FILE_NOT_FOUND", reason(err))
	_, err = s.upload(s.as(t, s.ann), &filesv1.Upload{Name: "x.txt", Record: &typev1.Ref{Kind: "spell", Id: s.annsDeal}}, []byte("x"))
	require.Equal(t, "RECORD_KIND_UNKNOWN", reason(err))

	// Uploaded first, attached later; detached, it is the uploader's again.
	loose, err := s.upload(s.as(t, s.ann), &filesv1.Upload{Name: "photo"}, []byte("\x89PNG\r\n\x1a\n"))
	require.NoError(t, err)
	_, err = s.client.UpdateFile(s.as(t, s.ann), &filesv1.UpdateFileRequest{Id: loose.GetId(), File: &filesv1.File{Record: &typev1.Ref{Kind: "deal", Id: s.othersDeal}}})
	require.Equal(t, "RECORD_NOT_FOUND", reason(err))
	up, err := s.client.UpdateFile(s.as(t, s.ann), &filesv1.UpdateFileRequest{Id: loose.GetId(), File: &filesv1.File{Name: "front.png", Record: deal, Etag: loose.GetEtag()}})
	require.NoError(t, err)
	require.Equal(t, "front.png", up.GetFile().GetName())
	_, err = s.client.UpdateFile(s.as(t, s.ann), &filesv1.UpdateFileRequest{Id: loose.GetId(), File: &filesv1.File{Name: "late", Etag: loose.GetEtag()}})
	require.Equal(t, "FILE_ETAG_MISMATCH", reason(err))
	n, err := s.client.CountFiles(s.as(t, s.ann), &filesv1.CountFilesRequest{Record: deal})
	require.NoError(t, err)
	require.EqualValues(t, 2, n.GetCount())
}

// An upload that breaks off, is too large, or is not what was announced leaves nothing behind.
func TestBrokenUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := s.as(t, s.ann)
	big := bytes.Repeat([]byte{7}, maxSize+1)
	_, err := s.upload(ctx, &filesv1.Upload{Name: "big"}, big)
	require.Equal(t, "FILE_TOO_LARGE", reason(err))
	_, err = s.upload(ctx, &filesv1.Upload{Name: "big", Size: maxSize + 1}, nil)
	require.Equal(t, "FILE_TOO_LARGE", reason(err))
	for _, announced := range []int64{4, 6} {
		_, err = s.upload(ctx, &filesv1.Upload{Name: "short", Size: announced}, []byte("12345"))
		require.Equal(t, "FILE_SIZE_MISMATCH", reason(err))
	}
	_, err = s.upload(ctx, &filesv1.Upload{Name: " ../.. "}, []byte("x"))
	require.Equal(t, "FILE_NAME_INVALID", reason(err))

	// Pieces before the properties, properties twice.
	stream, err := s.client.UploadFile(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Chunk{Chunk: []byte("x")}}))
	_, err = stream.CloseAndRecv()
	require.Equal(t, "FILE_UPLOAD_INVALID", reason(err))
	stream, err = s.client.UploadFile(ctx)
	require.NoError(t, err)
	head := &filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Upload{Upload: &filesv1.Upload{Name: "a"}}}
	require.NoError(t, stream.Send(head))
	require.NoError(t, stream.Send(head))
	_, err = stream.CloseAndRecv()
	require.Equal(t, "FILE_UPLOAD_INVALID", reason(err))

	// The client goes away in the middle.
	gone, cancel := context.WithCancel(ctx)
	stream, err = s.client.UploadFile(gone)
	require.NoError(t, err)
	require.NoError(t, stream.Send(head))
	require.NoError(t, stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Chunk{Chunk: big[:5000]}}))
	cancel()
	_, err = stream.CloseAndRecv()
	require.Error(t, err)

	testkit.Eventually(t, func() error {
		if left := s.blobs(t); len(left) > 0 {
			return errors.New(strings.Join(left, " "))
		}
		return nil
	})
	list, err := s.client.ListFiles(ctx, &filesv1.ListFilesRequest{})
	require.NoError(t, err)
	require.Empty(t, list.GetFiles())

	// An empty file is a file.
	f, err := s.upload(ctx, &filesv1.Upload{Name: "nothing.txt"}, nil)
	require.NoError(t, err)
	require.Zero(t, f.GetSize())
	_, body, err := download(s.client.DownloadFile(ctx, &filesv1.DownloadFileRequest{Id: f.GetId()}))
	require.NoError(t, err)
	require.Empty(t, body)
}

// The same request ID twice: one file, the same answer; another content under it is refused.
func TestRepeatedUploadMakesOneFile(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := s.as(t, s.ann)
	first, err := s.upload(ctx, &filesv1.Upload{Name: "a.txt", RequestId: "r-1"}, []byte("one"))
	require.NoError(t, err)
	again, err := s.upload(ctx, &filesv1.Upload{Name: "a.txt", RequestId: "r-1"}, []byte("one"))
	require.NoError(t, err)
	require.Equal(t, first.String(), again.String())
	_, err = s.upload(ctx, &filesv1.Upload{Name: "a.txt", RequestId: "r-1"}, []byte("two"))
	require.Equal(t, "REQUEST_ID_REUSED", reason(err))
	n, err := s.client.CountFiles(ctx, &filesv1.CountFilesRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n.GetCount())
}

// A file keeps the contents it has had; equal contents lie in the store once.
func TestVersions(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := s.as(t, s.ann)
	f, err := s.upload(ctx, &filesv1.Upload{Name: "a.txt"}, []byte("one"))
	require.NoError(t, err)
	for _, text := range []string{"two", "one", "three"} {
		f, err = s.upload(ctx, &filesv1.Upload{FileId: f.GetId(), Etag: f.GetEtag()}, []byte(text))
		require.NoError(t, err)
	}
	require.EqualValues(t, 4, f.GetContentVersion())
	require.Equal(t, "a.txt", f.GetName())
	require.Len(t, s.blobs(t), 3)
	_, body, err := download(s.client.DownloadFile(ctx, &filesv1.DownloadFileRequest{Id: f.GetId(), ContentVersion: 2}))
	require.NoError(t, err)
	require.Equal(t, "two", string(body))
	_, _, err = download(s.client.DownloadFile(ctx, &filesv1.DownloadFileRequest{Id: f.GetId(), ContentVersion: 9}))
	require.Equal(t, "FILE_NOT_FOUND", reason(err))
	var numbers []int32
	token := ""
	for {
		page, err := s.client.ListFileVersions(ctx, &filesv1.ListFileVersionsRequest{Id: f.GetId(), PageSize: 3, PageToken: token})
		require.NoError(t, err)
		for _, v := range page.GetVersions() {
			numbers = append(numbers, v.GetNumber())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, []int32{4, 3, 2, 1}, numbers)
	_, err = s.client.ListFileVersions(ctx, &filesv1.ListFileVersionsRequest{Id: f.GetId(), PageToken: "forged"})
	require.Equal(t, "INVALID_PAGE_TOKEN", reason(err))
}

// A link works for whoever holds it, for that content, for a while.
func TestDownloadLink(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := s.as(t, s.ann)
	f, err := s.upload(ctx, &filesv1.Upload{Name: "offer.txt"}, []byte("for your eyes"))
	require.NoError(t, err)
	link, err := s.client.CreateDownloadLink(ctx, &filesv1.CreateDownloadLinkRequest{Id: f.GetId(), LifetimeSeconds: 60})
	require.NoError(t, err)
	_, token, _ := strings.Cut(link.GetPath(), "token=")
	fetch := func(id, token string) (string, error) {
		stream, err := s.client.DownloadLinkedFile(t.Context(), &filesv1.DownloadLinkedFileRequest{Id: id, Token: token})
		require.NoError(t, err)
		text := ""
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return text, nil
			}
			if err != nil {
				return "", err
			}
			require.Empty(t, m.GetFile().GetUploaderId(), "who holds a link learns nothing of people")
			text += string(m.GetChunk())
		}
	}
	text, err := fetch(f.GetId(), token)
	require.NoError(t, err)
	require.Equal(t, "for your eyes", text)

	_, err = s.client.CreateDownloadLink(s.as(t, s.bob), &filesv1.CreateDownloadLinkRequest{Id: f.GetId()})
	require.Equal(t, "FILE_NOT_FOUND", reason(err))
	for name, c := range map[string][2]string{
		"forged":           {f.GetId(), token[:len(token)-3] + "AAA"},
		"for another file": {id.New(), token},
		"not a token":      {f.GetId(), "%%"},
	} {
		_, err := fetch(c[0], c[1])
		require.Equal(t, "DOWNLOAD_LINK_INVALID", reason(err), name)
	}
	s.clock.step(2 * time.Minute)
	_, err = fetch(f.GetId(), token)
	require.Equal(t, "DOWNLOAD_LINK_INVALID", reason(err), "expired")
}
