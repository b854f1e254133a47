package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/blob"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	"kontor.internal/services/files/internal/content"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/publish"
)

// pieceSize is how much goes into one message of a download.
const pieceSize = 256 << 10

// UploadFile takes a file.
func (s *Server) UploadFile(stream grpc.ClientStreamingServer[filesv1.UploadFileRequest, filesv1.UploadFileResponse]) error {
	ctx := stream.Context()
	first, err := stream.Recv()
	if err != nil {
		return broken(err)
	}
	head := first.GetUpload()
	if head == nil {
		return file.ErrUpload
	}
	p, err := s.receive(ctx, head, &pieces{recv: stream.Recv})
	if err != nil {
		return err
	}
	return stream.SendAndClose(&filesv1.UploadFileResponse{File: p})
}

// receive checks first what can be checked first, so that nobody uploads a gigabyte to learn that they may not.
func (s *Server) receive(ctx context.Context, head *filesv1.Upload, in io.Reader) (*filesv1.File, error) {
	who := authn.MustFrom(ctx)
	rec, err := s.record(ctx, head.GetRecord())
	if err != nil {
		return nil, err
	}
	name, err := file.CleanName(head.GetName())
	if err != nil && head.GetFileId() == "" {
		return nil, err
	}
	if !rec.None() {
		if err := s.Rights.ChangeRecord(ctx, rec); err != nil {
			return nil, err
		}
	}
	if head.GetSize() > s.MaxSize {
		return nil, s.tooLarge()
	}
	if head.GetFileId() != "" {
		f, err := s.Store.Get(ctx, who.OrganizationID, head.GetFileId())
		if err != nil {
			return nil, err
		}
		if err := s.Rights.Change(ctx, f); err != nil {
			return nil, err
		}
		name = f.Name
	}
	c, err := s.keep(ctx, who.OrganizationID, name, head, in)
	if err != nil {
		return nil, err
	}
	ctx = repeatable(ctx, head, c)
	if head.GetFileId() != "" {
		return s.update(ctx, head.GetFileId(), head.GetEtag(), func(f *file.File) (file.Event, error) { return f.Replace(c) })
	}
	f, err := s.Store.Create(ctx, who.OrganizationID, &file.File{ID: id.New(), Name: name, Record: rec, UploaderID: who.UserID, Content: c})
	if p, ok := s.Store.Replayed(ctx, who.OrganizationID, err); ok {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	return publish.File(f), nil
}

// repeatable makes an upload with a request ID one that has one effect. What it is known by is its content, which is
// only known now.
func repeatable(ctx context.Context, head *filesv1.Upload, c file.Content) context.Context {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		head.GetName(), head.GetRecord().GetKind(), head.GetRecord().GetId(), head.GetFileId(), c.SHA256,
	}, "\x00")))
	return idem.With(ctx, idem.Request{Method: filesv1.FilesService_UploadFile_FullMethodName, ID: head.GetRequestId(), Hash: sum[:]})
}

// keep puts the content into the blob store.
func (s *Server) keep(ctx context.Context, org, name string, head *filesv1.Upload, in io.Reader) (file.Content, error) {
	buffered := bufio.NewReaderSize(in, content.HeadSize)
	begin, err := buffered.Peek(content.HeadSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return file.Content{}, broken(err)
	}
	kind := content.Sniff(begin, name, head.GetContentType())
	if len(begin) == 0 {
		kind = "application/octet-stream" // nothing in it tells
	}
	kept, err := s.Blobs.Put(ctx, org, &announced{r: buffered, left: head.GetSize(), known: head.GetSize() > 0}, s.MaxSize)
	switch {
	case errors.Is(err, blob.ErrTooLarge):
		return file.Content{}, s.tooLarge()
	case err != nil:
		return file.Content{}, broken(err)
	}
	return file.Content{Key: kept.Key, Type: kind, Size: kept.Size, SHA256: kept.SHA256}, nil
}

func (s *Server) tooLarge() error {
	return file.ErrTooLarge.With("max_size", strconv.FormatInt(s.MaxSize, 10)).
		Saying("the file is larger than the " + strconv.FormatInt(s.MaxSize, 10) + " bytes that this installation accepts")
}

// broken tells an upload that was broken off, and our own failures, from what the caller did wrong.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return file.ErrUpload
	}
	if c := status.Code(err); c == codes.Canceled || errors.Is(err, context.Canceled) {
		return fmt.Errorf("upload broken off: %w", context.Canceled)
	}
	return err
}

