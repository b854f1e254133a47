package publish

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kontor.internal/libs/event"
	"kontor.internal/services/contacts/internal/record"
)

// names of the kinds in the names of messages.
var names = map[record.Kind]string{record.Contact: "Contact", record.Company: "Company", record.Lead: "Lead"} //nolint:gochecknoglobals // A table.

// Joined returns the event that others were merged into a record, or that this was undone. The messages are the record's.
func Joined(
	kind record.Kind, undone bool, before, after proto.Message, was, now *record.Meta, mergeID string, ids []string,
) (event.Event, error) {
	suffix := "Merged"
	if undone {
		suffix = "MergeUndone"
	}
	m, err := message(kind, suffix, after, mergeID, 4)
	if err != nil {
		return event.Event{}, err
	}
	f := m.Descriptor().Fields()
	if mask, previous := diff(before, after); mask != nil {
		m.Set(f.ByNumber(2), protoreflect.ValueOfMessage(previous.ProtoReflect()))
		m.Set(f.ByNumber(3), protoreflect.ValueOfMessage(mask.ProtoReflect()))
	}
	list := m.Mutable(f.ByNumber(5)).List()
	for _, id := range ids {
		list.Append(protoreflect.ValueOfString(id))
	}
	previous := was.ResponsibleID
	if previous == now.ResponsibleID {
		previous = ""
	}
	return event.New(Topic, string(kind), now.ID, now.Version, m.Interface(), event.Responsible(now.ResponsibleID, previous),
		event.Cause(MergeCause(mergeID))), nil
}

// Parted returns the event that a record became part of another, or that it is one of its own again.
func Parted(kind record.Kind, restored bool, rec proto.Message, now *record.Meta, mergeID, other string) (event.Event, error) {
	suffix := "MergedAway"
	if restored {
		suffix = "Restored"
	}
	m, err := message(kind, suffix, rec, mergeID, 2)
	if err != nil {
		return event.Event{}, err
	}
	m.Set(m.Descriptor().Fields().ByNumber(3), protoreflect.ValueOfString(other))
	return event.New(Topic, string(kind), now.ID, now.Version, m.Interface(), event.Responsible(now.ResponsibleID, ""),
		event.Cause(MergeCause(mergeID))), nil
}

// MergeCause is how events name the merge that led to them.
func MergeCause(mergeID string) string { return "merge/" + mergeID }

// message makes a message of merge_events.proto with its record and its merge.
func message(kind record.Kind, suffix string, rec proto.Message, mergeID string, number protoreflect.FieldNumber) (protoreflect.Message, error) {
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("kontor.contacts.v1." + names[kind] + suffix))
	if err != nil {
		return nil, fmt.Errorf("event of a merge: %w", err)
	}
	m := t.New()
	f := m.Descriptor().Fields()
	m.Set(f.ByNumber(1), protoreflect.ValueOfMessage(rec.ProtoReflect()))
	m.Set(f.ByNumber(number), protoreflect.ValueOfString(mergeID))
	return m, nil
}
