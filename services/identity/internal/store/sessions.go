package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/signing"
)

const sessionColumns = `s.id::text, s.user_id::text, s.account_id::text, s.address, s.user_agent, s.last_address, s.created_at,
	s.last_used_at, s.expires_at, s.ended_at, s.version, coalesce(s.provider_id::text, ''), s.factor_elsewhere`

func scanSession(row pgx.CollectableRow, more ...any) (*session.Session, error) {
	var x session.Session
	var ended *time.Time
	err := row.Scan(append([]any{
		&x.ID, &x.UserID, &x.AccountID, &x.Address, &x.UserAgent, &x.LastAddress, &x.CreatedAt, &x.LastUsedAt, &x.ExpiresAt, &ended, &x.Version,
		&x.ProviderID, &x.FactorElsewhere,
	}, more...)...)
	x.CreatedAt, x.LastUsedAt, x.ExpiresAt, x.EndedAt = x.CreatedAt.UTC(), x.LastUsedAt.UTC(), x.ExpiresAt.UTC(), timeOf(ended)
	return &x, err
}

// CreateSession see [session.Store.CreateSession].
func (s *Store) CreateSession(ctx context.Context, org string, x *session.Session, tokenHash []byte) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		x.Version = 1
		// Only for a user who is still active: the check and the insert are one statement.
		tag, err := tx.Exec(ctx, `
			INSERT INTO sessions (organization_id, id, user_id, account_id, address, user_agent, last_address, created_at,
				last_used_at, expires_at, version, provider_id, factor_elsewhere)
			SELECT $1, $2, u.id, u.account_id, $4, $5, $6, $7, $8, $9, 1, $10, $11
			FROM users u
			WHERE u.organization_id = $1 AND u.id = $3 AND u.active
			FOR SHARE`,
			org, x.ID, x.UserID, x.Address, x.UserAgent, x.LastAddress, x.CreatedAt, x.LastUsedAt, x.ExpiresAt, nullID(x.ProviderID), x.FactorElsewhere)
		switch {
		case err != nil:
			return nil, fmt.Errorf("insert session: %w", err)
		case tag.RowsAffected() == 0:
			return nil, session.ErrRefused
		}
		if err := s.insertToken(ctx, tx, org, x, tokenHash); err != nil {
			return nil, err
		}
		return []event.Event{publish.SessionStarted(x)}, nil
	})
}

func (s *Store) insertToken(ctx context.Context, tx pgx.Tx, org string, x *session.Session, hash []byte) error {
	err := asAccounts(ctx, tx, func() error {
		_, err := tx.Exec(ctx, `
			INSERT INTO refresh_tokens (hash, organization_id, user_id, session_id, expires_at)
			VALUES ($1, $2, $3, $4, $5)`, hash, org, x.UserID, x.ID, x.CreatedAt.Add(session.LifeTime))
		return err
	})
	if err != nil {
		return fmt.Errorf("insert refresh token: %w", err)
	}
	return nil
}

// SessionOf see [session.Store.SessionOf].
func (s *Store) SessionOf(ctx context.Context, hash []byte) (org, userID, sessionID string, err error) {
	err = s.Accounts.Pool().QueryRow(ctx, `
		SELECT organization_id::text, user_id::text, session_id::text FROM refresh_tokens WHERE hash = $1`, hash).
		Scan(&org, &userID, &sessionID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", "", "", session.ErrToken
	case err != nil:
		return "", "", "", fmt.Errorf("find refresh token: %w", err)
	}
	return org, userID, sessionID, nil
}

