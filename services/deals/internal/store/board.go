package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/apperr"
	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/views"
)

// ErrColumn says that there is no such column on the board.
var ErrColumn = apperr.NotFound("COLUMN_NOT_FOUND", "the board has no such column")

// BoardQuery asks for a board.
type BoardQuery struct {
	Query

	Pipeline *pipeline.Pipeline
	Group    views.Group
	Filter   string
	PageSize int32
	// Column asks for one column only, from PageToken on.
	Column    string
	PageToken string
}

// Column is one column of a board.
type Column struct {
	Key   string
	Sums  []views.Sum // one for each currency
	Cards []Card
	Next  string
}

// Card is a deal on a board.
type Card struct {
	ID                       string
	Version                  int64
	Name, StageID            string
	State                    deal.State
	Amount                   money.Money
	CompanyID, CompanyName   string
	ContactID, ContactName   string
	ResponsibleID            string
	PlannedClose, StageSince time.Time
	Probability              int32
}

const cardColumns = `d.id::text, d.version, d.name, d.stage_id::text, d.state, d.amount, d.currency, coalesce(d.company_id::text, ''),
	coalesce(d.contact_id::text, ''), d.responsible_id::text, d.planned_close_date, d.stage_entered_at, d.probability`

// boardRequest is the list request of one column.
type boardRequest struct {
	filter, order, token string
	size                 int32
}

func (r boardRequest) GetFilter() string    { return r.filter }
func (r boardRequest) GetOrderBy() string   { return r.order }
func (r boardRequest) GetPageSize() int32   { return r.size }
func (r boardRequest) GetPageToken() string { return r.token }

const (
	boardPageSize    = 25
	boardMaxPageSize = 200
)

// Board returns the columns with their sums and a page of cards each, all as of one moment.
func (s *Deals) Board(ctx context.Context, q BoardQuery) ([]Column, error) {
	b := board{BoardQuery: q}
	var err error
	if b.schema, err = s.schema(ctx, &b.Query, q.Filter, "", false); err != nil {
		return nil, err
	}
	b.schema.DefaultPageSize, b.schema.MaxPageSize = boardPageSize, boardMaxPageSize
	// The filter says which states are meant, or else it is open deals.
	state := b.schema.Fields["state"]
	namesState := false
	b.schema.Fields["state"] = aip.Field{Custom: func(c aip.Comparison, bind func(any) string) (string, error) {
		namesState = true
		return stateIs(state, c, bind)
	}}
	var scratch []any
	if _, err := b.schema.Where(q.Filter, &scratch); err != nil {
		return nil, err
	}
	b.openOnly = q.Group != views.ByStage && !namesState
	var columns []Column
	err = s.DB.Read(ctx, q.Caller.OrganizationID, func(ctx context.Context, tx pgx.Tx) error {
		sums, err := b.sums(ctx, tx)
		if err != nil {
			return err
		}
		columns = b.columns(sums)
		if b.Column != "" {
			i := slices.IndexFunc(columns, func(c Column) bool { return c.Key == b.Column })
			if i < 0 {
				return ErrColumn.With("column_key", b.Column)
			}
			columns = columns[i : i+1]
		}
		return b.cards(ctx, tx, columns)
	})
	return columns, err
}

// stateIs compares the state by its names.
func stateIs(f aip.Field, c aip.Comparison, bind func(any) string) (string, error) {
	v, ok := f.Enum[c.Value]
	switch {
	case !ok:
		return "", fmt.Errorf("%.80q is not one of LOST, OPEN, WON", c.Value)
	case c.Op == "=" || c.Op == ":":
		return f.Column + " = " + bind(v) + "::bigint", nil
	case c.Op == "!=":
		return f.Column + " <> " + bind(v) + "::bigint", nil
	}
	return "", fmt.Errorf("operator %s does not apply; use = or !=", c.Op)
}

type board struct {
	BoardQuery

	schema   *aip.Schema
	openOnly bool
}

// stages are those whose deals the board shows.
func (b *board) stages() []string {
	if !b.openOnly {
		return pipeline.StageIDs(b.Pipeline.Stages)
	}
	return pipeline.StageIDs(slices.DeleteFunc(slices.Clone(b.Pipeline.Stages), func(s pipeline.Stage) bool {
		return s.Kind != pipeline.Open
	}))
}

