package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/store"
	"kontor.internal/services/deals/internal/views"
)

func (w *world) put(n views.Name) {
	w.t.Helper()
	require.NoError(w.t, w.db.App.Write(w.ctx(), w.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		return nil, views.PutNames(ctx, tx, w.org, []views.Name{n})
	}))
}

func (w *world) board(c deal.Caller, g views.Group, filter string) []store.Column {
	w.t.Helper()
	columns, err := w.deals.Board(w.ctx(), store.BoardQuery{Query: w.query(c), Pipeline: w.pipeline, Group: g, Filter: filter})
	require.NoError(w.t, err)
	return columns
}

// sums is what a board says, by column and currency.
func sums(columns []store.Column) map[string]string {
	out := map[string]string{}
	for _, c := range columns {
		for _, s := range c.Sums {
			out[c.Key+" "+s.Currency] = fmt.Sprintf("%d deals %s base %s unrated %d", s.Deals, s.Amount, s.Base, s.Unrated)
		}
	}
	return out
}

// DEAL-5: after whatever has happened, and however much of it is folded, the sums of the board are what a plain count
// over the deals says, for everybody and for one seller.
func TestBoardSumsEqualAPlainCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	users := []string{id.New(), id.New(), id.New()}
	currencies := []string{"EUR", "USD", "JPY"}
	folder := &views.Folder{DB: w.db.System}
	var ids []string
	step := func(i int) {
		ctx, boss := w.ctx(), w.boss()
		var d string
		if len(ids) > 0 {
			d = ids[rnd.IntN(len(ids))]
		}
		var err error
		switch op := rnd.IntN(12); {
		case len(ids) == 0 || op < 3:
			in := deal.Draft{
				Amount:        cash(currencies[rnd.IntN(3)], strconv.Itoa(rnd.IntN(100000))),
				ResponsibleID: users[rnd.IntN(3)], AvailableToEveryone: rnd.IntN(6) == 0,
			}
			if rnd.IntN(2) == 0 {
				in.PlannedClose = now.AddDate(0, rnd.IntN(3), 0)
			}
			if rnd.IntN(6) == 0 {
				in.ObserverIDs = []string{users[rnd.IntN(3)]}
			}
			ids = append(ids, w.create(in).ID)
		case op < 6:
			_, err = w.service.Move(ctx, boss, d, 0, w.pipeline.Stages[rnd.IntN(4)].ID)
		case op == 6:
			_, err = w.service.Win(ctx, boss, d, 0, "")
		case op == 7:
			_, err = w.service.Lose(ctx, boss, d, 0, "", "", "price")
		case op == 8:
			_, err = w.service.Reopen(ctx, boss, d, 0, "")
		case op == 9:
			_, err = w.service.Update(ctx, boss, d, 0, deal.Draft{
				Amount: cash(currencies[rnd.IntN(3)], strconv.Itoa(rnd.IntN(100000))), ResponsibleID: users[rnd.IntN(3)],
				PlannedClose: now.AddDate(0, rnd.IntN(3), 0),
			}, []string{deal.FieldAmount, deal.FieldResponsible, deal.FieldPlannedClose})
		case op == 10:
			_, err = w.service.Delete(ctx, boss, d, 0)
		default:
			_, err = w.service.Undelete(ctx, boss, d, 0)
		}
		_ = err // refusals (a closed deal does not move) are part of the game
		if i%17 == 0 {
			require.NoError(t, folder.Fold(ctx))
		}
	}
	for i := range 400 {
		step(i)
		if i%40 != 39 {
			continue
		}
		for _, c := range []deal.Caller{w.boss(), w.seller(users[0])} {
			for g, key := range map[views.Group]string{
				views.ByStage:       "d.stage_id::text",
				views.ByResponsible: "d.responsible_id::text",
				views.ByMonth:       "coalesce(to_char(d.planned_close_date, 'YYYY-MM'), 'none')",
			} {
				where := "true"
				if g != views.ByStage {
					where = "d.state = 1"
				}
				require.Equal(t, w.plainCount(c, key, where), sums(w.board(c, g, "")), "step %d", i)
			}
			filter := fmt.Sprintf(`responsible_id = %q OR responsible_id = %q`, users[0], users[1])
			require.Equal(t,
				w.plainCount(c, "d.stage_id::text", fmt.Sprintf("d.responsible_id IN ('%s', '%s')", users[0], users[1])),
				sums(w.board(c, views.ByStage, filter)), "by responsible user, step %d", i)
			require.Equal(t, w.plainCount(c, "d.stage_id::text", "d.amount >= 50000"),
				sums(w.board(c, views.ByStage, "amount >= 50000")), "by a filter of rows, step %d", i)
		}
	}
}

