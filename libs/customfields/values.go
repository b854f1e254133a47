package customfields

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"
)

// Values are the custom fields of a record by key. A value is a string, a json.Number, a bool, a []string (choices) or a
// map[string]string (money, address). As JSON they are what the column of the record holds.
type Values map[string]any

// UnmarshalJSON keeps numbers exact.
func (v *Values) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return fmt.Errorf("custom fields: %w", err)
	}
	for k, x := range m {
		m[k] = narrowed(x)
	}
	*v = m
	return nil
}

// narrowed turns what a JSON decoder makes of lists and objects into the types of Values, if they are such.
func narrowed(x any) any {
	switch x := x.(type) {
	case []any:
		out := make([]string, len(x))
		for i, e := range x {
			s, ok := e.(string)
			if !ok {
				return x
			}
			out[i] = s
		}
		return out
	case map[string]any:
		out := make(map[string]string, len(x))
		for k, e := range x {
			switch e := e.(type) {
			case string:
				out[k] = e
			case json.Number:
				out[k] = e.String()
			case nil:
			default:
				return x
			}
		}
		return out
	}
	return x
}

// Proto is the values as the API shows them; nil if there are none.
func (v Values) Proto() map[string]*structpb.Value {
	if len(v) == 0 {
		return nil
	}
	out := make(map[string]*structpb.Value, len(v))
	for k, x := range v {
		out[k] = protoValue(x)
	}
	return out
}

func protoValue(x any) *structpb.Value {
	switch x := x.(type) {
	case string:
		return structpb.NewStringValue(x)
	case bool:
		return structpb.NewBoolValue(x)
	case json.Number:
		// A double where that loses nothing, else text.
		if f, err := x.Float64(); err == nil && number(f) == x.String() {
			return structpb.NewNumberValue(f)
		}
		return structpb.NewStringValue(x.String())
	case []string:
		l := &structpb.ListValue{Values: make([]*structpb.Value, len(x))}
		for i, s := range x {
			l.Values[i] = structpb.NewStringValue(s)
		}
		return structpb.NewListValue(l)
	case map[string]string:
		s := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(x))}
		for k, e := range x {
			s.Fields[k] = structpb.NewStringValue(e)
		}
		return structpb.NewStructValue(s)
	}
	return structpb.NewNullValue()
}

// FromProto reads values from a message; null is no value. What they are to be is checked by [Kind.Check].
func FromProto(m map[string]*structpb.Value) Values {
	if len(m) == 0 {
		return nil
	}
	out := make(Values, len(m))
	for k, p := range m {
		if x := fromProto(p); x != nil {
			out[k] = x
		}
	}
	return out
}

func fromProto(p *structpb.Value) any {
	switch p := p.GetKind().(type) {
	case *structpb.Value_StringValue:
		return p.StringValue
	case *structpb.Value_BoolValue:
		return p.BoolValue
	case *structpb.Value_NumberValue:
		if math.IsNaN(p.NumberValue) || math.IsInf(p.NumberValue, 0) {
			return nil
		}
		return json.Number(number(p.NumberValue))
	case *structpb.Value_ListValue:
		list := make([]any, len(p.ListValue.GetValues()))
		for i, e := range p.ListValue.GetValues() {
			list[i] = fromProto(e)
		}
		return narrowed(list)
	case *structpb.Value_StructValue:
		object := make(map[string]any, len(p.StructValue.GetFields()))
		for k, e := range p.StructValue.GetFields() {
			object[k] = fromProto(e)
		}
		return narrowed(object)
	}
	return nil
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Equal reports whether two values of a field are the same.
func Equal(a, b any) bool { return equal(a, b) }

// equal reports whether two values of a field are the same.
func equal(a, b any) bool {
	switch a := a.(type) {
	case []string:
		b, ok := b.([]string)
		return ok && slices.Equal(a, b)
	case map[string]string:
		b, ok := b.(map[string]string)
		return ok && maps.Equal(a, b)
	case string, bool, json.Number, nil:
		return a == b
	}
	return false // of no type that a checked value has
}
