// Package contact holds the rules of contacts: persons, how they are reached and whom they represent (CON-7, CON-9,
// CON-11). A contact is mostly data, so its fields are exported and Normalize keeps them right.
package contact

import (
	"fmt"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/clock"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// Failures of contacts.
var (
	ErrNotFound   = apperr.NotFound("CONTACT_NOT_FOUND", "contact not found")
	ErrStale      = apperr.Conflict("CONTACT_ETAG_MISMATCH", "contact was changed by someone else; read it again")
	ErrDeleted    = apperr.NotAllowedNow("CONTACT_DELETED", "contact is in the bin; restore it first")
	ErrNotDeleted = apperr.NotAllowedNow("CONTACT_NOT_DELETED", "contact is not in the bin")
)

// Contact is a person.
type Contact struct {
	record.Meta
	reach.Points

	Honorific  string
	FirstName  string
	MiddleName string
	LastName   string
	Position   string
	// Birthday is "YYYY-MM-DD"; the year is 0000 if it is not known.
	Birthday    string
	PhotoFileID string
	Type        string
	Addresses   []reach.Address
	Employments []Employment
	Source      string
	Language    string
	Channel     string // preferred
	Consents    []Consent
	VIP         bool
	Comment     string
}

// Employment ties the contact to a company it represents. Days are "YYYY-MM-DD" or empty.
type Employment struct {
	CompanyID string `json:"company_id"`
	Role      string `json:"role,omitempty"`
	Start     string `json:"start,omitempty"`
	End       string `json:"end,omitempty"`
	Primary   bool   `json:"primary,omitempty"`
}

// Consent is what the person has agreed to.
type Consent struct {
	Purpose     string     `json:"purpose"`
	TextVersion string     `json:"text_version,omitempty"`
	Method      string     `json:"method,omitempty"`
	Proof       string     `json:"proof,omitempty"`
	GivenAt     *time.Time `json:"given_at,omitempty"`
	WithdrawnAt *time.Time `json:"withdrawn_at,omitempty"`
}

// Name is the person's name in one, as shown in lists. Somebody known only by an address or a number is called by that.
func (c *Contact) Name() string {
	if n := record.Join(c.FirstName, c.MiddleName, c.LastName); n != "" {
		return n
	}
	switch {
	case len(c.Emails) > 0:
		return c.Emails[0].Address
	case len(c.Phones) > 0:
		return c.Phones[0].Number
	}
	return ""
}

// Normalize checks the fields a caller may set and tidies them. country is that of the organisation.
func (c *Contact) Normalize(country string) error {
	var f record.Faults
	f.Line("honorific", &c.Honorific)
	f.Line("first_name", &c.FirstName)
	f.Line("middle_name", &c.MiddleName)
	f.Line("last_name", &c.LastName)
	f.Line("position", &c.Position)
	f.Line("type", &c.Type)
	f.Line("source", &c.Source)
	f.Line("language", &c.Language)
	f.Line("preferred_channel", &c.Channel)
	f.Text("comment", &c.Comment)
	c.PhotoFileID = strings.ToLower(c.PhotoFileID)
	record.NormalizeMeta(&c.Meta, &f)
	c.Points.Normalize(country, &f)
	reach.Addresses("addresses", c.Addresses, &f)
	if c.Name() == "" {
		f.Add("first_name", "a contact needs a name, an e-mail address or a phone number")
	}
	if !validDay(c.Birthday, true) {
		f.Add("birthday", "is not a day of the calendar")
	}
	c.normalizeEmployments(&f)
	for i := range c.Consents {
		p := &c.Consents[i]
		f.Line(record.At("consents", i, "purpose"), &p.Purpose)
		f.Line(record.At("consents", i, "text_version"), &p.TextVersion)
		f.Line(record.At("consents", i, "method"), &p.Method)
		f.Text(record.At("consents", i, "proof"), &p.Proof)
		if p.GivenAt != nil && p.WithdrawnAt != nil && p.WithdrawnAt.Before(*p.GivenAt) {
			f.Add(record.At("consents", i, "withdraw_time"), "is before the consent was given")
		}
	}
	return f.Err()
}

func (c *Contact) normalizeEmployments(f *record.Faults) {
	primary := 0
	seen := make(map[string]bool, len(c.Employments))
	for i := range c.Employments {
		e := &c.Employments[i]
		e.CompanyID = strings.ToLower(e.CompanyID)
		f.Line(record.At("employments", i, "role"), &e.Role)
		key := e.CompanyID + "\x00" + record.Key(e.Role) + "\x00" + e.Start
		if seen[key] {
			f.Add(record.At("employments", i, "company_id"), "the same role in the same company is there twice")
		}
		seen[key] = true
		if !validDay(e.Start, false) || !validDay(e.End, false) || e.Start != "" && e.End != "" && e.End < e.Start {
			f.Add(record.At("employments", i, "end_date"), "the days are not days of the calendar in their order")
		}
		if e.Primary {
			primary++
		}
	}
	if primary > 1 {
		f.Add("employments", "more than one is primary")
	}
}

// validDay reports whether s is empty or a day; with anyYear, also one whose year is not known.
func validDay(s string, anyYear bool) bool {
	if s == "" {
		return true
	}
	if anyYear {
		if rest, ok := strings.CutPrefix(s, "0000-"); ok {
			s = "2000-" + rest // a leap year: the 29th of February is a birthday too
		}
	}
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// Day writes a day as the package holds it; "" if month or day is missing.
func Day(year, month, day int) string {
	if year == 0 && month == 0 && day == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// Store keeps contacts.
type Store = record.Store[Contact]

// Contacts is the use cases of contacts.
type Contacts = record.Book[Contact, *Contact]

// New returns the use cases of contacts.
func New(store Store, users record.Users, custom record.Custom[Contact], now clock.Clock) *Contacts {
	return &Contacts{
		Store: store, Users: users, Custom: custom, Clock: now,
		ErrNotFound: ErrNotFound, ErrStale: ErrStale, ErrDeleted: ErrDeleted, ErrNotDeleted: ErrNotDeleted,
	}
}
