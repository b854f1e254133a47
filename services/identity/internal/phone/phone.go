// Package phone finds the international form of telephone numbers.
package phone

import "github.com/nyaruka/phonenumbers"

// E164 returns the international form of a number as typed in the country, or "" if it is not valid anywhere. Numbers
// that merely parse do not count: "12345" does.
func E164(number, country string) string {
	n, err := phonenumbers.Parse(number, country)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return ""
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}
