package customfields

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// keyPattern is what keys and IDs of choices look like.
var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

var choicePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_]{0,62}$`)

// faults collects what is wrong with a definition.
type faults struct{ err *apperr.Error }

func (f *faults) add(field, text string) {
	if f.err == nil {
		f.err = ErrInvalid
	}
	f.err = f.err.WithField("custom_field."+field, text)
}

// define checks a definition that is to be saved and fills in what may be left out. before is nil for a new field; others
// are the fields of the kind, this one aside.
func define(spec KindSpec, others []*customfieldsv1.CustomField, before, d *customfieldsv1.CustomField) error {
	f := &faults{}
	line := func(field string, s *string) {
		v, err := text(*s, maxString, false)
		if err != nil {
			f.add(field, err.Error())
		}
		*s, _ = v.(string)
	}
	line("label", &d.Label)
	line("section", &d.Section)
	if v, err := text(d.GetHelp(), 2000, true); err != nil {
		f.add("help", err.Error())
	} else {
		d.Help, _ = v.(string)
	}
	if d.GetLabel() == "" {
		f.add("label", "is required")
	}
	if d.GetType() == customfieldsv1.Type_TYPE_UNSPECIFIED {
		f.add("type", "is required")
	}
	if before == nil {
		defineKey(f, others, d)
	}
	defineChoices(f, before, d)
	defineRequired(f, spec, d)
	if d.GetUnique() && !canBeUnique(d.GetType()) {
		f.add("unique", "only text of one line, numbers, days, times, addresses on the web, users, links and files can be unique")
	}
	if d.GetType() == customfieldsv1.Type_TYPE_LINK {
		if !slices.Contains(kinds(), d.GetLinkKind()) {
			f.add("link_kind", "is one of "+strings.Join(kinds(), ", "))
		}
	} else {
		d.LinkKind = ""
	}
	if d.GetPipelineId() != "" && (!spec.Pipelines || !id.Valid(d.GetPipelineId())) {
		f.add("pipeline_id", "is the ID of a pipeline, for deals alone")
	}
	if f.err != nil {
		return f.err // what follows reads the definition
	}
	k := compileSet(0, map[string]KindSpec{spec.Name: spec}, append(slices.Clone(others), d)).Kind(spec.Name)
	names := newNames(spec, k)
	defineDefault(f, d)
	if d.GetVisibleWhen() != "" {
		if _, err := names.condition(d.GetVisibleWhen()); err != nil {
			f.add("visible_when", err.Error())
		}
	}
	defineFormula(f, names, d)
	if f.err != nil {
		return f.err
	}
	return nil
}

// kinds are the kinds of records that have custom fields and that links lead to.
func kinds() []string { return []string{"lead", "contact", "company", "deal", "product"} }

func defineKey(f *faults, others []*customfieldsv1.CustomField, d *customfieldsv1.CustomField) {
	taken := func(key string) bool {
		return slices.ContainsFunc(others, func(o *customfieldsv1.CustomField) bool { return o.GetKey() == key })
	}
	if d.GetKey() == "" {
		base := slug(d.GetLabel())
		if base == "" || base[0] < 'a' {
			base = "field_" + base
		}
		base = strings.TrimSuffix(base[:min(len(base), 55)], "_")
		d.Key = base
		for n := 2; taken(d.GetKey()); n++ {
			d.Key = base + "_" + strconv.Itoa(n)
		}
		return
	}
	if !keyPattern.MatchString(d.GetKey()) {
		f.add("key", "has at most 63 lower-case letters, digits and underscores and begins with a letter")
	}
	if taken(d.GetKey()) && f.err == nil {
		f.err = ErrKeyTaken
	}
}

// slug makes an identifier of what people read; of other alphabets nothing is left.
func slug(label string) string {
	var b strings.Builder
	for _, r := range fold(label) {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.TrimSuffix(b.String(), "_")
}

func defineChoices(f *faults, before, d *customfieldsv1.CustomField) {
	if t := d.GetType(); t != customfieldsv1.Type_TYPE_CHOICE && t != customfieldsv1.Type_TYPE_CHOICES {
		if len(d.GetChoices()) > 0 {
			f.add("choices", "only fields of choices have them")
		}
		return
	}
	if len(d.GetChoices()) == 0 {
		f.add("choices", "at least one is required")
	}
	ids, labels := map[string]bool{}, map[string]bool{}
	for _, c := range d.GetChoices() {
		ids[c.GetId()] = true
	}
	clear := func(i int, part string) string { return "choices[" + strconv.Itoa(i) + "]." + part }
	seen := map[string]bool{}
	for i, c := range d.GetChoices() {
		v, err := text(c.GetLabel(), 200, false)
		if c.Label, _ = v.(string); err != nil || v == nil {
			f.add(clear(i, "label"), "is one line of text")
		}
		if c.GetId() == "" {
			base := slug(c.GetLabel())
			if base == "" {
				base = "choice_" + strconv.Itoa(i+1)
			}
			base = base[:min(len(base), 55)]
			c.Id = base
			for n := 2; ids[c.GetId()]; n++ {
				c.Id = base + "_" + strconv.Itoa(n)
			}
			ids[c.GetId()] = true
		}
		if !choicePattern.MatchString(c.GetId()) {
			f.add(clear(i, "id"), "has at most 63 lower-case letters, digits and underscores")
		}
		if seen[c.GetId()] || !c.GetRetired() && labels[fold(c.GetLabel())] {
			f.add(clear(i, "label"), "is there twice")
		}
		seen[c.GetId()] = true
		if !c.GetRetired() {
			labels[fold(c.GetLabel())] = true
		}
	}
	for _, c := range before.GetChoices() {
		if !seen[c.GetId()] {
			f.add("choices", fmt.Sprintf("%q is missing; records may have it, so retire it instead", c.GetLabel()))
		}
	}
}

func defineRequired(f *faults, spec KindSpec, d *customfieldsv1.CustomField) {
	if d.GetRequired() == customfieldsv1.Required_REQUIRED_UNSPECIFIED {
		d.Required = customfieldsv1.Required_REQUIRED_NEVER
	}
	switch {
	case d.GetRequired() != customfieldsv1.Required_REQUIRED_FROM_STAGE:
		d.RequiredStageId = ""
	case !spec.Stages:
		f.add("required", "records of this kind have no stages")
	case !id.Valid(d.GetRequiredStageId()):
		f.add("required_stage_id", "is the ID of the stage from which on the field is required")
	}
	if d.GetType() == customfieldsv1.Type_TYPE_FORMULA && d.GetRequired() != customfieldsv1.Required_REQUIRED_NEVER {
		f.add("required", "a formula cannot be required")
	}
}

func canBeUnique(t customfieldsv1.Type) bool {
	switch t {
	case customfieldsv1.Type_TYPE_STRING, customfieldsv1.Type_TYPE_NUMBER, customfieldsv1.Type_TYPE_DATE,
		customfieldsv1.Type_TYPE_DATE_TIME, customfieldsv1.Type_TYPE_URL, customfieldsv1.Type_TYPE_USER,
		customfieldsv1.Type_TYPE_LINK, customfieldsv1.Type_TYPE_FILE:
		return true
	default:
	}
	return false
}

func defineDefault(f *faults, d *customfieldsv1.CustomField) {
	v := fromProto(d.GetDefaultValue())
	if v == nil {
		d.DefaultValue = nil
		return
	}
	switch {
	case d.GetType() == customfieldsv1.Type_TYPE_FORMULA:
		f.add("default_value", "a formula has none")
	case d.GetUnique():
		f.add("default_value", "a unique field has none")
	default:
		checked, err := newField(d).check(v, nil, nil)
		if err != nil {
			f.add("default_value", err.Error())
		} else if d.DefaultValue = nil; checked != nil {
			d.DefaultValue = protoValue(checked)
		}
	}
}

func defineFormula(f *faults, n *names, d *customfieldsv1.CustomField) {
	d.FormulaType = customfieldsv1.Type_TYPE_UNSPECIFIED
	if d.GetType() != customfieldsv1.Type_TYPE_FORMULA {
		if d.GetFormula() != "" {
			f.add("formula", "only a field of type formula has one")
		}
		return
	}
	env, err := n.formulas()
	if err == nil {
		var c *formula
		if c, err = env.compile(d.GetFormula()); err == nil {
			d.FormulaType = c.yields
			return
		}
	}
	f.add("formula", err.Error())
}

// usedBy returns a field in use whose formula or condition names the key.
func usedBy(spec KindSpec, defs []*customfieldsv1.CustomField, key string) (string, bool) {
	k := compileSet(0, map[string]KindSpec{spec.Name: spec}, defs).Kind(spec.Name)
	path := Prefix + key
	for _, f := range k.Fields {
		if f.Def.GetKey() == key {
			continue
		}
		var used []string
		if f.formula != nil {
			used = append(used, f.formula.uses...)
		}
		if f.visible != nil {
			used = append(used, f.visible.filter.Names()...)
		}
		if slices.Contains(used, path) || slices.Contains(used, path+".currency") {
			return f.Def.GetLabel(), true
		}
	}
	return "", false
}

// changed are the parts in which two definitions differ, version and time of change aside.
func changed(a, b *customfieldsv1.CustomField) []string {
	var out []string
	x, y := a.ProtoReflect(), b.ProtoReflect()
	fields := x.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if n := f.Name(); n == "etag" || n == "update_time" {
			continue
		}
		if x.Has(f) != y.Has(f) || !x.Get(f).Equal(y.Get(f)) {
			out = append(out, string(f.Name()))
		}
	}
	return out
}

func clone(d *customfieldsv1.CustomField) *customfieldsv1.CustomField {
	return proto.CloneOf(d)
}
