package reach_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// CON-11: phone numbers in E.164, whatever digits and signs they are typed in; nothing that no network knows.
func TestE164(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, number, country, want string }{
		{"national, with blanks", "030 901820", "DE", "+4930901820"},
		{"national, with brackets and dash", "(020) 7946-0018", "GB", "+442079460018"},
		{"international by +", "+49 30 901820", "US", "+4930901820"},
		{"international by 00", "0049 30 901820", "DE", "+4930901820"},
		{"trunk zero in brackets", "+49 (0)30 901820", "DE", "+4930901820"},
		{"extension left out", "+1 650-253-0000 ext. 12", "US", "+16502530000"},
		{"Russian eight", "8 (495) 123-45-67", "RU", "+74951234567"},
		{"Azerbaijani mobile", "050 123 45 67", "AZ", "+994501234567"},
		{"Arabic-Indic digits", "٠٣٠ ٩٠١٨٢٠", "DE", "+4930901820"},
		{"Persian digits", "۰۲۱ ۲۲۳۳ ۴۴۵۵", "IR", "+982122334455"},
		{"full-width digits", "＋４９ ３０ ９０１８２０", "DE", "+4930901820"},
		{"letters of a keypad", "1-800-FLOWERS", "US", "+18003569377"},
		{"too short to exist", "12345", "DE", ""},
		{"no number", "call me", "DE", ""},
		{"national without a country", "030 901820", "", ""},
		{"international without a country", "+4930901820", "", "+4930901820"},
		{"empty", "", "DE", ""},
		{"very long", "+" + strings.Repeat("4930901820", 100), "DE", ""},
		{"NUL in it", "030\x00901820", "DE", ""},
		{"right-to-left mark before it", "\u200f+4930901820", "DE", "+4930901820"},
		{"tel URI", "tel:+4930901820", "DE", "+4930901820"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, reach.E164(c.number, c.country))
		})
	}
}

// CON-11: e-mails normalised, so that one person is not two.
func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ann.Lee@Example.COM": "ann.lee@example.com", " ann@example.com ": "ann@example.com", "ann+tag@example.com": "ann+tag@example.com",
		"ann@exämple.com": "ann@xn--exmple-cua.com", "Анна@пример.рф": "анна@xn--e1afmkfd.xn--p1ai", "o'neil@example.com": "o'neil@example.com",
		"": "", "ann": "", "ann@": "", "@example.com": "", "ann@localhost": "", "a b@example.com": "", "ann@exa mple.com": "", "ann\x00@example.com": "",
		"ann@example..com": "", ".ann@example.com": "", "ann.@example.com": "", "a..b@example.com": "", "ann@-example.com": "",
		"ann@example.com\r\nBcc: all@example.com": "", "Ann <ann@example.com>": "", "\u202eann@example.com": "",
		strings.Repeat("a", 65) + "@example.com": "", "ann@" + strings.Repeat("a", 64) + ".com": "", "a@b@c.com": "",
	} {
		require.Equal(t, want, reach.NormalizeEmail(in), "%q", in)
	}
}

// Whatever comes in, nothing panics, what comes out is stable, and is found again by what went in.
func FuzzPoints(f *testing.F) {
	for _, s := range []string{"", "030 901820", "٠٣٠", "ann@example.com", "\x00", "+", "＋４９", "a@b.c\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e := reach.E164(s, "DE"); e != "" && reach.E164(e, "") != e {
			t.Errorf("%q became %q, which becomes %q", s, e, reach.E164(e, ""))
		}
		n := reach.NormalizeEmail(s)
		if n != "" && (reach.NormalizeEmail(n) != n || !utf8.ValidString(n)) {
			t.Errorf("%q became %q, which becomes %q", s, n, reach.NormalizeEmail(n))
		}
	})
}

func TestPointsAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	p := reach.Points{
		Phones: []reach.Phone{{Number: "030 901820"}, {Number: "+49 30 901820"}, {Number: "12"}},
		Emails: []reach.Email{{Address: "Ann@example.com"}, {Address: "ann@EXAMPLE.com"}},
	}
	var f record.Faults
	p.Normalize("DE", &f)
	require.NoError(t, f.Err())
	require.Equal(t, []reach.Point{{Kind: reach.PhonePoint, Value: "+4930901820"}, {Kind: reach.EmailPoint, Value: "ann@example.com"}}, p.LookUp())
	require.Equal(t, "12", p.Phones[2].Number, "kept as typed all the same")
}
