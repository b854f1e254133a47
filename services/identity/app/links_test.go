package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/app"
)

const newPassword = "amber-falcon-7-harbour"

// letter is one that came in.
type letter struct{ to, subject, plain, html string }

var linkIn = regexp.MustCompile(`https://crm\.acme\.example/office/link#([A-Za-z0-9_-]+)`)

func (l letter) token(t *testing.T) string {
	t.Helper()
	m := linkIn.FindStringSubmatch(l.plain)
	require.NotNil(t, m, l.plain)
	require.Contains(t, l.html, m[0], "the same link in both forms")
	return m[1]
}

// read returns the letters to an address, oldest first.
func (m *mailServer) read(to string) ([]letter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []letter
	for _, raw := range m.letters {
		l, err := parse(raw)
		if err != nil {
			return nil, err
		}
		if l.to == to {
			all = append(all, l)
		}
	}
	return all, nil
}

func parse(raw string) (letter, error) {
	msg, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return letter{}, err
	}
	to, err := mail.ParseAddress(msg.Header.Get("To"))
	if err != nil {
		return letter{}, err
	}
	l := letter{to: to.Address, subject: msg.Header.Get("Subject")}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		return letter{}, err
	}
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return letter{}, err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return letter{}, err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			l.html = string(text)
		} else {
			l.plain = string(text)
		}
	}
}

// letters waits for the nth letter to an address and returns it.
func (m *mailServer) wait(t *testing.T, to string, n int) letter {
	t.Helper()
	var all []letter
	testkit.Eventually(t, func() (err error) {
		if all, err = m.read(to); err == nil && len(all) < n {
			err = fmt.Errorf("%d letters to %s, not %d", len(all), to, n)
		}
		return err
	})
	require.Len(t, all, n)
	return all[n-1]
}

// withMail starts identity with a mail server set.
func withMail(t *testing.T) (*suite, context.Context, *mailServer) {
	t.Helper()
	s := start(t, func(c *app.Config, _ *app.Deps) { c.PublicURL = "https://crm.acme.example/office/" })
	admin := s.admin(t)
	m, port := startMail(t)
	_, err := identityv1.NewSettingsServiceClient(s.conn).UpdateSettings(admin, &identityv1.UpdateSettingsRequest{
		Settings: &identityv1.Settings{Smtp: &identityv1.SmtpServer{
			Host: "127.0.0.1", Port: port, Security: identityv1.SmtpSecurity_SMTP_SECURITY_NONE, Username: "acme", Password: "letter-opener",
			FromAddress: "crm@acme.example",
		}},
	})
	require.NoError(t, err)
	return s, admin, m
}

