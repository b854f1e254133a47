package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/config"
	"kontor.internal/services/suite/internal/demo"
	"kontor.internal/services/suite/internal/remote"
)

func demoCommand() Command {
	return Command{
		Name: "demo", Summary: "make sample data in a running suite",
		Run: func(ctx context.Context, env Env, args []string) error {
			c, err := demoClient(env, "kontor demo", args)
			if err != nil {
				return err
			}
			return makeDemo(ctx, c, env.Stdout)
		},
	}
}

func demoRemoveCommand() Command {
	return Command{
		Name: "demo remove", Summary: "put the sample data into the bin",
		Run: func(ctx context.Context, env Env, args []string) error {
			c, err := demoClient(env, "kontor demo remove", args)
			if err != nil {
				return err
			}
			return removeDemo(ctx, c, env.Stdout)
		},
	}
}

func demoClient(env Env, name string, args []string) (*remote.Client, error) {
	var cfg apiConfig
	rest, err := config.Load(&cfg, config.Source{Env: env.Lookup, Args: args, Name: name, Output: env.Stdout})
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("unexpected argument %q: %w", rest[0], ErrUsage)
	}
	return cfg.client()
}

// marked is the filter of sample data.
const marked = "external_ids." + demo.Source + ":*"

// demoCollections are where sample data is, those that others refer to last.
func demoCollections() []string {
	return []string{"deals", "leads", "contacts", "companies", "products", "sections"}
}

func makeDemo(ctx context.Context, c *remote.Client, out io.Writer) error {
	for _, collection := range demoCollections() {
		err := c.Each(ctx, collection, marked, func(remote.Object) error { return errThere })
		if errors.Is(err, errThere) {
			return fmt.Errorf("there is sample data among the %s; remove it first: kontor demo remove", collection)
		}
		if err != nil {
			return err
		}
	}
	stages, err := defaultStages(ctx, c)
	if err != nil {
		return err
	}
	now := clock.System()
	d := demo.New(strconv.FormatInt(now.Unix(), 36), now, stages)
	for _, s := range d.Sections() {
		rec := remote.Object{"name": s.Name, "externalIds": []remote.Object{{"source": demo.Source, "id": s.ID}}}
		if err := c.Post(ctx, "/v1/sections", rec, nil); err != nil && reasonOf(err) != "SECTION_NAME_TAKEN" {
			return fmt.Errorf("make section %s: %w", s.Name, err)
		}
	}
	for _, f := range d.Files() {
		op, err := c.Import(ctx, f.Kind, f.Mapping, f.Name, false,
			func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.Content)), nil }, func(remote.Operation) {})
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		fmt.Fprintf(out, "%-10s %3.0f made\n", remote.Collection(f.Kind), op.Result.Created)
		for _, e := range op.Errors {
			fmt.Fprintf(out, "    line %d (%s): %s: %s\n", e.Line, e.Field, e.Reason, e.Message)
		}
	}
	fmt.Fprintln(out, "remove it again: kontor demo remove")
	return nil
}

// errThere ends the reading of a list at its first record.
var errThere = errors.New("there is sample data")

func reasonOf(err error) string {
	var p *remote.ProblemError
	if errors.As(err, &p) {
		return p.Reason
	}
	return ""
}

// defaultStages are the stages of the pipeline that deals go into.
func defaultStages(ctx context.Context, c *remote.Client) (demo.Stages, error) {
	var page struct {
		Pipelines []struct {
			Name   string `json:"name"`
			Stages []struct {
				Name string `json:"name"`
				Kind string `json:"kind"`
			} `json:"stages"`
		} `json:"pipelines"`
	}
	if err := c.Get(ctx, "/v1/pipelines", url.Values{"filter": {"is_default = true"}}, &page); err != nil {
		return demo.Stages{}, err
	}
	if len(page.Pipelines) == 0 {
		return demo.Stages{}, errors.New("there is no default pipeline")
	}
	p := page.Pipelines[0]
	s := demo.Stages{Pipeline: p.Name}
	for _, st := range p.Stages {
		switch {
		case st.Kind == "STAGE_KIND_WON" && s.Won == "":
			s.Won = st.Name
		case st.Kind == "STAGE_KIND_LOST" && s.Lost == "":
			s.Lost = st.Name
		case st.Kind == "STAGE_KIND_OPEN":
			s.Open = append(s.Open, st.Name)
		}
	}
	return s, nil
}

func removeDemo(ctx context.Context, c *remote.Client, out io.Writer) error {
	for _, collection := range demoCollections() {
		n := 0
		err := c.Each(ctx, collection, marked, func(rec remote.Object) error {
			recID, _ := rec["id"].(string)
			err := c.Delete(ctx, "/v1/"+collection+"/"+url.PathEscape(recID))
			if reasonOf(err) == "SECTION_NOT_EMPTY" {
				return nil // something of the user's own stands in it now
			}
			n++
			return err
		})
		if err != nil {
			return fmt.Errorf("remove %s: %w", collection, err)
		}
		fmt.Fprintf(out, "%-10s %3d removed\n", collection, n)
	}
	return nil
}
