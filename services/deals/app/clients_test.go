package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/id"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// clients is the service that tells of clients.
func (s *suite) clients() dealsv1.ClientsServiceClient {
	s.t.Helper()
	server, err := grpcserver.New(grpcserver.Options{Log: s.log, Verifier: s.issuer.Verifier(), Directory: s.directory})
	require.NoError(s.t, err)
	s.newApp().Register(server)
	return dealsv1.NewClientsServiceClient(serve(s.t, server.Server, server.Serve, true))
}

func line(name, quantity, price string) *dealsv1.DealLine {
	return &dealsv1.DealLine{Name: name, Quantity: quantity, Price: price, TaxRate: "0"}
}

// CON-22: the figures at the head of a client's card: since when, won, average, open; by currency, and in base currency at the
// deals' rates, and nothing that the caller may not see. Dollars are never added to euros.
func TestClientFigures(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	clients := s.clients()
	firm, other := s.neighbours.client("company"), s.neighbours.client("company")
	_, err := s.db.System.Pool().Exec(t.Context(), `
		INSERT INTO rates (organization_id, id, currency, base_currency, day, rate, removed, version)
		VALUES ($1, gen_random_uuid(), 'USD', 'EUR', '2020-01-01', 0.5, false, 1)`, s.org)
	require.NoError(t, err)
	in := func(currency, amount string) *typev1.Money {
		return &typev1.Money{CurrencyCode: currency, Amount: amount}
	}
	win := func(d *dealsv1.Deal) {
		_, err := s.deals.WinDeal(s.as(s.boss), &dealsv1.WinDealRequest{Id: d.GetId()})
		require.NoError(t, err)
	}
	win(s.create(s.boss, &dealsv1.Deal{Name: "A", Amount: in("EUR", "100"), CompanyId: firm}))
	win(s.create(s.ann, &dealsv1.Deal{Name: "B", Amount: in("EUR", "50.01"), CompanyId: firm}))
	win(s.create(s.boss, &dealsv1.Deal{Name: "C", Amount: in("USD", "30"), CompanyId: firm}))
	win(s.create(s.boss, &dealsv1.Deal{Name: "D", Amount: in("JPY", "900"), CompanyId: firm}))
	s.create(s.boss, &dealsv1.Deal{Name: "E", Amount: in("EUR", "7"), CompanyId: firm})
	s.create(s.boss, &dealsv1.Deal{Name: "F", Amount: in("EUR", "1000000"), CompanyId: other})

	f, err := clients.GetClientFigures(s.as(s.boss), &dealsv1.GetClientFiguresRequest{CompanyId: firm})
	require.NoError(t, err)
	require.NotNil(t, f.GetClientSince())
	won := f.GetWon()
	require.EqualValues(t, 4, won.GetCount())
	require.EqualValues(t, 1, won.GetUnratedCount(), "there is no rate for yen")
	require.Equal(t, "165.01", won.GetBaseTotal().GetAmount())
	require.Equal(t, "55.00", won.GetBaseAverage().GetAmount())
	require.Len(t, won.GetCurrencies(), 3)
	require.Equal(t, "150.01", won.GetCurrencies()[0].GetTotal().GetAmount())
	require.Equal(t, "75.01", won.GetCurrencies()[0].GetAverage().GetAmount())
	require.Equal(t, "900", won.GetCurrencies()[1].GetTotal().GetAmount())
	require.Equal(t, "USD", won.GetCurrencies()[2].GetTotal().GetCurrencyCode())
	require.EqualValues(t, 1, f.GetOpen().GetCount())
	require.Equal(t, "7.00", f.GetOpen().GetBaseTotal().GetAmount())

	// ID-6: in what one may see, and in nothing else.
	f, err = clients.GetClientFigures(s.as(s.ann), &dealsv1.GetClientFiguresRequest{CompanyId: firm})
	require.NoError(t, err)
	require.EqualValues(t, 1, f.GetWon().GetCount())
	require.Equal(t, "50.01", f.GetWon().GetBaseTotal().GetAmount())
	require.Zero(t, f.GetOpen().GetCount())
	f, err = clients.GetClientFigures(s.as(s.boss), &dealsv1.GetClientFiguresRequest{ContactId: id.New()})
	require.NoError(t, err)
	require.Nil(t, f.GetClientSince())
	require.Nil(t, f.GetWon().GetBaseTotal())
	for _, req := range []*dealsv1.GetClientFiguresRequest{{}, {CompanyId: firm, ContactId: other}} {
		_, err = clients.GetClientFigures(s.as(s.boss), req)
		require.Equal(t, "CLIENT_INVALID", reason(err))
	}
}

// CON-22: what was offered and bought, when and for how much, page by page.
func TestClientPrices(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	clients := s.clients()
	person := s.neighbours.client("contact")
	old := s.create(s.boss, &dealsv1.Deal{
		Name: "Old", ContactId: person, Amount: eur("0"), Lines: []*dealsv1.DealLine{line("Desk", "2", "100.50"), line("Chair", "1", "49")},
	})
	_, err := s.deals.WinDeal(s.as(s.boss), &dealsv1.WinDealRequest{Id: old.GetId()})
	require.NoError(t, err)
	s.create(s.ann, &dealsv1.Deal{Name: "New", ContactId: person, Amount: eur("0"), Lines: []*dealsv1.DealLine{line("Lamp", "3", "20")}})
	var names []string
	token := ""
	for {
		page, err := clients.ListClientPrices(s.as(s.boss), &dealsv1.ListClientPricesRequest{ContactId: person, PageSize: 1, PageToken: token})
		require.NoError(t, err)
		for _, p := range page.GetPrices() {
			names = append(names, p.GetDealName()+" "+p.GetName()+" "+p.GetQuantity()+" "+p.GetPrice().GetAmount()+" "+p.GetTotal().GetAmount()+" "+p.GetState().String())
			require.NotNil(t, p.GetTime())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, []string{
		"New Lamp 3 20.00 60.00 DEAL_STATE_OPEN", "Old Desk 2 100.50 201.00 DEAL_STATE_WON", "Old Chair 1 49.00 49.00 DEAL_STATE_WON",
	}, names)
	page, err := clients.ListClientPrices(s.as(s.ann), &dealsv1.ListClientPricesRequest{ContactId: person})
	require.NoError(t, err)
	require.Len(t, page.GetPrices(), 1, "ID-6")
}
