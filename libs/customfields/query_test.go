package customfields_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// CON-12: filters with and, or, not, ranges, several values, parts and having any at all, and orders, as of built-in
// fields.
func TestFiltersAndOrders(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tags := field("Tags", customfieldsv1.Type_TYPE_CHOICES)
	tags.Choices = []*customfieldsv1.Choice{{Label: "Hot"}, {Label: "Cold"}}
	for _, f := range []*customfieldsv1.CustomField{
		field("Word", customfieldsv1.Type_TYPE_STRING), field("Area", customfieldsv1.Type_TYPE_NUMBER), tags, size(),
		field("Budget", customfieldsv1.Type_TYPE_MONEY), field("Day", customfieldsv1.Type_TYPE_DATE),
		field("At", customfieldsv1.Type_TYPE_DATE_TIME), field("Agreed", customfieldsv1.Type_TYPE_BOOLEAN),
	} {
		w.define("contact", f)
	}
	money := func(currency, amount string) map[string]string {
		return map[string]string{"currency": currency, "amount": amount}
	}
	for _, r := range []struct {
		name   string
		values customfields.Values
	}{
		{"a", customfields.Values{"word": "Alpha Beta", "area": json.Number("-12.5"), "tags": []string{"hot", "cold"}, "size": "small"}},
		{"b", customfields.Values{"word": "beta", "area": json.Number("2"), "tags": []string{"cold"}, "size": "large", "budget": money("EUR", "900")}},
		{"c", customfields.Values{"word": "gamma_%", "area": json.Number("10"), "budget": money("USD", "1000"), "day": "2026-11-21", "agreed": true}},
		{"d", customfields.Values{"area": json.Number("-12"), "at": "2026-11-21T23:30:00Z", "agreed": false}},
		{"e", nil},
		{"f", customfields.Values{"area": json.Number("0.001"), "day": "2025-01-01", "at": "2026-11-22T00:00:00Z"}},
	} {
		require.NoError(t, w.put(id.New(), r.name, r.values))
	}
	for _, c := range []struct{ filter, orderBy, want string }{
		{`custom_fields.word = "BETA"`, "name", "b"},
		{`custom_fields.word = "alpha*"`, "name", "a"},
		{`custom_fields.word:"eta"`, "name", "a b"},
		{`custom_fields.word:"_%"`, "name", "c"},
		{`custom_fields.word:*`, "name", "a b c"},
		{`custom_fields.word = ""`, "name", "d e f"},
		{`custom_fields.word != ""`, "name", "a b c"},
		{`custom_fields.word != "beta"`, "name", "a c d e f"},
		{`customFields.word = "beta" OR custom_fields.area > 5`, "name", "b c"},
		{`custom_fields.area < 0`, "name", "a d"},
		{`custom_fields.area <= -12`, "name", "a d"},
		{`custom_fields.area < -12`, "name", "a"},
		{`custom_fields.area >= 0.001 AND custom_fields.area <= 2`, "name", "b f"},
		{`NOT custom_fields.area < 0`, "name", "b c e f"},
		{`custom_fields.tags:hot`, "name", "a"},
		{`custom_fields.tags:"Cold"`, "name", "a b"},
		{`custom_fields.tags != cold`, "name", "c d e f"},
		{`custom_fields.size = "Large" OR custom_fields.size = small`, "name desc", "b a"},
		{`custom_fields.budget > 899.99`, "name", "b c"},
		{`custom_fields.budget.currency = "USD"`, "name", "c"},
		{`custom_fields.day = "2026-11-21"`, "name", "c"},
		{`custom_fields.day < "2026-01-01"`, "name", "f"},
		{`custom_fields.at = "2026-11-21"`, "name", "d"},
		{`custom_fields.at > "2026-11-21"`, "name", "f"},
		{`custom_fields.at >= "2026-11-21T23:30:00Z"`, "name", "d f"},
		{`custom_fields.agreed = false`, "name", "d"},
		{`name != "e" AND NOT (custom_fields.agreed = true OR custom_fields.tags:cold)`, "name", "d f"},

		{``, "custom_fields.area", "a d f b c e"},
		{``, "custom_fields.area desc", "c b f d a e"},
		{``, "custom_fields.word", "a b c d e f"},
		{``, "custom_fields.word desc, name", "c b a d e f"},
		{``, "custom_fields.agreed, custom_fields.area desc", "d c b f a e"},
		{`custom_fields.area < 5`, "custom_fields.area desc", "b f d a"},
		{`NOT custom_fields.area < 5`, "custom_fields.area", "c e"},
		{`custom_fields.area = ""`, "custom_fields.area", "e"},
		{`name != "b"`, "customFields.budget, name desc", "c f e d a"},
	} {
		for size := int32(1); size <= 7; size++ { // pages of every size join up
			got, err := w.list(listRequest{filter: c.filter, orderBy: c.orderBy, size: size})
			require.NoError(t, err, c.filter)
			require.Equal(t, c.want, strings.Join(got, " "), "%s by %s in pages of %d", c.filter, c.orderBy, size)
		}
	}
	for filter, says := range map[string]string{
		`custom_fields.nope = 1`:            "no custom field with the key",
		`custom_fields.area = much`:         "is not a number",
		`custom_fields.size = "Huge"`:       "not one of the choices",
		`custom_fields.agreed > false`:      "does not apply",
		`custom_fields.day = "yesterday"`:   "is not a day",
		`custom_fields.agreed = perhaps`:    "neither true nor false",
		`custom_fields = 1`:                 "unknown field",
		`custom_fields.'; DROP TABLE x = 1`: "",
	} {
		_, err := w.list(listRequest{filter: filter})
		require.ErrorIs(t, err, aip.ErrFilter, filter)
		require.ErrorContains(t, err, says, filter)
	}
	for _, orderBy := range []string{"custom_fields.tags", "custom_fields.nope", "custom_fields", "custom_fields.area, custom_fields.area desc"} {
		_, err := w.list(listRequest{orderBy: orderBy})
		require.ErrorIs(t, err, aip.ErrOrderBy, orderBy)
	}
}

