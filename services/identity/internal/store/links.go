package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/link"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/user"
)

// Links implements link.Store.
type Links struct {
	*Store

	Enqueue link.Enqueue
}

const linkColumns = `l.id::text, l.user_id::text, l.purpose, l.email, l.user_email, l.created_at, l.expires_at, l.sent_at, l.used_at,
	l.revoked_at, l.failure`

func scanLink(row pgx.CollectableRow) (*link.Link, error) {
	var l link.Link
	var sent, used, revoked *time.Time
	err := row.Scan(&l.ID, &l.UserID, &l.Purpose, &l.Email, &l.UserEmail, &l.CreatedAt, &l.ExpiresAt, &sent, &used, &revoked, &l.Failure)
	l.CreatedAt, l.ExpiresAt = l.CreatedAt.UTC(), l.ExpiresAt.UTC()
	l.SentAt, l.UsedAt, l.RevokedAt = timeOf(sent), timeOf(used), timeOf(revoked)
	return &l, err
}

// CreateUser see [user.Store.CreateUser].
func (s *Links) CreateUser(ctx context.Context, org string, u *user.User, invite bool) (*user.User, error) {
	var out *user.User
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		c := *u
		out = &c
		evs, err := s.insertUser(ctx, tx, org, &c)
		if err != nil || !invite {
			return evs, err
		}
		switch more, _, err := s.invite(ctx, tx, org, &c, true); {
		case errors.Is(err, link.ErrHasPassword), errors.Is(err, account.ErrElsewhere):
			return evs, nil // nothing to choose, or not here
		default:
			return append(evs, more...), err
		}
	})
	if err != nil {
		return nil, err
	}
	return out, s.derive(ctx, org, out)
}

// Invite see [link.Store.Invite].
func (s *Links) Invite(ctx context.Context, org, userID string, send bool) (*user.User, *link.Link, error) {
	var u *user.User
	var l *link.Link
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) (evs []event.Event, err error) {
		if u, err = lockUser(ctx, tx, org, userID); err != nil {
			return nil, err
		}
		evs, l, err = s.invite(ctx, tx, org, u, send)
		return evs, err
	})
	if err != nil {
		return nil, nil, err
	}
	return u, l, s.derive(ctx, org, u)
}

// invite makes an invitation of the locked user.
func (s *Links) invite(ctx context.Context, tx pgx.Tx, org string, u *user.User, send bool) ([]event.Event, *link.Link, error) {
	if !u.Active {
		return nil, nil, link.ErrNotActive
	}
	var home, hash string
	if err := asAccounts(ctx, tx, func() error {
		return tx.QueryRow(ctx, `
			SELECT coalesce(home_organization_id::text, ''), password_hash FROM accounts WHERE id = $1`, u.AccountID).Scan(&home, &hash)
	}); err != nil {
		return nil, nil, fmt.Errorf("get account: %w", err)
	}
	switch {
	case home != org && (home != "" || hash == ""):
		return nil, nil, account.ErrElsewhere
	case hash != "":
		return nil, nil, link.ErrHasPassword
	}
	l, err := s.insertLink(ctx, tx, org, u, link.Invitation, u.Email, send)
	if err != nil {
		return nil, nil, err
	}
	if err := s.nextVersion(ctx, tx, org, u); err != nil {
		return nil, nil, err
	}
	return []event.Event{publish.Invited(link.Invited{User: *u, ExpiresAt: l.ExpiresAt}, s.now())}, l, nil
}

// nextVersion counts the version of a locked user up for an event that changes nothing else of it.
func (s *Store) nextVersion(ctx context.Context, tx pgx.Tx, org string, u *user.User) error {
	u.Version, u.UpdatedAt = u.Version+1, s.now()
	if _, err := tx.Exec(ctx, `UPDATE users SET version = $3, updated_at = $4 WHERE organization_id = $1 AND id = $2`,
		org, u.ID, u.Version, u.UpdatedAt); err != nil {
		return fmt.Errorf("update user: %w", err)
	}
	return nil
}

