package imports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"go.yaml.in/yaml/v3"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/money"
)

// Mapping says how the rows of a file become records. See docs/import.md for its YAML.
type Mapping struct {
	// Kind of record, such as "deal".
	Kind string
	// Source says how the file is written.
	Source Source
	// ExternalID says what a row is called where it comes from. Nil if it has no name there.
	ExternalID *ExternalIDMapping
	// Duplicates is what to do with a row whose record is there already; Skip if the mapping does not say.
	Duplicates Duplicates
	// Fields of the target that the mapping fills.
	Fields []FieldMapping
	// Records are whole records written in the mapping instead of a file, in the JSON of the API. For the command line.
	Records []map[string]any

	effective *expr
	timeZone  string
	// corrections are translations of columns, by column, that hold wherever the column is used.
	corrections map[string]correction
}

// correction replaces values of a column that are written in two ways.
type correction struct {
	line  int
	table map[string]string
}

// Source says how a file is written.
type Source struct {
	// File is the name of the file, or a pattern such as "deals-*.csv"; the command line goes by it.
	File string
	// Format is "csv", "xlsx" or "vcard"; empty to have it detected.
	Format string
	// Sheet of a workbook; the first if empty.
	Sheet string
	// Encoding by name; empty or "auto" to have it detected.
	Encoding string
	// Delimiter between cells; 0 to have it detected.
	Delimiter byte
	// Quote around cells; '"' if not stated.
	Quote byte
	// Header says whether the first row names the columns; nil to find out. Without header columns are called
	// "1", "2" and so on.
	Header *bool
}

// ExternalIDMapping names a row's ID in another system.
type ExternalIDMapping struct {
	// Source is the other system.
	Source string

	value *expr
}

// FieldMapping fills one field of the target.
type FieldMapping struct {
	// Name of the field.
	Name string
	// Line of the mapping it stands on.
	Line int

	value *expr
}

// expr is where a value comes from and what is done to it on the way.
type expr struct {
	line int

	// Exactly one of these.
	column   string
	constant *string
	template *template
	firstOf  []*expr
	list     []*expr

	split     string // of a list
	translate map[string]string
	fallback  *string // of translate
	when      []condition
	scale     *decimal.Decimal
	format    format
	lookup    *lookupMapping
}

// format says how dates, numbers and amounts are written; what is not stated comes from around it.
type format struct {
	dates    []dateFormat
	decimal  string
	group    string
	hasNum   bool
	currency *template
}

type lookupMapping struct {
	kind, source, within, attribute string
	by                              By
	create                          bool
	orEmpty                         bool // missing: empty
}

type condition struct {
	line     int
	column   string // empty: the value itself
	positive bool
	notEmpty bool
	empty    bool
	in       []string
	notIn    []string
}

// ErrMapping is a mapping that cannot be understood, or that does not suit the kind of record.
var ErrMapping = apperr.Invalid("IMPORT_MAPPING_INVALID", "the mapping cannot be used")

func mappingError(line int, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if line > 0 {
		msg = fmt.Sprintf("line %d of the mapping: %s", line, msg)
	}
	return ErrMapping.Saying(msg)
}

// ParseMapping reads a mapping. A key it does not know is refused with its line, so that a slip of the pen does not
// pass for an empty column. It returns ErrMapping.
func ParseMapping(text string) (*Mapping, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, ErrMapping.Saying("the mapping is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, ErrMapping.Saying("the mapping is empty")
	}
	m := &Mapping{Duplicates: Skip, Source: Source{Quote: '"'}}
	d := decoder{}
	o := d.object(doc.Content[0], "kind", "source", "external_id", "duplicates", "effective_time", "defaults", "corrections",
		"fields", "records")
	m.Kind = d.text(o["kind"])
	if n := o["source"]; n != nil {
		d.source(n, &m.Source)
	}
	if n := o["duplicates"]; n != nil {
		m.Duplicates = Duplicates(d.oneOf(n, string(Skip), string(Update), string(Make)))
	}
	var base format
	if n := o["defaults"]; n != nil {
		base, m.timeZone = d.defaults(n)
	}
	if n := o["external_id"]; n != nil {
		m.ExternalID = d.externalID(n)
	}
	if n := o["effective_time"]; n != nil {
		m.effective = d.expr(n, base)
	}
	if n := o["corrections"]; n != nil {
		m.corrections = d.corrections(n)
	}
	d.fields(o["fields"], base, m)
	if n := o["records"]; n != nil {
		if err := n.Decode(&m.Records); err != nil {
			d.fail(n, "records is a list of records")
		}
	}
	switch {
	case d.err != nil:
		return nil, d.err
	case m.Kind == "":
		return nil, mappingError(doc.Content[0].Line, "kind is missing; it says what the rows are, such as \"company\"")
	case len(m.Fields) == 0 && len(m.Records) == 0:
		return nil, mappingError(doc.Content[0].Line, "fields is missing; it says which column fills which field")
	}
	return m, nil
}