// onlyResponsible is a filter that asks for nothing but responsible users: the one that folded sums can answer.
var onlyResponsible = regexp.MustCompile(
	`^\s*(\(\s*)?responsible_?[iI]d\s*=\s*"?[0-9a-fA-F-]{36}"?(\s+OR\s+responsible_?[iI]d\s*=\s*"?[0-9a-fA-F-]{36}"?)*\s*(\))?\s*$`)

var uuidText = regexp.MustCompile(`[0-9a-fA-F-]{36}`)

// sums counts and adds up. Without a filter, or with one of responsible users alone, folded totals are read; what the
// caller sees beyond the scope is added from its rows. Any other filter is answered from the rows.
func (b *board) sums(ctx context.Context, tx pgx.Tx) ([]views.Sum, error) {
	plain := strings.TrimSpace(b.Filter) == ""
	if !plain && !onlyResponsible.MatchString(b.Filter) {
		return b.sumRows(ctx, tx, "")
	}
	args := make([]any, 4, 6) // those of views.Totals come first
	where := b.Caller.View.SQL("responsible_id", &args)
	if !plain {
		args = append(args, uuidText.FindAllString(strings.ToLower(b.Filter), -1))
		where += fmt.Sprintf(" AND responsible_id = ANY($%d::uuid[])", len(args))
	}
	sums, err := views.Totals(ctx, tx, b.Caller.OrganizationID, b.BaseCurrency, b.Pipeline.ID, b.stages(), b.Group, where, args[4:]...)
	if err != nil || b.Caller.View.All() || b.Caller.View.None() {
		return sums, err
	}
	more, err := b.sumRows(ctx, tx, "beyond")
	return append(sums, more...), err
}

