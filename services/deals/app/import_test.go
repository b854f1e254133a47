package app_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

// history writes a sales history of n rows in the shape of docs/examples/sales: each stage in turn, with its dirt.
func (s *suite) history(n int) []byte {
	s.t.Helper()
	s.neighbours.people["Ann Lee"], s.neighbours.people["Bob Ray"] = s.ann, s.bob
	if len(s.neighbours.products) == 0 {
		s.neighbours.product("GTX Basic", "550", "")
		s.neighbours.product("GTX Pro", "4821", "")
	}
	var b strings.Builder
	b.WriteString("opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n")
	for i := range n {
		agent, account, product := []string{"Ann Lee", "Bob Ray"}[i%2], []string{"Acme", "Isdom", ""}[i%3], []string{"GTX Basic", "GTXPro"}[i%2]
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "P%d,%s,%s,%s,Prospecting,,,\n", i, agent, product, account)
		case 1:
			fmt.Fprintf(&b, "E%d,%s,%s,%s,Engaging,10/20/2016,,\n", i, agent, product, account)
		case 2:
			fmt.Fprintf(&b, "W%d,%s,%s,%s,Won,10/20/2016,3/1/2017,%d\n", i, agent, product, account, 1000+i)
		case 3:
			fmt.Fprintf(&b, "L%d,%s,%s,%s,Lost,10/25/2016,3/11/2017,0\n", i, agent, product, account)
		}
	}
	return []byte(b.String())
}

// mapping is that of the sales history, with the pipeline it needs made.
func (s *suite) mapping() string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.FromSlash("../../../docs/examples/sales/50-deals.yaml"))
	require.NoError(s.t, err)
	open, won, lost := dealsv1.StageKind_STAGE_KIND_OPEN, dealsv1.StageKind_STAGE_KIND_WON, dealsv1.StageKind_STAGE_KIND_LOST
	_, err = s.pipelines.CreatePipeline(s.as(s.boss), &dealsv1.CreatePipelineRequest{Pipeline: &dealsv1.Pipeline{
		Name: "Hardware sales", Stages: []*dealsv1.Stage{
			{Name: "Prospecting", Kind: open}, {Name: "Engaging", Kind: open}, {Name: "Won", Kind: won}, {Name: "Lost", Kind: lost},
		},
	}})
	require.NoError(s.t, err)
	return string(b)
}

func (s *suite) importFile(content []byte, mapping string) *operationv1.Operation {
	s.t.Helper()
	resp, err := s.deals.ImportDeals(s.as(s.boss), &dealsv1.ImportDealsRequest{FileId: s.neighbours.file(content), Mapping: mapping})
	require.NoError(s.t, err)
	return resp.GetOperation()
}

func (s *suite) await(op *operationv1.Operation) *operationv1.Operation {
	s.t.Helper()
	return s.awaitAs(s.boss, op)
}

func (s *suite) awaitAs(user string, op *operationv1.Operation) *operationv1.Operation {
	s.t.Helper()
	var out *operationv1.Operation
	testkit.EventuallyWithin(s.t, 2*time.Minute, func() error {
		resp, err := s.operations.GetOperation(s.as(user), &operationv1.GetOperationRequest{Id: op.GetId()})
		if err != nil {
			return err
		}
		if out = resp.GetOperation(); out.GetEndTime() == nil {
			return fmt.Errorf("%s at %d", out.GetState(), out.GetDone())
		}
		return nil
	})
	return out
}

// result is one of the counts that came of an import.
func result(op *operationv1.Operation, name string) int64 {
	return int64(op.GetResult().GetFields()[name].GetNumberValue())
}

func (s *suite) count(filter string) int64 {
	s.t.Helper()
	resp, err := s.deals.CountDeals(s.as(s.boss), &dealsv1.CountDealsRequest{Filter: filter})
	require.NoError(s.t, err)
	return int64(resp.GetCount())
}

