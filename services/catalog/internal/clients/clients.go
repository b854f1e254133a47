// Package clients asks the services that catalog depends on: files for the files of imports, identity for tokens of jobs.
// Errors of theirs come back as ours (libs/grpcclient).
package clients

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	"kontor.internal/libs/authn"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// Dial returns the connection to a service.
type Dial func(service string) (grpc.ClientConnInterface, error)

// Files implements imports.Files on the files service.
type Files struct {
	client filesv1.FilesServiceClient
}

// NewFiles returns a client of the files service.
func NewFiles(dial Dial) (*Files, error) {
	conn, err := dial("files")
	if err != nil {
		return nil, fmt.Errorf("dial files: %w", err)
	}
	return &Files{client: filesv1.NewFilesServiceClient(conn)}, nil
}

// Open see imports.Files.
func (f *Files) Open(ctx context.Context, fileID string) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := f.client.DownloadFile(ctx, &filesv1.DownloadFileRequest{Id: fileID})
	if err != nil {
		cancel()
		return nil, 0, err
	}
	first, err := stream.Recv()
	if err != nil {
		cancel()
		return nil, 0, err
	}
	return &download{stream: stream, cancel: cancel}, first.GetFile().GetSize(), nil
}

type download struct {
	stream grpc.ServerStreamingClient[filesv1.DownloadFileResponse]
	cancel context.CancelFunc
	rest   []byte
}

func (d *download) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		m, err := d.stream.Recv()
		if err != nil {
			return 0, err // io.EOF at the end
		}
		d.rest = m.GetChunk()
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *download) Close() error {
	d.cancel()
	return nil
}

// piece is how much of an upload goes into one message.
const piece = 256 << 10

// Save see imports.Files.
func (f *Files) Save(ctx context.Context, name, contentType, key string, content io.Reader) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // an upload that breaks off leaves nothing behind
	stream, err := f.client.UploadFile(ctx)
	if err != nil {
		return "", err
	}
	head := &filesv1.Upload{Name: name, ContentType: contentType, Size: -1, RequestId: key}
	if err := stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Upload{Upload: head}}); err != nil {
		return "", ended(stream, err)
	}
	buf := make([]byte, piece)
	for {
		n, rerr := io.ReadFull(content, buf)
		if n > 0 {
			if err := stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Chunk{Chunk: buf[:n]}}); err != nil {
				return "", ended(stream, err)
			}
		}
		if errors.Is(rerr, io.EOF) || errors.Is(rerr, io.ErrUnexpectedEOF) {
			break
		}
		if rerr != nil {
			return "", fmt.Errorf("read what to save: %w", rerr)
		}
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		return "", err
	}
	return resp.GetFile().GetId(), nil
}

// ended returns why a stream has ended: Send says only that it has.
func ended(stream grpc.ClientStreamingClient[filesv1.UploadFileRequest, filesv1.UploadFileResponse], err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	_, err = stream.CloseAndRecv()
	return err
}

// Behalf lets jobs act for a user.
type Behalf struct {
	service string
	client  identityv1.InternalServiceClient
}

// NewBehalf returns a client of identity for tokens that name service as who acts.
func NewBehalf(dial Dial, service string) (*Behalf, error) {
	conn, err := dial("identity")
	if err != nil {
		return nil, fmt.Errorf("dial identity: %w", err)
	}
	return &Behalf{service: service, client: identityv1.NewInternalServiceClient(conn)}, nil
}

// As returns a context in which calls are made for the user, by this service.
func (b *Behalf) As(ctx context.Context, org, userID string) (context.Context, error) {
	resp, err := b.client.IssueToken(ctx, &identityv1.IssueTokenRequest{Service: b.service, OrganizationId: org, UserId: userID})
	if err != nil {
		return nil, err
	}
	who := authn.Principal{OrganizationID: org, UserID: userID, Service: b.service}
	return authn.WithToken(ctx, who, resp.GetAccessToken()), nil
}
