package customfields

import (
	"encoding/json"
	"maps"
	"time"

	"kontor.internal/libs/imports"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// ImportFields are the custom fields that a mapping may fill, as custom_fields.<key> (CON-17).
func (k *Kind) ImportFields() []imports.Field {
	out := make([]imports.Field, 0, len(k.Fields))
	for _, f := range k.Fields {
		field := imports.Field{Name: f.path, Label: f.Def.GetLabel(), Doc: f.Def.GetLabel(), Type: imports.Text, MaxLen: maxString}
		switch f.Def.GetType() {
		case customfieldsv1.Type_TYPE_FORMULA:
			continue
		case customfieldsv1.Type_TYPE_TEXT:
			field.MaxLen = maxText
		case customfieldsv1.Type_TYPE_NUMBER:
			field.Type = imports.Number
		case customfieldsv1.Type_TYPE_MONEY:
			field.Type = imports.Money
		case customfieldsv1.Type_TYPE_DATE:
			field.Type = imports.Date
		case customfieldsv1.Type_TYPE_DATE_TIME:
			field.Type = imports.Time
		case customfieldsv1.Type_TYPE_BOOLEAN:
			field.Type = imports.Bool
		case customfieldsv1.Type_TYPE_CHOICES:
			field.Type = imports.TextList
		case customfieldsv1.Type_TYPE_USER:
			field.Type, field.RefKind = imports.Ref, "user"
		case customfieldsv1.Type_TYPE_LINK:
			// Not a Ref: not every kind can be looked up everywhere, and a link may come with its ID.
			field.Doc = f.Def.GetLabel() + ": the ID of a " + f.Def.GetLinkKind()
		default:
		}
		out = append(out, field)
	}
	return out
}

// Import returns the values with those of a row put in, still to be checked. Choices may be given by their labels; of an
// address a file has one text, which becomes its street.
func (k *Kind) Import(row imports.Row, has Values) Values {
	out, copied := has, false
	for _, f := range k.Fields {
		if !row.Mapped(f.path) {
			continue
		}
		if !copied {
			out, copied = maps.Clone(has), true
			if out == nil {
				out = make(Values, len(k.Fields))
			}
		}
		if v := f.imported(row); v != nil {
			out[f.Def.GetKey()] = v
		} else {
			delete(out, f.Def.GetKey())
		}
	}
	return out
}

func (f *Field) imported(row imports.Row) any {
	if !row.Has(f.path) {
		return nil
	}
	switch f.Def.GetType() {
	case customfieldsv1.Type_TYPE_NUMBER:
		return json.Number(row.Number(f.path).String())
	case customfieldsv1.Type_TYPE_MONEY:
		m, _ := row.Money(f.path)
		return map[string]string{"currency": m.Currency, "amount": m.Amount.String()}
	case customfieldsv1.Type_TYPE_DATE:
		t, _ := row.Time(f.path)
		return t.Format(time.DateOnly)
	case customfieldsv1.Type_TYPE_DATE_TIME:
		t, _ := row.Time(f.path)
		return t.Format(time.RFC3339Nano)
	case customfieldsv1.Type_TYPE_BOOLEAN:
		return row.Bool(f.path)
	case customfieldsv1.Type_TYPE_CHOICES:
		return row.List(f.path)
	case customfieldsv1.Type_TYPE_USER:
		return row.Ref(f.path)
	case customfieldsv1.Type_TYPE_ADDRESS:
		return map[string]string{"street": row.Text(f.path)}
	default:
	}
	return row.Text(f.path)
}
