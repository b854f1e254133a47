// Package upload carries files between HTTP and the files service, in pieces; no file is held in memory or on disk here.
package upload

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/gateway/internal/rest"
)

const (
	chunkSize = 256 << 10
	// maxPart is for the form's parts that are not the file.
	maxPart = 4 << 10
)

// Failures of an upload's form.
var (
	ErrForm = apperr.Invalid("UPLOAD_MALFORMED",
		"send multipart/form-data with the file in a part named 'file', after the parts that describe it")
	ErrNoFile = apperr.Invalid("UPLOAD_WITHOUT_FILE", "the form has no part named 'file' with a file name")
)

// Files are the handlers of uploads and downloads.
type Files struct {
	Client filesv1.FilesServiceClient
	// MaxBytes of an upload, the form around it included.
	MaxBytes int64
}

// Upload answers POST /v1/files: a form with the parts record.kind, record.id and fileId, each optional, and then file.
func (f *Files) Upload(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	r.Body = http.MaxBytesReader(w, r.Body, f.MaxBytes)
	file, err := f.upload(r)
	if err != nil {
		rest.WriteError(w, r, err)
		return
	}
	write(w, r, &filesv1.UploadFileResponse{File: file})
}

func (f *Files) upload(r *http.Request) (*filesv1.File, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, ErrForm.Because(err)
	}
	head := &filesv1.Upload{Size: -1, RequestId: r.Header.Get(rest.HeaderIdempotencyKey)}
	head.Etag = strings.Trim(r.Header.Get(rest.HeaderIfMatch), `"`)
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, ErrNoFile
		}
		if err != nil {
			return nil, readError(err)
		}
		if part.FormName() == "file" && part.FileName() != "" {
			return f.send(r, head, part)
		}
		if err := describe(head, part); err != nil {
			return nil, err
		}
	}
}

func describe(head *filesv1.Upload, part *multipart.Part) error {
	raw, err := io.ReadAll(io.LimitReader(part, maxPart))
	if err != nil {
		return readError(err)
	}
	value := strings.TrimSpace(string(raw))
	switch part.FormName() {
	case "record.kind", "record.id":
		if head.GetRecord() == nil {
			head.Record = &typev1.Ref{}
		}
		if part.FormName() == "record.kind" {
			head.Record.Kind = value
		} else {
			head.Record.Id = value
		}
	case "fileId":
		head.FileId = value
	default:
		return ErrForm.With("part", part.FormName())
	}
	return nil
}

func (f *Files) send(r *http.Request, head *filesv1.Upload, part *multipart.Part) (*filesv1.File, error) {
	head.Name = part.FileName()
	head.ContentType, _, _ = mime.ParseMediaType(part.Header.Get("Content-Type"))
	stream, err := f.Client.UploadFile(authn.Outgoing(r.Context()))
	if err != nil {
		return nil, err
	}
	err = stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Upload{Upload: head}})
	for buf := make([]byte, chunkSize); err == nil; {
		n, readErr := io.ReadFull(part, buf)
		if n > 0 {
			err = stream.Send(&filesv1.UploadFileRequest{Part: &filesv1.UploadFileRequest_Chunk{Chunk: buf[:n]}})
		}
		if errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF) && n < chunkSize && isEnd(part) {
			break
		}
		if readErr != nil {
			// The stream ends with the request's context, so the service sees an upload that was broken off.
			return nil, readError(readErr)
		}
	}
	// A failed Send says only that the stream has ended; the service's answer says why.
	res, err := stream.CloseAndRecv()
	if err != nil {
		return nil, err
	}
	return res.GetFile(), nil
}

// isEnd tells a part that ended from a body that was cut off: both end a read early.
func isEnd(part *multipart.Part) bool {
	_, err := part.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

func readError(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return ErrForm.Because(err)
}

func write(w http.ResponseWriter, r *http.Request, m proto.Message) {
	raw, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		rest.WriteError(w, r, fmt.Errorf("write answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw)
}
