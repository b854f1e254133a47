package imports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/money"
)

// lookupKey identifies a look-up, for the cache.
type lookupKey struct {
	kind, source, within string
	by                   By
	create               bool
	key                  string
}

// answer is what a look-up led to.
type answer struct {
	found Found
	ok    bool
}

// evaluation is one row on its way to values.
type evaluation struct {
	plan    *Plan
	rec     Record
	answers map[lookupKey]answer
	// ask receives what must be looked up before the row can be finished.
	ask     func(lookupKey)
	pending bool
	values  []any
	done    []bool
	waiting []bool // by field: pending
	// later lists the fields that lead to the target's own kind and found nothing yet.
	later []lookupKey
	at    []int // fields of later
}

// evaluate turns a record into a typed row. If look-ups are missing it passes them to ask and reports pending. Fields
// that lead to the target's own kind and find nothing are returned by field, to be linked after the last row.
func (p *Plan) evaluate(rec Record, answers map[lookupKey]answer, ask func(lookupKey)) (row Row, later map[string]lookupKey, rej *Reject, pending bool) {
	if rec.Problem != nil {
		return Row{}, nil, rec.Problem, false
	}
	if len(rec.Cells) != p.width {
		if rej := p.ragged(rec); rej != nil {
			return Row{}, nil, rej, false
		}
	}
	e := evaluation{plan: p, rec: rec, answers: answers, ask: ask, values: make([]any, len(p.fields)), done: make([]bool, len(p.fields)), waiting: make([]bool, len(p.fields))}
	for i := range p.fields {
		if rej := e.field(i); rej != nil {
			rej.Line = rec.Line
			return Row{}, nil, rej, false
		}
	}
	row = Row{Line: rec.Line, values: e.values, index: p.index}
	if x := p.mapping.ExternalID; x != nil {
		id := e.text(x.value)
		if id == "" {
			return Row{}, nil, &Reject{Line: rec.Line, Field: "external_id", Reason: "EXTERNAL_ID_EMPTY", Message: "the external ID is empty; give the row one, or drop external_id from the mapping"}, false
		}
		row.ExternalID = ExternalID{Source: x.Source, ID: id}
	}
	if x := p.mapping.effective; x != nil {
		v, rej := e.value(x, Field{Name: "effective_time", Type: Time})
		if rej != nil {
			rej.Line = rec.Line
			return Row{}, nil, rej, false
		}
		if t, ok := v.(time.Time); ok {
			row.EffectiveAt = &t
		}
	}
	if len(e.later) > 0 {
		later = make(map[string]lookupKey, len(e.later))
		for i, k := range e.later {
			later[p.fields[e.at[i]].spec.Name] = k
		}
	}
	return row, later, nil, e.pending
}

// ragged returns why a row has not as many cells as the header, unless all that it has too many are empty.
func (p *Plan) ragged(rec Record) *Reject {
	if len(rec.Cells) > p.width && !slices.ContainsFunc(rec.Cells[p.width:], func(c string) bool { return strings.TrimSpace(c) != "" }) {
		return nil
	}
	return &Reject{
		Line: rec.Line, Reason: "ROW_RAGGED",
		Message: fmt.Sprintf("the row has %d cells where the header has %d; put quotes around cells that hold the delimiter, and keep empty ones", len(rec.Cells), p.width),
	}
}

func (e *evaluation) cell(column string) string {
	s := strings.TrimSpace(e.rec.Cells[e.plan.columns[column]])
	if c, ok := e.plan.mapping.corrections[column]; ok {
		if right, ok := c.table[s]; ok {
			return right
		}
	}
	return s
}

func (e *evaluation) field(i int) *Reject {
	if e.done[i] {
		return nil
	}
	e.done[i] = true
	f := e.plan.fields[i]
	wasPending, wasLater := e.pending, len(e.later)
	e.pending = false
	v, rej := e.value(f.value, f.spec)
	if rej != nil {
		return rej
	}
	e.values[i] = v
	for range len(e.later) - wasLater {
		e.at = append(e.at, i)
	}
	if v == nil && f.spec.Required && !e.pending && len(e.later) == wasLater {
		return &Reject{Field: f.spec.Name, Reason: "VALUE_REQUIRED", Message: f.spec.Name + " is empty and must not be" + e.whence(f.value)}
	}
	e.waiting[i] = e.pending
	e.pending = e.pending || wasPending
	return nil
}

// whence names the column a value is from, for messages.
func (e *evaluation) whence(x *expr) string {
	if x.column == "" {
		return ""
	}
	return "; it comes from the column " + strconv.Quote(x.column)
}

