package aip

import (
	"slices"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
)

// Condition is a filter that is held against single records in memory.
type Condition struct {
	root  *expr.Expr
	names []string
}

// ParseCondition reads a filter of comparisons joined by AND, OR and NOT. Errors are ErrFilter.
func ParseCondition(filter string) (*Condition, error) {
	parsed, err := parse(filter)
	if err != nil {
		return nil, filterError("%.300s", err.Error())
	}
	c := &Condition{root: parsed}
	if parsed == nil {
		return c, nil
	}
	return c, c.check(parsed)
}

// Names are the fields that the condition names, as written, each once.
func (c *Condition) Names() []string { return c.names }

func (c *Condition) check(e *expr.Expr) error {
	args := e.GetCallExpr().GetArgs()
	switch fn := e.GetCallExpr().GetFunction(); fn {
	case filtering.FunctionAnd, filtering.FunctionFuzzyAnd, filtering.FunctionOr, filtering.FunctionNot:
		for _, a := range args {
			if err := c.check(a); err != nil {
				return err
			}
		}
		return nil
	case filtering.FunctionEquals, filtering.FunctionNotEquals, filtering.FunctionLessThan, filtering.FunctionLessEquals,
		filtering.FunctionGreaterThan, filtering.FunctionGreaterEquals, filtering.FunctionHas:
		if len(args) != 2 {
			return filterError("%s takes a field and a value", fn)
		}
		name, ok := path(args[0])
		if !ok {
			return filterError("left of %s must be a field", fn)
		}
		if !slices.Contains(c.names, name) {
			c.names = append(c.names, name)
		}
		_, err := value(args[1])
		return err
	}
	return filterError("a bare word is not a condition; write field = value")
}

// Holds decides the condition; compare decides single comparisons, op being one of = != < <= > >= and the colon. An empty
// condition holds.
func (c *Condition) Holds(compare func(name, op, value string) bool) bool {
	return c.root == nil || holds(c.root, compare)
}

func holds(e *expr.Expr, compare func(name, op, value string) bool) bool {
	args := e.GetCallExpr().GetArgs()
	switch fn := e.GetCallExpr().GetFunction(); fn {
	case filtering.FunctionAnd, filtering.FunctionFuzzyAnd:
		return !slices.ContainsFunc(args, func(a *expr.Expr) bool { return !holds(a, compare) })
	case filtering.FunctionOr:
		return slices.ContainsFunc(args, func(a *expr.Expr) bool { return holds(a, compare) })
	case filtering.FunctionNot:
		return len(args) == 1 && !holds(args[0], compare)
	default:
		name, _ := path(args[0])
		v, err := value(args[1])
		return err == nil && compare(name, fn, v)
	}
}
