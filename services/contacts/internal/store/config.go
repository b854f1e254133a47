package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/wire"
)

// Config keeps how organisations handle leads; see [lead.ConfigStore].
type Config struct {
	db    *pg.DB
	clock clock.Clock
}

// Config returns the store of configurations.
func (s *Store) Config(now clock.Clock) *Config { return &Config{db: s.db, clock: now} }

const selectConfig = `
	SELECT s.version, s.untouched_seconds, s.auto_contact, s.auto_company, s.auto_deal, s.auto_pipeline_id, t.id, t.version, t.name, t.kind, t.color, t.retired, t.created_at, t.updated_at
	FROM lead_settings s
	JOIN lead_statuses t ON t.organization_id = s.organization_id
	WHERE s.organization_id = $1
	ORDER BY t.place`

// Config see [lead.ConfigStore]. New organisations get theirs when they first need it: no event has to have arrived.
func (s *Config) Config(ctx context.Context, org string) (lead.Config, error) {
	rows, err := s.db.Query(ctx, org, selectConfig, org)
	if err != nil {
		return lead.Config{}, fmt.Errorf("read lead settings: %w", err)
	}
	cfg, err := collectConfig(rows)
	if err != nil || len(cfg.Statuses) > 0 {
		return cfg, err
	}
	// In a transaction of its own: the caller's request ID belongs to what it asked for, not to this.
	err = s.db.Write(idem.Without(ctx), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		var made bool
		cfg, made, err = s.ensure(ctx, tx, org)
		if err != nil || !made {
			return nil, err
		}
		return []event.Event{publish.Config(org, cfg)}, nil
	})
	if err != nil {
		return lead.Config{}, fmt.Errorf("make lead settings: %w", err)
	}
	return cfg, nil
}

func collectConfig(rows pgx.Rows) (lead.Config, error) {
	var cfg lead.Config
	var seconds int64
	var st lead.Status
	var kind int16
	_, err := pgx.ForEachRow(rows, []any{
		&cfg.Version, &seconds, &cfg.Auto.Contact, &cfg.Auto.Company, &cfg.Auto.Deal,
		uuidRef{&cfg.Auto.PipelineID},
		idRef{&st.ID},
		&st.Version, &st.Name, &kind, &st.Color, &st.Retired,
		timeRef{&st.CreatedAt},
		timeRef{&st.UpdatedAt},
	}, func() error {
		st.Kind = lead.StatusKind(kind)
		cfg.Statuses = append(cfg.Statuses, st)
		return nil
	})
	if err != nil {
		return lead.Config{}, fmt.Errorf("read lead settings: %w", err)
	}
	cfg.UntouchedLimit = time.Duration(seconds) * time.Second
	return cfg, nil
}

// ensure returns the configuration locked, and whether it has just been made.
func (s *Config) ensure(ctx context.Context, tx pgx.Tx, org string) (cfg lead.Config, made bool, err error) {
	fresh := lead.DefaultConfig(s.clock.Now())
	// Whoever is second waits here for the first to commit, and then finds the row.
	tag, err := tx.Exec(ctx, `
		INSERT INTO lead_settings (organization_id, version, untouched_seconds) VALUES ($1, $2, $3)
		ON CONFLICT (organization_id) DO NOTHING`, org, fresh.Version, int64(fresh.UntouchedLimit/time.Second))
	if err != nil {
		return lead.Config{}, false, fmt.Errorf("insert lead settings: %w", err)
	}
	if tag.RowsAffected() > 0 {
		return fresh, true, s.saveStatuses(ctx, tx, org, fresh)
	}
	if _, err := tx.Exec(ctx, `SELECT FROM lead_settings WHERE organization_id = $1 FOR UPDATE`, org); err != nil {
		return lead.Config{}, false, fmt.Errorf("lock lead settings: %w", err)
	}
	rows, err := tx.Query(ctx, selectConfig, org)
	if err != nil {
		return lead.Config{}, false, fmt.Errorf("read lead settings: %w", err)
	}
	cfg, err = collectConfig(rows)
	return cfg, false, err
}

