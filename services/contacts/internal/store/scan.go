package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/services/contacts/internal/alike"
	"kontor.internal/services/contacts/internal/record"
)

// scanSQL compares all records of kind $2 by what they are looked up by: within each number, address and name that a few of
// them share, and each name with its neighbours in the order of the names, read forwards and backwards. So it takes time by the
// number of records and not by its square. Blocks of many say nothing: a switchboard's number, a name that thousands bear.
// Scores are those of alike.Evidence.
func scanSQL() string {
	return fmt.Sprintf(`
	WITH points AS MATERIALIZED (
		SELECT kind, value, record_id FROM contact_points WHERE organization_id = $1 AND record_kind = $2
	), blocks AS (
		SELECT kind, array_agg(record_id) AS ids FROM points GROUP BY kind, value HAVING count(*) BETWEEN 2 AND 20
	), names AS MATERIALIZED (
		SELECT value, array_agg(record_id) AS ids FROM points WHERE kind = 'name' GROUP BY value HAVING count(*) <= 3
	), beside AS (
		SELECT value AS one, unnest(ARRAY[lead(value) OVER w, lead(value, 2) OVER w, lead(value, 3) OVER w]) AS other
		FROM names WINDOW w AS (ORDER BY value)
		UNION
		SELECT value, unnest(ARRAY[lead(value) OVER w, lead(value, 2) OVER w, lead(value, 3) OVER w])
		FROM names WINDOW w AS (ORDER BY reverse(value))
	), hits AS (
		SELECT a, b, kind FROM blocks CROSS JOIN LATERAL unnest(ids) AS a CROSS JOIN LATERAL unnest(ids) AS b WHERE a < b
		UNION ALL
		SELECT least(a, b), greatest(a, b), 'name'
		FROM beside
		JOIN names x ON x.value = beside.one
		JOIN names y ON y.value = beside.other
		CROSS JOIN LATERAL unnest(x.ids) AS a CROSS JOIN LATERAL unnest(y.ids) AS b
		WHERE similarity(beside.one, beside.other) >= %[1]g
	), pairs AS (
		SELECT a, b, bool_or(kind = 'tax') AS tax, bool_or(kind = 'email') AS email, bool_or(kind = 'phone') AS phone,
			bool_or(kind = 'address') AS address
		FROM hits GROUP BY a, b
	), named AS MATERIALIZED (
		SELECT record_id, min(value) AS value FROM points WHERE kind = 'name' GROUP BY record_id
	), compared AS (
		SELECT p.*, CASE WHEN n.value = m.value THEN 1 ELSE similarity(n.value, m.value) END::float8 AS name
		FROM pairs p LEFT JOIN named n ON n.record_id = p.a LEFT JOIN named m ON m.record_id = p.b
	), weighed AS (
		SELECT *, CASE WHEN name < %[2]g THEN 0.5 ELSE 1 END AS shared FROM compared
	), scored AS (
		SELECT *, round((1
			- CASE WHEN tax THEN 1 - %[3]g ELSE 1 END
			* CASE WHEN email THEN 1 - %[4]g * shared ELSE 1 END
			* CASE WHEN phone THEN 1 - %[5]g * shared ELSE 1 END
			* CASE WHEN name >= %[1]g THEN 1 - %[6]g * name ELSE 1 END
			* CASE WHEN address THEN 1 - %[7]g ELSE 1 END)::numeric, 3)::float8 AS score
		FROM weighed
	)
	INSERT INTO duplicate_pairs (organization_id, kind, first_id, second_id, score, reasons, scan_id)
	SELECT $1, $2, a, b, score, array_remove(ARRAY[CASE WHEN tax THEN 'tax_number' END, CASE WHEN email THEN 'emails' END,
		CASE WHEN phone THEN 'phones' END, CASE WHEN name >= %[1]g THEN 'name' END, CASE WHEN address THEN 'addresses' END], NULL), $3
	FROM scored WHERE score >= %[8]g
	ON CONFLICT (organization_id, kind, first_id, second_id) DO UPDATE
	SET score = excluded.score, reasons = excluded.reasons, scan_id = excluded.scan_id`,
		alike.SimilarFrom, alike.Strangers, alike.TaxWeight, alike.EmailWeight, alike.PhoneWeight, alike.NameWeight, alike.AddressWeight, alike.PairScore)
}

// Tx runs fn in a transaction of the organisation that leaves no events.
func (s *Store) Tx(ctx context.Context, org string, fn func(ctx context.Context, tx pgx.Tx) error) error {
	return s.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) { return nil, fn(ctx, tx) })
}

// ScanDuplicates compares all records of a kind and keeps the pairs that may be the same, in the place of those that the scan
// before had found. It is one transaction, so that one that is cut off leaves what was there; done again it finds the same. end
// is run within it, with the number of pairs.
func (s *Store) ScanDuplicates(
	ctx context.Context, org string, kind record.Kind, scanID string, end func(ctx context.Context, tx pgx.Tx, pairs int64) error,
) error {
	err := s.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if _, err := tx.Exec(ctx, `SELECT set_config('work_mem', '128MB', true)`); err != nil {
			return nil, err
		}
		found, err := tx.Exec(ctx, scanSQL(), org, string(kind), scanID)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `
			DELETE FROM duplicate_pairs WHERE organization_id = $1 AND kind = $2 AND scan_id <> $3 AND dismissed_at IS NULL`,
			org, string(kind), scanID); err != nil {
			return nil, err
		}
		return nil, end(ctx, tx, found.RowsAffected())
	})
	if err != nil {
		return fmt.Errorf("scan for duplicates: %w", err)
	}
	return nil
}

