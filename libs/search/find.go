package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/pg"
)

// How long the database may look for records that have the words, and then for some that are alike, if the first were
// few. Together they are within what the gateway waits for (decision 22), or for a page of results.
const (
	haveFor, alikeFor               = 40 * time.Millisecond, 25 * time.Millisecond
	patientHaveFor, patientAlikeFor = time.Second, 700 * time.Millisecond
)

const (
	// few records are found when it is worth to look for others that are alike.
	few = 5
	// candidates is how many records of a kind are compared in full.
	candidates = 100
	// queryCanceled is what PostgreSQL says when the time is over.
	queryCanceled = "57014"
)

// Viewer is who searches, and whose records they see.
type Viewer struct {
	OrganizationID, UserID string
	Scope                  authz.Scope
}

// Record is what a query is compared with.
type Record struct {
	ID string
	// Fields, the name first.
	Fields []Field
	// Subtitle tells it from others of its name.
	Subtitle string
	// Known is a hit that was found otherwise, such as by its number; nil for none.
	Known *Match
	// DoNotContact lists the channels by which whoever it is must not be contacted.
	DoNotContact []string
}

// Hit is a record that fits.
type Hit struct {
	Record

	Kind    string
	Score   float64
	Matches []Match
}

// scoreKnown is the score of a record found by its number.
const scoreKnown = 0.95

// Source is a kind of record in a table with search keys.
type Source struct {
	DB *pg.DB
	// Kind is what the function search_candidates of the database calls it.
	Kind string
	// Rows is the query for those of the records that the viewer sees; Read reads a row.
	Rows func(ids []string) (sql string, args []any)
	Read func(pgx.CollectableRow) (Record, error)
	// More is a query for IDs that are found otherwise than by keys, such as by number or by the beginning of a name. It has
	// to be quick. May be nil.
	More func() (sql string, args []any)
}

// Find returns at most limit hits, best first. incomplete says that the database had no time to look at all.
func (s *Source) Find(ctx context.Context, q Query, v Viewer, limit int, patient bool) (hits []Hit, incomplete bool, err error) {
	if q.Empty() || v.Scope.None() {
		return nil, false, nil
	}
	have, alike := haveFor, alikeFor
	if patient {
		have, alike = patientHaveFor, patientAlikeFor
	}
	hits, err = s.look(ctx, q, v, limit, have, nil, q.patterns(), 1)
	if incomplete = isCanceled(err); err != nil && !incomplete {
		return nil, false, err
	}
	words, patterns, threshold := q.alike()
	if len(hits) >= min(few, limit) || len(words) == 0 {
		return hits, incomplete, nil
	}
	more, err := s.look(ctx, q, v, limit, alike, words, patterns, threshold)
	if isCanceled(err) {
		return hits, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	for _, h := range more {
		if !slices.ContainsFunc(hits, func(x Hit) bool { return x.ID == h.ID }) {
			hits = append(hits, h)
		}
	}
	return Best(hits, limit), incomplete, nil
}

func isCanceled(err error) bool {
	return err != nil && (pg.State(err) == queryCanceled || errors.Is(err, context.DeadlineExceeded))
}

// look asks for candidates and compares them.
func (s *Source) look(
	ctx context.Context, q Query, v Viewer, limit int, most time.Duration, words, patterns []string, threshold float64,
) ([]Hit, error) {
	var hits []Hit
	err := s.DB.Read(ctx, v.OrganizationID, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`SELECT set_config('statement_timeout', $1, true), set_config('pg_trgm.word_similarity_threshold', $2, true)`,
			strconv.FormatInt(most.Milliseconds(), 10), strconv.FormatFloat(threshold, 'f', 3, 64))
		var ids []string
		collect := func(rows pgx.Rows) error {
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			ids = append(ids, found...)
			return err
		}
		const call = `SELECT id::text FROM search_candidates($1, $2, $3, $4, $5, $6) AS id`
		b.Queue(call, s.Kind, some(words), some(patterns), v.users(), v.UserID, candidates).Query(collect)
		if len(words) == 0 {
			if joined := q.joined(); joined != "" {
				b.Queue(call, s.Kind, []string{}, []string{"%" + joined + "%"}, v.users(), v.UserID, candidates).Query(collect)
			}
			if s.More != nil {
				sql, args := s.More()
				b.Queue(sql, args...).Query(collect)
			}
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil || len(ids) == 0 {
			return err
		}
		sql, args := s.Rows(ids)
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		records, err := pgx.CollectRows(rows, s.Read)
		for _, r := range records {
			if h, ok := q.hit(r); ok {
				h.Kind = s.Kind
				hits = append(hits, h)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", s.Kind, err)
	}
	return Best(hits, limit), nil
}

func (q Query) hit(r Record) (Hit, bool) {
	score, matches := q.Score(r.Fields)
	if joined := q.joined(); joined != "" {
		if s, m := (Query{words: []string{joined}}).Score(r.Fields); s > score {
			score, matches = s, m
		}
	}
	if r.Known != nil && score < scoreKnown {
		score, matches = scoreKnown, []Match{*r.Known}
	}
	return Hit{Record: r, Score: score, Matches: matches}, score > 0
}

// users are those whose records the viewer sees by scope, nil for all.
func (v Viewer) users() []string {
	if v.Scope.All() {
		return nil
	}
	return v.Scope.Users()
}

// some is the list, empty rather than NULL.
func some(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// Best sorts hits by score, then by name and ID, and keeps the first.
func Best(hits []Hit, limit int) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return cmp.Or(cmp.Compare(a.name(), b.name()), cmp.Compare(a.ID, b.ID))
	})
	return hits[:min(len(hits), limit)]
}

func (r *Record) name() string {
	if len(r.Fields) == 0 {
		return ""
	}
	return r.Fields[0].Text
}
