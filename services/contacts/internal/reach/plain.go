package reach

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// plain is E164 for what most numbers of an import are, "+49 30 1234567": a plus sign, digits and separators, of a country
// whose numbers are written with nothing between country code and number. It leaves out what the parser does to find an
// extension, other digits, a country and a national prefix, and that is most of its work; whether the number is valid is
// the parser's own judgement. False says that the parser has to look at it, not that it is wrong.
func plain(number string) (string, bool) {
	number = strings.TrimSpace(number)
	if len(number) < 8 || len(number) > 24 || number[0] != '+' {
		return "", false
	}
	digits := make([]byte, 1, len(number))
	digits[0] = '+'
	for i := 1; i < len(number); i++ {
		switch c := number[i]; {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
		case c != ' ' && c != '-' && c != '(' && c != ')':
			return "", false
		}
	}
	if len(digits) > 16 {
		return "", false
	}
	for length := 1; length <= 3 && length+2 < len(digits); length++ {
		prefix, ok := nationalPrefix(string(digits[1 : 1+length]))
		if !ok {
			continue
		}
		first := digits[1+length]
		if first == '0' || first == prefix {
			return "", false // a national prefix that does not belong there, or an Italian zero
		}
		code, _ := strconv.ParseInt(string(digits[1:1+length]), 10, 32)     // digits, as checked
		national, _ := strconv.ParseUint(string(digits[1+length:]), 10, 64) // as checked, and not too many
		code32 := int32(code)
		if !phonenumbers.IsValidNumber(&phonenumbers.PhoneNumber{CountryCode: &code32, NationalNumber: &national}) {
			return "", false
		}
		return string(digits), true
	}
	return "", false
}

// nationalPrefix returns the digit that numbers begin with when called from within the country of a calling code, 0 if
// there is none, for countries where that is all there is to it. No code is the beginning of another.
func nationalPrefix(code string) (byte, bool) {
	switch code {
	case "30", "34", "45", "47", "48", "351", "352", "356", "357", "420":
		return 0, true
	case "1":
		return '1', true
	case "7":
		return '8', true
	case "20", "27", "31", "32", "33", "40", "41", "43", "44", "46", "49", "61", "81", "82", "86", "90", "91", "353", "358",
		"359", "380", "381", "385", "386", "421", "971", "972":
		return '0', true
	}
	return 0, false
}
