package store

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/customfields"
	"kontor.internal/services/contacts/internal/record"
)

// pair is the key of a look-up row: kind and value of a point, source and ID of an external ID.
type pair [2]string

// lookUpRows are rows to be added or taken away, column by column.
type lookUpRows struct{ records, a, b []string }

func (r *lookUpRows) add(recordID string, pairs []pair) {
	for _, p := range pairs {
		r.records, r.a, r.b = append(r.records, recordID), append(r.a, p[0]), append(r.b, p[1])
	}
}

// missing returns what only the first list has.
func missing(from, in []pair) []pair {
	var out []pair
	for _, p := range from {
		if !slices.Contains(in, p) {
			out = append(out, p)
		}
	}
	return out
}

// queueIndex adds the statements that keep look-up rows in step with the records: at most one of each kind, however many
// changes there are. What is taken away goes first, for another record may be getting it.
func (t *table[T, P]) queueIndex(b *pgx.Batch, org string, changes []*record.Change[T]) {
	var gone, came, lost, got lookUpRows
	for _, ch := range changes {
		id := P(ch.After).Common().ID
		before, after := t.lookUp(ch.Before), t.lookUp(ch.After)
		gone.add(id, missing(before, after))
		came.add(id, missing(after, before))
		before, after = t.external(ch.Before), t.external(ch.After)
		lost.add(id, missing(before, after))
		got.add(id, missing(after, before))
	}
	if len(gone.records) > 0 {
		b.Queue(`
			DELETE FROM contact_points p
			USING unnest($3::uuid[], $4::text[], $5::text[]) AS n (record_id, kind, value)
			WHERE p.organization_id = $1 AND p.kind = n.kind AND p.value = n.value AND p.record_kind = $2
				AND p.record_id = n.record_id`, org, string(t.kind), gone.records, gone.a, gone.b)
	}
	if len(came.records) > 0 {
		b.Queue(`
			INSERT INTO contact_points (organization_id, kind, value, record_kind, record_id)
			SELECT $1, n.kind, n.value, $2, n.record_id
			FROM unnest($3::uuid[], $4::text[], $5::text[]) AS n (record_id, kind, value)`,
			org, string(t.kind), came.records, came.a, came.b)
	}
	if len(lost.records) > 0 {
		b.Queue(`
			DELETE FROM external_ids x
			USING unnest($3::uuid[], $4::text[], $5::text[]) AS n (record_id, source, external_id)
			WHERE x.organization_id = $1 AND x.record_kind = $2 AND x.source = n.source AND x.external_id = n.external_id
				AND x.record_id = n.record_id`, org, string(t.kind), lost.records, lost.a, lost.b)
	}
	if len(got.records) > 0 {
		b.Queue(`
			INSERT INTO external_ids (organization_id, record_kind, source, external_id, record_id)
			SELECT $1, $2, n.source, n.external_id, n.record_id
			FROM unnest($3::uuid[], $4::text[], $5::text[]) AS n (record_id, source, external_id)`,
			org, string(t.kind), got.records, got.a, got.b)
	}
	t.queueCustom(b, org, changes)
	t.queueMarks(b, org, changes)
	if t.more != nil {
		t.more(b, org, changes)
	}
}

// knowFields notes the organisation's fields at records whose custom fields are taken back to what they were without having
// been checked again.
func (t *table[T, P]) knowFields(ctx context.Context, org string, changes []*record.Change[T]) error {
	for _, ch := range changes {
		after := P(ch.After).Common()
		var before customfields.Values
		if ch.Before != nil {
			before = P(ch.Before).Common().Custom
		}
		if after.Fields != nil || maps.EqualFunc(before, after.Custom, customfields.Equal) {
			continue
		}
		kind, err := t.custom.Kind(ctx, org, string(t.kind))
		if err != nil {
			return err
		}
		after.Fields = kind
	}
	return nil
}

// queueCustom keeps the index of custom fields in step with the records.
func (t *table[T, P]) queueCustom(b *pgx.Batch, org string, changes []*record.Change[T]) {
	var rows customfields.Rows
	for _, ch := range changes {
		after := P(ch.After).Common()
		var before record.Meta
		if ch.Before != nil {
			before = *P(ch.Before).Common()
		}
		if after.Fields != nil {
			rows.Save(after.Fields, after.ID, before.Custom, after.Custom, !after.Deleted())
		}
		switch {
		case after.Deleted() && !before.Deleted():
			rows.Hide(after.ID)
		case before.Deleted() && !after.Deleted():
			rows.Unhide(after.ID)
		}
	}
	rows.Queue(b, org)
}

// lookUp lists the points of a record; one in the bin is not looked up.
func (t *table[T, P]) lookUp(r *T) []pair {
	if r == nil || P(r).Common().Deleted() {
		return nil
	}
	points := t.points(r)
	out := make([]pair, len(points))
	for i, p := range points {
		out[i] = pair{p.Kind, p.Value}
	}
	return out
}

// external lists the external IDs of a record; one in the bin has given them up.
func (t *table[T, P]) external(r *T) []pair {
	if r == nil || P(r).Common().Deleted() {
		return nil
	}
	ids := P(r).Common().ExternalIDs
	out := make([]pair, len(ids))
	for i, x := range ids {
		out[i] = pair{x.Source, x.ID}
	}
	return out
}
