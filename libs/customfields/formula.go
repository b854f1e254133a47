package customfields

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"
	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// formulaCost bounds what computing one formula may cost, in CEL's units: some hundred microseconds.
const formulaCost = 100_000

// formulas compiles the formulas of a kind. Every name that can be used is a variable of its own, so that a wrong name or
// a wrong type is found when the formula is saved.
type formulas struct {
	env   *cel.Env
	names *names
	known []string
}

// formula is a compiled formula.
type formula struct {
	program cel.Program
	names   *names
	// uses are the names in it.
	uses   []string
	yields customfieldsv1.Type
}

// celNames are names that CEL itself gives a meaning; fields of the record called so are record.<name>.
func celNames(name string) bool {
	return slices.Contains([]string{
		"type", "int", "uint", "double", "string", "bool", "bytes", "list", "map", "dyn", "null_type", "duration", "timestamp",
		"in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace",
		"return", "var", "void", "while",
	}, name)
}

func variable(name string) string {
	if celNames(name) {
		return "record." + name
	}
	return name
}

// formulas returns the compiler of the kind's formulas.
func (n *names) formulas() (*formulas, error) {
	fs := &formulas{names: n}
	opts := []cel.EnvOption{
		ext.Strings(), ext.Math(), cel.CrossTypeNumericComparisons(true), cel.ParserRecursionLimit(50),
		cel.ParserExpressionSizeLimit(2000),
	}
	declare := func(name string, t *cel.Type) {
		fs.known = append(fs.known, name)
		opts = append(opts, cel.Variable(variable(name), t))
	}
	for _, name := range slices.Sorted(maps.Keys(n.builtin)) {
		f := n.builtin[name]
		t := celType(f)
		declare(name, t)
		if f.Kind() == protoreflect.MessageKind && f.Message().FullName() == moneyMessage {
			declare(name+".currency", cel.StringType)
		}
	}
	for _, f := range n.kind.Fields {
		switch f.Def.GetType() {
		case customfieldsv1.Type_TYPE_FORMULA: // formulas do not use each other: there would be an order, and circles
		case customfieldsv1.Type_TYPE_NUMBER:
			declare(f.path, cel.DoubleType)
		case customfieldsv1.Type_TYPE_MONEY:
			declare(f.path, cel.DoubleType)
			declare(f.path+".currency", cel.StringType)
		case customfieldsv1.Type_TYPE_DATE, customfieldsv1.Type_TYPE_DATE_TIME:
			declare(f.path, cel.TimestampType)
		case customfieldsv1.Type_TYPE_BOOLEAN:
			declare(f.path, cel.BoolType)
		case customfieldsv1.Type_TYPE_CHOICES:
			declare(f.path, cel.ListType(cel.StringType))
		case customfieldsv1.Type_TYPE_ADDRESS:
			declare(f.path, cel.MapType(cel.StringType, cel.StringType))
		default:
			declare(f.path, cel.StringType)
		}
	}
	var err error
	if fs.env, err = cel.NewEnv(opts...); err != nil {
		return nil, fmt.Errorf("formulas of %s: %w", n.kind.Name, err)
	}
	return fs, nil
}

func celType(f protoreflect.FieldDescriptor) *cel.Type {
	switch {
	case f.IsList():
		return cel.ListType(cel.StringType)
	case f.Kind() == protoreflect.BoolKind:
		return cel.BoolType
	case f.Kind() == protoreflect.MessageKind:
		if f.Message().FullName() == moneyMessage {
			return cel.DoubleType
		}
		return cel.TimestampType
	case f.Kind() == protoreflect.StringKind, f.Kind() == protoreflect.EnumKind:
		return cel.StringType
	}
	return cel.DoubleType
}

// compile checks a formula. Its errors are for the person who wrote it.
func (fs *formulas) compile(source string) (*formula, error) {
	ast, issues := fs.check(source)
	if issues.Err() != nil {
		return nil, errors.New(explained(issues))
	}
	f := &formula{names: fs.names}
	switch ast.OutputType().Kind() {
	case types.DoubleKind, types.IntKind, types.UintKind:
		f.yields = customfieldsv1.Type_TYPE_NUMBER
	case types.StringKind:
		f.yields = customfieldsv1.Type_TYPE_STRING
	case types.BoolKind:
		f.yields = customfieldsv1.Type_TYPE_BOOLEAN
	case types.TimestampKind:
		f.yields = customfieldsv1.Type_TYPE_DATE_TIME
	default:
		return nil, fmt.Errorf("yields %s; a formula is to yield text, a number, true or false, or a time", ast.OutputType())
	}
	for _, r := range ast.NativeRep().ReferenceMap() {
		for _, name := range fs.known {
			if r.Name == variable(name) && !slices.Contains(f.uses, name) {
				f.uses = append(f.uses, name)
			}
		}
	}
	var err error
	if f.program, err = fs.env.Program(ast, cel.CostLimit(formulaCost), cel.EvalOptions(cel.OptOptimize)); err != nil {
		return nil, fmt.Errorf("cannot be computed: %w", err)
	}
	return f, nil
}

// compute returns the formula's value as it is kept: nil if something it uses is empty, or it fails (division by zero,
// too costly).
func (f *formula) compute(msg proto.Message, values Values) any {
	vars := make(map[string]any, len(f.uses))
	for _, name := range f.uses {
		switch v := f.names.value(name, msg, values).(type) {
		case nil:
		case json.Number:
			if n, ok := float(v); ok {
				vars[variable(name)] = n
			}
		default:
			vars[variable(name)] = v
		}
	}
	out, _, err := f.program.Eval(vars)
	if err != nil {
		return nil
	}
	return kept(out)
}

// kept turns what CEL computes into a value.
func kept(v ref.Val) any {
	switch x := v.Value().(type) {
	case string:
		if !utf8.ValidString(x) || utf8.RuneCountInString(x) > maxString || strings.ContainsRune(x, 0) {
			return nil
		}
		return orNil(x)
	case bool:
		return x
	case int64:
		return plain(decimal.NewFromInt(x))
	case uint64:
		return plain(decimal.NewFromUint64(x))
	case float64:
		if math.IsNaN(x) || math.Abs(x) >= 1e18 {
			return nil
		}
		// Ten digits after the point, as of any number here: what doubles add beyond is noise.
		return plain(decimal.NewFromFloat(x).Round(10))
	case time.Time:
		if x.Year() < 1 || x.Year() > 9999 {
			return nil
		}
		return x.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
	}
	return nil
}
