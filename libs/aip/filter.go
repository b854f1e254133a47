package aip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
)

const (
	maxFilter      = 32 << 10
	maxComparisons = 1000
	maxDepth       = 100
)

// Where compiles a filter to a predicate and appends its values to args: "TRUE" for an empty filter. The predicate is in
// parentheses where it needs to be. Errors are ErrFilter, and say what is wrong where.
func (s *Schema) Where(filter string, args *[]any) (string, error) {
	tree, err := parsed(filter)
	if err != nil {
		return "", err
	}
	return s.where(tree, args)
}

// where compiles a parsed filter, nil for an empty one. It does not change it.
func (s *Schema) where(filter *expr.Expr, args *[]any) (string, error) {
	if filter == nil {
		return "TRUE", nil
	}
	c := compiler{schema: s, bind: binder(args)}
	return c.predicate(filter)
}

// parsed is a filter as a tree; nil if it is empty.
func parsed(filter string) (*expr.Expr, error) {
	if strings.TrimSpace(filter) == "" {
		return nil, nil
	}
	tree, err := parse(filter)
	if err != nil {
		return nil, filterError("%.300s", err.Error())
	}
	return tree, nil
}

// binder appends values to args and names them in SQL.
func binder(args *[]any) func(any) string {
	return func(v any) string {
		*args = append(*args, v)
		return "$" + strconv.Itoa(len(*args))
	}
}

func parse(filter string) (*expr.Expr, error) {
	if len(filter) > maxFilter {
		return nil, fmt.Errorf("longer than %d bytes", maxFilter)
	}
	if !storable(filter) {
		return nil, errNotText
	}
	if nesting(filter) > maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	var p filtering.Parser
	p.Init(filter)
	parsed, err := p.Parse()
	if err != nil {
		return nil, err
	}
	return parsed.GetExpr(), nil
}

var errNotText = errors.New("contains a NUL character or is not UTF-8")

// storable reports whether PostgreSQL can hold s as text.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// nesting bounds the parser's recursion, counting parentheses within strings as well, which does no harm.
func nesting(filter string) int {
	depth, deepest := 0, 0
	for _, r := range filter {
		switch r {
		case '(':
			depth++
			deepest = max(deepest, depth)
		case ')':
			depth--
		}
	}
	return deepest
}

func filterError(format string, a ...any) error {
	return ErrFilter.WithField("filter", fmt.Sprintf(format, a...))
}

// compiler writes SQL for a parsed filter.
type compiler struct {
	schema *Schema
	bind   func(any) string
	count  int
}

// predicate recurses no deeper than maxFilter allows.
func (c *compiler) predicate(e *expr.Expr) (string, error) {
	call := e.GetCallExpr()
	if call == nil {
		return c.word(e)
	}
	args := call.GetArgs()
	switch fn := call.GetFunction(); fn {
	case filtering.FunctionAnd, filtering.FunctionFuzzyAnd:
		return c.join(" AND ", args)
	case filtering.FunctionOr:
		if sql, ok, err := c.oneOf(e); ok || err != nil {
			return sql, err
		}
		return c.join(" OR ", args)
	case filtering.FunctionNot:
		if len(args) != 1 {
			return "", filterError("NOT takes one condition")
		}
		p, err := c.predicate(args[0])
		if err != nil {
			return "", err
		}
		// Not the same as NOT p: what has no value does not fulfil p either.
		return "(" + p + " IS NOT TRUE)", nil
	case filtering.FunctionEquals, filtering.FunctionNotEquals, filtering.FunctionLessThan, filtering.FunctionLessEquals,
		filtering.FunctionGreaterThan, filtering.FunctionGreaterEquals, filtering.FunctionHas:
		if len(args) != 2 {
			return "", filterError("%s takes a field and a value", fn)
		}
		return c.comparison(fn, args[0], args[1])
	default:
		return "", filterError("unknown function %q", fn)
	}
}

