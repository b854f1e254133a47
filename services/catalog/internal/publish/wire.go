// Package publish turns what happens in the catalog into events, and records into the messages that they and the API
// carry. Decoding is here too: a repeated request is answered from the event that its first run left.
package publish

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/money"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/catalog/internal/currency"
	"kontor.internal/services/catalog/internal/pricetype"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/record"
	"kontor.internal/services/catalog/internal/section"
)

// Product returns the message of a product.
func Product(p *product.Product) *catalogv1.Product {
	m := &catalogv1.Product{
		Id: p.ID, Etag: aip.Etag(p.Version), Name: p.Name, Sku: p.SKU, Barcode: p.Barcode, Description: p.Description,
		PictureFileIds: p.Pictures, SectionId: p.SectionID, Unit: p.Unit, Active: proto.Bool(p.Active), Sort: p.Sort,
		Prices: make([]*catalogv1.Price, len(p.Prices)), ExternalIds: externalIDs(p.ExternalIDs), Origin: origin(p.Origin),
		CreateTime: timestamppb.New(p.CreatedAt), UpdateTime: timestamppb.New(p.UpdatedAt), DeleteTime: optionalTime(p.DeletedAt),
		CustomFields: p.Custom.Proto(),
	}
	for i, pr := range p.Prices {
		m.Prices[i] = &catalogv1.Price{PriceTypeId: pr.PriceTypeID, Price: money.ToProto(pr.Money)}
	}
	if p.TaxRate != nil {
		m.TaxRate = p.TaxRate.String()
	}
	if p.MinimumPrice != nil {
		m.MinimumPrice = money.ToProto(*p.MinimumPrice)
	}
	return m
}

// ToProduct reads the message of a product. It returns product.ErrInvalid for amounts that are none.
func ToProduct(m *catalogv1.Product) (*product.Product, error) {
	head, err := toHead(m.GetId(), m.GetEtag(), m.GetOrigin(), m.GetCreateTime(), m.GetUpdateTime(), m.GetDeleteTime())
	if err != nil {
		return nil, err
	}
	p := &product.Product{
		Head: head, Name: m.GetName(), SKU: m.GetSku(), Barcode: m.GetBarcode(), Description: m.GetDescription(),
		Pictures: m.GetPictureFileIds(), SectionID: strings.ToLower(m.GetSectionId()), Unit: m.GetUnit(), Active: m.GetActive(), Sort: m.GetSort(),
		ExternalIDs: toExternalIDs(m.GetExternalIds()), Custom: customfields.FromProto(m.GetCustomFields()),
	}
	if t := m.GetTaxRate(); t != "" {
		d, err := money.ParseAmount(t)
		if err != nil {
			return nil, product.ErrInvalid.WithField("tax_rate", "is not a number")
		}
		p.TaxRate = &d
	}
	for i, pr := range m.GetPrices() {
		v, err := money.FromProto(pr.GetPrice())
		if err != nil || v.Currency == "" {
			return nil, product.ErrInvalid.WithField(fmt.Sprintf("prices[%d].price", i), "is not an amount with a currency")
		}
		p.Prices = append(p.Prices, product.Price{PriceTypeID: strings.ToLower(pr.GetPriceTypeId()), Money: v})
	}
	if mp := m.GetMinimumPrice(); mp != nil {
		v, err := money.FromProto(mp)
		if err != nil {
			return nil, product.ErrInvalid.WithField("minimum_price", "is not an amount with a currency")
		}
		p.MinimumPrice = &v
	}
	return p, nil
}

// Summary returns as much of a product as a line of a deal needs; base and curr choose the list price.
func Summary(p *product.Product, base, curr string) *catalogv1.ProductSummary {
	m := &catalogv1.ProductSummary{
		Id: p.ID, Name: p.Name, Sku: p.SKU, Unit: p.Unit, Active: p.Active, Deleted: p.DeletedAt != nil,
		SectionId: p.SectionID, Version: p.Version,
	}
	if p.TaxRate != nil {
		m.TaxRate = p.TaxRate.String()
	}
	if price, ok := p.ListPrice(base, curr); ok {
		m.ListPrice = money.ToProto(price)
	}
	if p.MinimumPrice != nil {
		m.MinimumPrice = money.ToProto(*p.MinimumPrice)
	}
	return m
}

// Section returns the message of a section.
func Section(s *section.Section) *catalogv1.Section {
	return &catalogv1.Section{
		Id: s.ID, Etag: aip.Etag(s.Version), Name: s.Name, ParentId: s.ParentID, Sort: s.Sort,
		ExternalIds: externalIDs(s.ExternalIDs), Origin: origin(s.Origin),
		CreateTime: timestamppb.New(s.CreatedAt), UpdateTime: timestamppb.New(s.UpdatedAt), DeleteTime: optionalTime(s.DeletedAt),
	}
}

