package api

import (
	"context"
	"strings"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/smtp"
)

type settings struct {
	identityv1.UnimplementedSettingsServiceServer
	*Core
}

// GetSettings returns the settings.
func (s *settings) GetSettings(ctx context.Context, _ *identityv1.GetSettingsRequest) (*identityv1.GetSettingsResponse, error) {
	o, err := s.Store.GetSettings(ctx, authn.MustFrom(ctx).OrganizationID)
	if err != nil {
		return nil, err
	}
	return &identityv1.GetSettingsResponse{Settings: publish.Settings(o)}, nil
}

// UpdateSettings changes fields of the settings.
func (s *settings) UpdateSettings(ctx context.Context, req *identityv1.UpdateSettingsRequest) (*identityv1.UpdateSettingsResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	in := req.GetSettings()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, "name", "logo_file_id", "time_zone", "language", "country", "base_currency",
		"week_start", "fiscal_year_start_month", "working_calendar", "modules", "smtp", "second_factor")
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(in.GetEtag())
	if err != nil {
		return nil, err
	}
	out, err := s.Store.UpdateSettings(ctx, org, version, func(o *organization.Settings) (*organization.Updated, error) {
		return o.Change(func(o *organization.Settings) {
			dst := publish.Settings(o)
			mask.Apply(dst, in)
			n := publish.FromSettings(dst)
			if mask.Has("modules") {
				n.Modules = in.GetModules() // as a whole, so that one can be taken out
			}
			n.Version, n.CreatedAt, n.UpdatedAt = o.Version, o.CreatedAt, o.UpdatedAt
			n.ID, n.Name = o.ID, strings.TrimSpace(n.Name)
			*o = *n
		})
	})
	if m, ok := s.Store.Replayed(ctx, org, err); ok {
		if p, ok := m.(*identityv1.Settings); ok {
			return &identityv1.UpdateSettingsResponse{Settings: p}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.UpdateSettingsResponse{Settings: publish.Settings(out)}, nil
}

// TestSmtp sends a letter through a mail server.
func (s *settings) TestSmtp(ctx context.Context, req *identityv1.TestSmtpRequest) (*identityv1.TestSmtpResponse, error) {
	who := authn.MustFrom(ctx)
	if wait := s.Limiter.Take(ctx, session.Key{Kind: "smtp", Name: who.OrganizationID}); wait > 0 {
		return nil, session.ErrLimited.RetryIn(wait)
	}
	o, err := s.Store.GetSettings(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	srv := o.SMTP
	if req.GetSmtp() != nil {
		srv = publish.FromSMTP(req.GetSmtp())
	}
	if srv == nil {
		return nil, organization.ErrNoSMTP
	}
	if srv.Password == "" && srv.Same(o.SMTP) && o.SMTP.PasswordSet {
		if srv.Password, err = s.Store.SMTPPassword(ctx, who.OrganizationID); err != nil {
			return nil, err
		}
	}
	if err := srv.Validate(); err != nil {
		return nil, err
	}
	to, err := s.recipient(ctx, req.GetTo())
	if err != nil {
		return nil, err
	}
	answer, err := s.Mail.Send(ctx, srv, smtp.Letter{
		To: to, Subject: "Test letter from " + o.Name, Text: "This letter shows that mail of " + o.Name + " goes out through " + srv.Host + ".",
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.TestSmtpResponse{To: to, Answer: answer}, nil
}

// recipient is the address given, or the caller's own.
func (s *settings) recipient(ctx context.Context, to string) (string, error) {
	if to == "" {
		who := authn.MustFrom(ctx)
		u, err := s.Store.GetUser(ctx, who.OrganizationID, who.UserID)
		if err != nil {
			return "", err
		}
		return u.Email, nil
	}
	return account.NormalizeEmail(to)
}
