package app_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// mailServer is a real SMTP server on this machine.
type mailServer struct {
	mu      sync.Mutex
	letters []string
	// busy has letters turned away for now.
	busy bool
}

// NewSession see [smtp.Backend].
func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &mailSession{server: m}, nil
}

type mailSession struct {
	server *mailServer
	known  bool
}

func (*mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "acme" || password != "letter-opener" {
			return &smtp.SMTPError{Code: 535, Message: "bad credentials"}
		}
		s.known = true
		return nil
	}), nil
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	if !s.known {
		return &smtp.SMTPError{Code: 530, Message: "sign in first"}
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == "nobody@acme.example" {
		return &smtp.SMTPError{Code: 550, Message: "no such mailbox"}
	}
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.busy {
		return &smtp.SMTPError{Code: 451, Message: "come back later"}
	}
	s.server.letters = append(s.server.letters, string(b))
	return err
}

func (*mailSession) Reset()        {}
func (*mailSession) Logout() error { return nil }

func startMail(t *testing.T) (*mailServer, int32) {
	t.Helper()
	m := &mailServer{}
	srv := smtp.NewServer(m)
	srv.AllowInsecureAuth = true
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	n, err := strconv.ParseInt(port, 10, 32)
	require.NoError(t, err)
	return m, int32(n)
}

// ID-13: the settings of the organisation; every service hears of those it needs.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewSettingsServiceClient(s.conn)
	got, err := c.GetSettings(admin, &identityv1.GetSettingsRequest{})
	require.NoError(t, err)
	require.Len(t, got.GetSettings().GetWorkingCalendar().GetHours(), 5, "works with its defaults")

	up, err := c.UpdateSettings(admin, &identityv1.UpdateSettingsRequest{Settings: &identityv1.Settings{
		Name: "Acme & Sons", TimeZone: "Europe/Berlin", BaseCurrency: "EUR", Language: "de", WeekStart: identityv1.Weekday_WEEKDAY_SUNDAY,
		FiscalYearStartMonth: 4, Modules: map[string]bool{"telephony": false}, Etag: got.GetSettings().GetEtag(),
		WorkingCalendar: &identityv1.WorkingCalendar{Holidays: []*identityv1.Holiday{
			{Date: &date.Date{Month: 12, Day: 25}, Name: "Christmas"}, {Date: &date.Date{Month: 2, Day: 29}},
		}},
	}})
	require.NoError(t, err)
	require.Equal(t, "EUR", up.GetSettings().GetBaseCurrency())
	require.Equal(t, map[string]bool{"telephony": false}, up.GetSettings().GetModules())
	testkit.Eventually(t, func() error {
		o, _ := s.directory.Organization(s.first.OrganizationID)
		if o.BaseCurrency != "EUR" || o.Location().String() != "Europe/Berlin" {
			return errors.New("directory has the old settings")
		}
		return nil
	})
	_, err = c.UpdateSettings(admin, &identityv1.UpdateSettingsRequest{Settings: &identityv1.Settings{Name: "Late", Etag: "v1"}})
	require.Equal(t, "SETTINGS_ETAG_MISMATCH", reason(err))
	for name, x := range map[string]*identityv1.Settings{
		"unknown zone":       {TimeZone: "Local"},
		"currency":           {BaseCurrency: "euro"},
		"30 February":        {WorkingCalendar: &identityv1.WorkingCalendar{Holidays: []*identityv1.Holiday{{Date: &date.Date{Month: 2, Day: 30}}}}},
		"month":              {FiscalYearStartMonth: 13},
		"module":             {Modules: map[string]bool{"../x": true}},
		"mail in the clear":  {Smtp: &identityv1.SmtpServer{Host: "mail.example.com", Port: 25, Security: identityv1.SmtpSecurity_SMTP_SECURITY_NONE, Username: "a", Password: "p", FromAddress: "a@b.example"}},
		"host with a header": {Smtp: &identityv1.SmtpServer{Host: "mail\r\nX: y", Port: 25, FromAddress: "a@b.example"}},
	} {
		_, err := c.UpdateSettings(admin, &identityv1.UpdateSettingsRequest{Settings: x})
		require.Equal(t, "SETTINGS_INVALID", reason(err), name)
	}
	cleared, err := c.UpdateSettings(admin, &identityv1.UpdateSettingsRequest{
		Settings: &identityv1.Settings{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"modules"}},
	})
	require.NoError(t, err)
	require.Empty(t, cleared.GetSettings().GetModules())
}

