package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/user"
)

const settingsColumns = `organization_id::text, name, coalesce(logo_file_id::text, ''), time_zone, language, country, base_currency, week_start,
	fiscal_year_start_month, working_calendar, modules, smtp, second_factor, version, created_at, updated_at`

func scanSettings(row pgx.Row) (*organization.Settings, error) {
	var o organization.Settings
	err := row.Scan(&o.ID, &o.Name, &o.LogoFileID, &o.TimeZone, &o.Language, &o.Country, &o.BaseCurrency, &o.WeekStart,
		&o.FiscalYearStartMonth, &o.Calendar, &o.Modules, &o.SMTP, &o.SecondFactor, &o.Version, &o.CreatedAt, &o.UpdatedAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, organization.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("get settings: %w", err)
	}
	o.CreatedAt, o.UpdatedAt = o.CreatedAt.UTC(), o.UpdatedAt.UTC()
	return &o, nil
}

// CreateOrganization stores a new organisation with its ready-made roles and its first administrator. A hash is put in
// place of the password that the administrator's account has; without one that stays. The operator's word is that the
// account's owner is known, so an account that is there already belongs to no organisation from then on. It returns
// account.ErrHasPassword if a hash is given and the account has a password.
func (s *Store) CreateOrganization(ctx context.Context, o *organization.Settings, admin *user.User, hash string, mustChange bool) (*user.User, error) {
	var out user.User
	err := s.DB.Write(ctx, o.ID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		now := s.now()
		o.Version, o.CreatedAt, o.UpdatedAt = 1, now, now
		if _, err := tx.Exec(ctx, `
			INSERT INTO organizations (organization_id, name, time_zone, language, country, base_currency, week_start,
				fiscal_year_start_month, working_calendar, modules, version, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11)`,
			o.ID, o.Name, o.TimeZone, o.Language, o.Country, o.BaseCurrency, o.WeekStart, o.FiscalYearStartMonth, o.Calendar,
			modules(o), now); err != nil {
			return nil, fmt.Errorf("insert organisation: %w", err)
		}
		roles, evs, err := s.insertReadyMadeRoles(ctx, tx, o.ID)
		if err != nil {
			return nil, err
		}
		evs = append(publish.OrganizationCreated(o), evs...)
		out = *admin
		out.RoleIDs = []string{roles[role.Administrator].ID}
		made, err := s.insertUser(ctx, tx, o.ID, &out)
		if err != nil {
			return nil, err
		}
		return append(evs, made...), s.vouch(ctx, tx, o.ID, out.AccountID, hash, mustChange, now)
	})
	if err != nil {
		return nil, err
	}
	return &out, s.derive(ctx, o.ID, &out)
}

// vouch gives the first administrator's account its password, or frees an account that has one.
func (s *Store) vouch(ctx context.Context, tx pgx.Tx, org, accountID, hash string, mustChange bool, now time.Time) error {
	return asAccounts(ctx, tx, func() error {
		if _, err := tx.Exec(ctx, `
			UPDATE accounts SET home_organization_id = NULL
			WHERE id = $1 AND home_organization_id IS DISTINCT FROM $2`, accountID, org); err != nil {
			return fmt.Errorf("free account: %w", err)
		}
		if hash == "" {
			return nil
		}
		tag, err := tx.Exec(ctx, `
			UPDATE accounts SET password_hash = $2, must_change = $3, password_set_at = $4
			WHERE id = $1 AND password_hash = ''`, accountID, hash, mustChange, now)
		switch {
		case err != nil:
			return fmt.Errorf("set password: %w", err)
		case tag.RowsAffected() == 0:
			return account.ErrHasPassword
		}
		return nil
	})
}

func modules(o *organization.Settings) map[string]bool {
	if o.Modules == nil {
		return map[string]bool{}
	}
	return o.Modules
}

// GetSettings see [organization.Store.GetSettings].
func (s *Store) GetSettings(ctx context.Context, org string) (*organization.Settings, error) {
	return scanSettings(s.DB.QueryRow(ctx, org, `SELECT `+settingsColumns+` FROM organizations WHERE organization_id = $1`, org))
}

