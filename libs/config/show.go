package config

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"text/tabwriter"
)

// Dump returns the settings as lines "NAME=value" in the order of the fields, fit for a log: secrets are shown as "…"
// when set, and passwords within URLs are taken out.
func Dump(cfg any, prefix string) ([]string, error) {
	fields, err := fieldsOf(cfg, prefix)
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(fields))
	for i, f := range fields {
		name := f.env
		if name == "" {
			name = "--" + f.flag
		}
		lines[i] = name + "=" + f.show()
	}
	return lines, nil
}

func (f *field) show() string {
	s := text(f.value)
	switch {
	case s == "":
		return ""
	case f.secret:
		return "…"
	}
	parts := strings.Split(s, ",")
	for i, p := range parts {
		parts[i] = withoutPassword(p)
	}
	return strings.Join(parts, ",")
}

func text(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = v.Index(i).String()
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v.Interface())
}

// withoutPassword hides the password of a URL. What looks like a URL with a password but cannot be parsed is hidden
// as a whole.
func withoutPassword(s string) string {
	if !strings.Contains(s, "://") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil {
		return "…"
	}
	if u.User != nil {
		if _, has := u.User.Password(); has {
			u.User = url.UserPassword(u.User.Username(), "xxxxx")
		}
	}
	q := u.Query()
	if q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// usage writes what can be set and how.
func usage(w io.Writer, name string, fields []*field) {
	if name != "" {
		_, _ = fmt.Fprintf(w, "Usage of %s:\n", name)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		flagName := ""
		if f.flag != "" {
			flagName = "--" + f.flag
		}
		help := f.help
		if f.def != "" {
			help += " (default " + f.def + ")"
		}
		_, _ = fmt.Fprintf(tw, "  %s\t%s\t%s\n", flagName, f.env, help)
	}
	_ = tw.Flush()
}
