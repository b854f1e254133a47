// Package views keeps the facts that reports are made of: one row per deal, line and change of stage, and the roll-up
// by stage. Every function here may be called again with the same event, or with an older one, and then changes nothing.
package views

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// Deal states, as stored.
const (
	Open = 1
	Won  = 2
	Lost = 3
)

// Deal is what an event says of a deal.
type Deal struct {
	ID             string
	Version        int64
	Deleted        bool
	Name           string
	PipelineID     string
	StageID        string
	State          int16
	ResponsibleID  *string
	CompanyID      *string
	ContactID      *string
	Type, Source   string
	Probability    *int16
	Amount         decimal.Decimal
	Currency       string
	BaseAmount     *decimal.Decimal
	BaseCurrency   string // empty where there is no BaseAmount
	PlannedClose   *time.Time
	BeginAt        *time.Time
	StageEnteredAt *time.Time
	ClosedAt       *time.Time
	LostStageID    *string
	LostReason     string
	// ObserverIDs and AvailableToEveryone say who sees the deal beyond the scopes.
	ObserverIDs         []string
	AvailableToEveryone bool
	Lines               []Line
	// Change is set where the event is a change of stage, or the making of the deal.
	Change *StageChange
}

// Line is a line of a deal.
type Line struct {
	ProductID *string
	Name      string
	Quantity  decimal.Decimal
	Total     decimal.Decimal
}

// StageChange is how a deal came to its stage.
type StageChange struct {
	FromStageID *string
	ToStageID   string
	Seconds     *float64
}

// generation is a generation that takes facts, with what it knows of the deal: what its roll-up counts now.
type generation struct {
	number  int64
	known   bool
	version int64
	counted Deal
}

// Target says which generations an event is for.
type Target int

const (
	// Live events go to the generation that serves and to the one being built.
	Live Target = iota
	// Replayed events go to the one being built.
	Replayed
)

func (t Target) states() []string {
	if t == Replayed {
		return []string{"building"}
	}
	return []string{"serving", "building"}
}

