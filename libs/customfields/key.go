package customfields

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// Values are compared and sorted by a text form of them, the key, that sorts byte by byte as the values do. One column of
// text thus does for all types, and its operators are leakproof: under row-level security no others reach an index.

// maxKey is how many characters of a text its key keeps; an index entry has to be far below 2,700 bytes.
const maxKey = 160

// fold is text as it is compared: letter case, width, composition and runs of blanks do not matter.
func fold(s string) string {
	if k, ok := foldASCII(s); ok {
		return k
	}
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(s))), " ")
}

// foldASCII is fold for text that needs no tables, as most does.
func foldASCII(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return "", false
		case c >= 'A' && c <= 'Z':
			b = append(b, c-'A'+'a')
		case c == ' ' || c >= '\t' && c <= '\r':
			if len(b) > 0 && b[len(b)-1] != ' ' {
				b = append(b, ' ')
			}
		default:
			b = append(b, c)
		}
	}
	return strings.TrimSuffix(string(b), " "), true
}

// textKey is the key of a text. A long one is cut and ends in a hash, so that equal keys still mean equal texts.
func textKey(s string) string {
	k := fold(s)
	if len(k) <= maxKey || utf8.RuneCountInString(k) <= maxKey {
		return k
	}
	sum := sha256.Sum256([]byte(k))
	cut := 0
	for i := range k {
		if cut == maxKey {
			return k[:i] + "\uffff" + hex.EncodeToString(sum[:12])
		}
		cut++
	}
	return k
}

// numberKey sorts as the numbers do: sign, power of ten, digits; each digit's complement for negative numbers.
func numberKey(d decimal.Decimal) string {
	if d.IsZero() {
		return "1"
	}
	digits := d.Coefficient().Text(10)
	negative := strings.HasPrefix(digits, "-")
	digits = strings.TrimPrefix(digits, "-")
	power := len(digits) + int(d.Exponent())
	k := fmt.Sprintf("%04d", power+5000) + strings.TrimRight(digits, "0")
	if !negative {
		return "2" + k
	}
	b := []byte(k)
	for i, c := range b {
		b[i] = '9' - c + '0'
	}
	return "0" + string(b) + "~" // a longer number of the same digits is the smaller one
}

const timeKey = "2006-01-02T15:04:05.000000Z"

func instantKey(t time.Time) string { return t.UTC().Format(timeKey) }

func boolKey(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// effective is the type by which values are kept: for a formula what it yields.
func (f *Field) effective() customfieldsv1.Type {
	if f.Def.GetType() == customfieldsv1.Type_TYPE_FORMULA {
		return f.Def.GetFormulaType()
	}
	return f.Def.GetType()
}

// searchable reports whether parts of the field's values are looked for.
func (f *Field) searchable() bool {
	switch f.effective() {
	case customfieldsv1.Type_TYPE_STRING, customfieldsv1.Type_TYPE_TEXT, customfieldsv1.Type_TYPE_URL, customfieldsv1.Type_TYPE_ADDRESS:
		return true
	default:
	}
	return false
}

// keys are the index keys of a checked value.
func (f *Field) keys(value any) []string {
	switch v := value.(type) {
	case string:
		switch f.effective() {
		case customfieldsv1.Type_TYPE_STRING, customfieldsv1.Type_TYPE_TEXT, customfieldsv1.Type_TYPE_URL:
			return []string{textKey(v)}
		case customfieldsv1.Type_TYPE_DATE_TIME:
			t, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				return nil // not reached: checked
			}
			return []string{instantKey(t)}
		default:
		}
		return []string{v} // days and IDs
	case json.Number:
		d, err := decimal.NewFromString(v.String())
		if err != nil {
			return nil // not reached: checked
		}
		return []string{numberKey(d)}
	case bool:
		return []string{boolKey(v)}
	case []string:
		return v
	case map[string]string:
		if f.effective() == customfieldsv1.Type_TYPE_MONEY {
			d, err := decimal.NewFromString(v["amount"])
			if err != nil {
				return nil // not reached: checked
			}
			return []string{numberKey(d)}
		}
		return []string{textKey(strings.Join([]string{v["street"], v["postal_code"], v["city"], v["region"], v["country"]}, " "))}
	}
	return nil
}
