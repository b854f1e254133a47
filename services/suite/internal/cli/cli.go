// Package cli is the command line of Kontor: one file a subcommand.
//
// To add one, write a file with a function that returns its Command and list it in Commands.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Env is what a command gets from the process, so that tests can give it something else.
type Env struct {
	// Lookup finds an environment variable, as os.LookupEnv does.
	Lookup func(name string) (string, bool)
	Stdout io.Writer
	Stderr io.Writer
	// Version of the binary.
	Version string
}

// Command is one subcommand.
type Command struct {
	// Name is one or two words: "suite", "events replay".
	Name string
	// Summary is one line for the list of commands.
	Summary string
	// Run gets the arguments after the name. It returns flag.ErrHelp after having printed help.
	Run func(ctx context.Context, env Env, args []string) error
}

// Commands lists all, in the order of the help text.
func Commands() []Command {
	return []Command{
		suiteCommand(),
		migrateCommand(),
		importCommand(),
		// The longer name first: the first that matches is run.
		demoRemoveCommand(),
		demoCommand(),
		replayCommand(),
		parkedCommand(),
		unparkCommand(),
		auditVerifyCommand(),
		orgCreateCommand(),
		versionCommand(),
	}
}

// ErrUsage is a wrong command line. The exit code is 2.
var ErrUsage = errors.New("see `kontor help`")

// Main runs the command that args name and returns the exit code.
func Main(ctx context.Context, env Env, args []string) int {
	err := run(ctx, env, Commands(), args)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, ErrUsage):
		fmt.Fprintln(env.Stderr, "kontor:", err)
		return 2
	default:
		fmt.Fprintln(env.Stderr, "kontor:", err)
		return 1
	}
}

func run(ctx context.Context, env Env, commands []Command, args []string) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		return help(env.Stdout, commands)
	}
	for _, c := range commands {
		words := strings.Fields(c.Name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.Name {
			return c.Run(ctx, env, args[len(words):])
		}
	}
	return fmt.Errorf("no command %q: %w", args[0], ErrUsage)
}

func help(w io.Writer, commands []Command) error {
	fmt.Fprint(w, "Kontor, a CRM suite.\n\nUsage: kontor COMMAND [FLAGS]; kontor COMMAND --help tells its flags.\n\n")
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range commands {
		fmt.Fprintf(tw, "  %s\t%s\n", c.Name, c.Summary)
	}
	return tw.Flush()
}
