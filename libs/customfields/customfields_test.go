package customfields_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

const records = `
CREATE TABLE records (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    name            text COLLATE "C" NOT NULL,
    custom          jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT records_pkey PRIMARY KEY (organization_id, id)
);
SELECT kontor_tenant('records');
CREATE INDEX records_name ON records (organization_id, name, id);
`

func migrations(t testing.TB) fs.FS {
	t.Helper()
	all, err := schema.All()
	require.NoError(t, err)
	return fstest.MapFS{"0001_init.sql": {Data: []byte(all + customfields.Schema + records)}}
}

// world is the definitions of an organisation on a real database, with a table of records that has nothing else.
type world struct {
	t    testing.TB
	db   *testkit.Database
	defs *customfields.Definitions
	org  string

	mu   sync.Mutex
	jobs []customfields.Job
}

func setup(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, db: testkit.Postgres(t, "customfields", migrations(t)), org: id.New()}
	w.defs = w.process()
	return w
}

// process is the definitions as another process knows them.
func (w *world) process() *customfields.Definitions {
	return &customfields.Definitions{
		DB: w.db.App, Topic: "kontor.test.v1",
		Kinds: []customfields.KindSpec{
			{Name: "contact", Message: &contactsv1.Contact{}},
			{Name: "lead", Message: &contactsv1.Lead{}, Stages: true},
			{Name: "deal", Pipelines: true, Stages: true},
		},
		Enqueue: func(_ context.Context, _ pgx.Tx, job customfields.Job) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.jobs = append(w.jobs, job)
			return nil
		},
	}
}

func (w *world) define(kind string, f *customfieldsv1.CustomField) *customfieldsv1.CustomField {
	w.t.Helper()
	f, err := w.defs.Create(w.t.Context(), w.org, kind, f)
	require.NoError(w.t, err)
	return f
}

func (w *world) kind(name string) *customfields.Kind {
	w.t.Helper()
	k, err := w.defs.Kind(w.t.Context(), w.org, name)
	require.NoError(w.t, err)
	return k
}

// put saves a record with the values.
func (w *world) put(recordID, name string, values customfields.Values) error {
	k := w.kind("contact")
	checked, err := k.Check(customfields.Record{Values: values, New: true})
	if err != nil {
		return err
	}
	raw, err := json.Marshal(checked)
	require.NoError(w.t, err)
	if checked == nil {
		raw = []byte("{}")
	}
	return w.db.App.Write(w.t.Context(), w.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		b := &pgx.Batch{}
		b.Queue(`INSERT INTO records VALUES ($1, $2, $3, $4)`, w.org, recordID, name, raw)
		var rows customfields.Rows
		rows.Save(k, recordID, nil, checked, true)
		rows.Queue(b, w.org)
		return nil, tx.SendBatch(ctx, b).Close()
	})
}

type listRequest struct {
	filter, orderBy, token string
	size                   int32
}

func (r listRequest) GetFilter() string    { return r.filter }
func (r listRequest) GetOrderBy() string   { return r.orderBy }
func (r listRequest) GetPageSize() int32   { return r.size }
func (r listRequest) GetPageToken() string { return r.token }

// list reads all pages and returns the names.
func (w *world) list(req listRequest) ([]string, error) {
	var names []string
	for {
		page, next, err := w.page(req)
		if err != nil {
			return nil, err
		}
		names = append(names, page...)
		if next == "" {
			return names, nil
		}
		req.token = next
	}
}

func (w *world) schema(req listRequest) (*aip.Schema, error) {
	q := w.kind("contact").Query("records", time.UTC)
	fields := q.Fields()
	fields["id"] = aip.Field{Column: "id", Type: aip.ID, Sortable: true}
	fields["name"] = aip.Field{Column: "name", Type: aip.Text, Sortable: true}
	s := &aip.Schema{Fields: fields}
	var args []any
	if _, err := s.Where(req.filter, &args); err != nil {
		return nil, err
	}
	_, err := q.Resolve(w.t.Context(), w.db.App, w.org)
	return s, err
}

