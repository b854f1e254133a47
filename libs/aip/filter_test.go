package aip_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
)

func TestFiltersSelectWhatTheySay(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	company := id.New()
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, berlin)
	tab := newTable(t,
		row{id: id.New(), name: "alpha", amount: "100.10", probability: -5, open: true, stage: 1, company: &company, closeDate: ptr("2026-03-31"), createTime: day, tags: []string{"hot", "eu"}, externalIDs: `{"onec": "A-1"}`},
		row{id: id.New(), name: "Beta_1", amount: "0.1", probability: 50, open: false, stage: 2, createTime: day.Add(-time.Second), tags: []string{"hot"}},
		row{id: id.New(), name: `g%am"ma'`, amount: "12345678901234567890.12", probability: 100, open: false, stage: 3, closeDate: ptr("2025-01-01"), createTime: day.Add(24 * time.Hour)},
	)
	a, b, g := "alpha", "Beta_1", `g%am"ma'`
	for filter, want := range map[string][]string{
		"":                                    {a, b, g},
		`name = "alpha"`:                      {a},
		`name = alpha`:                        {a},
		`name != "alpha"`:                     {b, g},
		`name = "al*"`:                        {a},
		`name = "*a*"`:                        {a, b, g},
		`name != "al*"`:                       {b, g},
		`name : "BETA_"`:                      {b},
		`name : "%"`:                          {g},
		`name : "_"`:                          {b},
		`name = "g%am\"ma'"`:                  {g},
		`beta`:                                {b},
		`amount > 0.1`:                        {a, g},
		`amount >= "12345678901234567890.12"`: {g},
		`amount = 100.1`:                      {a},
		`probability < 0`:                     {a},
		`probability = -5`:                    {a},
		`open = true`:                         {a},
		`open != true`:                        {b, g},
		`stage = WON`:                         {b},
		`stage = WON OR stage = "LOST"`:       {b, g},
		`NOT stage = WON`:                     {a, g},
		`-stage = WON`:                        {a, g},
		`company_id = "` + company + `"`:      {a},
		`companyId = "` + strings.ToUpper(company) + `"`:  {a},
		`company_id != "` + company + `"`:                 {b, g},
		`NOT company_id = "` + company + `"`:              {b, g},
		`company_id = ""`:                                 {b, g},
		`company_id != ""`:                                {a},
		`company_id:*`:                                    {a},
		`NOT company_id:*`:                                {b, g},
		`close_date <= "2025-12-31"`:                      {g},
		`close_date = date("2026-03-31")`:                 {a},
		`create_time = "2026-03-01"`:                      {a},
		`create_time != "2026-03-01"`:                     {b, g},
		`create_time >= "2026-03-01"`:                     {a, g},
		`create_time > "2026-03-01"`:                      {g},
		`create_time <= "2026-03-01"`:                     {a, b},
		`create_time < "2026-03-01"`:                      {b},
		`create_time < "2026-02-28T23:00:00Z"`:            {b},
		`create_time = timestamp("2026-02-28T23:00:00Z")`: {a},
		`tags:hot`:                                      {a, b},
		`tags:hot tags:eu`:                              {a},
		`tags:"hot" AND NOT tags:"eu"`:                  {b},
		`external_ids.onec = "A-1"`:                     {a},
		`externalIds.onec = "A-2"`:                      {},
		`(stage = NEW OR stage = WON) AND open = false`: {b},
		`stage = NEW OR stage = WON AND open = false`:   {b}, // OR binds tighter (AIP-160)
	} {
		var args []any
		where, err := schema().In(berlin).Where(filter, &args)
		require.NoError(t, err, filter)
		got, err := tab.names(t, where, args...)
		require.NoError(t, err, "%s: %s", filter, where)
		require.ElementsMatch(t, want, got, "%s: %s %v", filter, where, args)
	}
}

func TestFiltersThatMakeNoSenseAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]string{
		`nme = "x"`:             `unknown field "nme"`,
		`organization_id = "x"`: "unknown field",
		`name`:                  "",
		`name = `:               "",
		`stage = OPEN`:          `"OPEN" is not one of LOST, NEW, WON`,
		`stage > NEW`:           "operator > does not apply",
		`probability = many`:    "not a whole number",
		`amount = "1e9"`:        "not a number",
		`open = 1`:              "neither true nor false",
		`company_id = 5`:        "not an ID",
		`close_date = "31.3."`:  "not a day",
		`create_time < "noon"`:  "not a time",
		`tags = "hot"`:          "asked by :",
		`external_ids.x > "1"`:  "does not apply",
		`evil("x")`:             `unknown function "evil"`,
		`name = evil("x")`:      `"evil" is not a value`,
		`"name" = "x"`:          "must be a field",
		`(name = "x"`:           "",
		"name = \"\x00\"":       "NUL",
		strings.Repeat("(", 500) + `name = "x"` + strings.Repeat(")", 500): "nested",
		strings.Repeat(`name = "x" OR `, 1100) + `name = "x"`:              "more than 1000 conditions",
		strings.Repeat("x", 40<<10):                                        "longer than",
	} {
		var args []any
		_, err := schema().Where(filter, &args)
		if want == "" && err == nil {
			continue // a bare word is a search
		}
		require.ErrorIs(t, err, aip.ErrFilter, "%.60s", filter)
		require.ErrorContains(t, err, want, "%.60s", filter)
		var e *apperr.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "filter", e.Fields[0].Field)
	}
	plain := schema()
	plain.Search = nil
	_, err := plain.Where("word", new([]any))
	require.ErrorContains(t, err, "is not a condition")
}

