package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Term is one thing by which a user is looked up: one of the fields is filled.
type Term struct {
	// Name and Email are in lower case.
	Name, Email string
	// Source and ExternalID belong together.
	Source, ExternalID string
}

// Match answers a term.
type Match struct {
	ID        string
	Ambiguous bool
}

// LookupUsers answers the terms in their order. Deactivated users are found too: history belongs to them.
func (s *Store) LookupUsers(ctx context.Context, org string, terms []Term) ([]Match, error) {
	var names, emails, sources, externals []string
	for _, t := range terms {
		switch {
		case t.Name != "":
			names = append(names, t.Name)
		case t.Email != "":
			emails = append(emails, t.Email)
		case t.ExternalID != "":
			sources, externals = append(sources, t.Source), append(externals, t.ExternalID)
		}
	}
	rows, err := s.DB.Query(ctx, org, `
		SELECT lower(name), '', '', '', min(id::text), count(*)
		FROM users
		WHERE organization_id = $1 AND lower(name) = ANY($2::text[])
		GROUP BY lower(name)
		UNION ALL
		SELECT '', email, '', '', id::text, 1
		FROM users
		WHERE organization_id = $1 AND email = ANY($3::text[])
		UNION ALL
		SELECT '', '', x.source, x.external_id, x.record_id::text, 1
		FROM external_ids x JOIN unnest($4::text[], $5::text[]) AS n (source, external_id)
			ON x.source = n.source AND x.external_id = n.external_id
		WHERE x.organization_id = $1 AND x.kind = 'user'`, org, list(names), list(emails), list(sources), list(externals))
	if err != nil {
		return nil, fmt.Errorf("look up users: %w", err)
	}
	found := make(map[Term]Match)
	var t Term
	var id string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&t.Name, &t.Email, &t.Source, &t.ExternalID, &id, &n}, func() error {
		m := Match{ID: id}
		if n > 1 {
			m = Match{Ambiguous: true}
		}
		found[t] = m
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look up users: %w", err)
	}
	out := make([]Match, len(terms))
	for i, t := range terms {
		out[i] = found[t]
	}
	return out, nil
}
