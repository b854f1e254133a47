package search

import (
	"context"
	"slices"
	"sync"

	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
)

const (
	standardHits = 20
	// MaxHits is how many hits are told at most.
	MaxHits = 100
)

// Limit is how many hits a request asks for.
func Limit(req *searchv1.SearchRequest) int {
	if n := int(req.GetPageSize()); n > 0 {
		return min(n, MaxHits)
	}
	return standardHits
}

// Wants reports whether a request asks for records of a kind.
func Wants(req *searchv1.SearchRequest, kind string) bool {
	return len(req.GetKinds()) == 0 || slices.Contains(req.GetKinds(), kind)
}

// Part is a kind of record with who looks for it.
type Part struct {
	Source *Source
	Viewer Viewer
}

// Serve answers a request: all kinds at once, the best of all. service is what it is called if the time was too short.
func Serve(ctx context.Context, req *searchv1.SearchRequest, q Query, service string, parts ...Part) (*searchv1.SearchResponse, error) {
	type result struct {
		hits       []Hit
		incomplete bool
		err        error
	}
	results := make([]result, len(parts))
	var wait sync.WaitGroup
	for i, p := range parts {
		if !Wants(req, p.Source.Kind) {
			continue
		}
		wait.Go(func() {
			r := &results[i]
			r.hits, r.incomplete, r.err = p.Source.Find(ctx, q, p.Viewer, Limit(req), req.GetPatient())
		})
	}
	wait.Wait()
	var hits []Hit
	resp := &searchv1.SearchResponse{}
	for _, r := range results {
		if r.err != nil {
			return nil, r.err
		}
		hits = append(hits, r.hits...)
		if r.incomplete {
			resp.Incomplete = []string{service}
		}
	}
	resp.Hits = Told(Best(hits, Limit(req)))
	return resp, nil
}

// Told turns hits into messages.
func Told(hits []Hit) []*searchv1.Hit {
	out := make([]*searchv1.Hit, len(hits))
	for i := range hits {
		h := &hits[i]
		out[i] = &searchv1.Hit{Kind: h.Kind, Id: h.ID, Title: h.name(), Subtitle: h.Subtitle, Score: h.Score, DoNotContact: h.DoNotContact}
		for _, m := range h.Matches {
			match := &searchv1.Match{Field: m.Field, Snippet: m.Snippet}
			for _, r := range m.Ranges {
				match.Ranges = append(match.Ranges, &searchv1.Range{Start: int32(r.Start), End: int32(r.End)})
			}
			out[i].Matches = append(out[i].Matches, match)
		}
	}
	return out
}