// The main job's mapping: every stage with its day, its amount and its way there.
func TestImportOfASalesHistory(t *testing.T) {
	s := newSuite(t)
	s.run(s.newApp())
	mapping := s.mapping()
	op := s.await(s.importFile(s.history(200), mapping))
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Zero(t, op.GetRejected(), "%v", op.GetErrors())
	require.Equal(t, int64(200), result(op, "created"))
	for filter, want := range map[string]int64{
		`state = WON`: 50, `state = LOST`: 50, `state = OPEN`: 100, `begin_time = ""`: 50, `company_id = ""`: 66,
		`lost_reason = "not recorded"`: 50, `responsible_id = "` + s.ann + `"`: 100,
	} {
		require.Equal(t, want, s.count(filter), filter)
	}

	got := func(external string) *dealsv1.Deal {
		resp, err := s.deals.ListDeals(s.as(s.boss), &dealsv1.ListDealsRequest{Filter: fmt.Sprintf("external_id = %q", external)})
		require.NoError(t, err)
		require.Len(t, resp.GetDeals(), 1, external)
		return resp.GetDeals()[0]
	}
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	won := got("W2")
	require.Equal(t, "1002.00", won.GetAmount().GetAmount())
	require.Equal(t, "GTX Basic", won.GetLines()[0].GetName())
	require.Equal(t, "1002.00", won.GetLines()[0].GetTotalAmount())
	require.True(t, time.Date(2016, 10, 20, 0, 0, 0, 0, newYork).Equal(won.GetBeginTime().AsTime()), won.GetBeginTime().AsTime())
	require.True(t, time.Date(2017, 3, 1, 0, 0, 0, 0, newYork).Equal(won.GetCloseTime().AsTime()), won.GetCloseTime().AsTime())
	require.Equal(t, "import", won.GetOrigin().GetKind())
	way, err := s.deals.ListDealStageChanges(s.as(s.boss), &dealsv1.ListDealStageChangesRequest{Id: won.GetId()})
	require.NoError(t, err)
	require.Len(t, way.GetStays(), 2)
	require.Equal(t, int64((132*24+1)*3600), way.GetStays()[0].GetDuration().GetSeconds(), "from 20 October to 1 March, winter time's hour included")
	h, err := s.deals.GetDealHistory(s.as(s.boss), &dealsv1.GetDealHistoryRequest{Id: won.GetId()})
	require.NoError(t, err)
	require.Equal(t, "kontor.deals.v1.DealWon", h.GetEntries()[0].GetType())
	require.Equal(t, won.GetCloseTime().AsTime(), h.GetEntries()[0].GetEffectiveTime().AsTime())
	require.Equal(t, won.GetBeginTime().AsTime(), h.GetEntries()[1].GetEffectiveTime().AsTime())
	require.True(t, strings.HasPrefix(h.GetEntries()[0].GetCause(), "import/"))

	require.Equal(t, "4821.00", got("L3").GetAmount().GetAmount(), "nothing stated: the list price of the product as written otherwise")
	require.Nil(t, got("P4").GetBeginTime())
	require.Nil(t, got("P4").GetStageEnterTime())

	// Again: nothing twice.
	op = s.await(s.importFile(s.history(200), mapping))
	require.Equal(t, int64(200), result(op, "skipped"))
	require.Equal(t, int64(200), s.count(""))

	// As an update: what has changed since is changed, and nothing else.
	changed := strings.Replace(string(s.history(200)), "Ann Lee,GTX Basic,Acme,Prospecting,,,", "Bob Ray,GTX Basic,Acme,Won,1/2/2017,1/3/2017,99", 1)
	op = s.await(s.importFile([]byte(changed), strings.Replace(mapping, "duplicates: skip", "duplicates: update", 1)))
	require.Zero(t, op.GetRejected(), "%v", op.GetErrors())
	require.Equal(t, int64(1), result(op, "updated"))
	require.Equal(t, int64(51), s.count("state = WON"))
	require.Equal(t, "99.00", got("P0").GetAmount().GetAmount())
}

// Bad rows are told with line and reason, and the others go in.
func TestImportTellsWhatIsWrong(t *testing.T) {
	s := newSuite(t)
	s.run(s.newApp())
	mapping := s.mapping()
	rows := string(s.history(8)) +
		"X1,Nobody,GTX Basic,Acme,Won,10/20/2016,3/1/2017,5\n" +
		"X2,Ann Lee,GTX Basic,Acme,Dreaming,10/20/2016,3/1/2017,5\n" +
		"X3,Ann Lee,GTX Basic,Acme,Won,20/10/2016,3/1/2017,5\n" +
		"X4,Ann Lee,Nothing,Acme,Won,10/20/2016,3/1/2017,5\n" +
		"X5,Ann Lee,GTX Basic,Acme,Won,10/20/2016,3/1/2017,0.001\n" +
		",Ann Lee,GTX Basic,Acme,Won,10/20/2016,3/1/2017,5\n"
	op := s.await(s.importFile([]byte(rows), mapping))
	require.Equal(t, int64(6), op.GetRejected())
	for i, e := range op.GetErrors() {
		require.Equal(t, int64(10+i), e.GetLine())
		require.NotEmpty(t, e.GetReason())
		require.NotEmpty(t, e.GetMessage())
	}
	require.Equal(t, int64(8), s.count(""))
	require.NotEmpty(t, s.neighbours.saved[op.GetRejectsFileId()])
	_, err := s.deals.ImportDeals(s.as(s.boss), &dealsv1.ImportDealsRequest{FileId: id.New(), Mapping: mapping})
	require.Equal(t, "FILE_NOT_FOUND", reason(err))
	_, err = s.deals.ImportDeals(s.as(s.ann), &dealsv1.ImportDealsRequest{FileId: s.neighbours.file([]byte(rows)), Mapping: "kind: company"})
	require.Equal(t, "IMPORT_MAPPING_INVALID", reason(err))
}

