package imports

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/operation"
)

// storedLink is a reference waiting to be set.
type storedLink struct {
	Line          int64
	Field, Record string
	By            By
	Source, Key   string
	Cells         []string
}

// links sets the references to the import's own kind, a batch in each transaction; a link that is set is deleted, so a
// run that was killed goes on with the rest.
func (r *Runner) links(ctx context.Context, s *state, t Target) error {
	for {
		batch, err := r.nextLinks(ctx, s)
		if err != nil || len(batch) == 0 {
			return err
		}
		res := r.resolver(s)
		asked := map[lookupKey]struct{}{}
		for _, l := range batch {
			asked[l.key(t.Kind)] = struct{}{}
		}
		if err := res.resolve(ctx, asked); err != nil {
			return err
		}
		cancelled, err := r.link(ctx, s, t, batch, res.answers)
		if err != nil {
			return err
		}
		if cancelled {
			return errCancelled
		}
	}
}

func (l storedLink) key(kind string) lookupKey {
	return lookupKey{kind: kind, by: l.By, source: l.Source, key: l.Key}
}

func (r *Runner) nextLinks(ctx context.Context, s *state) ([]storedLink, error) {
	rows, err := r.DB.Query(ctx, s.org, `
		SELECT line, field, record_id::text, lookup_by, lookup_source, lookup_key, cells
		FROM import_links
		WHERE organization_id = $1 AND import_id = $2
		ORDER BY line, field
		LIMIT $3`, s.org, s.id, r.batchSize())
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedLink])
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	return out, nil
}

// link sets a batch of references; those that lead nowhere or are refused become rejects.
func (r *Runner) link(ctx context.Context, s *state, t Target, batch []storedLink, answers map[lookupKey]answer) (cancelled bool, err error) {
	var after state
	err = r.DB.Write(ctx, s.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		after = *s
		if err := r.lock(ctx, tx, s); err != nil {
			return nil, err
		}
		a := applied{}
		var links []Link
		var lines []int64
		for _, l := range batch {
			k := l.key(t.Kind)
			ans := answers[k]
			switch {
			case !ans.ok:
				rej := notFound(l.Field, t.Kind, l.By, l.Key)
				rej.Line, rej.Message = l.Line, "the row is in, without its "+l.Field+": "+rej.Message
				a.rejects = append(a.rejects, *rej)
			case ans.found.Ambiguous:
				a.rejects = append(a.rejects, Reject{
					Line: l.Line, Field: l.Field, Reason: "LOOKUP_AMBIGUOUS",
					Message: "the row is in, without its " + l.Field + ": several records have the " + byName(l.By) + " " + clip(l.Key),
				})
			default:
				links = append(links, Link{RecordID: l.Record, Field: l.Field, TargetID: ans.found.ID})
				lines = append(lines, l.Line)
			}
		}
		if len(links) > 0 {
			w := writer{tx: tx, a: &a}
			b := LinkBatch{Organization: s.org, UserID: s.userID, OperationID: s.id}
			err := w.span(ctx, lines, 0, len(links), func(ctx context.Context, tx pgx.Tx, from, to int) ([]Result, []event.Event, error) {
				part := b
				part.Links = links[from:to]
				return t.Link(ctx, tx, part)
			}, func(int, Result) {})
			if err != nil {
				return nil, err
			}
		}
		if err := finishLinks(ctx, tx, s, batch, a.rejects); err != nil {
			return nil, err
		}
		after.counts.rejected += int64(len(a.rejects))
		if err := store(ctx, tx, &after); err != nil {
			return nil, err
		}
		var err error
		cancelled, err = r.Operations.Advance(ctx, tx, s.org, s.id, operation.Progress{
			Done: after.position, Total: after.position, Rejected: after.counts.rejected, New: told(a.rejects),
		})
		return a.events, err
	})
	if err == nil {
		*s = after
	}
	return cancelled, err
}

func finishLinks(ctx context.Context, tx pgx.Tx, s *state, batch []storedLink, rejects []Reject) error {
	cells := make(map[int64][]string, len(batch))
	lines, fields := make([]int64, len(batch)), make([]string, len(batch))
	for i, l := range batch {
		cells[l.Line] = l.Cells
		lines[i], fields[i] = l.Line, l.Field
	}
	for i := range rejects {
		if rejects[i].Field == "" {
			rejects[i].Field = "link"
		}
	}
	if err := insertRejects(ctx, tx, s, rejects, cells); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		DELETE FROM import_links l
		USING unnest($3::bigint[], $4::text[]) AS d (line, field)
		WHERE l.organization_id = $1 AND l.import_id = $2 AND l.line = d.line AND l.field = d.field`,
		s.org, s.id, lines, fields); err != nil {
		return fmt.Errorf("delete links: %w", err)
	}
	return nil
}
