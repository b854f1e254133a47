package link

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/smtp"
)

// Job is something to be written: the letter of a link, the letter to the old address once it was changed, or a request
// for a new password, for which it is not known yet whether there is anybody to write to.
type Job struct {
	// Organization and LinkID are empty for a request.
	Organization string `json:"organization,omitempty"`
	LinkID       string `json:"link_id,omitempty"`
	// Changed asks for the letter to the old address.
	Changed bool `json:"changed,omitempty"`
	// Email is the address of a request.
	Email string `json:"email,omitempty"`
}

// Kind names the job in River's table.
func (Job) Kind() string { return "link" }

// InsertOpts has a letter tried for about an hour: mail servers come back, and links expire.
func (Job) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 60} }

// Mail sends letters.
type Mail interface {
	Send(ctx context.Context, srv *organization.SMTP, l smtp.Letter) (string, error)
}

// Worker writes the letters.
type Worker struct {
	river.WorkerDefaults[Job]

	Links *Service
	Mail  Mail
}

// Work does a job. A letter may be sent twice, should the process die between; the link in it is the same.
func (w *Worker) Work(ctx context.Context, job *river.Job[Job]) error {
	if job.Args.Email != "" {
		return w.look(ctx, job.Args.Email)
	}
	return w.write(ctx, job.Args)
}

// look makes a link for who has forgotten the password, if the organisation that looks after the account can write.
func (w *Worker) look(ctx context.Context, email string) error {
	st := w.Links.Store
	a, err := st.FindAccount(ctx, email)
	if err != nil || a == nil || a.HomeID == "" {
		return err
	}
	userID, err := st.UserOf(ctx, a.HomeID, a.ID)
	if err != nil || userID == "" {
		return err
	}
	o, err := st.GetSettings(ctx, a.HomeID)
	if err != nil || o.SMTP == nil {
		return err
	}
	err = st.Make(ctx, a.HomeID, userID, Reset, email)
	if errors.Is(err, ErrInvalid) {
		return nil // gone meanwhile
	}
	return err
}

func (w *Worker) write(ctx context.Context, job Job) error {
	st := w.Links.Store
	h, err := st.Held(ctx, job.Organization, job.LinkID)
	switch {
	case errors.Is(err, ErrInvalid):
		return nil // swept
	case err != nil:
		return err
	case h.Organization.SMTP == nil, !job.Changed && !h.Works(w.Links.Now()):
		return nil // nothing to send by, or nothing left to send
	}
	letter, err := w.compose(h, job.Changed)
	if err != nil {
		return err
	}
	srv := *h.Organization.SMTP
	if srv.PasswordSet {
		if srv.Password, err = st.SMTPPassword(ctx, job.Organization); err != nil {
			return err
		}
	}
	if _, err := w.Mail.Send(ctx, &srv, letter); err != nil {
		if job.Changed {
			return err
		}
		return errors.Join(err, st.Sent(ctx, job.Organization, job.LinkID, err.Error()))
	}
	if job.Changed {
		return nil
	}
	return st.Sent(ctx, job.Organization, job.LinkID, "")
}

// texts are one letter in one language. {user}, {organization}, {email} and {until} stand for what they say.
type texts struct {
	Subject string   `json:"subject"`
	Lines   []string `json:"lines"`
	// Button is what the link is called; empty for a letter without one.
	Button string `json:"button"`
	// After stands below the link.
	After []string `json:"after"`
}

//go:embed letters/*.json
var letters embed.FS

// fallback is the language that all letters are there in.
const fallback = "en"

// textsIn returns the letters in the language of the tag, or in English.
func textsIn(tags ...string) (map[string]texts, error) {
	for _, tag := range append(tags, fallback) {
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		raw, err := letters.ReadFile("letters/" + base + ".json")
		if err != nil {
			continue // not in this language
		}
		var all map[string]texts
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, fmt.Errorf("letters in %s: %w", base, err)
		}
		return all, nil
	}
	return nil, errors.New("no letters")
}

// compose writes a letter: plain and HTML, in the user's language, with nothing loaded from elsewhere.
func (w *Worker) compose(h *Held, changed bool) (smtp.Letter, error) {
	language := h.User.Locale
	if language == "" {
		language = h.Organization.Language
	}
	all, err := textsIn(language)
	if err != nil {
		return smtp.Letter{}, err
	}
	name, to := map[Purpose]string{Invitation: "invitation", Reset: "reset", Address: "address"}[h.Link.Purpose], h.Link.Email
	if changed {
		name, to = "changed", h.Link.UserEmail
	}
	words := all[name]
	zone, err := time.LoadLocation(zoneOf(h))
	if err != nil {
		return smtp.Letter{}, fmt.Errorf("time zone: %w", err)
	}
	fill := strings.NewReplacer("{user}", h.User.Name, "{organization}", h.Organization.Name, "{email}", h.Link.Email,
		"{until}", h.Link.ExpiresAt.In(zone).Format("2006-01-02 15:04 MST"))
	where := ""
	if words.Button != "" {
		if where, err = w.Links.URL(h.Organization.ID, h.Link.ID); err != nil {
			return smtp.Letter{}, err
		}
	}
	return smtp.Letter{
		To: to, Subject: fill.Replace(words.Subject), Text: plain(words, fill, where), HTML: page(words, fill, where),
	}, nil
}

func zoneOf(h *Held) string {
	if h.User.TimeZone != "" {
		return h.User.TimeZone
	}
	return h.Organization.TimeZone
}

func plain(t texts, fill *strings.Replacer, where string) string {
	var b strings.Builder
	for _, line := range t.Lines {
		b.WriteString(fill.Replace(line) + "\r\n\r\n")
	}
	if where != "" {
		b.WriteString(where + "\r\n\r\n")
	}
	for _, line := range t.After {
		b.WriteString(fill.Replace(line) + "\r\n\r\n")
	}
	return strings.TrimRight(b.String(), "\r\n") + "\r\n"
}

func page(t texts, fill *strings.Replacer, where string) string {
	var b strings.Builder
	b.WriteString(`<!doctype html><html><body style="font:15px/1.5 sans-serif;color:#222;max-width:36em">`)
	paragraph := func(line string) {
		b.WriteString("<p>" + html.EscapeString(fill.Replace(line)) + "</p>\r\n")
	}
	for _, line := range t.Lines {
		paragraph(line)
	}
	if where != "" {
		safe := html.EscapeString(where)
		b.WriteString(`<p><a href="` + safe + `" style="display:inline-block;padding:8px 16px;background:#2456c4;color:#fff;text-decoration:none;border-radius:6px">` +
			html.EscapeString(t.Button) + "</a></p>\r\n<p style=\"color:#666;word-break:break-all\">" + safe + "</p>\r\n")
	}
	for _, line := range t.After {
		paragraph(line)
	}
	b.WriteString("</body></html>\r\n")
	return b.String()
}