// UpdateSettings see [organization.Store.UpdateSettings].
func (s *Store) UpdateSettings(ctx context.Context, org string, etag int64,
	fn func(*organization.Settings) (*organization.Updated, error),
) (*organization.Settings, error) {
	var out *organization.Settings
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		o, err := scanSettings(tx.QueryRow(ctx, `
			SELECT `+settingsColumns+` FROM organizations WHERE organization_id = $1 FOR UPDATE`, org))
		if err != nil {
			return nil, err
		}
		if etag != 0 && etag != o.Version {
			return nil, organization.ErrStale
		}
		out = o
		version := o.Version
		ev, err := fn(o)
		if ev == nil || err != nil {
			return nil, err
		}
		o.Version, o.UpdatedAt = version+1, s.now()
		if err := s.saveSettings(ctx, tx, o); err != nil {
			return nil, err
		}
		ev.Settings = *o
		return publish.SettingsUpdated(ev), nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Store) saveSettings(ctx context.Context, tx pgx.Tx, o *organization.Settings) error {
	var sealed []byte
	if o.SMTP != nil && o.SMTP.Password != "" {
		var err error
		if sealed, err = s.Mail.Seal([]byte(o.SMTP.Password), o.ID); err != nil {
			return fmt.Errorf("encrypt password of mail server: %w", err)
		}
		o.SMTP.Password = ""
	}
	keep := o.SMTP != nil && o.SMTP.PasswordSet
	_, err := tx.Exec(ctx, `
		UPDATE organizations
		SET name = $2, logo_file_id = $3, time_zone = $4, language = $5, country = $6, base_currency = $7, week_start = $8,
			fiscal_year_start_month = $9, working_calendar = $10, modules = $11, smtp = $12,
			smtp_password = CASE WHEN $13 THEN coalesce($14, smtp_password) END, version = $15, updated_at = $16,
			second_factor = $17
		WHERE organization_id = $1`,
		o.ID, o.Name, nullID(o.LogoFileID), o.TimeZone, o.Language, o.Country, o.BaseCurrency, o.WeekStart, o.FiscalYearStartMonth,
		o.Calendar, modules(o), o.SMTP, keep, sealed, o.Version, o.UpdatedAt, o.SecondFactor)
	if err != nil {
		return fmt.Errorf("update settings: %w", err)
	}
	return nil
}

// SMTPPassword see [organization.Store.SMTPPassword].
func (s *Store) SMTPPassword(ctx context.Context, org string) (string, error) {
	var sealed []byte
	err := s.DB.QueryRow(ctx, org, `SELECT smtp_password FROM organizations WHERE organization_id = $1`, org).Scan(&sealed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", organization.ErrNotFound
	case err != nil:
		return "", fmt.Errorf("get password of mail server: %w", err)
	case sealed == nil:
		return "", nil
	}
	plain, err := s.Mail.Open(sealed, org)
	if err != nil {
		return "", fmt.Errorf("password of mail server: %w", err)
	}
	return string(plain), nil
}

// ListOrganizations returns up to limit organisations by ID, after the given one.
func (s *Store) ListOrganizations(ctx context.Context, after string, limit int) ([]*organization.Settings, error) {
	rows, err := s.System.Pool().Query(ctx, `
		SELECT `+settingsColumns+`
		FROM organizations
		WHERE $1::uuid IS NULL OR organization_id > $1
		ORDER BY organization_id
		LIMIT $2`, nullID(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*organization.Settings, error) { return scanSettings(row) })
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	return all, nil
}

func (s *Store) organizationIDs(ctx context.Context) ([]string, error) {
	rows, err := s.System.Pool().Query(ctx, `SELECT organization_id::text FROM organizations ORDER BY organization_id`)
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	return ids, nil
}

// Bootstrap runs fn if there is no organisation, and reports whether it ran. Of several processes that start at once,
// one runs it and the others wait and find an organisation.
func (s *Store) Bootstrap(ctx context.Context, fn func(ctx context.Context) error) (ran bool, err error) {
	err = s.System.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ran = false
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('kontor identity bootstrap'))`); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		var any bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM organizations)`).Scan(&any); err != nil {
			return fmt.Errorf("look for organisations: %w", err)
		}
		if any {
			return nil
		}
		ran = true
		return fn(ctx)
	})
	return ran, err
}
