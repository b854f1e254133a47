package config

import (
	"fmt"
	"io"
	"text/tabwriter"
)

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
