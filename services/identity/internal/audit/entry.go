// Package audit is the audit log (ID-10): who did what, when, from where, in an order that nobody can change unseen.
//
// Entries come from the events of all services and from nothing else, so that nothing is done without one. Those of an
// organisation form a chain: each one's hash covers what it says and the hash before it. The end of the chain is kept
// apart, sealed with a key that is not in the database.
//
//	event ─► Record: class, action, values ─► Chain.Append: place, hash ─► row, sealed head
//	rows  ─► Verifier.Next: the same hashes? no gap? ─► Verifier.End: the sealed head?
//
// What an entry says of fields before and after is not in the chain itself: the chain has its salted hash, so that the
// values can go when the person is erased (decisions 7) and the rest still verifies.
package audit

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"time"

	"github.com/google/uuid"

	"kontor.internal/libs/apperr"
)

// ErrNotFound says that the organisation has no such entry.
var ErrNotFound = apperr.NotFound("AUDIT_ENTRY_NOT_FOUND", "the audit log has no such entry")

// Class is what an entry is about. The numbers are part of what is hashed.
type Class int16

// The classes.
const (
	SignIn Class = iota + 1
	Permission
	Record
	Export
	Playback
	Settings
)

// Entry is one thing that somebody did.
type Entry struct {
	// Organization owns the chain.
	Organization string
	// Sequence is the place in the chain, from 1.
	Sequence int64
	// EventID is the event's, and the entry's name.
	EventID string
	// Type is the full name of the event.
	Type  string
	Class Class
	// Kind, RecordID and Version name the record after it.
	Kind, RecordID string
	Version        int64
	// Action is what was done, such as "created".
	Action string
	// Actor is the user or "service:name".
	Actor string
	// Address is the client's; RequestID what it called the request; TraceID names that in logs.
	Address, RequestID, TraceID string
	// Cause is what led to it.
	Cause string
	// HappenedAt is when it was done, RecordedAt when the log took it down; both to the microsecond.
	HappenedAt, RecordedAt time.Time
	// Salt and Payload are the values, an encoded message of Type; nil once they are erased.
	Salt, Payload []byte
	// ValuesHash is what stays of them.
	ValuesHash []byte
	// Hash chains the entry.
	Hash []byte
}

// format begins what is hashed, so that another format cannot be taken for this one.
const format = "kontor.audit.1"

// saltSize is in bytes.
const saltSize = 16

// hashValues is SHA-256 of salt, type and payload.
func hashValues(h hash.Hash, e *Entry) []byte {
	h.Reset()
	h.Write(e.Salt)
	h.Write(e.Payload)
	return h.Sum(nil)
}

// appendCanonical appends what is hashed of an entry: the format, then each field in the order of this function; numbers
// and times (microseconds since 1970) as eight bytes, big end first, IDs as their sixteen bytes, texts as their length
// in four bytes and then UTF-8, hashes as they are. docs/audit.md says the same for those who check with a program of
// their own.
func appendCanonical(b []byte, e *Entry) ([]byte, error) {
	b = appendText(b, format)
	for _, id := range []string{e.Organization, e.EventID, e.RecordID} {
		u, err := uuid.Parse(id)
		if err != nil {
			return nil, fmt.Errorf("entry of event %s: %w", e.EventID, err)
		}
		b = append(b, u[:]...)
	}
	for _, n := range []int64{e.Sequence, int64(e.Class), e.Version, e.HappenedAt.UnixMicro(), e.RecordedAt.UnixMicro()} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, s := range []string{e.Type, e.Kind, e.Action, e.Actor, e.Address, e.RequestID, e.TraceID, e.Cause} {
		b = appendText(b, s)
	}
	return append(b, e.ValuesHash...), nil
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// link is the hash of an entry that follows the one with the hash before.
func link(h hash.Hash, before, canonical []byte) []byte {
	h.Reset()
	h.Write(before)
	h.Write(canonical)
	return h.Sum(nil)
}

// beginning is what the first entry of a chain follows.
func beginning() []byte { return make([]byte, sha256.Size) }

// Head is the end of a chain.
type Head struct {
	Sequence int64
	Hash     []byte
	// Seal proves that the suite wrote it.
	Seal []byte
}

// Key seals heads. It is made from the installation's secret, which is not in the database.
type Key struct{ key []byte }

// NewKey derives the key.
func NewKey(secret string) (Key, error) {
	k, err := hkdf.Key(sha256.New, []byte(secret), nil, "kontor/identity/audit heads", sha256.Size)
	if err != nil {
		return Key{}, fmt.Errorf("derive key of audit heads: %w", err)
	}
	return Key{k}, nil
}

// Seal returns the seal of an organisation's head.
func (k Key) Seal(org string, sequence int64, sum []byte) []byte {
	mac := hmac.New(sha256.New, k.key)
	b := appendText(appendText(nil, format+" head"), org)
	b = binary.BigEndian.AppendUint64(b, uint64(sequence))
	mac.Write(append(b, sum...))
	return mac.Sum(nil)
}

// Sealed reports whether the suite wrote the head.
func (k Key) Sealed(org string, h *Head) bool {
	return hmac.Equal(h.Seal, k.Seal(org, h.Sequence, h.Hash))
}
