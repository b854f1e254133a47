package api

import (
	"context"

	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/record"
)

// Tags tells which tags are in use.
type Tags interface {
	Tags(ctx context.Context, c record.Caller, kind record.Kind, beginning string, limit int) ([]string, error)
}

// tagsServer serves TagsService.
type tagsServer struct {
	contactsv1.UnimplementedTagsServiceServer
	*Server

	store Tags
}

// Sizes of pages of tags.
const usualTags, mostTags = 20, 100

func (s *tagsServer) list(ctx context.Context, kind record.Kind, beginning string, size int32) ([]string, error) {
	if size == 0 {
		size = usualTags
	}
	return s.store.Tags(ctx, s.caller(ctx, kind), kind, beginning, int(min(size, mostTags)))
}

// ListContactTags see the contract.
func (s *tagsServer) ListContactTags(ctx context.Context, req *contactsv1.ListContactTagsRequest) (*contactsv1.ListContactTagsResponse, error) {
	tags, err := s.list(ctx, record.Contact, req.GetBeginning(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	return &contactsv1.ListContactTagsResponse{Tags: tags}, nil
}

// ListCompanyTags see the contract.
func (s *tagsServer) ListCompanyTags(ctx context.Context, req *contactsv1.ListCompanyTagsRequest) (*contactsv1.ListCompanyTagsResponse, error) {
	tags, err := s.list(ctx, record.Company, req.GetBeginning(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	return &contactsv1.ListCompanyTagsResponse{Tags: tags}, nil
}

// ListLeadTags see the contract.
func (s *tagsServer) ListLeadTags(ctx context.Context, req *contactsv1.ListLeadTagsRequest) (*contactsv1.ListLeadTagsResponse, error) {
	tags, err := s.list(ctx, record.Lead, req.GetBeginning(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	return &contactsv1.ListLeadTagsResponse{Tags: tags}, nil
}
