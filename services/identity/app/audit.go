package app

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/audit"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/store"
)

// AuditConsumer is the name under which events are read for the audit log.
const AuditConsumer = "identity.audit"

// newAudit wires the audit log, and the job that tells of refused sign-ins.
func (a *App) newAudit(cfg Config, st *store.Store, workers *river.Workers) (*store.Audit, error) {
	key, err := audit.NewKey(cfg.Secret)
	if err != nil {
		return nil, err
	}
	log := &store.Audit{
		Store: st, Values: &audit.Values{}, Key: key,
		Enqueue: func(ctx context.Context, tx pgx.Tx, job session.Refused) error {
			return a.jobs.Insert(ctx, tx, job, nil)
		},
	}
	river.AddWorker(workers, &session.RefusedWorker{Accounts: st, Tell: log.TellRefused})
	return log, nil
}

// auditConsumer reads the events of all services, and those published once more for the log.
func auditConsumer(d Deps, log *store.Audit) *inbox.Consumer {
	return &inbox.Consumer{
		Name: AuditConsumer, Topics: append(audit.Topics(), broker.ReplayTopic(AuditConsumer)), Brokers: d.Brokers, DB: d.System,
		Together: []inbox.Together{{Types: []string{inbox.Any}, Apply: log.Record}},
		// Each transaction holds the end of a chain.
		Apart: true,
		Log:   d.Log, Metrics: d.Metrics,
	}
}

// AuditAnchor is a place in an organisation's audit log and the hash that stood there when it was noted down.
type AuditAnchor struct {
	Sequence int64
	Hash     string
}

// AuditReport is what the check of one organisation's audit log has found.
type AuditReport struct {
	Organization, Name string
	// Checked and Erased are numbers of entries; of the erased ones the values are gone.
	Checked, Erased int64
	// Last is the last entry that was found sound.
	Last AuditAnchor
	// Sequence is the first place at fault and Problem what is wrong there; 0 and empty if nothing is.
	Sequence int64
	Problem  string
}

// VerifyAudit checks the audit logs of all organisations, or of one, and tells of each. The database is identity's, opened
// as kontor_system; nothing else is needed, the services may stand still. Without a secret the seals are not looked at.
func VerifyAudit(ctx context.Context, db *pg.DB, secret, organization string, anchors []AuditAnchor, tell func(AuditReport)) error {
	var key *audit.Key
	if secret != "" {
		k, err := audit.NewKey(secret)
		if err != nil {
			return err
		}
		key = &k
	}
	known := make([]audit.Anchor, len(anchors))
	for i, a := range anchors {
		known[i] = audit.Anchor(a)
	}
	return pgx.BeginTxFunc(ctx, db.Pool(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// An organisation whose row is gone has a log still.
		rows, err := tx.Query(ctx, `
			SELECT organization_id::text, coalesce(name, '')
			FROM (SELECT organization_id FROM organizations UNION SELECT organization_id FROM audit_heads) ids
				LEFT JOIN organizations USING (organization_id)
			WHERE $1 = '' OR organization_id = NULLIF($1, '')::uuid
			ORDER BY organization_id`, organization)
		if err != nil {
			return fmt.Errorf("list organisations: %w", err)
		}
		type named struct{ ID, Name string }
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[named])
		if err != nil {
			return fmt.Errorf("list organisations: %w", err)
		}
		if len(all) == 0 && organization != "" {
			return fmt.Errorf("there is no organisation %s", organization)
		}
		for _, o := range all {
			v, err := store.VerifyAudit(ctx, tx, key, o.ID, 0, 0, known)
			if err != nil {
				return err
			}
			r := AuditReport{Organization: o.ID, Name: o.Name, Checked: v.Checked, Erased: v.Erased, Last: AuditAnchor(v.Last)}
			if v.Problem != nil {
				r.Sequence, r.Problem = v.Problem.Sequence, v.Problem.Text
			}
			tell(r)
		}
		return nil
	})
}