// OpenScan notes a scan as the latest of its kind, unless one is under way: it returns the operation of the one there is.
func (s *Store) OpenScan(ctx context.Context, tx pgx.Tx, org string, kind record.Kind, opID string) (string, error) {
	var now string
	if err := tx.QueryRow(ctx, `
		INSERT INTO duplicate_scans AS s (organization_id, kind, operation_id) VALUES ($1, $2, $3)
		ON CONFLICT (organization_id, kind) DO UPDATE SET operation_id = CASE
			WHEN EXISTS (SELECT FROM operations o WHERE o.organization_id = $1 AND o.id = s.operation_id AND o.ended_at IS NULL)
			THEN s.operation_id ELSE excluded.operation_id END
		RETURNING operation_id`, org, string(kind), opID).Scan(idRef{&now}); err != nil {
		return "", fmt.Errorf("open scan: %w", err)
	}
	return now, nil
}

// LatestScan returns the operation of the latest scan of a kind; "" if there was none.
func (s *Store) LatestScan(ctx context.Context, org string, kind record.Kind) (opID string, err error) {
	err = s.db.QueryRow(ctx, org, `
		SELECT operation_id FROM duplicate_scans WHERE organization_id = $1 AND kind = $2`, org, string(kind)).Scan(idRef{&opID})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find scan: %w", err)
	}
	return opID, nil
}

// Pair is two records that may be the same.
type Pair struct {
	FirstID, SecondID string
	Score             float64
	Reasons           []string
}

// Pairs is which pairs are wanted.
type Pairs struct {
	Kind      record.Kind
	MinScore  float64
	Reason    string // empty for any
	Dismissed bool
	Limit     int
	// After is the last one of the page before; nil on the first.
	After *Pair
}

// sees is the condition that a record t of a pair p is as condition says.
func sees(kind record.Kind, column, condition string) string {
	return "EXISTS (SELECT FROM " + tableOf(kind) + " t WHERE t.organization_id = $1 AND t.id = p." + column + " AND " + condition + ")"
}

// Duplicates returns pairs, surest first, of which the caller sees both.
func (s *Store) Duplicates(ctx context.Context, c record.Caller, q Pairs) ([]Pair, error) {
	args := []any{c.OrganizationID, string(q.Kind), q.MinScore, q.Reason, q.Limit}
	sql := `
		SELECT first_id, second_id, score, reasons FROM duplicate_pairs p
		WHERE organization_id = $1 AND kind = $2 AND score >= $3 AND ($4 = '' OR $4 = ANY(reasons)) AND dismissed_at IS `
	if q.Dismissed {
		sql += "NOT "
	}
	live := visible(c, &args) + " AND t.deleted_at IS NULL"
	sql += "NULL AND " + sees(q.Kind, "first_id", live) + " AND " + sees(q.Kind, "second_id", live)
	if a := q.After; a != nil {
		n := len(args)
		args = append(args, a.Score, a.FirstID, a.SecondID)
		sql += fmt.Sprintf(" AND (-score, first_id, second_id) > (-$%d::float8, $%d::uuid, $%d::uuid)", n+1, n+2, n+3)
	}
	rows, err := s.db.Query(ctx, c.OrganizationID, sql+` ORDER BY score DESC, first_id, second_id LIMIT $5`, args...)
	if err != nil {
		return nil, fmt.Errorf("list duplicates: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Pair, err error) {
		return p, row.Scan(idRef{&p.FirstID}, idRef{&p.SecondID}, &p.Score, &p.Reasons)
	})
	if err != nil {
		return nil, fmt.Errorf("list duplicates: %w", err)
	}
	return out, nil
}

// Dismiss notes that a pair, of which the caller sees both, is none, or takes that back. It returns false if there is no such
// pair.
func (s *Store) Dismiss(ctx context.Context, c record.Caller, kind record.Kind, a, b string, undo bool) (bool, error) {
	args := []any{c.OrganizationID, string(kind), min(a, b), max(a, b), undo, pgUUID(c.UserID)}
	sql := `
		UPDATE duplicate_pairs p
		SET dismissed_at = CASE WHEN $5 THEN NULL ELSE now() END, dismissed_by = CASE WHEN $5 THEN NULL ELSE $6::uuid END
		WHERE organization_id = $1 AND kind = $2 AND first_id = $3 AND second_id = $4`
	seen := visible(c, &args)
	sql += " AND " + sees(kind, "first_id", seen) + " AND " + sees(kind, "second_id", seen)
	var id string
	err := s.db.QueryRow(ctx, c.OrganizationID, sql+` RETURNING first_id`, args...).Scan(idRef{&id})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("dismiss duplicate: %w", err)
	}
	return true, nil
}
