package app_test

import (
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func eur(amount string) *typev1.Money { return &typev1.Money{CurrencyCode: "EUR", Amount: amount} }

// DEAL-1, DEAL-4, DEAL-9: a deal from the first call to the last, as a client sees it.
func TestLifeOfADeal(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	ps, err := s.pipelines.ListPipelines(s.as(s.ann), &dealsv1.ListPipelinesRequest{})
	require.NoError(t, err)
	require.Len(t, ps.GetPipelines(), 1, "the ready-made one is there at the first look")
	stages := ps.GetPipelines()[0].GetStages()

	d := s.create(s.ann, &dealsv1.Deal{Name: "Fleet", Amount: eur("1200")})
	require.Equal(t, s.ann, d.GetResponsibleId())
	require.Equal(t, stages[0].GetId(), d.GetStageId())
	require.Equal(t, "1200.00", d.GetBaseAmount().GetAmount())

	moved, err := s.deals.MoveDeal(s.as(s.ann), &dealsv1.MoveDealRequest{Id: d.GetId(), StageId: stages[2].GetId(), Etag: d.GetEtag()})
	require.NoError(t, err)
	_, err = s.deals.MoveDeal(s.as(s.ann), &dealsv1.MoveDealRequest{Id: d.GetId(), StageId: stages[1].GetId(), Etag: d.GetEtag()})
	require.Equal(t, "DEAL_ETAG_MISMATCH", reason(err))
	_, err = s.deals.UpdateDeal(s.as(s.ann), &dealsv1.UpdateDealRequest{
		Id: d.GetId(), Deal: &dealsv1.Deal{Comment: "call on Monday", Etag: moved.GetDeal().GetEtag()},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"comment"}},
	})
	require.NoError(t, err)
	_, err = s.deals.LoseDeal(s.as(s.ann), &dealsv1.LoseDealRequest{Id: d.GetId()})
	require.Equal(t, "LOST_REASON_REQUIRED", reason(err))
	won, err := s.deals.WinDeal(s.as(s.ann), &dealsv1.WinDealRequest{Id: d.GetId()})
	require.NoError(t, err)
	require.Equal(t, dealsv1.DealState_DEAL_STATE_WON, won.GetDeal().GetState())

	h, err := s.deals.GetDealHistory(s.as(s.ann), &dealsv1.GetDealHistoryRequest{Id: d.GetId(), PageSize: 2})
	require.NoError(t, err)
	require.Len(t, h.GetEntries(), 2)
	require.Equal(t, "kontor.deals.v1.DealWon", h.GetEntries()[0].GetType())
	change := h.GetEntries()[1].GetChanges()[0]
	require.Equal(t, "comment", change.GetField())
	require.Nil(t, change.GetOldValue())
	require.Equal(t, "call on Monday", change.GetNewValue().GetStringValue())
	h, err = s.deals.GetDealHistory(s.as(s.ann), &dealsv1.GetDealHistoryRequest{Id: d.GetId(), PageSize: 2, PageToken: h.GetNextPageToken()})
	require.NoError(t, err)
	require.Len(t, h.GetEntries(), 2)
	to := map[string]string{}
	for _, c := range h.GetEntries()[0].GetChanges() {
		to[c.GetField()] = c.GetNewValue().GetStringValue()
	}
	require.Equal(t, stages[2].GetId(), to["stage_id"])
	require.Empty(t, h.GetNextPageToken())

	way, err := s.deals.ListDealStageChanges(s.as(s.ann), &dealsv1.ListDealStageChangesRequest{Id: d.GetId()})
	require.NoError(t, err)
	require.Len(t, way.GetStays(), 3)
	require.NotNil(t, way.GetStays()[0].GetLeaveTime())
	require.Equal(t, s.ann, way.GetStays()[2].GetUserId())
	require.Nil(t, way.GetStays()[2].GetLeaveTime())
}

