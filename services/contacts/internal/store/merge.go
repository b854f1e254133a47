package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// merger merges the records of one kind.
type merger[T any, P record.Entity[T]] struct {
	t     *table[T, P]
	store *Store
	// message and record translate, as the events do.
	message func(*T) proto.Message
	record  func(proto.Message) (*T, error)
	// hold copies what messages do not carry.
	hold func(from, to *T)
}

func (s *Store) contactMerger() *merger[contactRecord, *contactRecord] {
	return &merger[contactRecord, *contactRecord]{
		t: &s.contacts.table, store: s, message: func(c *contactRecord) proto.Message { return wire.Contact(c) },
		record: decodeContact, hold: func(_, _ *contactRecord) {},
	}
}

func (s *Store) companyMerger() *merger[companyRecord, *companyRecord] {
	return &merger[companyRecord, *companyRecord]{
		t: &s.companies.table, store: s, message: func(c *companyRecord) proto.Message { return wire.Company(c) },
		record: decodeCompany, hold: func(_, _ *companyRecord) {},
	}
}

func (s *Store) leadMerger() *merger[leadRecord, *leadRecord] {
	return &merger[leadRecord, *leadRecord]{
		t: &s.leads.table, store: s, message: func(l *leadRecord) proto.Message { return wire.LeadStored(l) },
		record: decodeLead, hold: func(from, to *leadRecord) { to.OverdueAt = from.OverdueAt },
	}
}

// merge makes one record of those of the plan. decide gets them locked, the survivor first, and returns the survivor as it is
// to be. All of it is one transaction: records, references, look-up rows, events.
func (m *merger[T, P]) merge(
	ctx context.Context, org, mergeID string, p *merge.Plan, now time.Time, decide func([]*T) (*T, error),
) (*merge.Done, *T, error) {
	var after *T
	done := &merge.Done{
		ID: mergeID, Kind: p.Kind, SurvivorID: p.SurvivorID, MergedIDs: p.MergedIDs, CreatedAt: now,
		UserID: authn.MustFrom(ctx).UserID,
	}
	err := m.t.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) (evs []event.Event, err error) {
		after, evs, err = m.join(ctx, tx, org, done, decide)
		return evs, err
	})
	var replay *idem.Replay
	switch {
	case errors.As(err, &replay):
		done, err = m.store.mergeAt(ctx, org, replay)
		if err != nil {
			return nil, nil, err
		}
		after, err = m.t.at(ctx, org, replay.RecordID, replay.Version)
		return done, after, err
	case err != nil:
		return nil, nil, m.t.told(err)
	}
	return done, after, nil
}

// join is merge within a transaction.
func (m *merger[T, P]) join(
	ctx context.Context, tx pgx.Tx, org string, done *merge.Done, decide func([]*T) (*T, error),
) (*T, []event.Event, error) {
	records, err := m.lockAll(ctx, tx, org, append([]string{done.SurvivorID}, done.MergedIDs...))
	if err != nil {
		return nil, nil, err
	}
	after, err := decide(records)
	if err != nil {
		return nil, nil, err
	}
	P(after).Common().Version = P(records[0]).Common().Version + 1
	P(after).Common().UpdatedAt = done.CreatedAt
	m.hold(records[0], after)
	evs, err := m.write(ctx, tx, org, done, records, after)
	return after, evs, err
}

