package taxid

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// CON-8: tax and registration numbers with check digits validated per country. Expectations come from an independent
// implementation (python-stdnum 2) and from numbers that authorities publish as examples.
func TestNumbersOfEachCountry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		check   func(country, number string) (string, error)
		country string
		number  string
		want    string // "" if refused
	}{
		{"German VAT with prefix and blanks", VAT, "DE", "DE 136 695 976", "DE136695976"},
		{"German VAT without prefix", VAT, "DE", "136695976", "DE136695976"},
		{"German VAT, last digit wrong", VAT, "DE", "136695978", ""},
		{"German VAT, too short", VAT, "DE", "13669597", ""},
		{"British VAT, newer scheme", VAT, "GB", "GB 980 7806 84", "GB980780684"},
		{"British VAT, digit wrong", VAT, "GB", "802311781", ""},
		{"Northern Ireland keeps its prefix", VAT, "GB", "XI980780684", "XI980780684"},
		{"government department", VAT, "GB", "GD001", "GBGD001"},
		{"health authority below its range", VAT, "GB", "HA499", ""},
		{"French VAT, numeric key", VAT, "FR", "FR 40 303 265 045", "FR40303265045"},
		{"French VAT, letter first", VAT, "FR", "K7399859412", "FRK7399859412"},
		{"French VAT, letter second", VAT, "FR", "4Z123456782", "FR4Z123456782"},
		{"French VAT of Monaco", VAT, "FR", "53000004605", "FR53000004605"},
		{"French VAT, SIREN wrong", VAT, "FR", "84323140391", ""},
		{"Dutch VAT with an RSIN", VAT, "NL", "NL004495445B01", "NL004495445B01"},
		{"Dutch VAT of the newer kind", VAT, "NL", "002455799B11", "NL002455799B11"},
		{"Dutch VAT, check wrong", VAT, "NL", "123456789B90", ""},
		{"Polish NIP with dashes", VAT, "PL", "PL 856-734-62-15", "PL8567346215"},
		{"Polish NIP, digit wrong", VAT, "PL", "8567346216", ""},
		{"Italian IVA", VAT, "IT", "IT 00743110157", "IT00743110157"},
		{"Italian IVA, digit wrong", VAT, "IT", "00743110158", ""},
		{"Spanish CIF, digit", VAT, "ES", "ES B-58378431", "ESB58378431"},
		{"Spanish CIF, wrong", VAT, "ES", "B58378432", ""},
		{"Spanish DNI", VAT, "ES", "54362315K", "ES54362315K"},
		{"Spanish NIE", VAT, "ES", "x-5253868-r", "ESX5253868R"},
		{"Spanish NIF of a foreigner", VAT, "ES", "M1234567L", "ESM1234567L"},
		{"Spanish K, letter wrong", VAT, "ES", "K2482300L", ""},
		{"country without a rule keeps what was typed", VAT, "BR", " 00.000.000/0001-91 ", "00.000.000/0001-91"},

		{"German Steuernummer", National, "DE", "93/815/08152", "9381508152"},
		{"British UTR", National, "GB", "1955839661", "1955839661"},
		{"British UTR, digit wrong", National, "GB", "2955839661", ""},
		{"SIREN", National, "FR", "552 008 443", "552008443"},
		{"SIRET", National, "FR", "732 829 320 00074", "73282932000074"},
		{"SIRET, digit wrong", National, "FR", "73282932000079", ""},
		{"SIRET of La Poste", National, "FR", "35600000049837", "35600000049837"},
		{"RSIN", National, "NL", "111222333", "111222333"},
		{"INN of a legal entity", National, "RU", "7707083893", "7707083893"},
		{"INN of a legal entity, digit wrong", National, "RU", "7707083894", ""},
		{"INN of a person", National, "RU", "123456789047", "123456789047"},
		{"INN of a person, digit wrong", National, "RU", "123456789037", ""},
		{"codice fiscale", National, "IT", "RCCMNL83S18D969H", "RCCMNL83S18D969H"},
		{"codice fiscale, letter wrong", National, "IT", "RCCMNL83S18D969A", ""},
		{"American EIN", National, "US", "91-1144442", "911144442"},
		{"American EIN, no such office", National, "US", "07-9999999", ""},
		{"Azerbaijani VÖEN", National, "AZ", "140 155 5071", "1401555071"},
		{"Azerbaijani VÖEN, check wrong", National, "AZ", "1400057424", ""},
		{"digits of another alphabet are no digits", National, "RU", "٧٧٠٧٠٨٣٨٩٣", ""},

		{"OGRN", Registration, "RU", "1027700132195", "1027700132195"},
		{"OGRN of an entrepreneur", Registration, "RU", "304500116000157", "304500116000157"},
		{"OGRN, digit wrong", Registration, "RU", "1022500001326", ""},
		{"REGON", Registration, "PL", "192 598 184", "192598184"},
		{"REGON of a branch", Registration, "PL", "12345678512347", "12345678512347"},
		{"REGON, digit wrong", Registration, "PL", "192598183", ""},
		{"Companies House", Registration, "GB", "sc123456", "SC123456"},
		{"Companies House, too long", Registration, "GB", "123456789", ""},
		{"German register is free text", Registration, "DE", "HRB 12345 B", "HRB 12345 B"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := c.check(c.country, c.number)
			if c.want == "" {
				require.ErrorIs(t, err, ErrNumber)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// CON-8: bank accounts with IBAN and BIC validated.
func TestIBAN(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{
		"GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "AZ21NABZ00000000137010001944", "nl91abna0417164300",
		"PL61109010140000071219812874", "IT60X0542811101000000123456", "ES9121000418450200051332",
		"FR1420041010050500013M02606", "MT84MALT011000012345MTLCAST001S",
	} {
		got, err := IBAN(ok)
		require.NoError(t, err, ok)
		require.NotContains(t, got, " ")
	}
	for _, bad := range []string{
		"", "DE", "DE8937040044053201300", "DE89370400440532013001", "XX89370400440532013000", "US64SVBKUS6S3300958879",
		"GB82WEST12345698765431", "DE8937040044053201300Ö",
	} {
		_, err := IBAN(bad)
		require.ErrorIs(t, err, ErrIBAN, bad)
	}
}

// A single changed digit or a pair of swapped neighbours never passes: that is what the check digits are for.
func TestIBANFindsSlips(t *testing.T) {
	t.Parallel()
	const good = "DE89370400440532013000"
	for i := 2; i < len(good); i++ {
		for d := byte('0'); d <= '9'; d++ {
			slip := []byte(good)
			if slip[i] == d {
				continue
			}
			slip[i] = d
			_, err := IBAN(string(slip))
			require.Error(t, err, string(slip))
		}
	}
	for i := 2; i+1 < len(good); i++ {
		if good[i] == good[i+1] {
			continue
		}
		slip := []byte(good)
		slip[i], slip[i+1] = slip[i+1], slip[i]
		_, err := IBAN(string(slip))
		require.Error(t, err, string(slip))
	}
}

func TestBIC(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"deutdeff": "DEUTDEFF", "DEUT DE FF 500": "DEUTDEFF500", "NEDSZAJJ": "NEDSZAJJ"} {
		got, err := BIC(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "DEUT", "DEUTDEF", "D3UTDEFF", "DEUTDEFF50", "DEUTDEFF5000", "DEUTDEFÖ"} {
		_, err := BIC(bad)
		require.ErrorIs(t, err, ErrBIC, bad)
	}
}

// Whatever is typed, a check answers and does not panic.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"", "DE", "GB\x00", "FR4Z", "ESX", "7707083893", "٧٧٠٧٠٨٣٨٩٣", "GB82WEST12345698765432"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		for _, country := range []string{"DE", "GB", "FR", "NL", "PL", "RU", "IT", "ES", "US", "AZ", "??"} {
			_, _ = VAT(country, s)
			_, _ = National(country, s)
			_, _ = Registration(country, s)
		}
		_, _ = IBAN(s)
		_, _ = BIC(s)
	})
}
