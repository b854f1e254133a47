package reach

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Beginnings returns what the E.164 form of a number begins with if its first digits are those typed: with the country's
// own prefix, or with the code of a country. international says that it is the latter, for it was typed with + or 00.
func Beginnings(digits string, international bool, country string) []string {
	if digits == "" {
		return nil
	}
	out := []string{"+" + digits}
	code := phonenumbers.GetCountryCodeForRegion(country)
	if international || code == 0 {
		return out
	}
	national := digits
	if prefix := phonenumbers.GetNddPrefixForRegion(country, true); prefix != "" {
		national = strings.TrimPrefix(digits, prefix)
	}
	if national != "" {
		out = append(out, "+"+strconv.Itoa(code)+national)
	}
	return out
}
