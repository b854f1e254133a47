// Package organization holds an organisation's settings (ID-13).
package organization

import (
	"context"
	"maps"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/user"
)

// Failures.
var (
	ErrNotFound = apperr.NotFound("ORGANIZATION_NOT_FOUND", "there is no such organisation")
	ErrStale    = apperr.Conflict("SETTINGS_ETAG_MISMATCH", "the settings were changed by someone else; read them again")
	ErrInvalid  = apperr.Invalid("SETTINGS_INVALID", "the settings are not valid")
	ErrNoSMTP   = apperr.NotAllowedNow("SMTP_NOT_SET", "no mail server is set; give one")
)

// Settings are what holds for the whole organisation.
type Settings struct {
	ID, Name     string
	LogoFileID   string
	TimeZone     string
	Language     string
	Country      string
	BaseCurrency string
	// WeekStart is 1 (Monday) to 7.
	WeekStart            int
	FiscalYearStartMonth int
	Calendar             Calendar
	// Modules says which are on; a module that is not named is on.
	Modules map[string]bool
	// SMTP is nil while no server is set.
	SMTP *SMTP
	// SecondFactor says who has to have one.
	SecondFactor SecondFactor

	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// SecondFactor says who has to sign in with a second factor: everybody, or who has one of the roles.
type SecondFactor struct {
	Required bool     `json:"required,omitempty"`
	RoleIDs  []string `json:"role_ids,omitempty"`
}

// Calendar says when the organisation works.
type Calendar struct {
	Hours    []user.Interval `json:"hours,omitempty"`
	Holidays []Holiday       `json:"holidays,omitempty"`
}

// Holiday is a day on which nobody works; without a year it comes back every year.
type Holiday struct {
	Year  int    `json:"year,omitempty"`
	Month int    `json:"month"`
	Day   int    `json:"day"`
	Name  string `json:"name,omitempty"`
}

// Security says how a connection to a mail server is secured.
type Security int

// The ways to secure it.
const (
	StartTLS Security = iota + 1
	TLS
	Plain
)

// SMTP is a server that outgoing mail goes through.
type SMTP struct {
	Host     string   `json:"host"`
	Port     int      `json:"port"`
	Security Security `json:"security"`
	Username string   `json:"username,omitempty"`
	// Password is only filled while it is on its way into the store or to the server.
	Password string `json:"-"`
	// PasswordSet says whether one is stored.
	PasswordSet bool   `json:"password_set,omitempty"`
	FromAddress string `json:"from_address"`
	FromName    string `json:"from_name,omitempty"`
}

// Same reports whether the stored password may be sent for o what it was stored for: to the same server, in the same
// way, for the same name. Otherwise whoever may change settings could have it sent to a server of their own.
func (s *SMTP) Same(o *SMTP) bool {
	return s != nil && o != nil && s.Host == o.Host && s.Port == o.Port && s.Security == o.Security && s.Username == o.Username
}

// Created is the domain event of a new organisation.
type Created struct{ Settings Settings }

// Updated is the domain event of changed settings.
type Updated struct {
	Settings, Previous Settings
	Fields             []string
}

// Store keeps settings.
type Store interface {
	// GetSettings returns ErrNotFound if there is no such organisation. SMTP.Password is empty.
	GetSettings(ctx context.Context, org string) (*Settings, error)

	// UpdateSettings loads the settings, lets fn change them and saves them with the event fn returns; without an event
	// nothing is saved. fn may run more than once. It returns ErrStale if etag is not zero and not the stored version, or
	// fn's error. A filled SMTP.Password is stored encrypted; an empty one leaves the stored one if PasswordSet is kept.
	UpdateSettings(ctx context.Context, org string, etag int64, fn func(*Settings) (*Updated, error)) (*Settings, error)

	// SMTPPassword returns the stored password, decrypted, or "".
	SMTPPassword(ctx context.Context, org string) (string, error)
}

// Validate returns ErrInvalid, naming the fields at fault.
func (s *Settings) Validate() error {
	err := ErrInvalid
	bad := func(wrong bool, field, what string) {
		if wrong {
			err = err.WithField(field, what)
		}
	}
	bad(!text(s.Name, 1, 200) || strings.TrimSpace(s.Name) == "", "name", "1 to 200 characters, no control characters")
	bad(!user.ZoneKnown(s.TimeZone), "time_zone", "an IANA time zone such as Europe/Berlin")
	bad(len(s.Language) < 2 || len(s.Language) > 35, "language", "a BCP 47 tag such as en")
	bad(len(s.Country) != 2 || !upper(s.Country), "country", "an ISO 3166-1 code such as DE")
	bad(len(s.BaseCurrency) != 3 || !upper(s.BaseCurrency), "base_currency", "an ISO 4217 code such as EUR")
	bad(s.WeekStart < 1 || s.WeekStart > 7, "week_start", "a day of the week")
	bad(s.FiscalYearStartMonth < 1 || s.FiscalYearStartMonth > 12, "fiscal_year_start_month", "1 to 12")
	if what := user.CheckIntervals(s.Calendar.Hours); what != "" {
		bad(true, "working_calendar.hours", what)
	}
	bad(len(s.Calendar.Holidays) > 400, "working_calendar.holidays", "at most 400")
	for i, h := range s.Calendar.Holidays {
		bad(!h.valid(), "working_calendar.holidays["+strconv.Itoa(i)+"]", "a day of the calendar and a name of up to 200 characters")
	}
	bad(len(s.Modules) > 50, "modules", "at most 50")
	for name := range s.Modules {
		bad(!moduleName(name), "modules", "names of lower-case letters and _")
	}
	if s.SMTP != nil {
		for field, what := range s.SMTP.check() {
			bad(true, "smtp."+field, what)
		}
	}
	bad(len(s.SecondFactor.RoleIDs) > 50, "second_factor.role_ids", "at most 50")
	if len(err.Fields) > 0 {
		return err
	}
	return nil
}

// Validate returns ErrInvalid, naming the fields at fault.
func (s *SMTP) Validate() error {
	err := ErrInvalid
	for field, what := range s.check() {
		err = err.WithField("smtp."+field, what)
	}
	if len(err.Fields) > 0 {
		return err
	}
	return nil
}

func (s *SMTP) check() map[string]string {
	bad := make(map[string]string)
	if s.Host == "" || len(s.Host) > 253 || strings.ContainsFunc(s.Host, func(r rune) bool {
		return r <= ' ' || r > unicode.MaxASCII || strings.ContainsRune(`/@"<>[]`, r)
	}) {
		bad["host"] = "a host name or an address"
	}
	if s.Port < 1 || s.Port > 65535 {
		bad["port"] = "1 to 65535"
	}
	if s.Security < StartTLS || s.Security > Plain {
		bad["security"] = "one of the three ways"
	}
	if !text(s.Username, 0, 254) {
		bad["username"] = "at most 254 characters, no control characters"
	}
	if !text(s.Password, 0, 512) {
		bad["password"] = "at most 512 characters, no control characters"
	}
	if (s.Password != "" || s.PasswordSet) && s.Security == Plain && !loopback(s.Host) {
		bad["security"] = "a password is only sent encrypted, except to this machine"
	}
	if _, err := account.NormalizeEmail(s.FromAddress); err != nil {
		bad["from_address"] = "an address such as sales@example.com"
	}
	if !text(s.FromName, 0, 200) {
		bad["from_name"] = "at most 200 characters, no control characters"
	}
	return bad
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (h Holiday) valid() bool {
	year := h.Year
	if year == 0 {
		year = 2024 // a leap year: 29 February may come back
	}
	t := time.Date(year, time.Month(h.Month), h.Day, 0, 0, 0, 0, time.UTC)
	return h.Year >= 0 && h.Year < 10000 && int(t.Month()) == h.Month && t.Day() == h.Day && text(h.Name, 0, 200)
}

// Change lets fn change fields and returns Updated with those that did change, or nil if none did.
func (s *Settings) Change(fn func(*Settings)) (*Updated, error) {
	before := s.clone()
	fn(s)
	if s.SMTP != nil && s.SMTP.Password == "" {
		// No new password: the stored one stays with the server it is for, and goes with any other.
		s.SMTP.PasswordSet = before.SMTP.Same(s.SMTP) && before.SMTP.PasswordSet
	} else if s.SMTP != nil {
		s.SMTP.PasswordSet = true
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	fields := changed(&before, s)
	if len(fields) == 0 {
		return nil, nil // No event: nothing to save.
	}
	return &Updated{Settings: s.clone(), Previous: before, Fields: fields}, nil
}

func (s *Settings) clone() Settings {
	c := *s
	c.Modules = maps.Clone(s.Modules)
	c.SecondFactor.RoleIDs = slices.Clone(s.SecondFactor.RoleIDs)
	c.Calendar = Calendar{Hours: slices.Clone(s.Calendar.Hours), Holidays: slices.Clone(s.Calendar.Holidays)}
	if s.SMTP != nil {
		smtp := *s.SMTP
		c.SMTP = &smtp
	}
	return c
}

func changed(a, b *Settings) []string {
	var fields []string
	add := func(differs bool, field string) {
		if differs {
			fields = append(fields, field)
		}
	}
	add(a.Name != b.Name, "name")
	add(a.LogoFileID != b.LogoFileID, "logo_file_id")
	add(a.TimeZone != b.TimeZone, "time_zone")
	add(a.Language != b.Language, "language")
	add(a.Country != b.Country, "country")
	add(a.BaseCurrency != b.BaseCurrency, "base_currency")
	add(a.WeekStart != b.WeekStart, "week_start")
	add(a.FiscalYearStartMonth != b.FiscalYearStartMonth, "fiscal_year_start_month")
	add(!slices.Equal(a.Calendar.Hours, b.Calendar.Hours) || !slices.Equal(a.Calendar.Holidays, b.Calendar.Holidays), "working_calendar")
	add(!maps.Equal(a.Modules, b.Modules), "modules")
	add(!reflect.DeepEqual(a.SMTP, b.SMTP), "smtp")
	add(a.SecondFactor.Required != b.SecondFactor.Required || !slices.Equal(a.SecondFactor.RoleIDs, b.SecondFactor.RoleIDs), "second_factor")
	return fields
}

// text reports whether s has so many characters and no control characters.
func text(s string, atLeast, atMost int) bool {
	n := utf8.RuneCountInString(s)
	return n >= atLeast && n <= atMost && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func upper(s string) bool { return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" }

func moduleName(s string) bool {
	return len(s) >= 1 && len(s) <= 40 && s[0] != '_' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}
