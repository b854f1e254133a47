// Package api is the face of files: it turns requests into commands and answers into messages.
package api

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/blob"
	"kontor.internal/libs/clock"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/publish"
	"kontor.internal/services/files/internal/rights"
	"kontor.internal/services/files/internal/store"
)

// Server implements the service.
type Server struct {
	filesv1.UnimplementedFilesServiceServer

	Store  *store.Store
	Blobs  *blob.Store
	Links  blob.Links
	Rights *rights.Rights
	// MaxSize of a content in bytes.
	MaxSize int64
	Clock   clock.Clock
}

// Register puts the service on a server.
func (s *Server) Register(to grpc.ServiceRegistrar) { filesv1.RegisterFilesServiceServer(to, s) }

// record is the one that a reference names or, if that was merged into another, the one that it is part of now. Rights
// are those of this one.
func (s *Server) record(ctx context.Context, r *typev1.Ref) (file.Record, error) {
	if r.GetKind() == "" && r.GetId() == "" {
		return file.Record{}, nil
	}
	return s.Store.Current(ctx, authn.MustFrom(ctx).OrganizationID, file.Record{Kind: r.GetKind(), ID: strings.ToLower(r.GetId())})
}

// seen returns a file that the caller sees.
func (s *Server) seen(ctx context.Context, id string) (*file.File, error) {
	f, err := s.Store.Get(ctx, authn.MustFrom(ctx).OrganizationID, id)
	if err != nil {
		return nil, err
	}
	return f, s.Rights.View(ctx, f)
}

