// Package user holds the members of an organisation: who they are, whom they report to and when they work. Fields are
// exported, since hardly any rule spans several; Validate says what holds.
package user

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/identity/internal/account"
)

// Failures.
var (
	ErrNotFound       = apperr.NotFound("USER_NOT_FOUND", "there is no such user")
	ErrStale          = apperr.Conflict("USER_ETAG_MISMATCH", "the user was changed by someone else; read it again")
	ErrEmailTaken     = apperr.AlreadyExists("USER_EMAIL_TAKEN", "another user of the organisation has this e-mail address")
	ErrExtensionTaken = apperr.AlreadyExists("USER_EXTENSION_TAKEN", "another user has this SIP extension")
	ErrInvalid        = apperr.Invalid("USER_INVALID", "the user's data is not valid")
	ErrDepartment     = apperr.NotFound("DEPARTMENT_NOT_FOUND", "there is no such department")
	ErrExternalTaken  = apperr.AlreadyExists("EXTERNAL_ID_TAKEN", "another record has this external ID")
	ErrLastAdmin      = apperr.NotAllowedNow("LAST_ADMINISTRATOR", "this is the last active administrator; make another one first")
	ErrPresence       = apperr.Invalid("PRESENCE_INVALID", "an absence needs a beginning and a later end")
)

// User is a person's membership in an organisation.
type User struct {
	ID string
	// AccountID is the person behind it.
	AccountID string

	Name         string
	Email        string
	Phones       []Phone
	SIPExtension string
	PhotoFileID  string
	Locale       string
	TimeZone     string
	DepartmentID string
	RoleIDs      []string
	WorkingHours []Interval
	ExternalIDs  []ExternalID

	// AbsentFrom and AbsentTo are the present or next absence; zero for none.
	AbsentFrom, AbsentTo time.Time

	Active        bool
	DeactivatedAt time.Time

	Version              int64
	CreatedAt, UpdatedAt time.Time

	// Derived, filled in by reading.
	HeadID    string
	CanSignIn bool
	// SecondFactor is set if a code is asked for beside the password.
	SecondFactor bool
	// Away is set while the user says so.
	Away bool
	// Invitation is the one that waits for an answer; nil for none.
	Invitation *Invitation
}

// Invitation is a link to choose the first password with.
type Invitation struct {
	CreatedAt, ExpiresAt time.Time
	// SentAt is zero while no letter with it was taken by the mail server.
	SentAt time.Time
	// Failure is why not, at the last try.
	Failure string
}

