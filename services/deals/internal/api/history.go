package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/deals/internal/publish"
)

// Page of history.
const (
	historySize    = 50
	maxHistorySize = 500
)

// GetDealHistory see the contract.
func (s *Server) GetDealHistory(ctx context.Context, req *dealsv1.GetDealHistoryRequest) (*dealsv1.GetDealHistoryResponse, error) {
	c := caller(ctx)
	d, err := s.Deals.Get(ctx, c, req.GetId())
	if err != nil {
		return nil, err
	}
	size := historySize
	if req.GetPageSize() > 0 {
		size = min(int(req.GetPageSize()), maxHistorySize)
	}
	before, err := historyToken(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	evs, err := s.DB.History(ctx, c.OrganizationID, publish.KindDeal, d.ID, before, size+1)
	if err != nil {
		return nil, err
	}
	out := &dealsv1.GetDealHistoryResponse{}
	if len(evs) > size {
		evs = evs[:size]
		out.NextPageToken = base64.RawURLEncoding.EncodeToString(strconv.AppendInt([]byte("v"), evs[size-1].Version, 10))
	}
	for _, ev := range evs {
		e, err := historyEntry(ev)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, e)
	}
	return out, nil
}

// historyToken returns the version below which the page begins, 0 for the first page.
func historyToken(token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, aip.ErrPageToken.Because(err)
	}
	v, err := strconv.ParseInt(strings.TrimPrefix(string(raw), "v"), 10, 64)
	if err != nil || v < 1 {
		return 0, aip.ErrPageToken
	}
	return v, nil
}

// What the messages of events may have.
type (
	withPrevious interface {
		GetDeal() *dealsv1.Deal
		GetPrevious() *dealsv1.Deal
		GetUpdateMask() *fieldmaskpb.FieldMask
	}
	withChange interface{ GetChange() *dealsv1.StageChange }
)

func historyEntry(ev event.Event) (*dealsv1.HistoryEntry, error) {
	m, err := publish.Decode(ev)
	if err != nil {
		return nil, err
	}
	e := &dealsv1.HistoryEntry{
		Version: ev.Version, Type: ev.Type[strings.LastIndexByte(ev.Type, '.')+1:],
		HappenTime: timestamppb.New(ev.HappenedAt), UserId: ev.Actor, Cause: ev.Cause,
	}
	if ev.EffectiveAt != nil {
		e.EffectiveTime = timestamppb.New(*ev.EffectiveAt)
	}
	if c, ok := m.(withChange); ok {
		e.StageChange = c.GetChange()
	}
	if u, ok := m.(withPrevious); ok {
		if e.Changes, err = changes(u); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// changes compares the fields by their JSON form, so that a new field of a deal needs nothing here.
func changes(u withPrevious) ([]*dealsv1.FieldChange, error) {
	before, err := asJSON(u.GetPrevious())
	if err != nil {
		return nil, err
	}
	after, err := asJSON(u.GetDeal())
	if err != nil {
		return nil, err
	}
	var out []*dealsv1.FieldChange
	for _, path := range u.GetUpdateMask().GetPaths() {
		out = append(out, &dealsv1.FieldChange{
			Field: path, OldValue: before.GetFields()[path], NewValue: after.GetFields()[path],
		})
	}
	return out, nil
}

func asJSON(m proto.Message) (*structpb.Struct, error) {
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	out := &structpb.Struct{}
	if err := protojson.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return out, nil
}
