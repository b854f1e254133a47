// Package smtp sends letters through an organisation's mail server (ID-12, ID-13).
package smtp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/identity/internal/organization"
)

// ErrFailed says what went wrong, with what the server said about it.
var ErrFailed = apperr.NotAllowedNow("SMTP_FAILED", "the mail server did not take the letter")

// atMost bounds a whole try.
const atMost = 20 * time.Second

// Sender sends letters.
type Sender struct {
	// TLS is the base of connections' configuration; nil for the system's certificates.
	TLS *tls.Config
	Now func() time.Time
}

// Letter is a letter of plain text and, if there is any, the same in HTML.
type Letter struct {
	To, Subject, Text, HTML string
}

// Send sends the letter through the server and returns what the server said when it took it. It returns ErrFailed.
func (s *Sender) Send(ctx context.Context, srv *organization.SMTP, l Letter) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	c, err := s.connect(ctx, srv)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }() // after Quit, or after a failure that is told
	if err := authenticate(c, srv); err != nil {
		return "", err
	}
	if err := c.Mail(srv.FromAddress); err != nil {
		return "", failed("the server refuses the sender "+srv.FromAddress, err)
	}
	if err := c.Rcpt(l.To); err != nil {
		return "", failed("the server refuses the recipient "+l.To, err)
	}
	letter, err := s.compose(srv, l)
	if err != nil {
		return "", err
	}
	answer, err := data(c, letter)
	if err != nil {
		return "", failed("the server refuses the letter", err)
	}
	_ = c.Quit() // the letter has been taken
	return answer, nil
}

func (s *Sender) connect(ctx context.Context, srv *organization.SMTP) (*smtp.Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(srv.Host, strconv.Itoa(srv.Port)))
	if err != nil {
		return nil, failed("the server cannot be reached; check host and port", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection that has gone says so when it is used
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		cfg = s.TLS.Clone()
	}
	cfg.ServerName = srv.Host
	if srv.Security == organization.TLS {
		t := tls.Client(conn, cfg)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // told below
			return nil, failed("no TLS connection; check port, security and the server's certificate", err)
		}
		conn = t
	}
	c, err := smtp.NewClient(conn, srv.Host)
	if err != nil {
		_ = conn.Close() // told below
		return nil, failed("what answers there is no mail server; check host, port and security", err)
	}
	if srv.Security == organization.StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			_ = c.Close() // told below
			return nil, failed("the server does not offer STARTTLS; choose another security", nil)
		}
		if err := c.StartTLS(cfg); err != nil {
			_ = c.Close() // told below
			return nil, failed("STARTTLS failed; check the server's certificate", err)
		}
	}
	return c, nil
}

func authenticate(c *smtp.Client, srv *organization.SMTP) error {
	if srv.Username == "" {
		return nil
	}
	if ok, _ := c.Extension("AUTH"); !ok {
		return failed("the server does not offer to sign in; leave the user name empty", nil)
	}
	// PlainAuth refuses to send a password over an unencrypted connection, except to this machine.
	if err := c.Auth(smtp.PlainAuth("", srv.Username, srv.Password, srv.Host)); err != nil {
		return failed("the server refuses user name and password", err)
	}
	return nil
}

// data sends the letter itself. smtp.Client.Data does not tell what the server says to it.
func data(c *smtp.Client, letter string) (string, error) {
	for _, step := range []struct {
		send   func() error
		expect int
	}{
		{func() error { return c.Text.PrintfLine("DATA") }, 354},
		{func() error {
			w := c.Text.DotWriter()
			if _, err := w.Write([]byte(letter)); err != nil {
				return err
			}
			return w.Close()
		}, 250},
	} {
		if err := step.send(); err != nil {
			return "", err
		}
		_, said, err := c.Text.ReadResponse(step.expect)
		if err != nil {
			return "", err
		}
		if step.expect == 250 {
			return printable(said), nil
		}
	}
	return "", nil
}

func (s *Sender) compose(srv *organization.SMTP, l Letter) (string, error) {
	from := mail.Address{Name: srv.FromName, Address: srv.FromAddress}
	to := mail.Address{Address: l.To}
	_, host, _ := strings.Cut(srv.FromAddress, "@")
	var b bytes.Buffer
	parts := multipart.NewWriter(&b)
	for _, p := range []struct{ kind, text string }{{"text/plain", l.Text}, {"text/html", l.HTML}} {
		if p.text == "" {
			continue
		}
		if err := add(parts, p.kind, p.text); err != nil {
			return "", fmt.Errorf("compose letter: %w", err)
		}
	}
	if err := parts.Close(); err != nil {
		return "", fmt.Errorf("compose letter: %w", err)
	}
	return strings.Join([]string{
		"From: " + from.String(),
		"To: " + to.String(),
		"Subject: " + mime.QEncoding.Encode("utf-8", l.Subject),
		"Date: " + s.Now().UTC().Format(time.RFC1123Z),
		"Message-ID: <" + strings.ToLower(rand.Text()) + "@" + host + ">",
		"MIME-Version: 1.0",
		"Content-Type: multipart/alternative; boundary=" + parts.Boundary(),
		"Auto-Submitted: auto-generated",
		"",
		b.String(),
	}, "\r\n"), nil
}

func add(parts *multipart.Writer, kind, text string) error {
	part, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type": {kind + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return err
	}
	w := quotedprintable.NewWriter(part)
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return w.Close()
}

// failed is ErrFailed with what we make of it. Only a mail server's own answers are passed on: what else listens
// somewhere inside is nobody's business.
func failed(what string, err error) error {
	msg := what
	var said *textproto.Error
	if errors.As(err, &said) {
		msg += ": " + strconv.Itoa(said.Code) + " " + printable(said.Msg)
	}
	if err == nil {
		err = errors.New(what)
	}
	return ErrFailed.Saying(msg).Because(fmt.Errorf("smtp: %w", err))
}

// printable keeps a server's words short and harmless.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 300)]
}
