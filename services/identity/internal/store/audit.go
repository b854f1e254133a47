package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/pg"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/audit"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/session"
)

// Audit keeps the audit log.
type Audit struct {
	*Store

	Values *audit.Values
	Key    audit.Key
	// Enqueue adds a job in a transaction.
	Enqueue func(ctx context.Context, tx pgx.Tx, job session.Refused) error
}

// Refuse has it told that a sign-in was refused. It costs the same whoever it was.
func (s *Audit) Refuse(ctx context.Context, r session.Refused) error {
	return s.System.System(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.Enqueue(ctx, tx, r) })
}

// TellRefused tells an organisation that a sign-in of its user was refused, once.
func (s *Audit) TellRefused(ctx context.Context, org, userID string, r *session.Refused) error {
	err := s.DB.Write(ctx, org, func(context.Context, pgx.Tx) ([]event.Event, error) {
		return []event.Event{publish.SignInRefused(userID, r)}, nil
	})
	const uniqueViolation = "23505"
	if pg.State(err) == uniqueViolation { // an earlier try of the job has done it
		return nil
	}
	return err
}

// Record appends the entries of events, which are of one organisation, in the consumer's transaction. Events that have
// one are let pass, so that neither a replay nor a relay that repeats itself makes two.
func (s *Audit) Record(ctx context.Context, tx pgx.Tx, evs []event.Event) error {
	entries := make([]audit.Entry, 0, len(evs))
	for i := range evs {
		if evs[i].Type == broker.EndType {
			continue
		}
		if !id.Valid(evs[i].ID) {
			return fmt.Errorf("%w: the event's ID %q is no UUID", inbox.ErrPermanent, evs[i].ID)
		}
		e, err := s.Values.Of(&evs[i])
		if err != nil {
			return fmt.Errorf("%w: %w", inbox.ErrPermanent, err)
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil
	}
	org := evs[0].Organization
	head, known, err := lockHead(ctx, tx, org, entries)
	if err != nil {
		return err
	}
	fresh := entries[:0]
	for _, e := range entries {
		if !known[e.EventID] {
			known[e.EventID] = true // the same event twice in one batch
			fresh = append(fresh, e)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if head, fresh, err = s.mended(ctx, tx, org, head, fresh); err != nil {
		return err
	}
	next, err := audit.Append(s.Key, org, head, fresh, s.now())
	if err != nil {
		return fmt.Errorf("%w: %w", inbox.ErrPermanent, err)
	}
	if err := insertEntries(ctx, tx, org, fresh, next); err != nil {
		return err
	}
	return erase(ctx, tx, org, fresh)
}

// lockHead takes the end of the chain, nil if there is none yet, and returns which of the entries are in it already.
func lockHead(ctx context.Context, tx pgx.Tx, org string, entries []audit.Entry) (*audit.Head, map[string]bool, error) {
	ids := make([]string, len(entries))
	for i := range entries {
		ids[i] = entries[i].EventID
	}
	var head *audit.Head
	known := map[string]bool{}
	b := &pgx.Batch{}
	// A chain that has no head yet has nothing else to be locked by.
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended('audit ' || $1::text, 0))`, org)
	b.Queue(`
		SELECT sequence, hash, seal FROM audit_heads WHERE organization_id = $1 FOR UPDATE`, org).Query(func(rows pgx.Rows) error {
		h, err := pgx.CollectExactlyOneRow(rows, scanHead)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		head = h
		return err
	})
	b.Queue(`
		SELECT event_id::text FROM audit_entries WHERE organization_id = $1 AND event_id = ANY($2::uuid[])`, org, ids).Query(func(rows pgx.Rows) error {
		var eventID string
		_, err := pgx.ForEachRow(rows, []any{&eventID}, func() error {
			known[eventID] = true
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, fmt.Errorf("lock audit log: %w", err)
	}
	return head, known, nil
}

func scanHead(row pgx.CollectableRow) (*audit.Head, error) {
	var h audit.Head
	return &h, row.Scan(&h.Sequence, &h.Hash, &h.Seal)
}

// mended returns the head to go on from. If the end of the log is not as it was left, going on in silence would seal what
// somebody has made of it: then an entry that says so comes first.
func (s *Audit) mended(ctx context.Context, tx pgx.Tx, org string, head *audit.Head, fresh []audit.Entry) (*audit.Head, []audit.Entry, error) {
	if head != nil && s.Key.Sealed(org, head) {
		return head, fresh, nil
	}
	var last audit.Head
	err := tx.QueryRow(ctx, `
		SELECT sequence, hash FROM audit_entries WHERE organization_id = $1 ORDER BY sequence DESC LIMIT 1`, org).
		Scan(&last.Sequence, &last.Hash)
	switch {
	case errors.Is(err, pgx.ErrNoRows) && head == nil:
		return &audit.Head{}, fresh, nil // the first entries
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return nil, nil, fmt.Errorf("end of audit log: %w", err)
	}
	found := int64(0)
	if head != nil {
		found = head.Sequence
		if head.Sequence > last.Sequence {
			last = *head // places that were taken are not taken again
		}
	}
	ev := event.New(publish.Topic, "audit", org, 1, &identityv1.AuditHeadBroken{
		AuditHead: &identityv1.AuditHead{Id: org, Sequence: found},
	}, event.Actor("service:identity"), event.Happened(s.now()))
	broken, err := s.Values.Of(&ev)
	if err != nil {
		return nil, nil, err
	}
	return &last, append([]audit.Entry{broken}, fresh...), nil
}

// insertEntries writes entries and the head after them, in one round trip.
func insertEntries(ctx context.Context, tx pgx.Tx, org string, entries []audit.Entry, head *audit.Head) error {
	n := len(entries)
	sequences, events, types, classes := make([]int64, n), make([]string, n), make([]string, n), make([]int16, n)
	kinds, records, versions, actions := make([]string, n), make([]string, n), make([]int64, n), make([]string, n)
	actors, addresses, requests, traces := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	causes, happened, recorded := make([]string, n), make([]time.Time, n), make([]time.Time, n)
	values, salts, payloads, hashes := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i := range entries {
		e := &entries[i]
		sequences[i], events[i], types[i], classes[i] = e.Sequence, e.EventID, e.Type, int16(e.Class)
		kinds[i], records[i], versions[i], actions[i] = e.Kind, e.RecordID, e.Version, e.Action
		actors[i], addresses[i], requests[i], traces[i] = e.Actor, e.Address, e.RequestID, e.TraceID
		causes[i], happened[i], recorded[i] = e.Cause, e.HappenedAt, e.RecordedAt
		values[i], salts[i], payloads[i], hashes[i] = e.ValuesHash, e.Salt, e.Payload, e.Hash
	}
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO audit_entries (organization_id, sequence, event_id, type, class, kind, record_id, version, action, actor,
			address, request_id, trace_id, cause, happened_at, recorded_at, values_hash, salt, payload, hash)
		SELECT $1, n.*
		FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::smallint[], $6::text[], $7::uuid[], $8::bigint[], $9::text[],
			$10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::timestamptz[],
			$17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[]) AS n`,
		org, sequences, events, types, classes, kinds, records, versions, actions, actors, addresses, requests, traces, causes,
		happened, recorded, values, salts, payloads, hashes)
	b.Queue(`
		INSERT INTO audit_heads (organization_id, sequence, hash, seal)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT ON CONSTRAINT audit_heads_pkey DO UPDATE SET sequence = $2, hash = $3, seal = $4`,
		org, head.Sequence, head.Hash, head.Seal)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("append to audit log: %w", err)
	}
	return nil
}

