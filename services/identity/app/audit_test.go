package app_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/app"
)

// entries returns what the log has for a filter, once it has at least so many.
func (s *suite) entries(t *testing.T, ctx context.Context, filter string, atLeast int) []*identityv1.AuditEntry {
	t.Helper()
	var out []*identityv1.AuditEntry
	testkit.Eventually(t, func() error {
		res, err := identityv1.NewAuditServiceClient(s.conn).ListAuditEntries(ctx, &identityv1.ListAuditEntriesRequest{Filter: filter, PageSize: 500})
		if err != nil {
			return err
		}
		if out = res.GetAuditEntries(); len(out) < atLeast {
			return fmt.Errorf("%d of %d entries for %s", len(out), atLeast, filter)
		}
		return nil
	})
	return out
}

// settled waits until everything written has its entry.
func (s *suite) settled(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, func() error {
		var left int // the broker carries other tests' events, too
		err := s.db.System.Pool().QueryRow(t.Context(), `
			SELECT count(*) FROM events e
			WHERE topic = 'kontor.identity.v1' AND NOT EXISTS (SELECT 1 FROM audit_entries a WHERE a.event_id = e.event_id)`).Scan(&left)
		if err == nil && left > 0 {
			err = fmt.Errorf("%d events have no entry", left)
		}
		return err
	})
}

