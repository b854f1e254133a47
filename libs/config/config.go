// Package config fills a struct from defaults, the environment and flags, in this order of growing weight.
//
// Tags of a field:
//
//	env:"KONTOR_HTTP_ADDR"   name in the environment; with a Source.Prefix the prefix is put before it
//	flag:"http-addr"         name of the flag; none if missing
//	default:"127.0.0.1:8080" value when neither is given
//	help:"…"                 what it is for
//	required:"true"          must not be empty in the end
//	secret:"true"            shown as "…" by Dump; userinfo of URLs is never shown
//
// Fields are strings, bools, integers, floats, time.Duration, lists of strings (separated by commas), anything with
// UnmarshalText, and structs of those. A field without env and flag is left alone. A struct with a method
// Validate() error is asked once everything is filled in.
package config

import (
	"encoding"
	"errors"
	"flag"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Source is where values come from.
type Source struct {
	// Prefix goes before every env name, such as "KONTOR_"; the tags then leave it out.
	Prefix string
	// Env looks a name up, as os.LookupEnv does. Nil: the environment is not read.
	Env func(string) (string, bool)
	// Args are the flags, without the program's name. Nil: there are none.
	Args []string
	// Name of the command, for the help text.
	Name string
	// Output takes the help text; discarded if nil.
	Output io.Writer
}

// Load fills cfg, a pointer to a struct, and returns the arguments that are not flags. It reports every value that is
// missing or wrong, not the first only. It returns flag.ErrHelp if help was asked for and has been printed.
func Load(cfg any, src Source) (rest []string, err error) {
	fields, err := fieldsOf(cfg, src.Prefix)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, f := range fields {
		if err := f.fill(src.Env); err != nil {
			problems = append(problems, err)
		}
	}
	if rest, err = parseFlags(fields, src); err != nil {
		return nil, err
	}
	for _, f := range fields {
		if f.required && f.value.IsZero() {
			problems = append(problems, fmt.Errorf("%s is required: %s", f.title(), f.help))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if v, ok := cfg.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
	}
	return rest, nil
}

// field is one value to fill.
type field struct {
	value            reflect.Value
	env, flag, def   string
	help             string
	required, secret bool
}

func (f *field) title() string {
	switch {
	case f.env != "" && f.flag != "":
		return f.env + " (--" + f.flag + ")"
	case f.env != "":
		return f.env
	}
	return "--" + f.flag
}

func fieldsOf(cfg any, prefix string) ([]*field, error) {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("config: want a pointer to a struct, got %T", cfg)
	}
	return collect(v.Elem(), prefix, nil)
}

func collect(v reflect.Value, prefix string, into []*field) ([]*field, error) {
	t := v.Type()
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() && !sf.Anonymous { // what is embedded may bring exported fields
			continue
		}
		f := &field{
			value: v.Field(i), env: sf.Tag.Get("env"), flag: sf.Tag.Get("flag"), def: sf.Tag.Get("default"),
			help: sf.Tag.Get("help"), required: sf.Tag.Get("required") == "true",
			secret: sf.Tag.Get("secret") == "true",
		}
		if f.env == "" && f.flag == "" {
			if sf.Type.Kind() == reflect.Struct {
				var err error
				if into, err = collect(v.Field(i), prefix, into); err != nil {
					return nil, err
				}
			}
			continue
		}
		if f.env != "" {
			f.env = prefix + f.env
		}
		if !settable(f.value) {
			return nil, fmt.Errorf("config: field %s has type %s, which cannot be read from text", sf.Name, sf.Type)
		}
		into = append(into, f)
	}
	return into, nil
}

// fill sets the value from the environment or, failing that, to the default.
func (f *field) fill(env func(string) (string, bool)) error {
	if env != nil && f.env != "" {
		if s, ok := env(f.env); ok && s != "" {
			if err := set(f.value, s); err != nil {
				return fmt.Errorf("%s: %w", f.env, f.hide(err))
			}
			return nil
		}
	}
	if f.def == "" {
		return nil
	}
	if err := set(f.value, f.def); err != nil {
		return fmt.Errorf("%s: default: %w", f.title(), err)
	}
	return nil
}

// hide keeps a secret that cannot be read out of the error that says so.
func (f *field) hide(err error) error {
	if f.secret {
		return errors.New("cannot be read")
	}
	return err
}

func parseFlags(fields []*field, src Source) ([]string, error) {
	fs := flag.NewFlagSet(src.Name, flag.ContinueOnError)
	out := src.Output
	if out == nil {
		out = io.Discard
	}
	fs.SetOutput(out)
	fs.Usage = func() { usage(out, src.Name, fields) }
	for _, f := range fields {
		if f.flag == "" {
			continue
		}
		if f.value.Kind() == reflect.Bool {
			fs.BoolFunc(f.flag, f.help, func(s string) error { return set(f.value, s) })
			continue
		}
		fs.Func(f.flag, f.help, func(s string) error { return f.hideNil(set(f.value, s)) })
	}
	if err := fs.Parse(src.Args); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	return fs.Args(), nil
}

func (f *field) hideNil(err error) error {
	if err == nil {
		return nil
	}
	return f.hide(err)
}

// unmarshaler returns the own text form of a field, if its type has one.
func unmarshaler(v reflect.Value) (encoding.TextUnmarshaler, bool) {
	u, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return u, ok
}

func settable(v reflect.Value) bool {
	if _, ok := unmarshaler(v); ok {
		return true
	}
	switch v.Kind() { //nolint:exhaustive // The rest cannot be read from text.
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return true
	case reflect.Slice:
		return v.Type().Elem().Kind() == reflect.String
	}
	return false
}

func set(v reflect.Value, s string) error {
	if u, ok := unmarshaler(v); ok {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("%q: %w", s, err)
		}
		return nil
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 5s or 2m30s", s)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() { //nolint:exhaustive // See settable.
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number in range", s)
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(s, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number in range", s)
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(s, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		v.SetFloat(n)
	case reflect.Slice:
		v.Set(reflect.ValueOf(list(s)).Convert(v.Type()))
	}
	return nil
}

func list(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
