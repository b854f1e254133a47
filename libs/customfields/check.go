package customfields

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/id"
	"kontor.internal/libs/money"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// Record is what the check of a record's custom fields has to know.
type Record struct {
	// Before is the values before the change; nil for a new record.
	Before Values
	// Values are those to be checked, all of the record's, retired ones included.
	Values Values
	// New says that the record is being made.
	New bool
	// Lenient lets required fields be empty: the record is made by a conversion or such, and must not be lost.
	Lenient bool
	// Message returns the record as the API shows it. It is called only for kinds with formulas or conditions.
	Message func() proto.Message
	// Pipeline is the deal's.
	Pipeline string
	// Reached reports whether the record stood at a stage, or past it, before the change, and does now. Nil if its kind has
	// no stages.
	Reached func(stageID string) (before, now bool)
	// User reports whether there is such a user in the organisation.
	User func(id string) bool
}

// Check returns the values as they are to be kept: checked, with defaults and formulas. It returns ErrValues naming every
// field at fault as custom_fields.<key>.
func (k *Kind) Check(r Record) (Values, error) {
	if len(k.all) == 0 && len(r.Values) == 0 {
		return nil, nil
	}
	out := make(Values, len(r.Values)+len(k.formulas))
	faults := ErrValues
	failed := false
	fault := func(key, text string) {
		failed = true
		faults = faults.WithField(Prefix+key, text)
	}
	for _, key := range slices.Sorted(maps.Keys(r.Values)) {
		v, old := r.Values[key], r.Before[key]
		f := k.all[key]
		switch {
		case f == nil && equal(v, old), f != nil && f.Def.GetType() == customfieldsv1.Type_TYPE_FORMULA:
			// A formula's is computed below. What another version of the program knows stays.
			if v != nil && old != nil && equal(v, old) {
				out[key] = v
			} else if f != nil && v != nil {
				fault(key, "is computed and cannot be set")
			}
		case v == nil:
		case equal(v, old):
			out[key] = v // as it was, even if it would not be taken today
		case f == nil:
			fault(key, "there is no such field; its key is wrong or it is one of another kind of record")
		case f.Retired():
			fault(key, "the field is retired; restore it first")
		case f.Def.GetPipelineId() != "" && f.Def.GetPipelineId() != r.Pipeline:
			fault(key, "is a field of deals in another pipeline")
		default:
			checked, err := f.check(v, old, r.User)
			if err != nil {
				fault(key, err.Error())
			} else if checked != nil {
				out[key] = checked
			}
		}
	}
	for key, f := range k.all { // values of retired fields are kept, whatever the caller knows of them
		if old, has := r.Before[key]; has && f.Retired() {
			out[key] = old
		}
	}
	var msg proto.Message
	message := func() proto.Message {
		if msg == nil && r.Message != nil {
			msg = r.Message()
		}
		return msg
	}
	for _, f := range k.demanding {
		key := f.Def.GetKey()
		if out[key] != nil || f.Def.GetPipelineId() != "" && f.Def.GetPipelineId() != r.Pipeline {
			continue
		}
		if _, asked := r.Values[key]; r.New && f.preset != nil && !asked {
			out[key] = f.preset
			continue
		}
		if failed || r.Lenient || !f.missing(r) || f.visible != nil && !f.visible.holds(message(), out) {
			continue
		}
		fault(key, "is required")
	}
	if failed {
		return nil, faults
	}
	for _, f := range k.formulas {
		delete(out, f.Def.GetKey())
		if f.Def.GetPipelineId() != "" && f.Def.GetPipelineId() != r.Pipeline {
			continue
		}
		if v := f.formula.compute(message(), out); v != nil {
			out[f.Def.GetKey()] = v
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// missing reports whether an empty field is at fault: when a record is made, when the value is taken away, and when the
// record comes to the stage. A record that was without one before the field was required may be changed otherwise.
func (f *Field) missing(r Record) bool {
	taken := r.Before[f.Def.GetKey()] != nil
	switch f.Def.GetRequired() {
	case customfieldsv1.Required_REQUIRED_ALWAYS:
		return r.New || taken
	case customfieldsv1.Required_REQUIRED_FROM_STAGE:
		if r.Reached == nil {
			return false
		}
		before, now := r.Reached(f.Def.GetRequiredStageId())
		return now && (r.New || taken || !before)
	default:
	}
	return false
}

// check returns one value as it is kept; nil if it is empty. old is the value before.
func (f *Field) check(v, old any, user func(string) bool) (any, error) {
	switch f.Def.GetType() {
	case customfieldsv1.Type_TYPE_STRING:
		return text(v, maxString, false)
	case customfieldsv1.Type_TYPE_TEXT:
		return text(v, maxText, true)
	case customfieldsv1.Type_TYPE_NUMBER:
		return checkNumber(v)
	case customfieldsv1.Type_TYPE_MONEY:
		return checkMoney(v)
	case customfieldsv1.Type_TYPE_DATE:
		s, ok := v.(string)
		if t, err := time.Parse(time.DateOnly, s); !ok || s != "" && (err != nil || t.Year() < 1) {
			return nil, errors.New("is not a day such as 2026-11-21")
		}
		return orNil(s), nil
	case customfieldsv1.Type_TYPE_DATE_TIME:
		return checkInstant(v)
	case customfieldsv1.Type_TYPE_BOOLEAN:
		b, ok := v.(bool)
		if !ok {
			return nil, errors.New("is neither true nor false")
		}
		return b, nil
	case customfieldsv1.Type_TYPE_CHOICE:
		s, ok := v.(string)
		if !ok {
			return nil, errors.New("is not the ID of a choice")
		}
		if s == "" {
			return nil, nil
		}
		was, _ := old.(string)
		return f.checkChoice(s, []string{was})
	case customfieldsv1.Type_TYPE_CHOICES:
		return f.checkChoices(v, old)
	case customfieldsv1.Type_TYPE_USER, customfieldsv1.Type_TYPE_LINK, customfieldsv1.Type_TYPE_FILE:
		s, ok := v.(string)
		s = strings.ToLower(s)
		switch {
		case ok && s == "":
			return nil, nil
		case !ok || !id.Valid(s):
			return nil, errors.New("is not an ID")
		case f.Def.GetType() == customfieldsv1.Type_TYPE_USER && user != nil && !user(s):
			return nil, errors.New("is not an active user of the organisation")
		}
		return s, nil
	case customfieldsv1.Type_TYPE_URL:
		return checkURL(v)
	case customfieldsv1.Type_TYPE_ADDRESS:
		return checkAddress(v)
	default:
	}
	return nil, errors.New("cannot be set")
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// text checks text as the records' own fields are: trimmed, no control characters, which are invisible in lists and break
// exports.
func text(v any, limit int, lines bool) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errors.New("is not text")
	}
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) {
		return nil, errors.New("is not valid UTF-8")
	}
	if len(s) > limit && utf8.RuneCountInString(s) > limit {
		return nil, fmt.Errorf("has more than %d characters", limit)
	}
	for _, r := range s {
		if unicode.IsControl(r) && (!lines || r != '\n' && r != '\r' && r != '\t') {
			return nil, errors.New("has a control character (" + strconv.QuoteRuneToASCII(r) + ")")
		}
	}
	return orNil(s), nil
}

func checkNumber(v any) (any, error) {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = strings.TrimSpace(v)
	}
	if v == "" {
		return nil, nil
	}
	d, err := money.ParseAmount(s)
	if err != nil {
		return nil, errors.New("is not a number of at most 18 digits and 10 more after the point, such as 12.5")
	}
	return plain(d), nil
}

