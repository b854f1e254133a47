package taxid

import "strings"

// gbVAT is nine digits, or twelve with the number of a branch; or a government department or health authority.
func gbVAT(n string) bool {
	if len(n) == 5 && digits(n[2:], 3) {
		return n[:2] == "GD" && n[2:] < "500" || n[:2] == "HA" && n[2:] >= "500"
	}
	if !digits(n, 9) && !digits(n, 12) {
		return false
	}
	// Numbers from 100 on may follow the older scheme (remainder 0) or the newer ones (42 and 55).
	r := weighted(n, 8, 7, 6, 5, 4, 3, 2, 10, 1) % 97
	return r == 0 || n[:3] >= "100" && (r == 42 || r == 55)
}

// gbUTR is the unique taxpayer reference; its first digit checks the rest.
func gbUTR(n string) bool {
	n = strings.TrimPrefix(n, "K")
	return digits(n, 10) && n[0] == "21987654321"[weighted(n[1:], 6, 7, 8, 9, 10, 5, 4, 3, 2)%11]
}

// frVAT is two characters that check the SIREN after them.
func frVAT(n string) bool {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ" // without O and I
	if len(n) != 11 || !digits(n[2:], 9) {
		return false
	}
	a, b := strings.IndexByte(alphabet, n[0]), strings.IndexByte(alphabet, n[1])
	if a < 0 || b < 0 {
		return false
	}
	siren := n[2:]
	if siren[:3] != "000" && !luhn(siren) { // those of Monaco begin with 000 and are no SIREN
		return false
	}
	switch {
	case a < 10 && b < 10:
		return a*10+b == remainder(siren+"12", 97)
	case a < 10:
		a = a*24 + b - 10
	default:
		a = a*34 + b - 100
	}
	return a >= 0 && (remainder(siren, 11)+1+a/11)%11 == a%11
}

// frSIREN is a SIREN, or a SIRET: a SIREN with the number of an establishment.
func frSIREN(n string) bool {
	switch {
	case digits(n, 9):
		return luhn(n)
	case !digits(n, 14) || !luhn(n[:9]):
		return false
	case n[:9] == "356000000" && n != "35600000000048": // the establishments of La Poste
		sum := 0
		for i := range len(n) {
			sum += digit(n, i)
		}
		return sum%5 == 0
	}
	return luhn(n)
}

// nlVAT checks as a whole since 2020; before it held an RSIN.
func nlVAT(n string) bool {
	if len(n) != 12 || n[9] != 'B' || !digits(n[:9], 9) || !digits(n[10:], 2) || n[:9] == "000000000" || n[10:] == "00" {
		return false
	}
	return nlRSIN(n[:9]) || mod97("NL"+n) == 1
}

// nlRSIN is the number of a legal entity or person; the eleven-test.
func nlRSIN(n string) bool {
	return digits(n, 9) && n != "000000000" && weighted(n, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0
}

func plNIP(n string) bool {
	n = strings.TrimPrefix(n, "PL")
	return digits(n, 10) && weighted(n, 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == digit(n, 9)
}

func plREGON(n string) bool {
	short := func(n string) bool { return weighted(n, 8, 9, 2, 3, 4, 5, 6, 7)%11%10 == digit(n, 8) }
	switch {
	case digits(n, 9):
		return short(n)
	case digits(n, 14):
		return short(n) && weighted(n, 2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)%11%10 == digit(n, 13)
	}
	return false
}

// ruINN has ten digits for a legal entity, twelve for a person.
func ruINN(n string) bool {
	switch {
	case digits(n, 10):
		return weighted(n, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == digit(n, 9)
	case digits(n, 12):
		return weighted(n, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == digit(n, 10) &&
			weighted(n, 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == digit(n, 11)
	}
	return false
}

// ruOGRN has thirteen digits for a legal entity, fifteen for an entrepreneur.
func ruOGRN(n string) bool {
	switch {
	case digits(n, 13):
		return n[0] != '0' && remainder(n[:12], 11)%10 == digit(n, 12)
	case digits(n, 15):
		return (n[0] == '3' || n[0] == '4') && remainder(n[:14], 13)%10 == digit(n, 14)
	}
	return false
}

// itIVA is seven digits of the holder, three of the province, one that checks.
func itIVA(n string) bool {
	n = strings.TrimPrefix(n, "IT")
	if !digits(n, 11) || n[:7] == "0000000" {
		return false
	}
	switch province := n[7:10]; {
	case province >= "001" && province <= "100", province == "120", province == "121", province == "888", province == "999":
		return luhn(n)
	}
	return false
}

// itCodiceFiscale is the fiscal code of a person; its last letter checks the rest.
func itCodiceFiscale(n string) bool {
	if len(n) != 16 {
		return false
	}
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		var v int
		switch c := n[i]; {
		case c >= '0' && c <= '9':
			v = int(c - '0')
		case c >= 'A' && c <= 'Z':
			v = int(c - 'A')
		default:
			return false
		}
		if i%2 == 0 { // the first, third … character
			v = odd[v]
		}
		sum += v
	}
	return letters(n[:6]) && int(n[15]-'A') == sum%26
}

// esNIF is a DNI or NIE of a person, or a CIF of a legal entity.
func esNIF(n string) bool {
	n = strings.TrimPrefix(n, "ES")
	if len(n) != 9 || !digits(n[1:8], 7) {
		return false
	}
	const dni = "TRWAGMYFPDXBNJZSQVHLCKE"
	last := n[8]
	switch c := n[0]; {
	case c >= '0' && c <= '9':
		return last == dni[remainder(n[:8], 23)]
	case c >= 'X' && c <= 'Z':
		return last == dni[remainder(string('0'+c-'X')+n[1:8], 23)]
	case c == 'K' || c == 'L' || c == 'M':
		return last == dni[remainder(n[1:8], 23)]
	case strings.IndexByte("ABCDEFGHJNPQRSUVW", c) < 0:
		return false
	}
	// Whether the check is a digit or a letter depends on the kind of entity, but registers disagree: both are taken.
	for d := range 10 {
		if luhn(n[1:8] + string(rune('0'+d))) {
			return last == byte('0'+d) || last == "JABCDEFGHI"[d]
		}
	}
	return false
}

// usEIN has no check digit; its first two digits name the office that gave it out.
func usEIN(n string) bool {
	if !digits(n, 9) {
		return false
	}
	switch n[:2] {
	case "00", "07", "08", "09", "17", "18", "19", "28", "29", "49", "69", "70", "78", "79", "89", "96", "97":
		return false
	}
	return true
}

// azVOEN ends in a check digit and 1 for a legal entity or 2 for a person.
func azVOEN(n string) bool {
	return digits(n, 10) && (n[9] == '1' || n[9] == '2') && weighted(n, 4, 1, 8, 6, 2, 7, 5, 3)%11 == digit(n, 8)
}
