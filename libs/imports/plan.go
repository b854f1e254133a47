package imports

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/fieldrules"
)

// ErrColumnMissing is a column that the mapping names and the file does not have.
var ErrColumnMissing = apperr.Invalid("IMPORT_COLUMN_MISSING", "the file lacks a column that the mapping names")

// Locale is what an organisation's settings say about reading values.
type Locale struct {
	// TimeZone that times without a zone are in. Nil: UTC.
	TimeZone *time.Location
	// Currency of amounts that name none.
	Currency string
}

// Check reports whether the mapping suits the target and the look-ups there are. It returns ErrMapping, with the line.
func (m *Mapping) Check(t Target, lookups map[string]Lookup) error {
	if m.Kind != t.Kind {
		return ErrMapping.Saying(fmt.Sprintf("the mapping is for records of kind %q, not %q", m.Kind, t.Kind))
	}
	if len(m.Fields) == 0 {
		return ErrMapping.Saying("fields is missing; it says which column fills which field")
	}
	if m.timeZone != "" {
		if _, err := time.LoadLocation(m.timeZone); err != nil {
			return ErrMapping.Saying(fmt.Sprintf("%q is no time zone such as Europe/Berlin", m.timeZone))
		}
	}
	for _, f := range m.Fields {
		spec, ok := t.field(f.Name)
		if !ok {
			return mappingError(f.Line, "a %s has no field %q; it has %s", t.Kind, f.Name, t.fieldNames())
		}
		if err := f.value.check(m, spec, lookups); err != nil {
			return err
		}
	}
	for _, f := range t.Fields {
		if f.Required && !m.fills(f.Name) {
			return ErrMapping.Saying(fmt.Sprintf("the mapping does not fill %q, which a %s must have", f.Name, t.Kind))
		}
	}
	if m.effective != nil {
		return m.effective.check(m, Field{Name: "effective_time", Type: Time}, lookups)
	}
	return nil
}

