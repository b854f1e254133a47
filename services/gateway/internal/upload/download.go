package upload

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	"kontor.internal/services/gateway/internal/rest"
)

// part is a message of either download.
type part interface {
	GetFile() *filesv1.File
	GetChunk() []byte
}

// Download answers GET /v1/files/{id}:download, with an access token or with the token of a link. It knows a range
// with one part (RFC 9110), so that a broken download can be taken up again.
func (f *Files) Download(w http.ResponseWriter, r *http.Request, params map[string]string) {
	next, from, err := f.open(r, params["id"])
	if err != nil {
		rest.WriteError(w, r, err)
		return
	}
	first, err := next()
	if err != nil {
		rest.WriteError(w, r, err)
		return
	}
	file := first.GetFile()
	if file == nil {
		rest.WriteError(w, r, apperr.Unavailable("DOWNLOAD_BROKEN", "the file cannot be read now; try again"))
		return
	}
	writeHead(w, file, from)
	for {
		p, err := next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			// The head has gone out. Breaking the connection is the only way left to say that the file is not whole.
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write(p.GetChunk()); err != nil {
			return // the client has gone
		}
	}
}

func writeHead(w http.ResponseWriter, file *filesv1.File, from int64) {
	h := w.Header()
	h.Set("Content-Type", file.GetContentType())
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file.GetName()}))
	// What others uploaded must never run in our origin.
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("ETag", `"`+file.GetSha256()+`"`)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Length", strconv.FormatInt(file.GetSize()-from, 10))
	if from > 0 {
		h.Set("Content-Range", "bytes "+strconv.FormatInt(from, 10)+"-"+strconv.FormatInt(file.GetSize()-1, 10)+
			"/"+strconv.FormatInt(file.GetSize(), 10))
		w.WriteHeader(http.StatusPartialContent)
	}
}

// open starts the download at the wanted offset.
func (f *Files) open(r *http.Request, id string) (next func() (part, error), from int64, err error) {
	ctx := authn.Outgoing(r.Context())
	from = rangeStart(r.Header.Get("Range"))
	if token := r.URL.Query().Get("token"); token != "" {
		s, err := f.Client.DownloadLinkedFile(ctx, &filesv1.DownloadLinkedFileRequest{Id: id, Token: token, Offset: from})
		if err != nil {
			return nil, 0, err
		}
		return func() (part, error) { return s.Recv() }, from, nil
	}
	version, err := contentVersion(r)
	if err != nil {
		return nil, 0, err
	}
	s, err := f.Client.DownloadFile(ctx, &filesv1.DownloadFileRequest{Id: id, ContentVersion: version, Offset: from})
	if err != nil {
		return nil, 0, err
	}
	return func() (part, error) { return s.Recv() }, from, nil
}

func contentVersion(r *http.Request) (int32, error) {
	v := r.URL.Query().Get("contentVersion")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0, (&apperr.Error{
			Code: codes.InvalidArgument, Reason: apperr.ReasonInvalidArgument, Msg: "contentVersion is a whole number",
		}).Because(err)
	}
	return int32(n), nil
}

// rangeStart understands "bytes=N-"; other ranges are answered with the whole file, as RFC 9110 allows.
func rangeStart(header string) int64 {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return 0
	}
	start, rest, ok := strings.Cut(spec, "-")
	if !ok || rest != "" {
		return 0
	}
	n, err := strconv.ParseInt(start, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