// oneOf writes "a = x OR a = y OR …", where a is an ID, as one search of an index for all values: a head's filter names
// everybody of the department.
func (c *compiler) oneOf(e *expr.Expr) (sql string, ok bool, err error) {
	column, values := "", []string{}
	var gather func(e *expr.Expr) bool
	gather = func(e *expr.Expr) bool {
		call := e.GetCallExpr()
		args := call.GetArgs()
		if call.GetFunction() == filtering.FunctionOr {
			for _, a := range args {
				if !gather(a) {
					return false
				}
			}
			return true
		}
		if call.GetFunction() != filtering.FunctionEquals || len(args) != 2 {
			return false
		}
		name, named := path(args[0])
		f, _, known := c.schema.field(name)
		v, verr := value(args[1])
		if !named || !known || f.Type != ID || f.Custom != nil || verr != nil || v == "" || column != "" && column != f.Column {
			return false
		}
		stored, verr := f.read(v)
		id, isText := stored.(string)
		if verr != nil || !isText {
			return false // said properly where conditions are read one by one
		}
		column, values = f.Column, append(values, id)
		return true
	}
	if !gather(e) {
		return "", false, nil
	}
	for range values {
		if err := c.counted(); err != nil {
			return "", false, err
		}
	}
	return "(" + column + " = ANY(" + c.bind(values) + "::uuid[]))", true, nil
}

func (c *compiler) join(op string, args []*expr.Expr) (string, error) {
	parts := make([]string, len(args))
	for i, a := range args {
		p, err := c.predicate(a)
		if err != nil {
			return "", err
		}
		parts[i] = p
	}
	return "(" + strings.Join(parts, op) + ")", nil
}

// word is a bare value, searched for wherever the schema says.
func (c *compiler) word(e *expr.Expr) (string, error) {
	v, err := value(e)
	if err != nil {
		return "", err
	}
	if c.schema.Search == nil {
		return "", filterError("%q alone is not a condition; write field = value", v)
	}
	if err := c.counted(); err != nil {
		return "", err
	}
	return "(" + c.schema.Search(v, c.bind) + ")", nil
}

func (c *compiler) counted() error {
	if c.count++; c.count > maxComparisons {
		return filterError("more than %d conditions", maxComparisons)
	}
	return nil
}

func (c *compiler) comparison(op string, left, right *expr.Expr) (string, error) {
	if err := c.counted(); err != nil {
		return "", err
	}
	path, ok := path(left)
	if !ok {
		return "", filterError("left of %s must be a field", op)
	}
	f, key, ok := c.schema.field(path)
	if !ok {
		return "", filterError("unknown field %q", path)
	}
	v, err := value(right)
	if err != nil {
		return "", err
	}
	if f.Custom != nil {
		sql, err := f.Custom(Comparison{Path: path, Key: key, Op: op, Value: v}, c.bind)
		if err != nil {
			return "", filterError("%s: %s", path, err)
		}
		return "(" + sql + ")", nil
	}
	sql, err := c.compare(f, op, v)
	if err != nil {
		return "", filterError("%s: %s", path, err)
	}
	return "(" + sql + ")", nil
}

// path is the dotted name of a field.
func path(e *expr.Expr) (string, bool) {
	if id := e.GetIdentExpr(); id != nil {
		return id.GetName(), true
	}
	if sel := e.GetSelectExpr(); sel != nil {
		prefix, ok := path(sel.GetOperand())
		return prefix + "." + sel.GetField(), ok
	}
	return "", false
}

// value is the text of a literal, a name, or a call such as timestamp("…").
func value(e *expr.Expr) (string, error) {
	if p, ok := path(e); ok {
		return p, nil
	}
	if call := e.GetCallExpr(); call != nil {
		switch call.GetFunction() {
		case filtering.FunctionTimestamp, "date":
			if len(call.GetArgs()) == 1 {
				return value(call.GetArgs()[0])
			}
		}
		return "", filterError("%q is not a value", call.GetFunction())
	}
	switch k := e.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		if !storable(k.StringValue) { // "\x00"
			return "", filterError("%s", errNotText)
		}
		return k.StringValue, nil
	case *expr.Constant_Int64Value:
		return strconv.FormatInt(k.Int64Value, 10), nil
	case *expr.Constant_DoubleValue:
		return strconv.FormatFloat(k.DoubleValue, 'f', -1, 64), nil
	case *expr.Constant_BoolValue:
		return strconv.FormatBool(k.BoolValue), nil
	}
	return "", filterError("a value is missing")
}
