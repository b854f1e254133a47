package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/department"
	"kontor.internal/services/identity/internal/provider"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/secretbox"
)

// Providers implements [provider.Store], and keeps the settings of providers.
type Providers struct {
	*Store
	// Box encrypts the secrets of clients.
	Box *secretbox.Box
}

const providerColumns = `organization_id::text, id::text, name, issuer, client_id, client_secret, scopes, email_domains, create_users,
	default_role_ids::text[], coalesce(department_id::text, ''), role_claim, role_mappings, factor_elsewhere, active, version,
	created_at, updated_at`

// scanProvider reads a provider with its secret as it is stored.
func scanProvider(row pgx.CollectableRow) (*stored, error) {
	var p stored
	err := row.Scan(&p.OrganizationID, &p.ID, &p.Name, &p.Issuer, &p.ClientID, &p.sealed, &p.Scopes, &p.Domains, &p.CreateUsers,
		&p.DefaultRoleIDs, &p.DepartmentID, &p.RoleClaim, &p.Mappings, &p.FactorElsewhere, &p.Active, &p.Version,
		&p.CreatedAt, &p.UpdatedAt)
	p.SecretSet = len(p.sealed) > 0
	p.CreatedAt, p.UpdatedAt = p.CreatedAt.UTC(), p.UpdatedAt.UTC()
	return &p, err
}

type stored struct {
	provider.Provider
	sealed []byte
}

func oneProvider(rows pgx.Rows, err error) (*stored, error) {
	if err == nil {
		var p *stored
		if p, err = pgx.CollectExactlyOneRow(rows, scanProvider); err == nil {
			return p, nil
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, provider.ErrNotFound
	}
	return nil, fmt.Errorf("get provider: %w", err)
}

// Active see [provider.Store.Active].
func (s *Providers) Active(ctx context.Context, id string) (*provider.Provider, error) {
	p, err := oneProvider(s.System.Pool().Query(ctx, `SELECT `+providerColumns+` FROM oidc_providers WHERE id = $1 AND active`, id))
	if err != nil {
		return nil, err
	}
	return s.withSecret(p)
}

// GetProvider returns a provider with its secret, or provider.ErrNotFound.
func (s *Providers) GetProvider(ctx context.Context, org, id string) (*provider.Provider, error) {
	p, err := oneProvider(s.DB.Query(ctx, org, `
		SELECT `+providerColumns+` FROM oidc_providers WHERE organization_id = $1 AND id = $2`, org, id))
	if err != nil {
		return nil, err
	}
	return s.withSecret(p)
}

func (s *Providers) withSecret(p *stored) (*provider.Provider, error) {
	if p.SecretSet {
		plain, err := s.Box.Open(p.sealed, p.ID)
		if err != nil {
			return nil, fmt.Errorf("secret of provider: %w", err)
		}
		p.ClientSecret = string(plain)
	}
	return &p.Provider, nil
}

func (s *Providers) sealed(p *provider.Provider) ([]byte, error) {
	if p.ClientSecret == "" {
		return nil, nil
	}
	sealed, err := s.Box.Seal([]byte(p.ClientSecret), p.ID)
	if err != nil {
		return nil, fmt.Errorf("encrypt secret of provider: %w", err)
	}
	return sealed, nil
}

// ListProviders returns an organisation's providers by name, without secrets.
func (s *Providers) ListProviders(ctx context.Context, org string) ([]*provider.Provider, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+providerColumns+` FROM oidc_providers WHERE organization_id = $1 ORDER BY lower(name), id`, org)
	if err != nil {
		return nil, fmt.Errorf("list providers: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*provider.Provider, error) {
		p, err := scanProvider(row)
		return &p.Provider, err
	})
	if err != nil {
		return nil, fmt.Errorf("list providers: %w", err)
	}
	return all, nil
}

// OnlyOrganization returns the ID of the only organisation, or "" if there are several.
func (s *Providers) OnlyOrganization(ctx context.Context) (string, error) {
	rows, err := s.System.Pool().Query(ctx, `SELECT organization_id::text FROM organizations LIMIT 2`)
	if err != nil {
		return "", fmt.Errorf("count organisations: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(ids) != 1 {
		return "", err
	}
	return ids[0], nil
}

// Administrator returns the ID of the organisation's ready-made role with all rights.
func (s *Providers) Administrator(ctx context.Context, org string) (string, error) {
	var id string
	err := s.DB.QueryRow(ctx, org, `SELECT id::text FROM roles WHERE organization_id = $1 AND code = $2`, org, role.Administrator).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("find role of administrators: %w", err)
	}
	return id, nil
}

