// Package fileclient reads and writes files of the files service as streams of bytes. It stands beside the contract, for
// whoever has imports reads their files from there and puts what was rejected back: a *Client is an imports.Files.
package fileclient

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
)

// Client asks the files service, on behalf of the context's caller.
type Client struct {
	files filesv1.FilesServiceClient
}

// New returns a client that asks over conn.
func New(conn grpc.ClientConnInterface) *Client {
	return &Client{files: filesv1.NewFilesServiceClient(conn)}
}

// Open returns the newest content of a file, to be closed, and its size in bytes. Errors are those of DownloadFile.
func (c *Client) Open(ctx context.Context, fileID string) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.files.DownloadFile(ctx, &filesv1.DownloadFileRequest{Id: fileID})
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

// Read see io.Reader.
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

// Close ends the download.
func (d *download) Close() error {
	d.cancel()
	return nil
}

// chunk is how much goes into one message of an upload.
const chunk = 256 << 10

// Save uploads a file that hangs on no record and returns its ID; again with the same key it uploads none. Errors are
// those of UploadFile, or content's.
func (c *Client) Save(ctx context.Context, name, contentType, key string, content io.Reader) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // an upload that breaks off leaves nothing behind
	stream, err := c.files.UploadFile(ctx)
	if err != nil {
		return "", err
	}
	head := &filesv1.Upload{Name: name, ContentType: contentType, Size: -1, RequestId: key}
	if err := stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Upload{Upload: head}}); err != nil {
		return "", ended(stream, err)
	}
	buf := make([]byte, chunk)
	for {
		n, rerr := io.ReadFull(content, buf)
		if n > 0 {
			part := &filesv1.UploadFileRequest_Chunk{Chunk: buf[:n]}
			if err := stream.Send(&filesv1.UploadFileRequest{Part: part}); err != nil {
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
