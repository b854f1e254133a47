package store

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/services/contacts/internal/record"
)

// Select returns a query of the IDs of all records that the caller may see and the filter selects, and its arguments, of
// which the first is the organisation.
func (t *table[T, P]) Select(ctx context.Context, c record.Caller, filter string, deleted bool) (sql string, args []any, err error) {
	var where, cond string
	if err := t.resolve(ctx, c, asking{filter: filter, counts: true}, func(s *aip.Schema) (err error) {
		args = []any{c.OrganizationID}
		where = visible(c, &args)
		cond, err = s.Where(filter, &args)
		return err
	}); err != nil {
		return "", nil, err
	}
	return "SELECT id FROM " + t.name + " WHERE organization_id = $1 AND " + where + " AND " + bin(deleted) + " AND " + cond, args, nil
}
