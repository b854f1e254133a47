package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/event"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// Errands is what other services have to do about a converted lead, until it is done.
type Errands struct {
	OrganizationID, LeadID, UserID string
	// Deal to be made; nil for none.
	Deal *lead.DealDraft
	// Carry lists who gets copies of the lead's files.
	Carry []lead.Place
}

// Conversions does what of conversions is SQL; see [lead.ConversionStore].
type Conversions struct {
	store *Store
	// enqueue makes the jobs within the transaction.
	enqueue func(ctx context.Context, tx pgx.Tx, e Errands) error
}

// Conversions returns the store of conversions.
func (s *Store) Conversions(enqueue func(ctx context.Context, tx pgx.Tx, e Errands) error) *Conversions {
	return &Conversions{store: s, enqueue: enqueue}
}

// Convert see [lead.ConversionStore].
func (s *Conversions) Convert(
	ctx context.Context, org, leadID string, fn func(*lead.Lead) (*lead.Plan, error),
) (*lead.Lead, error) {
	leads := s.store.leads
	var out *lead.Lead
	err := leads.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		cur, err := leads.lock(ctx, tx, org, leadID)
		if err != nil {
			return nil, err
		}
		out = cur
		plan, err := fn(cur)
		if err != nil || plan == nil {
			return nil, err
		}
		evs, err := s.write(ctx, tx, org, plan)
		if err != nil {
			return nil, err
		}
		out = plan.Change.After
		who, _ := authn.From(ctx)
		return evs, s.enqueue(ctx, tx, Errands{
			OrganizationID: org, LeadID: leadID, UserID: who.UserID, Deal: plan.Deal, Carry: plan.Carry,
		})
	})
	if err != nil {
		return leads.answer(ctx, org, s.store.contacts.told(err))
	}
	return out, nil
}

// write saves a plan in one batch. The lead's event comes first: it is the answer to the request.
func (s *Conversions) write(ctx context.Context, tx pgx.Tx, org string, plan *lead.Plan) ([]event.Event, error) {
	ch := plan.Change
	ch.After.Version = ch.Before.Version + 1
	cause := "lead/" + ch.After.ID
	evs := []event.Event{publish.LeadConverted(ch, plan.Deal)}
	b := &pgx.Batch{}
	if err := s.store.leads.queueUpdate(b, org, ch); err != nil {
		return nil, err
	}
	if plan.Company != nil { // before the contact, which refers to it
		made, ev, err := s.store.companies.creation(org, plan.Company, cause)
		if err != nil {
			return nil, err
		}
		b.QueuedQueries = append(b.QueuedQueries, made.QueuedQueries...)
		evs = append(evs, ev)
	}
	if plan.Contact != nil {
		made, ev, err := s.store.contacts.creation(org, plan.Contact, cause)
		if err != nil {
			return nil, err
		}
		b.QueuedQueries = append(b.QueuedQueries, made.QueuedQueries...)
		evs = append(evs, ev)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("convert lead: %w", err)
	}
	return evs, nil
}

