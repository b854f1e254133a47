package exports

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/fieldrules"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// customFields is the field of a record with the organisation's own.
const customFields = "custom_fields"

// table says which fields stand in which columns.
type table struct {
	columns []column
	names   Names
	zone    *time.Location
}

type column struct {
	name  string
	field protoreflect.FieldDescriptor
	key   string // of an own field
	text  func(string) string
}

// cell is what stands in a column; a number is one that spreadsheets may reckon with.
type cell struct {
	text   string
	number bool
}

// newTable finds the columns that are asked for, or all that can stand in a cell.
func newTable(r Request) (*table, error) {
	t := &table{names: r.Names, zone: r.Zone}
	if t.zone == nil {
		t.zone = time.UTC
	}
	fields := r.Like.ProtoReflect().Descriptor().Fields()
	texts := make(map[string]func(string) string, len(r.Custom))
	for _, c := range r.Custom {
		texts[c.Key] = c.Text
	}
	for _, name := range r.List.GetColumns() {
		key, own := strings.CutPrefix(name, customFields+".")
		f := fields.ByName(protoreflect.Name(name))
		if own {
			f = fields.ByName(customFields)
		} else {
			key = ""
		}
		if f == nil || !own && name == customFields {
			return nil, ErrColumn.Saying(fmt.Sprintf("records of kind %s have no column %q; use names of their fields, and custom_fields.<key>", r.Kind, name)).With("column", name)
		}
		t.columns = append(t.columns, column{name: name, field: f, key: key, text: texts[key]})
	}
	if len(t.columns) > 0 {
		return t, nil
	}
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Name() == "etag" || f.Name() == customFields || r.Fields.Hides(r.Kind, string(f.Name())) {
			continue
		}
		t.columns = append(t.columns, column{name: string(f.Name()), field: f})
	}
	if f := fields.ByName(customFields); f != nil {
		for _, c := range r.Custom {
			if r.Fields.Hides(r.Kind, fieldrules.CustomPrefix+c.Key) {
				continue
			}
			t.columns = append(t.columns, column{name: customFields + "." + c.Key, field: f, key: c.Key, text: c.Text})
		}
	}
	return t, nil
}

func (t *table) header() []string {
	out := make([]string, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.name
	}
	return out
}

// row fills cells with a record.
func (t *table) row(record proto.Message, cells []cell) {
	m := record.ProtoReflect()
	for i, c := range t.columns {
		cells[i] = t.cell(m, c)
	}
}

func (t *table) cell(m protoreflect.Message, c column) cell {
	f := c.field
	switch {
	case c.key != "":
		v := m.Get(f).Map().Get(protoreflect.ValueOfString(c.key).MapKey())
		if !v.IsValid() {
			return cell{}
		}
		own, ok := v.Message().Interface().(*structpb.Value)
		if !ok {
			return cell{}
		}
		return plainValue(own, c.text)
	case f.IsMap():
		return cell{}
	case f.IsList():
		list := m.Get(f).List()
		items := make([]string, 0, list.Len())
		for i := range list.Len() {
			if s := t.value(f, list.Get(i)).text; s != "" {
				items = append(items, s)
			}
		}
		return cell{text: strings.Join(items, "; ")}
	case f.HasPresence() && !m.Has(f):
		return cell{}
	}
	return t.value(f, m.Get(f))
}

// plainValue is an own field's value; text says what stands for an ID, if the value is one.
func plainValue(v *structpb.Value, text func(string) string) cell {
	switch k := v.GetKind().(type) {
	case *structpb.Value_NumberValue:
		return cell{text: strconv.FormatFloat(k.NumberValue, 'f', -1, 64), number: true}
	case *structpb.Value_StringValue:
		if text != nil {
			return cell{text: text(k.StringValue)}
		}
		return cell{text: k.StringValue}
	case *structpb.Value_BoolValue:
		return cell{text: strconv.FormatBool(k.BoolValue)}
	case *structpb.Value_ListValue:
		items := make([]string, len(k.ListValue.GetValues()))
		for i, item := range k.ListValue.GetValues() {
			items[i] = plainValue(item, text).text
		}
		return cell{text: strings.Join(items, "; ")}
	case *structpb.Value_StructValue:
		f := k.StructValue.GetFields()
		if amount, ok := f["amount"]; ok { // money
			return cell{text: joined([]string{plainValue(amount, nil).text, f["currency"].GetStringValue()}, " ")}
		}
		var parts []string // of an address
		for _, part := range []string{"street", "postal_code", "city", "region", "country"} {
			parts = append(parts, strings.ReplaceAll(f[part].GetStringValue(), "\n", ", "))
		}
		return cell{text: joined(parts, ", ")}
	}
	return cell{}
}

func (t *table) value(f protoreflect.FieldDescriptor, v protoreflect.Value) cell {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return cell{text: t.message(v.Message().Interface())}
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return cell{text: strings.ToLower(string(e.Name()))}
		}
		return cell{}
	case protoreflect.StringKind:
		s := v.String()
		if t.names != nil && s != "" {
			s = t.names(string(f.Name()), s)
		}
		return cell{text: s}
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Sint32Kind, protoreflect.Sint64Kind,
		protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.FloatKind, protoreflect.DoubleKind:
		return cell{text: v.String(), number: true}
	default:
		return cell{text: v.String()}
	}
}

// message is a part of a record in one line, such as "mobile: +49 170 1234567".
func (t *table) message(m proto.Message) string {
	switch m := m.(type) {
	case *timestamppb.Timestamp:
		return m.AsTime().In(t.zone).Format("2006-01-02T15:04:05Z07:00")
	case *date.Date:
		return fmt.Sprintf("%04d-%02d-%02d", m.GetYear(), m.GetMonth(), m.GetDay())
	case *typev1.Money:
		return m.GetAmount() + " " + m.GetCurrencyCode()
	case *typev1.PhoneNumber:
		number := m.GetE164()
		if number == "" {
			number = m.GetNumber()
		}
		return tagged(m.GetKind(), number)
	case *typev1.EmailAddress:
		return tagged(m.GetKind(), m.GetAddress())
	case *typev1.Link:
		return tagged(m.GetKind(), m.GetValue())
	case *typev1.Address:
		parts := []string{strings.ReplaceAll(m.GetStreet(), "\n", ", "), m.GetPostalCode(), m.GetCity(), m.GetRegion(), m.GetCountry()}
		return tagged(m.GetKind(), joined(parts, ", "))
	}
	// Whatever else a record has: its values in order.
	var parts []string
	r := m.ProtoReflect()
	fields := r.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !r.Has(f) || f.IsList() || f.IsMap() || f.Kind() == protoreflect.BoolKind || called(r, f) {
			continue
		}
		parts = append(parts, t.value(f, r.Get(f)).text)
	}
	return joined(parts, " ")
}

// called reports whether a field only says again, as an ID or as another name, what the part's own name says: a line has one
// of its own beside that of its product.
func called(r protoreflect.Message, f protoreflect.FieldDescriptor) bool {
	name := r.Descriptor().Fields().ByName("name")
	return name != nil && name != f && r.Has(name) &&
		(f.Name() == "id" || strings.HasSuffix(string(f.Name()), "_id") || strings.HasSuffix(string(f.Name()), "_name"))
}

func tagged(kind, value string) string {
	if kind == "" || value == "" {
		return value
	}
	return kind + ": " + value
}

func joined(parts []string, with string) string {
	out := make([]string, 0, len(parts))
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, with)
}
