// Package founding makes organisations: the first one at the first start (ID-11), others for the operator.
package founding

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/user"
)

// Store keeps organisations.
type Store interface {
	// CreateOrganization stores an organisation with its ready-made roles and its first administrator. The hash, if there
	// is one, becomes the account's password; it returns account.ErrHasPassword if the account has one.
	CreateOrganization(ctx context.Context, o *organization.Settings, admin *user.User, hash string, mustChange bool) (*user.User, error)
	// FindAccount returns the account with the normalised address, or nil if there is none.
	FindAccount(ctx context.Context, email string) (*account.Account, error)
	// Bootstrap runs fn if there is no organisation, in one of several processes that start at once, and reports whether
	// it ran.
	Bootstrap(ctx context.Context, fn func(ctx context.Context) error) (ran bool, err error)
}

// Service makes organisations.
type Service struct {
	Store  Store
	Hasher *account.Hasher
	Policy account.Policy
	// Strict refuses a first administrator's password that the policy refuses or that is one of the known examples:
	// production.
	Strict bool
}

// Order describes an organisation to be made. Empty fields get defaults.
type Order struct {
	Name, TimeZone, BaseCurrency, Country, Language string
	AdminEmail, AdminName, AdminPassword            string
	// Checked has the password fulfil the policy.
	Checked bool
}

// Made is an organisation that was made.
type Made struct {
	Settings      *organization.Settings
	Administrator *user.User
	// Password is the one made up; empty if one was given or the account has one.
	Password string
}

// ErrDefaultSecret refuses to start with a secret that everybody knows.
var ErrDefaultSecret = errors.New("refusing to start: a secret is missing, too short, or one of the documented examples")

// CheckSecret returns ErrDefaultSecret, naming the setting, unless the secret is one that only the operator knows.
func CheckSecret(name, secret string) error {
	weak := []string{"changeme", "change-me", "secret", "kontor", "password", "default", "example", "test", "development"}
	s := strings.ToLower(strings.TrimSpace(secret))
	if len(s) < 16 || slices.Contains(weak, strings.Trim(s, "-_.!0123456789")) || strings.Count(s, s[:1]) == len(s) {
		return fmt.Errorf("%w: %s needs at least 16 random characters", ErrDefaultSecret, name)
	}
	return nil
}

// Create makes an organisation. It returns organization.ErrInvalid, account.ErrEmail, account.ErrHasPassword, or what
// the policy says of the password.
func (s *Service) Create(ctx context.Context, o Order) (*Made, error) {
	email, err := account.NormalizeEmail(o.AdminEmail)
	if err != nil {
		return nil, err
	}
	admin := &user.User{Name: strings.TrimSpace(o.AdminName), Email: email}
	if admin.Name == "" {
		admin.Name, _, _ = strings.Cut(email, "@")
	}
	if err := admin.Validate(); err != nil {
		return nil, err
	}
	set := defaults(o)
	if err := set.Validate(); err != nil {
		return nil, err
	}
	password, madeUp, err := s.password(ctx, o, admin)
	if err != nil {
		return nil, err
	}
	hash := ""
	if password != "" {
		if hash, err = s.Hasher.Hash(ctx, password); err != nil {
			return nil, fmt.Errorf("hash password: %w", err)
		}
	}
	made, err := s.Store.CreateOrganization(ctx, set, admin, hash, false)
	if err != nil {
		return nil, err
	}
	m := &Made{Settings: set, Administrator: made}
	if madeUp {
		m.Password = password
	}
	return m, nil
}

// password is the one to set: given, made up for an account without one, or none to keep the account's.
func (s *Service) password(ctx context.Context, o Order, admin *user.User) (password string, madeUp bool, err error) {
	if o.AdminPassword != "" {
		if o.Checked || s.Strict {
			if err := s.Policy.Check(o.AdminPassword, admin.Email, admin.Name); err != nil {
				return "", false, err
			}
		}
		return o.AdminPassword, false, nil
	}
	a, err := s.Store.FindAccount(ctx, admin.Email)
	if err != nil || (a != nil && a.PasswordHash != "") {
		return "", false, err
	}
	return strings.ToLower(rand.Text()[:20]), true, nil
}

func defaults(o Order) *organization.Settings {
	or := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	set := &organization.Settings{
		ID: id.New(), Name: strings.TrimSpace(o.Name), TimeZone: or(o.TimeZone, "UTC"), Language: or(o.Language, "en"),
		Country: or(o.Country, "US"), BaseCurrency: or(o.BaseCurrency, "USD"), WeekStart: 1, FiscalYearStartMonth: 1,
		Modules: map[string]bool{},
	}
	for day := 1; day <= 5; day++ {
		set.Calendar.Hours = append(set.Calendar.Hours, user.Interval{Weekday: day, From: "09:00", To: "18:00"})
	}
	return set
}

// Bootstrap makes the first organisation if there is none. made is nil if there is one. Only a strict service holds the
// first administrator's password against the policy: who tries the suite out may choose.
func (s *Service) Bootstrap(ctx context.Context, o Order) (made *Made, err error) {
	ran, err := s.Store.Bootstrap(ctx, func(ctx context.Context) error {
		made, err = s.Create(ctx, o)
		return err
	})
	if err != nil || !ran {
		return nil, err
	}
	return made, nil
}