// ID-13: the test button really sends a letter; the password is stored encrypted, never answered, and never sent to
// another server than the one it was given for.
func TestMailServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewSettingsServiceClient(s.conn)
	mail, port := startMail(t)
	_, err := c.TestSmtp(admin, &identityv1.TestSmtpRequest{})
	require.Equal(t, "SMTP_NOT_SET", reason(err))

	server := func() *identityv1.SmtpServer {
		return &identityv1.SmtpServer{
			Host: "127.0.0.1", Port: port, Security: identityv1.SmtpSecurity_SMTP_SECURITY_NONE, Username: "acme", Password: "letter-opener",
			FromAddress: "sales@acme.example", FromName: "Acme Söhne",
		}
	}
	up, err := c.UpdateSettings(admin, &identityv1.UpdateSettingsRequest{Settings: &identityv1.Settings{Smtp: server()}})
	require.NoError(t, err)
	require.True(t, up.GetSettings().GetSmtp().GetPasswordSet())
	require.Empty(t, up.GetSettings().GetSmtp().GetPassword())
	for _, where := range []string{"organizations", "events"} {
		var n int
		require.NoError(t, s.db.App.QueryRow(t.Context(), s.first.OrganizationID,
			`SELECT count(*) FROM `+where+` x WHERE x::text LIKE '%letter-opener%' OR x::text LIKE '%6c65747465722d6f70656e6572%'`).Scan(&n))
		require.Zero(t, n, "the password is nowhere in %s", where)
	}
	res, err := c.TestSmtp(admin, &identityv1.TestSmtpRequest{})
	require.NoError(t, err)
	require.Equal(t, adminEmail, res.GetTo())
	require.NotEmpty(t, res.GetAnswer())
	mail.mu.Lock()
	require.Len(t, mail.letters, 1)
	require.Contains(t, mail.letters[0], "From: =?utf-8?q?Acme_S=C3=B6hne?= <sales@acme.example>")
	mail.mu.Unlock()

	// The rest changes, the password stays; with another server it goes.
	same := server()
	same.Password, same.FromName = "", "Acme"
	up, err = c.UpdateSettings(admin, &identityv1.UpdateSettingsRequest{Settings: &identityv1.Settings{Smtp: same}})
	require.NoError(t, err)
	require.True(t, up.GetSettings().GetSmtp().GetPasswordSet())
	_, err = c.TestSmtp(admin, &identityv1.TestSmtpRequest{})
	require.NoError(t, err)
	_, thief := startMail(t)
	elsewhere := server()
	elsewhere.Password, elsewhere.Port = "", thief
	_, err = c.TestSmtp(admin, &identityv1.TestSmtpRequest{Smtp: elsewhere})
	require.Equal(t, "SMTP_FAILED", reason(err), "nothing to sign in with there")
	up, err = c.UpdateSettings(admin, &identityv1.UpdateSettingsRequest{Settings: &identityv1.Settings{Smtp: elsewhere}})
	require.NoError(t, err)
	require.False(t, up.GetSettings().GetSmtp().GetPasswordSet())

	// What the server says is told.
	wrong := server()
	wrong.Password = "wrong"
	_, err = c.TestSmtp(admin, &identityv1.TestSmtpRequest{Smtp: wrong})
	require.Equal(t, "SMTP_FAILED", reason(err))
	require.ErrorContains(t, err, "bad credentials")
	_, err = c.TestSmtp(admin, &identityv1.TestSmtpRequest{Smtp: server(), To: "nobody@acme.example"})
	require.ErrorContains(t, err, "no such mailbox")
	tls := server()
	tls.Security = identityv1.SmtpSecurity_SMTP_SECURITY_STARTTLS
	_, err = c.TestSmtp(admin, &identityv1.TestSmtpRequest{Smtp: tls})
	require.ErrorContains(t, err, "does not offer STARTTLS")
	closed := server()
	closed.Port = 1
	_, err = c.TestSmtp(admin, &identityv1.TestSmtpRequest{Smtp: closed})
	require.Equal(t, "SMTP_FAILED", reason(err))
}