// CreateProvider stores a new provider. It returns provider.ErrNameTaken, provider.ErrTooMany, department.ErrNotFound or
// role.ErrNotFound.
func (s *Providers) CreateProvider(ctx context.Context, p *provider.Provider) error {
	return s.DB.Write(ctx, p.OrganizationID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('oidc providers ' || $1::text, 0))`, p.OrganizationID); err != nil {
			return nil, fmt.Errorf("lock providers: %w", err)
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM oidc_providers WHERE organization_id = $1`, p.OrganizationID).Scan(&n); err != nil {
			return nil, fmt.Errorf("count providers: %w", err)
		}
		if n >= provider.MaxPerOrganization {
			return nil, provider.ErrTooMany
		}
		if err := checkMembership(ctx, tx, p.OrganizationID, p.DepartmentID, p.Gives(), department.ErrNotFound); err != nil {
			return nil, err
		}
		sealed, err := s.sealed(p)
		if err != nil {
			return nil, err
		}
		p.SecretSet, p.Version, p.CreatedAt = sealed != nil, 1, s.now()
		p.UpdatedAt = p.CreatedAt
		if _, err := tx.Exec(ctx, `
			INSERT INTO oidc_providers (organization_id, id, name, issuer, client_id, client_secret, scopes, email_domains, create_users,
				default_role_ids, department_id, role_claim, role_mappings, factor_elsewhere, active, version, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1, $16, $16)`,
			p.OrganizationID, p.ID, p.Name, p.Issuer, p.ClientID, sealed, p.Scopes, list(p.Domains), p.CreateUsers,
			list(p.DefaultRoleIDs), nullID(p.DepartmentID), p.RoleClaim, mappings(p), p.FactorElsewhere, p.Active, p.CreatedAt,
		); err != nil {
			return nil, providerError(err)
		}
		return []event.Event{publish.ProviderCreated(p)}, nil
	})
}

func mappings(p *provider.Provider) []provider.Mapping {
	if p.Mappings == nil {
		return []provider.Mapping{}
	}
	return p.Mappings
}

func providerError(err error) error {
	if pg.IsUnique(err, "oidc_providers_name_key") {
		return provider.ErrNameTaken
	}
	return fmt.Errorf("save provider: %w", err)
}

func lockProvider(ctx context.Context, tx pgx.Tx, org, id string, version int64) (*stored, error) {
	p, err := oneProvider(tx.Query(ctx, `
		SELECT `+providerColumns+` FROM oidc_providers WHERE organization_id = $1 AND id = $2 FOR UPDATE`, org, id))
	if err == nil && version != 0 && version != p.Version {
		return nil, provider.ErrStale
	}
	return p, err
}

// UpdateProvider changes a provider by fn; without an event nothing is saved. It returns provider.ErrNotFound,
// provider.ErrStale, fn's error or what CreateProvider does. A filled ClientSecret is stored, an empty one leaves what is.
func (s *Providers) UpdateProvider(ctx context.Context, org, id string, version int64,
	fn func(*provider.Provider) (*provider.Updated, error),
) (*provider.Provider, error) {
	var out *provider.Provider
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		was, err := lockProvider(ctx, tx, org, id, version)
		if err != nil {
			return nil, err
		}
		p := &was.Provider
		out = p
		before := p.Version
		ev, err := fn(p)
		if ev == nil || err != nil {
			return nil, err
		}
		if err := checkMembership(ctx, tx, org, p.DepartmentID, p.Gives(), department.ErrNotFound); err != nil {
			return nil, err
		}
		sealed, err := s.sealed(p)
		if err != nil {
			return nil, err
		}
		if sealed == nil {
			sealed = was.sealed
		}
		p.Version, p.UpdatedAt = before+1, s.now()
		ev.Provider = *p
		if _, err := tx.Exec(ctx, `
			UPDATE oidc_providers
			SET name = $3, client_id = $4, client_secret = $5, scopes = $6, email_domains = $7, create_users = $8, default_role_ids = $9,
				department_id = $10, role_claim = $11, role_mappings = $12, factor_elsewhere = $13, active = $14, version = $15,
				updated_at = $16
			WHERE organization_id = $1 AND id = $2`,
			org, id, p.Name, p.ClientID, sealed, p.Scopes, list(p.Domains), p.CreateUsers, list(p.DefaultRoleIDs),
			nullID(p.DepartmentID), p.RoleClaim, mappings(p), p.FactorElsewhere, p.Active, p.Version, p.UpdatedAt); err != nil {
			return nil, providerError(err)
		}
		return []event.Event{publish.ProviderUpdated(ev)}, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteProvider deletes a provider and whom it knows. It returns provider.ErrNotFound or provider.ErrStale.
func (s *Providers) DeleteProvider(ctx context.Context, org, id string, version int64) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		p, err := lockProvider(ctx, tx, org, id, version)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM oidc_providers WHERE organization_id = $1 AND id = $2`, org, id); err != nil {
			return nil, fmt.Errorf("delete provider: %w", err)
		}
		p.Version++
		return []event.Event{publish.ProviderDeleted(&p.Provider)}, nil
	})
}
