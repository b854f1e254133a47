// Package views holds what is read but not owned as a record: sums and cards of the board, and replicas of names and
// rates that other services tell of.
package views

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/services/deals/internal/deal"
)

const insertDelta = `
	INSERT INTO board_deltas (organization_id, pipeline_id, stage_id, responsible_id, month, currency, deals, amount,
		base_amount, unrated, base_currency)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// cell is where a deal counts on the board.
type cell struct {
	pipeline, stage, responsible, month, currency, base string
}

// weight is what a deal adds there.
type weight struct {
	deals, unrated int64
	amount, base   decimal.Decimal
}

func place(d *deal.Deal) (cell, weight, bool) {
	if d == nil || !d.DeletedAt.IsZero() {
		return cell{}, weight{}, false
	}
	w := weight{deals: 1, amount: d.Amount.Amount, base: d.Base.Amount}
	if d.Base.Currency == "" {
		w.unrated = 1
	}
	return cell{
		pipeline: d.PipelineID, stage: d.StageID, responsible: d.ResponsibleID, month: Month(d.PlannedClose),
		currency: d.Amount.Currency, base: d.Base.Currency,
	}, w, true
}

// Month is the month of a day as the board names it: "2026-11", or "" without a day.
func Month(day time.Time) string {
	if day.IsZero() {
		return ""
	}
	return day.Format("2006-01")
}

// QueueDeltas adds to b what a change of a deal changes in the sums of the board. before is nil for a new deal, after
// for one that goes for good; deals in the bin do not count. Every statement that writes deals is accompanied by this:
// the sums are only as true as that.
func QueueDeltas(b *pgx.Batch, before, after *deal.Deal) {
	was, minus, counted := place(before)
	is, plus, counts := place(after)
	if counted && counts && was == is {
		w := weight{
			unrated: plus.unrated - minus.unrated, amount: plus.amount.Sub(minus.amount), base: plus.base.Sub(minus.base),
		}
		if w.unrated != 0 || !w.amount.IsZero() || !w.base.IsZero() {
			queueDelta(b, after.OrganizationID, is, w)
		}
		return
	}
	if counted {
		queueDelta(b, before.OrganizationID, was, weight{
			deals: -1, unrated: -minus.unrated, amount: minus.amount.Neg(), base: minus.base.Neg(),
		})
	}
	if counts {
		queueDelta(b, after.OrganizationID, is, plus)
	}
}

func queueDelta(b *pgx.Batch, org string, c cell, w weight) {
	b.Queue(insertDelta, org, c.pipeline, c.stage, c.responsible, c.month, c.currency, w.deals, w.amount, w.base, w.unrated,
		c.base)
}

// Deltas gathers what many changes change in the sums of the board, one row for each cell. The zero value is empty.
type Deltas struct {
	cells map[cell]weight
}

// Add counts a change; see QueueDeltas.
func (s *Deltas) Add(before, after *deal.Deal) {
	if s.cells == nil {
		s.cells = make(map[cell]weight)
	}
	if c, w, ok := place(before); ok {
		x := s.cells[c]
		s.cells[c] = weight{
			deals: x.deals - w.deals, unrated: x.unrated - w.unrated, amount: x.amount.Sub(w.amount), base: x.base.Sub(w.base),
		}
	}
	if c, w, ok := place(after); ok {
		x := s.cells[c]
		s.cells[c] = weight{
			deals: x.deals + w.deals, unrated: x.unrated + w.unrated, amount: x.amount.Add(w.amount), base: x.base.Add(w.base),
		}
	}
}

// Queue adds the rows to b.
func (s *Deltas) Queue(b *pgx.Batch, org string) {
	for c, w := range s.cells {
		if w.deals != 0 || w.unrated != 0 || !w.amount.IsZero() || !w.base.IsZero() {
			queueDelta(b, org, c, w)
		}
	}
}
