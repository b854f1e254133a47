package imports

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/money"
)

// deal has a field of every type.
func deal() Target {
	return Target{Kind: "deal", Fields: []Field{
		{Name: "text", Type: Text, MaxLen: 10},
		{Name: "choice", Type: Text, OneOf: []string{"a", "b"}},
		{Name: "number", Type: Number},
		{Name: "integer", Type: Integer},
		{Name: "money", Type: Money},
		{Name: "date", Type: Date},
		{Name: "time", Type: Time},
		{Name: "flag", Type: Bool},
		{Name: "list", Type: TextList},
		{Name: "pipeline", Type: Ref, RefKind: "pipeline"},
		{Name: "stage", Type: Ref, RefKind: "stage"},
		{Name: "product", Type: Ref, RefKind: "product"},
	}}
}

func lookups() map[string]Lookup {
	return map[string]Lookup{
		"pipeline": {By: []By{ByName}},
		"stage":    {By: []By{ByName}},
		"product":  {By: []By{ByName}, Attributes: []string{"list_price"}},
	}
}

// answers are what the look-ups of the tests lead to.
func answers() map[lookupKey]answer {
	price := money.Money{Currency: "USD", Amount: decimal.NewFromInt(4821)}
	return map[lookupKey]answer{
		{kind: "pipeline", by: ByName, key: "Sales"}:            {found: Found{ID: "p1"}, ok: true},
		{kind: "stage", by: ByName, within: "p1", key: "Won"}:   {found: Found{ID: "s1"}, ok: true},
		{kind: "product", by: ByName, key: "GTX Pro"}:           {found: Found{ID: "x1", Attributes: map[string]any{"list_price": price}}, ok: true},
		{kind: "product", by: ByName, key: "Nothing like that"}: {},
	}
}

// row evaluates one row of the columns a and b under a mapping of fields.
func evaluateRow(t *testing.T, fields string, a, b string) (Row, *Reject) {
	t.Helper()
	m, err := ParseMapping("kind: deal\ndefaults: {currency: USD}\nfields:\n  " + strings.ReplaceAll(fields, "\n", "\n  ") + "\n")
	require.NoError(t, err)
	require.NoError(t, m.Check(deal(), lookups()))
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	p, err := m.Bind(deal(), []string{"a", "b"}, Locale{TimeZone: berlin, Currency: "EUR"})
	require.NoError(t, err)
	row, _, rej, pending := p.evaluate(Record{Line: 7, Cells: []string{a, b}}, answers(), func(k lookupKey) { t.Errorf("unexpected look-up %+v", k) })
	require.False(t, pending)
	if rej != nil {
		require.EqualValues(t, 7, rej.Line)
		require.NotEmpty(t, rej.Message)
	}
	return row, rej
}