// ID-10: each class of what is done in identity is one entry, with actor, address, fields before and after.
func TestAuditTellsWhoDidWhat(t *testing.T) {
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewAuditServiceClient(s.conn)
	role, err := identityv1.NewRolesServiceClient(s.conn).CreateRole(admin, &identityv1.CreateRoleRequest{RequestId: "make-role", Role: &identityv1.Role{
		Name: "Reader", Grants: []*accessv1.DirectoryGrant{{Kind: "contact", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL}},
	}})
	require.NoError(t, err)
	_, err = identityv1.NewRolesServiceClient(s.conn).UpdateRole(admin, &identityv1.UpdateRoleRequest{
		Id: role.GetRole().GetId(), Role: &identityv1.Role{Name: "Auditor"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}},
	})
	require.NoError(t, err)
	settings := identityv1.NewSettingsServiceClient(s.conn)
	_, err = settings.UpdateSettings(admin, &identityv1.UpdateSettingsRequest{
		Settings: &identityv1.Settings{Smtp: &identityv1.SmtpServer{
			Host: "127.0.0.1", Port: 2525, Username: "post", Password: "hidden-mail-word", FromAddress: "crm@acme.example",
		}}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"smtp"}},
	})
	require.NoError(t, err)
	ann := s.user(t, admin, "Ann", "ann@acme.example", "manager", adminPassword)
	from := metadata.AppendToOutgoingContext(t.Context(), authn.MetadataAddress, "203.0.113.7",
		authn.MetadataAddressProof, authn.AddressProof(serviceSecret)) // as the gateway says it
	signedIn, err := identityv1.NewSessionsServiceClient(s.conn).CreateSession(from,
		&identityv1.CreateSessionRequest{Email: "ann@acme.example", Password: adminPassword})
	require.NoError(t, err)
	annCtx := bearer(t.Context(), signedIn.GetAccessToken())
	s.settled(t)

	me := s.first.UserID
	made := s.entries(t, admin, `record_id = "`+role.GetRole().GetId()+`"`, 2)
	require.Len(t, made, 2, "one entry for each change")
	require.Equal(t, "updated", made[0].GetAction(), "the newest first")
	require.Equal(t, identityv1.AuditClass_AUDIT_CLASS_PERMISSION, made[0].GetClass())
	require.Equal(t, me, made[0].GetActor())
	require.Equal(t, "created", made[1].GetAction())
	require.Equal(t, "make-role", made[1].GetRequestId())
	require.Len(t, made[1].GetTraceId(), 32)
	one, err := c.GetAuditEntry(admin, &identityv1.GetAuditEntryRequest{Id: made[0].GetId()})
	require.NoError(t, err)
	require.Len(t, one.GetAuditEntry().GetChanges(), 1, "the fields that changed and no others")
	name := one.GetAuditEntry().GetChanges()[0]
	require.Equal(t, "name Reader Auditor", name.GetField()+" "+name.GetOldValue().GetStringValue()+" "+name.GetNewValue().GetStringValue())

	set := s.entries(t, admin, `class = settings AND action = "settings_updated"`, 1)
	require.Len(t, set, 1)
	require.Len(t, set[0].GetChanges(), 1)
	require.Equal(t, "smtp", set[0].GetChanges()[0].GetField())
	in := s.entries(t, admin, `class = sign_in AND actor = "`+ann.GetId()+`"`, 1)
	require.Len(t, in, 1)
	require.Equal(t, "session started", in[0].GetKind()+" "+in[0].GetAction())
	require.Equal(t, "203.0.113.7", in[0].GetAddress())
	require.Len(t, s.entries(t, admin, `address = "203.0.113.7"`, 1), 1)

	// A refused one is told to the organisation, with what was wrong; the password is not.
	_, err = identityv1.NewSessionsServiceClient(s.conn).CreateSession(from,
		&identityv1.CreateSessionRequest{Email: "Ann@acme.example", Password: "mistyped-secret-word"})
	require.Error(t, err)
	_, err = identityv1.NewSessionsServiceClient(s.conn).CreateSession(from,
		&identityv1.CreateSessionRequest{Email: "nobody@acme.example", Password: "mistyped-secret-word"})
	require.Error(t, err)
	refused := s.entries(t, admin, `class = sign_in AND action = "refused"`, 1)
	require.Len(t, refused, 1)
	require.Equal(t, ann.GetId()+" 203.0.113.7", refused[0].GetActor()+" "+refused[0].GetAddress())

	// What tells nothing of before itself is told apart from what earlier entries say.
	_, err = identityv1.NewUsersServiceClient(s.conn).DeactivateUser(admin, &identityv1.DeactivateUserRequest{Id: ann.GetId()})
	require.NoError(t, err)
	off := s.entries(t, admin, `record_id = "`+ann.GetId()+`" AND action = "deactivated"`, 1)
	one, err = c.GetAuditEntry(admin, &identityv1.GetAuditEntryRequest{Id: off[0].GetId()})
	require.NoError(t, err)
	var fields []string
	for _, ch := range one.GetAuditEntry().GetChanges() {
		fields = append(fields, ch.GetField())
	}
	require.Contains(t, fields, "active")
	require.NotContains(t, fields, "name")

	// No secret lands in it, whichever way it came.
	s.settled(t)
	for _, secret := range []string{"hidden-mail-word", "mistyped-secret-word", adminPassword} {
		var n int
		require.NoError(t, s.db.System.Pool().QueryRow(t.Context(),
			`SELECT count(*) FROM audit_entries WHERE position($1::bytea in payload) > 0`, []byte(secret)).Scan(&n))
		require.Zero(t, n, secret)
	}

	// A manager sees none of it, nor does another organisation.
	_, err = c.ListAuditEntries(annCtx, &identityv1.ListAuditEntriesRequest{})
	require.Error(t, err)
	_, other := s.organization(t, "Globex", "root@globex.example")
	require.Empty(t, s.entries(t, other, `record_id = "`+role.GetRole().GetId()+`"`, 0))
	_, err = c.GetAuditEntry(other, &identityv1.GetAuditEntryRequest{Id: made[0].GetId()})
	require.Equal(t, "AUDIT_ENTRY_NOT_FOUND", reason(err))
	s.settled(t)
	n, err := c.CountAuditEntries(other, &identityv1.CountAuditEntriesRequest{Filter: `kind = "organization"`})
	require.NoError(t, err)
	require.EqualValues(t, 1, n.GetCount(), "its own making")
	sound, err := c.VerifyAuditLog(other, &identityv1.VerifyAuditLogRequest{})
	require.NoError(t, err)
	require.Nil(t, sound.GetProblem())
}

