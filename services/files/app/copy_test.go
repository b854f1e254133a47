package app_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/clock"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func deal(id string) *typev1.Ref { return &typev1.Ref{Kind: "deal", Id: id} }

// service is a call that a service makes for a user.
func (s *suite) service(t *testing.T, name, user string) context.Context {
	t.Helper()
	token := s.issuer.Issue(authn.Principal{OrganizationID: s.org, UserID: user, Service: name}, clock.System(), time.Minute)
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
}

// CON-4: files are carried over once, however often that is asked for, with what they hold now.
func TestFilesAreCopiedOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := s.as(t, s.ann)
	from, to := deal(s.annsDeal), deal(s.annsSecond)
	offer, err := s.upload(ctx, &filesv1.Upload{Name: "offer.txt", Record: from}, []byte("first"))
	require.NoError(t, err)
	_, err = s.upload(ctx, &filesv1.Upload{FileId: offer.GetId()}, []byte("second"))
	require.NoError(t, err)
	gone, err := s.upload(ctx, &filesv1.Upload{Name: "gone.txt", Record: from}, []byte("x"))
	require.NoError(t, err)
	_, err = s.client.DeleteFile(ctx, &filesv1.DeleteFileRequest{Id: gone.GetId()})
	require.NoError(t, err)

	// Several at a time, with and without a request ID.
	var calls sync.WaitGroup
	for _, request := range []string{"r", "r", "", ""} {
		calls.Go(func() {
			_, err := s.client.CopyFiles(ctx, &filesv1.CopyFilesRequest{From: from, To: to, RequestId: request})
			if err != nil {
				t.Errorf("copy: %v", err)
			}
		})
	}
	calls.Wait()
	answer, err := s.client.CopyFiles(ctx, &filesv1.CopyFilesRequest{From: from, To: to, RequestId: "r"})
	require.NoError(t, err)
	require.Len(t, answer.GetFiles(), 1, "one copy, and none of what is in the bin")
	made := answer.GetFiles()[0]
	require.NotEqual(t, offer.GetId(), made.GetId())
	require.Equal(t, "offer.txt", made.GetName())
	require.EqualValues(t, 1, made.GetContentVersion())
	_, body, err := download(s.client.DownloadFile(ctx, &filesv1.DownloadFileRequest{Id: made.GetId()}))
	require.NoError(t, err)
	require.Equal(t, "second", string(body))
	list, err := s.client.ListFiles(ctx, &filesv1.ListFilesRequest{Record: to})
	require.NoError(t, err)
	require.Len(t, list.GetFiles(), 1)
	evs, err := s.db.App.History(t.Context(), s.org, "file", made.GetId(), 0, 10)
	require.NoError(t, err)
	require.Len(t, evs, 1, "every file has its event")

	// What came since is added, and a copy that was deleted does not come back.
	_, err = s.client.DeleteFile(ctx, &filesv1.DeleteFileRequest{Id: made.GetId()})
	require.NoError(t, err)
	_, err = s.upload(ctx, &filesv1.Upload{Name: "later.txt", Record: from}, []byte("later"))
	require.NoError(t, err)
	answer, err = s.client.CopyFiles(ctx, &filesv1.CopyFilesRequest{From: from, To: to})
	require.NoError(t, err)
	require.Len(t, answer.GetFiles(), 1)
	require.Equal(t, "later.txt", answer.GetFiles()[0].GetName())

	// The copy is a file of its own: the source may go.
	_, err = s.client.DeleteFile(ctx, &filesv1.DeleteFileRequest{Id: offer.GetId()})
	require.NoError(t, err)
	_, err = s.client.UndeleteFile(ctx, &filesv1.UndeleteFileRequest{Id: made.GetId()})
	require.NoError(t, err)
}

// CON-4, ID-6: it takes seeing the one record and being allowed to change the other.
func TestCopyingObeysTheRightsOfBothRecords(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, err := s.upload(s.as(t, s.ann), &filesv1.Upload{Name: "offer.txt", Record: deal(s.annsDeal)}, []byte("x"))
	require.NoError(t, err)
	copyFiles := func(ctx context.Context, from, to *typev1.Ref) error {
		_, err := s.client.CopyFiles(ctx, &filesv1.CopyFilesRequest{From: from, To: to})
		return err
	}
	require.Equal(t, "RECORD_NOT_FOUND", reason(copyFiles(s.as(t, s.bob), deal(s.annsDeal), deal(s.annsSecond))))
	require.Equal(t, "RECORD_NOT_FOUND", reason(copyFiles(s.as(t, s.eve), deal(s.annsDeal), deal(s.annsSecond))))
	require.Equal(t, "RECORD_NOT_FOUND", reason(copyFiles(s.as(t, s.ann), deal(s.annsDeal), deal(s.othersDeal))))
	require.Equal(t, "RECORD_SAME", reason(copyFiles(s.as(t, s.ann), deal(s.annsDeal), deal(s.annsDeal))))
	require.Equal(t, "RECORD_KIND_UNKNOWN", reason(copyFiles(s.as(t, s.ann), deal(s.annsDeal), &typev1.Ref{Kind: "spell", Id: s.annsDeal})))

	// dan sees every deal and may change his own.
	require.Equal(t, "RECORD_FORBIDDEN", reason(copyFiles(s.as(t, s.dan), deal(s.annsDeal), deal(s.annsSecond))))
	require.Equal(t, "RECORD_FORBIDDEN", reason(copyFiles(s.service(t, "reporting", s.dan), deal(s.annsDeal), deal(s.annsSecond))))
	require.NoError(t, copyFiles(s.service(t, "contacts", s.dan), deal(s.annsDeal), deal(s.annsSecond)), "a conversion has attached it")
	require.Equal(t, "RECORD_NOT_FOUND", reason(copyFiles(s.service(t, "contacts", s.bob), deal(s.annsDeal), deal(s.annsSecond))))
}
