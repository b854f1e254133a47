// Package store keeps identity's records in PostgreSQL: one file per aggregate. Every write appends its events (package
// publish) in its transaction.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	"kontor.internal/services/identity/internal/secretbox"
)

// Store implements the Store interfaces of the aggregates.
type Store struct {
	// DB works as kontor_app: row-level security shows it one organisation.
	DB *pg.DB
	// System works as kontor_system, for the few questions that are asked across organisations.
	System *pg.DB
	// Accounts works as kontor_accounts, for the tables that belong to no organisation.
	Accounts *pg.DB
	// Keys encrypts signing keys and Mail the passwords of mail servers.
	Keys, Mail *secretbox.Box
	// Factors encrypts the secrets of second factors.
	Factors *secretbox.Box
	// Clock tells when something happens.
	Clock clock.Clock
}

// asAccounts lets fn, within a transaction of an organisation, reach the tables that belong to none. The login role is
// a member of both roles; the change ends with the transaction at the latest.
func asAccounts(ctx context.Context, tx pgx.Tx, fn func() error) error {
	if _, err := tx.Exec(ctx, `SET LOCAL ROLE `+pg.RoleAccounts); err != nil {
		return fmt.Errorf("change role: %w", err)
	}
	if err := fn(); err != nil {
		return err // and the transaction is over
	}
	if _, err := tx.Exec(ctx, `SET LOCAL ROLE `+pg.RoleApp); err != nil {
		return fmt.Errorf("change role back: %w", err)
	}
	return nil
}

// now is when a write happens, cut to what PostgreSQL keeps, so that an answer made from memory is the one made from
// the table.
func (s *Store) now() time.Time { return s.Clock.Now().UTC().Truncate(time.Microsecond) }

// Replayed returns the record that a repeated request was answered with, if err says that it was one. The record comes
// from the first field of the event that made it.
func (s *Store) Replayed(ctx context.Context, org string, err error) (proto.Message, bool) {
	var r *idem.Replay
	if !errors.As(err, &r) {
		return nil, false
	}
	ev, err := s.DB.EventAt(ctx, org, r.Kind, r.RecordID, r.Version)
	if err != nil {
		return nil, false
	}
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(ev.Type))
	if err != nil {
		return nil, false
	}
	m := t.New()
	if err := proto.Unmarshal(ev.Payload, m.Interface()); err != nil {
		return nil, false
	}
	first := m.Descriptor().Fields().ByNumber(1)
	if first == nil || first.Kind() != protoreflect.MessageKind {
		return nil, false
	}
	return m.Get(first).Message().Interface(), true
}

// CountLimit is how far counts are exact (decisions 12).
const CountLimit = 10_000

// count runs a query that selects at most CountLimit+1 rows and returns how many there are and whether there are more.
func (s *Store) count(ctx context.Context, org, from string, args []any) (int, bool, error) {
	var n int
	sql := fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d) AS rows`, from, CountLimit+1)
	if err := s.DB.QueryRow(ctx, org, sql, args...).Scan(&n); err != nil {
		return 0, false, fmt.Errorf("count: %w", err)
	}
	return min(n, CountLimit), n > CountLimit, nil
}

// timeOf is the time of a nullable column.
func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// nullTime is NULL for the zero time.
func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// nullID is NULL for no ID.
func nullID(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

// list is never NULL.
func list(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}
