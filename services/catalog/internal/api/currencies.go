package api

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/money"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/currency"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/store"
)

// Currencies serves CurrenciesService.
type Currencies struct {
	catalogv1.UnimplementedCurrenciesServiceServer

	Currencies *currency.Service
	Store      *store.Rates
	Settings   func(org string) currency.Settings
}

// ListCurrencies see the contract.
func (s *Currencies) ListCurrencies(ctx context.Context, _ *catalogv1.ListCurrenciesRequest) (*catalogv1.ListCurrenciesResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	base := s.Settings(org).Base
	rates, err := s.Store.Valid(ctx, org, base, s.Currencies.Today(org))
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.ListCurrenciesResponse{Currencies: []*catalogv1.Currency{{Code: base, MinorUnits: money.MinorUnits(base), Base: true}}}
	for _, r := range rates {
		resp.Currencies = append(resp.Currencies, &catalogv1.Currency{
			Code: r.Currency, MinorUnits: money.MinorUnits(r.Currency), LatestRate: publish.Rate(r),
		})
	}
	return resp, nil
}

// ConvertMoney see the contract.
func (s *Currencies) ConvertMoney(ctx context.Context, req *catalogv1.ConvertMoneyRequest) (*catalogv1.ConvertMoneyResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	m, err := money.FromProto(req.GetMoney())
	if err != nil {
		return nil, currency.ErrInvalid.WithField("money", "is not an amount with a currency")
	}
	day, err := publish.ToDate(req.GetDate())
	if err != nil {
		return nil, err
	}
	c, err := s.Currencies.Convert(ctx, org, m, req.GetToCurrencyCode(), day)
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.ConvertMoneyResponse{
		Money: money.ToProto(c.Money), UnroundedAmount: c.Unrounded.String(), Rate: c.Rate.String(), Date: publish.Date(c.On), Rounding: c.Rounding,
	}
	for _, r := range c.Used {
		resp.RatesUsed = append(resp.RatesUsed, publish.Rate(r))
	}
	return resp, nil
}

// SetExchangeRate see the contract.
func (s *Currencies) SetExchangeRate(ctx context.Context, req *catalogv1.SetExchangeRateRequest) (*catalogv1.SetExchangeRateResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	in, err := publish.ToRate(req.GetExchangeRate())
	if err != nil {
		return nil, err
	}
	r, err := s.Currencies.Set(ctx, org, in.Currency, in.Date, in.Rate, in.Version)
	if err != nil {
		return nil, err
	}
	return &catalogv1.SetExchangeRateResponse{ExchangeRate: publish.Rate(r)}, nil
}

// ListExchangeRates see the contract.
func (s *Currencies) ListExchangeRates(ctx context.Context, req *catalogv1.ListExchangeRatesRequest) (*catalogv1.ListExchangeRatesResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.List(ctx, org, req)
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.ListExchangeRatesResponse{ExchangeRates: make([]*catalogv1.ExchangeRate, len(list)), NextPageToken: next}
	for i, r := range list {
		resp.ExchangeRates[i] = publish.Rate(r)
	}
	return resp, nil
}

// DeleteExchangeRate see the contract.
func (s *Currencies) DeleteExchangeRate(ctx context.Context, req *catalogv1.DeleteExchangeRateRequest) (*catalogv1.DeleteExchangeRateResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	r, err := s.Currencies.Remove(ctx, org, req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &catalogv1.DeleteExchangeRateResponse{ExchangeRate: publish.Rate(r)}, nil
}
