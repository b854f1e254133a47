package api

import (
	"context"
	"errors"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/idem"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/publish"
)

// maxCopies is how many copies an answer names.
const maxCopies = 500

// CopyFiles gives a record copies of the files of another.
func (s *Server) CopyFiles(ctx context.Context, req *filesv1.CopyFilesRequest) (*filesv1.CopyFilesResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	from, err := s.record(ctx, req.GetFrom())
	if err != nil {
		return nil, err
	}
	to, err := s.record(ctx, req.GetTo())
	if err != nil {
		return nil, err
	}
	if from == to {
		return nil, file.ErrSame
	}
	if err := s.Rights.ViewRecord(ctx, from); err != nil {
		return nil, err
	}
	if err := s.Rights.CarryTo(ctx, to); err != nil {
		return nil, err
	}
	var before *idem.Replay // then the copies are there
	if err := s.Store.Copy(ctx, org, from, to); err != nil && !errors.As(err, &before) {
		return nil, err
	}
	copies, err := s.Store.Copies(ctx, org, from, to, maxCopies)
	if err != nil {
		return nil, err
	}
	res := &filesv1.CopyFilesResponse{Files: make([]*filesv1.File, len(copies))}
	for i, f := range copies {
		res.Files[i] = publish.File(f)
	}
	return res, nil
}
