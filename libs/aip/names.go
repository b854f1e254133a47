package aip

import (
	"slices"

	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
)

// FilterNames returns the fields that a filter names, as written, each once; none of a filter that cannot be read, which
// whoever compiles it refuses.
func FilterNames(filter string) []string {
	e, err := parse(filter)
	if err != nil {
		return nil
	}
	var names []string
	var walk func(*expr.Expr)
	walk = func(e *expr.Expr) {
		args := e.GetCallExpr().GetArgs()
		for i, a := range args {
			if name, ok := path(a); ok && i == 0 && len(args) == 2 && !slices.Contains(names, name) {
				names = append(names, name)
			}
			walk(a)
		}
	}
	walk(e)
	return names
}
