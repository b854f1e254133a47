package store

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/money"
)

// The fields of a record and its columns meet in a list of pointers, one per column and in their order (table.refs).
// The same list is scanned into (a row read), taken as arguments (a row written) and as text (many rows written). The
// types below stand for fields whose empty value is NULL, and for lists and structures that are kept as JSON.

// uuidRef is an ID that is "" for NULL.
type uuidRef struct{ p *string }

// ScanUUID reads the binary form without a detour through text.
func (r uuidRef) ScanUUID(v pgtype.UUID) error {
	*r.p = ""
	if v.Valid {
		*r.p = formatUUID(v.Bytes)
	}
	return nil
}

// idRef is an ID that is never NULL.
type idRef struct{ p *string }

// ScanUUID reads the binary form without a detour through text.
func (r idRef) ScanUUID(v pgtype.UUID) error {
	*r.p = formatUUID(v.Bytes)
	return nil
}

// idsRef is a list of IDs, nil if it is empty.
type idsRef struct{ p *[]string }

// SetDimensions makes room for the list as it is read.
func (r idsRef) SetDimensions(d []pgtype.ArrayDimension) error {
	*r.p = nil
	if len(d) > 0 && d[0].Length > 0 {
		*r.p = make([]string, d[0].Length)
	}
	return nil
}

// ScanIndex is where an element is read into.
func (r idsRef) ScanIndex(i int) any { return idRef{&(*r.p)[i]} }

// ScanIndexType tells pgx what elements are read into.
func (idsRef) ScanIndexType() any { return idRef{} }

// countRef is a number that is NULL if it is zero.
type countRef struct{ p *int32 }

// ScanInt64 reads the number.
func (r countRef) ScanInt64(v pgtype.Int8) error {
	*r.p = int32(v.Int64)
	return nil
}

// wordRef is a text that is NULL if it is empty.
type wordRef struct{ p *string }

// ScanText reads the text.
func (r wordRef) ScanText(v pgtype.Text) error {
	*r.p = v.String
	return nil
}

// textsRef is a list of texts that is NULL if it is empty.
type textsRef struct{ p *[]string }

// SetDimensions makes room for the list as it is read.
func (r textsRef) SetDimensions(d []pgtype.ArrayDimension) error {
	*r.p = nil
	if len(d) > 0 && d[0].Length > 0 {
		*r.p = make([]string, d[0].Length)
	}
	return nil
}

// ScanIndex is where an element is read into.
func (r textsRef) ScanIndex(i int) any { return &(*r.p)[i] }

// ScanIndexType tells pgx what elements are read into.
func (textsRef) ScanIndexType() any { return new(string) }

func (r textsRef) text() *string {
	if len(*r.p) == 0 {
		return nil
	}
	quoted := make([]string, len(*r.p))
	for i, s := range *r.p {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	s := "{" + strings.Join(quoted, ",") + "}"
	return &s
}

func formatUUID(u [16]byte) string {
	var b [36]byte
	hex.Encode(b[:], u[:4])
	hex.Encode(b[9:], u[4:6])
	hex.Encode(b[14:], u[6:8])
	hex.Encode(b[19:], u[8:10])
	hex.Encode(b[24:], u[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// timeRef is an instant that is zero for NULL.
type timeRef struct{ p *time.Time }

// ScanTimestamptz reads an instant in UTC.
func (r timeRef) ScanTimestamptz(v pgtype.Timestamptz) error {
	*r.p = time.Time{}
	if v.Valid {
		*r.p = v.Time.UTC()
	}
	return nil
}

// jsonRef is a list or structure kept as JSON; its empty value is written as empty.
type jsonRef struct {
	p     any
	empty string // "[]", "{}", or "" for NULL
}

// ScanBytes reads JSON; the empty value, which is the usual one, is not decoded.
func (r jsonRef) ScanBytes(b []byte) error {
	if b == nil || string(b) == r.empty {
		return nil
	}
	if err := jsonv2.Unmarshal(b, r.p); err != nil {
		return fmt.Errorf("decode column: %w", err)
	}
	return nil
}

func (r jsonRef) text() (*string, error) {
	if list := reflect.ValueOf(r.p).Elem(); list.Kind() == reflect.Slice && list.Len() == 0 && r.empty != "" {
		return &r.empty, nil
	}
	b, err := json.Marshal(r.p)
	if err != nil {
		return nil, fmt.Errorf("encode column: %w", err)
	}
	s := string(b)
	if s == "null" || s == "[]" || s == "{}" {
		if r.empty == "" {
			return nil, nil
		}
		return &r.empty, nil
	}
	return &s, nil
}

// amountRef is the amount of a sum that is NULL if it has no currency.
type amountRef struct{ p *money.Money }

// Scan reads the decimal as text, exactly.
func (r amountRef) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return nil // NULL: the zero Money
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return fmt.Errorf("decode amount: %w", err)
	}
	r.p.Amount = d
	return nil
}

// currencyRef is the currency of a sum.
type currencyRef struct{ p *money.Money }

// ScanText reads the code.
func (r currencyRef) ScanText(v pgtype.Text) error {
	r.p.Currency = v.String
	return nil
}

// derived is a column that is computed from the record: written, and skipped when read.
type derived string

// Scan skips the column.
func (derived) Scan(any) error { return nil }

// derivedID is a derived column that holds an ID, or NULL for "".
type derivedID string

// Scan skips the column.
func (derivedID) Scan(any) error { return nil }

// argument is what pgx gets for a column when one row is written.
func argument(ref any) (any, error) {
	switch r := ref.(type) {
	case *string:
		return *r, nil
	case *bool:
		return *r, nil
	case *int32:
		return *r, nil
	case *int64:
		return *r, nil
	case idsRef:
		if *r.p == nil {
			return []string{}, nil
		}
		return *r.p, nil
	case textsRef:
		if len(*r.p) == 0 {
			return nil, nil
		}
		return *r.p, nil
	case timeRef:
		if r.p.IsZero() {
			return nil, nil
		}
		return *r.p, nil
	}
	s, err := text(ref)
	if s == nil || err != nil {
		return nil, err
	}
	return *s, nil
}

// text is the column's value as PostgreSQL reads it; nil for NULL.
func text(ref any) (*string, error) {
	var s string
	switch r := ref.(type) {
	case *string:
		return r, nil
	case derived:
		s = string(r)
	case derivedID:
		if r == "" {
			return nil, nil
		}
		s = string(r)
	case idRef:
		return r.p, nil
	case uuidRef:
		if *r.p == "" {
			return nil, nil
		}
		return r.p, nil
	case *bool:
		s = strconv.FormatBool(*r)
	case *int32:
		s = strconv.FormatInt(int64(*r), 10)
	case *int64:
		s = strconv.FormatInt(*r, 10)
	case idsRef:
		s = "{" + strings.Join(*r.p, ",") + "}"
	case timeRef:
		if r.p.IsZero() {
			return nil, nil
		}
		s = r.p.UTC().Format(time.RFC3339Nano)
	case textsRef:
		return r.text(), nil
	case countRef:
		if *r.p == 0 {
			return nil, nil
		}
		s = strconv.FormatInt(int64(*r.p), 10)
	case wordRef:
		if *r.p == "" {
			return nil, nil
		}
		return r.p, nil
	case jsonRef:
		return r.text()
	case amountRef:
		if r.p.Currency == "" {
			return nil, nil
		}
		s = r.p.Amount.String()
	case currencyRef:
		if r.p.Currency == "" {
			return nil, nil
		}
		s = r.p.Currency
	default:
		return nil, fmt.Errorf("no way to write a column from %T", ref)
	}
	return &s, nil
}
