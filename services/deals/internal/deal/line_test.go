package deal_test

import (
	"errors"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/deal"
)

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

func cash(currency, amount string) money.Money {
	return money.Money{Currency: currency, Amount: dec(amount)}
}

// DEAL-6: totals are exact in the currency's minor unit, and net and tax always add up to the total.
func TestLineTotals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, currency            string
		quantity, price           string
		kind                      deal.DiscountKind
		discount, rate            string
		included                  bool
		wantNet, wantTax, wantSum string
	}{
		{"plain", "EUR", "3", "19.90", deal.NoDiscount, "0", "0", false, "59.7", "0", "59.7"},
		{"tax on top", "EUR", "1", "100", deal.NoDiscount, "0", "19", false, "100", "19", "119"},
		{"tax included", "EUR", "1", "119", deal.NoDiscount, "0", "19", true, "100", "19", "119"},
		{"tax included does not divide evenly", "EUR", "1", "9.99", deal.NoDiscount, "0", "7", true, "9.34", "0.65", "9.99"},
		{"tax on top is rounded once", "EUR", "3", "0.333", deal.NoDiscount, "0", "20", false, "1", "0.2", "1.2"},
		{"half a cent goes away from zero", "EUR", "1", "0.125", deal.NoDiscount, "0", "0", false, "0.13", "0", "0.13"},
		{"percent off", "EUR", "2.5", "10", deal.DiscountPercent, "12.5", "0", false, "21.88", "0", "21.88"},
		{"all off", "EUR", "2", "10", deal.DiscountPercent, "100", "20", false, "0", "0", "0"},
		{"a sum off the line", "EUR", "3", "10", deal.DiscountSum, "0.01", "10", false, "29.99", "3", "32.99"},
		{"a sum off, tax included", "EUR", "1", "120", deal.DiscountSum, "12", "20", true, "90", "18", "108"},
		{"yen have no cents", "JPY", "3", "33.4", deal.NoDiscount, "0", "10", false, "100", "10", "110"},
		{"yen, tax included", "JPY", "1", "100", deal.NoDiscount, "0", "8", true, "93", "7", "100"},
		{"dinars have three digits", "KWD", "3", "0.3335", deal.NoDiscount, "0", "5", false, "1.001", "0.05", "1.051"},
		{"a return", "EUR", "-1", "19.99", deal.NoDiscount, "0", "19", false, "-19.99", "-3.8", "-23.79"},
		{"a return of half a cent goes away from zero", "EUR", "-1", "0.125", deal.NoDiscount, "0", "0", false, "-0.13", "0", "-0.13"},
		{"a discounted return", "EUR", "-2", "10", deal.DiscountPercent, "10", "0", false, "-18", "0", "-18"},
		{"a sum off a return makes it smaller", "EUR", "-2", "10", deal.DiscountSum, "5", "0", false, "-15", "0", "-15"},
		{"nothing of it", "EUR", "0", "10", deal.NoDiscount, "0", "19", false, "0", "0", "0"},
		{
			"large and fine", "EUR", "123456789.123456", "99.9999999999", deal.NoDiscount, "0", "21", false,
			"12345678912.33", "2592592571.59", "14938271483.92",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := deal.Line{
				Quantity: dec(c.quantity), Price: dec(c.price), DiscountKind: c.kind, Discount: dec(c.discount),
				TaxRate: dec(c.rate), TaxIncluded: c.included,
			}
			l.Compute(c.currency)
			require.Equal(t, c.wantNet, l.Net.String(), "net")
			require.Equal(t, c.wantTax, l.Tax.String(), "tax")
			require.Equal(t, c.wantSum, l.Total.String(), "total")
			require.True(t, l.Net.Add(l.Tax).Equal(l.Total))
		})
	}
}