// lockAll locks the records and returns them in the order of their IDs in the plan.
func (m *merger[T, P]) lockAll(ctx context.Context, tx pgx.Tx, org string, ids []string) ([]*T, error) {
	locked, err := m.t.LockMany(ctx, tx, org, ids)
	if err != nil {
		return nil, err
	}
	out := make([]*T, len(ids))
	for i, id := range ids {
		if out[i] = locked[id]; out[i] != nil {
			continue
		}
		var merged bool
		if err := tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM merged_records WHERE organization_id = $1 AND kind = $2 AND record_id = $3)`,
			org, string(m.t.kind), id).Scan(&merged); err != nil {
			return nil, fmt.Errorf("look for merged records: %w", err)
		}
		if merged {
			return nil, merge.ErrMerged.With("id", id)
		}
		return nil, m.t.errNotFound
	}
	return out, nil
}

// write saves a merge. records are the survivor and those that go, as they were.
func (m *merger[T, P]) write(ctx context.Context, tx pgx.Tx, org string, d *merge.Done, records []*T, after *T) ([]event.Event, error) {
	kind, survivor := string(m.t.kind), P(after).Common()
	ev, err := publish.Joined(m.t.kind, false, m.message(records[0]), m.message(after), P(records[0]).Common(), survivor, d.ID, d.MergedIDs)
	if err != nil {
		return nil, err
	}
	evs := []event.Event{ev}
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO merges (organization_id, id, kind, survivor_id, survivor_version, merged_ids, user_id, created_at, batch_id, batch_number)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, org, d.ID, kind, survivor.ID, survivor.Version, d.MergedIDs, pgUUID(d.UserID),
		d.CreatedAt, pgUUID(d.BatchID), d.BatchNumber)
	b.Queue(`
		INSERT INTO merged_records (organization_id, kind, record_id, survivor_id, merge_id, row_was)
		SELECT $1, $2, id, $3, $4, to_jsonb(t) FROM `+m.t.name+` t WHERE organization_id = $1 AND id = ANY($5::uuid[])`,
		org, kind, survivor.ID, d.ID, d.MergedIDs)
	var gone []*record.Change[T]
	var sources, values []string
	for _, r := range records[1:] {
		binned := *r
		P(&binned).Common().DeletedAt = d.CreatedAt
		gone = append(gone, &record.Change[T]{What: record.Deleted, Before: r, After: &binned})
		for _, x := range P(r).Common().ExternalIDs {
			sources, values = append(sources, x.Source), append(values, x.ID)
		}
		last := *r
		P(&last).Common().Version++
		ev, err := publish.Parted(m.t.kind, false, m.message(&last), P(&last).Common(), d.ID, survivor.ID)
		if err != nil {
			return nil, err
		}
		evs = append(evs, ev)
	}
	m.t.queueIndex(b, org, gone)
	if err := m.t.queueUpdate(b, org, &record.Change[T]{What: record.Updated, Before: records[0], After: after}); err != nil {
		return nil, err
	}
	// IDs in other systems that the survivor cannot show, because it has one of that system, lead to it nevertheless.
	b.Queue(`
		INSERT INTO external_ids (organization_id, record_kind, source, external_id, record_id)
		SELECT $1, $2, n.source, n.external_id, $3 FROM unnest($4::text[], $5::text[]) AS n (source, external_id)
		ON CONFLICT DO NOTHING`, org, kind, survivor.ID, sources, values)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("merge %s: %w", m.t.name, err)
	}
	followed, err := m.store.follow(ctx, tx, org, d)
	if err != nil {
		return nil, err
	}
	changes := lookUpRows{}
	changes.add(survivor.ID, []pair{{kind, strconv.FormatInt(survivor.Version, 10)}})
	for _, e := range followed {
		changes.add(e.RecordID, []pair{{e.Kind, strconv.FormatInt(e.Version, 10)}})
	}
	b = &pgx.Batch{}
	b.Queue(`DELETE FROM `+m.t.name+` WHERE organization_id = $1 AND id = ANY($2::uuid[])`, org, d.MergedIDs)
	b.Queue(`
		INSERT INTO merge_changes (organization_id, merge_id, kind, record_id, version)
		SELECT $1, $2, n.kind, n.record_id, n.version
		FROM unnest($3::text[], $4::uuid[], $5::text[]::bigint[]) AS n (kind, record_id, version)`,
		org, d.ID, changes.a, changes.records, changes.b)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("merge %s: %w", m.t.name, err)
	}
	return append(evs, followed...), nil
}

// follow makes the records of this service that refer to those that go refer to the survivor.
func (s *Store) follow(ctx context.Context, tx pgx.Tx, org string, d *merge.Done) ([]event.Event, error) {
	var evs []event.Event
	add := func(more []event.Event, err error) error {
		evs = append(evs, more...)
		return err
	}
	to := func(id *string) bool {
		if !slices.Contains(d.MergedIDs, *id) {
			return false
		}
		*id = d.SurvivorID
		return true
	}
	lead := func(l *leadRecord) {
		c := *l.Conversion
		if d.Kind == record.Contact {
			to(&c.ContactID)
		} else {
			to(&c.CompanyID)
		}
		l.Conversion = &c
	}
	switch d.Kind {
	case record.Contact:
		return evs, add(repoint(ctx, tx, org, &s.leads.table, d, ` AND contact_id = ANY($2::uuid[])`, lead))
	case record.Company:
		if err := s.checkMergedParents(ctx, tx, org, d); err != nil {
			return nil, err
		}
		err := add(repoint(ctx, tx, org, &s.companies.table, d, ` AND parent_id = ANY($2::uuid[]) AND id <> ALL($2::uuid[])`,
			func(c *companyRecord) { to(&c.ParentID) }))
		if err != nil {
			return nil, err
		}
		err = add(repoint(ctx, tx, org, &s.contacts.table, d,
			` AND id = ANY(ARRAY(SELECT contact_id FROM employments WHERE organization_id = $1 AND company_id = ANY($2::uuid[])))`,
			func(c *contactRecord) {
				c.Employments = slices.Clone(c.Employments)
				moved := false
				for i := range c.Employments {
					moved = to(&c.Employments[i].CompanyID) || moved
				}
				if moved {
					c.Employments = distinct(c.Employments)
				}
			}))
		if err != nil {
			return nil, err
		}
		return evs, add(repoint(ctx, tx, org, &s.leads.table, d, ` AND company_id = ANY($2::uuid[])`, lead))
	default:
	}
	return nil, nil
}

// checkMergedParents refuses a merge that would make a company belong to itself.
func (s *Store) checkMergedParents(ctx context.Context, tx pgx.Tx, org string, d *merge.Done) error {
	rows, err := tx.Query(ctx, `
		SELECT id FROM companies
		WHERE organization_id = $1 AND parent_id = ANY($2::uuid[]) AND id <> ALL($2::uuid[])`, org, d.MergedIDs)
	if err != nil {
		return fmt.Errorf("read companies below: %w", err)
	}
	var below, parents []string
	var id string
	if _, err := pgx.ForEachRow(rows, []any{idRef{&id}}, func() error {
		below, parents = append(below, id), append(parents, d.SurvivorID)
		return nil
	}); err != nil {
		return fmt.Errorf("read companies below: %w", err)
	}
	if len(below) == 0 {
		return nil
	}
	return s.companies.CheckParents(ctx, tx, org, below, parents)
}

// distinct leaves out employments that have become the same, and all primary ones but the first.
func distinct(in []contactEmployment) []contactEmployment {
	var out []contactEmployment
	primary := false
	for _, e := range in {
		if slices.ContainsFunc(out, func(o contactEmployment) bool {
			return o.CompanyID == e.CompanyID && record.Key(o.Role) == record.Key(e.Role) && o.Start == e.Start
		}) {
			continue
		}
		e.Primary = e.Primary && !primary
		primary = primary || e.Primary
		out = append(out, e)
	}
	return out
}

// repoint changes the records that a condition finds, each with its event.
func repoint[T any, P record.Entity[T]](
	ctx context.Context, tx pgx.Tx, org string, t *table[T, P], d *merge.Done, where string, change func(*T),
) ([]event.Event, error) {
	found, err := t.collect(ctx, tx, where+` ORDER BY id FOR UPDATE`, org, d.MergedIDs)
	if err != nil {
		return nil, err
	}
	changes := make([]*record.Change[T], len(found))
	for i, r := range found {
		next := *r
		change(&next)
		P(&next).Common().UpdatedAt = d.CreatedAt
		changes[i] = &record.Change[T]{What: record.Updated, Before: r, After: &next, Cause: publish.MergeCause(d.ID)}
	}
	return t.SaveMany(ctx, tx, org, changes)
}

// pgUUID is NULL for "".
func pgUUID(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// mergeAt is the merge that answered a request before.
func (s *Store) mergeAt(ctx context.Context, org string, r *idem.Replay) (*merge.Done, error) {
	done, err := s.merges(ctx, org, ` AND kind = $2 AND survivor_id = $3 AND survivor_version = $4`, r.Kind, r.RecordID, r.Version)
	if err != nil || len(done) == 0 {
		return nil, errors.Join(err, idem.ErrReused)
	}
	return done[0], nil
}

// Merges returns the newest merges of a kind, of one survivor if it is given, whose survivor the caller may see.
func (s *Store) Merges(ctx context.Context, c record.Caller, kind record.Kind, survivorID string) ([]*merge.Done, error) {
	args := []any{string(kind), pgUUID(survivorID)}
	all := append([]any{c.OrganizationID}, args...)
	where := ` AND kind = $2 AND ($3::uuid IS NULL OR survivor_id = $3)
		AND EXISTS (SELECT FROM ` + tableOf(kind) + ` t WHERE t.organization_id = $1 AND t.id = m.survivor_id AND ` + visible(c, &all) + `)`
	return s.merges(ctx, c.OrganizationID, where+` ORDER BY created_at DESC, id LIMIT 100`, all[1:]...)
}

func tableOf(kind record.Kind) string {
	return map[record.Kind]string{record.Contact: "contacts", record.Company: "companies", record.Lead: "leads"}[kind]
}

// Merge returns a merge, or merge.ErrNotFound.
func (s *Store) Merge(ctx context.Context, org, id string) (*merge.Done, error) {
	done, err := s.merges(ctx, org, ` AND id = $2`, id)
	if err != nil {
		return nil, err
	}
	if len(done) == 0 {
		return nil, merge.ErrNotFound
	}
	return done[0], nil
}

const selectMerge = `
	SELECT id, kind, survivor_id, merged_ids, user_id, created_at, undone_at, undone_by, batch_id, batch_number
	FROM merges m WHERE organization_id = $1`

func (s *Store) merges(ctx context.Context, org, where string, args ...any) ([]*merge.Done, error) {
	rows, err := s.db.Query(ctx, org, selectMerge+where, append([]any{org}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read merges: %w", err)
	}
	out, err := pgx.CollectRows(rows, scanMerge)
	if err != nil {
		return nil, fmt.Errorf("read merges: %w", err)
	}
	return out, nil
}

func scanMerge(row pgx.CollectableRow) (*merge.Done, error) {
	d := &merge.Done{}
	return d, row.Scan(idRef{&d.ID}, &d.Kind, idRef{&d.SurvivorID}, idsRef{&d.MergedIDs}, uuidRef{&d.UserID},
		timeRef{&d.CreatedAt}, timeRef{&d.UndoneAt}, uuidRef{&d.UndoneBy}, uuidRef{&d.BatchID}, &d.BatchNumber)
}

// survivor returns the ID of the record that one is part of now, however often it was merged on; "" if it is part of none.
func survivor(ctx context.Context, db *pg.DB, org string, kind record.Kind, id string) (string, error) {
	var into string
	err := db.QueryRow(ctx, org, `
		WITH RECURSIVE up (id, depth) AS (
			SELECT survivor_id, 1 FROM merged_records WHERE organization_id = $1 AND kind = $2 AND record_id = $3
			UNION ALL
			SELECT r.survivor_id, up.depth + 1
			FROM up JOIN merged_records r ON r.organization_id = $1 AND r.kind = $2 AND r.record_id = up.id
			WHERE up.depth < 1000
		)
		SELECT id FROM up ORDER BY depth DESC LIMIT 1`, org, string(kind), id).Scan(idRef{&into})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("follow merges: %w", err)
	}
	return into, nil
}
