package bulkwork

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/undo"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
)

// Undo returns how what was done to deals is taken back.
func Undo(rules *deal.Service) undo.Target {
	return undo.Target{
		Undo: func(ctx context.Context, tx pgx.Tx, b undo.Batch) ([]undo.Result, []event.Event, error) {
			return takeBack(ctx, tx, rules, b)
		},
		// We ourselves went on with a deal: a formula was computed, the rate that its amount waited for has come.
		Upkeep: func(_, cause string) bool {
			return cause == "custom-field" || strings.HasPrefix(cause, "rate/") || strings.HasPrefix(cause, "base-currency/")
		},
	}
}

// takeBack see [undo.Target].
func takeBack(ctx context.Context, tx pgx.Tx, rules *deal.Service, b undo.Batch) ([]undo.Result, []event.Event, error) {
	ids, firsts := make([]string, len(b.Spans)), make([]int64, len(b.Spans))
	for i, s := range b.Spans {
		ids[i], firsts[i] = s.RecordID, s.First
	}
	locked, err := store.LockDeals(ctx, tx, b.Organization, ids)
	if err != nil {
		return nil, nil, err
	}
	before, err := undo.Before(ctx, tx, b.Organization, publish.KindDeal, b.Spans)
	if err != nil {
		return nil, nil, err
	}
	from, err := store.ClosedFrom(ctx, tx, b.Organization, ids, firsts)
	if err != nil {
		return nil, nil, err
	}
	// An import is for who may import, whoever the deals are of now; whoever may change deals one by one may undo it at once.
	act := caller(ctx, b.Organization, optionsv1.Action_ACTION_IMPORT)
	act.View = authz.All()
	bin := act
	if strings.HasPrefix(b.Of, bulk.OperationKind+"/") {
		act = caller(ctx, b.Organization, optionsv1.Action_ACTION_UPDATE)
		bin = caller(ctx, b.Organization, optionsv1.Action_ACTION_DELETE)
	}
	back, err := rules.Returner(ctx, act, bin)
	if err != nil {
		return nil, nil, err
	}
	results := make([]undo.Result, len(b.Spans))
	var changes []store.Change
	for i, s := range b.Spans {
		ev, there := before[s.RecordID]
		var was *deal.Deal
		if there {
			if was, err = publish.DealOf(ev); err != nil {
				return nil, nil, err
			}
			if was.State != pipeline.Open {
				was.ReopenStageID = from[s.RecordID] // no event has it
			}
		}
		var c store.Change
		if results[i], c, err = one(back, s, locked[s.RecordID], was); err != nil {
			return nil, nil, err
		}
		if len(c.Events) > 0 {
			changes = append(changes, c)
		}
	}
	evs, err := store.WriteDeals(ctx, tx, b.Organization, changes, pg.Actor(ctx), event.Cause(b.Cause))
	if err != nil {
		return nil, nil, err
	}
	return results, evs, nil
}

// one decides what becomes of a deal; was is nil if the operation made it.
func one(back func(now, was *deal.Deal) ([]deal.Event, error), s undo.Span, now, was *deal.Deal) (undo.Result, store.Change, error) {
	if now == nil || now.Version != s.Now {
		return undo.Changed(now == nil), store.Change{}, nil
	}
	before := *now
	evs, err := back(now, was)
	if err != nil {
		kept, refused := undo.Keep(err)
		if !refused {
			return undo.Result{}, store.Change{}, err
		}
		return kept, store.Change{}, nil
	}
	out := undo.Result{Outcome: undo.Restored}
	if was == nil {
		out.Outcome = undo.Removed
	}
	return out, store.Change{Before: &before, After: now, Events: evs}, nil
}