// value returns the typed value of an expression, or nil if it is empty.
func (e *evaluation) value(x *expr, f Field) (any, *Reject) {
	if x.firstOf != nil {
		if ok, rej := e.holds(x, "", f); !ok || rej != nil {
			return nil, rej
		}
		for _, alt := range x.firstOf {
			if v, rej := e.value(alt, f); v != nil || rej != nil || e.pending {
				return v, rej
			}
		}
		return nil, nil
	}
	if f.Type == TextList {
		return e.list(x, f)
	}
	s := e.text(x)
	if ok, rej := e.holds(x, s, f); !ok || rej != nil {
		return nil, rej
	}
	if s == "" {
		return nil, nil
	}
	if x.lookup != nil {
		return e.find(x.lookup, s, f)
	}
	return e.convert(x, s, f)
}

// text returns what stands in the file, trimmed and translated.
func (e *evaluation) text(x *expr) string {
	var s string
	switch {
	case x.constant != nil:
		s = *x.constant
	case x.template != nil:
		s = x.template.fill(e.cell)
	default:
		s = e.cell(x.column)
	}
	if x.translate == nil || s == "" {
		return s
	}
	if to, ok := x.translate[s]; ok {
		return to
	}
	if x.fallback != nil {
		return *x.fallback
	}
	return s
}

func (e *evaluation) list(x *expr, f Field) (any, *Reject) {
	var items []string
	switch {
	case x.list != nil:
		for _, sub := range x.list {
			s := e.text(sub)
			if ok, rej := e.holds(sub, s, f); rej != nil {
				return nil, rej
			} else if ok {
				items = append(items, s)
			}
		}
	default:
		s := e.text(x)
		if x.split != "" {
			items = strings.Split(s, x.split)
		} else {
			items = []string{s}
		}
	}
	out := items[:0]
	for _, s := range items {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		if rej := checkText(s, f); rej != nil {
			return nil, rej
		}
		out = append(out, s)
	}
	if ok, rej := e.holds(x, strings.Join(out, " "), f); !ok || rej != nil || len(out) == 0 {
		return nil, rej
	}
	return out, nil
}

// holds reports whether the conditions of an expression hold for its text.
func (e *evaluation) holds(x *expr, s string, f Field) (bool, *Reject) {
	for _, c := range x.when {
		v := s
		if c.column != "" {
			v = e.cell(c.column)
		}
		switch {
		case c.notEmpty && v == "", c.empty && v != "",
			c.in != nil && !slices.Contains(c.in, v),
			c.notIn != nil && slices.Contains(c.notIn, v):
			return false, nil
		}
		if c.positive {
			if v == "" {
				return false, nil
			}
			n, rej := e.number(x, v, f)
			if rej != nil {
				return false, rej
			}
			if n.Sign() <= 0 {
				return false, nil
			}
		}
	}
	return true, nil
}

func (e *evaluation) find(l *lookupMapping, s string, f Field) (any, *Reject) {
	k := lookupKey{kind: l.kind, source: l.source, by: l.by, create: l.create, key: s}
	if l.within != "" {
		i := e.plan.index[l.within]
		if rej := e.field(i); rej != nil {
			return nil, rej
		}
		id, ok := e.values[i].(string)
		if !ok {
			if e.waiting[i] {
				e.pending = true
				return nil, nil
			}
			return nil, &Reject{Field: f.Name, Reason: "LOOKUP_NOT_FOUND", Message: fmt.Sprintf("%s cannot be looked up because %s is empty", f.Name, l.within)}
		}
		k.within = id
	}
	a, known := e.answers[k]
	switch {
	case !known:
		e.ask(k)
		e.pending = true
		return nil, nil
	case a.ok && a.found.Ambiguous:
		return nil, &Reject{
			Field: f.Name, Reason: "LOOKUP_AMBIGUOUS",
			Message: fmt.Sprintf("there are several records of kind %s with the %s %s; look it up by an external ID, or give them different names", l.kind, byName(l.by), clip(s)),
		}
	case a.ok && l.attribute != "":
		return e.attribute(l, a.found, s, f)
	case a.ok:
		return a.found.ID, nil
	case l.kind == e.plan.target.Kind && l.attribute == "":
		e.later = append(e.later, k) // it may be further down
		return nil, nil
	case l.orEmpty:
		return nil, nil
	}
	return nil, notFound(f.Name, l.kind, l.by, s)
}

func notFound(field, kind string, by By, key string) *Reject {
	return &Reject{
		Field: field, Reason: "LOOKUP_NOT_FOUND",
		Message: fmt.Sprintf("there is no %s with the %s %s; make it first, or translate the value to one there is", kind, byName(by), clip(key)),
	}
}

func byName(by By) string {
	return strings.ReplaceAll(string(by), "_", " ")
}