// DEAL-6: net + tax = total, whole minor units, whatever the numbers.
func FuzzLineAddsUp(f *testing.F) {
	f.Add(int64(3), int64(1990), int64(1250), int64(1900), true)
	f.Add(int64(-7), int64(1), int64(0), int64(700), false)
	f.Fuzz(func(t *testing.T, quantity, price, discount, rate int64, included bool) {
		if discount < 0 || discount > 10000 || rate < 0 || rate > 10000 {
			t.Skip()
		}
		l := deal.Line{
			Quantity: decimal.New(quantity%1e9, -3), Price: decimal.New(price%1e12, -4), DiscountKind: deal.DiscountPercent,
			Discount: decimal.New(discount, -2), TaxRate: decimal.New(rate, -2), TaxIncluded: included,
		}
		for _, currency := range []string{"EUR", "JPY", "KWD"} {
			l.Compute(currency)
			require.True(t, l.Net.Add(l.Tax).Equal(l.Total))
			for _, d := range []decimal.Decimal{l.Net, l.Tax, l.Total} {
				require.True(t, d.Equal(d.Round(money.MinorUnits(currency))), "%s in %s", d, currency)
			}
			require.GreaterOrEqual(t, l.Tax.Sign()*l.Total.Sign(), 0, "tax and total have one sign")
		}
	})
}

func TestLinesAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line  deal.Line
		field string
	}{
		"a discount above 100 percent":     {deal.Line{Name: "x", Quantity: dec("1"), Price: dec("1"), DiscountKind: deal.DiscountPercent, Discount: dec("100.01")}, "lines[0].discount_percent"},
		"a negative discount":              {deal.Line{Name: "x", Quantity: dec("1"), Price: dec("1"), DiscountKind: deal.DiscountPercent, Discount: dec("-1")}, "lines[0].discount_percent"},
		"a sum above the line":             {deal.Line{Name: "x", Quantity: dec("1"), Price: dec("1"), DiscountKind: deal.DiscountSum, Discount: dec("1.01")}, "lines[0].discount_amount"},
		"a tax above 100 percent":          {deal.Line{Name: "x", Quantity: dec("1"), Price: dec("1"), TaxRate: dec("101")}, "lines[0].tax_rate"},
		"nothing said of what is sold":     {deal.Line{Quantity: dec("1"), Price: dec("1")}, "lines[0].name"},
		"more than an amount can hold":     {deal.Line{Name: "x", Quantity: dec("1000000000"), Price: dec("1000000000")}, "lines[0].quantity"},
		"also when it is below zero":       {deal.Line{Name: "x", Quantity: dec("-1000000000"), Price: dec("1000000000")}, "lines[0].quantity"},
		"a discount of more than a return": {deal.Line{Name: "x", Quantity: dec("-1"), Price: dec("1"), DiscountKind: deal.DiscountSum, Discount: dec("2")}, "lines[0].discount_amount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := deal.New(deal.Draft{Name: "d", Lines: []deal.LineInput{{Line: c.line}}}, making(), env())
			require.ErrorIs(t, err, deal.ErrInvalid)
			var e *apperr.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.field, e.Fields[0].Field)
		})
	}
}

