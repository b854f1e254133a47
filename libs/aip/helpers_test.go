package aip_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
)

const deals = `-- +goose Up
CREATE TABLE deals (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    name            text NOT NULL,
    amount          numeric NOT NULL,
    probability     int NOT NULL,
    open            boolean NOT NULL,
    stage           smallint NOT NULL,
    company_id      uuid,
    close_date      date,
    create_time     timestamptz NOT NULL,
    tags            text[] NOT NULL,
    external_ids    jsonb NOT NULL,
    CONSTRAINT deals_pkey PRIMARY KEY (organization_id, id)
);
`

func schema() *aip.Schema {
	return &aip.Schema{
		Fields: map[string]aip.Field{
			"id":          {Column: "id", Type: aip.ID, Sortable: true},
			"name":        {Column: "name", Type: aip.Text, Sortable: true},
			"amount":      {Column: "amount", Type: aip.Decimal, Sortable: true},
			"probability": {Column: "probability", Type: aip.Int, Sortable: true},
			"open":        {Column: "open", Type: aip.Bool, Sortable: true},
			"stage":       {Column: "stage", Type: aip.Enum, Sortable: true, Enum: map[string]any{"NEW": 1, "WON": 2, "LOST": 3}},
			"company_id":  {Column: "company_id", Type: aip.ID, Nullable: true, Sortable: true},
			"close_date":  {Column: "close_date", Type: aip.Date, Nullable: true, Sortable: true},
			"create_time": {Column: "create_time", Type: aip.Time, Sortable: true},
			"tags":        {Column: "tags", Type: aip.Strings},
			"external_ids.*": {Custom: func(c aip.Comparison, bind func(any) string) (string, error) {
				if c.Op != "=" {
					return "", fmt.Errorf("operator %s does not apply", c.Op)
				}
				return "external_ids ->> " + bind(c.Key) + "::text = " + bind(c.Value) + "::text", nil
			}},
		},
		Search: func(word string, bind func(any) string) string { return "name ILIKE " + bind("%"+word+"%") + "::text" },
	}
}

type row struct {
	id, name, amount   string
	probability        int
	open               bool
	stage              int
	company, closeDate *string
	createTime         time.Time
	tags               []string
	externalIDs        string
}

// table fills a table and returns what runs a query on it.
type table struct {
	db  *testkit.Database
	org string
}

func newTable(t testing.TB, rows ...row) *table {
	t.Helper()
	tab := &table{
		db:  testkit.Postgres(t, "libs_aip", fstest.MapFS{"0001_create_deals.sql": {Data: []byte(deals)}}),
		org: id.New(),
	}
	b := &pgx.Batch{}
	for _, r := range rows {
		if r.tags == nil {
			r.tags = []string{}
		}
		if r.externalIDs == "" {
			r.externalIDs = "{}"
		}
		if r.amount == "" {
			r.amount = "0"
		}
		b.Queue(`INSERT INTO deals VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, tab.org, r.id, r.name, r.amount,
			r.probability, r.open, r.stage, r.company, r.closeDate, r.createTime, r.tags, r.externalIDs)
	}
	require.NoError(t, tab.db.App.WriteBatch(t.Context(), tab.org, b))
	return tab
}

// names returns the names of the rows that fulfil a predicate.
func (tab *table) names(t testing.TB, where string, args ...any) ([]string, error) {
	t.Helper()
	rows, err := tab.db.App.Query(t.Context(), tab.org, `SELECT name FROM deals WHERE `+where+` ORDER BY name`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

type request struct {
	filter, order, token string
	size                 int32
}

func (r request) GetFilter() string    { return r.filter }
func (r request) GetOrderBy() string   { return r.order }
func (r request) GetPageToken() string { return r.token }
func (r request) GetPageSize() int32   { return r.size }

// page reads one page as a store does.
func (tab *table) page(t testing.TB, s *aip.Schema, req request) ([]string, string) {
	t.Helper()
	l, err := s.List(req, tab.org)
	require.NoError(t, err)
	args := []any{tab.org}
	rows, err := tab.db.App.Query(t.Context(), tab.org, `
		SELECT id::text, `+l.Key()+`
		FROM deals
		WHERE organization_id = $1 AND `+l.Where(&args)+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	require.NoError(t, err)
	var ids []string
	var keys []aip.Key
	var one string
	var key aip.Key
	_, err = pgx.ForEachRow(rows, []any{&one, &key}, func() error {
		ids, keys = append(ids, one), append(keys, key)
		key = nil
		return nil
	})
	require.NoError(t, err)
	return aip.Page(l, ids, keys)
}

func ptr(s string) *string { return &s }