// sumRows adds up from the rows: all that the caller sees, or what is seen beyond the scope.
func (b *board) sumRows(ctx context.Context, tx pgx.Tx, which string) ([]views.Sum, error) {
	args := []any{b.Caller.OrganizationID, b.Pipeline.ID, b.stages(), b.BaseCurrency}
	var sees string
	if which == "beyond" {
		in := b.Caller.View.SQL("d.responsible_id", &args)
		sees = "NOT (" + in + ") AND (" + beyondScope(b.Caller, &args) + ")"
	} else {
		sees = visible(b.Caller, &args)
	}
	where, err := b.schema.Where(b.Filter, &args)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT `+b.Group.Key()+`, currency, count(*), sum(amount), coalesce(sum(base_amount), 0),
			count(*) - count(base_amount)
		FROM (
			SELECT d.stage_id, d.responsible_id, coalesce(to_char(d.planned_close_date, 'YYYY-MM'), '') AS month,
				d.currency, d.amount, CASE WHEN d.base_currency = $4 THEN d.base_amount END AS base_amount
			FROM deals d
			WHERE d.organization_id = $1 AND d.pipeline_id = $2 AND d.stage_id = ANY($3) AND d.deleted_at IS NULL
			  AND `+sees+` AND `+where+`
		) t
		GROUP BY 1, 2`, args...)
	if err != nil {
		return nil, fmt.Errorf("sum up board: %w", err)
	}
	sums, err := pgx.CollectRows(rows, views.ScanSum)
	if err != nil {
		return nil, fmt.Errorf("sum up board: %w", err)
	}
	return sums, nil
}

// columns arranges the sums: all stages in their order, or the groups that have deals, by key.
func (b *board) columns(sums []views.Sum) []Column {
	var out []Column
	at := make(map[string]int)
	add := func(key string) int {
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Column{Key: key})
		}
		return i
	}
	if b.Group == views.ByStage {
		for _, s := range b.Pipeline.Stages {
			add(s.ID)
		}
	} else {
		slices.SortFunc(sums, func(x, y views.Sum) int { return strings.Compare(x.Key, y.Key) })
	}
	for _, s := range sums {
		c := &out[add(s.Key)]
		if i := slices.IndexFunc(c.Sums, func(o views.Sum) bool { return o.Currency == s.Currency }); i >= 0 {
			o := &c.Sums[i]
			o.Deals, o.Unrated = o.Deals+s.Deals, o.Unrated+s.Unrated
			o.Amount, o.Base = o.Amount.Add(s.Amount), o.Base.Add(s.Base)
			continue
		}
		c.Sums = append(c.Sums, s)
	}
	for i := range out {
		slices.SortFunc(out[i].Sums, func(x, y views.Sum) int { return strings.Compare(x.Currency, y.Currency) })
	}
	return out
}

// order is how the cards of a column are sorted.
func (b *board) order() string {
	if b.Group == views.ByMonth {
		return "planned_close_date"
	}
	return "stage_enter_time desc"
}

// in is the condition of being in the column whose key is $n.
func (b *board) in(key string, args *[]any) (string, error) {
	switch b.Group {
	case views.ByResponsible:
		*args = append(*args, key)
		return fmt.Sprintf("d.responsible_id = $%d", len(*args)), nil
	case views.ByMonth:
		if key == views.NoMonth {
			return "d.planned_close_date IS NULL", nil
		}
		first, err := time.Parse("2006-01", key)
		if err != nil {
			return "", ErrColumn.With("column_key", key)
		}
		*args = append(*args, first, first.AddDate(0, 1, 0))
		return fmt.Sprintf("d.planned_close_date >= $%d AND d.planned_close_date < $%d", len(*args)-1, len(*args)), nil
	case views.ByStage:
	}
	*args = append(*args, key)
	return fmt.Sprintf("d.stage_id = $%d", len(*args)), nil
}

// cards reads a page of each column, in one round trip.
func (b *board) cards(ctx context.Context, tx pgx.Tx, columns []Column) error {
	batch := &pgx.Batch{}
	for i := range columns {
		c := &columns[i]
		l, err := b.schema.List(boardRequest{filter: b.Filter, order: b.order(), size: b.PageSize, token: b.PageToken},
			b.bound("board", b.Pipeline.ID, fmt.Sprint(b.Group), c.Key)...)
		if err != nil {
			return err
		}
		if len(c.Sums) == 0 {
			continue
		}
		sql, args, err := b.cardQuery(l, c.Key)
		if err != nil {
			return err
		}
		batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
			var keys []aip.Key
			cards, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Card, error) { return scanCard(r, &keys) })
			if err != nil {
				return err
			}
			c.Cards, c.Next = aip.Page(l, cards, keys)
			return nil
		})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("read cards: %w", err)
	}
	return nil
}

func (b *board) cardQuery(l *aip.List, key string) (string, []any, error) {
	args := []any{b.Caller.OrganizationID, b.Pipeline.ID}
	in, err := b.in(key, &args)
	if err != nil {
		return "", nil, err
	}
	if b.Group != views.ByStage {
		if b.openOnly {
			in += " AND d.state = 1"
		}
	}
	sees := visible(b.Caller, &args)
	where := l.Where(&args)
	return `
		SELECT ` + cardColumns + `, d.key, coalesce(c.name, ''), coalesce(p.name, '')
		FROM (
			SELECT d.*, ` + l.Key() + ` AS key
			FROM deals d
			WHERE d.organization_id = $1 AND d.pipeline_id = $2 AND ` + in + ` AND d.deleted_at IS NULL
			  AND ` + sees + ` AND ` + where + `
			ORDER BY ` + l.OrderBy() + `
			LIMIT ` + l.Limit() + `
		) d
		LEFT JOIN names c ON c.organization_id = $1 AND c.kind = 'company' AND c.id = d.company_id
		LEFT JOIN names p ON p.organization_id = $1 AND p.kind = 'contact' AND p.id = d.contact_id
		ORDER BY ` + l.OrderBy(), args, nil
}

func scanCard(r pgx.CollectableRow, keys *[]aip.Key) (Card, error) {
	var c Card
	var k aip.Key
	var planned, since *time.Time
	err := r.Scan(&c.ID, &c.Version, &c.Name, &c.StageID, &c.State, &c.Amount.Amount, &c.Amount.Currency, &c.CompanyID,
		&c.ContactID, &c.ResponsibleID, &planned, &since, &c.Probability, &k, &c.CompanyName, &c.ContactName)
	c.PlannedClose, c.StageSince = orZero(planned), orZero(since)
	*keys = append(*keys, k)
	return c, err
}
