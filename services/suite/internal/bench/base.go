package bench

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/services/suite/internal/remote"
)

// base measures a large customer base: contacts with two custom fields, each hundredth with the number of the one before.
// What is asked is asked of one connection at a time, and so is the bare SELECT beside it, on a table of its own with a
// column and an index for what the suite keeps in fields that an organisation makes up.
func (r *run) base(ctx context.Context) error {
	for _, field := range []remote.Object{{"label": "Grade", "type": "TYPE_STRING"}, {"label": "Area", "type": "TYPE_NUMBER"}} {
		if err := r.client.Post(ctx, "/v1/customFields/contact", field, nil); err != nil {
			return fmt.Errorf("custom field: %w", err)
		}
	}
	const mapping = `
kind: contact
source: {file: contact.csv}
external_id: {source: base, column: id}
duplicates: skip
fields:
  first_name: {column: first}
  last_name: {column: last}
  emails: {column: email}
  phones: {column: phone}
  position: {column: position}
  custom_fields.grade: {column: grade}
  custom_fields.area: {column: area}
`
	took, err := r.importFile(ctx, "contact", mapping, r.Contacts, func(w *csv.Writer) error {
		if err := w.Write([]string{"id", "first", "last", "email", "phone", "position", "grade", "area"}); err != nil {
			return err
		}
		for i := range r.Contacts {
			n := strconv.Itoa(i)
			if err := w.Write([]string{
				n, "First" + n, "Last" + strconv.Itoa(i*7919%r.Contacts), "p" + n + "@example.com", basePhone(i), "Buyer",
				"grade " + strconv.Itoa(i%20), strconv.Itoa(i * 31 % r.Contacts),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.row(fmt.Sprintf("import of %d contacts with two custom fields", r.Contacts), took.perSecond(), "15,000 rows/s", "")
	r.row("that import: CPU per row, services and database", took.cpuPerRow(), "", "")
	r.row("that import: most memory of the suite", fmt.Sprintf("%d MB", took.memory>>20), "400 MB", "")

	err = r.withDatabase(ctx, "contacts", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			CREATE TABLE bare AS SELECT id, name_key, custom ->> 'grade' AS grade, (custom ->> 'area')::int AS area FROM contacts;
			CREATE INDEX bare_area ON bare (area, id);
			ANALYZE bare`)
		return err
	})
	if err != nil {
		return fmt.Errorf("table for the bare SELECT: %w", err)
	}
	return errors.Join(r.basePages(ctx), r.baseSearch(ctx), r.baseScan(ctx))
}

// basePhone is the number of a row.
func basePhone(i int) string {
	if i%100 == 99 {
		i--
	}
	return fmt.Sprintf("+4930%07d", i)
}

// basePages measures a page filtered and sorted by custom fields, the first and one 10,000 records on.
func (r *run) basePages(ctx context.Context) error {
	path := func(size int, token string) string {
		return "/v1/contacts?" + url.Values{
			"pageSize": {strconv.Itoa(size)}, "filter": {`custom_fields.grade = "grade 7"`}, "orderBy": {"custom_fields.area"}, "pageToken": {token},
		}.Encode()
	}
	if err := r.beside(ctx, "first page of 50, filtered and sorted by custom fields", "p99 < 30 ms", func(int) string { return path(50, "") },
		`SELECT id, name_key FROM bare WHERE grade = $1 ORDER BY area, id LIMIT 51`, func(int) []any { return []any{"grade 7"} }); err != nil {
		return err
	}
	var page struct {
		Contacts []struct {
			ID string `json:"id"`
		} `json:"contacts"`
		NextPageToken string `json:"nextPageToken"`
	}
	deep := min(10_000, r.Contacts/40)
	size := min(200, deep)
	for done := 0; done < deep; done += size {
		token := page.NextPageToken
		page.Contacts, page.NextPageToken = nil, ""
		if err := r.client.Get(ctx, path(size, token), nil, &page); err != nil {
			return err
		}
		if page.NextPageToken == "" {
			return fmt.Errorf("the list ends after %d records", done+len(page.Contacts))
		}
	}
	var area int
	last := page.Contacts[len(page.Contacts)-1].ID
	err := r.withDatabase(ctx, "contacts", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT area FROM bare WHERE id = $1`, last).Scan(&area)
	})
	if err != nil {
		return err
	}
	return r.beside(ctx, fmt.Sprintf("the page after %d of them", deep), "p99 < 30 ms",
		func(int) string { return path(50, page.NextPageToken) },
		`SELECT id, name_key FROM bare WHERE grade = $1 AND (area, id) > ($2, $3::uuid) ORDER BY area, id LIMIT 51`,
		func(int) []any { return []any{"grade 7", area, last} })
}

// baseSearch measures the search as one types, and who a number belongs to.
func (r *run) baseSearch(ctx context.Context) error {
	var org string
	err := r.withDatabase(ctx, "contacts", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT organization_id::text FROM contacts LIMIT 1`).Scan(&org)
	})
	if err != nil {
		return err
	}
	typed := func(i int) string {
		n := strconv.Itoa(i * 7919 % r.Contacts)
		return []string{"first" + n, "last" + n, "p" + n + "@exam", "frist" + n}[i%4] // the last one is a slip
	}
	return errors.Join(
		r.beside(ctx, "search as one types", "p99 < 80 ms",
			func(i int) string { return "/v1/search?" + url.Values{"q": {typed(i)}}.Encode() },
			`SELECT id FROM contacts WHERE organization_id = $1 AND name_key >= $2 AND name_key < $2 || 'ÿ' AND deleted_at IS NULL
			ORDER BY name_key LIMIT 10`,
			func(i int) []any { return []any{org, typed(i)} }),
		r.beside(ctx, "who a telephone number belongs to", "p99 < 3 ms",
			func(i int) string {
				return "/v1/contacts:lookup?" + url.Values{"phone": {basePhone(i * 7919 % r.Contacts)}}.Encode()
			},
			`SELECT record_id FROM contact_points WHERE organization_id = $1 AND kind = 'phone' AND value = $2`,
			func(i int) []any { return []any{org, basePhone(i * 7919 % r.Contacts)} }),
	)
}

// baseScan measures the scan of all contacts for duplicates.
func (r *run) baseScan(ctx context.Context) error {
	var out struct {
		Operation remote.Operation `json:"operation"`
	}
	began := time.Now()
	if err := r.client.Post(ctx, "/v1/duplicates:scan", remote.Object{"kind": "contact"}, &out); err != nil {
		return err
	}
	for id := out.Operation.ID; out.Operation.EndTime == ""; {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if err := r.client.Get(ctx, "/v1/operations/"+id, nil, &out); err != nil {
			return err
		}
	}
	took := time.Since(began)
	if out.Operation.State != "STATE_SUCCEEDED" {
		return fmt.Errorf("scan: %s %s", out.Operation.State, out.Operation.Error)
	}
	began = time.Now()
	err := r.withDatabase(ctx, "contacts", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SELECT kind, value, array_agg(record_id) FROM contact_points GROUP BY kind, value HAVING count(*) > 1`)
		return err
	})
	bare := time.Since(began)
	r.row(fmt.Sprintf("scan of %d contacts for duplicates", r.Contacts), seconds(took), "3 min; bare grouping "+seconds(bare),
		fmt.Sprintf("%.1f times", took.Seconds()/bare.Seconds()))
	return err
}

// beside measures requests alone, and a bare SELECT, and how many times as long they take.
func (r *run) beside(ctx context.Context, what, wanted string, path func(i int) string, sql string, args func(i int) []any) error {
	if err := r.signIn(ctx); err != nil { // a token lives ten minutes
		return err
	}
	res, err := r.load(ctx, "base", 1, r.length(), func(_, i int) []byte { return r.get(path(i)) })
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	var times []time.Duration
	err = r.withDatabase(ctx, "contacts", func(conn *pgx.Conn) error {
		for i, began := 0, time.Now(); time.Since(began) < r.length()/3; i++ {
			asked := time.Now()
			rows, err := conn.Query(ctx, sql, args(i)...)
			if err != nil {
				return err
			}
			rows.Close()
			if err := rows.Err(); err != nil {
				return err
			}
			times = append(times, time.Since(asked))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: bare: %w", what, err)
	}
	r.row(what+", alone: p50 / p99", ms(quantile(res.times, .5))+" / "+ms(quantile(res.times, .99)),
		wanted+"; bare SELECT "+ms(quantile(times, .5))+" / "+ms(quantile(times, .99)),
		fmt.Sprintf("%.1f times", quantile(res.times, .5).Seconds()/quantile(times, .5).Seconds()))
	return nil
}