// decoder walks YAML nodes and keeps the first thing that is wrong.
type decoder struct{ err error }

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	if d.err == nil {
		d.err = mappingError(n.Line, format, args...)
	}
}

// object returns the values by key; a key other than those allowed is refused.
func (d *decoder) object(n *yaml.Node, allowed ...string) map[string]*yaml.Node {
	n = deref(n)
	if n.Kind != yaml.MappingNode {
		d.fail(n, "expected keys and values (%s)", strings.Join(allowed, ", "))
		return nil
	}
	out := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if !slices.Contains(allowed, k.Value) {
			d.fail(k, "unknown key %q; known are %s", k.Value, strings.Join(allowed, ", "))
			continue
		}
		if _, twice := out[k.Value]; twice {
			d.fail(k, "%q stands here twice", k.Value)
			continue
		}
		out[k.Value] = deref(n.Content[i+1])
	}
	return out
}

func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (d *decoder) text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		d.fail(n, "expected a single value")
		return ""
	}
	if n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func (d *decoder) texts(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{d.text(n)}
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "expected a value or a list of values")
		return nil
	}
	out := make([]string, len(n.Content))
	for i, c := range n.Content {
		out[i] = d.text(deref(c))
	}
	return out
}

func (d *decoder) oneOf(n *yaml.Node, allowed ...string) string {
	v := d.text(n)
	if !slices.Contains(allowed, v) {
		d.fail(n, "%q is not one of %s", v, strings.Join(allowed, ", "))
	}
	return v
}

func (d *decoder) flag(n *yaml.Node) bool {
	var v bool
	if n != nil && n.Decode(&v) != nil {
		d.fail(n, "expected true or false")
	}
	return v
}

func (d *decoder) char(n *yaml.Node) byte {
	v := d.text(n)
	switch v {
	case "", "auto":
		return 0
	case "tab", "\\t":
		return '\t'
	}
	if len(v) != 1 || v[0] >= 0x80 || v[0] == '\n' || v[0] == '\r' {
		d.fail(n, "expected one character of ASCII, \"tab\" or \"auto\"")
		return 0
	}
	return v[0]
}

func (d *decoder) source(n *yaml.Node, s *Source) {
	o := d.object(n, "file", "format", "sheet", "encoding", "delimiter", "quote", "header")
	s.File = d.text(o["file"])
	if v := o["format"]; v != nil {
		s.Format = d.oneOf(v, formatCSV, formatXLSX, formatVCard)
	}
	s.Sheet = d.text(o["sheet"])
	s.Encoding = d.text(o["encoding"])
	if v := o["delimiter"]; v != nil {
		s.Delimiter = d.char(v)
	}
	if v := o["quote"]; v != nil {
		if q := d.char(v); q != 0 {
			s.Quote = q
		}
	}
	if v := o["header"]; v != nil && d.text(v) != "auto" {
		h := d.flag(v)
		s.Header = &h
	}
	if s.Delimiter == s.Quote {
		d.fail(n, "delimiter and quote are the same")
	}
}

func (d *decoder) defaults(n *yaml.Node) (format, string) {
	o := d.object(n, "date_format", "number", "currency", "time_zone")
	return d.format(o, format{}), d.text(o["time_zone"])
}

