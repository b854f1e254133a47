// Package pipeline is the rules of pipelines and their stages, without any technology in it.
//
// A pipeline is mostly data, so its fields are exported; what spans them is checked by New and Update, and nothing is
// stored that has not gone through one of the two.
package pipeline

import (
	"strings"
	"time"

	"kontor.internal/libs/apperr"
)

// Expected failures.
var (
	ErrNotFound  = apperr.NotFound("PIPELINE_NOT_FOUND", "there is no such pipeline")
	ErrStale     = apperr.Conflict("PIPELINE_ETAG_MISMATCH", "the pipeline was changed by someone else; read it again")
	ErrNameTaken = apperr.AlreadyExists("PIPELINE_NAME_TAKEN", "another pipeline has this name; choose another one")
	ErrInvalid   = apperr.Invalid("PIPELINE_INVALID", "the pipeline cannot be kept like this; see the fields")
	ErrDefault   = apperr.NotAllowedNow("PIPELINE_IS_DEFAULT",
		"this is the default pipeline; make another one the default first")
	ErrMask          = apperr.Invalid("INVALID_UPDATE_MASK", "update_mask names a field that cannot be changed")
	ErrStageHasDeals = apperr.NotAllowedNow("STAGE_HAS_DEALS",
		"there are deals in a stage that would be removed; say in stage_mapping where they go")
	ErrKindInUse = apperr.NotAllowedNow("STAGE_KIND_IN_USE",
		"there are deals in a stage whose kind would change; move them first")
	ErrMapping = apperr.Invalid("STAGE_MAPPING_INVALID",
		"stage_mapping must lead from removed stages to stages that stay and are of the same kind")
	ErrStageNotFound = apperr.NotFound("STAGE_NOT_FOUND", "there is no such stage in the pipeline")
)

// Kind says what being in a stage means.
type Kind int16

// The kinds of stages. Stored as numbers; never renumber.
const (
	Open Kind = 1
	Won  Kind = 2
	Lost Kind = 3
)

// String is the kind as written in filters: "OPEN", "WON", "LOST".
func (k Kind) String() string {
	switch k {
	case Won:
		return "WON"
	case Lost:
		return "LOST"
	default:
		return "OPEN"
	}
}

// Stage is a column of a pipeline.
type Stage struct {
	ID            string
	Name          string
	Kind          Kind
	Color         string
	Probability   int32 // percent
	TimeLimitDays int32 // 0: none
}

// LostReason is a reason offered when a deal is lost.
type LostReason struct {
	ID   string
	Name string
}

// Pipeline is an ordered list of stages.
type Pipeline struct {
	ID             string
	OrganizationID string
	Version        int64
	Name           string
	Position       int32
	IsDefault      bool
	Stages         []Stage
	LostReasons    []LostReason
	CreatedAt      time.Time
	UpdatedAt      time.Time
	DeletedAt      time.Time // zero unless in the bin
}

// Stage returns the stage with the ID, or ErrStageNotFound.
func (p *Pipeline) Stage(id string) (Stage, error) {
	for _, s := range p.Stages {
		if s.ID == id {
			return s, nil
		}
	}
	return Stage{}, ErrStageNotFound.With("stage_id", id).With("pipeline_id", p.ID)
}

// First returns the first stage of a kind. A valid pipeline has one of each.
func (p *Pipeline) First(k Kind) (Stage, error) {
	for _, s := range p.Stages {
		if s.Kind == k {
			return s, nil
		}
	}
	return Stage{}, ErrStageNotFound.With("pipeline_id", p.ID)
}

// LastOpen returns the last open stage: the one a deal was in before it was closed, if nothing better is known.
func (p *Pipeline) LastOpen() (Stage, error) {
	for i := len(p.Stages) - 1; i >= 0; i-- {
		if p.Stages[i].Kind == Open {
			return p.Stages[i], nil
		}
	}
	return Stage{}, ErrStageNotFound.With("pipeline_id", p.ID)
}

