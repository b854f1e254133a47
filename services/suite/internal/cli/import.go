package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/config"
	"kontor.internal/libs/imports"
	"kontor.internal/services/suite/internal/remote"
)

// apiConfig says where the API is and who calls.
type apiConfig struct {
	Address  string `env:"KONTOR_ADDRESS" flag:"address" default:"" help:"address of the API; http:// and KONTOR_HTTP_ADDR if empty"`
	HTTPAddr string `env:"KONTOR_HTTP_ADDR" default:"127.0.0.1:8080"`
	Email    string `env:"KONTOR_EMAIL" help:"who imports"`
	Password string `env:"KONTOR_PASSWORD" secret:"true" help:"that user's password"`
	APIKey   string `env:"KONTOR_API_KEY" secret:"true" help:"instead of e-mail address and password"`
}

func (c apiConfig) client() (*remote.Client, error) {
	address := c.Address
	if address == "" {
		address = "http://" + c.HTTPAddr
	}
	return remote.New(address, remote.Credentials{APIKey: c.APIKey, Email: c.Email, Password: c.Password})
}

type importConfig struct {
	API apiConfig

	Dir    string `flag:"dir" required:"true" help:"folder of mapping files (*.yaml), which are taken in the order of their names"`
	Data   string `flag:"data" required:"true" help:"folder of the files that the mappings name"`
	DryRun bool   `flag:"dry-run" help:"check every row and change nothing"`
}

func importCommand() Command {
	return Command{
		Name: "import", Summary: "load a folder of files by its mappings, through the API of a running suite",
		Run: func(ctx context.Context, env Env, args []string) error {
			var cfg importConfig
			rest, err := config.Load(&cfg, config.Source{Env: env.Lookup, Args: args, Name: "kontor import", Output: env.Stdout})
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return fmt.Errorf("unexpected argument %q: %w", rest[0], ErrUsage)
			}
			c, err := cfg.API.client()
			if err != nil {
				return err
			}
			l := loader{client: c, out: env.Stdout, cfg: cfg}
			return l.all(ctx)
		},
	}
}

// loader loads a folder.
type loader struct {
	client *remote.Client
	out    io.Writer
	cfg    importConfig

	rejected int64
}

// mappingFile is a mapping and where it is from.
type mappingFile struct {
	name, text string
	mapping    *imports.Mapping
	data       []string // files it is for
}

// all checks every mapping and that its files are there before the first row is sent.
func (l *loader) all(ctx context.Context) error {
	files, err := l.read()
	if err != nil {
		return err
	}
	started := clock.Instant()
	for _, f := range files {
		if err := l.one(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	fmt.Fprintf(l.out, "done in %s", time.Since(started).Round(100*time.Millisecond))
	if l.rejected > 0 {
		fmt.Fprintf(l.out, "; %d rows were rejected, see above", l.rejected)
	}
	fmt.Fprintln(l.out)
	return nil
}

func (l *loader) read() ([]mappingFile, error) {
	entries, err := os.ReadDir(l.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("mappings: %w", err)
	}
	var out []mappingFile
	var problems []error
	for _, e := range entries { // sorted by name
		if ext := filepath.Ext(e.Name()); e.IsDir() || (ext != ".yaml" && ext != ".yml") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(l.cfg.Dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("mappings: %w", err)
		}
		f := mappingFile{name: e.Name(), text: string(text)}
		if f.mapping, err = imports.ParseMapping(f.text); err == nil && len(f.mapping.Fields) > 0 {
			f.data, err = l.dataOf(f.mapping)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", e.Name(), err))
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there are no mapping files (*.yaml) in %s", l.cfg.Dir)
	}
	return out, errors.Join(problems...)
}

func (l *loader) dataOf(m *imports.Mapping) ([]string, error) {
	pattern := m.Source.File
	if pattern == "" || pattern != filepath.Base(pattern) {
		return nil, errors.New("source.file must name a file of the data folder, or a pattern such as deals-*.csv")
	}
	found, err := filepath.Glob(filepath.Join(l.cfg.Data, pattern))
	if err != nil {
		return nil, fmt.Errorf("source.file: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no file %s in %s", pattern, l.cfg.Data)
	}
	slices.Sort(found)
	return found, nil
}

func (l *loader) one(ctx context.Context, f mappingFile) error {
	for _, rec := range f.mapping.Records {
		if err := l.record(ctx, f, rec); err != nil {
			return err
		}
	}
	for _, path := range f.data {
		if err := l.file(ctx, f, path); err != nil {
			return err
		}
	}
	return nil
}

// record makes a record written in the mapping, unless there is one of its name.
func (l *loader) record(ctx context.Context, f mappingFile, rec remote.Object) error {
	name, _ := rec["name"].(string)
	if name == "" {
		return errors.New("a record in records has no name to know it by")
	}
	collection := remote.Collection(f.mapping.Kind)
	there := false
	err := l.client.Each(ctx, collection, "name = "+strconv.Quote(name), func(remote.Object) error {
		there = true
		return nil
	})
	switch {
	case err != nil:
		return err
	case there:
		l.say(f, name+": is there already")
		return nil
	case l.cfg.DryRun:
		l.say(f, name+": would be made")
		return nil
	}
	if err := l.client.Post(ctx, "/v1/"+collection, rec, nil); err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	l.say(f, name+": made")
	return nil
}

func (l *loader) file(ctx context.Context, f mappingFile, path string) error {
	name := filepath.Base(path)
	last := clock.Instant()
	op, err := l.client.Import(ctx, f.mapping.Kind, f.text, name, l.cfg.DryRun,
		func() (io.ReadCloser, error) { return os.Open(path) }, //nolint:gosec // The user names the file.
		func(op remote.Operation) {
			if op.EndTime == "" && time.Since(last) >= time.Second {
				last = clock.Instant()
				l.say(f, fmt.Sprintf("%s: %d of about %d rows, %d rejected", name, op.Done, op.Total, op.Rejected))
			}
		})
	if op.ID != "" {
		l.result(f, name, op)
	}
	return err
}

// result prints what came of a file, with the rows that were rejected.
func (l *loader) result(f mappingFile, name string, op remote.Operation) {
	r := op.Result
	l.say(f, fmt.Sprintf("%s: %d rows: %.0f created, %.0f updated, %.0f skipped, %d rejected", name, op.Done, r.Created, r.Updated, r.Skipped, op.Rejected))
	l.rejected += op.Rejected
	for _, e := range op.Errors {
		field := ""
		if e.Field != "" {
			field = " (" + e.Field + ")"
		}
		fmt.Fprintf(l.out, "    line %d%s: %s: %s\n", e.Line, field, e.Reason, e.Message)
	}
	if more := op.Rejected - int64(len(op.Errors)); more > 0 {
		fmt.Fprintf(l.out, "    and %d more\n", more)
	}
	if op.RejectsFileID != "" {
		fmt.Fprintf(l.out, "    all rejected rows, to be mended and imported again: GET /v1/files/%s:download\n", url.PathEscape(op.RejectsFileID))
	}
}

func (l *loader) say(f mappingFile, text string) {
	fmt.Fprintf(l.out, "%-24s %s\n", strings.TrimSuffix(f.name, filepath.Ext(f.name)), text)
}