// DEAL-6: a line takes from its product what it does not say itself; a price below the minimum needs a right.
func TestLinesTakeFromTheCatalog(t *testing.T) {
	t.Parallel()
	const bolt, gone, dollar, free = "bolt", "gone", "dollar", "free"
	p := deal.Pricing{
		Products: map[string]deal.Product{
			bolt:   {ID: bolt, Name: "Bolt", Unit: "piece", TaxRate: dec("20"), ListPrice: cash("EUR", "10"), MinimumPrice: cash("EUR", "8"), Offered: true},
			gone:   {ID: gone, Name: "Gone", ListPrice: cash("EUR", "10")},
			dollar: {ID: dollar, Name: "Dollar", ListPrice: cash("USD", "10"), MinimumPrice: cash("USD", "9"), Offered: true},
			free:   {ID: free, Name: "Free", Offered: true},
		},
		Convert: func(m money.Money, to string) (money.Money, bool) {
			return cash(to, m.Amount.Div(dec("2")).String()), m.Currency == "USD" && to == "EUR"
		},
		NewID: counter(),
	}
	silent := func(product string) deal.LineInput {
		return deal.LineInput{Line: deal.Line{ProductID: product}, NoQuantity: true, NoPrice: true, NoTaxRate: true}
	}
	priced := func(product, price string) deal.LineInput {
		return deal.LineInput{Line: deal.Line{ProductID: product, Price: dec(price), Quantity: dec("1")}, NoTaxRate: true}
	}
	included := silent(bolt)
	included.TaxIncluded = true

	t.Run("everything from the product", func(t *testing.T) {
		t.Parallel()
		lines, err := deal.Fill([]deal.LineInput{silent(bolt)}, nil, "EUR", p)
		require.NoError(t, err)
		l := lines[0]
		require.Equal(t, []string{"Bolt", "piece", "1", "10", "20", "12"},
			[]string{l.Name, l.Unit, l.Quantity.String(), l.Price.String(), l.TaxRate.String(), l.Total.String()})
	})
	t.Run("list prices are without tax", func(t *testing.T) {
		t.Parallel()
		lines, err := deal.Fill([]deal.LineInput{included}, nil, "EUR", p)
		require.NoError(t, err)
		require.Equal(t, "12", lines[0].Price.String())
	})
	t.Run("another currency is converted", func(t *testing.T) {
		t.Parallel()
		lines, err := deal.Fill([]deal.LineInput{silent(dollar)}, nil, "EUR", p)
		require.NoError(t, err)
		require.Equal(t, "5", lines[0].Price.String())
		_, err = deal.Fill([]deal.LineInput{silent(bolt)}, nil, "USD", p)
		require.ErrorIs(t, err, deal.ErrPrice, "there is no rate that way")
	})
	for name, c := range map[string]struct {
		in   deal.LineInput
		want error
	}{
		"unknown product":              {silent("unknown"), deal.ErrProduct},
		"not offered any more":         {silent(gone), deal.ErrProductGone},
		"no price at all":              {silent(free), deal.ErrPrice},
		"below the minimum":            {priced(bolt, "7.99"), deal.ErrBelowMinimum},
		"below it after the discount":  {deal.LineInput{Line: deal.Line{ProductID: bolt, Price: dec("10"), Quantity: dec("3"), DiscountKind: deal.DiscountPercent, Discount: dec("21")}}, deal.ErrBelowMinimum},
		"below it once the tax is off": {deal.LineInput{Line: deal.Line{ProductID: bolt, Price: dec("9.5"), Quantity: dec("1"), TaxRate: dec("20"), TaxIncluded: true}}, deal.ErrBelowMinimum},
		"at the minimum":               {priced(bolt, "8"), nil},
		"minimum in another currency":  {priced(dollar, "4.49"), deal.ErrBelowMinimum},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := deal.Fill([]deal.LineInput{c.in}, nil, "EUR", p)
			require.ErrorIs(t, err, c.want)
			if errors.Is(c.want, deal.ErrBelowMinimum) {
				allowed := p
				allowed.MayUndercut = true
				_, err := deal.Fill([]deal.LineInput{c.in}, nil, "EUR", allowed)
				require.NoError(t, err)
			}
		})
	}
	t.Run("what was agreed on stays agreed on", func(t *testing.T) {
		t.Parallel()
		old := deal.Line{ID: "l1", ProductID: bolt, Name: "Old bolt", Quantity: dec("1"), Price: dec("5"), TaxRate: dec("10")}
		kept := deal.LineInput{Line: deal.Line{ID: "l1", ProductID: bolt, Quantity: dec("1")}, NoPrice: true, NoTaxRate: true}
		lines, err := deal.Fill([]deal.LineInput{kept}, []deal.Line{old}, "EUR", p)
		require.NoError(t, err, "below today's minimum, but not changed")
		require.Equal(t, "5", lines[0].Price.String())
		require.Equal(t, "l1", lines[0].ID)
		kept.Quantity = dec("2")
		_, err = deal.Fill([]deal.LineInput{kept}, []deal.Line{old}, "EUR", p)
		require.ErrorIs(t, err, deal.ErrBelowMinimum, "new terms are today's")
	})
	t.Run("an ID sent twice is one line and a new one", func(t *testing.T) {
		t.Parallel()
		old := deal.Line{ID: "l1", Name: "x", Quantity: dec("1")}
		in := deal.LineInput{Line: old}
		lines, err := deal.Fill([]deal.LineInput{in, in}, []deal.Line{old}, "EUR", p)
		require.NoError(t, err)
		require.NotEqual(t, lines[0].ID, lines[1].ID)
	})
}
