package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/provider"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/user"
)

// Use see [provider.Store.Use].
func (s *Providers) Use(ctx context.Context, org, id string, expires time.Time) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		tag, err := tx.Exec(ctx, `
			INSERT INTO used_sign_ins (organization_id, id, expires_at) VALUES ($1, $2, $3)
			ON CONFLICT ON CONSTRAINT used_sign_ins_pkey DO NOTHING`, org, id, expires.UTC())
		switch {
		case err != nil:
			return nil, fmt.Errorf("use sign-in: %w", err)
		case tag.RowsAffected() == 0:
			return nil, provider.ErrSignIn
		}
		return nil, nil
	})
}

// Recognize see [provider.Store.Recognize].
func (s *Providers) Recognize(ctx context.Context, p *provider.Provider, who provider.Person) (*provider.Known, error) {
	var out *provider.Known
	err := s.DB.Write(ctx, p.OrganizationID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		// Two first sign-ins of one person come one after the other.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('external identity ' || $1::text || $2::text, 0))`,
			p.ID, who.Email); err != nil {
			return nil, fmt.Errorf("lock identity: %w", err)
		}
		var err error
		if out, err = s.bySubject(ctx, tx, p, who.Subject); out != nil || err != nil {
			return nil, err
		}
		var evs []event.Event
		u, err := s.byAddress(ctx, tx, p, who.Email)
		if errors.Is(err, provider.ErrUnknown) && p.CreateUsers {
			u, evs, err = s.made(ctx, tx, p, who)
		}
		if err != nil {
			return nil, err
		}
		more, err := s.connect(ctx, tx, p, who, u)
		if err != nil {
			return nil, err
		}
		out = &provider.Known{UserID: u.ID, UserName: u.Name, AccountID: u.AccountID}
		return append(evs, more...), nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// bySubject returns the user whom the provider knows by the subject, or nil.
func (s *Providers) bySubject(ctx context.Context, tx pgx.Tx, p *provider.Provider, subject string) (*provider.Known, error) {
	var k provider.Known
	var active bool
	err := tx.QueryRow(ctx, `
		UPDATE external_identities x SET last_used_at = $4
		FROM users u
		WHERE x.organization_id = $1 AND x.provider_id = $2 AND x.subject = $3 AND u.organization_id = $1 AND u.id = x.user_id
		RETURNING u.id::text, u.name, u.account_id::text, u.active`, p.OrganizationID, p.ID, subject, s.now()).
		Scan(&k.UserID, &k.UserName, &k.AccountID, &active)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil // Said above.
	case err != nil:
		return nil, fmt.Errorf("find identity: %w", err)
	case !active:
		return nil, provider.ErrNotActive
	}
	return &k, nil
}

// byAddress returns the user with the address, locked, if nobody else of the provider is that user.
func (s *Providers) byAddress(ctx context.Context, tx pgx.Tx, p *provider.Provider, email string) (*user.User, error) {
	var userID string
	var taken bool
	err := tx.QueryRow(ctx, `
		SELECT u.id::text, EXISTS (
			SELECT FROM external_identities x
			WHERE x.organization_id = $1 AND x.user_id = u.id AND x.provider_id = $3)
		FROM users u
		WHERE u.organization_id = $1 AND u.email = $2`, p.OrganizationID, email, p.ID).Scan(&userID, &taken)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, provider.ErrUnknown
	case err != nil:
		return nil, fmt.Errorf("find user: %w", err)
	case taken:
		return nil, provider.ErrTaken
	}
	u, err := lockUser(ctx, tx, p.OrganizationID, userID)
	if err == nil && !u.Active {
		return nil, provider.ErrNotActive
	}
	return u, err
}

// made makes the user. Roles and the department that are gone by now are left out.
func (s *Providers) made(ctx context.Context, tx pgx.Tx, p *provider.Provider, who provider.Person) (*user.User, []event.Event, error) {
	u := &user.User{ID: id.New(), Name: who.Name, Email: who.Email}
	err := tx.QueryRow(ctx, `
		SELECT
			ARRAY(SELECT r.id::text FROM roles r WHERE r.organization_id = $1 AND r.id = ANY($2::uuid[]) ORDER BY r.id),
			coalesce((SELECT d.id::text FROM departments d WHERE d.organization_id = $1 AND d.id = $3 AND d.deleted_at IS NULL), '')`,
		p.OrganizationID, list(p.RolesFor(who.Values)), nullID(p.DepartmentID)).Scan(&u.RoleIDs, &u.DepartmentID)
	if err != nil {
		return nil, nil, fmt.Errorf("find roles and department: %w", err)
	}
	if err := u.Validate(); err != nil {
		return nil, nil, err
	}
	evs, err := s.insertUser(ctx, tx, p.OrganizationID, u)
	for i := range evs {
		evs[i].Actor = u.ID // nobody is signed in yet
	}
	return u, evs, err
}

// connect notes that the provider's subject is the locked user.
func (s *Providers) connect(ctx context.Context, tx pgx.Tx, p *provider.Provider, who provider.Person, u *user.User) ([]event.Event, error) {
	if err := s.nextVersion(ctx, tx, p.OrganizationID, u); err != nil {
		return nil, err
	}
	now := s.now()
	if _, err := tx.Exec(ctx, `
		INSERT INTO external_identities (organization_id, provider_id, subject, user_id, email, created_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6)`, p.OrganizationID, p.ID, who.Subject, u.ID, who.Email, now); err != nil {
		return nil, fmt.Errorf("connect identity: %w", err)
	}
	evs := publish.Users(p.OrganizationID, user.IdentityChanged{
		User: *u, ProviderID: p.ID, Subject: who.Subject, Email: who.Email, At: now, LastUsedAt: now, Connected: true,
	}, now)
	evs[0].Actor = u.ID
	return evs, nil
}

// Identities returns by whom the user is known.
func (s *Providers) Identities(ctx context.Context, org, userID string) ([]*provider.Identity, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT provider_id::text, subject, email, created_at, last_used_at
		FROM external_identities
		WHERE organization_id = $1 AND user_id = $2
		ORDER BY created_at, provider_id`, org, userID)
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanIdentity)
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return all, nil
}

func scanIdentity(row pgx.CollectableRow) (*provider.Identity, error) {
	var i provider.Identity
	err := row.Scan(&i.ProviderID, &i.Subject, &i.Email, &i.CreatedAt, &i.LastUsedAt)
	return &i, err
}

// Disconnect forgets whom the user is to the provider. It returns user.ErrNotFound or provider.ErrNoIdentity.
func (s *Providers) Disconnect(ctx context.Context, org, userID, providerID string) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		u, err := lockUser(ctx, tx, org, userID)
		if err != nil {
			return nil, err
		}
		rows, err := tx.Query(ctx, `
			DELETE FROM external_identities
			WHERE organization_id = $1 AND user_id = $2 AND provider_id = $3
			RETURNING provider_id::text, subject, email, created_at, last_used_at`, org, userID, providerID)
		if err != nil {
			return nil, fmt.Errorf("disconnect identity: %w", err)
		}
		i, err := pgx.CollectExactlyOneRow(rows, scanIdentity)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil, provider.ErrNoIdentity
		case err != nil:
			return nil, fmt.Errorf("disconnect identity: %w", err)
		}
		if err := s.nextVersion(ctx, tx, org, u); err != nil {
			return nil, err
		}
		return publish.Users(org, user.IdentityChanged{
			User: *u, ProviderID: i.ProviderID, Subject: i.Subject, Email: i.Email, At: i.CreatedAt, LastUsedAt: i.LastUsedAt,
		}, s.now()), nil
	})
}
