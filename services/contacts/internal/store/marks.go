package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/services/contacts/internal/record"
)

// The marks that records are found by (CON-23).
const (
	tagMark     = "tag"
	channelMark = "channel"
)

// mark is a row of marks but for the record.
type mark struct{ kind, value, label string }

// marks lists those of a record; one in the bin is not looked up.
func (t *table[T, P]) marks(r *T) []mark {
	if r == nil || P(r).Common().Deleted() {
		return nil
	}
	m := P(r).Common()
	var out []mark
	for _, tag := range m.Tags {
		out = append(out, mark{tagMark, record.Key(tag), tag})
	}
	for _, c := range m.DoNotContact {
		out = append(out, mark{channelMark, c, c})
	}
	return out
}

// queueMarks keeps the rows of marks in step with the records: a statement for those that go, and one for those that come.
func (t *table[T, P]) queueMarks(b *pgx.Batch, org string, changes []*record.Change[T]) {
	type rows struct{ records, kinds, values, labels []string }
	var gone, came rows
	add := func(to *rows, id string, from, in []mark) {
		for _, m := range from {
			if !slices.ContainsFunc(in, func(o mark) bool { return o.kind == m.kind && o.value == m.value }) {
				to.records, to.kinds = append(to.records, id), append(to.kinds, m.kind)
				to.values, to.labels = append(to.values, m.value), append(to.labels, m.label)
			}
		}
	}
	for _, ch := range changes {
		id, before, after := P(ch.After).Common().ID, t.marks(ch.Before), t.marks(ch.After)
		add(&gone, id, before, after)
		add(&came, id, after, before)
	}
	if len(gone.records) > 0 {
		b.Queue(`
			DELETE FROM marks m USING unnest($3::uuid[], $4::text[], $5::text[]) AS n (record_id, mark, value)
			WHERE m.organization_id = $1 AND m.record_kind = $2 AND m.mark = n.mark AND m.value = n.value
				AND m.record_id = n.record_id`, org, string(t.kind), gone.records, gone.kinds, gone.values)
	}
	if len(came.records) > 0 {
		b.Queue(`
			INSERT INTO marks (organization_id, record_kind, mark, value, record_id, label)
			SELECT $1, $2, n.mark, n.value, n.record_id, n.label
			FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) AS n (record_id, mark, value, label)`,
			org, string(t.kind), came.records, came.kinds, came.values, came.labels)
	}
}

// marked finds records by a tag or a channel; with the asterisk, those that have any.
func marked(kind record.Kind, of string) func(aip.Comparison, func(any) string) (string, error) {
	return func(c aip.Comparison, bind func(any) string) (string, error) {
		in := "id IN"
		switch c.Op {
		case "=", ":":
		case "!=":
			in = "id NOT IN"
		default:
			return "", fmt.Errorf("operator %s does not apply; use =, != or the colon", c.Op)
		}
		key := record.Key(c.Value)
		if key == "" {
			return "", errors.New("name one, or use the asterisk for any")
		}
		value := ""
		if key != "*" {
			value = " AND value = " + bind(key)
		}
		return "(" + in + " (SELECT record_id FROM marks WHERE organization_id = $1 AND record_kind = " + bind(string(kind)) +
			" AND mark = " + bind(of) + value + "))", nil
	}
}

// tagProbe is how many records of a tag are looked at to tell whether the caller sees one.
const tagProbe = 500

// Tags lists tags of the caller's records that begin so, in alphabetical order. Each step of the recursion goes to the next
// tag in the index, however many records have it. A tag of many records of which the caller sees few may be missing.
func (t *table[T, P]) Tags(ctx context.Context, c record.Caller, beginning string, limit int) ([]string, error) {
	key := record.Key(beginning)
	args := []any{c.OrganizationID, string(t.kind), key, key + "\U0010FFFF", limit, tagProbe}
	sql := `
		WITH RECURSIVE found (value, label) AS (
			(SELECT value, label FROM marks
			WHERE organization_id = $1 AND record_kind = $2 AND mark = 'tag' AND value >= $3 AND value < $4
			ORDER BY value, record_id LIMIT 1)
			UNION ALL
			SELECT n.value, n.label FROM found f CROSS JOIN LATERAL (
				SELECT value, label FROM marks
				WHERE organization_id = $1 AND record_kind = $2 AND mark = 'tag' AND value > f.value AND value < $4
				ORDER BY value, record_id LIMIT 1) n
		)
		SELECT label FROM found f
		WHERE EXISTS (
			SELECT FROM (
				SELECT record_id FROM marks
				WHERE organization_id = $1 AND record_kind = $2 AND mark = 'tag' AND value = f.value
				ORDER BY record_id DESC LIMIT $6) m
			JOIN ` + t.name + ` r ON r.organization_id = $1 AND r.id = m.record_id
			WHERE r.deleted_at IS NULL AND ` + visible(c, &args) + `)
		LIMIT $5`
	rows, err := t.db.Query(ctx, c.OrganizationID, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list tags of %s: %w", t.name, err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list tags of %s: %w", t.name, err)
	}
	return out, nil
}

// Tags lists tags of records of a kind; see table.Tags.
func (s *Store) Tags(ctx context.Context, c record.Caller, kind record.Kind, beginning string, limit int) ([]string, error) {
	switch kind {
	case record.Contact:
		return s.contacts.Tags(ctx, c, beginning, limit)
	case record.Company:
		return s.companies.Tags(ctx, c, beginning, limit)
	default:
		return s.leads.Tags(ctx, c, beginning, limit)
	}
}