func (s *Config) saveStatuses(ctx context.Context, tx pgx.Tx, org string, cfg lead.Config) error {
	n := len(cfg.Statuses)
	ids, names, colors := make([]string, n), make([]string, n), make([]string, n)
	versions, kinds, retired := make([]int64, n), make([]int16, n), make([]bool, n)
	created, updated := make([]time.Time, n), make([]time.Time, n)
	for i, st := range cfg.Statuses {
		ids[i], names[i], colors[i] = st.ID, st.Name, st.Color
		versions[i], kinds[i], retired[i] = st.Version, int16(st.Kind), st.Retired
		created[i], updated[i] = st.CreatedAt, st.UpdatedAt
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO lead_statuses (organization_id, id, version, place, name, kind, color, retired, created_at, updated_at)
		SELECT $1, n.id, n.version, n.place, n.name, n.kind, n.color, n.retired, n.created_at, n.updated_at
		FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::smallint[], $6::text[], $7::boolean[], $8::timestamptz[],
			$9::timestamptz[]) WITH ORDINALITY AS n (id, version, name, kind, color, retired, created_at, updated_at, place)
		ON CONFLICT (organization_id, id) DO UPDATE
		SET version = EXCLUDED.version, place = EXCLUDED.place, name = EXCLUDED.name, color = EXCLUDED.color,
			retired = EXCLUDED.retired, updated_at = EXCLUDED.updated_at`,
		org, ids, versions, names, kinds, colors, retired, created, updated)
	if err != nil {
		return fmt.Errorf("save lead statuses: %w", err)
	}
	return nil
}

// UpdateConfig see [lead.ConfigStore].
func (s *Config) UpdateConfig(
	ctx context.Context, org string, fn func(*lead.Config) (string, error),
) (cfg lead.Config, about string, err error) {
	err = s.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		cfg, _, err = s.ensure(ctx, tx, org)
		if err != nil {
			return nil, err
		}
		limit := cfg.UntouchedLimit
		if about, err = fn(&cfg); err != nil {
			return nil, err
		}
		cfg.Version++
		if about != "" {
			idem.Remember(ctx, idem.Answer{Kind: statusKind, RecordID: about, Version: cfg.Version})
		}
		if _, err := tx.Exec(ctx, `
			UPDATE lead_settings SET version = $2, untouched_seconds = $3, auto_contact = $4, auto_company = $5, auto_deal = $6,
				auto_pipeline_id = $7
			WHERE organization_id = $1`,
			org, cfg.Version, int64(cfg.UntouchedLimit/time.Second), cfg.Auto.Contact, cfg.Auto.Company, cfg.Auto.Deal,
			pgUUID(cfg.Auto.PipelineID)); err != nil {
			return nil, fmt.Errorf("update lead settings: %w", err)
		}
		if cfg.UntouchedLimit != limit {
			// Leads that wait already get the new time. Their content stays, so this makes no versions of them.
			if _, err := tx.Exec(ctx, `
				UPDATE leads SET overdue_at = created_at + make_interval(secs => $2)
				WHERE `+untouchedLeads, org, cfg.UntouchedLimit.Seconds()); err != nil {
				return nil, fmt.Errorf("update overdue times: %w", err)
			}
		}
		if err := s.saveStatuses(ctx, tx, org, cfg); err != nil {
			return nil, err
		}
		return []event.Event{publish.Config(org, cfg)}, nil
	})
	var replay *idem.Replay
	if errors.As(err, &replay) {
		cfg, err = s.at(ctx, org, replay.Version)
		if replay.Kind == statusKind {
			about = replay.RecordID
		}
	}
	return cfg, about, err
}

// statusKind names a status in the answers to repeated requests.
const statusKind = "lead-status"

// at returns the configuration as it was at a version.
func (s *Config) at(ctx context.Context, org string, version int64) (lead.Config, error) {
	ev, err := s.db.EventAt(ctx, org, publish.ConfigKind, org, version)
	if err != nil {
		return lead.Config{}, fmt.Errorf("read lead settings as of version %d: %w", version, err)
	}
	var msg contactsv1.LeadSettingsChanged
	if err := proto.Unmarshal(ev.Payload, &msg); err != nil {
		return lead.Config{}, fmt.Errorf("decode event %s: %w", ev.ID, err)
	}
	return wire.ConfigFrom(version, msg.GetLeadStatuses(), msg.GetLeadSettings()), nil
}
