// Package taxid checks the numbers that legal entities are known by: VAT, tax and register numbers by the rules of
// their country, IBAN and BIC by theirs (CON-8).
//
// Each check returns the number in the form it is stored and compared in: upper case, without blanks, dots and dashes.
// A country without a rule here keeps the number as it was typed: a missing rule must not keep a client out.
package taxid

import (
	"errors"
	"strings"
)

// ErrNumber is returned for a number that breaks the rules of its country.
var ErrNumber = errors.New("the number is not valid in that country; check it for a typing mistake")

// rule reports whether a compacted number is valid.
type rule func(string) bool

// VAT checks a number for value added tax, with or without the country's prefix, and returns it with the prefix.
func VAT(country, number string) (string, error) {
	n := compact(number)
	prefix := country
	if country == "GB" && strings.HasPrefix(n, "XI") {
		prefix = "XI" // traders of Northern Ireland
	}
	ok := vatRule(country)
	if ok == nil {
		return strings.TrimSpace(number), nil
	}
	n = strings.TrimPrefix(n, prefix)
	if !ok(n) {
		return "", ErrNumber
	}
	return prefix + n, nil
}

func vatRule(country string) rule {
	switch country {
	case "DE":
		return func(n string) bool { return digits(n, 9) && n[0] != '0' && mod11to10(n) }
	case "GB":
		return gbVAT
	case "FR":
		return frVAT
	case "NL":
		return nlVAT
	case "PL":
		return plNIP
	case "IT":
		return itIVA
	case "ES":
		return esNIF
	}
	return nil
}

// National checks a country's own tax number.
func National(country, number string) (string, error) {
	return check(nationalRule(country), number)
}

func nationalRule(country string) rule {
	switch country {
	case "DE": // Steuernummer of a state (10 or 11), of the federation (13); they have no common check digit
		return func(n string) bool { return digits(n, 10) || digits(n, 11) || digits(n, 13) }
	case "GB":
		return gbUTR
	case "FR":
		return frSIREN
	case "NL":
		return nlRSIN
	case "PL":
		return plNIP
	case "RU":
		return ruINN
	case "IT":
		return func(n string) bool { return itIVA(n) || itCodiceFiscale(n) }
	case "ES":
		return esNIF
	case "US":
		return usEIN
	case "AZ":
		return azVOEN
	}
	return nil
}

// Registration checks a number in a register of companies.
func Registration(country, number string) (string, error) {
	return check(registrationRule(country), number)
}

func registrationRule(country string) rule {
	switch country {
	case "FR":
		return frSIREN
	case "RU":
		return ruOGRN
	case "NL": // Kamer van Koophandel; no check digit
		return func(n string) bool { return digits(n, 8) }
	case "PL": // REGON, or a KRS number, which has no check digit
		return func(n string) bool { return plREGON(n) || digits(n, 10) }
	case "GB": // Companies House: eight digits, or two letters and six
		return func(n string) bool {
			return len(n) == 8 && (digits(n, 8) || letters(n[:2]) && digits(n[2:], 6))
		}
	}
	return nil
}

func check(ok rule, number string) (string, error) {
	if ok == nil {
		return strings.TrimSpace(number), nil
	}
	n := compact(number)
	if !ok(n) {
		return "", ErrNumber
	}
	return n, nil
}

// compact takes out what people put between the digits.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\u00a0', '\u202f', '\t', '-', '‑', '–', '.', '/', ':':
			return -1
		}
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// digits reports whether s is n decimal digits.
func digits(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func letters(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != ""
}

// weighted is the sum of the digits of s times the weights; s has at least as many digits as there are weights.
func weighted(s string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += w * int(s[i]-'0')
	}
	return sum
}

// remainder is the number that the digits of s write, modulo m.
func remainder(s string, m int) int {
	r := 0
	for i := range len(s) {
		r = (r*10 + int(s[i]-'0')) % m
	}
	return r
}

// digit is the value of the digit at i.
func digit(s string, i int) int { return int(s[i] - '0') }

// luhn doubles every second digit from the right; the sum of all digits ends in 0.
func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := digit(s, len(s)-1-i)
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// mod11to10 is ISO 7064 MOD 11,10; the last digit checks the others.
func mod11to10(s string) bool {
	p := 10
	for i := range len(s) - 1 {
		m := (digit(s, i) + p) % 10
		if m == 0 {
			m = 10
		}
		p = 2 * m % 11
	}
	return (11-p)%10 == digit(s, len(s)-1)
}
