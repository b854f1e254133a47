// Package history shows what happened to a record, from the record's events alone: every event has the record as it was
// afterwards in its first field, so what changed is what differs from the event before.
package history

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// Request asks for a page of a record's history. The Get…HistoryRequest messages of the API are such.
type Request interface {
	GetId() string
	GetPageSize() int32
	GetPageToken() string
}

const (
	size    = 50
	maxSize = 500
)

// Page returns a page of a record's history, newest first, and the token of the next, which is empty on the last. read
// returns the record's events below version before (0: from the newest), newest first, at most limit, having checked
// that the caller sees the record. Page returns aip.ErrPageToken for a token that is not one of this record.
func Page(req Request, read func(before int64, limit int) ([]event.Event, error)) ([]*typev1.HistoryEntry, string, error) {
	before, err := version(req.GetPageToken(), req.GetId())
	if err != nil {
		return nil, "", err
	}
	n := size
	if req.GetPageSize() > 0 {
		n = min(int(req.GetPageSize()), maxSize)
	}
	// One more than is shown: what the oldest entry changed shows against the event before.
	evs, err := read(before, n+1)
	if err != nil {
		return nil, "", err
	}
	shown := min(len(evs), n)
	entries := make([]*typev1.HistoryEntry, shown)
	var after protoreflect.Message
	for i := range evs {
		rec, err := record(&evs[i])
		if err != nil {
			return nil, "", err
		}
		if i > 0 {
			if entries[i-1].Changes, err = changes(rec, after); err != nil {
				return nil, "", err
			}
		}
		if i < shown {
			entries[i], after = entry(&evs[i]), rec
		}
	}
	switch {
	case len(evs) > n:
		return entries, token(req.GetId(), evs[n-1].Version), nil
	case shown > 0: // the record's first event
		entries[shown-1].Changes, err = changes(after.Type().Zero(), after)
	}
	return entries, "", err
}

func token(recordID string, version int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.ToLower(recordID) + "/" + strconv.FormatInt(version, 10)))
}

// version returns the version below which the page begins, 0 for the first page.
func version(token, recordID string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, aip.ErrPageToken.Because(err)
	}
	rest, ok := strings.CutPrefix(string(raw), strings.ToLower(recordID)+"/")
	v, err := strconv.ParseInt(rest, 10, 64)
	if !ok || err != nil || v < 1 {
		return 0, aip.ErrPageToken
	}
	return v, nil
}

func entry(ev *event.Event) *typev1.HistoryEntry {
	e := &typev1.HistoryEntry{
		Id: ev.ID, Version: ev.Version, Type: ev.Type, HappenTime: timestamppb.New(ev.HappenedAt), Cause: ev.Cause,
	}
	if id.Valid(ev.Actor) { // a service has another name
		e.UserId = ev.Actor
	}
	if ev.EffectiveAt != nil {
		e.EffectiveTime = timestamppb.New(*ev.EffectiveAt)
	}
	return e
}

// record returns the record after the event. What else an event tells is not for everyone who may see the record.
func record(ev *event.Event) (protoreflect.Message, error) {
	typ, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(ev.Type))
	if err != nil {
		return nil, fmt.Errorf("history: event type %s: %w", ev.Type, err)
	}
	field := typ.Descriptor().Fields().ByNumber(1)
	if field == nil || field.Message() == nil || field.IsList() || field.IsMap() {
		return nil, fmt.Errorf("history: the first field of %s is no record", ev.Type)
	}
	m := typ.New()
	// Fields of a newer version are left out: they have no names here.
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(ev.Payload, m.Interface()); err != nil {
		return nil, fmt.Errorf("history: event %s: %w", ev.ID, err)
	}
	return m.Get(field).Message(), nil
}

// upkeep are fields that change with every version, or never.
func upkeep(name protoreflect.Name) bool {
	switch name {
	case "id", "etag", "create_time", "update_time":
		return true
	}
	return false
}

// changes returns the fields that differ, in the order of the record's definition.
func changes(before, after protoreflect.Message) ([]*typev1.FieldChange, error) {
	var fields []protoreflect.FieldDescriptor
	all := after.Descriptor().Fields()
	for i := range all.Len() {
		f := all.Get(i)
		if upkeep(f.Name()) || before.Has(f) == after.Has(f) && (!after.Has(f) || before.Get(f).Equal(after.Get(f))) {
			continue
		}
		fields = append(fields, f)
	}
	if len(fields) == 0 {
		return nil, nil
	}
	was, err := asJSON(before)
	if err != nil {
		return nil, err
	}
	is, err := asJSON(after)
	if err != nil {
		return nil, err
	}
	out := make([]*typev1.FieldChange, len(fields))
	for i, f := range fields {
		out[i] = &typev1.FieldChange{Field: string(f.Name()), OldValue: was[f.JSONName()], NewValue: is[f.JSONName()]}
	}
	return out, nil
}

func asJSON(m protoreflect.Message) (map[string]*structpb.Value, error) {
	b, err := protojson.Marshal(m.Interface())
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	out := &structpb.Struct{}
	if err := protojson.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return out.GetFields(), nil
}
