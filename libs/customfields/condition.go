package customfields

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/aip"
)

// condition is a filter that is held against one record in memory: when a field is visible.
type condition struct {
	names  *names
	filter *aip.Condition
}

// condition reads a condition. Its errors are for the person who wrote it.
func (n *names) condition(filter string) (*condition, error) {
	c, err := aip.ParseCondition(filter)
	if err != nil {
		return nil, err
	}
	for _, name := range c.Names() {
		if !n.knows(name) {
			return nil, fmt.Errorf("%.80q is not a field of the record that a condition can name", name)
		}
	}
	return &condition{names: n, filter: c}, nil
}

func (n *names) knows(name string) bool {
	if key, ok := strings.CutPrefix(name, Prefix); ok {
		key, _ = strings.CutSuffix(key, ".currency")
		_, ok := n.kind.Field(key)
		return ok
	}
	base, _ := strings.CutSuffix(name, ".currency")
	_, ok := n.builtin[base]
	return ok
}

func (c *condition) holds(msg proto.Message, values Values) bool {
	return c.filter.Holds(func(name, op, want string) bool { return c.compare(name, op, want, msg, values) })
}

// compare decides one comparison. What is empty is equal to "" and to nothing else.
func (c *condition) compare(name, op, want string, msg proto.Message, values Values) bool {
	v := c.names.value(name, msg, values)
	if key, ok := strings.CutPrefix(name, Prefix); ok {
		if f, ok := c.names.kind.Field(key); ok && f.choices != nil {
			if choice, ok := f.choice(want); ok {
				want = choice
			}
		}
	}
	if list, ok := v.([]string); ok {
		has := slices.ContainsFunc(list, func(s string) bool { return fold(s) == fold(want) })
		switch op {
		case ":", "=":
			return has || want == "*" && len(list) > 0 || want == "" && len(list) == 0
		case "!=":
			return !has && (want != "" || len(list) > 0)
		}
		return false
	}
	if v == nil || v == "" {
		return (op == "=" || op == ":") && want == "" || op == "!=" && want != ""
	}
	if op == ":" && want == "*" {
		return true
	}
	order, ok := against(v, want)
	if s, text := v.(string); text && op == ":" {
		return strings.Contains(fold(s), fold(want))
	}
	if !ok {
		return op == "!="
	}
	switch op {
	case "=", ":":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	}
	return false
}

// against orders a value and what it is compared with; false if they cannot be.
func against(v any, want string) (order int, ok bool) {
	switch v := v.(type) {
	case string:
		return strings.Compare(fold(v), fold(want)), true
	case bool:
		return strings.Compare(strconv.FormatBool(v), want), want == "true" || want == "false"
	case json.Number:
		a, err := decimal.NewFromString(v.String())
		b, berr := decimal.NewFromString(want)
		if err != nil || berr != nil {
			return 0, false
		}
		return a.Cmp(b), true
	case time.Time:
		if t, err := time.Parse(time.RFC3339Nano, want); err == nil {
			return v.Compare(t), true
		}
		if t, err := time.Parse(time.DateOnly, want); err == nil {
			return v.Truncate(24 * time.Hour).Compare(t), true
		}
	}
	return 0, false
}
