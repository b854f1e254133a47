package store

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/services/deals/internal/deal"
)

// dealColumns are what scanDeal reads, in its order. A new column of a deal is added here, in scanDeal, in dealSets and
// dealArgs, and in a migration.
const dealColumns = `d.id, d.organization_id, d.version, d.name, d.pipeline_id, d.stage_id, d.state, d.amount, d.currency,
	d.amount_source, d.base_amount, coalesce(d.base_currency, ''), d.base_date, d.responsible_id, d.observer_ids::text[],
	d.type, d.probability, d.probability_by_hand, d.planned_close_date, coalesce(d.company_id::text, ''),
	coalesce(d.contact_id::text, ''), d.parties, d.source, coalesce(d.lead_id::text, ''), d.comment, d.lines,
	d.available_to_everyone, coalesce(d.lost_reason_id::text, ''), d.lost_reason, d.external_ids, d.origin_kind,
	d.origin_id, coalesce(d.creator_id::text, ''), coalesce(d.reopen_stage_id::text, ''), d.begun_at,
	d.stage_entered_at, d.closed_at, d.created_at, d.updated_at, d.deleted_at, d.custom`

// scanDeal reads a row of dealColumns, and what comes after them into more.
func scanDeal(row pgx.Row, more ...any) (*deal.Deal, error) {
	var d deal.Deal
	var baseAmount decimal.NullDecimal
	var baseDate, planned, begun, entered, closed, deleted *time.Time
	dest := []any{
		&d.ID, &d.OrganizationID, &d.Version, &d.Name, &d.PipelineID, &d.StageID, &d.State, &d.Amount.Amount, &d.Amount.Currency,
		&d.AmountSource, &baseAmount, &d.Base.Currency, &baseDate, &d.ResponsibleID, &d.ObserverIDs,
		&d.Type, &d.Probability, &d.ProbabilityByHand, &planned, &d.CompanyID,
		&d.ContactID, &d.Parties, &d.Source, &d.LeadID, &d.Comment, &d.Lines,
		&d.AvailableToEveryone, &d.LostReasonID, &d.LostReason, &d.ExternalIDs, &d.Origin.Kind,
		&d.Origin.ID, &d.CreatorID, &d.ReopenStageID, &begun,
		&entered, &closed, &d.CreatedAt, &d.UpdatedAt, &deleted, &d.Custom,
	}
	if err := row.Scan(append(dest, more...)...); err != nil {
		return nil, err
	}
	d.Base.Amount = baseAmount.Decimal
	d.BaseDate, d.PlannedClose, d.BegunAt = orZero(baseDate), orZero(planned), orZero(begun)
	d.StageEnteredAt, d.ClosedAt, d.DeletedAt = orZero(entered), orZero(closed), orZero(deleted)
	d.CreatedAt, d.UpdatedAt = d.CreatedAt.UTC(), d.UpdatedAt.UTC()
	return &d, nil
}

// dealSets names the columns in the order of dealArgs, from $3 on; $1 and $2 are organisation and ID.
const (
	insertDeal = `
		INSERT INTO deals (organization_id, id, version, name, pipeline_id, stage_id, state, amount, currency, amount_source,
			base_amount, base_currency, base_date, responsible_id, observer_ids, type, probability, probability_by_hand,
			planned_close_date, company_id, contact_id, parties, source, lead_id, comment, lines, product_ids,
			available_to_everyone, lost_reason_id, lost_reason, external_ids, origin_kind, origin_id, creator_id,
			reopen_stage_id, begun_at, stage_entered_at, closed_at, created_at, updated_at, deleted_at,
			search_key)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
			$25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42)`

	updateDeal = `
		UPDATE deals
		SET version = $3, name = $4, pipeline_id = $5, stage_id = $6, state = $7, amount = $8, currency = $9,
			amount_source = $10, base_amount = $11, base_currency = $12, base_date = $13, responsible_id = $14,
			observer_ids = $15, type = $16, probability = $17, probability_by_hand = $18, planned_close_date = $19,
			company_id = $20, contact_id = $21, parties = $22, source = $23, lead_id = $24, comment = $25, lines = $26,
			product_ids = $27, available_to_everyone = $28, lost_reason_id = $29, lost_reason = $30, external_ids = $31,
			origin_kind = $32, origin_id = $33, creator_id = $34, reopen_stage_id = $35, begun_at = $36,
			stage_entered_at = $37, closed_at = $38, created_at = $39, updated_at = $40, deleted_at = $41, search_key = $42
		WHERE organization_id = $1 AND id = $2`
)

func dealArgs(d *deal.Deal) []any {
	var baseAmount *decimal.Decimal
	if d.Base.Currency != "" {
		baseAmount = &d.Base.Amount
	}
	return []any{
		d.OrganizationID, d.ID, d.Version, d.Name, d.PipelineID, d.StageID, d.State, d.Amount.Amount, d.Amount.Currency,
		d.AmountSource, baseAmount, null(d.Base.Currency), nullTime(d.BaseDate), d.ResponsibleID,
		some(d.ObserverIDs), d.Type, d.Probability, d.ProbabilityByHand, nullTime(d.PlannedClose),
		null(d.CompanyID), null(d.ContactID), some(d.Parties), d.Source, null(d.LeadID), d.Comment, some(d.Lines),
		d.ProductIDs(), d.AvailableToEveryone, null(d.LostReasonID), d.LostReason, some(d.ExternalIDs),
		d.Origin.Kind, d.Origin.ID, null(d.CreatorID), null(d.ReopenStageID), nullTime(d.BegunAt),
		nullTime(d.StageEnteredAt), nullTime(d.ClosedAt), d.CreatedAt, d.UpdatedAt, nullTime(d.DeletedAt),
		searchKey(d),
	}
}

const insertExternalID = `
	INSERT INTO deal_external_ids (organization_id, source, external_id, deal_id)
	VALUES ($1, $2, $3, $4)`

const insertStageChange = `
	INSERT INTO deal_stage_changes (organization_id, deal_id, version, pipeline_id, from_stage_id, stage_id, entered_at, actor)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// queueStageChanges adds the stays that events begin.
func queueStageChanges(b *pgx.Batch, evs []deal.Event, actor string) {
	for _, e := range evs {
		if d, from, ok := entered(e); ok {
			b.Queue(insertStageChange, d.OrganizationID, d.ID, d.Version, d.PipelineID, null(from), d.StageID,
				nullTime(d.StageEnteredAt), actor)
		}
	}
}

// entered returns the deal and the stage it came from, if the event took it into a stage.
func entered(e deal.Event) (d *deal.Deal, from string, ok bool) {
	switch e := e.(type) {
	case deal.Created:
		return &e.After, "", true
	case deal.Moved:
		return &e.After, e.Change.FromStageID, true
	case deal.Won:
		return &e.After, e.Change.FromStageID, true
	case deal.Lost:
		return &e.After, e.Change.FromStageID, true
	case deal.Reopened:
		return &e.After, e.Change.FromStageID, true
	}
	return nil, "", false
}
