package customfields

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/pg"
)

// Schema is the tables of this package, to be copied into a migration of each service that has custom fields.
//
//go:embed schema.sql
var Schema string

// uniqueIndex is violated by a value that another record has.
const uniqueIndex = "custom_values_unique"

// IsTaken reports whether a write failed because another record has a value that must be unique. [Definitions.Taken] tells
// which.
func IsTaken(err error) bool { return pg.IsUnique(err, uniqueIndex) }

// Rows are the changes of index rows in one transaction, of many records at once.
type Rows struct {
	goneRecords, goneFields []string
	records, fields, values []string
	searchable, live        []bool
	hidden, shown, purged   []string
}

// Save notes the values of a record before and after a change. Only fields whose values differ are touched. live is false
// for a record in the bin, whose values may be taken by others.
func (r *Rows) Save(k *Kind, recordID string, before, after Values, live bool) {
	for key, v := range after {
		if f := k.all[key]; f != nil && !equal(v, before[key]) {
			if before[key] != nil {
				r.gone(recordID, f)
			}
			r.came(recordID, f, v, live)
		}
	}
	for key := range before {
		if f := k.all[key]; f != nil && after[key] == nil {
			r.gone(recordID, f)
		}
	}
}

func (r *Rows) gone(recordID string, f *Field) {
	r.goneRecords, r.goneFields = append(r.goneRecords, recordID), append(r.goneFields, f.Def.GetId())
}

func (r *Rows) came(recordID string, f *Field, v any, live bool) {
	for _, key := range f.keys(v) {
		r.records, r.fields, r.values = append(r.records, recordID), append(r.fields, f.Def.GetId()), append(r.values, key)
		r.searchable, r.live = append(r.searchable, f.searchable()), append(r.live, live)
	}
}

// Hide gives up what is unique of a record that goes to the bin.
func (r *Rows) Hide(recordID string) { r.hidden = append(r.hidden, recordID) }

// Unhide claims it again for a record that comes out of the bin.
func (r *Rows) Unhide(recordID string) { r.shown = append(r.shown, recordID) }

// Purge takes all rows of a record that is gone.
func (r *Rows) Purge(recordID string) { r.purged = append(r.purged, recordID) }

// Queue adds the statements to a batch: at most one of each kind, however many records there are. What is taken away
// goes first, for another record may be getting it.
func (r *Rows) Queue(b *pgx.Batch, org string) {
	if len(r.goneRecords) > 0 {
		b.Queue(`
			DELETE FROM custom_values v
			USING unnest($2::uuid[], $3::uuid[]) AS n (record_id, field_id)
			WHERE v.organization_id = $1 AND v.record_id = n.record_id AND v.field_id = n.field_id`,
			org, r.goneRecords, r.goneFields)
	}
	if len(r.purged) > 0 {
		b.Queue(`DELETE FROM custom_values WHERE organization_id = $1 AND record_id = ANY($2::uuid[])`, org, r.purged)
	}
	if len(r.hidden) > 0 {
		b.Queue(`
			UPDATE custom_values SET live = false, is_unique = false
			WHERE organization_id = $1 AND record_id = ANY($2::uuid[]) AND live`, org, r.hidden)
	}
	if len(r.shown) > 0 {
		b.Queue(`
			UPDATE custom_values v SET live = true, is_unique = f.is_unique
			FROM custom_fields f
			WHERE v.organization_id = $1 AND v.record_id = ANY($2::uuid[]) AND NOT v.live
				AND f.organization_id = $1 AND f.id = v.field_id`, org, r.shown)
	}
	if len(r.records) > 0 {
		// Whether the field is unique is read here, and not from what the process remembers: that may be a second old.
		b.Queue(`
			INSERT INTO custom_values (organization_id, record_id, field_id, value, searchable, live, is_unique)
			SELECT $1, n.record_id, n.field_id, n.value, n.searchable, n.live, n.live AND f.is_unique
			FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::boolean[]) AS n (record_id, field_id, value, searchable, live)
			JOIN custom_fields f ON f.organization_id = $1 AND f.id = n.field_id`,
			org, r.records, r.fields, r.values, r.searchable, r.live)
	}
}

// Taken returns what to tell a caller whose write failed with [IsTaken]: ErrTaken naming the fields whose values other
// records have.
func (d *Definitions) Taken(ctx context.Context, org string, k *Kind, recordID string, values Values) error {
	err := ErrTaken
	for _, f := range k.Fields {
		v := values[f.Def.GetKey()]
		if !f.Def.GetUnique() || v == nil {
			continue
		}
		var taken bool
		qerr := d.DB.QueryRow(ctx, org, `
			SELECT EXISTS (SELECT FROM custom_values WHERE organization_id = $1 AND field_id = $2 AND value = ANY($3) AND is_unique AND record_id <> $4)`,
			org, f.Def.GetId(), f.keys(v), recordID).Scan(&taken)
		if qerr != nil {
			return fmt.Errorf("look up unique values: %w", qerr)
		}
		if taken {
			err = err.WithField(f.path, "another record has this value")
		}
	}
	return err
}
