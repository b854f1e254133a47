package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/proto"

	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func day(y, m, d int32) *date.Date { return &date.Date{Year: y, Month: m, Day: d} }

func (w *world) rate(m member, code, rate string, on *date.Date) *catalogv1.ExchangeRate {
	w.t.Helper()
	resp, err := w.currencies.SetExchangeRate(m.ctx, &catalogv1.SetExchangeRateRequest{
		ExchangeRate: &catalogv1.ExchangeRate{CurrencyCode: code, Date: on, Rate: rate},
	})
	require.NoError(w.t, err)
	return resp.GetExchangeRate()
}

// CAT-3: an amount is converted by the rates of a day, exactly, and rounded as its currency is paid; the answer says how.
func TestConvertMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization() // base currency EUR
	w.rate(m, "USD", "0.9", day(2026, 1, 1))
	w.rate(m, "USD", "0.8", day(2026, 2, 1))
	w.rate(m, "JPY", "0.006", day(2026, 1, 1))
	w.rate(m, "KWD", "3", day(2026, 1, 1))
	for name, tc := range map[string]struct {
		from         *typev1.Money
		to           string
		on           *date.Date
		want, factor string
		used         int
	}{
		"to base":                        {usd("10"), "EUR", day(2026, 1, 31), "9.00", "0.9", 1},
		"base is the default":            {usd("10"), "", day(2026, 1, 1), "9.00", "0.9", 1},
		"the day's rate":                 {usd("10"), "", day(2026, 2, 1), "8.00", "0.8", 1},
		"today is the zone's":            {usd("10"), "", nil, "8.00", "0.8", 1},
		"from base":                      {eur("1"), "KWD", day(2026, 1, 1), "0.333", "0.333333333333333333", 1},
		"no decimals":                    {eur("1"), "JPY", day(2026, 1, 1), "167", "166.666666666666666667", 1},
		"three decimals over base":       {usd("1"), "KWD", day(2026, 1, 1), "0.300", "0.3", 2},
		"half goes away from zero":       {&typev1.Money{CurrencyCode: "JPY", Amount: "-2.5"}, "JPY", day(2026, 1, 1), "-3", "1", 0},
		"nothing lost by dividing first": {&typev1.Money{CurrencyCode: "KWD", Amount: "1000000"}, "JPY", day(2026, 1, 1), "500000000", "500", 2},
		"itself needs no rate":           {&typev1.Money{CurrencyCode: "CHF", Amount: "1.005"}, "CHF", day(2026, 1, 1), "1.01", "1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := w.currencies.ConvertMoney(m.ctx, &catalogv1.ConvertMoneyRequest{Money: tc.from, ToCurrencyCode: tc.to, Date: tc.on})
			require.NoError(t, err)
			require.Equal(t, tc.want, resp.GetMoney().GetAmount())
			require.Equal(t, tc.factor, resp.GetRate())
			require.Len(t, resp.GetRatesUsed(), tc.used)
			require.Contains(t, resp.GetRounding(), "half away from zero")
			if tc.on == nil {
				// 23:30 UTC is the next day in Berlin.
				require.True(t, proto.Equal(day(2026, 11, 22), resp.GetDate()), "%v", resp.GetDate())
			}
		})
	}
	for name, tc := range map[string]struct {
		from   *typev1.Money
		to     string
		on     *date.Date
		reason string
	}{
		"no rate yet":      {usd("1"), "", day(2025, 12, 31), "RATE_MISSING"},
		"no rate at all":   {eur("1"), "CHF", nil, "RATE_MISSING"},
		"no such currency": {eur("1"), "XQQ", nil, "CURRENCY_UNKNOWN"},
		"no such day":      {eur("1"), "USD", day(2026, 2, 30), "RATE_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.currencies.ConvertMoney(m.ctx, &catalogv1.ConvertMoneyRequest{Money: tc.from, ToCurrencyCode: tc.to, Date: tc.on})
			require.Equal(t, tc.reason, reason(err), "%v", err)
		})
	}
}

// CAT-3: a rate is set once for a day, changed, and taken away; the currencies in use are listed with their newest.
func TestExchangeRates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, stranger := w.organization(), w.organization()
	first := w.rate(m, "USD", "0.9", day(2026, 1, 1))
	changed := w.rate(m, "USD", "0.95", day(2026, 1, 1))
	require.Equal(t, first.GetId(), changed.GetId())
	require.Equal(t, "v2", changed.GetEtag())
	w.rate(m, "USD", "2", day(2030, 1, 1)) // not yet
	set := func(m member, r *catalogv1.ExchangeRate) error {
		_, err := w.currencies.SetExchangeRate(m.ctx, &catalogv1.SetExchangeRateRequest{ExchangeRate: r})
		return err
	}
	require.Equal(t, "RATE_ETAG_MISMATCH", reason(set(m, &catalogv1.ExchangeRate{CurrencyCode: "USD", Rate: "1", Date: day(2026, 1, 1), Etag: "v1"})))
	require.Equal(t, "RATE_INVALID", reason(set(m, &catalogv1.ExchangeRate{CurrencyCode: "EUR", Rate: "1", Date: day(2026, 1, 1)})))
	require.Equal(t, "RATE_INVALID", reason(set(m, &catalogv1.ExchangeRate{CurrencyCode: "USD", Rate: "0", Date: day(2026, 1, 1)})))
	require.Equal(t, "CURRENCY_UNKNOWN", reason(set(m, &catalogv1.ExchangeRate{CurrencyCode: "QQQ", Rate: "1", Date: day(2026, 1, 1)})))

	list, err := w.currencies.ListCurrencies(m.ctx, &catalogv1.ListCurrenciesRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetCurrencies(), 2)
	require.True(t, list.GetCurrencies()[0].GetBase())
	require.Equal(t, "EUR", list.GetCurrencies()[0].GetCode())
	require.Equal(t, "0.95", list.GetCurrencies()[1].GetLatestRate().GetRate())

	rates, err := w.currencies.ListExchangeRates(m.ctx, &catalogv1.ListExchangeRatesRequest{Filter: `date < "2030-01-01"`})
	require.NoError(t, err)
	require.Len(t, rates.GetExchangeRates(), 1)

	_, err = w.currencies.DeleteExchangeRate(stranger.ctx, &catalogv1.DeleteExchangeRateRequest{Id: first.GetId()})
	require.Equal(t, "RATE_NOT_FOUND", reason(err))
	_, err = w.currencies.DeleteExchangeRate(m.ctx, &catalogv1.DeleteExchangeRateRequest{Id: first.GetId(), Etag: "v2"})
	require.NoError(t, err)
	_, err = w.currencies.ConvertMoney(m.ctx, &catalogv1.ConvertMoneyRequest{Money: usd("1")})
	require.Equal(t, "RATE_MISSING", reason(err))
}