// ID-10: the export is a file with the fields before and after, and an entry itself.
func TestAuditIsExported(t *testing.T) {
	s := start(t)
	admin := s.admin(t)
	s.user(t, admin, "=cmd|x", "bob@acme.example", "manager", "")
	s.settled(t)
	stream, err := identityv1.NewAuditServiceClient(s.conn).ExportAuditEntries(admin, &identityv1.ExportAuditEntriesRequest{})
	require.NoError(t, err)
	var file strings.Builder
	for {
		m, err := stream.Recv()
		if err != nil {
			require.ErrorContains(t, err, "EOF")
			break
		}
		file.Write(m.GetPart().GetData())
	}
	require.Contains(t, file.String(), "sequence,happen_time,record_time,class,actor,address,action")
	require.Contains(t, file.String(), "bob@acme.example")
	s.settled(t)
	require.Len(t, s.entries(t, admin, `class = export`, 1), 1)
}

// ID-10: a replay, a repeating relay and a consumer that begins again make no entry twice.
func TestAuditTakesNoEventTwice(t *testing.T) {
	var deps app.Deps
	s := start(t, func(_ *app.Config, d *app.Deps) { deps = *d })
	admin := s.admin(t)
	s.user(t, admin, "Ann", "ann@acme.example", "manager", "")
	s.settled(t)
	before := s.verify(t).Checked
	n, err := outbox.Replay(t.Context(), outbox.ReplayOptions{
		DB: s.db.System, Brokers: deps.Brokers, Source: "kontor.identity.v1", Kinds: []string{"user", "session", "organization"},
		Topic: broker.ReplayTopic(app.AuditConsumer), Clock: clock.System,
	})
	require.NoError(t, err)
	require.Positive(t, n)
	testkit.Eventually(t, func() error {
		var left int64
		err := s.db.System.Pool().QueryRow(t.Context(), `
			SELECT coalesce(sum(end_offset - next_offset), 1) FROM inbox_positions WHERE consumer = $1 AND topic = $2`,
			app.AuditConsumer, broker.ReplayTopic(app.AuditConsumer)).Scan(&left)
		if err == nil && left > 0 {
			err = errors.New("replayed events are not taken in yet")
		}
		return err
	})
	// The positions are lost, as if the consumer had been killed before it stored them.
	_, err = s.db.System.Pool().Exec(t.Context(), `UPDATE inbox_positions SET next_offset = 0 WHERE consumer = $1 AND topic = 'kontor.identity.v1'`, app.AuditConsumer)
	require.NoError(t, err)
	s.user(t, admin, "Bob", "bob@acme.example", "manager", "")
	s.settled(t)
	report := s.verify(t)
	require.Empty(t, report.Problem)
	require.Equal(t, before+1, report.Checked, "Bob, and nothing twice")
}

func (s *suite) verify(t *testing.T, anchors ...app.AuditAnchor) app.AuditReport {
	t.Helper()
	var out app.AuditReport
	require.NoError(t, app.VerifyAudit(t.Context(), s.db.System, auditSecret, s.first.OrganizationID, anchors, func(r app.AuditReport) { out = r }))
	return out
}

const auditSecret = "the secret that these tests encrypt with"

// tamper runs SQL as somebody who has the whole database, past triggers and policies.
func (s *suite) tamper(t *testing.T, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.db.OwnerURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	for _, q := range []string{
		`ALTER TABLE audit_entries NO FORCE ROW LEVEL SECURITY`, `ALTER TABLE audit_heads NO FORCE ROW LEVEL SECURITY`,
		`ALTER TABLE audit_entries DISABLE TRIGGER USER`,
	} {
		_, err := conn.Exec(t.Context(), q)
		require.NoError(t, err)
	}
	tag, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
	require.Positive(t, tag.RowsAffected())
}

