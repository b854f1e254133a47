package api

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/money"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
)

// ErrClient is the answer to a question about no client, or about two.
var ErrClient = apperr.Invalid("CLIENT_INVALID", "name either a company or a contact")

// ClientsServer serves ClientsService.
type ClientsServer struct {
	dealsv1.UnimplementedClientsServiceServer

	Server *Server
}

func clientOf(req interface {
	GetCompanyId() string
	GetContactId() string
},
) (store.Client, error) {
	c := store.Client{CompanyID: req.GetCompanyId(), ContactID: req.GetContactId()}
	if (c.CompanyID == "") == (c.ContactID == "") {
		return store.Client{}, ErrClient
	}
	return c, nil
}

// GetClientFigures see the contract.
func (s *ClientsServer) GetClientFigures(
	ctx context.Context, req *dealsv1.GetClientFiguresRequest,
) (*dealsv1.GetClientFiguresResponse, error) {
	c, err := clientOf(req)
	if err != nil {
		return nil, err
	}
	q := s.Server.query(ctx, false)
	sums, err := s.Server.Store.Figures(ctx, q, c)
	if err != nil {
		return nil, err
	}
	var since time.Time
	won, open, out := adding{base: q.BaseCurrency}, adding{base: q.BaseCurrency}, &dealsv1.GetClientFiguresResponse{}
	for _, x := range sums {
		switch x.State {
		case pipeline.Won:
			won.add(x)
			if since.IsZero() || !x.First.IsZero() && x.First.Before(since) {
				since = x.First
			}
		case pipeline.Open:
			open.add(x)
		default:
			out.LostCount += int32(x.Deals)
		}
	}
	out.ClientSince, out.Won, out.Open = publish.Time(since), won.message(), open.message()
	return out, nil
}

// adding adds up deals by currency, and those that are rated in the base currency.
type adding struct {
	base              string
	deals, rated      int64
	total             decimal.Decimal
	currencies        []*dealsv1.CurrencySum
	last              money.Money
	counted, baseless int64
}

// add takes a sum; those of a currency come one after the other.
func (a *adding) add(x store.Sum) {
	a.deals += x.Deals
	if x.Base.Currency == a.base {
		a.rated += x.Deals - x.Unrated
		a.total = a.total.Add(x.Base.Amount)
		a.baseless += x.Unrated
	} else { // no rate, or one in the base currency of before
		a.baseless += x.Deals
	}
	if x.Total.Currency != a.last.Currency {
		a.currencies, a.counted = append(a.currencies, &dealsv1.CurrencySum{}), 0
		a.last = money.Zero(x.Total.Currency)
	}
	a.counted += x.Deals
	a.last.Amount = a.last.Amount.Add(x.Total.Amount)
	sum := a.currencies[len(a.currencies)-1]
	sum.Count, sum.Total, sum.Average = int32(a.counted), money.ToProto(a.last), average(a.last, a.counted)
}

func (a *adding) message() *dealsv1.ClientSum {
	m := &dealsv1.ClientSum{Count: int32(a.deals), Currencies: a.currencies, UnratedCount: int32(a.baseless)}
	if a.rated > 0 {
		total := money.Money{Currency: a.base, Amount: a.total}
		m.BaseTotal, m.BaseAverage = money.ToProto(total), average(total, a.rated)
	}
	return m
}

// average is in whole minor units.
func average(total money.Money, of int64) *typev1.Money {
	return money.ToProto(money.Money{Currency: total.Currency, Amount: total.Amount.Div(decimal.NewFromInt(of))}.Round())
}

// offers asks for the deals of a client, newest first.
type offers struct {
	*dealsv1.ListClientPricesRequest

	filter string
}

// GetFilter see aip.Request.
func (o offers) GetFilter() string { return o.filter }

// GetOrderBy see aip.Request.
func (offers) GetOrderBy() string { return "create_time desc" }

// ListClientPrices see the contract.
func (s *ClientsServer) ListClientPrices(
	ctx context.Context, req *dealsv1.ListClientPricesRequest,
) (*dealsv1.ListClientPricesResponse, error) {
	c, err := clientOf(req)
	if err != nil {
		return nil, err
	}
	filter := `company_id = "` + c.CompanyID + `"`
	if c.CompanyID == "" {
		filter = `contact_id = "` + c.ContactID + `"`
	}
	deals, next, err := s.Server.Store.List(ctx, s.Server.query(ctx, false), offers{req, filter})
	if err != nil {
		return nil, err
	}
	out := &dealsv1.ListClientPricesResponse{NextPageToken: next}
	for _, d := range deals {
		for i := range d.Lines {
			out.Prices = append(out.Prices, price(d, &d.Lines[i]))
		}
	}
	return out, nil
}

func price(d *deal.Deal, l *deal.Line) *dealsv1.ClientPrice {
	at := d.ClosedAt
	if at.IsZero() {
		at = d.CreatedAt
	}
	in := func(amount decimal.Decimal) *typev1.Money {
		return money.ToProto(money.Money{Currency: d.Amount.Currency, Amount: amount})
	}
	return &dealsv1.ClientPrice{
		DealId: d.ID, DealName: d.Name, State: dealsv1.DealState(d.State), Time: publish.Time(at), ProductId: l.ProductID,
		Name: l.Name, Quantity: l.Quantity.String(), Unit: l.Unit, Price: in(l.Price), Total: in(l.Total),
	}
}