// format reads what an object says about formats; the rest is as around it.
func (d *decoder) format(o map[string]*yaml.Node, around format) format {
	f := around
	if n := o["date_format"]; n != nil {
		f.dates = nil
		for _, s := range d.texts(n) {
			df, err := parseDateFormat(s)
			if err != nil {
				d.fail(n, "%s", err)
			}
			f.dates = append(f.dates, df)
		}
	}
	if n := o["number"]; n != nil {
		num := d.object(n, "decimal", "group")
		f.hasNum, f.decimal, f.group = true, ".", ""
		if v := num["decimal"]; v != nil {
			f.decimal = d.oneOf(v, ".", ",")
		}
		if v := num["group"]; v != nil {
			f.group = d.oneOf(v, "", ".", ",", " ", "'", "_")
		}
		if f.decimal == f.group {
			d.fail(n, "decimal and group are the same")
		}
	}
	if n := o["currency"]; n != nil {
		f.currency = d.template(n)
		if lit, ok := f.currency.literal(); ok && !money.ValidCurrency(lit) {
			d.fail(n, "%q is not a currency code such as EUR", lit)
		}
	}
	return f
}

func (d *decoder) template(n *yaml.Node) *template {
	t, err := parseTemplate(d.text(n))
	if err != nil {
		d.fail(n, "%s", err)
		return &template{}
	}
	return t
}

func (d *decoder) externalID(n *yaml.Node) *ExternalIDMapping {
	o := d.object(n, "source", "column", "template")
	e := &expr{line: n.Line, column: d.text(o["column"])}
	if v := o["template"]; v != nil {
		e.template = d.template(v)
	}
	if (e.column == "") == (e.template == nil) {
		d.fail(n, "external_id needs either a column or a template")
	}
	src := d.text(o["source"])
	if src == "" {
		d.fail(n, "external_id needs a source: the name of the system the IDs are from")
	}
	return &ExternalIDMapping{Source: src, value: e}
}

func (d *decoder) fields(n *yaml.Node, base format, m *Mapping) {
	if n == nil {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "fields is a list of field: {column: …}")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], deref(n.Content[i+1])
		if slices.ContainsFunc(m.Fields, func(f FieldMapping) bool { return f.Name == k.Value }) {
			d.fail(k, "%q stands here twice", k.Value)
		}
		m.Fields = append(m.Fields, FieldMapping{Name: k.Value, Line: k.Line, value: d.expr(v, base)})
	}
}

func (d *decoder) expr(n *yaml.Node, around format) *expr {
	o := d.object(n, "column", "constant", "template", "first_of", "path", "list", "split", "translate", "when", "scale",
		"date_format", "number", "currency", "lookup")
	e := &expr{line: n.Line, format: d.format(o, around)}
	sources := 0
	for _, k := range []string{"column", "constant", "template", "first_of", "path", "list"} {
		if o[k] != nil {
			sources++
		}
	}
	if sources != 1 {
		d.fail(n, "a field needs exactly one of column, constant, template, first_of, path, list")
		return e
	}
	e.column = d.text(o["column"])
	if v := o["column"]; v != nil && e.column == "" {
		d.fail(v, "the column has no name")
	}
	if v := o["constant"]; v != nil {
		s := d.text(v)
		e.constant = &s
	}
	if v := o["template"]; v != nil {
		e.template = d.template(v)
	}
	if v := o["first_of"]; v != nil {
		e.firstOf = d.exprs(v, e.format, false)
		for _, k := range []string{"translate", "scale", "lookup", "split"} {
			if o[k] != nil {
				d.fail(o[k], "%s belongs to one of the alternatives of first_of", k)
			}
		}
	}
	for _, k := range []string{"path", "list"} {
		if v := o[k]; v != nil {
			e.list = d.exprs(v, e.format, true)
		}
	}
	e.split = d.text(o["split"])
	if v := o["translate"]; v != nil {
		d.translate(v, e)
	}
	if v := o["scale"]; v != nil {
		s, err := money.ParseAmount(d.text(v))
		if err != nil || s.IsZero() {
			d.fail(v, "scale is a number to multiply by, such as 1000 or 0.01")
		}
		e.scale = &s
	}
	if v := o["when"]; v != nil {
		e.when = d.conditions(v)
	}
	if v := o["lookup"]; v != nil {
		e.lookup = d.lookup(v)
	}
	return e
}