// ID-12: who is made with an address gets a link to choose a password, which works once.
func TestInvitation(t *testing.T) {
	t.Parallel()
	s, admin, m := withMail(t)
	links := identityv1.NewLinksServiceClient(s.conn)
	ann := s.user(t, admin, "Ann <b>Lee</b>", "ann@acme.example", "manager", "")
	require.NotNil(t, ann.GetInvitation())

	got := m.wait(t, "ann@acme.example", 1)
	require.Contains(t, got.subject, "Acme")
	require.Contains(t, got.html, "Ann &lt;b&gt;Lee&lt;/b&gt;")
	require.NotRegexp(t, `(?i)<img|src=|<link|url\(`, got.html, "nothing is loaded from elsewhere")
	token := got.token(t)
	look, err := links.LookUpLink(t.Context(), &identityv1.LookUpLinkRequest{Token: token})
	require.NoError(t, err)
	require.Equal(t, identityv1.LinkPurpose_LINK_PURPOSE_INVITATION, look.GetPurpose())
	require.Equal(t, []string{"ann@acme.example", "Acme"}, []string{look.GetEmail(), look.GetOrganizationName()})
	for _, where := range []string{"links", "events", "users"} {
		var n int
		require.NoError(t, s.db.App.QueryRow(t.Context(), s.first.OrganizationID,
			`SELECT count(*) FROM `+where+` x WHERE x::text LIKE '%'||$1||'%'`, token[44:]).Scan(&n))
		require.Zero(t, n, "the token is nowhere in %s", where)
	}

	_, err = links.ConfirmEmail(t.Context(), &identityv1.ConfirmEmailRequest{Token: token})
	require.Equal(t, "MAIL_LINK_INVALID", reason(err), "it is for a password only")
	_, err = links.SetPasswordByLink(t.Context(), &identityv1.SetPasswordByLinkRequest{Token: token, Password: "password12"})
	require.Equal(t, "PASSWORD_WEAK", reason(err))
	set, err := links.SetPasswordByLink(t.Context(), &identityv1.SetPasswordByLinkRequest{Token: token, Password: newPassword})
	require.NoError(t, err, "a weak one did not use it up")
	require.Equal(t, "ann@acme.example", set.GetEmail())
	s.signIn(t, "ann@acme.example", newPassword)
	_, err = links.SetPasswordByLink(t.Context(), &identityv1.SetPasswordByLinkRequest{Token: token, Password: "another-" + newPassword})
	require.Equal(t, "MAIL_LINK_INVALID", reason(err))
	_, err = links.LookUpLink(t.Context(), &identityv1.LookUpLinkRequest{Token: token})
	require.Equal(t, "MAIL_LINK_INVALID", reason(err))

	_, err = identityv1.NewInvitationsServiceClient(s.conn).InviteUser(admin, &identityv1.InviteUserRequest{Id: ann.GetId()})
	require.Equal(t, "USER_HAS_PASSWORD", reason(err))
	var types []string
	require.NoError(t, s.db.App.QueryRow(t.Context(), s.first.OrganizationID, `
		SELECT array_agg(type ORDER BY version) FROM events WHERE kind = 'user' AND record_id = $1`, ann.GetId()).Scan(&types))
	require.Equal(t, []string{"kontor.identity.v1.UserCreated", "kontor.identity.v1.UserInvited", "kontor.identity.v1.UserPasswordSet"}, types)
}

// ID-12: sent again, taken back, expired; only the last link works.
func TestInvitationAgain(t *testing.T) {
	t.Parallel()
	s, admin, m := withMail(t)
	links, c := identityv1.NewLinksServiceClient(s.conn), identityv1.NewInvitationsServiceClient(s.conn)
	works := func(token string) string {
		_, err := links.LookUpLink(t.Context(), &identityv1.LookUpLinkRequest{Token: token})
		return reason(err)
	}
	bo := s.user(t, admin, "Bo", "bo@acme.example", "manager", "")
	first := m.wait(t, "bo@acme.example", 1).token(t)
	again, err := c.InviteUser(admin, &identityv1.InviteUserRequest{Id: bo.GetId()})
	require.NoError(t, err)
	require.Empty(t, again.GetLink(), "it was sent: nobody else needs it")
	second := m.wait(t, "bo@acme.example", 2).token(t)
	require.Equal(t, "MAIL_LINK_INVALID", works(first))
	require.Empty(t, works(second))

	back, err := c.RevokeInvitation(admin, &identityv1.RevokeInvitationRequest{Id: bo.GetId()})
	require.NoError(t, err)
	require.Nil(t, back.GetUser().GetInvitation())
	require.Equal(t, "MAIL_LINK_INVALID", works(second))
	_, err = c.RevokeInvitation(admin, &identityv1.RevokeInvitationRequest{Id: bo.GetId()})
	require.NoError(t, err, "nothing to take back")

	// A server that is busy is tried again, and the user's page says so meanwhile.
	m.mu.Lock()
	m.busy = true
	m.mu.Unlock()
	_, err = c.InviteUser(admin, &identityv1.InviteUserRequest{Id: bo.GetId()})
	require.NoError(t, err)
	invitation := func() *identityv1.Invitation {
		res, err := identityv1.NewUsersServiceClient(s.conn).GetUser(admin, &identityv1.GetUserRequest{Id: bo.GetId()})
		require.NoError(t, err)
		return res.GetUser().GetInvitation()
	}
	testkit.Eventually(t, func() error {
		if f := invitation().GetFailure(); !strings.Contains(f, "come back later") {
			return fmt.Errorf("failure is %q", f)
		}
		return nil
	})
	m.mu.Lock()
	m.busy = false
	m.mu.Unlock()
	third := m.wait(t, "bo@acme.example", 3).token(t)
	testkit.Eventually(t, func() error {
		if i := invitation(); i.GetSendTime() == nil || i.GetFailure() != "" {
			return errors.New("not noted as sent")
		}
		return nil
	})
	require.Empty(t, works(third))
	s.clock.step(7*24*time.Hour + time.Minute)
	require.Equal(t, "MAIL_LINK_INVALID", works(third))
}

