package views

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/pg"
)

// Kinds of names.
const (
	KindCompany = "company"
	KindContact = "contact"
	KindProduct = "product"
)

// Name is what a record of another service is called.
type Name struct {
	Kind, ID, Name string
	// Version of the owner's record.
	Version int64
}

// PutNames keeps names, each unless a newer one is there, in one statement. A record in its owner's bin keeps its name:
// deals still refer to it.
func PutNames(ctx context.Context, tx pgx.Tx, org string, names []Name) error {
	kinds, ids, texts, versions := make([]string, len(names)), make([]string, len(names)), make([]string, len(names)), make([]int64, len(names))
	for i, n := range names {
		kinds[i], ids[i], texts[i], versions[i] = n.Kind, n.ID, n.Name, n.Version
	}
	// Of several for one record the newest: a row can be touched once.
	_, err := tx.Exec(ctx, `
		INSERT INTO names (organization_id, kind, id, name, version)
		SELECT DISTINCT ON (n.kind, n.id) $1::uuid, n.kind, n.id, n.name, n.version
		FROM unnest($2::text[], $3::uuid[], $4::text[], $5::bigint[]) AS n (kind, id, name, version)
		ORDER BY n.kind, n.id, n.version DESC
		ON CONFLICT (organization_id, kind, id) DO UPDATE
		SET name = excluded.name, version = excluded.version
		WHERE names.version < excluded.version`, org, kinds, ids, texts, versions)
	if err != nil {
		return fmt.Errorf("keep names: %w", err)
	}
	return nil
}

// Names returns the names of records by their ID. IDs are unique across kinds.
func Names(ctx context.Context, db *pg.DB, org string, ids []string) (map[string]string, error) {
	if len(ids) == 0 {
		return map[string]string{}, nil
	}
	rows, err := db.Query(ctx, org, `
		SELECT id::text, name
		FROM names
		WHERE organization_id = $1 AND kind = ANY('{company,contact,product}') AND id = ANY($2)`, org, ids)
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	names := make(map[string]string, len(ids))
	var id, name string
	if _, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil }); err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	return names, nil
}