// ID-10: what is altered, removed, put elsewhere, cut off or written anew is found, and the first place is named.
func TestAuditTamperingIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		sql   string
		first int64 // 0: the last entry or thereabouts
		text  string
	}{
		"altered": {`UPDATE audit_entries SET actor = 'service:nobody' WHERE sequence = 3`, 3, "altered"},
		"altered and hashed": {
			`UPDATE audit_entries SET actor = 'service:nobody', hash = sha256(hash) WHERE sequence = 3`, 3, "altered",
		},
		"values altered": {`UPDATE audit_entries SET payload = payload || '\x0800' WHERE sequence = 4`, 4, "values"},
		"values gone":    {`UPDATE audit_entries SET payload = NULL, salt = NULL WHERE sequence = 4`, 4, "erased"},
		"removed":        {`DELETE FROM audit_entries WHERE sequence IN (5, 6)`, 5, "entries 5 to 6 are missing"},
		"moved":          {`UPDATE audit_entries SET sequence = CASE sequence WHEN 2 THEN -3 ELSE -2 END WHERE sequence IN (2, 3)`, 0, ""},
		"cut off":        {`DELETE FROM audit_entries WHERE sequence > 6`, 7, "missing"},
		"first cut off":  {`DELETE FROM audit_entries WHERE sequence = 1`, 1, "entry 1 is missing"},
		"all gone":       {`DELETE FROM audit_entries`, 1, "missing"},
		"head gone":      {`DELETE FROM audit_heads`, 0, "head is gone"},
		"head set back": {`WITH g AS (DELETE FROM audit_entries WHERE sequence > 6)
			UPDATE audit_heads h SET sequence = 6, hash = (SELECT hash FROM audit_entries e WHERE e.organization_id = h.organization_id AND sequence = 6)`, 6, "seal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			admin := s.admin(t)
			s.user(t, admin, "Ann", "ann@acme.example", "manager", "")
			s.settled(t)
			sound := s.verify(t)
			require.Empty(t, sound.Problem)
			require.GreaterOrEqual(t, sound.Checked, int64(8))
			s.tamper(t, c.sql)
			if name == "moved" { // into each other's places
				s.tamper(t, `UPDATE audit_entries SET sequence = -sequence WHERE sequence < 0`)
				c.first, c.text = 2, "altered"
			}
			found := s.verify(t)
			require.Contains(t, found.Problem, c.text)
			if c.first > 0 {
				require.Equal(t, c.first, found.Sequence)
			}
			res, err := identityv1.NewAuditServiceClient(s.conn).VerifyAuditLog(admin, &identityv1.VerifyAuditLogRequest{})
			require.NoError(t, err)
			require.Equal(t, found.Problem, res.GetProblem().GetText(), "the API finds what the command does")
			require.Equal(t, found.Sequence, res.GetProblem().GetSequence())

			// What is added afterwards does not cover it up.
			s.user(t, admin, "Bob", "bob@acme.example", "manager", "")
			testkit.Eventually(t, func() error {
				var n int
				err := s.db.System.Pool().QueryRow(t.Context(), `
					SELECT count(*) FROM audit_entries a JOIN events e ON e.event_id = a.event_id
					WHERE e.type LIKE '%UserCreated' AND position('bob@acme'::bytea in e.payload) > 0`).Scan(&n)
				if err == nil && n == 0 {
					err = errors.New("no entry yet")
				}
				return err
			})
			require.NotEmpty(t, s.verify(t).Problem)
		})
	}
}

// ID-10: a hash noted down elsewhere finds even what was written anew by somebody who has the database and the secret.
func TestAuditAnchors(t *testing.T) {
	s := start(t)
	s.user(t, s.admin(t), "Ann", "ann@acme.example", "manager", "")
	s.settled(t)
	last := s.verify(t).Last
	require.Empty(t, s.verify(t, last).Problem)
	require.Contains(t, s.verify(t, app.AuditAnchor{Sequence: 2, Hash: last.Hash}).Problem, "noted down")
	require.Contains(t, s.verify(t, app.AuditAnchor{Sequence: last.Sequence + 1, Hash: last.Hash}).Problem, "the log ends with")
}

// ID-10: the service itself can add to the log and read it, and nothing else.
func TestAuditIsAppendOnly(t *testing.T) {
	s := start(t)
	s.admin(t)
	s.settled(t)
	for _, sql := range []string{
		`UPDATE audit_entries SET actor = 'x'`, `DELETE FROM audit_entries`, `TRUNCATE audit_entries`, `DELETE FROM audit_heads`,
	} {
		err := s.db.System.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, sql)
			return err
		})
		require.ErrorContains(t, err, "permission denied", sql)
		_, err = s.db.App.Query(t.Context(), s.first.OrganizationID, sql)
		require.ErrorContains(t, err, "permission denied", sql)
	}
	// The owner is stopped by the trigger.
	conn, err := pgx.Connect(t.Context(), s.db.OwnerURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), `TRUNCATE audit_entries`)
	require.ErrorContains(t, err, "only added to")
}
