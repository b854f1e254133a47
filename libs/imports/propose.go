package imports

import (
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// plain is a name without what differs from system to system: letter case, spaces and signs.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// columnsFor proposes which column fills which field, by the columns' names; a column is used once.
func columnsFor(t Target, header []string) map[string]string {
	out := make(map[string]string)
	used := make([]bool, len(header))
	take := func(f Field, names ...string) {
		for i, h := range header {
			if _, filled := out[f.Name]; !filled && !used[i] && slices.Contains(names, plain(h)) {
				out[f.Name], used[i] = h, true
			}
		}
	}
	// Exact names first, so that "name" is not taken by a field that only knows it as another word.
	for _, f := range t.Fields {
		take(f, plain(f.Name))
	}
	for _, f := range t.Fields {
		if f.Name == "name" || f.Name == "title" {
			take(f, plain(t.Kind), plain(t.Kind)+"name")
		}
		take(f, knownAs(f.Name)...)
		if f.Label != "" {
			take(f, plain(f.Label))
		}
	}
	return out
}

// looksLikeHeader reports whether a row names columns: it has a name that a field is known by, or nothing in it that
// only a value can be.
func looksLikeHeader(t Target, first Record) bool {
	if len(columnsFor(t, first.Cells)) > 0 {
		return true
	}
	return !slices.ContainsFunc(first.Cells, func(c string) bool {
		c = strings.TrimSpace(c)
		return c == "" || strings.Contains(c, "@") || strings.Trim(c, "0123456789.,-+/ ()") == ""
	})
}

// propose returns a mapping, as YAML, from a file's columns to the fields they are called like. References are looked up
// by name where they can be.
func propose(t Target, src *source, lookups map[string]Lookup) (string, error) {
	if src.written.Format == formatVCard {
		return writeMapping(t, src, cardFields(t))
	}
	header, fields := src.header, map[string]any{}
	columns := columnsFor(t, header)
	if i := findColumn(header, "Title"); src.recognized == "outlook" && i >= 0 { // the form of address there
		columns["honorific"] = header[i]
		columns["position"] = ""
		if j := findColumn(header, "Job Title"); j >= 0 {
			columns["position"] = header[j]
		}
	}
	used := make([]bool, len(header))
	for _, f := range t.Fields {
		if i := slices.Index(header, columns[f.Name]); i >= 0 && f.Type != TextList {
			used[i] = true
		}
	}
	for _, f := range t.Fields {
		column := columns[f.Name]
		items := itemsFor(f.Name, header, used)
		if column == "" && items == nil {
			continue
		}
		value := map[string]any{"column": column}
		switch {
		case f.Type == TextList && items != nil:
			value = map[string]any{"list": items}
		case f.Type == TextList:
			value = map[string]any{"list": []any{map[string]any{"column": column}}}
		case f.Type == Ref:
			lookup := lookupFor(f, columns, lookups)
			if lookup == nil {
				continue
			}
			value["lookup"] = lookup
			// In what another program has exported there are people of companies that are not here.
			if name := f.Name + "_name"; src.recognized != "" && !f.Required {
				lookup["missing"] = "empty"
				if _, ok := t.field(name); ok {
					fields[name] = map[string]any{"column": column}
				}
			}
		}
		fields[f.Name] = value
	}
	return writeMapping(t, src, fields)
}

// lookupFor proposes how a reference is looked up; nil if it cannot be.
func lookupFor(f Field, columns map[string]string, lookups map[string]Lookup) map[string]any {
	l, ok := lookups[f.RefKind]
	if !ok || len(l.By) == 0 {
		return nil
	}
	by := l.By[0]
	if slices.Contains(l.By, ByName) {
		by = ByName
	}
	lookup := map[string]any{"kind": f.RefKind, "by": string(by)}
	if columns[f.Within] != "" {
		lookup["within"] = f.Within
	}
	return lookup
}

// writeMapping writes a mapping, with its fields in the order of the target's.
func writeMapping(t Target, src *source, values map[string]any) (string, error) {
	fields := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range t.Fields {
		if v, ok := values[f.Name]; ok {
			if err := add(fields, f.Name, v); err != nil {
				return "", err
			}
		}
	}
	doc := &yaml.Node{Kind: yaml.MappingNode}
	for _, part := range []struct {
		key   string
		value any
	}{
		{"kind", t.Kind}, {"source", sourceYAML(src.written)}, {"duplicates", string(Skip)}, {"fields", fields},
	} {
		if part.value == nil {
			continue
		}
		if err := add(doc, part.key, part.value); err != nil {
			return "", err
		}
	}
	text, err := yaml.Marshal(doc)
	return string(text), err
}

func add(to *yaml.Node, key string, value any) error {
	n, ok := value.(*yaml.Node)
	if !ok {
		n = &yaml.Node{}
		if err := n.Encode(value); err != nil {
			return err
		}
	}
	to.Content = append(to.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, n)
	return nil
}

// sourceYAML is the source section of a mapping.
func sourceYAML(s Source) any {
	switch s.Format {
	case formatXLSX:
		return map[string]any{"sheet": s.Sheet, "header": *s.Header}
	case formatVCard:
		return nil // the rejects of cards are a file of text
	}
	return map[string]any{
		"encoding": s.Encoding, "delimiter": charName(s.Delimiter), "quote": charName(s.Quote), "header": *s.Header,
	}
}

// charName is a character as a mapping writes it.
func charName(c byte) string {
	if c == '\t' {
		return "tab"
	}
	return string(rune(c))
}