// insertLink makes a link of the locked user in place of an open one for the same purpose.
func (s *Links) insertLink(ctx context.Context, tx pgx.Tx, org string, u *user.User, p link.Purpose, email string, send bool) (*link.Link, error) {
	now := s.now()
	l := &link.Link{
		ID: id.New(), UserID: u.ID, Purpose: p, Email: email, UserEmail: u.Email, CreatedAt: now, ExpiresAt: now.Add(p.Lifetime()),
	}
	if _, err := s.closeLinks(ctx, tx, org, u.ID, p); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO links (organization_id, id, user_id, purpose, email, user_email, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		org, l.ID, l.UserID, int(p), l.Email, l.UserEmail, l.CreatedAt, l.ExpiresAt); err != nil {
		return nil, fmt.Errorf("insert link: %w", err)
	}
	if !send {
		return l, nil
	}
	return l, s.Enqueue(ctx, tx, link.Job{Organization: org, LinkID: l.ID})
}

// closeLinks takes the user's open link for the purpose back and reports whether there was one.
func (s *Links) closeLinks(ctx context.Context, tx pgx.Tx, org, userID string, p link.Purpose) (bool, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE links SET revoked_at = $4
		WHERE organization_id = $1 AND user_id = $2 AND purpose = $3 AND used_at IS NULL AND revoked_at IS NULL`,
		org, userID, int(p), s.now())
	if err != nil {
		return false, fmt.Errorf("revoke links: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// Revoke see [link.Store.Revoke].
func (s *Links) Revoke(ctx context.Context, org, userID string) (*user.User, error) {
	var u *user.User
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) (evs []event.Event, err error) {
		if u, err = lockUser(ctx, tx, org, userID); err != nil {
			return nil, err
		}
		had, err := s.closeLinks(ctx, tx, org, userID, link.Invitation)
		if err != nil || !had {
			return nil, err
		}
		if err := s.nextVersion(ctx, tx, org, u); err != nil {
			return nil, err
		}
		return []event.Event{publish.InvitationRevoked(link.Revoked{User: *u}, s.now())}, nil
	})
	if err != nil {
		return nil, err
	}
	return u, s.derive(ctx, org, u)
}

// Make see [link.Store.Make].
func (s *Links) Make(ctx context.Context, org, userID string, p link.Purpose, email string) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		u, err := lockUser(ctx, tx, org, userID)
		if errors.Is(err, user.ErrNotFound) || (err == nil && !u.Active) {
			return nil, link.ErrInvalid
		}
		if err != nil {
			return nil, err
		}
		_, err = s.insertLink(ctx, tx, org, u, p, email, true)
		return nil, err
	})
}

// Held see [link.Store.Held].
func (s *Links) Held(ctx context.Context, org, linkID string) (*link.Held, error) {
	rows, err := s.DB.Query(ctx, org, `SELECT `+linkColumns+` FROM links l WHERE l.organization_id = $1 AND l.id = $2`, org, linkID)
	if err != nil {
		return nil, fmt.Errorf("get link: %w", err)
	}
	l, err := pgx.CollectExactlyOneRow(rows, scanLink)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, link.ErrInvalid
	case err != nil:
		return nil, fmt.Errorf("get link: %w", err)
	}
	u, err := s.GetUser(ctx, org, l.UserID)
	if err != nil {
		return nil, err
	}
	a, err := s.AccountOf(ctx, org, l.UserID)
	if err != nil {
		return nil, err
	}
	o, err := s.GetSettings(ctx, org)
	if err != nil {
		return nil, err
	}
	return &link.Held{Link: *l, User: *u, Account: *a, Organization: *o}, nil
}

// Sent see [link.Store.Sent].
func (s *Links) Sent(ctx context.Context, org, linkID, failure string) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		_, err := tx.Exec(ctx, `
			UPDATE links SET failure = $3, sent_at = CASE WHEN $3 = '' THEN $4::timestamptz END
			WHERE organization_id = $1 AND id = $2`, org, linkID, failure, s.now())
		if err != nil {
			return nil, fmt.Errorf("note letter: %w", err)
		}
		return nil, nil
	})
}

// use uses an open link up, or returns link.ErrInvalid.
func (s *Links) use(ctx context.Context, tx pgx.Tx, org, linkID string) error {
	tag, err := tx.Exec(ctx, `
		UPDATE links SET used_at = $3
		WHERE organization_id = $1 AND id = $2 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $3`,
		org, linkID, s.now())
	switch {
	case err != nil:
		return fmt.Errorf("use link: %w", err)
	case tag.RowsAffected() == 0:
		return link.ErrInvalid
	}
	return nil
}

// SetPassword see [link.Store.SetPassword].
func (s *Links) SetPassword(ctx context.Context, org, linkID, userID string, a *account.Account, previousHash string, now time.Time) error {
	err := s.setPassword(ctx, org, userID, "", a, previousHash, false, now, func(ctx context.Context, tx pgx.Tx) error {
		return s.use(ctx, tx, org, linkID)
	})
	if errors.Is(err, session.ErrRefused) {
		return link.ErrInvalid // a new password meanwhile
	}
	return err
}

// SetEmail see [link.Store.SetEmail].
func (s *Links) SetEmail(ctx context.Context, org string, h *link.Held) (*user.User, error) {
	here, err := s.OnlyHere(ctx, org, h.Account.ID)
	if err != nil {
		return nil, err
	}
	if !here {
		return nil, account.ErrElsewhere
	}
	var u *user.User
	err = s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) (evs []event.Event, err error) {
		if u, err = lockUser(ctx, tx, org, h.User.ID); err != nil {
			return nil, err
		}
		if err := s.use(ctx, tx, org, h.Link.ID); err != nil {
			return nil, err
		}
		if u.Email != h.Link.UserEmail {
			return nil, link.ErrInvalid
		}
		before := *u
		u.Email = h.Link.Email
		if err := s.storeEmail(ctx, tx, org, u); err != nil {
			return nil, err
		}
		evs = publish.Users(org, user.Updated{User: *u, Previous: before, Fields: []string{"email"}}, s.now())
		for i := range evs {
			evs[i].Actor = u.ID // nobody is signed in
		}
		return evs, s.Enqueue(ctx, tx, link.Job{Organization: org, LinkID: h.Link.ID, Changed: true})
	})
	if err != nil {
		return nil, err
	}
	return u, s.derive(ctx, org, u)
}

func (s *Links) storeEmail(ctx context.Context, tx pgx.Tx, org string, u *user.User) error {
	if err := s.nextVersion(ctx, tx, org, u); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE users SET email = $3 WHERE organization_id = $1 AND id = $2`, org, u.ID, u.Email); err != nil {
		return userError("change address", err)
	}
	err := asAccounts(ctx, tx, func() error {
		tag, err := tx.Exec(ctx, `UPDATE accounts SET email = $2 WHERE id = $1 AND home_organization_id = $3`, u.AccountID, u.Email, org)
		if err == nil && tag.RowsAffected() == 0 {
			return account.ErrElsewhere
		}
		return err
	})
	switch {
	case pg.IsUnique(err, "accounts_email_key"):
		return user.ErrEmailTaken
	case err != nil:
		return fmt.Errorf("change address: %w", err)
	}
	return nil
}