// may returns why whoever imports may not fill one of the fields (ID-4).
func (m *Mapping) may(ctx context.Context) error {
	rules := fieldrules.From(ctx)
	if rules.Empty() {
		return nil
	}
	for _, f := range m.Fields {
		if err := rules.MayWrite(m.Kind, f.Name); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mapping) fills(field string) bool {
	return slices.ContainsFunc(m.Fields, func(f FieldMapping) bool { return f.Name == field })
}

func (t Target) field(name string) (Field, bool) {
	i := slices.IndexFunc(t.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return t.Fields[i], true
}

func (t Target) fieldNames() string {
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

func (e *expr) check(m *Mapping, f Field, lookups map[string]Lookup) error {
	switch {
	case e.list != nil && f.Type != TextList:
		return mappingError(e.line, "%s holds one value, not a list", f.Name)
	case e.split != "" && f.Type != TextList:
		return mappingError(e.line, "%s holds one value, so there is nothing to split", f.Name)
	case e.scale != nil && f.Type != Number && f.Type != Integer && f.Type != Money:
		return mappingError(e.line, "%s is not a number, so it cannot be scaled", f.Name)
	case f.Type == Ref && e.lookup == nil && e.firstOf == nil:
		return mappingError(e.line, "%s leads to a %s; say by lookup how to find it", f.Name, f.RefKind)
	}
	for _, alt := range e.firstOf {
		if err := alt.check(m, f, lookups); err != nil {
			return err
		}
	}
	for _, item := range e.list {
		if err := item.check(m, Field{Name: f.Name, Type: Text}, lookups); err != nil {
			return err
		}
	}
	if e.lookup == nil {
		return nil
	}
	return e.lookup.check(m, e.line, f, lookups)
}

func (l *lookupMapping) check(m *Mapping, line int, f Field, lookups map[string]Lookup) error {
	have, ok := lookups[l.kind]
	switch {
	case !ok:
		return mappingError(line, "records of kind %q cannot be looked up here", l.kind)
	case !slices.Contains(have.By, l.by):
		return mappingError(line, "a %s cannot be looked up by %s", l.kind, l.by)
	case l.create && have.Create == nil:
		return mappingError(line, "a %s cannot be made by an import of this kind; import it first", l.kind)
	case l.attribute != "" && !slices.Contains(have.Attributes, l.attribute):
		return mappingError(line, "a %s has no attribute %q; it has %s", l.kind, l.attribute, strings.Join(have.Attributes, ", "))
	case l.attribute == "" && f.Type != Ref:
		return mappingError(line, "%s is a %s, not a reference; name an attribute of what is looked up", f.Name, f.Type)
	case l.attribute == "" && f.RefKind != l.kind:
		return mappingError(line, "%s leads to a %s, not to a %s", f.Name, f.RefKind, l.kind)
	case l.within != "" && !m.fills(l.within):
		return mappingError(line, "within names %q, which the mapping does not fill", l.within)
	}
	return nil
}

// Plan is a mapping bound to a target and to the header of a file.
type Plan struct {
	mapping *Mapping
	target  Target
	columns map[string]int // by name as written in the mapping
	width   int
	fields  []boundField
	index   map[string]int
	loc     *time.Location
	locale  Locale
}

type boundField struct {
	spec  Field
	value *expr
	self  bool // leads to the target's own kind
}

// Bind binds the mapping to the header of a file. It returns ErrColumnMissing with the columns there are. The mapping
// must have passed Check.
func (m *Mapping) Bind(t Target, header []string, l Locale) (*Plan, error) {
	p := &Plan{
		mapping: m, target: t, columns: map[string]int{}, width: len(header), index: map[string]int{},
		loc: l.TimeZone, locale: l,
	}
	if p.loc == nil {
		p.loc = time.UTC
	}
	if m.timeZone != "" {
		loc, err := time.LoadLocation(m.timeZone)
		if err != nil {
			return nil, ErrMapping.Because(err)
		}
		p.loc = loc
	}
	for name, line := range m.columnNames() {
		i := findColumn(header, name)
		if i < 0 {
			return nil, ErrColumnMissing.Saying(fmt.Sprintf("the file has no column %q, which line %d of the mapping names; its columns are %s. Check the delimiter, the header and the mapping.",
				name, line, quotedList(header))).With("column", name)
		}
		p.columns[name] = i
	}
	for i, f := range m.Fields {
		spec, ok := t.field(f.Name)
		if !ok {
			return nil, mappingError(f.Line, "a %s has no field %q", t.Kind, f.Name)
		}
		p.fields = append(p.fields, boundField{spec: spec, value: f.value, self: spec.Type == Ref && spec.RefKind == t.Kind})
		p.index[f.Name] = i
	}
	return p, nil
}

func findColumn(header []string, name string) int {
	if i := slices.Index(header, name); i >= 0 {
		return i
	}
	return slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(h, name) })
}

func quotedList(names []string) string {
	const most = 60
	q := make([]string, 0, min(len(names), most))
	for _, n := range names[:min(len(names), most)] {
		if r := []rune(n); len(r) > 60 {
			n = string(r[:60]) + "…"
		}
		q = append(q, strconv.Quote(n))
	}
	return strings.Join(q, ", ")
}

// columnNames returns the columns the mapping names, with the line that does.
func (m *Mapping) columnNames() map[string]int {
	names := map[string]int{}
	add := func(e *expr) { e.columnNames(names) }
	for _, f := range m.Fields {
		add(f.value)
	}
	if m.ExternalID != nil {
		add(m.ExternalID.value)
	}
	if m.effective != nil {
		add(m.effective)
	}
	for name, c := range m.corrections {
		if _, ok := names[name]; !ok {
			names[name] = c.line
		}
	}
	return names
}

func (e *expr) columnNames(names map[string]int) {
	add := func(name string, line int) {
		if _, ok := names[name]; !ok && name != "" {
			names[name] = line
		}
	}
	add(e.column, e.line)
	for _, t := range []*template{e.template, e.format.currency} {
		if t != nil {
			for _, p := range t.parts {
				add(p.column, e.line)
			}
		}
	}
	for _, c := range e.when {
		add(c.column, c.line)
	}
	for _, sub := range e.firstOf {
		sub.columnNames(names)
	}
	for _, sub := range e.list {
		sub.columnNames(names)
	}
}
