package pipeline_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/deals/internal/pipeline"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func counter() func() string {
	n := 0
	return func() string { n++; return "id" + strconv.Itoa(n) }
}

func stages(names ...string) []pipeline.Stage {
	out := []pipeline.Stage{{Name: "Yes", Kind: pipeline.Won}, {Name: "No", Kind: pipeline.Lost}}
	for _, n := range names {
		out = append(out, pipeline.Stage{Name: n})
	}
	return out
}

// DEAL-2: what a pipeline must be.
func TestPipelineIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in    pipeline.Draft
		field string
	}{
		"no name":                {pipeline.Draft{Stages: stages("a")}, "name"},
		"no open stage":          {pipeline.Draft{Name: "x", Stages: stages()}, "stages"},
		"no won stage":           {pipeline.Draft{Name: "x", Stages: stages("a")[1:]}, "stages"},
		"two stages of one name": {pipeline.Draft{Name: "x", Stages: stages("Call", "call ")}, "stages[3].name"},
		"a stage without a name": {pipeline.Draft{Name: "x", Stages: stages("a", " ")}, "stages[3].name"},
		"an unknown kind":        {pipeline.Draft{Name: "x", Stages: append(stages("a"), pipeline.Stage{Name: "b", Kind: 9})}, "stages[3].kind"},
		"a reason twice":         {pipeline.Draft{Name: "x", Stages: stages("a"), LostReasons: []pipeline.LostReason{{Name: "P"}, {Name: "p"}}}, "lost_reasons[1].name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := pipeline.New("org", c.in, counter(), noon)
			require.ErrorIs(t, err, pipeline.ErrInvalid)
			var e *apperr.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.field, e.Fields[0].Field)
		})
	}
}

func TestReadyPipelineIsValidAndQuiet(t *testing.T) {
	t.Parallel()
	p := pipeline.Ready("org", counter(), noon)
	require.Empty(t, p.Warnings())
	_, err := p.Update(pipeline.Draft{Name: "Sales"}, []string{pipeline.FieldName}, nil, counter(), noon)
	require.NoError(t, err)
	won, err := p.First(pipeline.Won)
	require.NoError(t, err)
	require.Equal(t, int32(100), won.Probability)
}

// DEAL-2: a near-duplicate stage name is warned of; numbers tell stages apart on purpose.
func TestAlikeStageNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Proposal", "Proposals", true},
		{"Proposal", "Propsal", true},
		{"Follow up", "Follow-up", true},
		{"Verhandlung", "Verhandlungen", true},
		{"Call 1", "Call 2", false},
		{"New", "Now", false},
		{"Proposal", "Negotiation", false},
	} {
		p, _, err := pipeline.New("org", pipeline.Draft{Name: "x", Stages: stages(c.a, c.b)}, counter(), noon)
		require.NoError(t, err)
		require.Equal(t, c.want, len(p.Warnings()) == 1, "%s and %s", c.a, c.b)
	}
}

// DEAL-2: stages that are sent back with their ID are the same stages; the mapping leads from removed ones to others of
// the same kind.
func TestUpdateStages(t *testing.T) {
	t.Parallel()
	p := pipeline.Ready("org", counter(), noon)
	ids := p.Names()
	kept := append([]pipeline.Stage{{Name: "First"}}, p.Stages[1:]...)
	removed := p.Stages[0].ID
	newID := func() string { return "new" }

	for name, c := range map[string]struct {
		mapping map[string]string
		want    error
	}{
		"none is fine as long as it is empty": {nil, nil},
		"to another open one":                 {map[string]string{removed: p.Stages[1].ID}, nil},
		"to the new one":                      {map[string]string{removed: "new"}, nil},
		"to a won one":                        {map[string]string{removed: p.Stages[4].ID}, pipeline.ErrMapping},
		"to one that goes":                    {map[string]string{removed: removed}, pipeline.ErrMapping},
		"from one that stays":                 {map[string]string{p.Stages[1].ID: p.Stages[2].ID}, pipeline.ErrMapping},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := p.Clone()
			ch, err := q.Update(pipeline.Draft{Stages: kept}, []string{pipeline.FieldStages}, c.mapping, newID, noon)
			require.ErrorIs(t, err, c.want)
			if c.want != nil {
				return
			}
			require.Len(t, ch.Removed, 1)
			require.Equal(t, removed, ch.Removed[0].ID)
			require.Equal(t, int64(2), q.Version)
			for _, s := range q.Stages[1:] {
				require.Equal(t, ids[s.ID], s.Name)
			}
		})
	}
	q := p.Clone()
	ch, err := q.Update(pipeline.Draft{Stages: p.Stages}, []string{pipeline.FieldStages}, nil, newID, noon)
	require.NoError(t, err)
	require.Empty(t, ch.Events, "the same is nothing")
	_, err = q.Update(pipeline.Draft{IsDefault: false}, []string{pipeline.FieldIsDefault}, nil, newID, noon)
	require.ErrorIs(t, err, pipeline.ErrDefault, "another one takes it, nobody gives it up")
	_, err = q.Update(pipeline.Draft{}, []string{"etag"}, nil, newID, noon)
	require.ErrorIs(t, err, pipeline.ErrMask)
}