// RequestReset see [link.Store.RequestReset].
func (s *Links) RequestReset(ctx context.Context, email string) error {
	return s.System.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return s.Enqueue(ctx, tx, link.Job{Email: email})
	})
}

// UserOf see [link.Store.UserOf].
func (s *Links) UserOf(ctx context.Context, org, accountID string) (string, error) {
	var userID string
	err := s.DB.QueryRow(ctx, org, `
		SELECT id::text FROM users WHERE organization_id = $1 AND account_id = $2 AND active`, org, accountID).Scan(&userID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("find user of account: %w", err)
	}
	return userID, nil
}

// OnlyHere see [link.Store.OnlyHere].
func (s *Links) OnlyHere(ctx context.Context, org, accountID string) (bool, error) {
	var elsewhere bool
	err := s.System.Pool().QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM users WHERE account_id = $1 AND organization_id <> $2)`, accountID, org).Scan(&elsewhere)
	if err != nil {
		return false, fmt.Errorf("find memberships: %w", err)
	}
	return !elsewhere, nil
}

// invitations fills in which users were invited and have not answered.
func (s *Store) invitations(ctx context.Context, org string, users []*user.User) error {
	waiting := make(map[string]*user.User)
	var ids []string
	for _, u := range users {
		u.Invitation = nil
		if u.Active && !u.CanSignIn {
			waiting[u.ID] = u
			ids = append(ids, u.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+linkColumns+`
		FROM links l
		WHERE l.organization_id = $1 AND l.user_id = ANY($2::uuid[]) AND l.purpose = $3 AND l.used_at IS NULL AND l.revoked_at IS NULL`,
		org, ids, int(link.Invitation))
	if err != nil {
		return fmt.Errorf("find invitations: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanLink)
	if err != nil {
		return fmt.Errorf("find invitations: %w", err)
	}
	for _, l := range all {
		if u := waiting[l.UserID]; u.Email == l.UserEmail {
			u.Invitation = &user.Invitation{CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt, SentAt: l.SentAt, Failure: l.Failure}
		}
	}
	return nil
}