// plain writes a number without zeros that say nothing.
func plain(d decimal.Decimal) json.Number { return json.Number(d.String()) }

func checkMoney(v any) (any, error) {
	m, ok := v.(map[string]string)
	for k := range m {
		ok = ok && (k == "currency" || k == "amount")
	}
	if !ok {
		return nil, errors.New(`is not a sum such as {"currency": "EUR", "amount": "12.50"}`)
	}
	if m["amount"] == "" && m["currency"] == "" {
		return nil, nil
	}
	s, err := money.Parse(m["currency"], m["amount"])
	if err != nil {
		return nil, errors.New(`is not a sum such as {"currency": "EUR", "amount": "12.50"}`)
	}
	return map[string]string{"currency": s.Currency, "amount": s.Text()}, nil
}

func checkInstant(v any) (any, error) {
	s, ok := v.(string)
	if ok && s == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if !ok || err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		return nil, errors.New("is not a time such as 2026-11-21T15:04:05Z")
	}
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), nil
}

func (f *Field) checkChoice(s string, had []string) (any, error) {
	c, ok := f.choice(s)
	if !ok {
		return nil, fmt.Errorf("%.80q is not one of the choices", s)
	}
	if f.choices[c].GetRetired() && !slices.Contains(had, c) {
		return nil, fmt.Errorf("%.80q is no longer offered", s)
	}
	return c, nil
}

func (f *Field) checkChoices(v, old any) (any, error) {
	list, ok := v.([]string)
	if s, one := v.(string); one {
		list, ok = []string{s}, true
	}
	if !ok || len(list) > maxChoices {
		return nil, fmt.Errorf("is not a list of at most %d choices", maxChoices)
	}
	had, _ := old.([]string)
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s == "" {
			continue
		}
		c, err := f.checkChoice(s, had)
		if err != nil {
			return nil, err
		}
		if c, ok := c.(string); ok && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func checkURL(v any) (any, error) {
	s, err := text(v, 2000, false)
	if err != nil || s == nil {
		return s, err
	}
	raw, _ := s.(string)
	u, perr := url.Parse(raw)
	if perr != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("is not an address such as https://example.com")
	}
	return raw, nil
}

func checkAddress(v any) (any, error) {
	m, ok := v.(map[string]string)
	if !ok {
		return nil, errors.New(`is not an address such as {"street": "…", "city": "…", "country": "DE"}`)
	}
	out := map[string]string{}
	for part, value := range m {
		limit := map[string]int{"street": 512, "city": 128, "region": 128, "postal_code": 32, "country": 64}[part]
		if part == "postalCode" {
			part, limit = "postal_code", 32
		}
		if limit == 0 {
			return nil, fmt.Errorf("an address has no part %.40q; use street, city, region, postal_code, country", part)
		}
		s, err := text(value, limit, part == "street")
		if err != nil {
			return nil, fmt.Errorf("%s %w", part, err)
		}
		if s, ok := s.(string); ok {
			out[part] = s
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}
