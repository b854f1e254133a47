package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/views"
)

// without returns the stages of the ready-made pipeline but some.
func (w *world) without(names ...string) []pipeline.Stage {
	var out []pipeline.Stage
next:
	for _, s := range w.pipeline.Stages {
		for _, n := range names {
			if s.Name == n {
				continue next
			}
		}
		out = append(out, s)
	}
	return out
}

// DEAL-2: removing a stage with deals in it asks where they go; told, nothing is orphaned and everything is kept.
func TestRemovingAStageAsksWhereItsDealsGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.create(deal.Draft{StageID: w.stage("Proposal"), Amount: eur("40")})
	binned := w.create(deal.Draft{StageID: w.stage("Proposal")})
	_, err := w.service.Delete(w.ctx(), w.boss(), binned.ID, 0)
	require.NoError(t, err)
	left := pipeline.Draft{Stages: w.without("Proposal")}
	fields := []string{pipeline.FieldStages}

	_, _, err = w.pipelines.Update(w.ctx(), w.org, w.pipeline.ID, 0, left, fields, nil, false)
	require.ErrorIs(t, err, pipeline.ErrStageHasDeals)
	var e *apperr.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, map[string]string{"stage_id": w.stage("Proposal"), "stage": "Proposal", "deals": "2"}, e.Meta)

	to := map[string]string{w.stage("Proposal"): w.stage("Won")}
	_, _, err = w.pipelines.Update(w.ctx(), w.org, w.pipeline.ID, 0, left, fields, to, false)
	require.ErrorIs(t, err, pipeline.ErrMapping, "an open stage's deals do not become won by this")

	to[w.stage("Proposal")] = w.stage("Negotiation")
	p, moved, err := w.pipelines.Update(w.ctx(), w.org, w.pipeline.ID, 0, left, fields, to, false)
	require.NoError(t, err)
	require.Equal(t, int64(2), moved)
	require.Len(t, p.Stages, 5)

	after, err := w.deals.Get(w.ctx(), w.org, d.ID)
	require.NoError(t, err)
	require.Equal(t, w.stage("Negotiation"), after.StageID)
	stays, err := w.deals.Stays(w.ctx(), w.org, d.ID)
	require.NoError(t, err)
	require.Len(t, stays, 2)
	evs, err := w.db.App.History(w.ctx(), w.org, publish.KindDeal, d.ID, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"DealMoved", "DealCreated"}, types(evs))
	require.Equal(t, "pipeline/"+w.pipeline.ID, evs[0].Cause)
	w.pipeline = p
	require.Equal(t, w.plainCount(w.boss(), "d.stage_id::text", "true"), sums(w.board(w.boss(), views.ByStage, "")))

	back, err := w.service.Undelete(w.ctx(), w.boss(), binned.ID, 0)
	require.NoError(t, err)
	require.Equal(t, w.stage("Negotiation"), back.StageID, "the bin went along")
}

// DEAL-2: an empty stage goes without a word; one with deals does not change its kind.
func TestStagesWithoutDealsChangeFreely(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(deal.Draft{StageID: w.stage("New")})
	p, moved, err := w.pipelines.Update(w.ctx(), w.org, w.pipeline.ID, w.pipeline.Version,
		pipeline.Draft{Stages: w.without("Information")}, []string{pipeline.FieldStages}, nil, false)
	require.NoError(t, err)
	require.Zero(t, moved)
	require.Len(t, p.Stages, 5)

	stages := w.without("Information")
	stages[0].Kind = pipeline.Won
	_, _, err = w.pipelines.Update(w.ctx(), w.org, w.pipeline.ID, 0, pipeline.Draft{Stages: stages},
		[]string{pipeline.FieldStages}, nil, false)
	require.ErrorIs(t, err, pipeline.ErrKindInUse)

	_, _, err = w.pipelines.Update(w.ctx(), w.org, w.pipeline.ID, w.pipeline.Version, pipeline.Draft{Name: "x"},
		[]string{pipeline.FieldName}, nil, false)
	require.ErrorIs(t, err, pipeline.ErrStale)
}

// Checking only leaves everything as it was.
func TestValidateOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _, err := w.pipelines.Update(w.ctx(), w.org, w.pipeline.ID, 0, pipeline.Draft{Name: "Other"},
		[]string{pipeline.FieldName}, nil, true)
	require.NoError(t, err)
	require.Equal(t, "Other", p.Name)
	p, err = w.pipelines.Get(w.ctx(), w.org, w.pipeline.ID)
	require.NoError(t, err)
	require.Equal(t, "Sales", p.Name)
	require.Equal(t, int64(1), p.Version)
}

// DEAL-2: names are unique whatever the case; the default goes from one to the other, with an event for each.
func TestNamesAndTheDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.pipelines.Create(w.ctx(), w.org, draftOf("SALES", "a", "b", "c"), false)
	require.ErrorIs(t, err, pipeline.ErrNameTaken)
	in := draftOf("Partners", "a", "b", "c")
	in.IsDefault = true
	p, err := w.pipelines.Create(w.ctx(), w.org, in, false)
	require.NoError(t, err)
	now, err := w.pipelines.Get(w.ctx(), w.org, "")
	require.NoError(t, err)
	require.Equal(t, p.ID, now.ID)
	evs, err := w.db.App.History(w.ctx(), w.org, publish.KindPipeline, w.pipeline.ID, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"PipelineUpdated", "PipelineCreated"}, types(evs))

	_, _, err = w.pipelines.Delete(w.ctx(), w.org, p.ID, 0, nil)
	require.ErrorIs(t, err, pipeline.ErrDefault)
}

// DEAL-2: a deleted pipeline takes no deal, gives its deals to another one, and comes back with its stages.
func TestDeleteAndUndeletePipeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.pipelines.Create(w.ctx(), w.org, draftOf("Service", "Intake", "Done", "Failed"), false)
	require.NoError(t, err)
	d := w.create(deal.Draft{StageID: p.Stages[0].ID})
	_, _, err = w.pipelines.Delete(w.ctx(), w.org, p.ID, 0, nil)
	require.ErrorIs(t, err, pipeline.ErrStageHasDeals)
	_, moved, err := w.pipelines.Delete(w.ctx(), w.org, p.ID, 0, map[string]string{p.Stages[0].ID: w.stage("New")})
	require.NoError(t, err)
	require.Equal(t, int64(1), moved)
	after, err := w.deals.Get(w.ctx(), w.org, d.ID)
	require.NoError(t, err)
	require.Equal(t, w.pipeline.ID, after.PipelineID)

	_, err = w.service.Move(w.ctx(), w.boss(), d.ID, 0, p.Stages[0].ID)
	require.ErrorIs(t, err, pipeline.ErrStageNotFound)
	_, err = w.pipelines.Get(w.ctx(), w.org, p.ID)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	back, err := w.pipelines.Undelete(w.ctx(), w.org, p.ID, 0)
	require.NoError(t, err)
	require.Equal(t, p.Stages, back.Stages)
	_, err = w.service.Move(w.ctx(), w.boss(), d.ID, 0, p.Stages[0].ID)
	require.NoError(t, err)
}
