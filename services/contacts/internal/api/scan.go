package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/id"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/mergework"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// DuplicatePairs knows what scans have found.
type DuplicatePairs interface {
	Duplicates(ctx context.Context, c record.Caller, q store.Pairs) ([]store.Pair, error)
	LatestScan(ctx context.Context, org string, kind record.Kind) (string, error)
	Dismiss(ctx context.Context, c record.Caller, kind record.Kind, a, b string, undo bool) (bool, error)
}

// Failures of lists of duplicates.
var (
	errDuplicateNotFound = apperr.NotFound("DUPLICATE_NOT_FOUND", "the last scan has not found these two; they are not listed as duplicates")
	errPageToken         = apperr.Invalid("INVALID_PAGE_TOKEN", "page_token is not one of this list; begin at the first page")
)

// Sizes of pages of duplicates.
const (
	usualPairs = 50
	mostPairs  = 200
)

// ScanDuplicates see the contract.
func (s *duplicatesServer) ScanDuplicates(
	ctx context.Context, req *contactsv1.ScanDuplicatesRequest,
) (*contactsv1.ScanDuplicatesResponse, error) {
	opID, err := s.Duplicates.Scan(ctx, record.Kind(req.GetKind()))
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, authn.MustFrom(ctx).OrganizationID, opID)
	if err != nil {
		return nil, err
	}
	return &contactsv1.ScanDuplicatesResponse{Operation: op}, nil
}

// ListDuplicates see the contract.
func (s *duplicatesServer) ListDuplicates(
	ctx context.Context, req *contactsv1.ListDuplicatesRequest,
) (*contactsv1.ListDuplicatesResponse, error) {
	kind := record.Kind(req.GetKind())
	size := int(req.GetPageSize())
	if size == 0 {
		size = usualPairs
	}
	size = min(size, mostPairs)
	q := store.Pairs{
		Kind: kind, MinScore: req.GetMinScore(), Reason: req.GetReason(), Dismissed: req.GetDismissed(), Limit: size + 1,
	}
	if req.GetPageToken() != "" {
		raw, err := base64.RawURLEncoding.DecodeString(req.GetPageToken())
		if err == nil {
			err = json.Unmarshal(raw, &q.After)
		}
		if err != nil || q.After == nil || !id.Valid(q.After.FirstID) || !id.Valid(q.After.SecondID) {
			return nil, errPageToken
		}
	}
	found, err := s.Duplicates.Found.Duplicates(ctx, s.viewer(ctx, kind), q)
	if err != nil {
		return nil, err
	}
	res := &contactsv1.ListDuplicatesResponse{}
	if res.Scan, err = s.latestScan(ctx, kind); err != nil {
		return nil, err
	}
	if len(found) > size {
		found = found[:size]
		last := found[size-1]
		raw, err := json.Marshal(store.Pair{FirstID: last.FirstID, SecondID: last.SecondID, Score: last.Score})
		if err != nil {
			return nil, err
		}
		res.NextPageToken = base64.RawURLEncoding.EncodeToString(raw)
	}
	for _, p := range found {
		res.Pairs = append(res.Pairs, &contactsv1.DuplicatePair{
			Records: []*typev1.Ref{{Kind: string(kind), Id: p.FirstID}, {Kind: string(kind), Id: p.SecondID}}, Score: p.Score, Reasons: p.Reasons,
		})
	}
	return res, nil
}

// latestScan is the operation of the latest scan; nil if there was none.
func (s *duplicatesServer) latestScan(ctx context.Context, kind record.Kind) (*operationv1.Operation, error) {
	org := authn.MustFrom(ctx).OrganizationID
	opID, err := s.Duplicates.Found.LatestScan(ctx, org, kind)
	if err != nil || opID == "" {
		return nil, err
	}
	return s.Operations.Load(ctx, org, opID)
}

// MergeDuplicates see the contract.
func (s *duplicatesServer) MergeDuplicates(
	ctx context.Context, req *contactsv1.MergeDuplicatesRequest,
) (*contactsv1.MergeDuplicatesResponse, error) {
	kind := record.Kind(req.GetKind())
	if _, err := s.mergeRights(ctx, kind); err != nil {
		return nil, err
	}
	opID, err := s.Duplicates.Merge(ctx, mergework.Request{
		Kind: kind, MinScore: req.GetMinScore(), Reason: req.GetReason(), DryRun: req.GetDryRun(),
	})
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, authn.MustFrom(ctx).OrganizationID, opID)
	if err != nil {
		return nil, err
	}
	return &contactsv1.MergeDuplicatesResponse{Operation: op}, nil
}

// DismissDuplicate see the contract.
func (s *duplicatesServer) DismissDuplicate(
	ctx context.Context, req *contactsv1.DismissDuplicateRequest,
) (*contactsv1.DismissDuplicateResponse, error) {
	kind := record.Kind(req.GetKind())
	if authz.For(ctx, string(kind), optionsv1.Action_ACTION_UPDATE).None() {
		return nil, authz.ErrNotPermitted
	}
	found, err := s.Duplicates.Found.Dismiss(ctx, s.viewer(ctx, kind), kind,
		strings.ToLower(req.GetIds()[0]), strings.ToLower(req.GetIds()[1]), req.GetUndo())
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errDuplicateNotFound
	}
	return &contactsv1.DismissDuplicateResponse{}, nil
}
