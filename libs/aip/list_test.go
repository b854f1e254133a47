package aip_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/id"
)

// many rows with ties and gaps in every column.
func many(n int) []row {
	rows := make([]row, n)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		rows[i] = row{
			id: id.New(), name: fmt.Sprintf("n%d", i%4), amount: fmt.Sprintf("%d.%02d", i%3, i%2), probability: i % 5, open: i%2 == 0,
			stage: 1 + i%3, createTime: start.Add(time.Duration(i%6) * 1234567 * time.Microsecond),
		}
		if i%3 > 0 {
			rows[i].closeDate = ptr(start.AddDate(0, 0, i%4).Format(time.DateOnly))
		}
		if i%4 > 1 {
			rows[i].company = ptr(fmt.Sprintf("0198c0de-0000-7000-8000-00000000000%d", i%3))
		}
	}
	rand.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// compare is the order by one field, NULLs last.
func compare(field string, a, b row) (c int, nulls bool) {
	text := func(a, b *string) (int, bool) {
		switch {
		case a == nil && b == nil:
			return 0, true
		case a == nil:
			return 1, true
		case b == nil:
			return -1, true
		}
		return cmp.Compare(*a, *b), false
	}
	switch field {
	case "name":
		return cmp.Compare(a.name, b.name), false
	case "amount":
		return cmp.Compare(a.amount, b.amount), false // of one length
	case "probability":
		return cmp.Compare(a.probability, b.probability), false
	case "open":
		return cmp.Compare(strconv.FormatBool(a.open), strconv.FormatBool(b.open)), false
	case "stage":
		return cmp.Compare(a.stage, b.stage), false
	case "company_id":
		return text(a.company, b.company)
	case "close_date":
		return text(a.closeDate, b.closeDate)
	case "create_time":
		return a.createTime.Compare(b.createTime), false
	}
	return cmp.Compare(a.id, b.id), false
}

// sorted is the order that a list must have.
func sorted(rows []row, orderBy string) []string {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b row) int {
		desc := false
		for key := range strings.SplitSeq(orderBy, ",") {
			words := strings.Fields(key)
			if len(words) == 0 {
				continue
			}
			desc = len(words) == 2 && words[1] == "desc"
			c, nulls := compare(words[0], a, b)
			if desc && !nulls {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		c := cmp.Compare(a.id, b.id)
		if desc {
			c = -c
		}
		return c
	})
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.id
	}
	return ids
}

func TestPagesAreTheListCutInPieces(t *testing.T) {
	t.Parallel()
	const n = 23
	rows := many(n)
	tab := newTable(t, rows...)
	for _, order := range []string{
		"", "id desc", "name", "name desc", "amount desc, name", "close_date", "close_date desc", "company_id desc, close_date",
		"close_date, company_id desc, name", "create_time desc", "stage, create_time desc", "open desc, probability, name desc",
		"closeDate desc, createTime",
	} {
		want := sorted(rows, strings.NewReplacer("closeDate", "close_date", "createTime", "create_time").Replace(order))
		for _, size := range []int32{1, n - 1, n, n + 1, 4} {
			var got []string
			token := ""
			for pages := 0; ; pages++ {
				require.LessOrEqual(t, pages, n, "pages without end: %q by %d", order, size)
				var ids []string
				ids, token = tab.page(t, schema(), request{order: order, size: size, token: token})
				require.LessOrEqual(t, len(ids), int(size))
				got = append(got, ids...)
				if token == "" {
					break
				}
				require.Len(t, ids, int(size))
			}
			require.Equal(t, want, got, "%q by %d", order, size)
		}
	}
}

func TestAPageTokenIsGoodForItsQueryOnly(t *testing.T) {
	t.Parallel()
	s := schema()
	first, err := s.List(request{filter: "open = true", order: "name", size: 10}, "org", "scope")
	require.NoError(t, err)
	name, record := "x", id.New()
	token := first.Token(aip.Key{&name, &record})

	_, err = s.List(request{filter: "open = true", order: "name", size: 99, token: token}, "org", "scope")
	require.NoError(t, err, "the size may change")
	for what, list := range map[string]func() (*aip.List, error){
		"filter": func() (*aip.List, error) { return s.List(request{order: "name", token: token}, "org", "scope") },
		"order":  func() (*aip.List, error) { return s.List(request{filter: "open = true", token: token}, "org", "scope") },
		"organisation": func() (*aip.List, error) {
			return s.List(request{filter: "open = true", order: "name", token: token}, "other", "scope")
		},
		"scope": func() (*aip.List, error) {
			return s.List(request{filter: "open = true", order: "name", token: token}, "org")
		},
		"garbage": func() (*aip.List, error) { return s.List(request{token: "%%%"}) },
		"no JSON": func() (*aip.List, error) {
			return s.List(request{token: base64.RawURLEncoding.EncodeToString([]byte("{"))})
		},
	} {
		_, err := list()
		require.ErrorIs(t, err, aip.ErrPageToken, what)
	}
}

// Tokens come from outside: a value that the column cannot hold is the caller's fault, not an error of the database.
func TestForgedKeysAreRefused(t *testing.T) {
	t.Parallel()
	s := schema()
	for field, bad := range map[string][]string{
		"id": {"1", ""}, "amount": {"NaN", "1;"}, "probability": {"x"}, "open": {"t"}, "stage": {"4", "'"}, "close_date": {"soon"},
		"create_time": {"now", "2026-01-01T00:00:00Z"}, "name": {"\x00", "\xff"},
	} {
		for _, v := range bad {
			l, err := s.List(request{order: field})
			require.NoError(t, err)
			key := aip.Key{&v}
			if field != "id" {
				record := id.New()
				key = append(key, &record)
			}
			if v == "\xff" {
				continue // JSON replaces it
			}
			_, err = s.List(request{order: field, token: l.Token(key)})
			require.ErrorIs(t, err, aip.ErrPageToken, "%s %q", field, v)
		}
		l, err := s.List(request{order: field})
		require.NoError(t, err)
		key := make(aip.Key, 2)
		if field == "id" {
			key = key[:1]
		}
		_, err = s.List(request{order: field, token: l.Token(key)})
		if field != "close_date" {
			require.ErrorIs(t, err, aip.ErrPageToken, "NULL for %s", field)
		}
	}
}

func TestOrderAndSizeAreChecked(t *testing.T) {
	t.Parallel()
	s := schema()
	for order, want := range map[string]string{
		"tags": "cannot be sorted", "nope": "cannot be sorted", "name, name desc": "twice", "name;": "invalid", "name sideways": "",
		"name, amount, open, stage, probability": "more than", "external_ids.x": "cannot be sorted",
	} {
		_, err := s.List(request{order: order})
		require.ErrorIs(t, err, aip.ErrOrderBy, order)
		require.ErrorContains(t, err, want)
	}
	_, err := s.List(request{size: -1})
	require.ErrorIs(t, err, aip.ErrPageSize)
	for size, want := range map[int32]int{0: 50, 7: 7, 500: 500, 100000: 500} {
		l, err := s.List(request{size: size})
		require.NoError(t, err)
		require.Equal(t, want, l.Size())
	}
	s.DefaultOrder, s.DefaultPageSize, s.MaxPageSize = "create_time desc", 20, 30
	l, err := s.List(request{})
	require.NoError(t, err)
	require.Equal(t, "create_time DESC, id DESC", l.OrderBy())
	require.Equal(t, 20, l.Size())
	_, err = s.List(request{filter: "nope = 1"})
	require.ErrorIs(t, err, aip.ErrFilter)
}