// CON-12: one of many who take a unique value at once gets it.
func TestUniqueValueHasOneWinner(t *testing.T) {
	t.Parallel()
	w := setup(t)
	f := field("Number", customfieldsv1.Type_TYPE_STRING)
	f.Unique = true
	w.define("contact", f)
	won := make(chan bool, 8)
	for i := range 8 {
		go func() {
			err := w.put(id.New(), strconv.Itoa(i), customfields.Values{"number": "N-1"})
			won <- err == nil
			if err != nil && !customfields.IsTaken(err) {
				t.Errorf("%v", err)
			}
		}()
	}
	n := 0
	for range 8 {
		if <-won {
			n++
		}
	}
	require.Equal(t, 1, n)
	names, err := w.list(listRequest{filter: `custom_fields.number = "n-1"`})
	require.NoError(t, err)
	require.Len(t, names, 1)
	err = w.defs.Taken(t.Context(), w.org, w.kind("contact"), id.New(), customfields.Values{"number": "n-1"})
	require.ErrorIs(t, err, customfields.ErrTaken)
	require.ErrorContains(t, err, "custom_fields.number")
}

func (w *world) work(ctx context.Context) error {
	worker := &customfields.Worker{Definitions: w.defs, Service: "test"}
	w.mu.Lock()
	jobs := slices.Clone(w.jobs)
	w.mu.Unlock()
	for _, job := range jobs {
		if err := worker.Work(ctx, &river.Job[customfields.Job]{Args: job}); err != nil {
			return err
		}
	}
	return nil
}