// exprs reads a list of expressions; with short set, an item may be just a template.
func (d *decoder) exprs(n *yaml.Node, around format, short bool) []*expr {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		d.fail(n, "expected a list")
		return nil
	}
	out := make([]*expr, len(n.Content))
	for i, c := range n.Content {
		c = deref(c)
		if short && c.Kind == yaml.ScalarNode {
			out[i] = &expr{line: c.Line, template: d.template(c), format: around}
			continue
		}
		out[i] = d.expr(c, around)
	}
	return out
}

// corrections reads tables by column.
func (d *decoder) corrections(n *yaml.Node) map[string]correction {
	if n.Kind != yaml.MappingNode {
		d.fail(n, "corrections is a list of column: {value: right value}")
		return nil
	}
	out := make(map[string]correction, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		out[k.Value] = correction{line: k.Line, table: d.table(deref(n.Content[i+1]))}
	}
	return out
}

func (d *decoder) table(n *yaml.Node) map[string]string {
	if n.Kind != yaml.MappingNode {
		d.fail(n, "expected a table of value: new value")
		return nil
	}
	out := make(map[string]string, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = d.text(deref(n.Content[i+1]))
	}
	return out
}

func (d *decoder) translate(n *yaml.Node, e *expr) {
	o := d.object(n, "table", "default")
	e.translate = map[string]string{}
	if o["table"] == nil {
		d.fail(n, "translate needs a table of value: new value")
		return
	}
	e.translate = d.table(o["table"])
	if v := o["default"]; v != nil {
		s := d.text(v)
		e.fallback = &s
	}
}

func (d *decoder) lookup(n *yaml.Node) *lookupMapping {
	o := d.object(n, "kind", "by", "source", "create", "within", "attribute", "missing")
	l := &lookupMapping{
		kind: d.text(o["kind"]), by: ByName, source: d.text(o["source"]), create: d.flag(o["create"]),
		within: d.text(o["within"]), attribute: d.text(o["attribute"]),
	}
	if l.kind == "" {
		d.fail(n, "lookup needs the kind of record to look for")
	}
	if v := o["by"]; v != nil {
		l.by = By(d.oneOf(v, string(ByName), string(ByExternalID), string(ByEmail), string(ByID), string(BySKU)))
	}
	if l.by == ByExternalID && l.source == "" {
		d.fail(n, "lookup by external_id needs a source")
	}
	if v := o["missing"]; v != nil {
		l.orEmpty = d.oneOf(v, "reject", "empty") == "empty"
	}
	return l
}

func (d *decoder) conditions(n *yaml.Node) []condition {
	if n.Kind == yaml.SequenceNode {
		out := make([]condition, len(n.Content))
		for i, c := range n.Content {
			out[i] = d.condition(deref(c))
		}
		return out
	}
	return []condition{d.condition(n)}
}

func (d *decoder) condition(n *yaml.Node) condition {
	c := condition{line: n.Line}
	if n.Kind == yaml.ScalarNode {
		switch d.oneOf(n, "positive", "not_empty") {
		case "positive":
			c.positive = true
		default:
			c.notEmpty = true
		}
		return c
	}
	o := d.object(n, "column", "equals", "in", "not_in", "empty", "positive")
	c.column = d.text(o["column"])
	if c.column == "" {
		d.fail(n, "a condition needs the column it looks at")
	}
	if v := o["equals"]; v != nil {
		c.in = []string{d.text(v)}
	}
	if v := o["in"]; v != nil {
		c.in = d.texts(v)
	}
	c.notIn = d.texts(o["not_in"])
	if v := o["empty"]; v != nil {
		c.empty = d.flag(v)
		c.notEmpty = !c.empty
	}
	c.positive = d.flag(o["positive"])
	if c.in == nil && c.notIn == nil && !c.empty && !c.notEmpty && !c.positive {
		d.fail(n, "a condition needs one of equals, in, not_in, empty, positive")
	}
	return c
}
