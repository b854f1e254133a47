package customfields

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// How formulas and conditions read a record: by the message that the API shows of it.

const (
	timestampMessage = "google.protobuf.Timestamp"
	dateMessage      = "google.type.Date"
	moneyMessage     = "kontor.type.v1.Money"
)

// readable reports whether a field of a record's message can be named.
func readable(f protoreflect.FieldDescriptor) bool {
	switch {
	case f.IsMap(), f.Name() == "etag":
		return false
	case f.Kind() == protoreflect.MessageKind:
		if f.IsList() {
			return false
		}
		switch f.Message().FullName() {
		case timestampMessage, dateMessage, moneyMessage:
			return true
		}
		return false
	case f.IsList():
		return f.Kind() == protoreflect.StringKind
	case f.Kind() == protoreflect.BytesKind:
		return false
	}
	return true
}

// sum is an amount of money as formulas and conditions see it.
type sum struct{ currency, amount string }

// read returns a field of a message as a string, json.Number, bool, time.Time, sum or []string; nil if it is not set.
func read(m protoreflect.Message, f protoreflect.FieldDescriptor) any {
	v := m.Get(f)
	if f.IsList() {
		out := make([]string, v.List().Len())
		for i := range out {
			out[i] = v.List().Get(i).String()
		}
		return out
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		return v.String()
	case protoreflect.BoolKind:
		return v.Bool()
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			return string(d.Name())
		}
		return ""
	case protoreflect.MessageKind:
		if !m.Has(f) {
			return nil
		}
		return readMessage(v.Message())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return json.Number(number(v.Float()))
	default:
	}
	return json.Number(v.String())
}

func readMessage(m protoreflect.Message) any {
	at := func(name protoreflect.Name) protoreflect.Value { return m.Get(m.Descriptor().Fields().ByName(name)) }
	switch m.Descriptor().FullName() {
	case timestampMessage:
		return time.Unix(at("seconds").Int(), at("nanos").Int()).UTC()
	case dateMessage:
		return time.Date(int(at("year").Int()), time.Month(at("month").Int()), int(at("day").Int()), 0, 0, 0, 0, time.UTC)
	case moneyMessage:
		return sum{currency: at("currency_code").String(), amount: at("amount").String()}
	}
	return nil
}

// custom returns a custom field's value in the same types.
func (f *Field) custom(v any) any {
	switch x := v.(type) {
	case string:
		switch f.effective() {
		case customfieldsv1.Type_TYPE_DATE:
			if t, err := time.Parse(time.DateOnly, x); err == nil {
				return t
			}
		case customfieldsv1.Type_TYPE_DATE_TIME:
			if t, err := time.Parse(time.RFC3339Nano, x); err == nil {
				return t
			}
		default:
		}
	case map[string]string:
		if f.effective() == customfieldsv1.Type_TYPE_MONEY {
			return sum{currency: x["currency"], amount: x["amount"]}
		}
	}
	return v
}

// value is what a name stands for in a record: nil if it is empty. Money is known by its amount, and by name.currency.
func (n *names) value(name string, msg proto.Message, values Values) any {
	v := n.whole(name, msg, values)
	if s, ok := v.(sum); ok {
		return json.Number(s.amount)
	}
	if v != nil {
		return v
	}
	if base, ok := strings.CutSuffix(name, ".currency"); ok {
		if s, ok := n.whole(base, msg, values).(sum); ok {
			return s.currency
		}
	}
	return nil
}

func (n *names) whole(name string, msg proto.Message, values Values) any {
	if key, ok := strings.CutPrefix(name, Prefix); ok {
		if f, ok := n.kind.Field(key); ok {
			return f.custom(values[key])
		}
		return nil
	}
	if f, ok := n.builtin[name]; ok && msg != nil {
		return read(msg.ProtoReflect(), f)
	}
	return nil
}

// float is a number as formulas compute with it.
func float(n json.Number) (float64, bool) {
	f, err := strconv.ParseFloat(n.String(), 64)
	return f, err == nil
}