// ID-6: what is out of scope is not found, through every call; what is seen but not one's own is denied.
func TestScopesOfCalls(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	d := s.create(s.ann, &dealsv1.Deal{Name: "Ann's", Amount: eur("10")})
	for name, call := range map[string]func(user string) error{
		"get": func(u string) error {
			_, err := s.deals.GetDeal(s.as(u), &dealsv1.GetDealRequest{Id: d.GetId()})
			return err
		},
		"update": func(u string) error {
			_, err := s.deals.UpdateDeal(s.as(u), &dealsv1.UpdateDealRequest{Id: d.GetId(), Deal: &dealsv1.Deal{Name: "x"}})
			return err
		},
		"win": func(u string) error {
			_, err := s.deals.WinDeal(s.as(u), &dealsv1.WinDealRequest{Id: d.GetId()})
			return err
		},
		"delete": func(u string) error {
			_, err := s.deals.DeleteDeal(s.as(u), &dealsv1.DeleteDealRequest{Id: d.GetId()})
			return err
		},
		"history": func(u string) error {
			_, err := s.deals.GetDealHistory(s.as(u), &dealsv1.GetDealHistoryRequest{Id: d.GetId()})
			return err
		},
		"way": func(u string) error {
			_, err := s.deals.ListDealStageChanges(s.as(u), &dealsv1.ListDealStageChangesRequest{Id: d.GetId()})
			return err
		},
	} {
		require.Equal(t, "DEAL_NOT_FOUND", reason(call(s.bob)), name)
	}
	_, err := s.deals.UpdateDeal(s.as(s.ann), &dealsv1.UpdateDealRequest{Id: d.GetId(), Deal: &dealsv1.Deal{AvailableToEveryone: true}})
	require.NoError(t, err)
	_, err = s.deals.GetDeal(s.as(s.bob), &dealsv1.GetDealRequest{Id: d.GetId()})
	require.NoError(t, err)
	_, err = s.deals.WinDeal(s.as(s.bob), &dealsv1.WinDealRequest{Id: d.GetId()})
	require.Equal(t, "PERMISSION_DENIED", reason(err))
	_, err = s.pipelines.CreatePipeline(s.as(s.bob), &dealsv1.CreatePipelineRequest{Pipeline: &dealsv1.Pipeline{Name: "x"}})
	require.Error(t, err, "pipelines are settings")

	board, err := s.deals.GetBoard(s.as(s.bob), &dealsv1.GetBoardRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 1, board.GetColumns()[0].GetCount(), "seen because it is for everyone")
	_, err = s.deals.GetDeal(s.issuer.Context(t.Context(), id.New(), s.ann), &dealsv1.GetDealRequest{Id: d.GetId()})
	require.Error(t, err, "nobody of another organisation")
}

// DEAL-6: lines take price, name and tax from the catalog; below the minimum needs the right to change products.
func TestLinesFromTheCatalog(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	bolt := s.neighbours.product("Bolt", "10", "8")
	d := s.create(s.ann, &dealsv1.Deal{Name: "Bolts", Lines: []*dealsv1.DealLine{{ProductId: bolt, Quantity: "3"}}})
	require.Equal(t, "36.00", d.GetAmount().GetAmount())
	require.Equal(t, dealsv1.AmountSource_AMOUNT_SOURCE_LINES, d.GetAmountSource())
	require.Equal(t, []string{"Bolt", "piece", "10", "20", "30.00", "6.00"}, []string{
		d.GetLines()[0].GetName(), d.GetLines()[0].GetUnit(), d.GetLines()[0].GetPrice(), d.GetLines()[0].GetTaxRate(),
		d.GetLines()[0].GetNetAmount(), d.GetLines()[0].GetTaxAmount(),
	})
	cheap := &dealsv1.Deal{Name: "Cheap", Lines: []*dealsv1.DealLine{{ProductId: bolt, Price: "7"}}}
	_, err := s.deals.CreateDeal(s.as(s.ann), &dealsv1.CreateDealRequest{Deal: cheap})
	require.Equal(t, "PRICE_BELOW_MINIMUM", reason(err))
	s.create(s.boss, cheap)
	_, err = s.deals.CreateDeal(s.as(s.ann), &dealsv1.CreateDealRequest{Deal: &dealsv1.Deal{
		Name: "Too much off", Lines: []*dealsv1.DealLine{{Name: "x", Price: "1", Discount: &dealsv1.DealLine_DiscountPercent{DiscountPercent: "101"}}},
	}})
	require.Equal(t, "DEAL_INVALID", reason(err))
	list, err := s.deals.ListDeals(s.as(s.boss), &dealsv1.ListDealsRequest{Filter: `product_id = "` + bolt + `"`, OrderBy: "name"})
	require.NoError(t, err)
	require.Len(t, list.GetDeals(), 2)
}