func (w *world) page(req listRequest) (names []string, next string, err error) {
	s, err := w.schema(req)
	if err != nil {
		return nil, "", err
	}
	l, err := s.List(req, w.org)
	if err != nil {
		return nil, "", err
	}
	var keys []aip.Key
	for _, part := range l.Parts() {
		if len(names) > l.Size() {
			break
		}
		sql, args := statement(w.org, part)
		rows, err := w.db.App.Query(w.t.Context(), w.org, sql, args...)
		require.NoError(w.t, err, sql)
		var name string
		var key aip.Key
		_, err = pgx.ForEachRow(rows, []any{&name, &key}, func() error {
			names, keys = append(names, name), append(keys, key)
			key = nil
			return nil
		})
		require.NoError(w.t, err, sql)
	}
	names, next = aip.Page(l, names, keys)
	return names, next, nil
}

func statement(org string, part *aip.List) (string, []any) {
	args := []any{org}
	sql := "SELECT name, " + part.Key() + " FROM " + part.From("records", &args) + " WHERE organization_id = $1 AND " +
		part.Where(&args) + " ORDER BY " + part.OrderBy() + " LIMIT " + part.Limit()
	return sql, args
}

func field(label string, typ customfieldsv1.Type) *customfieldsv1.CustomField {
	return &customfieldsv1.CustomField{Label: label, Type: typ}
}

func size() *customfieldsv1.CustomField {
	f := field("Size", customfieldsv1.Type_TYPE_CHOICE)
	f.Choices = []*customfieldsv1.Choice{{Label: "Small"}, {Label: "Large"}, {Label: "Крупный"}}
	return f
}