// Refresh see [session.Store.Refresh].
func (s *Store) Refresh(ctx context.Context, old, next []byte, c session.Client, now time.Time) (*session.Refreshed, error) {
	org, userID, sessionID, err := s.SessionOf(ctx, old)
	if err != nil {
		return nil, err
	}
	var out session.Session
	var reused bool
	err = s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		reused = false
		x, err := lockSession(ctx, tx, org, sessionID)
		if err != nil {
			return nil, err
		}
		fresh, err := useToken(ctx, tx, old, now)
		if err != nil {
			return nil, err
		}
		if !fresh {
			// The session's end has to be committed, so this is no error yet.
			reused = true
			if !x.EndedAt.IsZero() {
				return nil, nil
			}
			return s.endSessionsWhere(ctx, tx, org, `id = $3`, sessionID, session.TokenReused, now, userID)
		}
		if !x.Open(now) {
			return nil, session.ErrToken
		}
		x.Renew(c, now.UTC().Truncate(time.Microsecond))
		if _, err := tx.Exec(ctx, `
			UPDATE sessions SET last_used_at = $3, last_address = $4, expires_at = $5 WHERE organization_id = $1 AND id = $2`,
			org, x.ID, x.LastUsedAt, x.LastAddress, x.ExpiresAt); err != nil {
			return nil, fmt.Errorf("renew session: %w", err)
		}
		out = *x
		return nil, s.insertToken(ctx, tx, org, x, next)
	})
	switch {
	case err != nil:
		return nil, err
	case reused:
		return nil, session.ErrReused
	}
	return &session.Refreshed{OrganizationID: org, Session: out}, nil
}

func lockSession(ctx context.Context, tx pgx.Tx, org, id string) (*session.Session, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+sessionColumns+` FROM sessions s WHERE s.organization_id = $1 AND s.id = $2 FOR UPDATE`, org, id)
	if err != nil {
		return nil, fmt.Errorf("lock session: %w", err)
	}
	x, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*session.Session, error) { return scanSession(row) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, session.ErrToken
	case err != nil:
		return nil, fmt.Errorf("lock session: %w", err)
	}
	return x, nil
}

// useToken marks the token as used and reports whether it had not been.
func useToken(ctx context.Context, tx pgx.Tx, hash []byte, now time.Time) (fresh bool, err error) {
	err = asAccounts(ctx, tx, func() error {
		tag, err := tx.Exec(ctx, `UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1 AND used_at IS NULL`, hash, now.UTC())
		fresh = err == nil && tag.RowsAffected() == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("use refresh token: %w", err)
	}
	return fresh, nil
}

// EndSession see [session.Store.EndSession].
func (s *Store) EndSession(ctx context.Context, org, userID, id string, why session.EndReason, now time.Time) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		evs, err := s.endSessionsWhere(ctx, tx, org, `id = $3`, id, why, now, userID)
		if err == nil && len(evs) == 0 {
			return nil, session.ErrNotFound
		}
		return evs, err
	})
}

// EndSessions see [session.Store.EndSessions].
func (s *Store) EndSessions(ctx context.Context, org, userID, keep string, why session.EndReason, now time.Time) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		return s.endSessions(ctx, tx, org, userID, keep, why, now)
	})
}

func (s *Store) endSessions(ctx context.Context, tx pgx.Tx, org, userID, keep string, why session.EndReason, now time.Time) ([]event.Event, error) {
	return s.endSessionsWhere(ctx, tx, org, `id IS DISTINCT FROM NULLIF($3, '')::uuid`, keep, why, now, userID)
}

// endSessionsWhere ends the open sessions, of the user if one is given, for which the condition on $3 holds.
func (s *Store) endSessionsWhere(ctx context.Context, tx pgx.Tx, org, condition, arg string, why session.EndReason, now time.Time,
	userID string,
) ([]event.Event, error) {
	rows, err := tx.Query(ctx, `
		UPDATE sessions s
		SET ended_at = $4, end_reason = $5, version = version + 1
		WHERE organization_id = $1 AND ($2::uuid IS NULL OR user_id = $2) AND ended_at IS NULL AND `+condition+`
		RETURNING `+sessionColumns, org, nullID(userID), arg, now.UTC(), int(why))
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	ended, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*session.Session, error) { return scanSession(row) })
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	evs := make([]event.Event, len(ended))
	for i, x := range ended {
		actor := pg.Actor(ctx)
		if actor == "" {
			actor = x.UserID // signing out, or using a token twice, without an access token
		}
		evs[i] = publish.SessionEnded(x, why, actor)
	}
	refused, err := refuseTokens(ctx, tx, org, ended, now)
	return append(evs, refused...), err
}

// maxRefused bounds how many ended sessions of a user the directory names. Only who signs in with the password can end
// more within ten minutes.
const maxRefused = 500

// clocksApart is more than what the clocks of machines differ by, and than what checking a token allows for that.
const clocksApart = time.Minute