// CON-17, decisions 18: what a mapping can make of the cells "a" and "b".
func TestEvaluateValues(t *testing.T) {
	t.Parallel()
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	dollars := func(s string) money.Money { return money.Money{Currency: "USD", Amount: decimal.RequireFromString(s)} }
	for name, tc := range map[string]struct {
		fields, a, b string
		field        string
		want         any
	}{
		"a column, trimmed":             {"text: {column: a}", "  x ", "", "text", "x"},
		"an empty cell is no value":     {"text: {column: a}", "  ", "", "text", nil},
		"a constant":                    {"text: {constant: hello}", "", "", "text", "hello"},
		"a template":                    {`text: {template: "{a}-{b}"}`, "1", "2", "text", "1-2"},
		"a template with empty columns": {`text: {template: "Team {a}"}`, "", "", "text", nil},
		"braces":                        {`text: {template: "{{{a}}}"}`, "x", "", "text", "{x}"},
		"filters":                       {`text: {template: "{a|slug}@x"}`, "Mé Jo-A", "", "text", "me.jo-a@x"},
		"words":                         {`text: {template: "{a|last_word|upper}"}`, "Ann van Lee", "", "text", "LEE"},
		"translated":                    {"choice: {column: a, translate: {table: {alpha: a}}}", "alpha", "", "choice", "a"},
		"not in the table":              {"choice: {column: a, translate: {table: {alpha: a}}}", "b", "", "choice", "b"},
		"translated by default":         {"choice: {column: a, translate: {table: {alpha: a}, default: b}}", "zeta", "", "choice", "b"},
		"a number":                      {"number: {column: a}", "-1100.04", "", "number", decimal.RequireFromString("-1100.04")},
		"scaled exactly":                {"money: {column: a, scale: 1000000}", "1100.04", "", "money", dollars("1100040000")},
		"a number as Germans write it":  {"number: {column: a, number: {decimal: \",\", group: \".\"}}", "1.100,04", "", "number", decimal.RequireFromString("1100.04")},
		"an integer":                    {"integer: {column: a}", "12", "", "integer", int64(12)},
		"money in a column's currency":  {`money: {column: a, currency: "{b}"}`, "5", "jpy", "money", money.Money{Currency: "JPY", Amount: decimal.NewFromInt(5)}},
		"a day":                         {"date: {column: a, date_format: M/D/YYYY}", "3/1/2017", "", "date", day(2017, 3, 1)},
		"one of two formats":            {"date: {column: a, date_format: [DD.MM.YYYY, YYYY-MM-DD]}", "2017-03-01", "", "date", day(2017, 3, 1)},
		"an instant of the zone":        {"time: {column: a, date_format: M/D/YYYY}", "3/1/2017", "", "time", time.Date(2017, 2, 28, 23, 0, 0, 0, time.UTC)},
		"a boolean":                     {"flag: {column: a}", "Yes", "", "flag", true},
		"a path":                        {`list: {path: ["{a}", "Team {b}"]}`, "East", "Cara", "list", []string{"East", "Team Cara"}},
		"a path with a hole":            {`list: {path: ["{a}", "Team {b}"]}`, "East", "", "list", []string{"East"}},
		"a split list":                  {`list: {column: a, split: ";"}`, "x; y;", "", "list", []string{"x", "y"}},
		"condition on another column":   {"text: {column: a, when: {column: b, in: [Won, Lost]}}", "x", "Open", "text", nil},
		"condition holds":               {"text: {column: a, when: {column: b, in: [Won, Lost]}}", "x", "Lost", "text", "x"},
		"looked up within":              {"stage: {column: b, lookup: {kind: stage, within: pipeline}}\npipeline: {constant: Sales, lookup: {kind: pipeline}}", "", "Won", "stage", "s1"},
		"missing allowed":               {"product: {column: a, lookup: {kind: product, missing: empty}}", "Nothing like that", "", "product", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row, rej := evaluateRow(t, tc.fields, tc.a, tc.b)
			require.Nil(t, rej)
			require.True(t, row.Mapped(tc.field))
			got := row.value(tc.field)
			switch want := tc.want.(type) {
			case decimal.Decimal:
				require.True(t, want.Equal(row.Number(tc.field)), "%v", got)
			case money.Money:
				m, ok := row.Money(tc.field)
				require.True(t, ok)
				require.True(t, want.Equal(m), "%v", m)
			case time.Time:
				at, ok := row.Time(tc.field)
				require.True(t, ok)
				require.True(t, want.Equal(at), "%v", at)
			default:
				require.Equal(t, tc.want, got)
			}
		})
	}
}

// Decisions 19: the amount is the close value when above zero, else the product's list price.
func TestEvaluateFirstOf(t *testing.T) {
	t.Parallel()
	const fields = "money:\n  first_of:\n    - {column: a, when: positive}\n    - {column: b, translate: {table: {GTXPro: GTX Pro}}, lookup: {kind: product, by: name, attribute: list_price}}"
	for value, want := range map[string]string{"4514": "4514", "0": "4821", "": "4821"} {
		row, rej := evaluateRow(t, fields, value, "GTXPro")
		require.Nil(t, rej)
		m, ok := row.Money("money")
		require.True(t, ok)
		require.Equal(t, want, m.Amount.String())
	}
	_, rej := evaluateRow(t, fields, "many", "GTXPro")
	require.Equal(t, "NUMBER_INVALID", rej.Reason)
}

// CON-17: a value written in two ways is corrected once, wherever its column is used.
func TestCorrections(t *testing.T) {
	t.Parallel()
	m, err := ParseMapping("kind: deal\ncorrections: {a: {GTXPro: GTX Pro}}\nfields:\n  text: {template: \"{a}!\"}\n  product: {column: a, lookup: {kind: product}}\n")
	require.NoError(t, err)
	p, err := m.Bind(deal(), []string{"a"}, Locale{})
	require.NoError(t, err)
	row, _, rej, pending := p.evaluate(Record{Line: 2, Cells: []string{"GTXPro"}}, answers(), nil)
	require.Nil(t, rej)
	require.False(t, pending)
	require.Equal(t, "GTX Pro!", row.Text("text"))
	require.Equal(t, "x1", row.Ref("product"))
	_, err = m.Bind(deal(), []string{"b"}, Locale{})
	require.ErrorIs(t, err, ErrColumnMissing)
}

