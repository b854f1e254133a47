// Package event is what is told when a record has changed: the value that a write appends to the permanent event table,
// that the relay publishes and that consumers apply.
//
// The event table is the history of a service (decisions 1): it is only appended to, it answers as-of reads, and every
// consumer can be rebuilt from it. An event carries the record after the change in the first field of its message, and
// the record's version: one version, one event, so that a consumer can drop what it has already applied.
package event

import (
	"fmt"
	"hash/fnv"
	"time"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/id"
)

// Slices is the number of relays that share an outbox; the key's hash chooses one. It is stored with every outbox
// row, so changing it needs an empty outbox.
const Slices = 4

// Event is one change of one record.
type Event struct {
	// ID is unique; a repeated delivery has the same one.
	ID string
	// Organization owns the record. The write fills it in.
	Organization string
	// Kind and RecordID name the record, such as "deal".
	Kind, RecordID string
	// Version is the record's version after the change.
	Version int64
	// Type is the full name of the message in Payload, such as "kontor.deals.v1.DealMoved".
	Type string
	// Topic is where the event is published.
	Topic string
	// HappenedAt is when we learnt of it. The write fills it in when it is zero.
	HappenedAt time.Time
	// EffectiveAt is when it took place, if that is known and differs: imports and corrections (decisions 5).
	EffectiveAt *time.Time
	// Actor is the user, or the service if no user was behind it. The write fills it in.
	Actor string
	// Cause is what led to it: a rule, an import, the ID of the event that was answered. Empty for a user's own act.
	Cause string
	// Responsible and PreviousResponsible are users, for the filtering of streams; empty if nobody.
	Responsible, PreviousResponsible string
	// TraceParent is the W3C trace context of the write.
	TraceParent string
	// Address is where the client was whose request made the write; empty if none did. The write fills it in.
	Address string
	// RequestID is what that request called itself to be told from others (decisions 15). The write fills it in.
	RequestID string
	// Payload is the encoded message.
	Payload []byte

	err error // why the message could not be encoded; reported by Check
}

// Option adds what only some events have.
type Option func(*Event)

// Effective says when it took place. A nil time changes nothing.
func Effective(at *time.Time) Option { return func(e *Event) { e.EffectiveAt = at } }

// Happened says when we learnt of it, for writers that know better than the clock.
func Happened(at time.Time) Option { return func(e *Event) { e.HappenedAt = at } }

// Responsible names who answers for the record now and who did before.
func Responsible(now, previous string) Option {
	return func(e *Event) { e.Responsible, e.PreviousResponsible = now, previous }
}

// Cause says what led to the change.
func Cause(cause string) Option { return func(e *Event) { e.Cause = cause } }

// Actor says who did it where that is not the caller.
func Actor(actor string) Option { return func(e *Event) { e.Actor = actor } }

// Address says where it was done from where that is not the caller's address.
func Address(address string) Option { return func(e *Event) { e.Address = address } }

// New returns the event that msg tells of. A message that cannot be encoded makes the write fail.
func New(topic, kind, recordID string, version int64, msg proto.Message, opts ...Option) Event {
	e := Event{
		ID: id.New(), Kind: kind, RecordID: recordID, Version: version, Topic: topic,
		Type: string(msg.ProtoReflect().Descriptor().FullName()),
	}
	if e.Payload, e.err = proto.Marshal(msg); e.err != nil {
		e.err = fmt.Errorf("encode event %s: %w", e.Type, e.err)
	}
	if e.Payload == nil {
		e.Payload = []byte{}
	}
	for _, o := range opts {
		o(&e)
	}
	return e
}

// Check returns an error if the event cannot be stored.
func (e *Event) Check() error {
	switch {
	case e.err != nil:
		return e.err
	case e.ID == "" || e.Kind == "" || e.Topic == "" || e.Type == "":
		return fmt.Errorf("event %q lacks its ID, kind, topic or type", e.Type)
	case !id.Valid(e.RecordID):
		return fmt.Errorf("event %s: record ID %q is not a UUID", e.Type, e.RecordID)
	}
	return nil
}

// Key orders events: those of one key are delivered in the order they were written.
func (e *Event) Key() string { return e.Organization + "/" + e.Kind + "/" + e.RecordID }

// Slice is the relay that publishes the event. Where the number of partitions is a multiple of Slices, each slice has
// partitions of its own, so that what it publishes at once goes to few of them.
func (e *Event) Slice() int16 {
	return int16(spread(e.Key()) % Slices)
}

// Partition is where a topic of n partitions holds the event.
func (e *Event) Partition(n int) int { return Partition(e.Key(), n) }

// Partition is where a topic of n partitions holds key.
func Partition(key string, n int) int {
	return int(spread(key)) % n
}

// spread is where a key stands among all. The low bits of the hash of keys that differ at their end alone are less
// evenly spread than those above.
func spread(key string) uint32 { return Hash(key) >> 8 }

// Hash is the 32-bit FNV-1a hash of key.
func Hash(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return h.Sum32()
}