// ID-12: without a mail server the administrator passes the link on; nobody invites a stranger's account.
func TestInvitationByHand(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c, links := identityv1.NewInvitationsServiceClient(s.conn), identityv1.NewLinksServiceClient(s.conn)
	cy := s.user(t, admin, "Cy", "cy@acme.example", "manager", "")
	require.Nil(t, cy.GetInvitation())
	res, err := c.InviteUser(admin, &identityv1.InviteUserRequest{Id: cy.GetId()})
	require.NoError(t, err)
	require.NotNil(t, res.GetUser().GetInvitation())
	where, token, found := strings.Cut(res.GetLink(), "#")
	require.True(t, found)
	require.Equal(t, "http://127.0.0.1:8080/link", where)
	_, err = links.SetPasswordByLink(t.Context(), &identityv1.SetPasswordByLinkRequest{Token: token, Password: newPassword})
	require.NoError(t, err)
	cyCtx, _ := s.signIn(t, "cy@acme.example", newPassword)
	_, err = c.InviteUser(cyCtx, &identityv1.InviteUserRequest{Id: cy.GetId()})
	require.Equal(t, "NOT_PERMITTED", reason(err))

	// ID-1: another organisation knows the address, and gets no link to the account.
	_, globex := s.organization(t, "Globex", "root@globex.example")
	dee := s.user(t, admin, "Dee", "dee@acme.example", "manager", "")
	theirs := s.user(t, globex, "Dee", "dee@acme.example", "manager", "")
	_, err = c.InviteUser(globex, &identityv1.InviteUserRequest{Id: theirs.GetId()})
	require.Equal(t, "ACCOUNT_ELSEWHERE", reason(err))
	_, err = c.InviteUser(globex, &identityv1.InviteUserRequest{Id: dee.GetId()})
	require.Equal(t, "USER_NOT_FOUND", reason(err))
	_, err = identityv1.NewUsersServiceClient(s.conn).DeactivateUser(admin, &identityv1.DeactivateUserRequest{Id: dee.GetId()})
	require.NoError(t, err)
	_, err = c.InviteUser(admin, &identityv1.InviteUserRequest{Id: dee.GetId()})
	require.Equal(t, "USER_NOT_ACTIVE", reason(err))
}

// ID-12, ID-9: a forgotten password is replaced by a link; the answer does not tell whether the account exists.
func TestPasswordReset(t *testing.T) {
	t.Parallel()
	s, admin, m := withMail(t)
	links := identityv1.NewLinksServiceClient(s.conn)
	s.user(t, admin, "Eve", "eve@acme.example", "manager", adminPassword+"-eve")
	m.wait(t, "eve@acme.example", 1) // the invitation that came first
	ask := func(email string) string {
		_, err := links.RequestPasswordReset(t.Context(), &identityv1.RequestPasswordResetRequest{Email: email})
		return reason(err)
	}
	require.Empty(t, ask("nobody-here@acme.example"))
	require.Empty(t, ask("no address at all"))
	require.Empty(t, ask(" EVE@acme.example "))
	token := m.wait(t, "eve@acme.example", 2).token(t)
	none, err := m.read("nobody-here@acme.example")
	require.NoError(t, err)
	require.Empty(t, none)

	eve, before := s.signIn(t, "eve@acme.example", adminPassword+"-eve")
	var wg sync.WaitGroup
	reasons := make([]string, 4)
	for i := range reasons {
		wg.Go(func() {
			_, err := links.SetPasswordByLink(t.Context(), &identityv1.SetPasswordByLinkRequest{
				Token: token, Password: newPassword + strings.Repeat("!", i+1),
			})
			reasons[i] = reason(err)
		})
	}
	wg.Wait()
	won := 0
	for i, r := range reasons {
		if r == "" {
			won++
			s.signIn(t, "eve@acme.example", newPassword+strings.Repeat("!", i+1))
		} else {
			require.Equal(t, "MAIL_LINK_INVALID", r)
		}
	}
	require.Equal(t, 1, won, "it works once, however many try at the same time")
	_, err = identityv1.NewSessionsServiceClient(s.conn).RefreshSession(t.Context(),
		&identityv1.RefreshSessionRequest{RefreshToken: before.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err), "all sessions have ended")
	testkit.Eventually(t, func() error {
		_, err := identityv1.NewMeServiceClient(s.conn).GetMe(eve, &identityv1.GetMeRequest{})
		if reason(err) != "SESSION_ENDED" {
			return errors.New("the access token still works")
		}
		return nil
	})

	// A new password, however it came, makes links worthless that were sent before; so does time.
	require.Empty(t, ask("eve@acme.example"))
	older := m.wait(t, "eve@acme.example", 3).token(t)
	s.clock.step(61 * time.Minute)
	_, err = links.LookUpLink(t.Context(), &identityv1.LookUpLinkRequest{Token: older})
	require.Equal(t, "MAIL_LINK_INVALID", reason(err))
	for range 10 {
		ask("eve@acme.example")
		ask("nobody-here@acme.example")
	}
	require.Equal(t, "SIGN_IN_LIMITED", ask("eve@acme.example"))
	require.Equal(t, "SIGN_IN_LIMITED", ask("nobody-here@acme.example"), "known or not")
}