// The same request ID through the whole chain: one deal, one answer; another body is refused.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	req := &dealsv1.CreateDealRequest{Deal: &dealsv1.Deal{Name: "Once"}, RequestId: "r-1"}
	a, err := s.deals.CreateDeal(s.as(s.ann), req)
	require.NoError(t, err)
	b, err := s.deals.CreateDeal(s.as(s.ann), req)
	require.NoError(t, err)
	require.True(t, proto.Equal(a, b))
	req.Deal.Name = "Twice"
	_, err = s.deals.CreateDeal(s.as(s.ann), req)
	require.Equal(t, "REQUEST_ID_REUSED", reason(err))
	n, err := s.deals.CountDeals(s.as(s.ann), &dealsv1.CountDealsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n.GetCount())
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for name, d := range map[string]*dealsv1.Deal{
		"an ID that is none":      {Name: "x", CompanyId: "acme"},
		"an amount that is none":  {Name: "x", Amount: eur("much")},
		"a price that is none":    {Name: "x", Lines: []*dealsv1.DealLine{{Name: "y", Price: "1e3"}}},
		"a party without a kind":  {Name: "x", Parties: []*dealsv1.DealParty{{Ref: &typev1.Ref{Id: id.New()}}}},
		"an observer not there":   {Name: "x", ObserverIds: []string{id.New()}},
		"no name":                 {},
		"a stage not there":       {Name: "x", StageId: id.New()},
		"a product not there":     {Name: "x", Lines: []*dealsv1.DealLine{{ProductId: id.New()}}},
		"somebody else's service": {Name: "x", PipelineId: id.New()},
	} {
		_, err := s.deals.CreateDeal(s.as(s.ann), &dealsv1.CreateDealRequest{Deal: d})
		require.Contains(t, []codes.Code{codes.InvalidArgument, codes.NotFound}, status.Code(err), "%s: %v", name, err)
	}
	_, err := s.deals.GetDeal(s.as(s.ann), &dealsv1.GetDealRequest{Id: "x"})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	_, err = s.deals.ListDeals(s.as(s.ann), &dealsv1.ListDealsRequest{OrderBy: "comment"})
	require.Equal(t, "INVALID_ORDER_BY", reason(err))
	_, err = s.deals.GetDealHistory(s.as(s.ann), &dealsv1.GetDealHistoryRequest{Id: s.create(s.ann, &dealsv1.Deal{Name: "x"}).GetId(), PageToken: "?"})
	require.Equal(t, "INVALID_PAGE_TOKEN", reason(err))
}

// DEAL-2: stages that look alike are warned of; the default goes over; deals go along with their stage.
func TestPipelinesThroughTheAPI(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	made, err := s.pipelines.CreatePipeline(s.as(s.boss), &dealsv1.CreatePipelineRequest{Pipeline: &dealsv1.Pipeline{
		Name: "Service", Stages: []*dealsv1.Stage{
			{Name: "Proposal"},
			{Name: "Proposals"},
			{Name: "Done", Kind: dealsv1.StageKind_STAGE_KIND_WON},
			{Name: "Off", Kind: dealsv1.StageKind_STAGE_KIND_LOST},
		},
	}})
	require.NoError(t, err)
	require.Len(t, made.GetWarnings(), 1)
	p := made.GetPipeline()
	d := s.create(s.ann, &dealsv1.Deal{Name: "x", StageId: p.GetStages()[1].GetId()})
	require.Equal(t, p.GetId(), d.GetPipelineId())

	less := proto.CloneOf(p)
	less.Stages = append(less.GetStages()[:1], less.GetStages()[2:]...)
	req := &dealsv1.UpdatePipelineRequest{Id: p.GetId(), Pipeline: less, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"stages"}}}
	_, err = s.pipelines.UpdatePipeline(s.as(s.boss), req)
	require.Equal(t, "STAGE_HAS_DEALS", reason(err))
	req.StageMapping = map[string]string{d.GetStageId(): p.GetStages()[0].GetId()}
	changed, err := s.pipelines.UpdatePipeline(s.as(s.boss), req)
	require.NoError(t, err)
	require.Equal(t, int64(1), changed.GetMovedDeals())
	require.Empty(t, changed.GetWarnings())

	_, err = s.pipelines.DeletePipeline(s.as(s.boss), &dealsv1.DeletePipelineRequest{Id: p.GetId()})
	require.Equal(t, "STAGE_HAS_DEALS", reason(err))
	n, err := s.pipelines.CountPipelines(s.as(s.ann), &dealsv1.CountPipelinesRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 2, n.GetCount())
}