// skeleton is all that a predicate may consist of: what the schema and this package write.
var skeleton = regexp.MustCompile(`^(?:\$\d+(?:::(?:text|uuid|bigint|numeric|boolean|timestamptz|date|text\[\]|uuid\[\]))?` +
	`|\b(?:TRUE|AND|OR|ANY|IS|NOT|NULL|DISTINCT|FROM|LIKE|ILIKE` +
	`|id|name|amount|probability|open|stage|company_id|close_date|create_time|tags|external_ids)\b|->>|@>|<>|<=|>=|[<>=() ])*$`)

// No text of the caller's reaches SQL, whatever the filter; and what is compiled, PostgreSQL can run.
func FuzzFilterCannotInject(f *testing.F) {
	for _, seed := range []string{
		`name = "x"`, `name = "'; DROP TABLE deals; --"`, `name:"$1"`, `external_ids.a'b = "c"`, `external_ids."a') OR (1=1" = "c"`,
		`stage = WON OR amount > 1.5 AND NOT open = true`, `name = "*"`, `create_time >= "2026-01-01"`, `a.b.c = d`, `-x`, `"`, `tags:*`,
		`company_id = "0198c0de-0000-7000-8000-000000000001"`, `name = "\u0000"`, "name = \"\\x00\"", `close_date = "0000-01-01"`,
		`id = "0198c0de-0000-7000-8000-000000000001" OR id = "0198c0de-0000-7000-8000-000000000002"`,
		`probability = 99999999999999999999`, `amount < -.5`, `create_time = "9999-12-31"`, "name = \"\xff\"",
	} {
		f.Add(seed)
	}
	tab := newTable(f, row{id: id.New(), name: "canary", stage: 1, createTime: time.Now()})
	f.Fuzz(func(t *testing.T, filter string) {
		var args []any
		where, err := schema().Where(filter, &args)
		if err != nil {
			require.ErrorIs(t, err, aip.ErrFilter)
			return
		}
		require.Regexp(t, skeleton, where)
		_, err = tab.names(t, where, args...)
		require.NoError(t, err, "%s %v", where, args)
	})
}

func ExampleSchema_Where() {
	s := aip.Schema{Fields: map[string]aip.Field{
		"name":   {Column: "d.name", Type: aip.Text},
		"amount": {Column: "d.amount", Type: aip.Decimal},
	}}
	args := []any{"the organisation"}
	where, err := s.Where(`name:"acme" AND amount >= 100`, &args)
	fmt.Println(where, args[1:], err)
	_, err = s.Where(`price > 1`, &args)
	fmt.Println(errors.Is(err, aip.ErrFilter))
	// Output:
	// ((d.name ILIKE $2::text) AND (d.amount >= $3::numeric)) [%acme% 100] <nil>
	// true
}

// A choice of IDs is one search of an index, and nothing else is taken for one.
func TestChoiceOfIDsIsOneSearch(t *testing.T) {
	t.Parallel()
	a, b, c := id.New(), id.New(), id.New()
	tab := newTable(t,
		row{id: a, name: "a", company: &b, createTime: time.Now()},
		row{id: b, name: "b", company: &a, createTime: time.Now()},
		row{id: c, name: "c", createTime: time.Now()})
	for filter, want := range map[string]struct {
		sql   string
		names []string
	}{
		fmt.Sprintf(`id = %q OR id = %q`, a, c):                        {`(id = ANY($1::uuid[]))`, []string{"a", "c"}},
		fmt.Sprintf(`id = %q OR id = %q OR id = %q`, a, b, c):          {`(id = ANY($1::uuid[]))`, []string{"a", "b", "c"}},
		fmt.Sprintf(`(id = %q OR id = %q) AND name = "c"`, a, c):       {`((id = ANY($1::uuid[])) AND (name = $2::text))`, []string{"c"}},
		fmt.Sprintf(`id = %q OR company_id = %q`, a, a):                {"", []string{"a", "b"}},
		fmt.Sprintf(`company_id = %q OR company_id = ""`, a):           {"", []string{"b", "c"}},
		fmt.Sprintf(`id = %q OR id != %q`, a, b):                       {"", []string{"a", "c"}},
		fmt.Sprintf(`id = %q OR (id = %q AND name = "b")`, a, b):       {"", []string{"a", "b"}},
		fmt.Sprintf(`NOT (id = %q OR id = %q)`, a, b):                  {"", []string{"c"}},
		fmt.Sprintf(`company_id = %q OR company_id = %q`, a, id.New()): {`(company_id = ANY($1::uuid[]))`, []string{"b"}},
	} {
		var args []any
		where, err := schema().Where(filter, &args)
		require.NoError(t, err, filter)
		if want.sql != "" {
			require.Equal(t, want.sql, where)
		}
		names, err := tab.names(t, where, args...)
		require.NoError(t, err, filter)
		require.Equal(t, want.names, names, filter)
	}
	_, err := schema().Where(fmt.Sprintf(`id = %q OR id = "x"`, a), new([]any))
	require.ErrorContains(t, err, "not an ID")
	many := strings.Repeat(fmt.Sprintf(`id = %q OR `, a), 600) + fmt.Sprintf(`id = %q`, a)
	_, err = schema().Where(many, new([]any))
	require.NoError(t, err)
}