// erase takes away the values of the entries about records of which the entries say that they were erased.
func erase(ctx context.Context, tx pgx.Tx, org string, entries []audit.Entry) error {
	var records []string
	for i := range entries {
		if entries[i].Action == audit.Erased {
			records = append(records, entries[i].RecordID)
		}
	}
	if len(records) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `SET LOCAL ROLE `+pg.RoleSystem); err != nil {
		return fmt.Errorf("change role: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		UPDATE audit_entries
		SET salt = NULL, payload = NULL
		WHERE organization_id = $1 AND record_id = ANY($2::uuid[]) AND action <> $3 AND payload IS NOT NULL`,
		org, records, audit.Erased); err != nil {
		return fmt.Errorf("erase from audit log: %w", err)
	}
	if _, err := tx.Exec(ctx, `SET LOCAL ROLE `+pg.RoleApp); err != nil {
		return fmt.Errorf("change role back: %w", err)
	}
	return nil
}

const entryColumns = `organization_id::text, sequence, event_id::text, type, class, kind, record_id::text, version, action, actor, address,
	request_id, trace_id, cause, happened_at, recorded_at, values_hash, salt, payload, hash`

func scanEntry(row pgx.CollectableRow, more ...any) (*audit.Entry, error) {
	var e audit.Entry
	err := row.Scan(append([]any{
		&e.Organization, &e.Sequence, &e.EventID, &e.Type, &e.Class, &e.Kind, &e.RecordID, &e.Version, &e.Action, &e.Actor, &e.Address,
		&e.RequestID, &e.TraceID, &e.Cause, &e.HappenedAt, &e.RecordedAt, &e.ValuesHash, &e.Salt, &e.Payload, &e.Hash,
	}, more...)...)
	e.HappenedAt, e.RecordedAt = e.HappenedAt.UTC(), e.RecordedAt.UTC()
	return &e, err
}

// AuditSchema is what entries can be filtered and sorted by.
func AuditSchema() *aip.Schema {
	classes := map[string]any{}
	for name, n := range map[string]audit.Class{
		"sign_in": audit.SignIn, "permission": audit.Permission, "record": audit.Record, "export": audit.Export,
		"playback": audit.Playback, "settings": audit.Settings,
	} {
		classes[name] = int16(n)
	}
	return &aip.Schema{
		IDColumn: "event_id", DefaultOrder: "happen_time desc",
		Fields: map[string]aip.Field{
			"id":          {Column: "event_id", Type: aip.ID},
			"class":       {Column: "class", Type: aip.Enum, Enum: classes},
			"kind":        {Column: "kind", Type: aip.Text},
			"record_id":   {Column: "record_id", Type: aip.ID},
			"action":      {Column: "action", Type: aip.Text},
			"actor":       {Column: "actor", Type: aip.Text},
			"address":     {Column: "address", Type: aip.Text},
			"request_id":  {Column: "request_id", Type: aip.Text},
			"happen_time": {Column: "happened_at", Type: aip.Time, Sortable: true},
		},
	}
}

// done limits entries to those of actors that the scope reaches.
func done(scope authz.Scope, args *[]any) string {
	if scope.All() {
		return "TRUE"
	}
	*args = append(*args, list(scope.Users()))
	return fmt.Sprintf("actor = ANY($%d::text[])", len(*args))
}

// List returns a page of entries and the token of the next.
func (s *Audit) List(ctx context.Context, org string, scope authz.Scope, l *aip.List) ([]*audit.Entry, string, error) {
	args := []any{org}
	where := "organization_id = $1 AND " + l.Where(&args) + " AND " + done(scope, &args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+entryColumns+`, `+l.Key()+`
		FROM audit_entries
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list audit log: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*audit.Entry, error) {
		var key aip.Key
		e, err := scanEntry(row, &key)
		keys = append(keys, key)
		return e, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list audit log: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// Count counts the entries that a filter selects.
func (s *Audit) Count(ctx context.Context, org string, scope authz.Scope, l *aip.List) (int, bool, error) {
	args := []any{org}
	from := "audit_entries WHERE organization_id = $1 AND " + l.Filter(&args) + " AND " + done(scope, &args)
	return s.count(ctx, org, from, args)
}

// Get returns an entry, or audit.ErrNotFound.
func (s *Audit) Get(ctx context.Context, org string, scope authz.Scope, eventID string) (*audit.Entry, error) {
	args := []any{org, eventID}
	where := "organization_id = $1 AND event_id = $2 AND " + done(scope, &args)
	rows, err := s.DB.Query(ctx, org, `SELECT `+entryColumns+` FROM audit_entries WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("get audit entry: %w", err)
	}
	e, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*audit.Entry, error) { return scanEntry(row) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, audit.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get audit entry: %w", err)
	}
	return e, nil
}

// mostEarlier is how many earlier entries of a record are looked at to tell what an entry changed.
const mostEarlier = 200

// Before returns the entry's record as earlier entries have it, nil if they do not tell.
func (s *Audit) Before(ctx context.Context, e *audit.Entry) (audit.Fields, error) {
	rows, err := s.DB.Query(ctx, e.Organization, `
		SELECT `+entryColumns+`
		FROM audit_entries
		WHERE organization_id = $1 AND record_id = $2 AND kind = $3 AND happened_at <= $4 AND version < $5
		ORDER BY happened_at DESC
		LIMIT $6`, e.Organization, e.RecordID, e.Kind, e.HappenedAt, e.Version, mostEarlier)
	if err != nil {
		return nil, fmt.Errorf("earlier audit entries: %w", err)
	}
	earlier, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*audit.Entry, error) { return scanEntry(row) })
	if err != nil {
		return nil, fmt.Errorf("earlier audit entries: %w", err)
	}
	return s.Values.State(earlier)
}
