package imports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"kontor.internal/libs/event"
	"kontor.internal/libs/operation"
)

// chunk is a batch of the file, evaluated, on its way to the database.
type chunk struct {
	records []Record // all rows, for the rejects file
	rows    []Row    // those that can be written
	later   []map[string]lookupKey
	rejects []Reject
	total   int64 // estimate of the file's rows
	last    bool  // the file ends here

	duplicates Duplicates
}

// rows writes the file's rows from the stored position on. Reading and evaluating go ahead of the writing by a batch
// or two.
func (r *Runner) rows(ctx context.Context, s *state, m *Mapping, t Target) error {
	src, err := r.open(ctx, m, t, s.org, s.fileID, r.keeper(ctx, *s))
	if err != nil {
		return err
	}
	defer src.close()

	g, ctx := errgroup.WithContext(ctx)
	chunks := make(chan *chunk, 2)
	start := *s
	g.Go(func() error {
		defer close(chunks)
		return r.read(ctx, start, src, chunks)
	})
	g.Go(func() error { return r.writeAll(ctx, s, t, chunks) })
	return g.Wait()
}

// read evaluates the rows after position and sends them in batches, the last of which may be empty.
func (r *Runner) read(ctx context.Context, s state, src *source, out chan<- *chunk) error {
	position := s.position
	for range position {
		if _, err := src.next(); err != nil {
			return fmt.Errorf("go on at row %d: %w", position, err)
		}
	}
	res := r.resolver(&s)
	for last := false; !last; {
		c := &chunk{duplicates: src.plan.mapping.Duplicates}
		for len(c.records) < r.batchSize() {
			rec, err := src.next()
			if errors.Is(err, io.EOF) {
				last = true
				break
			}
			if err != nil {
				return err
			}
			c.records = append(c.records, rec)
		}
		position += int64(len(c.records))
		c.last, c.total = last, position
		if !last {
			c.total = src.estimate(position)
		}
		if err := res.evaluate(ctx, src.plan, c); err != nil {
			return err
		}
		select {
		case out <- c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// resolver evaluates batches and finds what their rows look up, each key once.
type resolver struct {
	org, kind string
	as        func(ctx context.Context) (context.Context, error)
	lookups   map[string]Lookup
	answers   map[lookupKey]answer
}

func (r *Runner) resolver(s *state) *resolver {
	return &resolver{
		org: s.org, kind: s.kind, lookups: r.Lookups, answers: map[lookupKey]answer{},
		as: func(ctx context.Context) (context.Context, error) { return r.as(ctx, s) },
	}
}

// maxAnswers bounds the memory of the cache; beyond it, it begins anew.
const maxAnswers = 200_000

func (r *resolver) evaluate(ctx context.Context, p *Plan, c *chunk) error {
	if len(r.answers) > maxAnswers {
		clear(r.answers)
	}
	type outcome struct {
		row   Row
		later map[string]lookupKey
		rej   *Reject
	}
	outcomes := make([]outcome, len(c.records))
	todo := make([]int, len(c.records))
	for i := range todo {
		todo[i] = i
	}
	for len(todo) > 0 {
		asked := map[lookupKey]struct{}{}
		var again []int
		for _, i := range todo {
			o := &outcomes[i]
			var pending bool
			o.row, o.later, o.rej, pending = p.evaluate(c.records[i], r.answers, func(k lookupKey) { asked[k] = struct{}{} })
			if pending {
				again = append(again, i)
			}
		}
		if err := r.resolve(ctx, asked); err != nil {
			return err
		}
		todo = again
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.rej != nil {
			c.rejects = append(c.rejects, *o.rej)
			continue
		}
		c.rows = append(c.rows, o.row)
		c.later = append(c.later, o.later)
	}
	// What is missing of the import's own kind may be in the next batch.
	for k, a := range r.answers {
		if k.kind == r.kind && !a.ok {
			delete(r.answers, k)
		}
	}
	return nil
}

// lookupsAtOnce is how many keys are looked up in one call: other services take no more than twice as many.
const lookupsAtOnce = 500

// resolve answers the keys, those that can be looked up together in one call or a few.
func (r *resolver) resolve(ctx context.Context, asked map[lookupKey]struct{}) error {
	if len(asked) == 0 {
		return nil
	}
	ctx, err := r.as(ctx)
	if err != nil {
		return err
	}
	groups := map[lookupKey][]string{}
	for k := range asked {
		g := k
		g.key = ""
		groups[g] = append(groups[g], k.key)
	}
	for g, keys := range groups {
		slices.Sort(keys)
		for some := range slices.Chunk(keys, lookupsAtOnce) {
			if err := r.find(ctx, g, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// find answers keys that differ from g in the key alone.
func (r *resolver) find(ctx context.Context, g lookupKey, keys []string) error {
	l := r.lookups[g.kind]
	q := Query{Organization: r.org, By: g.by, Source: g.source, Within: g.within, Keys: keys}
	found, err := l.Find(ctx, q)
	if err != nil {
		return fmt.Errorf("look up %s: %w", g.kind, err)
	}
	if g.create {
		q.Keys = slices.DeleteFunc(slices.Clone(keys), func(k string) bool { _, ok := found[k]; return ok })
		if len(q.Keys) > 0 {
			made, err := l.Create(ctx, q)
			if err != nil {
				return fmt.Errorf("make %s: %w", g.kind, err)
			}
			for k, f := range made {
				if found == nil {
					found = map[string]Found{}
				}
				found[k] = f
			}
		}
	}
	for _, key := range keys {
		k := g
		k.key = key
		f, ok := found[key]
		r.answers[k] = answer{found: f, ok: ok}
	}
	return nil
}

// write stores a batch with its events, rejects, deferred links and the position after it, in one transaction. fixed is the
// import as it was when the run began. l is where the batch goes beside others; nil if it is alone.
func (r *Runner) write(ctx context.Context, fixed, s *state, t Target, c *chunk, l *lane) error {
	if err := r.Permitted(ctx, fixed.org, fixed.userID, fixed.kind); err != nil {
		return err
	}
	var cancelled bool
	var after state
	err := r.DB.Write(ctx, fixed.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		a := applied{}
		var err error
		if l == nil {
			err = r.lock(ctx, tx, s)
		} else {
			err = l.begin(ctx, tx)
		}
		if err != nil {
			return nil, err
		}
		if err := r.apply(ctx, tx, fixed, t, c, &a); err != nil {
			return nil, err
		}
		if l != nil {
			if err := l.turn(ctx); err != nil {
				return nil, err
			}
			if err := r.lock(ctx, tx, s); err != nil {
				return nil, err
			}
		}
		after = *s
		rejects := append(slices.Clone(c.rejects), a.rejects...)
		slices.SortFunc(rejects, func(x, y Reject) int { return int(x.Line - y.Line) })
		if err := insertRejects(ctx, tx, s, rejects, cellsByLine(c.records)); err != nil {
			return nil, err
		}
		if err := insertLinks(ctx, tx, s, a.links, cellsByLine(c.records)); err != nil {
			return nil, err
		}
		after.position += int64(len(c.records))
		after.counts.add(a.counts)
		after.counts.rejected += int64(len(rejects))
		if c.last {
			after.phase = "links"
		}
		if err := store(ctx, tx, &after); err != nil {
			return nil, err
		}
		cancelled, err = r.Operations.Advance(ctx, tx, s.org, s.id, operation.Progress{
			Done: after.position, Total: c.total, Rejected: after.counts.rejected, New: told(rejects),
		})
		return a.events, err
	})
	if err != nil {
		return err
	}
	*s = after
	if cancelled && !c.last {
		return errCancelled
	}
	return nil
}

// lock makes sure that no other run of the import has moved on.
func (r *Runner) lock(ctx context.Context, tx pgx.Tx, s *state) error {
	var phase string
	var position int64
	if err := tx.QueryRow(ctx, `
		SELECT phase, position
		FROM imports
		WHERE organization_id = $1 AND id = $2
		FOR UPDATE`, s.org, s.id).Scan(&phase, &position); err != nil {
		return fmt.Errorf("lock import: %w", err)
	}
	if phase != s.phase || position != s.position {
		return errTakenOver
	}
	return nil
}

func store(ctx context.Context, tx pgx.Tx, s *state) error {
	_, err := tx.Exec(ctx, `
		UPDATE imports
		SET phase = $3, position = $4, created = $5, updated = $6, skipped = $7, rejected = $8
		WHERE organization_id = $1 AND id = $2`,
		s.org, s.id, s.phase, s.position, s.counts.created, s.counts.updated, s.counts.skipped, s.counts.rejected)
	if err != nil {
		return fmt.Errorf("store position: %w", err)
	}
	return nil
}

func (c *counts) add(o counts) {
	c.created += o.created
	c.updated += o.updated
	c.skipped += o.skipped
	c.rejected += o.rejected
}

func told(rejects []Reject) []operation.Rejection {
	out := make([]operation.Rejection, len(rejects))
	for i, r := range rejects {
		out[i] = operation.Rejection{Line: r.Line, Field: r.Field, Reason: r.Reason, Message: withoutZero(r.Message)}
	}
	return out
}