// ToSection reads the message of a section.
func ToSection(m *catalogv1.Section) (*section.Section, error) {
	head, err := toHead(m.GetId(), m.GetEtag(), m.GetOrigin(), m.GetCreateTime(), m.GetUpdateTime(), m.GetDeleteTime())
	if err != nil {
		return nil, err
	}
	return &section.Section{
		Head: head, Name: m.GetName(), ParentID: strings.ToLower(m.GetParentId()), Sort: m.GetSort(), ExternalIDs: toExternalIDs(m.GetExternalIds()),
	}, nil
}

// PriceType returns the message of a price type.
func PriceType(p *pricetype.PriceType) *catalogv1.PriceType {
	return &catalogv1.PriceType{
		Id: p.ID, Etag: aip.Etag(p.Version), Name: p.Name, Base: p.Base, Sort: p.Sort,
		CreateTime: timestamppb.New(p.CreatedAt), UpdateTime: timestamppb.New(p.UpdatedAt), DeleteTime: optionalTime(p.DeletedAt),
	}
}

// ToPriceType reads the message of a price type.
func ToPriceType(m *catalogv1.PriceType) (*pricetype.PriceType, error) {
	head, err := toHead(m.GetId(), m.GetEtag(), nil, m.GetCreateTime(), m.GetUpdateTime(), m.GetDeleteTime())
	if err != nil {
		return nil, err
	}
	return &pricetype.PriceType{Head: head, Name: m.GetName(), Base: m.GetBase(), Sort: m.GetSort()}, nil
}

// Rate returns the message of a rate.
func Rate(r *currency.Rate) *catalogv1.ExchangeRate {
	if r == nil {
		return nil
	}
	return &catalogv1.ExchangeRate{
		Id: r.ID, Etag: aip.Etag(r.Version), CurrencyCode: r.Currency, BaseCurrencyCode: r.Base, Date: Date(r.Date),
		Rate: r.Rate.String(), Source: r.Source, CreateTime: timestamppb.New(r.CreatedAt), UpdateTime: timestamppb.New(r.UpdatedAt),
	}
}

// ToRate reads the message of a rate.
func ToRate(m *catalogv1.ExchangeRate) (*currency.Rate, error) {
	version, err := aip.Version(m.GetEtag())
	if err != nil {
		return nil, err
	}
	rate, err := decimal.NewFromString(m.GetRate())
	if err != nil {
		return nil, currency.ErrInvalid.WithField("rate", "is not a number")
	}
	day, err := ToDate(m.GetDate())
	if err != nil {
		return nil, err
	}
	return &currency.Rate{
		ID: m.GetId(), Version: version, Currency: m.GetCurrencyCode(), Base: m.GetBaseCurrencyCode(), Date: day, Rate: rate,
		Source: m.GetSource(), CreatedAt: m.GetCreateTime().AsTime(), UpdatedAt: m.GetUpdateTime().AsTime(),
	}, nil
}

// Date returns the message of a day.
func Date(t time.Time) *date.Date {
	return &date.Date{Year: int32(t.Year()), Month: int32(t.Month()), Day: int32(t.Day())}
}

// ToDate reads a day as midnight UTC of it; a missing one is the zero time. It returns currency.ErrInvalid for days that
// no calendar has.
func ToDate(d *date.Date) (time.Time, error) {
	if d == nil {
		return time.Time{}, nil
	}
	t := time.Date(int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay()), 0, 0, 0, 0, time.UTC)
	if t.Year() != int(d.GetYear()) || t.Month() != time.Month(d.GetMonth()) || t.Day() != int(d.GetDay()) {
		return time.Time{}, currency.ErrInvalid.WithField("date", "is not a day of the calendar")
	}
	return t, nil
}

func toHead(id, etag string, o *typev1.Origin, created, updated, deleted *timestamppb.Timestamp) (record.Head, error) {
	version, err := aip.Version(etag)
	if err != nil {
		return record.Head{}, err
	}
	h := record.Head{
		ID: id, Version: version, Origin: record.Origin{Kind: o.GetKind(), ID: o.GetId()},
		CreatedAt: created.AsTime(), UpdatedAt: updated.AsTime(),
	}
	if deleted != nil {
		at := deleted.AsTime()
		h.DeletedAt = &at
	}
	return h, nil
}

func origin(o record.Origin) *typev1.Origin {
	if o.Kind == "" {
		return nil
	}
	return &typev1.Origin{Kind: o.Kind, Id: o.ID}
}

func externalIDs(ids []record.ExternalID) []*typev1.ExternalId {
	out := make([]*typev1.ExternalId, len(ids))
	for i, x := range ids {
		out[i] = &typev1.ExternalId{Source: x.Source, Id: x.ID}
	}
	return out
}

func toExternalIDs(ids []*typev1.ExternalId) []record.ExternalID {
	var out []record.ExternalID
	for _, x := range ids {
		out = append(out, record.ExternalID{Source: x.GetSource(), ID: x.GetId()})
	}
	return out
}

func optionalTime(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}