// CON-12: every type, what it takes and in which form it is kept.
func TestValuesOfEveryType(t *testing.T) {
	t.Parallel()
	w := setup(t)
	some := id.New()
	choices := field("Tags", customfieldsv1.Type_TYPE_CHOICES)
	choices.Choices = []*customfieldsv1.Choice{{Label: "A"}, {Label: "B"}}
	link := field("Partner", customfieldsv1.Type_TYPE_LINK)
	link.LinkKind = "company"
	for _, f := range []*customfieldsv1.CustomField{
		field("Word", customfieldsv1.Type_TYPE_STRING), field("Note", customfieldsv1.Type_TYPE_TEXT),
		field("Area", customfieldsv1.Type_TYPE_NUMBER), field("Budget", customfieldsv1.Type_TYPE_MONEY),
		field("Day", customfieldsv1.Type_TYPE_DATE), field("At", customfieldsv1.Type_TYPE_DATE_TIME),
		field("Agreed", customfieldsv1.Type_TYPE_BOOLEAN), size(), choices, field("Owner", customfieldsv1.Type_TYPE_USER), link,
		field("Scan", customfieldsv1.Type_TYPE_FILE), field("Site", customfieldsv1.Type_TYPE_URL),
		field("Place", customfieldsv1.Type_TYPE_ADDRESS),
	} {
		w.define("contact", f)
	}
	k := w.kind("contact")
	for name, c := range map[string]struct {
		in   string
		want string // "" for refused
	}{
		"a line is trimmed":                 {`{"word": "  a b "}`, `{"word":"a b"}`},
		"empty text is no value":            {`{"word": "  "}`, `null`},
		"null is no value":                  {`{"word": null}`, `null`},
		"a line has no line feed":           {`{"word": "a\nb"}`, ""},
		"no NUL":                            {`{"word": "a\u0000b"}`, ""},
		"a line has a limit":                {`{"word": "` + strings.Repeat("x", 1001) + `"}`, ""},
		"a number is no text":               {`{"word": 5}`, ""},
		"text has line feeds":               {`{"note": "a\nb"}`, `{"note":"a\nb"}`},
		"a number":                          {`{"area": 12.50}`, `{"area":12.5}`},
		"a number too long for a double":    {`{"area": "123456789012345678.1234567891"}`, `{"area":123456789012345678.1234567891}`},
		"a number with an exponent in JSON": {`{"area": 1e3}`, `{"area":1000}`},
		"not a number":                      {`{"area": "12,5"}`, ""},
		"money":                             {`{"budget": {"currency": "EUR", "amount": "12.5"}}`, `{"budget":{"amount":"12.50","currency":"EUR"}}`},
		"money with an amount as a number":  {`{"budget": {"currency": "EUR", "amount": 12.5}}`, `{"budget":{"amount":"12.50","currency":"EUR"}}`},
		"money without a currency":          {`{"budget": {"amount": "12.5"}}`, ""},
		"money with something else":         {`{"budget": {"currency": "EUR", "amount": "1", "x": "1"}}`, ""},
		"money is no number":                {`{"budget": 12}`, ""},
		"a day":                             {`{"day": "2024-02-29"}`, `{"day":"2024-02-29"}`},
		"a day that is none":                {`{"day": "2023-02-29"}`, ""},
		"a time becomes UTC":                {`{"at": "2026-11-21T15:04:05+02:00"}`, `{"at":"2026-11-21T13:04:05Z"}`},
		"a day is no time":                  {`{"at": "2026-11-21"}`, ""},
		"false is a value":                  {`{"agreed": false}`, `{"agreed":false}`},
		"a text is no truth":                {`{"agreed": "yes"}`, ""},
		"a choice by ID":                    {`{"size": "large"}`, `{"size":"large"}`},
		"a choice by label":                 {`{"size": " LARGE "}`, `{"size":"large"}`},
		"a choice of another alphabet":      {`{"size": "крупный"}`, `{"size":"choice_3"}`},
		"none of the choices":               {`{"size": "huge"}`, ""},
		"choices, each once":                {`{"tags": ["b", "a", "B"]}`, `{"tags":["b","a"]}`},
		"no choices":                        {`{"tags": []}`, `null`},
		"choices of numbers":                {`{"tags": [1]}`, ""},
		"a user":                            {`{"owner": "` + strings.ToUpper(some) + `"}`, `{"owner":"` + some + `"}`},
		"somebody who is no user":           {`{"owner": "` + id.New() + `"}`, ""},
		"a link":                            {`{"partner": "` + some + `"}`, `{"partner":"` + some + `"}`},
		"no link":                           {`{"partner": "x"}`, ""},
		"a file":                            {`{"scan": "` + some + `"}`, `{"scan":"` + some + `"}`},
		"a site":                            {`{"site": "https://example.com/a?b"}`, `{"site":"https://example.com/a?b"}`},
		"a script":                          {`{"site": "javascript:alert(1)"}`, ""},
		"an address":                        {`{"place": {"city": "Kyiv", "postalCode": "01001"}}`, `{"place":{"city":"Kyiv","postal_code":"01001"}}`},
		"an address with a planet":          {`{"place": {"planet": "Mars"}}`, ""},
		"no such field":                     {`{"nope": 1}`, ""},
		"a hostile key":                     {`{"__proto__": 1}`, ""},
		"a hostile value":                   {`{"word": {"a": {"b": [1, {"c": null}]}}}`, ""},
		"SQL is text":                       {`{"word": "'; DROP TABLE contacts; --"}`, `{"word":"'; DROP TABLE contacts; --"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s structpb.Struct
			require.NoError(t, s.UnmarshalJSON([]byte(c.in)))
			got, err := k.Check(customfields.Record{
				Values: customfields.FromProto(s.GetFields()), New: true, User: func(u string) bool { return u == some },
			})
			if c.want == "" {
				require.ErrorIs(t, err, customfields.ErrValues)
				var key string
				for key = range s.GetFields() {
				}
				require.ErrorContains(t, err, customfields.Prefix+key)
				return
			}
			require.NoError(t, err)
			raw, err := json.Marshal(got)
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(raw))
			// Through the column and through the API it stays the same.
			var back customfields.Values
			require.NoError(t, json.Unmarshal(raw, &back))
			require.Equal(t, got, back)
			require.Equal(t, got, again(t, k, back, some))
		})
	}
}

// CON-12: definitions that cannot be are refused with the part at fault.
func TestDefinitionsAreChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.define("contact", field("Taken", customfieldsv1.Type_TYPE_STRING))
	w.define("contact", field("Area", customfieldsv1.Type_TYPE_NUMBER))
	for name, c := range map[string]struct {
		kind   string
		field  *customfieldsv1.CustomField
		fault  string
		reason error
	}{
		"no label":                 {"contact", &customfieldsv1.CustomField{Type: customfieldsv1.Type_TYPE_STRING}, "custom_field.label", nil},
		"no type":                  {"contact", &customfieldsv1.CustomField{Label: "x"}, "custom_field.type", nil},
		"a label of two lines":     {"contact", field("a\nb", customfieldsv1.Type_TYPE_STRING), "custom_field.label", nil},
		"a key with a dot":         {"contact", &customfieldsv1.CustomField{Label: "x", Key: "a.b", Type: customfieldsv1.Type_TYPE_STRING}, "custom_field.key", nil},
		"a key with a quote":       {"contact", &customfieldsv1.CustomField{Label: "x", Key: "a' OR '1'='1", Type: customfieldsv1.Type_TYPE_STRING}, "custom_field.key", nil},
		"a key that is taken":      {"contact", &customfieldsv1.CustomField{Label: "x", Key: "taken", Type: customfieldsv1.Type_TYPE_STRING}, "", customfields.ErrKeyTaken},
		"another kind of record":   {"planet", field("x", customfieldsv1.Type_TYPE_STRING), "", customfields.ErrKind},
		"a choice without choices": {"contact", field("x", customfieldsv1.Type_TYPE_CHOICE), "custom_field.choices", nil},
		"choices of a number": {"contact", &customfieldsv1.CustomField{
			Label: "x", Type: customfieldsv1.Type_TYPE_NUMBER, Choices: []*customfieldsv1.Choice{{Label: "a"}},
		}, "custom_field.choices", nil},
		"a unique truth":               {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_BOOLEAN, Unique: true}, "custom_field.unique", nil},
		"a link to nowhere":            {"contact", field("x", customfieldsv1.Type_TYPE_LINK), "custom_field.link_kind", nil},
		"a stage of a contact":         {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_STRING, Required: customfieldsv1.Required_REQUIRED_FROM_STAGE, RequiredStageId: id.New()}, "custom_field.required", nil},
		"a pipeline of a contact":      {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_STRING, PipelineId: id.New()}, "custom_field.pipeline_id", nil},
		"a default that is none":       {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_NUMBER, DefaultValue: structpb.NewStringValue("many")}, "custom_field.default_value", nil},
		"a condition on nothing":       {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_NUMBER, VisibleWhen: "nothing = 1"}, "custom_field.visible_when", nil},
		"a condition that is none":     {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_NUMBER, VisibleWhen: "type ="}, "custom_field.visible_when", nil},
		"a formula of a number":        {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_NUMBER, Formula: "1"}, "custom_field.formula", nil},
		"an empty formula":             {"contact", field("x", customfieldsv1.Type_TYPE_FORMULA), "custom_field.formula", nil},
		"a formula of wrong types":     {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_FORMULA, Formula: "custom_fields.area + first_name"}, "custom_field.formula", nil},
		"a formula of nothing":         {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_FORMULA, Formula: "custom_fields.nothing"}, "custom_field.formula", nil},
		"a formula that yields a list": {"contact", &customfieldsv1.CustomField{Label: "x", Type: customfieldsv1.Type_TYPE_FORMULA, Formula: "[1, 2]"}, "custom_field.formula", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := w.defs.Create(t.Context(), w.org, c.kind, c.field)
			if c.reason == nil {
				c.reason = customfields.ErrInvalid
			}
			require.ErrorIs(t, err, c.reason)
			require.ErrorContains(t, err, c.fault)
		})
	}
}

// CON-12: two hundred fields of a kind, and not one more.
func TestTwoHundredFields(t *testing.T) {
	t.Parallel()
	w := setup(t)
	values := customfields.Values{}
	for i := range customfields.MaxFields {
		f := w.define("contact", field("Field "+strconv.Itoa(i), customfieldsv1.Type_TYPE_NUMBER))
		values[f.GetKey()] = json.Number(strconv.Itoa(i))
	}
	_, err := w.defs.Create(t.Context(), w.org, "contact", field("One more", customfieldsv1.Type_TYPE_NUMBER))
	require.ErrorIs(t, err, customfields.ErrTooMany)
	require.NoError(t, w.put(id.New(), "full", values))
	names, err := w.list(listRequest{filter: "custom_fields.field_199 = 199 AND custom_fields.field_0 = 0", orderBy: "custom_fields.field_7"})
	require.NoError(t, err)
	require.Equal(t, []string{"full"}, names)
}

// CON-12: the fields of one organisation are nothing to another.
func TestDefinitionsOfAnotherOrganisation(t *testing.T) {
	t.Parallel()
	w := setup(t)
	f := w.define("contact", field("Secret", customfieldsv1.Type_TYPE_STRING))
	other := id.New()
	fields, err := w.defs.List(t.Context(), other, "contact", true)
	require.NoError(t, err)
	require.Empty(t, fields)
	_, err = w.defs.Get(t.Context(), other, "contact", f.GetId())
	require.ErrorIs(t, err, customfields.ErrNotFound)
	_, err = w.defs.Retire(t.Context(), other, "contact", f.GetId(), "")
	require.ErrorIs(t, err, customfields.ErrNotFound)
	_, err = w.defs.Get(t.Context(), w.org, "lead", f.GetId())
	require.ErrorIs(t, err, customfields.ErrNotFound, "a field of another kind")
	k, err := w.defs.Kind(t.Context(), other, "contact")
	require.NoError(t, err)
	_, err = k.Check(customfields.Record{Values: customfields.Values{"secret": "x"}, New: true})
	require.ErrorIs(t, err, customfields.ErrValues)
}

// CON-12: a retired field keeps its data, and is neither shown nor taken; the key stays taken.
func TestRetiredFieldsKeepTheirData(t *testing.T) {
	t.Parallel()
	w := setup(t)
	f := w.define("contact", field("Old", customfieldsv1.Type_TYPE_STRING))
	has := customfields.Values{"old": "kept"}
	_, err := w.defs.Retire(t.Context(), w.org, "contact", f.GetId(), "v7")
	require.ErrorIs(t, err, customfields.ErrStale)
	f, err = w.defs.Retire(t.Context(), w.org, "contact", f.GetId(), f.GetEtag())
	require.NoError(t, err)
	require.NotNil(t, f.GetRetireTime())
	k := w.kind("contact")

	got, err := k.Check(customfields.Record{Before: has, Values: customfields.Values{}})
	require.NoError(t, err)
	require.Equal(t, has, got, "kept though the caller did not know of it")
	_, err = k.Check(customfields.Record{Before: has, Values: customfields.Values{"old": "new"}})
	require.ErrorIs(t, err, customfields.ErrValues)
	require.Empty(t, k.Show(customfields.Values{"old": "kept"}))
	_, err = w.list(listRequest{filter: `custom_fields.old = "kept"`})
	require.ErrorIs(t, err, aip.ErrFilter)
	_, err = w.defs.Create(t.Context(), w.org, "contact", &customfieldsv1.CustomField{Label: "Old", Key: "old", Type: customfieldsv1.Type_TYPE_NUMBER})
	require.ErrorIs(t, err, customfields.ErrKeyTaken)

	_, err = w.defs.Restore(t.Context(), w.org, "contact", f.GetId(), "")
	require.NoError(t, err)
	require.Equal(t, has, w.kind("contact").Show(customfields.Values{"old": "kept"}))
}

// CON-12: required always, from a stage on, and only where the field is visible; defaults.
func TestRequiredFields(t *testing.T) {
	t.Parallel()
	w := setup(t)
	stage := id.New()
	w.define("lead", &customfieldsv1.CustomField{Label: "Always", Type: customfieldsv1.Type_TYPE_STRING, Required: customfieldsv1.Required_REQUIRED_ALWAYS})
	w.define("lead", &customfieldsv1.CustomField{
		Label: "Later", Type: customfieldsv1.Type_TYPE_STRING, Required: customfieldsv1.Required_REQUIRED_FROM_STAGE, RequiredStageId: stage,
	})
	w.define("lead", &customfieldsv1.CustomField{
		Label: "Shop", Type: customfieldsv1.Type_TYPE_STRING, Required: customfieldsv1.Required_REQUIRED_ALWAYS,
		VisibleWhen: `source = "shop" AND NOT custom_fields.always = "none"`,
	})
	w.define("lead", &customfieldsv1.CustomField{Label: "Preset", Type: customfieldsv1.Type_TYPE_NUMBER, DefaultValue: structpb.NewNumberValue(3)})
	k := w.kind("lead")
	at := func(before, now bool) func(string) (bool, bool) {
		return func(s string) (bool, bool) { require.Equal(t, stage, s); return before, now }
	}
	lead := func(source string) func() proto.Message {
		return func() proto.Message { return &contactsv1.Lead{Source: source} }
	}
	three := json.Number("3")
	for name, c := range map[string]struct {
		record customfields.Record
		want   customfields.Values
		fault  string
	}{
		"a new one without":            {customfields.Record{New: true, Message: lead("call")}, nil, "custom_fields.always: is required"},
		"made by a conversion":         {customfields.Record{New: true, Lenient: true, Message: lead("call")}, customfields.Values{"preset": three}, ""},
		"a new one with":               {customfields.Record{New: true, Message: lead("call"), Values: customfields.Values{"always": "x"}}, customfields.Values{"always": "x", "preset": three}, ""},
		"an old one that never had it": {customfields.Record{Message: lead("call")}, nil, ""},
		"taken away":                   {customfields.Record{Before: customfields.Values{"always": "x"}, Message: lead("call")}, nil, "custom_fields.always"},
		"before the stage":             {customfields.Record{Reached: at(false, false)}, nil, ""},
		"coming to the stage":          {customfields.Record{Reached: at(false, true)}, nil, "custom_fields.later"},
		"past the stage for long":      {customfields.Record{Reached: at(true, true)}, nil, ""},
		"visible":                      {customfields.Record{New: true, Message: lead("shop"), Values: customfields.Values{"always": "x"}}, nil, "custom_fields.shop"},
		"not visible by a custom one":  {customfields.Record{New: true, Message: lead("shop"), Values: customfields.Values{"always": "none"}}, customfields.Values{"always": "none", "preset": three}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := k.Check(c.record)
			if c.fault != "" {
				require.ErrorContains(t, err, c.fault)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// CON-12: formulas are computed from the record's own and its custom fields, exact to ten digits, empty where something
// they use is, and cannot be made to run for long.
func TestFormulas(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.define("contact", field("Area", customfieldsv1.Type_TYPE_NUMBER))
	w.define("contact", field("Budget", customfieldsv1.Type_TYPE_MONEY))
	w.define("contact", field("Since", customfieldsv1.Type_TYPE_DATE))
	formula := func(label, source string) *customfieldsv1.CustomField {
		return w.define("contact", &customfieldsv1.CustomField{Label: label, Type: customfieldsv1.Type_TYPE_FORMULA, Formula: source})
	}
	require.Equal(t, customfieldsv1.Type_TYPE_NUMBER, formula("Price", "custom_fields.area * 0.1").GetFormulaType())
	require.Equal(t, customfieldsv1.Type_TYPE_STRING, formula("Greeting", `"Dear " + first_name + (vip ? "!" : "")`).GetFormulaType())
	require.Equal(t, customfieldsv1.Type_TYPE_BOOLEAN, formula("Rich", `custom_fields.budget > 1000.0 && custom_fields.budget.currency == "EUR"`).GetFormulaType())
	require.Equal(t, customfieldsv1.Type_TYPE_DATE_TIME, formula("Renewal", `custom_fields.since + duration("24h")`).GetFormulaType())
	formula("Kind", `record.type`)
	formula("Zero", `1.0 / custom_fields.area`)
	formula("Costly", strings.Repeat("[1,2,3,4,5,6,7,8,9,10].all(x, ", 6)+"custom_fields.area > 0.0"+strings.Repeat(")", 6)+" ? 1 : 2")

	k := w.kind("contact")
	got, err := k.Check(customfields.Record{
		New:    true,
		Values: customfields.Values{"area": json.Number("3"), "budget": map[string]string{"currency": "EUR", "amount": "1000.01"}, "since": "2026-11-21"},
		Message: func() proto.Message {
			return &contactsv1.Contact{FirstName: "Ann", Vip: true, Type: "client"}
		},
	})
	require.NoError(t, err)
	require.Equal(t, json.Number("0.3"), got["price"])
	require.Equal(t, "Dear Ann!", got["greeting"])
	require.Equal(t, true, got["rich"])
	require.Equal(t, "2026-11-22T00:00:00Z", got["renewal"])
	require.Equal(t, "client", got["kind"])
	require.NotContains(t, got, "costly", "more than a formula may cost")

	got, err = k.Check(customfields.Record{New: true, Values: customfields.Values{"area": json.Number("0")}, Message: func() proto.Message { return &contactsv1.Contact{} }})
	require.NoError(t, err)
	require.NotContains(t, got, "zero", "infinite")
	require.NotContains(t, got, "rich", "the budget is empty")

	_, err = k.Check(customfields.Record{New: true, Values: customfields.Values{"price": json.Number("1")}})
	require.ErrorContains(t, err, "is computed")
	area := k.Fields[0].Def
	_, err = w.defs.Retire(t.Context(), w.org, "contact", area.GetId(), "")
	require.ErrorIs(t, err, customfields.ErrInUse)
}

// CON-12: a whole number beside another number just works; what cannot work is told in words.
func TestFormulasTakeWholeNumbers(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.define("contact", field("Area", customfieldsv1.Type_TYPE_NUMBER))
	want := map[string]string{}
	for i, c := range []struct{ formula, value string }{
		{"custom_fields.area * 2", "6"},
		{"2 * custom_fields.area", "6"},
		{"2 * 3 + custom_fields.area", "9"},
		{"1 / 2 * custom_fields.area", "1.5"},
		{"(custom_fields.area + 1) * 10 - 4", "36"},
		{"custom_fields.area > 2 ? 1 : custom_fields.area", "1"},
		{"custom_fields.area * (2 + 3)", "15"},
		{"custom_fields.area\n\t* 2 + 1", "7"},
		{"size(first_name) + 2", "5"},
		{"-1 + custom_fields.area", "2"},
		{"custom_fields.area < 2 ? custom_fields.area : 7", "7"},
		{"custom_fields.area * 2.5 + 1", "8.5"},
	} {
		f := w.define("contact", &customfieldsv1.CustomField{Label: "f" + strconv.Itoa(i), Type: customfieldsv1.Type_TYPE_FORMULA, Formula: c.formula})
		require.Equal(t, c.formula, f.GetFormula(), "it stays as it was written")
		want[f.GetKey()] = c.value
	}
	got, err := w.kind("contact").Check(customfields.Record{
		New: true, Values: customfields.Values{"area": json.Number("3")}, Message: func() proto.Message { return &contactsv1.Contact{FirstName: "Ann"} },
	})
	require.NoError(t, err)
	for key, value := range want {
		require.Equal(t, json.Number(value), got[key], key)
	}
	_, err = w.defs.Create(t.Context(), w.org, "contact", &customfieldsv1.CustomField{
		Label: "bad", Type: customfieldsv1.Type_TYPE_FORMULA, Formula: "custom_fields.area + first_name",
	})
	require.ErrorContains(t, err, "+ does not work on a number and a text")
}

// CON-12: another process goes by a change within two seconds, without an event having arrived.
func TestOtherProcessesLearnOfChanges(t *testing.T) {
	t.Parallel()
	w := setup(t)
	other := w.process()
	k, err := other.Kind(t.Context(), w.org, "contact")
	require.NoError(t, err)
	require.Empty(t, k.Fields)
	w.define("contact", field("New", customfieldsv1.Type_TYPE_STRING))
	require.Len(t, w.kind("contact").Fields, 1, "at once in the same process")
	require.Eventually(t, func() bool {
		k, err := other.Kind(t.Context(), w.org, "contact")
		require.NoError(t, err)
		return len(k.Fields) == 1
	}, 2*time.Second, 50*time.Millisecond)
}

// CON-12: the order of fields, and a request that comes twice.
func TestOrderOfFields(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.define("contact", field("A", customfieldsv1.Type_TYPE_STRING)), w.define("contact", field("B", customfieldsv1.Type_TYPE_STRING))
	c := w.define("contact", field("C", customfieldsv1.Type_TYPE_STRING))
	_, err := w.defs.Reorder(t.Context(), w.org, "contact", []string{a.GetId(), b.GetId()})
	require.ErrorIs(t, err, customfields.ErrOrder)
	_, err = w.defs.Reorder(t.Context(), w.org, "contact", []string{a.GetId(), a.GetId(), b.GetId()})
	require.ErrorIs(t, err, customfields.ErrOrder)
	got, err := w.defs.Reorder(t.Context(), w.org, "contact", []string{c.GetId(), a.GetId(), b.GetId()})
	require.NoError(t, err)
	require.Equal(t, "c a b", fmt.Sprint(got[0].GetKey(), " ", got[1].GetKey(), " ", got[2].GetKey()))
}

// again reads values back from the API's form and checks them once more: a number that a double cannot hold is text there.
func again(t *testing.T, k *customfields.Kind, v customfields.Values, user string) customfields.Values {
	t.Helper()
	out, err := k.Check(customfields.Record{
		Values: customfields.FromProto(v.Proto()), New: true, User: func(u string) bool { return u == user },
	})
	require.NoError(t, err)
	return out
}
