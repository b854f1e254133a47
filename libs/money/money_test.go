package money_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/money"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func parse(t testing.TB, currency, amount string) money.Money {
	t.Helper()
	m, err := money.Parse(currency, amount)
	require.NoError(t, err)
	return m
}

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, currency, amount, text string
		err                          error
	}{
		{"whole", "EUR", "12", "12.00", nil},
		{"cents", "EUR", "12.5", "12.50", nil},
		{"more than cents are kept", "EUR", "0.0000000001", "0.0000000001", nil},
		{"negative", "USD", "-0.01", "-0.01", nil},
		{"no minor units", "JPY", "500", "500", nil},
		{"three minor units", "KWD", "1", "1.000", nil},
		{"eighteen digits", "EUR", "999999999999999999.99", "999999999999999999.99", nil},
		{"nineteen digits", "EUR", "1999999999999999999", "", money.ErrAmount},
		{"eleven fraction digits", "EUR", "0.00000000001", "", money.ErrAmount},
		{"empty", "EUR", "", "", money.ErrAmount},
		{"a sign alone", "EUR", "-", "", money.ErrAmount},
		{"a plus", "EUR", "+1", "", money.ErrAmount},
		{"no digit before the point", "EUR", ".5", "", money.ErrAmount},
		{"no digit after the point", "EUR", "5.", "", money.ErrAmount},
		{"an exponent", "EUR", "1e9", "", money.ErrAmount},
		{"a thousands separator", "EUR", "1,000", "", money.ErrAmount},
		{"a decimal comma", "EUR", "1,50", "", money.ErrAmount},
		{"blanks", "EUR", " 1", "", money.ErrAmount},
		{"not a number", "EUR", "NaN", "", money.ErrAmount},
		{"other digits", "EUR", "١٢", "", money.ErrAmount},
		{"a currency in lower case", "eur", "1", "", money.ErrCurrency},
		{"no currency", "", "1", "", money.ErrCurrency},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := money.Parse(tt.currency, tt.amount)
			require.ErrorIs(t, err, tt.err)
			if tt.err == nil {
				require.Equal(t, tt.text, m.Text())
				require.Equal(t, tt.text+" "+tt.currency, m.String())
			}
		})
	}
}

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "999999999999999999.9999999999", "1e5", "", "--1", "1.", "0x1", "1_000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := money.ParseAmount(s)
		if err != nil {
			require.ErrorIs(t, err, money.ErrAmount)
			return
		}
		again, err := money.ParseAmount(d.String())
		require.NoError(t, err, "what was read can be written and read again")
		require.True(t, again.Equal(d))
	})
}

func TestAddAndSub(t *testing.T) {
	t.Parallel()
	sum, err := parse(t, "EUR", "0.1").Add(parse(t, "EUR", "0.2"))
	require.NoError(t, err)
	require.True(t, sum.Equal(parse(t, "EUR", "0.30")), "exactly: %s", sum)
	_, err = sum.Add(parse(t, "USD", "1"))
	require.ErrorIs(t, err, money.ErrCurrencyMismatch)
	_, err = sum.Add(money.Money{})
	require.ErrorIs(t, err, money.ErrCurrencyMismatch, "an amount that is not set is not zero")
	diff, err := sum.Sub(sum)
	require.NoError(t, err)
	require.True(t, diff.IsZero())
}

func TestRound(t *testing.T) {
	t.Parallel()
	tests := []struct{ currency, amount, want string }{
		{"EUR", "2.345", "2.35"},
		{"EUR", "-2.345", "-2.35"},
		{"EUR", "2.344", "2.34"},
		{"JPY", "2.5", "3"},
		{"KWD", "1.0005", "1.001"},
		{"CLF", "1.00005", "1.0001"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, parse(t, tt.currency, tt.amount).Round().Text(), tt.amount+" "+tt.currency)
	}
	require.Equal(t, "109.51", parse(t, "EUR", "100").Convert("USD", decimal.RequireFromString("1.09505")).Text())
	require.Equal(t, "37.35", parse(t, "EUR", "12.45").Mul(decimal.NewFromInt(3)).Text())
}

func TestSplitAddsUp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, amount string
		weights      []int64
		want         []string
	}{
		{"thirds", "100", []int64{1, 1, 1}, []string{"33.34", "33.33", "33.33"}},
		{"by weight", "10", []int64{1, 3}, []string{"2.50", "7.50"}},
		{"negative", "-0.05", []int64{1, 1}, []string{"-0.03", "-0.02"}},
		{"nothing for no weight", "0.01", []int64{0, 1}, []string{"0.00", "0.01"}},
		{"no weight at all", "1", []int64{0, 0}, nil},
		{"a negative weight", "1", []int64{-1, 2}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range parse(t, "EUR", tt.amount).Split(tt.weights...) {
				got = append(got, p.Text())
			}
			require.Equal(t, tt.want, got)
		})
	}

	// Property: for any amount and weights the parts add up to the rounded amount, and no part without weight gets any.
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		m := money.Money{Currency: []string{"EUR", "JPY", "KWD"}[rng.IntN(3)], Amount: decimal.New(rng.Int64N(2e9)-1e9, -4)}
		weights := make([]int64, 1+rng.IntN(6))
		for i := range weights {
			weights[i] = rng.Int64N(5)
		}
		parts := m.Split(weights...)
		if parts == nil {
			continue
		}
		sum := money.Zero(m.Currency)
		for i, p := range parts {
			require.False(t, weights[i] == 0 && !p.IsZero())
			var err error
			sum, err = sum.Add(p)
			require.NoError(t, err)
		}
		require.True(t, sum.Equal(m.Round()), "%s by %v: %v", m, weights, parts)
	}
}

func TestProto(t *testing.T) {
	t.Parallel()
	p := money.ToProto(parse(t, "EUR", "12.5"))
	require.Equal(t, "12.50", p.GetAmount())
	m, err := money.FromProto(p)
	require.NoError(t, err)
	require.True(t, m.Equal(parse(t, "EUR", "12.5")))
	require.Nil(t, money.ToProto(money.Money{}), "an amount that is not set")
	m, err = money.FromProto(nil)
	require.NoError(t, err)
	require.Empty(t, m.Currency)
	_, err = money.FromProto(&typev1.Money{CurrencyCode: "EUR", Amount: "x"})
	require.ErrorIs(t, err, money.ErrAmount)
}

func ExampleMoney_Split() {
	m, _ := money.Parse("EUR", "100")
	fmt.Println(m.Split(1, 1, 1))
	// Output: [33.34 EUR 33.33 EUR 33.33 EUR]
}
