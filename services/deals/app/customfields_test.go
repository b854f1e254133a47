package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
)

// CON-12: custom fields of deals: required from a stage on, unique, computed, kept to one pipeline, listed and counted by,
// on the board too.
func TestCustomFieldsOfDeals(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	ps, err := s.pipelines.ListPipelines(s.as(s.boss), &dealsv1.ListPipelinesRequest{})
	require.NoError(t, err)
	p := ps.GetPipelines()[0]
	define := func(f *customfieldsv1.CustomField) {
		_, err := s.custom.CreateCustomField(s.as(s.boss), &customfieldsv1.CreateCustomFieldRequest{Kind: "deal", CustomField: f})
		require.NoError(t, err)
	}
	define(&customfieldsv1.CustomField{
		Label: "Area", Type: customfieldsv1.Type_TYPE_NUMBER, PipelineId: p.GetId(),
		Required: customfieldsv1.Required_REQUIRED_FROM_STAGE, RequiredStageId: p.GetStages()[2].GetId(),
	})
	define(&customfieldsv1.CustomField{Label: "Order", Type: customfieldsv1.Type_TYPE_STRING, Unique: true})
	define(&customfieldsv1.CustomField{Label: "Price", Type: customfieldsv1.Type_TYPE_FORMULA, Formula: "custom_fields.area * amount"})
	values := func(area float64, order string) map[string]*structpb.Value {
		return map[string]*structpb.Value{"area": structpb.NewNumberValue(area), "order": structpb.NewStringValue(order)}
	}

	a := s.create(s.ann, &dealsv1.Deal{Name: "a", Amount: eur("10"), CustomFields: values(2, "O-1")})
	require.InEpsilon(t, 20, a.GetCustomFields()["price"].GetNumberValue(), 0)
	s.create(s.ann, &dealsv1.Deal{Name: "b", Amount: eur("10"), CustomFields: values(1, "O-2")})
	c := s.create(s.ann, &dealsv1.Deal{Name: "c", Amount: eur("10")})
	_, err = s.deals.CreateDeal(s.as(s.ann), &dealsv1.CreateDealRequest{Deal: &dealsv1.Deal{Name: "d", CustomFields: values(1, "o-2")}})
	require.Equal(t, "CUSTOM_FIELD_VALUE_TAKEN", reason(err))
	_, err = s.deals.CreateDeal(s.as(s.ann), &dealsv1.CreateDealRequest{Deal: &dealsv1.Deal{
		Name: "d", CustomFields: map[string]*structpb.Value{"nope": structpb.NewNumberValue(1)},
	}})
	require.Equal(t, "CUSTOM_FIELDS_INVALID", reason(err))

	_, err = s.deals.MoveDeal(s.as(s.ann), &dealsv1.MoveDealRequest{Id: c.GetId(), StageId: p.GetStages()[1].GetId()})
	require.NoError(t, err)
	_, err = s.deals.MoveDeal(s.as(s.ann), &dealsv1.MoveDealRequest{Id: c.GetId(), StageId: p.GetStages()[2].GetId()})
	require.Equal(t, "CUSTOM_FIELDS_INVALID", reason(err))
	up, err := s.deals.UpdateDeal(s.as(s.ann), &dealsv1.UpdateDealRequest{
		Id: c.GetId(), Deal: &dealsv1.Deal{CustomFields: values(5, "O-3")}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"custom_fields.area"}},
	})
	require.NoError(t, err)
	require.InEpsilon(t, 50, up.GetDeal().GetCustomFields()["price"].GetNumberValue(), 0)
	_, err = s.deals.MoveDeal(s.as(s.ann), &dealsv1.MoveDealRequest{Id: c.GetId(), StageId: p.GetStages()[2].GetId()})
	require.NoError(t, err)
	up, err = s.deals.UpdateDeal(s.as(s.ann), &dealsv1.UpdateDealRequest{
		Id: a.GetId(), Deal: &dealsv1.Deal{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"custom_fields.order"}},
	})
	require.NoError(t, err)
	require.NotContains(t, up.GetDeal().GetCustomFields(), "order")
	require.Contains(t, up.GetDeal().GetCustomFields(), "area")

	names := func(filter, orderBy string) (out []string) {
		for token := ""; ; {
			resp, err := s.deals.ListDeals(s.as(s.ann), &dealsv1.ListDealsRequest{Filter: filter, OrderBy: orderBy, PageSize: 1, PageToken: token})
			require.NoError(t, err)
			for _, d := range resp.GetDeals() {
				out = append(out, d.GetName())
			}
			if token = resp.GetNextPageToken(); token == "" {
				break
			}
		}
		n, err := s.deals.CountDeals(s.as(s.ann), &dealsv1.CountDealsRequest{Filter: filter})
		require.NoError(t, err)
		require.EqualValues(t, len(out), n.GetCount())
		return out
	}
	require.Equal(t, []string{"c", "a", "b"}, names("", "custom_fields.area desc"))
	require.Equal(t, []string{"b", "a", "c"}, names("", "custom_fields.order desc, name"), "without a value last")
	require.Equal(t, []string{"a", "c"}, names(`custom_fields.price >= 20 AND NOT custom_fields.order = "O-9"`, "name"))
	board, err := s.deals.GetBoard(s.as(s.ann), &dealsv1.GetBoardRequest{PipelineId: p.GetId(), Filter: "custom_fields.area = 5"})
	require.NoError(t, err)
	cards := 0
	for _, col := range board.GetColumns() {
		cards += len(col.GetCards())
	}
	require.Equal(t, 1, cards)

	_, err = s.deals.DeleteDeal(s.as(s.ann), &dealsv1.DeleteDealRequest{Id: c.GetId()})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, names("custom_fields.area:*", "name"))
}
