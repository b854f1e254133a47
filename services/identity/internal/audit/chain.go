package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Append gives entries their places after head, and their hashes, in their order. It returns the new head, sealed. The
// caller holds the organisation's head, so that nobody else appends.
func Append(k Key, org string, head *Head, entries []Entry, now time.Time) (*Head, error) {
	salts := make([]byte, saltSize*len(entries))
	if _, err := rand.Read(salts); err != nil {
		return nil, fmt.Errorf("salt: %w", err)
	}
	h := sha256.New()
	next := &Head{Sequence: head.Sequence, Hash: head.Hash}
	if next.Sequence == 0 {
		next.Hash = beginning()
	}
	var canonical []byte
	for i := range entries {
		e := &entries[i]
		next.Sequence++
		e.Organization, e.Sequence = org, next.Sequence
		e.RecordedAt, e.HappenedAt = now.UTC().Truncate(time.Microsecond), e.HappenedAt.UTC().Truncate(time.Microsecond)
		e.Salt = salts[i*saltSize : (i+1)*saltSize : (i+1)*saltSize]
		if e.Payload == nil {
			e.Payload = []byte{}
		}
		e.ValuesHash = hashValues(h, e)
		var err error
		if canonical, err = appendCanonical(canonical[:0], e); err != nil {
			return nil, err
		}
		e.Hash = link(h, next.Hash, canonical)
		next.Hash = e.Hash
	}
	next.Seal = k.Seal(org, next.Sequence, next.Hash)
	return next, nil
}

// Reason is in which way a log is not what was written. The numbers are those of the API.
type Reason int

// The reasons.
const (
	Altered Reason = iota + 1
	Missing
	ValuesMissing
	BadHead
	BadAnchor
)

// Problem is the first thing that is wrong with a log.
type Problem struct {
	Sequence int64
	Reason   Reason
	Text     string
}

// Anchor is a place in the chain and the hash that stood there when somebody noted it down.
type Anchor struct {
	Sequence int64
	Hash     string // hexadecimal
}

// Verifier checks a chain, entry by entry.
type Verifier struct {
	org     string
	head    *Head
	anchors map[int64]string
	// next is the place of the entry to come, before the hash of the one before.
	next   int64
	before []byte
	// Checked and Erased are numbers of entries.
	Checked, Erased int64
	// unexplained are records whose values are gone, with the first place, until an entry says that they were erased.
	unexplained map[string]int64
}

// NewVerifier returns a verifier of an organisation's chain from its beginning. The head is what the database has, nil if
// it has none.
func NewVerifier(org string, head *Head, anchors []Anchor) *Verifier {
	v := &Verifier{
		org: org, head: head, next: 1, before: beginning(),
		anchors: make(map[int64]string, len(anchors)), unexplained: map[string]int64{},
	}
	for _, a := range anchors {
		v.anchors[a.Sequence] = a.Hash
	}
	return v
}

// After makes the verifier go on after an entry that was checked before.
func (v *Verifier) After(sequence int64, hash []byte) { v.next, v.before = sequence+1, hash }

// Last is the entry that was checked last.
func (v *Verifier) Last() Anchor {
	return Anchor{Sequence: v.next - 1, Hash: hex.EncodeToString(v.before)}
}

// Next checks the entry that comes next in the order of places. It returns what is wrong, or nil.
func (v *Verifier) Next(e *Entry) *Problem {
	switch {
	case e.Sequence > v.next:
		return v.missing(e.Sequence - 1)
	case e.Sequence < v.next:
		return &Problem{e.Sequence, Altered, fmt.Sprintf("entry %d is there twice", e.Sequence)}
	}
	h := sha256.New()
	canonical, err := appendCanonical(nil, e)
	if err != nil || string(link(h, v.before, canonical)) != string(e.Hash) {
		return &Problem{e.Sequence, Altered, fmt.Sprintf(
			"entry %d (event %s) is not what was written at this place: it was altered, or put here from elsewhere", e.Sequence, e.EventID)}
	}
	if p := v.values(e, h.Size()); p != nil {
		return p
	}
	if want, ok := v.anchors[e.Sequence]; ok && want != hex.EncodeToString(e.Hash) {
		return &Problem{e.Sequence, BadAnchor, fmt.Sprintf(
			"entry %d is not the one that was noted down: everything up to here may have been written anew", e.Sequence)}
	}
	if e.Type == HeadBrokenType {
		return &Problem{e.Sequence, BadHead, fmt.Sprintf(
			"before entry %d the end of the log had been changed by somebody else: entries may have been cut off", e.Sequence)}
	}
	v.next, v.before = e.Sequence+1, e.Hash
	v.Checked++
	return nil
}

// values checks the values of an entry against the hash of them that is in the chain.
func (v *Verifier) values(e *Entry, size int) *Problem {
	if e.Payload == nil || e.Salt == nil {
		v.Erased++
		if _, known := v.unexplained[e.RecordID]; !known {
			v.unexplained[e.RecordID] = e.Sequence
		}
		return nil
	}
	if len(e.ValuesHash) != size || string(hashValues(sha256.New(), e)) != string(e.ValuesHash) {
		return &Problem{e.Sequence, Altered, fmt.Sprintf(
			"the values of entry %d (event %s) are not those that were written", e.Sequence, e.EventID)}
	}
	if e.Action == Erased {
		delete(v.unexplained, e.RecordID)
	}
	return nil
}

func (v *Verifier) missing(last int64) *Problem {
	if last == v.next {
		return &Problem{v.next, Missing, fmt.Sprintf("entry %d is missing", v.next)}
	}
	return &Problem{v.next, Missing, fmt.Sprintf("entries %d to %d are missing", v.next, last)}
}

// End checks, after the last entry, that it is the last one that was written. Without a key the seal is not looked at. It
// returns what is wrong, or nil.
func (v *Verifier) End(k *Key) *Problem {
	switch {
	case v.head == nil && v.next == 1:
		return &Problem{1, Missing, "there is no log, though every organisation's begins with its making"}
	case v.head == nil:
		return &Problem{v.next, BadHead, fmt.Sprintf("the head is gone: whether there were entries after %d cannot be told", v.next-1)}
	case v.head.Sequence >= v.next:
		return v.missing(v.head.Sequence)
	case v.head.Sequence < v.next-1 || string(v.head.Hash) != string(v.before):
		return &Problem{v.head.Sequence, BadHead, fmt.Sprintf("the head names entry %d, but the last is %d", v.head.Sequence, v.next-1)}
	case k != nil && !k.Sealed(v.org, v.head):
		return &Problem{v.head.Sequence, BadHead, fmt.Sprintf(
			"the head's seal is broken: entries after %d may have been cut off, or the whole log written anew", v.head.Sequence)}
	}
	for sequence := range v.anchors {
		if sequence >= v.next {
			return &Problem{v.next, BadAnchor, fmt.Sprintf("entry %d was noted down once, but the log ends with %d", sequence, v.next-1)}
		}
	}
	var first *Problem
	for record, sequence := range v.unexplained {
		if first == nil || sequence < first.Sequence {
			first = &Problem{sequence, ValuesMissing, fmt.Sprintf(
				"the values of entry %d are gone, though no entry says that record %s was erased", sequence, record)}
		}
	}
	return first
}