// LostReason returns the reason with the ID, and whether there is one.
func (p *Pipeline) LostReason(id string) (LostReason, bool) {
	for _, r := range p.LostReasons {
		if r.ID == id {
			return r, true
		}
	}
	return LostReason{}, false
}

// Ready is the pipeline that every organisation has from the start.
func Ready(org string, newID func() string, now time.Time) *Pipeline {
	stages := []Stage{
		{Name: "New", Kind: Open, Color: "#4c6ef5", Probability: 10},
		{Name: "Information", Kind: Open, Color: "#228be6", Probability: 25},
		{Name: "Proposal", Kind: Open, Color: "#15aabf", Probability: 50},
		{Name: "Negotiation", Kind: Open, Color: "#fab005", Probability: 75},
		{Name: "Won", Kind: Won, Color: "#40c057", Probability: 100},
		{Name: "Lost", Kind: Lost, Color: "#868e96"},
	}
	for i := range stages {
		stages[i].ID = newID()
	}
	reasons := []LostReason{{Name: "Price"}, {Name: "Competitor"}, {Name: "No need"}, {Name: "No answer"}, {Name: "Timing"}}
	for i := range reasons {
		reasons[i].ID = newID()
	}
	return &Pipeline{
		ID: newID(), OrganizationID: org, Version: 1, Name: "Sales", IsDefault: true,
		Stages: stages, LostReasons: reasons, CreatedAt: now, UpdatedAt: now,
	}
}

// Draft holds the values of a pipeline that a caller may set.
type Draft struct {
	Name        string
	Position    int32
	IsDefault   bool
	Stages      []Stage
	LostReasons []LostReason
}

// The fields that Update can change.
const (
	FieldName        = "name"
	FieldPosition    = "position"
	FieldIsDefault   = "is_default"
	FieldStages      = "stages"
	FieldLostReasons = "lost_reasons"
)

// Fields lists the fields that Update can change.
func Fields() []string {
	return []string{FieldName, FieldPosition, FieldIsDefault, FieldStages, FieldLostReasons}
}

// New makes a pipeline and the event that tells of it. It returns ErrInvalid with the fields at fault.
func New(org string, d Draft, newID func() string, now time.Time) (*Pipeline, Created, error) {
	p := &Pipeline{
		ID: newID(), OrganizationID: org, Version: 1, Name: strings.TrimSpace(d.Name), Position: d.Position,
		IsDefault: d.IsDefault, CreatedAt: now, UpdatedAt: now,
	}
	// IDs of a new pipeline's stages are ours: one that is sent cannot lead to a stage of another pipeline.
	p.Stages = keepIDs(d.Stages, nil, newID)
	p.LostReasons = keepReasonIDs(d.LostReasons, nil, newID)
	if err := p.validate(); err != nil {
		return nil, Created{}, err
	}
	return p, Created{After: *p}, nil
}

// keepIDs returns the stages as sent with names trimmed; those that have no ID among old get a new one.
func keepIDs(sent, old []Stage, newID func() string) []Stage {
	known := make(map[string]bool, len(old))
	for _, s := range old {
		known[s.ID] = true
	}
	out := make([]Stage, len(sent))
	for i, s := range sent {
		s.Name = strings.TrimSpace(s.Name)
		if s.Kind == 0 {
			s.Kind = Open
		}
		switch s.Kind {
		case Won:
			s.Probability = 100
		case Lost:
			s.Probability = 0
		case Open:
		}
		if !known[s.ID] {
			s.ID = newID()
		}
		delete(known, s.ID) // an ID sent twice stands for one stage
		out[i] = s
	}
	return out
}

func keepReasonIDs(sent, old []LostReason, newID func() string) []LostReason {
	known := make(map[string]bool, len(old))
	for _, r := range old {
		known[r.ID] = true
	}
	out := make([]LostReason, len(sent))
	for i, r := range sent {
		r.Name = strings.TrimSpace(r.Name)
		if !known[r.ID] {
			r.ID = newID()
		}
		delete(known, r.ID)
		out[i] = r
	}
	return out
}
