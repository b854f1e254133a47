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

// PutName keeps a name, unless a newer one is there. A record in its owner's bin keeps its name: deals still refer to it.
func PutName(ctx context.Context, tx pgx.Tx, org string, n Name) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO names (organization_id, kind, id, name, version)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (organization_id, kind, id) DO UPDATE
		SET name = excluded.name, version = excluded.version
		WHERE names.version < excluded.version`, org, n.Kind, n.ID, n.Name, n.Version)
	if err != nil {
		return fmt.Errorf("keep name of %s: %w", n.Kind, err)
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