// DEAL-5: a card says what one needs to see: client, who, amount, overdue, days in the stage.
func TestCards(t *testing.T) { // not parallel: consumers of one name share the broker's partitions
	s := newSuite(t)
	a := s.newApp()
	s.run(a)
	company := s.neighbours.client("company")
	s.tell("kontor.contacts.v1", "company", company, 1, &contactsv1.CompanyCreated{Company: &contactsv1.Company{Id: company, Name: "Acme"}})
	s.create(s.ann, &dealsv1.Deal{
		Name: "Late", Amount: eur("5"), CompanyId: company, PlannedCloseDate: &date.Date{Year: 2020, Month: 1, Day: 2},
	})
	testkit.Eventually(t, func() error {
		b, err := s.deals.GetBoard(s.as(s.ann), &dealsv1.GetBoardRequest{})
		if err != nil {
			return err
		}
		card := b.GetColumns()[0].GetCards()[0]
		if card.GetCompanyName() != "Acme" {
			return errors.New("the name is not there yet")
		}
		require.True(t, card.GetOverdue())
		require.Equal(t, "Ann", card.GetResponsibleName())
		require.Equal(t, "5.00", b.GetColumns()[0].GetTotals()[0].GetAmount())
		require.Equal(t, "5.00", b.GetColumns()[0].GetBaseTotal().GetAmount())
		return nil
	})
	list, err := s.deals.ListDeals(s.as(s.ann), &dealsv1.ListDealsRequest{})
	require.NoError(t, err)
	require.Equal(t, "Acme", list.GetNames()[company])
	byMonth, err := s.deals.GetBoard(s.as(s.ann), &dealsv1.GetBoardRequest{GroupBy: dealsv1.BoardGroupBy_BOARD_GROUP_BY_MONTH})
	require.NoError(t, err)
	require.Equal(t, "2020-01", byMonth.GetColumns()[0].GetKey())
}

// tell publishes an event of another service.
func (s *suite) tell(topic, kind, record string, version int64, m proto.Message) {
	s.t.Helper()
	client := broker.NewClient(s.brokers)
	defer client.CloseIdle()
	testkit.CreateTopic(s.t, s.brokers, topic, broker.DefaultPartitions)
	ev := event.New(topic, kind, record, version, m)
	ev.Organization, ev.HappenedAt = s.org, time.Now()
	msg := broker.Message(&ev)
	msg.Topic = topic
	w := &kafka.Writer{Addr: kafka.TCP(s.brokers...), RequiredAcks: kafka.RequireAll, BatchSize: 1}
	require.NoError(s.t, w.WriteMessages(s.t.Context(), msg))
	require.NoError(s.t, w.Close())
}

// Decision 20: a deal that waits for a rate is reckoned when the rate of its day is told, and keeps it then.
func TestRatesCatchUp(t *testing.T) { // not parallel: consumers of one name share the broker's partitions
	s := newSuite(t)
	s.run(s.newApp())
	d := s.create(s.ann, &dealsv1.Deal{Name: "Dollars", Amount: &typev1.Money{CurrencyCode: "USD", Amount: "10"}})
	require.Nil(t, d.GetBaseAmount())
	rate := func(record, value string, version int64) {
		s.tell("kontor.catalog.v1", "exchange_rate", record, version, &catalogv1.RateSet{ExchangeRate: &catalogv1.ExchangeRate{
			Id: record, CurrencyCode: "USD", BaseCurrencyCode: "EUR", Date: &date.Date{Year: 2026, Month: 1, Day: 1}, Rate: value,
		}})
	}
	record := id.New()
	rate(record, "0.5", 1)
	testkit.Eventually(t, func() error {
		got, err := s.deals.GetDeal(s.as(s.ann), &dealsv1.GetDealRequest{Id: d.GetId()})
		if err != nil {
			return err
		}
		if got.GetDeal().GetBaseAmount().GetAmount() != "5.00" {
			return errors.New("not reckoned yet")
		}
		return nil
	})
	h, err := s.deals.GetDealHistory(s.as(s.ann), &dealsv1.GetDealHistoryRequest{Id: d.GetId()})
	require.NoError(t, err)
	require.Equal(t, "rate/"+record, h.GetEntries()[0].GetCause())
	next := s.create(s.ann, &dealsv1.Deal{Name: "More", Amount: &typev1.Money{CurrencyCode: "USD", Amount: "3"}})
	require.Equal(t, "1.50", next.GetBaseAmount().GetAmount())
}
