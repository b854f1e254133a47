package clients

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
)

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

// chunk is how much goes into one message of an upload.
const chunk = 256 << 10

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
		return "", closing(stream, err)
	}
	buf := make([]byte, chunk)
	for {
		n, rerr := io.ReadFull(content, buf)
		if n > 0 {
			part := &filesv1.UploadFileRequest_Chunk{Chunk: buf[:n]}
			if err := stream.Send(&filesv1.UploadFileRequest{Part: part}); err != nil {
				return "", closing(stream, err)
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

// closing returns why a stream has ended: Send says only that it has.
func closing(stream grpc.ClientStreamingClient[filesv1.UploadFileRequest, filesv1.UploadFileResponse], err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	_, err = stream.CloseAndRecv()
	return err
}