// ID-12: a change of address is confirmed at the new one, and the old one told.
func TestChangeEmail(t *testing.T) {
	t.Parallel()
	s, admin, m := withMail(t)
	links := identityv1.NewLinksServiceClient(s.conn)
	password := adminPassword + "-fay"
	fay := s.user(t, admin, "Fay", "fay@acme.example", "manager", password)
	m.wait(t, "fay@acme.example", 1)
	ctx, _ := s.signIn(t, "fay@acme.example", password)
	change := func(password, email string) string {
		_, err := links.ChangeEmail(ctx, &identityv1.ChangeEmailRequest{Password: password, Email: email})
		return reason(err)
	}
	require.Equal(t, "PASSWORD_WRONG", change("wrong", "fay.new@acme.example"))
	require.Equal(t, "EMAIL_UNCHANGED", change(password, "Fay@acme.example"))
	require.Equal(t, "USER_INVALID", change(password, "fay"))
	require.Empty(t, change(password, adminEmail), "whether it is taken is not told here")
	taken := m.wait(t, adminEmail, 1).token(t)
	_, err := links.ConfirmEmail(t.Context(), &identityv1.ConfirmEmailRequest{Token: taken})
	require.Equal(t, "USER_EMAIL_TAKEN", reason(err))

	require.Empty(t, change(password, "fay.new@acme.example"))
	token := m.wait(t, "fay.new@acme.example", 1).token(t)
	_, err = links.SetPasswordByLink(t.Context(), &identityv1.SetPasswordByLinkRequest{Token: token, Password: newPassword})
	require.Equal(t, "MAIL_LINK_INVALID", reason(err), "it is for the address only")
	s.signIn(t, "fay@acme.example", password) // nothing has changed yet
	res, err := links.ConfirmEmail(t.Context(), &identityv1.ConfirmEmailRequest{Token: token})
	require.NoError(t, err)
	require.Equal(t, "fay.new@acme.example", res.GetEmail())
	s.signIn(t, "fay.new@acme.example", password)
	_, err = identityv1.NewSessionsServiceClient(s.conn).CreateSession(t.Context(),
		&identityv1.CreateSessionRequest{Email: "fay@acme.example", Password: password})
	require.Equal(t, "SIGN_IN_REFUSED", reason(err))
	told := m.wait(t, "fay@acme.example", 2)
	require.Contains(t, told.plain, "fay.new@acme.example")
	require.NotContains(t, told.plain, "link#")
	_, err = links.ConfirmEmail(t.Context(), &identityv1.ConfirmEmailRequest{Token: token})
	require.Equal(t, "MAIL_LINK_INVALID", reason(err))
	testkit.Eventually(t, func() error {
		u, _ := s.directory.User(s.first.OrganizationID, fay.GetId())
		if u.Email != "fay.new@acme.example" {
			return errors.New("the directory has the old address")
		}
		return nil
	})

	// ID-1: an account that others know is not changed from here.
	_, globex := s.organization(t, "Globex", "root@globex.example")
	s.user(t, globex, "Fay", "fay.new@acme.example", "manager", "")
	require.Equal(t, "ACCOUNT_ELSEWHERE", change(password, "fay.newer@acme.example"))
}
