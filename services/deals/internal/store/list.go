package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/views"
)

// maxCount is how far counting goes.
const maxCount = 10000

// List returns a page of the deals that the caller sees, and the token of the next one.
func (s *Deals) List(ctx context.Context, q Query, req aip.Request) ([]*deal.Deal, string, error) {
	schema, err := s.schema(ctx, &q, req.GetFilter(), req.GetOrderBy(), false)
	if err != nil {
		return nil, "", err
	}
	l, err := schema.List(req, q.bound()...)
	if err != nil {
		return nil, "", err
	}
	var keys []aip.Key
	var deals []*deal.Deal
	for _, part := range l.Parts() {
		if len(deals) > l.Size() {
			break
		}
		var args []any
		from := q.from(&args)
		from = strings.Replace(from, "FROM deals d", "FROM "+part.From("deals d", &args), 1)
		rows, err := s.DB.Query(ctx, q.Caller.OrganizationID, `
			SELECT `+dealColumns+`, `+part.Key()+` `+from+` AND `+part.Where(&args)+`
			ORDER BY `+part.OrderBy()+` LIMIT `+part.Limit(), args...)
		if err != nil {
			return nil, "", fmt.Errorf("list deals: %w", err)
		}
		more, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*deal.Deal, error) {
			var k aip.Key
			d, err := scanDeal(r, &k)
			keys = append(keys, k)
			return d, err
		})
		if err != nil {
			return nil, "", fmt.Errorf("list deals: %w", err)
		}
		deals = append(deals, more...)
	}
	page, next := aip.Page(l, deals, keys)
	return page, next, nil
}

// Count says how many deals fit the filter, up to maxCount, and whether there are more.
func (s *Deals) Count(ctx context.Context, q Query, filter string) (int64, bool, error) {
	schema, err := s.schema(ctx, &q, filter, "", true)
	if err != nil {
		return 0, false, err
	}
	var args []any
	from := q.from(&args)
	where, err := schema.Where(filter, &args)
	if err != nil {
		return 0, false, err
	}
	return count(s.DB.QueryRow(ctx, q.Caller.OrganizationID,
		fmt.Sprintf(`SELECT count(*) FROM (SELECT %s AND %s LIMIT %d) x`, from, where, maxCount+1), args...))
}

func count(row pgx.Row) (int64, bool, error) {
	var n int64
	if err := row.Scan(&n); err != nil {
		return 0, false, fmt.Errorf("count: %w", err)
	}
	return min(n, maxCount), n > maxCount, nil
}

// Hit is a deal that looks like a text.
type Hit struct {
	ID, Name, CompanyName string
	State                 deal.State
	Score                 float64
}

// Search returns the deals whose name looks most like the text, and those with it as an external ID, best first. Each way of
// looking goes by an index of its own; an OR of them would go by none.
func (s *Deals) Search(ctx context.Context, q Query, text string, limit int) ([]Hit, error) {
	var args []any
	from := q.from(&args)
	args = append(args, text, containing(text), limit)
	n := len(args)
	rows, err := s.DB.Query(ctx, q.Caller.OrganizationID, fmt.Sprintf(`
		SELECT x.id::text, x.name, coalesce(c.name, ''), x.state, max(x.score)
		FROM (
			SELECT d.id, d.name, d.company_id, d.state, d.updated_at, word_similarity($%[2]d, d.name)::float8 AS score
			%[1]s AND d.name ILIKE $%[3]d::text
			UNION ALL
			SELECT d.id, d.name, d.company_id, d.state, d.updated_at, word_similarity($%[2]d, d.name)
			%[1]s AND $%[2]d::text <%% d.name
			UNION ALL
			SELECT d.id, d.name, d.company_id, d.state, d.updated_at, 1
			%[1]s AND d.id = ANY(ARRAY(SELECT deal_id FROM deal_external_ids WHERE organization_id = $1 AND external_id = $%[2]d))
		) x
		LEFT JOIN names c ON c.organization_id = $1 AND c.kind = 'company' AND c.id = x.company_id
		GROUP BY x.id, x.name, c.name, x.state, x.updated_at
		ORDER BY max(x.score) DESC, x.updated_at DESC, x.id
		LIMIT $%[4]d`, from, n-2, n-1, n), args...)
	if err != nil {
		return nil, fmt.Errorf("search deals: %w", err)
	}
	hits, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Hit, error) {
		var h Hit
		return h, r.Scan(&h.ID, &h.Name, &h.CompanyName, &h.State, &h.Score)
	})
	if err != nil {
		return nil, fmt.Errorf("search deals: %w", err)
	}
	return hits, nil
}

