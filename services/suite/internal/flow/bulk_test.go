package flow_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
)

// ended follows an operation to its end.
func (c *caller) ended(op object) object {
	c.t.Helper()
	id := text(c.t, op, "id")
	testkit.Eventually(c.t, func() error {
		out, err := c.ask(http.MethodGet, "/v1/operations/"+id, nil)
		if err != nil {
			return err
		}
		op, _ = out["operation"].(object)
		if op["endTime"] == nil {
			return errors.New("not ended")
		}
		return nil
	})
	require.Equal(c.t, "STATE_SUCCEEDED", op["state"], "%v", op)
	return op
}

// result is a count of what an operation did.
func result(t *testing.T, op object, name string) int {
	t.Helper()
	r, ok := op["result"].(object)
	require.True(t, ok, "%v", op)
	return number(t, r[name])
}

// CON-13, CON-18, rule 12: what one kind of list offers all do: bulk changes over a filter with undo, the bin and back, and an
// export of the same filter, over the gateway and each service's own jobs.
func TestEveryListHasBulkWorkAndExport(t *testing.T) {
	in := running(t)
	c := in.organization(t, "Bulk")
	c.one("pipelines", "Sales")
	for kind, k := range map[string]struct {
		collection, name string
		update           object
		changed          string // a filter
	}{
		"contact": {"contacts", "firstName", object{"source": "seen"}, `source = "seen"`},
		"company": {"companies", "name", object{"source": "seen"}, `source = "seen"`},
		"lead":    {"leads", "title", object{"source": "seen"}, `source = "seen"`},
		"deal":    {"deals", "name", object{"source": "seen"}, `source = "seen"`},
		"product": {"products", "name", object{"unit": "seen"}, `unit = "seen"`},
	} {
		t.Run(kind, func(t *testing.T) {
			c := c.in(t)
			path, sample := "/v1/"+k.collection, `external_ids.sample:*`
			for i := range 3 {
				c.must(http.MethodPost, path, object{
					k.name: fmt.Sprintf("=Sample %d", i), "externalIds": []object{{"source": "sample", "id": strconv.Itoa(i)}},
				})
			}
			c.must(http.MethodPost, path, object{k.name: "Other"})
			bulk := func(selection object, more object) object {
				body := object{"selection": selection}
				for name, v := range more {
					body[name] = v
				}
				op, _ := c.must(http.MethodPost, path+":bulk", body)["operation"].(object)
				return c.ended(op)
			}
			undo := func(op object) object {
				back, _ := c.must(http.MethodPost, "/v1/operations/"+text(t, op, "id")+":undo", object{})["operation"].(object)
				return c.ended(back)
			}

			op := bulk(object{"filter": sample}, object{"action": "BULK_ACTION_UPDATE", kind: k.update})
			require.Equal(t, 3, result(t, op, "changed"), "%v", op)
			require.Equal(t, 3, c.count(k.collection, k.changed))
			a := c.do(http.MethodGet, path+":export?filter="+url.QueryEscape(sample)+"&columns="+columnOf(k.name)+"&orderBy="+url.QueryEscape(orderOf(k.name)), nil)
			require.Equal(t, http.StatusOK, a.status, "%s", a.body)
			require.Equal(t, columnOf(k.name)+"\n'=Sample 0\n'=Sample 1\n'=Sample 2\n", string(a.body))
			require.Contains(t, a.header.Get("Content-Disposition"), kind+"-")
			require.Equal(t, 3, result(t, undo(op), "restored"))
			require.Zero(t, c.count(k.collection, k.changed))

			op = bulk(object{"filter": sample}, object{"action": "BULK_ACTION_DELETE"})
			require.Equal(t, 3, result(t, op, "changed"))
			require.Equal(t, 1, c.count(k.collection, ""))
			op = bulk(object{"everything": true, "showDeleted": true}, object{"action": "BULK_ACTION_RESTORE"})
			require.Equal(t, 3, result(t, op, "changed"))
			require.Equal(t, 3, result(t, undo(op), "restored"))
			require.Equal(t, 1, c.count(k.collection, ""))
		})
	}
}

// columnOf is the field of a record as exports and filters call it.
func columnOf(name string) string { return strings.ReplaceAll(name, "firstName", "first_name") }

// orderOf is what a list is sorted by that begins with the field.
func orderOf(name string) string { return strings.ReplaceAll(name, "firstName", "name") }
