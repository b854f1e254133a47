package deal

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/pipeline"
)

// Draft holds the values of a deal that a caller may set.
type Draft struct {
	Name                string
	PipelineID          string // New only
	StageID             string // New only
	Amount              money.Money
	AmountSource        AmountSource // 0: not stated
	ResponsibleID       string
	ObserverIDs         []string
	Type                string
	Probability         *int32 // nil: follow the stage
	PlannedClose        time.Time
	CompanyID           string
	ContactID           string
	Parties             []Party
	Source              string
	LeadID              string // New only
	Comment             string
	Lines               []LineInput
	AvailableToEveryone bool
	LostReasonID        string
	LostReason          string
	ExternalIDs         []ExternalID
	// Custom is values of custom fields by key; nil takes one away.
	Custom customfields.Values
	// Lenient lets required custom fields be empty: the deal is made of a lead or such, and must not be lost.
	Lenient bool
}

// Names of the fields that Update can change; the same as in the contract.
const (
	FieldName                = "name"
	FieldAmount              = "amount"
	FieldAmountSource        = "amount_source"
	FieldResponsible         = "responsible_id"
	FieldObservers           = "observer_ids"
	FieldType                = "type"
	FieldProbability         = "probability"
	FieldPlannedClose        = "planned_close_date"
	FieldCompany             = "company_id"
	FieldContact             = "contact_id"
	FieldParties             = "parties"
	FieldSource              = "source"
	FieldComment             = "comment"
	FieldLines               = "lines"
	FieldAvailableToEveryone = "available_to_everyone"
	FieldLostReasonID        = "lost_reason_id"
	FieldLostReason          = "lost_reason"
	FieldExternalIDs         = "external_ids"
)

// Fields lists the fields that Update can change.
func Fields() []string {
	return []string{
		FieldName, FieldAmount, FieldAmountSource, FieldResponsible, FieldObservers, FieldType, FieldProbability,
		FieldPlannedClose, FieldCompany, FieldContact, FieldParties, FieldSource, FieldComment, FieldLines,
		FieldAvailableToEveryone, FieldLostReasonID, FieldLostReason, FieldExternalIDs, FieldCustom,
	}
}

// setField takes one field over from the draft. What hangs together with other fields (lines, amount, probability,
// lost reason) is settled by Update after all fields are set.
//
// A new field of a deal is added here, in Draft, Deal and Fields.
func (d *Deal) setField(field string, in *Draft) error {
	switch field {
	case FieldName:
		d.Name = strings.TrimSpace(in.Name)
	case FieldAmount:
		d.Amount = in.Amount
	case FieldAmountSource:
		d.AmountSource = in.AmountSource
	case FieldResponsible:
		d.ResponsibleID = in.ResponsibleID
	case FieldObservers:
		d.ObserverIDs = unique(in.ObserverIDs)
	case FieldType:
		d.Type = strings.TrimSpace(in.Type)
	case FieldProbability:
		d.ProbabilityByHand = in.Probability != nil
		if in.Probability != nil {
			d.Probability = *in.Probability
		}
	case FieldPlannedClose:
		d.PlannedClose = in.PlannedClose
	case FieldCompany:
		d.CompanyID = in.CompanyID
	case FieldContact:
		d.ContactID = in.ContactID
	case FieldParties:
		d.Parties = slices.Clone(in.Parties)
	case FieldSource:
		d.Source = strings.TrimSpace(in.Source)
	case FieldComment:
		d.Comment = in.Comment
	case FieldLines: // by Update, with what the catalog says
	case FieldAvailableToEveryone:
		d.AvailableToEveryone = in.AvailableToEveryone
	case FieldLostReasonID:
		d.LostReasonID = in.LostReasonID
	case FieldLostReason:
		d.LostReason = strings.TrimSpace(in.LostReason)
	case FieldExternalIDs:
		d.ExternalIDs = slices.Clone(in.ExternalIDs)
	case FieldCustom:
		d.setCustom(in.Custom)
	default:
		return ErrMask.WithField(field, "cannot be changed")
	}
	return nil
}