// announced fails if the content turns out to have another length than was announced: before its end, so that nothing
// of it is kept.
type announced struct {
	r     io.Reader
	left  int64
	known bool
}

func (a *announced) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if !a.known {
		return n, err
	}
	a.left -= int64(n)
	if a.left < 0 || (errors.Is(err, io.EOF) && a.left != 0) {
		return n, file.ErrSize
	}
	return n, err
}

// pieces reads the content from the messages of an upload.
type pieces struct {
	recv func() (*filesv1.UploadFileRequest, error)
	rest []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		m, err := p.recv()
		if err != nil {
			return 0, err // io.EOF at the end
		}
		if m.GetUpload() != nil {
			return 0, file.ErrUpload
		}
		p.rest = m.GetChunk()
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// DownloadFile gives a file.
func (s *Server) DownloadFile(req *filesv1.DownloadFileRequest, stream grpc.ServerStreamingServer[filesv1.DownloadFileResponse]) error {
	ctx := stream.Context()
	f, err := s.seen(ctx, req.GetId())
	if err != nil {
		return err
	}
	if f.Content, err = s.Store.Content(ctx, authn.MustFrom(ctx).OrganizationID, f.ID, req.GetContentVersion()); err != nil {
		return err
	}
	if req.GetContentVersion() != 0 {
		f.ContentVersion = req.GetContentVersion()
	}
	return s.send(ctx, f, req.GetOffset(), req.GetLength(), func(p *filesv1.File, b []byte) error {
		if p != nil {
			return stream.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_File{File: p}})
		}
		return stream.Send(&filesv1.DownloadFileResponse{Part: &filesv1.DownloadFileResponse_Chunk{Chunk: b}})
	})
}

// DownloadLinkedFile gives a file to whoever holds a link.
func (s *Server) DownloadLinkedFile(req *filesv1.DownloadLinkedFileRequest, stream grpc.ServerStreamingServer[filesv1.DownloadLinkedFileResponse]) error {
	ctx := stream.Context()
	what, err := s.Links.Verify(req.GetToken(), s.Clock.Now())
	if err != nil {
		return file.ErrLink.Because(err)
	}
	parts := strings.Split(what, "/")
	if len(parts) != 3 || parts[1] != strings.ToLower(req.GetId()) {
		return file.ErrLink
	}
	n, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil {
		return file.ErrLink.Because(err)
	}
	f, err := s.Store.Get(ctx, parts[0], parts[1])
	if errors.Is(err, file.ErrNotFound) || (err == nil && !f.DeletedAt.IsZero()) {
		return file.ErrLink
	}
	if err != nil {
		return err
	}
	f.ContentVersion = int32(n)
	if f.Content, err = s.Store.Content(ctx, parts[0], f.ID, f.ContentVersion); err != nil {
		return err
	}
	// Who holds a link learns of the content, not of the record it belongs to.
	f.Record, f.UploaderID = file.Record{}, ""
	return s.send(ctx, f, req.GetOffset(), req.GetLength(), func(p *filesv1.File, b []byte) error {
		if p != nil {
			return stream.Send(&filesv1.DownloadLinkedFileResponse{Part: &filesv1.DownloadLinkedFileResponse_File{File: p}})
		}
		return stream.Send(&filesv1.DownloadLinkedFileResponse{Part: &filesv1.DownloadLinkedFileResponse_Chunk{Chunk: b}})
	})
}

// send sends the properties and then the content from offset on, length bytes of it or all.
func (s *Server) send(ctx context.Context, f *file.File, offset, length int64, out func(*filesv1.File, []byte) error) error {
	if offset > f.Content.Size || (offset == f.Content.Size && offset > 0) {
		return file.ErrRange.With("size", strconv.FormatInt(f.Content.Size, 10))
	}
	r, err := s.Blobs.Open(ctx, f.Content.Key)
	if err != nil {
		return file.ErrUnavailable.Because(err)
	}
	defer func() { _ = r.Close() }() // only read
	if _, err := r.Seek(offset, io.SeekStart); err != nil {
		return file.ErrUnavailable.Because(err)
	}
	if err := out(publish.File(f), nil); err != nil {
		return err
	}
	var in io.Reader = r
	if length > 0 {
		in = io.LimitReader(r, length)
	}
	buf := make([]byte, pieceSize)
	for {
		n, err := io.ReadFull(in, buf)
		if n > 0 {
			if err := out(nil, buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return file.ErrUnavailable.Because(err)
		}
	}
}
