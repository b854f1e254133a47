package app_test

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"

	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func (s *suite) exported(user string, list *typev1.ExportList) (name, content string, err error) {
	s.t.Helper()
	stream, err := s.exports.ExportDeals(s.as(user), &dealsv1.ExportDealsRequest{List: list})
	require.NoError(s.t, err)
	var b strings.Builder
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return name, b.String(), nil
		}
		if err != nil {
			return "", "", err
		}
		name += m.GetPart().GetName()
		b.Write(m.GetPart().GetData())
	}
}

// CON-18, CON-12: deals are exported as shown: columns, order, filter, own fields by their labels, names instead of IDs, and
// nothing that a spreadsheet takes for a formula; it is told.
func TestExportOfDeals(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for _, f := range []*customfieldsv1.CustomField{
		{Label: "Size", Type: customfieldsv1.Type_TYPE_CHOICE, Choices: []*customfieldsv1.Choice{{Label: "Small one"}}},
		{Label: "Rent", Type: customfieldsv1.Type_TYPE_MONEY},
		{Label: "Helper", Type: customfieldsv1.Type_TYPE_USER},
	} {
		_, err := s.custom.CreateCustomField(s.as(s.boss), &customfieldsv1.CreateCustomFieldRequest{Kind: "deal", CustomField: f})
		require.NoError(t, err)
	}
	s.create(s.ann, &dealsv1.Deal{
		Name: "=1+1", Lines: []*dealsv1.DealLine{{Name: "Chair", Quantity: "2", Price: "5"}},
		CustomFields: map[string]*structpb.Value{
			"size": structpb.NewStringValue("Small one"), "helper": structpb.NewStringValue(s.bob),
			"rent": structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
				"amount": structpb.NewStringValue("7.50"), "currency": structpb.NewStringValue("EUR"),
			}}),
		},
	})
	s.create(s.bob, &dealsv1.Deal{Name: "b", Amount: eur("3")})
	s.create(s.ann, &dealsv1.Deal{Name: "left out", Type: "service"})
	columns := []string{"name", "amount", "stage_id", "pipeline_id", "responsible_id", "custom_fields.size", "custom_fields.rent", "custom_fields.helper", "lines"}
	name, text, err := s.exported(s.boss, &typev1.ExportList{Columns: columns, Filter: `type = "sale"`, OrderBy: "name desc"})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(name, "deal-20") && strings.HasSuffix(name, ".csv"), name)
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	ps, err := s.pipelines.ListPipelines(s.as(s.boss), &dealsv1.ListPipelinesRequest{})
	require.NoError(t, err)
	p := ps.GetPipelines()[0]
	require.Equal(t, [][]string{
		columns,
		{"b", "3.00 EUR", p.GetStages()[0].GetName(), p.GetName(), "Bob", "", "", "", ""},
		{"'=1+1", "10.00 EUR", p.GetStages()[0].GetName(), p.GetName(), "Ann", "Small one", "7.50 EUR", "Bob", "Chair 2 5 0 10.00 0.00 10.00"},
	}, rows)

	_, text, err = s.exported(s.ann, &typev1.ExportList{Format: typev1.ExportFormat_EXPORT_FORMAT_XLSX})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "PK"))
	_, text, err = s.exported(s.ann, &typev1.ExportList{Columns: []string{"name"}, OrderBy: "name"})
	require.NoError(t, err)
	require.Equal(t, "name\n'=1+1\nleft out\n", text, "she sees what is hers")
	var told int
	require.NoError(t, s.db.App.QueryRow(t.Context(), s.org, `SELECT count(*) FROM events WHERE type = 'kontor.deals.v1.ListExported'`).Scan(&told))
	require.Equal(t, 3, told)

	for want, list := range map[string]*typev1.ExportList{
		"EXPORT_COLUMN_UNKNOWN": {Columns: []string{"colour"}},
		"INVALID_FILTER":        {Filter: "colour = 1"},
		"EXPORT_FORMAT_UNFIT":   {Format: typev1.ExportFormat_EXPORT_FORMAT_VCARD},
	} {
		_, _, err := s.exported(s.ann, list)
		require.Equal(t, want, reason(err))
	}
}
