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
	// perPoint is how many records that share numbers, addresses or a name are looked at, of those that the caller sees; a
	// switchboard's number has hundreds.
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
	if c.View.None() {
		return nil, nil
	}
	var scope []string // nil for all
	if !c.View.All() {
		scope = c.View.Users()
	}
	args := []any{c.OrganizationID, string(t.kind), kinds, values, record.Key(name), begins, search.Within(name), scope, pgUUID(c.UserID)}
	// Limits come after rights: what others may see takes nobody's place. Of many that share a number, those that share most
	// else come first.
	seen := visible(c, &args)
	rows := `FROM contact_points p JOIN ` + t.name + ` t ON t.organization_id = $1 AND t.id = p.record_id AND ` + seen + `
				WHERE p.organization_id = $1 AND p.record_kind = $2`
	if c.View.All() {
		rows = `FROM contact_points p WHERE p.organization_id = $1 AND p.record_kind = $2`
	}
	sql := t.selectSQL + ` AND deleted_at IS NULL AND id = ANY(ARRAY(
			(SELECT p.record_id
			FROM unnest($3::text[], $4::text[]) AS n (kind, value)
			CROSS JOIN LATERAL (SELECT p.record_id ` + rows + ` AND p.kind = n.kind AND p.value = n.value OFFSET 0) p
			GROUP BY p.record_id ORDER BY count(*) DESC, p.record_id DESC LIMIT ` + strconv.Itoa(perPoint) + `)
			UNION
			SELECT ` + t.name + `_alike($5, $7, $8::uuid[], $9::uuid, ` + strconv.Itoa(perPoint) + `)
			UNION
			(SELECT p.record_id ` + rows + ` AND p.kind = 'name' AND p.value >= $6 AND p.value < $6 || chr(1114109) AND $6 <> ''
			ORDER BY p.value LIMIT ` + strconv.Itoa(perPoint) + `)))
		AND ` + seen + ` `
	if except != "" {
		args = append(args, except)
		sql += ` AND id <> $` + strconv.Itoa(len(args))
	}
	found, err := t.db.Query(ctx, c.OrganizationID, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("look for %s alike: %w", t.name, err)
	}
	defer found.Close()
	var out []*T
	for found.Next() {
		r := new(T)
		if err := found.Scan(t.refs(r)...); err != nil {
			return nil, fmt.Errorf("look for %s alike: %w", t.name, err)
		}
		out = append(out, r)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("look for %s alike: %w", t.name, err)
	}
	return out, nil
}