// plainCount counts over the rows, with another SQL than the board's.
func (w *world) plainCount(c deal.Caller, key, where string) map[string]string {
	w.t.Helper()
	sees := "true"
	if !c.View.All() {
		sees = fmt.Sprintf("(d.responsible_id = '%[1]s' OR d.available_to_everyone OR '%[1]s' = ANY(d.observer_ids))", c.UserID)
	}
	rows, err := w.db.App.Query(w.ctx(), w.org, `
		SELECT `+key+`, d.currency, count(*), sum(d.amount), coalesce(sum(d.base_amount), 0),
			count(*) FILTER (WHERE d.base_amount IS NULL)
		FROM deals d WHERE d.deleted_at IS NULL AND `+sees+` AND `+where+` GROUP BY 1, 2`)
	require.NoError(w.t, err)
	out := map[string]string{}
	var k, cur string
	var n, unrated int64
	var amount, base decimal.Decimal
	_, err = pgx.ForEachRow(rows, []any{&k, &cur, &n, &amount, &base, &unrated}, func() error {
		out[k+" "+cur] = fmt.Sprintf("%d deals %s base %s unrated %d", n, amount, base, unrated)
		return nil
	})
	require.NoError(w.t, err)
	return out
}

// DEAL-5: cards come by columns, each column pages on its own, and card and count agree.
func TestBoardPagesByColumn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	company := id.New()
	w.put(views.Name{Kind: "company", ID: company, Name: "Acme", Version: 1})
	const n = 5
	for i := range n {
		*w.clock = now.Add(time.Duration(i) * time.Hour)
		w.create(deal.Draft{Name: strconv.Itoa(i), CompanyID: company, Amount: eur("1")})
	}
	for _, size := range []int32{1, n - 1, n, n + 1} {
		q := store.BoardQuery{Query: w.query(w.boss()), Pipeline: w.pipeline, Group: views.ByStage, PageSize: size}
		columns, err := w.deals.Board(w.ctx(), q)
		require.NoError(t, err)
		require.Len(t, columns, 6, "every stage is a column")
		require.Equal(t, int64(n), columns[0].Sums[0].Deals)
		var names []string
		for column := columns[0]; ; {
			for _, c := range column.Cards {
				names = append(names, c.Name)
				require.Equal(t, "Acme", c.CompanyName)
			}
			if column.Next == "" {
				break
			}
			q.Column, q.PageToken = column.Key, column.Next
			more, err := w.deals.Board(w.ctx(), q)
			require.NoError(t, err)
			require.Len(t, more, 1)
			column = more[0]
		}
		require.Equal(t, []string{"4", "3", "2", "1", "0"}, names, "newest arrivals first")
	}
	q := store.BoardQuery{Query: w.query(w.boss()), Pipeline: w.pipeline, Group: views.ByStage, Column: id.New()}
	_, err := w.deals.Board(w.ctx(), q)
	require.ErrorIs(t, err, store.ErrColumn)
	q.Column, q.PageToken = w.stage("New"), "bm9wZQ"
	_, err = w.deals.Board(w.ctx(), q)
	require.ErrorIs(t, err, aip.ErrPageToken)
	q.PageToken, q.Column, q.Filter = "", "", "nope = 1"
	_, err = w.deals.Board(w.ctx(), q)
	require.ErrorIs(t, err, aip.ErrFilter)
}

// DEAL-5: grouped by user or month, closed deals are left out unless they are asked for.
func TestBoardByMonthShowsOpenDeals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	may := time.Date(2027, 5, 3, 0, 0, 0, 0, time.UTC)
	w.create(deal.Draft{Name: "may", PlannedClose: may})
	w.create(deal.Draft{Name: "no day"})
	won := w.create(deal.Draft{Name: "won", PlannedClose: may})
	_, err := w.service.Win(w.ctx(), w.boss(), won.ID, 0, "")
	require.NoError(t, err)

	columns := w.board(w.boss(), views.ByMonth, "")
	require.Len(t, columns, 2)
	require.Equal(t, "2027-05", columns[0].Key)
	require.Len(t, columns[0].Cards, 1)
	require.Equal(t, views.NoMonth, columns[1].Key)

	columns = w.board(w.boss(), views.ByMonth, "state = WON")
	require.Len(t, columns, 1)
	require.Equal(t, "won", columns[0].Cards[0].Name)
}