// refuseTokens has every service refuse the access tokens of the sessions that have just ended, and of others of the
// same users whose tokens may still be about.
func refuseTokens(ctx context.Context, tx pgx.Tx, org string, ended []*session.Session, now time.Time) ([]event.Event, error) {
	if len(ended) == 0 {
		return nil, nil
	}
	users := make([]string, len(ended))
	for i, x := range ended {
		users[i] = x.UserID
	}
	// Updating the user keeps those who end others of its sessions at the same time waiting, so that each entry has all.
	rows, err := tx.Query(ctx, `
		WITH counted AS (
			UPDATE users SET ended_sessions_version = ended_sessions_version + 1
			WHERE organization_id = $1 AND id = ANY($2::uuid[])
			RETURNING id, ended_sessions_version
		)
		SELECT id::text, ended_sessions_version FROM counted ORDER BY id`, org, users)
	if err != nil {
		return nil, fmt.Errorf("count entries of ended sessions: %w", err)
	}
	type counted struct {
		UserID  string
		Version int64
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[counted])
	if err != nil {
		return nil, fmt.Errorf("count entries of ended sessions: %w", err)
	}
	evs := make([]event.Event, len(all))
	for i, u := range all {
		rows, err := tx.Query(ctx, `
			SELECT id::text
			FROM sessions
			WHERE organization_id = $1 AND user_id = $2 AND ended_at > $3
			ORDER BY last_used_at DESC, id DESC
			LIMIT $4`, org, u.UserID, now.UTC().Add(-signing.TokenTime-clocksApart), maxRefused)
		if err != nil {
			return nil, fmt.Errorf("find ended sessions: %w", err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("find ended sessions: %w", err)
		}
		evs[i] = publish.EndedSessions(org, u.UserID, u.Version, ids)
	}
	return evs, nil
}

// SessionSchema is what sessions can be filtered and sorted by.
func SessionSchema() *aip.Schema {
	return &aip.Schema{
		IDColumn: "s.id", DefaultOrder: "last_use_time desc",
		Fields: map[string]aip.Field{
			"id":            {Column: "s.id", Type: aip.ID},
			"address":       {Column: "s.address", Type: aip.Text},
			"create_time":   {Column: "s.created_at", Type: aip.Time, Sortable: true},
			"last_use_time": {Column: "s.last_used_at", Type: aip.Time, Sortable: true},
		},
	}
}

// ListSessions returns a page of the user's open sessions and the token of the next.
func (s *Store) ListSessions(ctx context.Context, org, userID string, l *aip.List, now time.Time) ([]*session.Session, string, error) {
	args := []any{org, userID, now.UTC()}
	where := "s.organization_id = $1 AND s.user_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 AND " + l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+sessionColumns+`, `+l.Key()+`
		FROM sessions s
		WHERE `+where+`
		ORDER BY `+l.OrderBy()+`
		LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list sessions: %w", err)
	}
	var keys []aip.Key
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*session.Session, error) {
		var key aip.Key
		x, err := scanSession(row, &key)
		keys = append(keys, key)
		return x, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list sessions: %w", err)
	}
	all, next := aip.Page(l, all, keys)
	return all, next, nil
}

// CountSessions counts the user's open sessions that a filter selects.
func (s *Store) CountSessions(ctx context.Context, org, userID string, l *aip.List, now time.Time) (int, bool, error) {
	args := []any{org, userID, now.UTC()}
	from := "sessions s WHERE s.organization_id = $1 AND s.user_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 AND " + l.Filter(&args)
	return s.count(ctx, org, from, args)
}

// Sweep deletes refresh tokens, sessions and links that can no longer be of use.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	if _, err := s.Accounts.Pool().Exec(ctx, `DELETE FROM refresh_tokens WHERE expires_at < $1`, now.UTC()); err != nil {
		return fmt.Errorf("delete refresh tokens: %w", err)
	}
	if _, err := s.System.Pool().Exec(ctx, `DELETE FROM sessions WHERE expires_at < $1`, now.UTC().Add(-session.LifeTime)); err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	if _, err := s.System.Pool().Exec(ctx, `DELETE FROM links WHERE expires_at < $1`, now.UTC().Add(-session.LifeTime)); err != nil {
		return fmt.Errorf("delete links: %w", err)
	}
	if _, err := s.System.Pool().Exec(ctx, `DELETE FROM used_sign_ins WHERE expires_at < $1`, now.UTC()); err != nil {
		return fmt.Errorf("delete used sign-ins: %w", err)
	}
	return nil
}