// Candidates see [lead.ConversionStore]. One statement for both kinds.
func (s *Conversions) Candidates(ctx context.Context, r lead.Rights, suspect lead.Suspect, limit int) ([]lead.Candidate, error) {
	kinds, values := make([]string, len(suspect.Points)), make([]string, len(suspect.Points))
	for i, p := range suspect.Points {
		kinds[i], values[i] = p.Kind, p.Value
	}
	org := r.Contact.OrganizationID
	args := []any{org, kinds, values, record.Key(suspect.ContactName), record.Key(suspect.CompanyName), limit}
	sql := `
		WITH hits AS (
			SELECT p.record_kind, p.record_id, CASE p.kind WHEN 'phone' THEN 1 ELSE 2 END AS reason
			FROM unnest($2::text[], $3::text[]) AS n (kind, value)
			JOIN contact_points p ON p.organization_id = $1 AND p.kind = n.kind AND p.value = n.value
			WHERE p.kind IN ('phone', 'email') AND p.record_kind IN ('contact', 'company')
			UNION
			(SELECT 'contact', id, 3 FROM contacts
			WHERE organization_id = $1 AND name_key = $4 AND $4 <> '' AND deleted_at IS NULL LIMIT $6)
			UNION
			(SELECT 'company', id, 3 FROM companies
			WHERE organization_id = $1 AND name_key = $5 AND $5 <> '' AND deleted_at IS NULL LIMIT $6)
		)
		SELECT 'contact', c.id, ` + contactName("c") + `, array_agg(h.reason ORDER BY h.reason)
		FROM hits h JOIN contacts c ON c.organization_id = $1 AND c.id = h.record_id
		WHERE h.record_kind = 'contact' AND c.deleted_at IS NULL AND ` + visible(r.Contact, &args) + `
		GROUP BY c.organization_id, c.id
		UNION ALL
		SELECT 'company', c.id, c.name, array_agg(h.reason ORDER BY h.reason)
		FROM hits h JOIN companies c ON c.organization_id = $1 AND c.id = h.record_id
		WHERE h.record_kind = 'company' AND c.deleted_at IS NULL AND ` + visible(r.Company, &args) + `
		GROUP BY c.organization_id, c.id
		LIMIT 500`
	rows, err := s.store.db.Query(ctx, org, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("look for duplicates: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (lead.Candidate, error) {
		var c lead.Candidate
		var reasons []int32
		err := row.Scan(&c.Kind, idRef{&c.ID}, &c.Name, &reasons)
		for _, r := range reasons {
			c.Reasons = append(c.Reasons, lead.MatchReason(r))
		}
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for duplicates: %w", err)
	}
	slices.SortStableFunc(found, func(a, b lead.Candidate) int {
		return cmp.Or(cmp.Compare(a.Reasons[0], b.Reasons[0]), -cmp.Compare(len(a.Reasons), len(b.Reasons)), cmp.Compare(a.ID, b.ID))
	})
	return found[:min(len(found), limit)], nil
}

// contactName is the SQL of contact.Name for lists of hits.
func contactName(alias string) string {
	return "COALESCE(NULLIF(concat_ws(' ', NULLIF(" + alias + ".first_name, ''), NULLIF(" + alias + ".middle_name, ''), NULLIF(" +
		alias + ".last_name, '')), ''), " + alias + ".emails->0->>'address', " + alias + ".phones->0->>'number', '')"
}

// Match is a record that has a number or an address.
type Match struct {
	Kind                             record.Kind
	ID, Name, ResponsibleID, Matched string
}

const maxMatches = 50

// LookUpPoints finds whom numbers and addresses belong to, as far as the caller may see: contacts first, then companies,
// then leads, the newest of each first. It is on the way of every incoming call: one statement over one index.
func (s *Store) LookUpPoints(ctx context.Context, contacts, companies, leads record.Caller, points []reach.Point) ([]Match, error) {
	kinds, values := make([]string, len(points)), make([]string, len(points))
	for i, p := range points {
		kinds[i], values[i] = p.Kind, p.Value
	}
	org := contacts.OrganizationID
	args := []any{org, kinds, values, maxMatches}
	sql := `
		WITH hits AS (
			SELECT DISTINCT ON (p.record_kind, p.record_id) p.record_kind, p.record_id, p.value
			FROM unnest($2::text[], $3::text[]) AS n (kind, value)
			JOIN contact_points p ON p.organization_id = $1 AND p.kind = n.kind AND p.value = n.value
		)
		(SELECT 1 AS rank, 'contact', c.id, ` + contactName("c") + `, c.responsible_id, h.value
		FROM hits h JOIN contacts c ON c.organization_id = $1 AND c.id = h.record_id
		WHERE h.record_kind = 'contact' AND ` + visible(contacts, &args) + ` ORDER BY c.id DESC LIMIT $4)
		UNION ALL
		(SELECT 2, 'company', c.id, c.name, c.responsible_id, h.value
		FROM hits h JOIN companies c ON c.organization_id = $1 AND c.id = h.record_id
		WHERE h.record_kind = 'company' AND ` + visible(companies, &args) + ` ORDER BY c.id DESC LIMIT $4)
		UNION ALL
		(SELECT 3, 'lead', l.id, l.title, l.responsible_id, h.value
		FROM hits h JOIN leads l ON l.organization_id = $1 AND l.id = h.record_id
		WHERE h.record_kind = 'lead' AND ` + visible(leads, &args) + ` ORDER BY l.id DESC LIMIT $4)
		ORDER BY rank
		LIMIT $4`
	rows, err := s.db.Query(ctx, org, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("look up contact point: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Match, error) {
		var m Match
		var rank int32
		err := row.Scan(&rank, &m.Kind, idRef{&m.ID}, &m.Name, idRef{&m.ResponsibleID}, &m.Matched)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("look up contact point: %w", err)
	}
	return found, nil
}

// Keys is what records of one kind are looked up by, many at a time.
type Keys struct {
	Names, Emails []string
	ExternalIDs   []record.ExternalID
}

// Hit is a record that was looked up. Index is the place of what it answers among the keys of that kind.
type Hit struct {
	ID    string
	By    By
	Index int
}

// By is what a hit was found by.
type By int

// What hits are found by.
const (
	ByName By = iota + 1
	ByExternalID
	ByEmail
)

// LookUp finds records that the caller may see by name, external ID or e-mail address. A name several records bear
// gives several hits.
func (t *table[T, P]) LookUp(ctx context.Context, c record.Caller, k Keys) ([]Hit, error) {
	names, emails := make([]string, len(k.Names)), make([]string, len(k.Emails))
	for i, n := range k.Names {
		names[i] = record.Key(n)
	}
	for i, e := range k.Emails {
		emails[i] = reach.NormalizeEmail(e)
	}
	sources, ids := make([]string, len(k.ExternalIDs)), make([]string, len(k.ExternalIDs))
	for i, x := range k.ExternalIDs {
		sources[i], ids[i] = x.Source, x.ID
	}
	args := []any{c.OrganizationID, names, sources, ids, emails, string(t.kind)}
	// LATERAL with LIMIT, so that a name that thousands bear does not answer with all of them.
	sql := `
		SELECT t.id, 1, n.place - 1
		FROM unnest($2::text[]) WITH ORDINALITY AS n (name_key, place)
		CROSS JOIN LATERAL (
			SELECT id FROM ` + t.name + `
			WHERE organization_id = $1 AND name_key = n.name_key AND deleted_at IS NULL AND ` + visible(c, &args) + `
			ORDER BY id LIMIT 2) AS t
		WHERE n.name_key <> ''
		UNION ALL
		SELECT t.id, 2, n.place - 1
		FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS n (source, external_id, place)
		JOIN external_ids x ON x.organization_id = $1 AND x.record_kind = $6 AND x.source = n.source
			AND x.external_id = n.external_id
		JOIN ` + t.name + ` t ON t.organization_id = $1 AND t.id = x.record_id
		WHERE t.deleted_at IS NULL AND ` + visible(c, &args) + `
		UNION ALL
		SELECT t.id, 3, n.place - 1
		FROM unnest($5::text[]) WITH ORDINALITY AS n (email, place)
		JOIN contact_points p ON p.organization_id = $1 AND p.kind = 'email' AND p.value = n.email AND p.record_kind = $6
		JOIN ` + t.name + ` t ON t.organization_id = $1 AND t.id = p.record_id
		WHERE t.deleted_at IS NULL AND ` + visible(c, &args)
	rows, err := t.db.Query(ctx, c.OrganizationID, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", t.name, err)
	}
	hits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hit, error) {
		var h Hit
		var by int32
		var index int64
		err := row.Scan(idRef{&h.ID}, &by, &index)
		h.By, h.Index = By(by), int(index)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", t.name, err)
	}
	return hits, nil
}

// LookUpContacts finds contacts; see table.LookUp.
func (s *Store) LookUpContacts(ctx context.Context, c record.Caller, k Keys) ([]Hit, error) {
	return s.contacts.LookUp(ctx, c, k)
}

// LookUpCompanies finds companies; see table.LookUp.
func (s *Store) LookUpCompanies(ctx context.Context, c record.Caller, k Keys) ([]Hit, error) {
	return s.companies.LookUp(ctx, c, k)
}
