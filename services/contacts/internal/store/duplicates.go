package store

import (
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"

	"kontor.internal/libs/search"
	"kontor.internal/services/contacts/internal/alike"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

const (
	// perPoint is how many records that share one number, address or name are looked at; a switchboard's number has hundreds.
	perPoint = 100
	// prefix is how many letters of a name's key are taken to begin alike.
	prefix = 6
)

// Alike see [duplicate.Store].
func (t *table[T, P]) Alike(ctx context.Context, c record.Caller, points []reach.Point, name, except string) ([]*T, error) {
	kinds, values, begins := make([]string, len(points)), make([]string, len(points)), ""
	for i, p := range points {
		kinds[i], values[i] = p.Kind, p.Value
		if p.Kind == alike.NamePoint && utf8.RuneCountInString(p.Value) > prefix {
			begins = string([]rune(p.Value)[:prefix])
		}
	}
	args := []any{c.OrganizationID, string(t.kind), kinds, values, record.Key(name), begins, search.Within(name)}
	sql := t.selectSQL + ` AND deleted_at IS NULL AND id = ANY(ARRAY(
			SELECT p.record_id
			FROM unnest($3::text[], $4::text[]) AS n (kind, value)
			CROSS JOIN LATERAL (
				SELECT record_id FROM contact_points
				WHERE organization_id = $1 AND kind = n.kind AND value = n.value AND record_kind = $2
				LIMIT ` + strconv.Itoa(perPoint) + `) p
			UNION
			SELECT ` + t.name + `_alike($5, $7, ` + strconv.Itoa(perPoint) + `)
			UNION
			(SELECT record_id FROM contact_points
			WHERE organization_id = $1 AND kind = 'name' AND value >= $6 AND value < $6 || chr(1114109) AND record_kind = $2 AND $6 <> ''
			ORDER BY value LIMIT ` + strconv.Itoa(perPoint) + `)))
		AND ` + visible(c, &args)
	if except != "" {
		args = append(args, except)
		sql += ` AND id <> $` + strconv.Itoa(len(args))
	}
	rows, err := t.db.Query(ctx, c.OrganizationID, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("look for %s alike: %w", t.name, err)
	}
	defer rows.Close()
	var out []*T
	for rows.Next() {
		r := new(T)
		if err := rows.Scan(t.refs(r)...); err != nil {
			return nil, fmt.Errorf("look for %s alike: %w", t.name, err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for %s alike: %w", t.name, err)
	}
	return out, nil
}