// PutDeals takes in what events say of deals, in three round trips however many there are. Events of one deal are in
// their order.
func PutDeals(ctx context.Context, tx pgx.Tx, org string, target Target, deals []*Deal) error {
	ids := make([]string, 0, len(deals))
	for _, d := range deals {
		ids = append(ids, d.ID)
	}
	slices.Sort(ids)
	byDeal, err := generations(ctx, tx, org, target, slices.Compact(ids))
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, d := range deals {
		for _, g := range byDeal[d.ID] {
			g.queue(b, org, d)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("put deal facts: %w", err)
	}
	return nil
}

// queue adds what an event of the deal changes in the generation, which then knows it.
func (g *generation) queue(b *pgx.Batch, org string, d *Deal) {
	if d.Change != nil {
		b.Queue(`
			INSERT INTO stage_changes (organization_id, generation, deal_id, version, from_stage_id, to_stage_id, seconds)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT ON CONSTRAINT stage_changes_pkey DO NOTHING`,
			org, g.number, d.ID, d.Version, d.Change.FromStageID, d.Change.ToStageID, d.Change.Seconds)
	}
	if g.known && g.version >= d.Version {
		if d.State == Lost && d.Change != nil {
			queueLostStage(b, org, g.number, d.ID)
		}
		return
	}
	queueFact(b, org, g.number, d)
	queueLines(b, org, g, d)
	if g.known && !g.counted.Deleted {
		queueTotal(b, org, g.number, &g.counted, -1)
	}
	if !d.Deleted {
		queueTotal(b, org, g.number, d, 1)
	}
	g.known, g.version, g.counted = true, d.Version, *d
}

// generations locks what is known of the deals, whose IDs are sorted, so that two that lock the same do not wait for each
// other for ever. Events of one deal come from one partition, so there is no race for the first row, except between the
// live reader and a replay's: then the second waits and counts from what the first wrote.
func generations(ctx context.Context, tx pgx.Tx, org string, target Target, dealIDs []string) (map[string][]*generation, error) {
	if _, err := tx.Exec(ctx, `
		SELECT pg_advisory_xact_lock(hashtextextended(n.id, 0))
		FROM unnest($1::text[]) AS n (id)`, dealIDs); err != nil {
		return nil, fmt.Errorf("lock deals: %w", err)
	}
	// LATERAL keeps it at one index probe a deal, whatever the planner makes of the array.
	rows, err := tx.Query(ctx, `
		SELECT n.id, g.generation, f.version, f.deleted, f.pipeline_id, f.stage_id, f.responsible_id, f.currency, f.amount,
			f.base_amount, coalesce(f.base_currency, '')
		FROM unnest($2::text[]) AS n (id)
		CROSS JOIN generations g
		LEFT JOIN LATERAL (
			SELECT *
			FROM deal_facts
			WHERE organization_id = $1 AND generation = g.generation AND deal_id = n.id::uuid
			LIMIT 1
		) f ON true
		WHERE g.state = ANY($3)`, org, dealIDs, target.states())
	if err != nil {
		return nil, fmt.Errorf("read deal facts: %w", err)
	}
	byDeal := make(map[string][]*generation, len(dealIDs))
	for rows.Next() {
		var g generation
		var id string
		var version *int64
		var deleted *bool
		var pipeline, stage, currency *string
		var amount *decimal.Decimal
		if err := rows.Scan(&id, &g.number, &version, &deleted, &pipeline, &stage, &g.counted.ResponsibleID, &currency, &amount,
			&g.counted.BaseAmount, &g.counted.BaseCurrency); err != nil {
			return nil, fmt.Errorf("read deal facts: %w", err)
		}
		if version != nil {
			g.known, g.version = true, *version
			g.counted.Deleted, g.counted.PipelineID, g.counted.StageID = *deleted, *pipeline, *stage
			g.counted.Currency, g.counted.Amount = *currency, *amount
		}
		byDeal[id] = append(byDeal[id], &g)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read deal facts: %w", err)
	}
	return byDeal, nil
}

func queueFact(b *pgx.Batch, org string, generation int64, d *Deal) {
	b.Queue(`
		INSERT INTO deal_facts (organization_id, generation, deal_id, version, deleted, name, pipeline_id, stage_id, state,
			responsible_id, company_id, contact_id, type, source, probability, amount, currency, base_amount, planned_close,
			begin_at, stage_entered_at, closed_at, lost_stage_id, lost_reason, base_currency, observer_ids, available_to_everyone)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
			coalesce($26::uuid[], '{}'), $27)
		ON CONFLICT ON CONSTRAINT deal_facts_pkey DO UPDATE SET
			version = EXCLUDED.version, deleted = EXCLUDED.deleted, name = EXCLUDED.name, pipeline_id = EXCLUDED.pipeline_id,
			stage_id = EXCLUDED.stage_id, state = EXCLUDED.state, responsible_id = EXCLUDED.responsible_id,
			company_id = EXCLUDED.company_id, contact_id = EXCLUDED.contact_id, type = EXCLUDED.type, source = EXCLUDED.source,
			probability = EXCLUDED.probability, amount = EXCLUDED.amount, currency = EXCLUDED.currency,
			base_amount = EXCLUDED.base_amount, planned_close = EXCLUDED.planned_close, begin_at = EXCLUDED.begin_at,
			stage_entered_at = EXCLUDED.stage_entered_at, closed_at = EXCLUDED.closed_at,
			lost_stage_id = COALESCE(EXCLUDED.lost_stage_id, deal_facts.lost_stage_id), lost_reason = EXCLUDED.lost_reason,
			base_currency = EXCLUDED.base_currency, observer_ids = EXCLUDED.observer_ids,
			available_to_everyone = EXCLUDED.available_to_everyone`,
		org, generation, d.ID, d.Version, d.Deleted, d.Name, d.PipelineID, d.StageID, d.State,
		d.ResponsibleID, d.CompanyID, d.ContactID, d.Type, d.Source, d.Probability, d.Amount, d.Currency, d.BaseAmount,
		d.PlannedClose, d.BeginAt, d.StageEnteredAt, d.ClosedAt, d.LostStageID, d.LostReason, d.BaseCurrency, d.ObserverIDs,
		d.AvailableToEveryone)
}

// queueLostStage looks up what the deal was lost from, where a live event of the lost deal has overtaken the replayed one
// that tells so.
func queueLostStage(b *pgx.Batch, org string, generation int64, dealID string) {
	b.Queue(`
		UPDATE deal_facts f
		SET lost_stage_id = (
			SELECT c.from_stage_id FROM stage_changes c
			WHERE c.organization_id = f.organization_id AND c.generation = f.generation AND c.deal_id = f.deal_id
				AND c.to_stage_id = f.stage_id AND c.version <= f.version
			ORDER BY c.version DESC
			LIMIT 1)
		WHERE f.organization_id = $1 AND f.generation = $2 AND f.deal_id = $3 AND f.state = 3`, org, generation, dealID)
}

func queueLines(b *pgx.Batch, org string, g *generation, d *Deal) {
	if g.known {
		b.Queue(`DELETE FROM line_facts WHERE organization_id = $1 AND generation = $2 AND deal_id = $3`, org, g.number, d.ID)
	}
	for i, l := range d.Lines {
		b.Queue(`
			INSERT INTO line_facts (organization_id, generation, deal_id, line, product_id, name, quantity, total)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			org, g.number, d.ID, int16(i), l.ProductID, l.Name, l.Quantity, l.Total)
	}
}

// queueTotal adds the deal to the roll-up, or takes it away with sign -1.
func queueTotal(b *pgx.Batch, org string, generation int64, d *Deal, sign int64) {
	s := decimal.NewFromInt(sign)
	base, unconverted := decimal.Zero, sign
	if d.BaseAmount != nil {
		base, unconverted = d.BaseAmount.Mul(s), 0
	}
	b.Queue(`
		INSERT INTO stage_totals (organization_id, generation, pipeline_id, stage_id, responsible_id, currency, deals, amount,
			base_currency, base_amount, unconverted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		org, generation, d.PipelineID, d.StageID, d.ResponsibleID, d.Currency, sign, d.Amount.Mul(s), d.BaseCurrency, base, unconverted)
}

// Fold makes one row of the roll-up's rows with one key, for all organisations, where there are many. db is the
// connection of kontor_system. It returns how many rows it took away.
func Fold(ctx context.Context, tx pgx.Tx) (int64, error) {
	var gone int64
	// Rows written while this runs are not among those deleted; they wait for the next time.
	err := tx.QueryRow(ctx, `
		WITH many AS (
			SELECT organization_id, generation, pipeline_id
			FROM stage_totals
			GROUP BY organization_id, generation, pipeline_id
			HAVING count(*) > 2 * count(DISTINCT (stage_id, responsible_id, currency, base_currency)) + 200
		), gone AS (
			DELETE FROM stage_totals t USING many m
			WHERE t.organization_id = m.organization_id AND t.generation = m.generation AND t.pipeline_id = m.pipeline_id
			RETURNING t.*
		), kept AS (
			INSERT INTO stage_totals (organization_id, generation, pipeline_id, stage_id, responsible_id, currency, deals, amount,
				base_currency, base_amount, unconverted)
			SELECT organization_id, generation, pipeline_id, stage_id, responsible_id, currency, sum(deals), sum(amount),
				base_currency, sum(base_amount), sum(unconverted)
			FROM gone
			GROUP BY organization_id, generation, pipeline_id, stage_id, responsible_id, currency, base_currency
			HAVING sum(deals) <> 0 OR sum(amount) <> 0 OR sum(base_amount) <> 0
		)
		SELECT count(*) FROM gone`).Scan(&gone)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("fold stage totals: %w", err)
	}
	return gone, nil
}
