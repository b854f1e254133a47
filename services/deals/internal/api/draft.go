package api

import (
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/money"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
)

// draft reads what a caller may set of a deal. A new field of a deal is read here.
func draft(m *dealsv1.Deal) (deal.Draft, error) {
	amount, err := money.FromProto(m.GetAmount())
	if err != nil {
		return deal.Draft{}, deal.ErrInvalid.WithField(deal.FieldAmount, err.Error())
	}
	d := deal.Draft{
		Name: m.GetName(), PipelineID: m.GetPipelineId(), StageID: m.GetStageId(), Amount: amount,
		AmountSource: deal.AmountSource(m.GetAmountSource()), ResponsibleID: m.GetResponsibleId(),
		ObserverIDs: m.GetObserverIds(), Type: m.GetType(), Probability: m.Probability, // absent is not zero
		PlannedClose: publish.Day(m.GetPlannedCloseDate()), CompanyID: m.GetCompanyId(), ContactID: m.GetContactId(),
		Source: m.GetSource(), LeadID: m.GetLeadId(), Comment: m.GetComment(),
		AvailableToEveryone: m.GetAvailableToEveryone(), LostReasonID: m.GetLostReasonId(), LostReason: m.GetLostReason(),
		Custom: customfields.FromProto(m.GetCustomFields()),
	}
	for _, p := range m.GetParties() {
		d.Parties = append(d.Parties, deal.Party{Kind: p.GetRef().GetKind(), ID: p.GetRef().GetId(), Role: p.GetRole()})
	}
	for _, e := range m.GetExternalIds() {
		d.ExternalIDs = append(d.ExternalIDs, deal.ExternalID{Source: e.GetSource(), ID: e.GetId()})
	}
	for _, l := range m.GetLines() {
		in, err := publish.LineInput(l)
		if err != nil {
			return deal.Draft{}, deal.ErrInvalid.WithField(deal.FieldLines, err.Error())
		}
		d.Lines = append(d.Lines, in)
	}
	return d, nil
}

// dealMask is the fields that an update changes, of those that it may. A path below a field stands for the field.
func dealMask(mask *fieldmaskpb.FieldMask, m *dealsv1.Deal, may []string) ([]string, error) {
	checked, err := aip.UpdateMask(mask, m, may...)
	if err != nil {
		return nil, err
	}
	return topLevel(checked.Paths()), nil
}

// customPatch is the custom fields that an update changes: those that the mask names one by one, which are taken away if the
// deal does not have them, or those that the deal has, null taking one away.
func customPatch(mask *fieldmaskpb.FieldMask, m *dealsv1.Deal) customfields.Values {
	given, out := customfields.FromProto(m.GetCustomFields()), customfields.Values{}
	whole := len(mask.GetPaths()) == 0
	for _, path := range mask.GetPaths() {
		whole = whole || path == "*" || path == deal.FieldCustom
		if key, ok := strings.CutPrefix(path, customfields.Prefix); ok {
			out[key] = given[key]
		}
	}
	if whole {
		for key := range m.GetCustomFields() {
			out[key] = given[key]
		}
	}
	return out
}

func topLevel(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i], _, _ = strings.Cut(p, ".")
	}
	return out
}

// pipelineDraft reads what a caller may set of a pipeline.
func pipelineDraft(m *dealsv1.Pipeline) pipeline.Draft {
	return pipeline.Draft{
		Name: m.GetName(), Position: m.GetPosition(), IsDefault: m.GetIsDefault(), Stages: publish.Stages(m),
		LostReasons: publish.LostReasons(m),
	}
}