// Phone is a telephone number.
type Phone struct {
	Number  string `json:"number"`
	E164    string `json:"e164,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

// Interval is a stretch of working time: Weekday 1 (Monday) to 7, From and To as "HH:MM".
type Interval struct {
	Weekday int    `json:"weekday"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// ExternalID is the user's ID in another system.
type ExternalID struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// The domain events. The user is as after the change.
type (
	// Created says that a user was made.
	Created struct{ User User }
	// Updated says that fields of a user were changed.
	Updated struct {
		User, Previous User
		Fields         []string
	}
	// Deactivated says that a user may no longer sign in.
	Deactivated struct{ User User }
	// Activated says that a user is back.
	Activated struct{ User User }
	// PasswordSet says that the password was changed.
	PasswordSet struct {
		User            User
		ByAdministrator bool
	}
	// IdentityChanged says that a user was connected with a provider, or disconnected.
	IdentityChanged struct {
		User                User
		ProviderID, Subject string
		Email               string
		At, LastUsedAt      time.Time
		Connected           bool
	}
	// FactorChanged says that a second factor was set up or taken away.
	FactorChanged struct {
		User                     User
		Enabled, ByAdministrator bool
	}
)

// Event is one of the domain events above.
type Event any

// Store keeps users. Every method is scoped to one organisation; an ID of another organisation behaves exactly like an
// ID that does not exist.
type Store interface {
	// CreateUser stores a new user and finds or makes the account with its address. If invite is set, who has no
	// password is sent an invitation. It returns ErrEmailTaken, ErrExtensionTaken, ErrDepartment, ErrExternalTaken or
	// role.ErrNotFound.
	CreateUser(ctx context.Context, org string, u *User, invite bool) (*User, error)

	// GetUser returns ErrNotFound if there is no such user.
	GetUser(ctx context.Context, org, id string) (*User, error)

	// UpdateUser loads the user, lets fn change it and saves it with the event that fn returns, atomically; without an
	// event nothing is saved. fn may run more than once. It returns ErrNotFound, ErrStale if etag is not zero and not
	// the stored version, ErrLastAdmin if no active administrator would be left, fn's error, or what CreateUser does.
	UpdateUser(ctx context.Context, org, id string, etag int64, fn func(*User) (Event, error)) (*User, error)
}

// Validate returns ErrInvalid, naming the fields at fault, or account.ErrEmail.
func (u *User) Validate() error {
	err := ErrInvalid
	bad := func(field, what string) { err = err.WithField(field, what) }
	if _, e := account.NormalizeEmail(u.Email); e != nil {
		return e
	}
	if !plainText(u.Name, 1, 200) {
		bad("name", "1 to 200 characters, no control characters")
	}
	if len(u.Phones) > 20 {
		bad("phones", "at most 20")
	}
	primary := 0
	for i, p := range u.Phones {
		if !plainText(p.Number, 1, 64) || !plainText(p.Kind, 0, 32) {
			bad("phones["+strconv.Itoa(i)+"]", "a number of up to 64 characters and a kind of up to 32")
		}
		if p.Primary {
			primary++
		}
	}
	if primary > 1 {
		bad("phones", "at most one primary number")
	}
	if len(u.SIPExtension) > 16 || strings.Trim(u.SIPExtension, "0123456789*#") != "" {
		bad("sip_extension", "at most 16 of 0-9, * and #")
	}
	if !plainText(u.Locale, 0, 35) || strings.Trim(u.Locale, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		bad("locale", "a BCP 47 tag such as en-GB")
	}
	if u.TimeZone != "" && !ZoneKnown(u.TimeZone) {
		bad("time_zone", "an IANA time zone such as Europe/Berlin")
	}
	if what := CheckIntervals(u.WorkingHours); what != "" {
		bad("working_hours", what)
	}
	if len(u.ExternalIDs) > 20 {
		bad("external_ids", "at most 20")
	}
	for i, x := range u.ExternalIDs {
		if !plainText(x.Source, 1, 64) || !plainText(x.ID, 1, 256) {
			bad("external_ids["+strconv.Itoa(i)+"]", "a source of up to 64 characters and an ID of up to 256")
		}
	}
	if len(err.Fields) > 0 {
		return err
	}
	return nil
}

// ZoneKnown reports whether the IANA time zone is known here. "Local" is not one: it would mean the server's.
func ZoneKnown(name string) bool {
	if name == "" || name == "Local" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

// CheckIntervals returns what is wrong with working hours, or "".
func CheckIntervals(hours []Interval) string {
	if len(hours) > 50 {
		return "at most 50 intervals"
	}
	sorted := slices.Clone(hours)
	slices.SortFunc(sorted, func(a, b Interval) int {
		return strings.Compare(strconv.Itoa(a.Weekday)+a.From, strconv.Itoa(b.Weekday)+b.From)
	})
	for i, h := range sorted {
		switch {
		case h.Weekday < 1 || h.Weekday > 7:
			return "a day of the week is missing"
		case !clockTime(h.From, false) || !clockTime(h.To, true):
			return "times are written HH:MM"
		case h.From >= h.To:
			return "an interval ends before it begins"
		case i > 0 && sorted[i-1].Weekday == h.Weekday && sorted[i-1].To > h.From:
			return "intervals of a day overlap"
		}
	}
	return ""
}

func clockTime(s string, midnight bool) bool {
	if midnight && s == "24:00" {
		return true
	}
	_, err := time.Parse("15:04", s)
	return err == nil && len(s) == 5
}

// plainText reports whether s is text of so many characters without control characters.
func plainText(s string, atLeast, atMost int) bool {
	n := utf8.RuneCountInString(s)
	return n >= atLeast && n <= atMost && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Absent reports whether the user is absent at that time.
func (u *User) Absent(now time.Time) bool {
	return !u.AbsentTo.IsZero() && !now.Before(u.AbsentFrom) && now.Before(u.AbsentTo)
}

// Deactivate takes the right to sign in away. It returns nil if that was so before.
func (u *User) Deactivate(now time.Time) Event {
	if !u.Active {
		return nil
	}
	u.Active, u.DeactivatedAt = false, now
	return Deactivated{User: *u}
}

// Activate gives the right to sign in back. It returns nil if that was so before.
func (u *User) Activate() Event {
	if u.Active {
		return nil
	}
	u.Active, u.DeactivatedAt = true, time.Time{}
	return Activated{User: *u}
}

// Change lets fn change fields and returns Updated with those that did change, or nil if none did.
func (u *User) Change(fn func(*User)) (Event, error) {
	before := *u
	fn(u)
	if err := u.Validate(); err != nil {
		return nil, err
	}
	fields := changed(&before, u)
	if len(fields) == 0 {
		return nil, nil // No event: nothing to save.
	}
	return Updated{User: *u, Previous: before, Fields: fields}, nil
}

func changed(a, b *User) []string {
	var fields []string
	add := func(differs bool, field string) {
		if differs {
			fields = append(fields, field)
		}
	}
	add(a.Name != b.Name, "name")
	add(!slices.Equal(a.Phones, b.Phones), "phones")
	add(a.SIPExtension != b.SIPExtension, "sip_extension")
	add(a.PhotoFileID != b.PhotoFileID, "photo_file_id")
	add(a.Locale != b.Locale, "locale")
	add(a.TimeZone != b.TimeZone, "time_zone")
	add(a.DepartmentID != b.DepartmentID, "department_id")
	add(!slices.Equal(a.RoleIDs, b.RoleIDs), "role_ids")
	add(!slices.Equal(a.WorkingHours, b.WorkingHours), "working_hours")
	add(!slices.Equal(a.ExternalIDs, b.ExternalIDs), "external_ids")
	add(!a.AbsentFrom.Equal(b.AbsentFrom) || !a.AbsentTo.Equal(b.AbsentTo), "presence")
	return fields
}