func unique(ids []string) []string {
	out := slices.Clone(ids)
	slices.Sort(out)
	return slices.Compact(out)
}

// check returns ErrInvalid with the fields at fault.
func (d *Deal) check() error {
	var bad []apperr.Field
	add := func(field, desc string) { bad = append(bad, apperr.Field{Field: field, Description: desc}) }
	if d.Name == "" {
		add(FieldName, "give the deal a name")
	}
	if d.Type == "" {
		add(FieldType, "say what type of deal it is")
	}
	if d.Probability < 0 || d.Probability > 100 {
		add(FieldProbability, "a probability is between 0 and 100 percent")
	}
	// Before the amount, which may only be their sum.
	for i := range d.Lines {
		bad = append(bad, d.Lines[i].check(indexed(FieldLines, i))...)
	}
	switch {
	case !money.ValidCurrency(d.Amount.Currency):
		add(FieldAmount, "state a currency by its ISO 4217 code")
	case d.AmountSource == ByHand && !d.Amount.Round().Equal(d.Amount):
		add(FieldAmount, "the amount is finer than the currency's smallest unit")
	case d.Amount.Amount.Abs().GreaterThanOrEqual(maxAmount):
		add(FieldAmount, "the amount is too large")
	}
	if d.State == pipeline.Lost && d.LostReason == "" {
		add(FieldLostReason, "a lost deal has a reason")
	}
	if d.State != pipeline.Lost && (d.LostReason != "" || d.LostReasonID != "") {
		add(FieldLostReason, "only a lost deal has a lost reason")
	}
	for i, p := range d.Parties {
		if p.Kind != KindCompany && p.Kind != KindContact {
			add(indexed(FieldParties, i)+".ref.kind", `a party is a "company" or a "contact"`)
		}
	}
	sources := make(map[string]bool, len(d.ExternalIDs))
	for i, e := range d.ExternalIDs {
		if sources[e.Source] {
			add(indexed(FieldExternalIDs, i), "there is an ID of this source already")
		}
		sources[e.Source] = true
	}
	if len(bad) == 0 {
		return nil
	}
	err := ErrInvalid
	for _, f := range bad {
		err = err.WithField(f.Field, f.Description)
	}
	return err
}

// fieldError names the field at fault in an expected failure.
func fieldError(err error, field string) error {
	var e *apperr.Error
	if errors.As(err, &e) {
		return e.WithField(field, e.Msg)
	}
	return err
}

// same reports whether nothing that a caller sees has changed, versions and times aside.
func (d *Deal) same(o *Deal) bool {
	return d.Name == o.Name && d.PipelineID == o.PipelineID && d.StageID == o.StageID &&
		d.Amount.Equal(o.Amount) && d.AmountSource == o.AmountSource && d.Base.Equal(o.Base) &&
		d.ResponsibleID == o.ResponsibleID && slices.Equal(d.ObserverIDs, o.ObserverIDs) && d.Type == o.Type &&
		d.Probability == o.Probability && d.ProbabilityByHand == o.ProbabilityByHand &&
		d.PlannedClose.Equal(o.PlannedClose) && d.CompanyID == o.CompanyID && d.ContactID == o.ContactID &&
		slices.Equal(d.Parties, o.Parties) && d.Source == o.Source && d.Comment == o.Comment &&
		slices.EqualFunc(d.Lines, o.Lines, func(a, b Line) bool { return a.equal(&b) }) &&
		d.AvailableToEveryone == o.AvailableToEveryone && d.LostReasonID == o.LostReasonID &&
		d.LostReason == o.LostReason && slices.Equal(d.ExternalIDs, o.ExternalIDs) &&
		maps.EqualFunc(d.Custom, o.Custom, customfields.Equal)
}
