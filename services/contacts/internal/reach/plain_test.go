package reach

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"
)

// CON-11: the short way gives what the parser gives, for every country and for numbers that are nearly right.
func TestPlainNumbersAreWhatTheParserMakesOfThem(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	taken := 0
	check := func(number string) {
		got, ok := plain(number)
		if !ok {
			return
		}
		taken++
		n, err := phonenumbers.Parse(number, "DE")
		require.NoError(t, err, number)
		require.True(t, phonenumbers.IsValidNumber(n), number)
		require.Equal(t, phonenumbers.Format(n, phonenumbers.E164), got, number)
	}
	types := []phonenumbers.PhoneNumberType{
		phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE, phonenumbers.PREMIUM_RATE, phonenumbers.VOIP,
		phonenumbers.UAN, phonenumbers.SHARED_COST, phonenumbers.PERSONAL_NUMBER,
	}
	for region := range phonenumbers.GetSupportedRegions() {
		for _, kind := range types {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			for _, format := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL} {
				number := phonenumbers.Format(example, format)
				check(number)
				for range 30 { // one digit another one, one more, one less, a prefix
					b := []byte(number)
					i := 2 + random.IntN(len(b)-2)
					b[i] = byte('0' + random.IntN(10))
					check(string(b))
					check(string(b[:i]) + strconv.Itoa(random.IntN(100)) + string(b[i:]))
					check(string(b[:i]) + string(b[i+1:]))
					check(strings.Replace(number, " ", " (0) ", 1))
				}
			}
		}
	}
	for range 30_000 {
		digits := make([]byte, 7+random.IntN(9))
		for i := range digits {
			digits[i] = "0123456789"[random.IntN(10)]
		}
		check("+" + string(digits))
	}
	require.Greater(t, taken, 5000, "most go the short way")
}

func BenchmarkE164(b *testing.B) {
	for name, number := range map[string]string{"plain": "+4930 1234567", "national": "030 1234567"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				E164(number, "DE")
			}
		})
	}
}