// CON-12: a field made unique later: the values that are there are compared in the background, which may be killed; who
// has the same is listed; from then on nobody takes a value that another has.
func TestMadeUniqueLater(t *testing.T) {
	t.Parallel()
	w := setup(t)
	f := w.define("contact", field("Number", customfieldsv1.Type_TYPE_STRING))
	require.NoError(t, w.db.App.Write(t.Context(), w.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		var rows customfields.Rows
		for i := range 1200 {
			rows.Save(w.kind("contact"), id.New(), nil, customfields.Values{"number": fmt.Sprint("N-", i)}, true)
		}
		b := &pgx.Batch{}
		rows.Queue(b, w.org)
		return nil, tx.SendBatch(ctx, b).Close()
	}))
	x, y := id.New(), id.New()
	require.NoError(t, w.put(x, "x", customfields.Values{"number": "twice"}))
	require.NoError(t, w.put(y, "y", customfields.Values{"number": "TWICE"}))
	require.NoError(t, w.db.App.Write(t.Context(), w.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		// One in the bin does not count.
		binned := id.New()
		var rows customfields.Rows
		rows.Save(w.kind("contact"), binned, nil, customfields.Values{"number": "N-5"}, false)
		b := &pgx.Batch{}
		rows.Queue(b, w.org)
		return nil, tx.SendBatch(ctx, b).Close()
	}))

	mask, err := aip.UpdateMask(nil, &customfieldsv1.CustomField{Unique: true}, "unique")
	require.NoError(t, err)
	f, err = w.defs.Update(t.Context(), w.org, "contact", f.GetId(), mask, &customfieldsv1.CustomField{Unique: true})
	require.NoError(t, err)
	require.Equal(t, customfieldsv1.UniqueState_UNIQUE_STATE_CHECKING, f.GetUniqueState())
	require.True(t, func() bool {
		require.NoError(t, w.put(id.New(), "fresh", customfields.Values{"number": "fresh"}))
		return customfields.IsTaken(w.put(id.New(), "fresh again", customfields.Values{"number": "fresh"}))
	}(), "new values are held against each other at once")

	// Killed at several points, and once run to the end.
	for n := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n+1)*3*time.Millisecond)
		_ = w.work(ctx) // as far as it came
		cancel()
	}
	require.NoError(t, w.work(t.Context()))
	f, err = w.defs.Get(t.Context(), w.org, "contact", f.GetId())
	require.NoError(t, err)
	require.Equal(t, customfieldsv1.UniqueState_UNIQUE_STATE_CONFLICTS, f.GetUniqueState())
	require.Len(t, f.GetConflicts(), 1)
	require.Equal(t, []string{x, y}, f.GetConflicts()[0].GetRecordIds())
	for _, number := range []string{"n-77", "Twice"} {
		require.True(t, customfields.IsTaken(w.put(id.New(), "late", customfields.Values{"number": number})), number)
	}

	// Mended, and asked for again.
	require.NoError(t, w.db.App.Write(t.Context(), w.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		b := &pgx.Batch{}
		var rows customfields.Rows
		rows.Save(w.kind("contact"), y, customfields.Values{"number": "TWICE"}, nil, true)
		rows.Queue(b, w.org)
		return nil, tx.SendBatch(ctx, b).Close()
	}))
	_, err = w.defs.Update(t.Context(), w.org, "contact", f.GetId(), mask, &customfieldsv1.CustomField{Unique: true})
	require.NoError(t, err)
	require.NoError(t, w.work(t.Context()))
	f, err = w.defs.Get(t.Context(), w.org, "contact", f.GetId())
	require.NoError(t, err)
	require.Equal(t, customfieldsv1.UniqueState_UNIQUE_STATE_ENFORCED, f.GetUniqueState())
	require.True(t, customfields.IsTaken(w.put(id.New(), "late", customfields.Values{"number": "twice"})))

	// And no longer unique.
	_, err = w.defs.Update(t.Context(), w.org, "contact", f.GetId(), must(aip.UpdateMask(nil, &customfieldsv1.CustomField{Unique: true}, "unique")), &customfieldsv1.CustomField{})
	require.NoError(t, err)
	require.NoError(t, w.work(t.Context()))
	require.NoError(t, w.put(id.New(), "late", customfields.Values{"number": "twice"}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// CON-12: with many rows, as kontor_app: filters, orders and deep pages go by indexes; nothing is scanned or sorted whole.
func TestPlans(t *testing.T) {
	t.Parallel()
	w := setup(t)
	f := w.define("contact", field("Word", customfieldsv1.Type_TYPE_STRING))
	g := w.define("contact", field("Area", customfieldsv1.Type_TYPE_NUMBER))
	owner, err := pgx.Connect(t.Context(), w.db.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = owner.Close(t.Context()) })
	_, err = w.db.System.Pool().Exec(t.Context(), `
		INSERT INTO records SELECT $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'name' || (n * 7919 % 60000), '{}'
		FROM generate_series(1, 60000) n`, w.org)
	require.NoError(t, err)
	_, err = w.db.System.Pool().Exec(t.Context(), `
		INSERT INTO custom_values (organization_id, record_id, field_id, value, searchable, live, is_unique)
		SELECT $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, f, v, f = $2, true, false
		FROM generate_series(1, 60000) n, LATERAL (VALUES ($2::uuid, 'word ' || (n % 1000)), ($3::uuid, '2500' || (n % 7) || lpad((n * 31 % 60000)::text, 5, '0'))) x (f, v)
		WHERE n % 3 > 0 OR f = $2`, w.org, f.GetId(), g.GetId())
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), `ANALYZE records; ANALYZE custom_values`)
	require.NoError(t, err)

	explain := func(req listRequest) string {
		s, err := w.schema(req)
		require.NoError(t, err)
		l, err := s.List(req, w.org)
		require.NoError(t, err)
		var all []string
		for _, part := range l.Parts() {
			sql, args := statement(w.org, part)
			rows, err := w.db.App.Query(t.Context(), w.org, "EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF) "+sql, args...)
			require.NoError(t, err)
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			all = append(all, strings.Join(lines, "\n"))
		}
		return all[0]
	}
	deep := func(req listRequest) listRequest {
		req.size = 500
		for range 20 {
			_, next, err := w.page(req)
			require.NoError(t, err)
			req.token = next
		}
		req.size = 50
		return req
	}
	for name, req := range map[string]listRequest{
		"by a value":               {orderBy: "custom_fields.area"},
		"by a value, downwards":    {orderBy: "custom_fields.area desc"},
		"by a value, deep":         deep(listRequest{orderBy: "custom_fields.area"}),
		"by a value, above one":    {orderBy: "custom_fields.area", filter: "custom_fields.area > 10"},
		"few have it, by name":     {orderBy: "name", filter: `custom_fields.word = "word 77"`},
		"many have it, by name":    {orderBy: "name", filter: `custom_fields.word != "word 77"`},
		"a range of many, by name": {orderBy: "name", filter: `custom_fields.area > 1`},
		"few have it, by a value":  {orderBy: "custom_fields.area", filter: `custom_fields.word = "word 77"`},
		"few have a part, by name": {orderBy: "name", filter: `custom_fields.word:"d 77"`},
		"many have it, by a value": {orderBy: "custom_fields.area", filter: `custom_fields.word:"word"`},
	} {
		plan := explain(req)
		require.NotContains(t, plan, "Seq Scan", "%s\n%s", name, plan)
		for _, line := range strings.Split(plan, "\n") { // no step reads more than a page and what is skipped on the way
			var rows, loops int
			_, actual, ok := strings.Cut(line, "(actual ")
			if !ok {
				continue
			}
			_, err := fmt.Sscanf(actual, "rows=%d loops=%d)", &rows, &loops)
			require.NoError(t, err, line)
			require.LessOrEqual(t, rows*loops, 2000, "%s\n%s", name, plan)
		}
	}
}