func (e *evaluation) attribute(l *lookupMapping, found Found, s string, f Field) (any, *Reject) {
	v := found.Attributes[l.attribute]
	if v == nil {
		return nil, nil
	}
	ok := false
	switch f.Type {
	case Text, Ref:
		_, ok = v.(string)
	case Number:
		_, ok = v.(decimal.Decimal)
	case Integer:
		_, ok = v.(int64)
	case Money:
		_, ok = v.(money.Money)
	case Date, Time:
		_, ok = v.(time.Time)
	case Bool:
		_, ok = v.(bool)
	case TextList:
		_, ok = v.([]string)
	}
	if !ok {
		return nil, &Reject{Field: f.Name, Reason: "ATTRIBUTE_TYPE", Message: fmt.Sprintf("the %s of the %s %s is not a %s", l.attribute, l.kind, clip(s), f.Type)}
	}
	return v, nil
}

func (e *evaluation) convert(x *expr, s string, f Field) (any, *Reject) {
	switch f.Type {
	case Number:
		n, rej := e.number(x, s, f)
		if rej != nil {
			return nil, rej
		}
		return n, nil
	case Integer:
		n, rej := e.number(x, s, f)
		if rej != nil {
			return nil, rej
		}
		if !n.IsInteger() || !n.BigInt().IsInt64() {
			return nil, &Reject{Field: f.Name, Reason: "NUMBER_NOT_WHOLE", Message: fmt.Sprintf("%s must be a whole number, not %s", f.Name, clip(s)) + e.whence(x)}
		}
		return n.IntPart(), nil
	case Money:
		return e.money(x, s, f)
	case Date, Time:
		loc := e.plan.loc
		if f.Type == Date {
			loc = time.UTC
		}
		t, ok := parseDate(s, x.format.dates, loc)
		if !ok {
			return nil, &Reject{
				Field: f.Name, Reason: "DATE_INVALID",
				Message: fmt.Sprintf("%s is not a date in the format %s%s; mend it, or name its format under date_format", clip(s), formatNames(x.format.dates), e.whence(x)),
			}
		}
		if f.Type == Date {
			t = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		}
		return t, nil
	case Bool:
		switch strings.ToLower(s) {
		case "true", "yes", "y", "1", "on":
			return true, nil
		case "false", "no", "n", "0", "off":
			return false, nil
		}
		return nil, &Reject{Field: f.Name, Reason: "BOOLEAN_INVALID", Message: fmt.Sprintf("%s is neither true nor false%s; translate it", clip(s), e.whence(x))}
	default:
		if rej := checkText(s, f); rej != nil {
			return nil, rej
		}
		return s, nil
	}
}

func (e *evaluation) number(x *expr, s string, f Field) (decimal.Decimal, *Reject) {
	text := strings.ReplaceAll(s, "\u00a0", " ")
	if x.format.hasNum {
		if x.format.group != "" {
			text = strings.ReplaceAll(text, x.format.group, "")
		}
		if x.format.decimal == "," {
			if strings.Contains(text, ".") {
				text = "" // a point has no meaning here
			}
			text = strings.Replace(text, ",", ".", 1)
		}
	}
	text = strings.TrimPrefix(strings.TrimSpace(text), "+")
	n, err := money.ParseAmount(text)
	if err != nil {
		return decimal.Decimal{}, &Reject{
			Field: f.Name, Reason: "NUMBER_INVALID",
			Message: fmt.Sprintf("%s is not a number%s; mend it, or say under number how decimals and thousands are written", clip(s), e.whence(x)),
		}
	}
	if x.scale != nil {
		n = n.Mul(*x.scale)
	}
	return n, nil
}

func (e *evaluation) money(x *expr, s string, f Field) (any, *Reject) {
	n, rej := e.number(x, s, f)
	if rej != nil {
		return nil, rej
	}
	currency := ""
	if x.format.currency != nil {
		currency = strings.ToUpper(x.format.currency.fill(e.cell))
	}
	if currency == "" {
		currency = e.plan.locale.Currency
	}
	if !money.ValidCurrency(currency) {
		return nil, &Reject{Field: f.Name, Reason: "CURRENCY_INVALID", Message: clip(currency) + " is not a currency code such as EUR; name one under currency"}
	}
	return money.Money{Currency: currency, Amount: n}, nil
}

func checkText(s string, f Field) *Reject {
	most := f.MaxLen
	if most == 0 {
		most = 1000
	}
	if len(s) > most && utf8.RuneCountInString(s) > most {
		return &Reject{Field: f.Name, Reason: "VALUE_TOO_LONG", Message: fmt.Sprintf("%s has %d characters; at most %d are allowed", f.Name, utf8.RuneCountInString(s), most)}
	}
	if strings.ContainsRune(s, 0) {
		return &Reject{Field: f.Name, Reason: "VALUE_INVALID", Message: f.Name + " holds a zero byte; remove it, and check the file's encoding"}
	}
	if len(f.OneOf) > 0 && !slices.Contains(f.OneOf, s) {
		return &Reject{Field: f.Name, Reason: "VALUE_NOT_ALLOWED", Message: fmt.Sprintf("%s is none of %s; translate it to one of these", clip(s), strings.Join(f.OneOf, ", "))}
	}
	return nil
}

// clip quotes a value for a message, cut to what a person wants to read.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return strconv.Quote(s)
}