// Issue, bad input: every reject says which field, why, and what to do.
func TestEvaluateRejects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ fields, a, reason, says string }{
		"bad date":        {"date: {column: a, date_format: M/D/YYYY}", "31/31/2017", "DATE_INVALID", `"31/31/2017" is not a date in the format M/D/YYYY; it comes from the column "a"`},
		"ambiguous date":  {"date: {column: a}", "3/4/2017", "DATE_INVALID", "YYYY-MM-DD"},
		"bad number":      {"number: {column: a}", "1,100.04", "NUMBER_INVALID", "say under number"},
		"point in German": {"number: {column: a, number: {decimal: \",\"}}", "1.100", "NUMBER_INVALID", ""},
		"not whole":       {"integer: {column: a}", "1.5", "NUMBER_NOT_WHOLE", ""},
		"too large":       {"integer: {column: a, scale: 100000}", "999999999999999999", "NUMBER_NOT_WHOLE", ""},
		"bad boolean":     {"flag: {column: a}", "maybe", "BOOLEAN_INVALID", ""},
		"too long":        {"text: {column: a}", "12345678901", "VALUE_TOO_LONG", "11 characters"},
		"not allowed":     {"choice: {column: a}", "c", "VALUE_NOT_ALLOWED", "none of a, b"},
		"bad currency":    {`money: {constant: 5, currency: "{a}"}`, "dollars", "CURRENCY_INVALID", "DOLLARS"},
		"zero byte":       {"text: {column: a}", "x\x00y", "VALUE_INVALID", "encoding"},
		"unknown look-up": {"product: {column: a, lookup: {kind: product}}", "Nothing like that", "LOOKUP_NOT_FOUND", `there is no product with the name "Nothing like that"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, rej := evaluateRow(t, tc.fields, tc.a, "")
			require.NotNil(t, rej)
			require.Equal(t, tc.reason, rej.Reason)
			require.Contains(t, rej.Message, tc.says)
			require.NotEmpty(t, rej.Field)
		})
	}
}

// CON-17: slips in a mapping are told with their line before anything is read.
func TestMappingRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ fields, says string }{
		"no source of values":     {"text: {scale: 2}", "line 3 of the mapping: a field needs exactly one of column"},
		"two sources":             {"text: {column: a, constant: b}", "exactly one"},
		"bad template":            {`text: {template: "{a"}`, "{ without }"},
		"unknown filter":          {`text: {template: "{a|shout}"}`, `no filter "shout"`},
		"bad date format":         {"date: {column: a, date_format: dd.mm.yy}", "no date format"},
		"date format without day": {"date: {column: a, date_format: YYYY-MM}", "year, month and day"},
		"scaled text":             {"text: {column: a, scale: 2}", "not a number"},
		"list in a single value":  {`text: {path: ["{a}"]}`, "not a list"},
		"reference, no look-up":   {"product: {column: a}", "say by lookup how to find it"},
		"another kind":            {"product: {column: a, lookup: {kind: stage}}", "leads to a product, not to a stage"},
		"unknown kind":            {"product: {column: a, lookup: {kind: planet}}", `"planet" cannot be looked up`},
		"unknown key":             {"product: {column: a, lookup: {kind: product, by: email}}", "cannot be looked up by email"},
		"unknown attribute":       {"money: {column: a, lookup: {kind: product, attribute: weight}}", "it has list_price"},
		"cannot be made":          {"product: {column: a, lookup: {kind: product, create: true}}", "import it first"},
		"within what":             {"stage: {column: a, lookup: {kind: stage, within: pipeline}}", "within names"},
		"twice":                   {"text: {column: a}\n  text: {column: b}", "twice"},
		"condition of nothing":    {"text: {column: a, when: {column: b}}", "one of equals"},
		"bad currency":            {"money: {column: a, currency: Dollar}", `"Dollar" is not a currency code`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := ParseMapping("kind: deal\nfields:\n  " + tc.fields + "\n")
			if err == nil {
				err = m.Check(deal(), lookups())
			}
			require.ErrorIs(t, err, ErrMapping)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// FuzzMapping: no text makes the parser panic.
func FuzzMapping(f *testing.F) {
	f.Add("kind: deal\nfields: {text: {template: \"{a|slug}\"}}")
	f.Add("kind: deal\nfields: {a: &x {column: b}, c: *x}\nrecords: [{a: 1}]")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMapping(text)
		if err == nil {
			_ = m.Check(deal(), lookups())
		}
	})
}

// BenchmarkEvaluate is a row of ten fields.
func BenchmarkEvaluate(b *testing.B) {
	m, err := ParseMapping(`
kind: deal
fields:
  text: {column: a}
  choice: {constant: a}
  number: {column: c}
  integer: {column: c}
  money: {column: c, currency: USD}
  date: {column: d, date_format: M/D/YYYY}
  flag: {constant: yes}
  list: {path: ["{a}", "{b}"]}
  product: {column: e, lookup: {kind: product}}
`)
	if err != nil {
		b.Fatal(err)
	}
	p, err := m.Bind(deal(), []string{"a", "b", "c", "d", "e"}, Locale{Currency: "EUR"})
	if err != nil {
		b.Fatal(err)
	}
	rec := Record{Line: 1, Cells: []string{"x", "y", "12", "3/1/2017", "GTX Pro"}}
	known := answers()
	for b.Loop() {
		if _, _, rej, _ := p.evaluate(rec, known, nil); rej != nil {
			b.Fatal(rej)
		}
	}
}