// GetFile returns a file's properties.
func (s *Server) GetFile(ctx context.Context, req *filesv1.GetFileRequest) (*filesv1.GetFileResponse, error) {
	f, err := s.seen(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &filesv1.GetFileResponse{File: publish.File(f)}, nil
}

// of says which files a list is of, having checked that the caller sees the record.
func (s *Server) of(ctx context.Context, r *typev1.Ref, deleted bool) (store.Of, error) {
	rec, err := s.record(ctx, r)
	if err != nil {
		return store.Of{}, err
	}
	of := store.Of{Record: rec, Uploader: authn.MustFrom(ctx).UserID, Deleted: deleted}
	if of.Record.None() {
		return of, nil
	}
	return of, s.Rights.ViewRecord(ctx, of.Record)
}

// ListFiles pages through the files of a record, or the caller's own.
func (s *Server) ListFiles(ctx context.Context, req *filesv1.ListFilesRequest) (*filesv1.ListFilesResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	of, err := s.of(ctx, req.GetRecord(), req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	l, err := store.Schema().List(req, org, of.Record.Kind, of.Record.ID, of.Uploader, strconv.FormatBool(of.Deleted))
	if err != nil {
		return nil, err
	}
	all, next, err := s.Store.List(ctx, org, l, of)
	if err != nil {
		return nil, err
	}
	res := &filesv1.ListFilesResponse{NextPageToken: next}
	for _, f := range all {
		res.Files = append(res.Files, publish.File(f))
	}
	return res, nil
}

// filterOnly is a list request that only filters.
type filterOnly struct{ filter string }

func (f filterOnly) GetFilter() string  { return f.filter }
func (filterOnly) GetOrderBy() string   { return "" }
func (filterOnly) GetPageSize() int32   { return 0 }
func (filterOnly) GetPageToken() string { return "" }

// CountFiles counts files.
func (s *Server) CountFiles(ctx context.Context, req *filesv1.CountFilesRequest) (*filesv1.CountFilesResponse, error) {
	of, err := s.of(ctx, req.GetRecord(), req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	l, err := store.Schema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.Count(ctx, authn.MustFrom(ctx).OrganizationID, l, of)
	if err != nil {
		return nil, err
	}
	return &filesv1.CountFilesResponse{Count: int32(n), More: more}, nil
}

// ListFileVersions returns the contents that a file has had.
func (s *Server) ListFileVersions(ctx context.Context, req *filesv1.ListFileVersionsRequest) (*filesv1.ListFileVersionsResponse, error) {
	size := int(req.GetPageSize())
	if size == 0 {
		size = 50
	}
	size = min(size, 500)
	before, err := versionToken(req.GetPageToken(), req.GetId())
	if err != nil {
		return nil, err
	}
	f, err := s.seen(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	all, err := s.Store.Versions(ctx, authn.MustFrom(ctx).OrganizationID, f.ID, before, size+1)
	if err != nil {
		return nil, err
	}
	res := &filesv1.ListFileVersionsResponse{}
	if len(all) > size {
		all = all[:size]
		res.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(f.ID + "/" + strconv.Itoa(int(all[size-1].Number))))
	}
	for _, v := range all {
		res.Versions = append(res.Versions, &filesv1.FileVersion{
			Number: v.Number, ContentType: v.Content.Type, Size: v.Content.Size, Sha256: v.Content.SHA256, UploaderId: v.UploaderID,
			CreateTime: publish.Time(v.CreatedAt),
		})
	}
	return res, nil
}

// versionToken reads a page token of this file's versions.
func versionToken(token, id string) (int32, error) {
	if token == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, aip.ErrPageToken
	}
	rest, ok := strings.CutPrefix(string(raw), id+"/")
	n, err := strconv.ParseInt(rest, 10, 32)
	if err != nil || !ok || n < 1 {
		return 0, aip.ErrPageToken
	}
	return int32(n), nil
}

// UpdateFile renames, attaches or detaches a file.
func (s *Server) UpdateFile(ctx context.Context, req *filesv1.UpdateFileRequest) (*filesv1.UpdateFileResponse, error) {
	in := req.GetFile()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, "name", "record")
	if err != nil {
		return nil, err
	}
	to, err := s.record(ctx, in.GetRecord())
	if err != nil {
		return nil, err
	}
	if mask.Has("record") && !to.None() {
		if err := s.Rights.ChangeRecord(ctx, to); err != nil {
			return nil, err
		}
	}
	p, err := s.update(ctx, req.GetId(), in.GetEtag(), func(f *file.File) (file.Event, error) {
		return f.Change(func(f *file.File) {
			if mask.Has("name") {
				f.Name = in.GetName()
			}
			if mask.Has("record") {
				f.Record = to
			}
		})
	})
	if err != nil {
		return nil, err
	}
	return &filesv1.UpdateFileResponse{File: p}, nil
}

// update changes a file that the caller may change.
func (s *Server) update(ctx context.Context, id, etag string, fn func(*file.File) (file.Event, error)) (*filesv1.File, error) {
	org := authn.MustFrom(ctx).OrganizationID
	version, err := aip.Version(etag)
	if err != nil {
		return nil, err
	}
	before, err := s.Store.Get(ctx, org, id)
	if err != nil {
		return nil, err
	}
	if err := s.Rights.Change(ctx, before); err != nil {
		return nil, err
	}
	f, err := s.Store.Update(ctx, org, id, version, func(f *file.File) (file.Event, error) {
		if f.Record != before.Record {
			return nil, file.ErrStale // hung elsewhere since we looked whether the caller may
		}
		return fn(f)
	})
	if p, ok := s.Store.Replayed(ctx, org, err); ok {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	return publish.File(f), nil
}

// DeleteFile puts a file into the bin.
func (s *Server) DeleteFile(ctx context.Context, req *filesv1.DeleteFileRequest) (*filesv1.DeleteFileResponse, error) {
	p, err := s.update(ctx, req.GetId(), req.GetEtag(), func(f *file.File) (file.Event, error) { return f.Delete(s.Clock.Now().UTC()) })
	if err != nil {
		return nil, err
	}
	return &filesv1.DeleteFileResponse{File: p}, nil
}

// UndeleteFile takes a file out of the bin.
func (s *Server) UndeleteFile(ctx context.Context, req *filesv1.UndeleteFileRequest) (*filesv1.UndeleteFileResponse, error) {
	p, err := s.update(ctx, req.GetId(), req.GetEtag(), func(f *file.File) (file.Event, error) { return f.Restore(s.Clock.Now().UTC()) })
	if err != nil {
		return nil, err
	}
	return &filesv1.UndeleteFileResponse{File: p}, nil
}

// linkTime is for how long a link works if the caller does not say.
const linkTime = time.Hour

// CreateDownloadLink makes a link for whoever holds it.
func (s *Server) CreateDownloadLink(ctx context.Context, req *filesv1.CreateDownloadLinkRequest) (*filesv1.CreateDownloadLinkResponse, error) {
	f, err := s.seen(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	if !f.DeletedAt.IsZero() {
		return nil, file.ErrNotFound
	}
	life := linkTime
	if req.GetLifetimeSeconds() > 0 {
		life = time.Duration(req.GetLifetimeSeconds()) * time.Second
	}
	expires := s.Clock.Now().Add(life).Truncate(time.Second)
	what := strings.Join([]string{authn.MustFrom(ctx).OrganizationID, f.ID, strconv.Itoa(int(f.ContentVersion))}, "/")
	return &filesv1.CreateDownloadLinkResponse{
		Path: "/v1/files/" + f.ID + ":download?token=" + s.Links.Sign(what, expires), ExpireTime: publish.Time(expires),
	}, nil
}
