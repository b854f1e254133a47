package taxid

import "errors"

// Failures of bank details.
var (
	// ErrIBAN is returned for an IBAN of the wrong length or with wrong check digits.
	ErrIBAN = errors.New("not a valid IBAN; check it for a typing mistake")
	// ErrBIC is returned for a BIC that does not have the shape of one.
	ErrBIC = errors.New("not a valid BIC: four letters of the bank, two of the country, two of the place, perhaps three of the branch")
)

// IBAN checks an international account number by ISO 13616 and returns it without blanks.
func IBAN(s string) (string, error) {
	n := compact(s)
	if len(n) < 5 || !letters(n[:2]) || !digits(n[2:4], 2) || len(n) != ibanLength(n[:2]) || mod97(n[4:]+n[:4]) != 1 {
		return "", ErrIBAN
	}
	return n, nil
}

// BIC checks the shape of a bank's code by ISO 9362 and returns it in upper case.
func BIC(s string) (string, error) {
	n := compact(s)
	if len(n) != 8 && len(n) != 11 || !letters(n[:6]) {
		return "", ErrBIC
	}
	for i := 6; i < len(n); i++ {
		if (n[i] < '0' || n[i] > '9') && (n[i] < 'A' || n[i] > 'Z') {
			return "", ErrBIC
		}
	}
	return n, nil
}

// mod97 reads letters as 10 to 35 (ISO 7064 MOD 97-10); -1 if there is anything but digits and capital letters.
func mod97(s string) int {
	r := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			r = (r*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			r = (r*100 + int(c-'A') + 10) % 97
		default:
			return -1
		}
	}
	return r
}

// ibanLength is the length of a country's IBANs by the SWIFT registry, 0 for countries that have none.
func ibanLength(country string) int {
	switch country {
	case "NO":
		return 15
	case "BE":
		return 16
	case "DK", "FI", "FK", "FO", "GL", "NL", "SD":
		return 18
	case "MK", "SI":
		return 19
	case "AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK":
		return 20
	case "CH", "HN", "HR", "LI", "LV":
		return 21
	case "BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA":
		return 22
	case "AE", "GI", "IL", "IQ", "OM", "SO", "TL":
		return 23
	case "AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG":
		return 24
	case "LY", "PT", "ST":
		return 25
	case "IS", "TR":
		return 26
	case "BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM":
		return 27
	case "AL", "AZ", "BY", "CY", "DO", "GT", "HU", "LB", "NI", "PL", "SV", "YE":
		return 28
	case "BR", "EG", "PS", "QA", "UA":
		return 29
	case "JO", "KW", "MU":
		return 30
	case "MT", "SC":
		return 31
	case "LC":
		return 32
	case "RU":
		return 33
	}
	return 0
}