// A process that stops in the middle of an import is followed by one that goes on: nothing lost, nothing doubled.
func TestImportResumes(t *testing.T) {
	s := newSuite(t)
	stop := s.run(s.newApp())
	mapping := s.mapping()
	s.neighbours.broken, s.neighbours.breakAt = 0, 0
	const n = 6000
	op := s.importFile(s.history(n), mapping)
	testkit.Eventually(t, func() error {
		if s.count("") == 0 {
			return errors.New("nothing yet")
		}
		return nil
	})
	stop()
	half := s.count("")
	t.Logf("stopped after %d rows", half)

	s.run(s.newApp())
	op = s.await(op)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, int64(n), result(op, "created"))
	var deals, ids, events int
	require.NoError(t, s.db.App.QueryRow(t.Context(), s.org, `SELECT count(*), count(DISTINCT external_ids) FROM deals`).Scan(&deals, &ids))
	require.Equal(t, []int{n, n}, []int{deals, ids})
	require.NoError(t, s.db.App.QueryRow(t.Context(), s.org, `SELECT count(*) FROM events WHERE kind = 'deal'`).Scan(&events))
	require.Equal(t, n+n/2, events, "one event for each deal, two for a closed one")
}

// The real sales history, where it is at hand: the numbers that the main job asks for, within its time.
func TestImportOfTheRealSalesHistory(t *testing.T) {
	dir := os.Getenv("KONTOR_SHARED_DATA")
	if dir == "" {
		t.Skip("KONTOR_SHARED_DATA names no folder with sales/sales_pipeline.csv")
	}
	s := newSuite(t)
	s.run(s.newApp())
	mapping := strings.Replace(s.mapping(), "currency: USD", "currency: EUR", 1)
	content, err := os.ReadFile(filepath.Join(dir, "sales", "sales_pipeline.csv"))
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
	require.NoError(t, err)
	for _, r := range rows[1:] {
		if s.neighbours.people[r[1]] == "" {
			s.neighbours.people[r[1]] = id.New()
		}
	}
	for name, price := range map[string]string{
		"GTX Basic": "550", "GTX Pro": "4821", "MG Special": "55", "MG Advanced": "3393", "GTX Plus Pro": "5482",
		"GTX Plus Basic": "1096", "GTK 500": "26768",
	} {
		s.neighbours.product(name, price, "")
	}
	start := time.Now()
	op := s.await(s.importFile(content, mapping))
	t.Logf("%d rows in %v", op.GetDone(), time.Since(start))
	require.Zero(t, op.GetRejected(), "%v", op.GetErrors())
	resp, err := s.pipelines.ListPipelines(s.as(s.boss), &dealsv1.ListPipelinesRequest{Filter: `name = "Hardware sales"`})
	require.NoError(t, err)
	board, err := s.deals.GetBoard(s.as(s.boss), &dealsv1.GetBoardRequest{PipelineId: resp.GetPipelines()[0].GetId()})
	require.NoError(t, err)
	got := map[string]int32{}
	for _, c := range board.GetColumns() {
		got[c.GetTitle()] = c.GetCount()
	}
	require.Equal(t, map[string]int32{"Prospecting": 500, "Engaging": 1589, "Won": 4238, "Lost": 2473}, got)
	require.Equal(t, "10005534.00", board.GetColumns()[2].GetTotals()[0].GetAmount())
	if os.Getenv("KONTOR_BENCH") != "" {
		require.Less(t, time.Since(start), 15*time.Second)
	}
}