// Stay is one stay of a deal in a stage. Times are zero where they are not known.
type Stay struct {
	PipelineID, StageID, FromStageID string
	EnteredAt, LeftAt                time.Time
	// Left is whether it has left, known when or not.
	Left  bool
	Actor string
}

// maxStays is how many stays are listed.
const maxStays = 1000

// Stays returns the latest stays of a deal, oldest first.
func (s *Deals) Stays(ctx context.Context, org, id string) ([]Stay, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT x.*
		FROM (
			SELECT c.pipeline_id::text, c.stage_id::text, coalesce(c.from_stage_id::text, ''), c.entered_at,
				lead(c.entered_at) OVER w AS left_at, lead(c.version) OVER w IS NOT NULL AS is_left, c.actor
			FROM deal_stage_changes c
			WHERE c.organization_id = $1 AND c.deal_id = $2
			WINDOW w AS (ORDER BY c.version)
			ORDER BY c.version DESC
			LIMIT $3
		) x`, org, id, maxStays)
	if err != nil {
		return nil, fmt.Errorf("read stage changes: %w", err)
	}
	stays, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Stay, error) {
		var st Stay
		var in, out *time.Time
		err := r.Scan(&st.PipelineID, &st.StageID, &st.FromStageID, &in, &out, &st.Left, &st.Actor)
		st.EnteredAt, st.LeftAt = orZero(in), orZero(out)
		return st, err
	})
	if err != nil {
		return nil, fmt.Errorf("read stage changes: %w", err)
	}
	for i, j := 0, len(stays)-1; i < j; i, j = i+1, j-1 {
		stays[i], stays[j] = stays[j], stays[i]
	}
	return stays, nil
}

// Names returns the names of companies, contacts and products by their ID, as last told by their owners.
func (s *Deals) Names(ctx context.Context, org string, ids []string) (map[string]string, error) {
	return views.Names(ctx, s.DB, org, ids)
}

// pipelineSchema is what can be asked of pipelines.
func pipelineSchema(zone *time.Location) *aip.Schema {
	return &aip.Schema{
		IDColumn: "p.id", DefaultOrder: "position", Location: zone,
		Fields: map[string]aip.Field{
			"id":          {Column: "p.id", Type: aip.ID},
			"name":        {Column: "p.name", Type: aip.Text, Sortable: true},
			"position":    {Column: "p.position", Type: aip.Int, Sortable: true},
			"is_default":  {Column: "p.is_default", Type: aip.Bool},
			"create_time": {Column: "p.created_at", Type: aip.Time, Sortable: true},
			"update_time": {Column: "p.updated_at", Type: aip.Time, Sortable: true},
		},
	}
}

func inBin(deleted bool) string {
	if deleted {
		return "p.deleted_at IS NOT NULL"
	}
	return "p.deleted_at IS NULL"
}

// List returns a page of pipelines and the token of the next one.
func (s *Pipelines) List(ctx context.Context, org string, zone *time.Location, deleted bool, req aip.Request,
) ([]*pipeline.Pipeline, string, error) {
	l, err := pipelineSchema(zone).List(req, publish.KindPipeline, org, strconv.FormatBool(deleted))
	if err != nil {
		return nil, "", err
	}
	args := []any{org}
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+pipelineColumns+`, `+l.Key()+`
		FROM pipelines p
		WHERE p.organization_id = $1 AND `+inBin(deleted)+` AND `+l.Where(&args)+`
		ORDER BY `+l.OrderBy()+` LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list pipelines: %w", err)
	}
	var keys []aip.Key
	ps, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*pipeline.Pipeline, error) {
		var k aip.Key
		p, err := scanPipeline(r, &k)
		keys = append(keys, k)
		return p, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list pipelines: %w", err)
	}
	page, next := aip.Page(l, ps, keys)
	return page, next, nil
}

// Count says how many pipelines fit the filter.
func (s *Pipelines) Count(ctx context.Context, org string, zone *time.Location, deleted bool, filter string) (int64, bool, error) {
	args := []any{org}
	where, err := pipelineSchema(zone).Where(filter, &args)
	if err != nil {
		return 0, false, err
	}
	return count(s.DB.QueryRow(ctx, org, fmt.Sprintf(`
		SELECT count(*) FROM (SELECT FROM pipelines p WHERE p.organization_id = $1 AND %s AND %s LIMIT %d) x`,
		inBin(deleted), where, maxCount+1), args...))
}
