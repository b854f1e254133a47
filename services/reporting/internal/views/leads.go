package views

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lead is what an event says of a lead.
type Lead struct {
	ID                  string
	Version             int64
	Deleted             bool
	StatusID            string
	ResponsibleID       *string
	Source              string
	ObserverIDs         []string
	AvailableToEveryone bool
	CreatedAt           time.Time
	// EnteredAt is when it came to its status; nil where the event is no change of status.
	EnteredAt *time.Time
}

// PutLead takes in what an event says of a lead. There is no roll-up of leads, so each statement is right by itself.
func PutLead(ctx context.Context, tx pgx.Tx, org string, target Target, l *Lead) error {
	b := &pgx.Batch{}
	if l.EnteredAt != nil {
		b.Queue(`
			INSERT INTO lead_changes (organization_id, generation, lead_id, version, to_status_id, at)
			SELECT $1, g.generation, $2, $3, $4, $5 FROM generations g WHERE g.state = ANY($6)
			ON CONFLICT ON CONSTRAINT lead_changes_pkey DO NOTHING`,
			org, l.ID, l.Version, l.StatusID, *l.EnteredAt, target.states())
	}
	b.Queue(`
		INSERT INTO lead_facts (organization_id, generation, lead_id, version, deleted, status_id, responsible_id, source,
			observer_ids, available_to_everyone, created_at)
		SELECT $1, g.generation, $2, $3, $4, $5, $6::uuid, $7, coalesce($8::uuid[], '{}'), $9, $10
		FROM generations g
		WHERE g.state = ANY($11)
		ON CONFLICT ON CONSTRAINT lead_facts_pkey DO UPDATE
		SET version = EXCLUDED.version, deleted = EXCLUDED.deleted, status_id = EXCLUDED.status_id,
			responsible_id = EXCLUDED.responsible_id, source = EXCLUDED.source, observer_ids = EXCLUDED.observer_ids,
			available_to_everyone = EXCLUDED.available_to_everyone
		WHERE lead_facts.version < EXCLUDED.version`,
		org, l.ID, l.Version, l.Deleted, l.StatusID, l.ResponsibleID, l.Source, l.ObserverIDs, l.AvailableToEveryone, l.CreatedAt,
		target.states())
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("put lead fact: %w", err)
	}
	return nil
}

// LeadStatus is a status of leads; its place is its index.
type LeadStatus struct {
	ID, Name string
	Kind     int16
	Retired  bool
}

// PutLeadStatuses keeps the newest statuses of leads. None ever goes: those out of use are retired.
func PutLeadStatuses(ctx context.Context, tx pgx.Tx, org string, version int64, statuses []LeadStatus) error {
	b := &pgx.Batch{}
	for i, s := range statuses {
		b.Queue(`
			INSERT INTO lead_statuses (organization_id, id, version, name, kind, position, retired)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT ON CONSTRAINT lead_statuses_pkey DO UPDATE
			SET version = EXCLUDED.version, name = EXCLUDED.name, kind = EXCLUDED.kind, position = EXCLUDED.position,
				retired = EXCLUDED.retired
			WHERE lead_statuses.version < EXCLUDED.version`, org, s.ID, version, s.Name, s.Kind, i, s.Retired)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("put lead statuses: %w", err)
	}
	return nil
}
