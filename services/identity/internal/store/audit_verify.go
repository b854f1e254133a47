package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/identity/internal/audit"
	"kontor.internal/services/identity/internal/publish"
)

// verifyPage is how many entries are read at a time.
const verifyPage = 2000

// Verified is what a check of a chain has found.
type Verified struct {
	Checked, Erased int64
	// Next is where to go on; 0 if the end was reached or a problem found.
	Next    int64
	Last    audit.Anchor
	Problem *audit.Problem
}

// VerifyAudit checks an organisation's chain from a place on, at most so many entries (all if 0). What came before the place
// counts as checked. tx sees one state of the database and the organisation's rows; without a key the head's seal is not
// looked at.
func VerifyAudit(ctx context.Context, tx pgx.Tx, key *audit.Key, org string, from, most int64, anchors []audit.Anchor) (*Verified, error) {
	var head *audit.Head
	rows, err := tx.Query(ctx, `SELECT sequence, hash, seal FROM audit_heads WHERE organization_id = $1`, org)
	if err != nil {
		return nil, fmt.Errorf("head of audit log: %w", err)
	}
	if head, err = pgx.CollectExactlyOneRow(rows, scanHead); errors.Is(err, pgx.ErrNoRows) {
		head, err = nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("head of audit log: %w", err)
	}
	v := audit.NewVerifier(org, head, anchors)
	after := int64(0)
	if from > 1 {
		var hash []byte
		err := tx.QueryRow(ctx, `
			SELECT sequence, hash FROM audit_entries WHERE organization_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT 1`,
			org, from).Scan(&after, &hash)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return nil, fmt.Errorf("verify audit log: %w", err)
		}
		if err == nil {
			v.After(after, hash)
		}
	}
	for {
		all, err := entriesAfter(ctx, tx, org, after)
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if p := v.Next(e); p != nil {
				return verified(v, p), nil
			}
			after = e.Sequence
			if most > 0 && v.Checked >= most {
				out := verified(v, nil)
				out.Next = after + 1
				return out, nil
			}
		}
		if len(all) < verifyPage {
			return verified(v, v.End(key)), nil
		}
	}
}

func verified(v *audit.Verifier, p *audit.Problem) *Verified {
	return &Verified{Checked: v.Checked, Erased: v.Erased, Last: v.Last(), Problem: p}
}

func entriesAfter(ctx context.Context, tx pgx.Tx, org string, after int64) ([]*audit.Entry, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+entryColumns+`
		FROM audit_entries
		WHERE organization_id = $1 AND sequence > $2
		ORDER BY sequence
		LIMIT $3`, org, after, verifyPage)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*audit.Entry, error) { return scanEntry(row) })
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	return all, nil
}

// Verify checks the organisation's chain: see [VerifyAudit].
func (s *Audit) Verify(ctx context.Context, org string, from, most int64, anchors []audit.Anchor) (*Verified, error) {
	var out *Verified
	err := s.DB.Read(ctx, org, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		out, err = VerifyAudit(ctx, tx, &s.Key, org, from, most, anchors)
		return err
	})
	return out, err
}

// TellExport tells that a user begins to take the log out of the suite.
func (s *Store) TellExport(ctx context.Context, org, userID, kind string, list *typev1.ExportList) error {
	exportID := id.New()
	return s.DB.Write(ctx, org, func(context.Context, pgx.Tx) ([]event.Event, error) {
		return []event.Event{event.New(publish.Topic, "export", exportID, 1, &identityv1.ListExported{
			Export: &typev1.Export{Id: exportID, Kind: kind, UserId: userID, List: list},
		})}, nil
	})
}
