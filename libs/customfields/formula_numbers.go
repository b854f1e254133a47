package customfields

import (
	"regexp"
	"strings"

	"github.com/google/cel-go/cel"
)

// CEL keeps whole numbers and others apart: 2 is no 2.0, and area * 2 is refused. People who write formulas do not, so a whole
// number that stands beside another number is read as one with a point.

// mixed returns the operator and the types beside it if that is what CEL tells of: an operator that does not work on them.
func mixed(message string) (operator string, sides []string) {
	const before, between = "found no matching overload for '", "' applied to '("
	operator, list, ok := strings.Cut(strings.TrimPrefix(message, before), between)
	if !ok || !strings.HasPrefix(message, before) {
		return "", nil
	}
	list, _, _ = strings.Cut(list, ")'")
	return operator, strings.Split(list, ", ")
}

// mostNumbers bounds how many numbers of a formula are read anew.
const mostNumbers = 200

// check compiles a formula, with points put after whole numbers where they are missing.
func (fs *formulas) check(source string) (*cel.Ast, *cel.Issues) {
	ast, issues := fs.env.Compile(source)
	first := issues
	for range mostNumbers {
		if issues.Err() == nil {
			return ast, issues
		}
		next, ok := pointed(source, issues)
		if !ok {
			return nil, first
		}
		source = next
		ast, issues = fs.env.Compile(source)
	}
	return nil, first
}

// pointed puts a point after the whole number that the first of the issues is about; false if it is about none.
func pointed(source string, issues *cel.Issues) (string, bool) {
	for _, e := range issues.Errors() {
		operator, sides := mixed(e.Message)
		at, ok := offset(source, e.Location.Line(), e.Location.Column())
		if !ok {
			continue
		}
		var end int
		switch {
		case operator == "_?_:_" && len(sides) == 3 && sides[1] == "int" && sides[2] == "double":
			end = literalAfter(source, at+1)
		case operator == "_?_:_" && len(sides) == 3 && sides[1] == "double" && sides[2] == "int":
			if colon := strings.IndexByte(source[at:], ':'); colon >= 0 {
				end = literalAfter(source, at+colon+1)
			}
		case len(sides) == 2 && sides[0] == "int" && sides[1] == "double":
			end = literalBefore(source, at)
		case len(sides) == 2 && sides[0] == "double" && sides[1] == "int":
			end = literalAfter(source, at+1)
		}
		if end > 0 {
			return source[:end] + ".0" + source[end:], true
		}
	}
	return "", false
}

// offset is where a line and a column, counted in characters, are in a text; false if they are not in it.
func offset(source string, line, column int) (int, bool) {
	at := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(source[at:], '\n')
		if next < 0 {
			return 0, false
		}
		at += next + 1
	}
	for i := range source[at:] {
		if column == 0 {
			return at + i, true
		}
		column--
	}
	return 0, false
}

// literalAfter is the end of the whole number that stands after an operator; 0 if there is none.
func literalAfter(source string, at int) int {
	n := regexp.MustCompile(`^[\s(]*-?[0-9]+`).FindString(source[at:])
	end := at + len(n)
	if n == "" || end < len(source) && strings.IndexByte(".xuUeE", source[end]) >= 0 {
		return 0
	}
	return end
}

// literalBefore is the end of the whole number that stands before an operator; 0 if there is none.
func literalBefore(source string, at int) int {
	n := regexp.MustCompile(`(^|[^\w.])[0-9]+[\s)]*$`).FindString(source[:at])
	if n == "" {
		return 0
	}
	return at - len(n) + len(strings.TrimRight(n, " \t\n\r)"))
}

// explained says what is wrong with a formula in words for the person who wrote it.
func explained(issues *cel.Issues) string {
	var out []string
	for _, e := range issues.Errors() {
		text := e.Message
		if operator, sides := mixed(text); len(sides) > 0 {
			text = strings.Trim(operator, "_") + " does not work on " + strings.Join(worded(sides), " and ")
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return issues.Err().Error()
	}
	return strings.Join(out, "; ")
}

func worded(types []string) []string {
	words := map[string]string{
		"double": "a number", "int": "a whole number", "string": "a text", "bool": "yes or no", "timestamp": "a time",
		"google.protobuf.Timestamp": "a time", "list(string)": "a list", "google.protobuf.Duration": "a span of time",
	}
	out := make([]string, len(types))
	for i, t := range types {
		if out[i] = words[t]; out[i] == "" {
			out[i] = t
		}
	}
	return out
}
