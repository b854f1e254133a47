// Package company holds the rules of companies: legal entities with their requisites (CON-8, CON-9, CON-11). A company
// is mostly data, so its fields are exported and Normalize keeps them right.
package company

import (
	"strings"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/money"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/taxid"
)

// Failures of companies.
var (
	ErrNotFound       = apperr.NotFound("COMPANY_NOT_FOUND", "company not found")
	ErrStale          = apperr.Conflict("COMPANY_ETAG_MISMATCH", "company was changed by someone else; read it again")
	ErrDeleted        = apperr.NotAllowedNow("COMPANY_DELETED", "company is in the bin; restore it first")
	ErrNotDeleted     = apperr.NotAllowedNow("COMPANY_NOT_DELETED", "company is not in the bin")
	ErrParentNotFound = apperr.NotFound("COMPANY_PARENT_NOT_FOUND", "parent company not found")
	ErrParentCycle    = apperr.Invalid("COMPANY_PARENT_CYCLE", "a company cannot belong to itself or to one that belongs to it")
)

// Company is a legal entity.
type Company struct {
	record.Meta
	reach.Points

	Name      string
	LegalName string
	Type      string
	Industry  string
	// Turnover of a year; without a currency if it is not known.
	Turnover   money.Money
	Employees  int32
	ParentID   string
	Requisites []Requisites
	Addresses  []reach.Address
	Source     string
	Comment    string
}

// Requisites are the legal and bank details of one entity the company trades through.
type Requisites struct {
	Name               string         `json:"name,omitempty"`
	Country            string         `json:"country"`
	LegalForm          string         `json:"legal_form,omitempty"`
	LegalName          string         `json:"legal_name,omitempty"`
	VATNumber          string         `json:"vat_number,omitempty"`
	TaxNumber          string         `json:"tax_number,omitempty"`
	RegistrationNumber string         `json:"registration_number,omitempty"`
	LegalAddress       *reach.Address `json:"legal_address,omitempty"`
	PostalAddress      *reach.Address `json:"postal_address,omitempty"`
	BankAccounts       []BankAccount  `json:"bank_accounts,omitempty"`
	Signatories        []Signatory    `json:"signatories,omitempty"`
	Primary            bool           `json:"primary,omitempty"`
}

// BankAccount is an account payments go to or come from.
type BankAccount struct {
	IBAN          string `json:"iban,omitempty"`
	AccountNumber string `json:"account_number,omitempty"`
	BIC           string `json:"bic,omitempty"`
	BankCode      string `json:"bank_code,omitempty"`
	BankName      string `json:"bank_name,omitempty"`
	Currency      string `json:"currency,omitempty"`
}

// Signatory is a person who signs for the entity.
type Signatory struct {
	Name     string `json:"name"`
	Position string `json:"position,omitempty"`
	Basis    string `json:"basis,omitempty"`
}

// Country is where the company sits: that of its first address, else of its first requisites.
func (c *Company) Country() string {
	for i := range c.Addresses {
		if c.Addresses[i].Country != "" {
			return c.Addresses[i].Country
		}
	}
	if len(c.Requisites) > 0 {
		return c.Requisites[0].Country
	}
	return ""
}

// Normalize checks the fields a caller may set and tidies them. country is that of the organisation.
func (c *Company) Normalize(country string) error {
	var f record.Faults
	f.Line("name", &c.Name)
	if c.Name == "" {
		f.Add("name", "a company needs a name")
	}
	f.Line("legal_name", &c.LegalName)
	f.Line("type", &c.Type)
	f.Line("industry", &c.Industry)
	f.Line("source", &c.Source)
	f.Text("comment", &c.Comment)
	c.ParentID = strings.ToLower(c.ParentID)
	if c.Employees < 0 {
		f.Add("employees", "is below zero")
	}
	record.NormalizeMeta(&c.Meta, &f)
	c.Points.Normalize(country, &f)
	reach.Addresses("addresses", c.Addresses, &f)
	names, primary := make(map[string]bool, len(c.Requisites)), 0
	for i := range c.Requisites {
		r := &c.Requisites[i]
		r.normalize(record.At("requisites", i, ""), &f)
		key := record.Key(r.Name)
		if names[key] {
			f.Add(record.At("requisites", i, "name"), "another set has this name")
		}
		names[key] = true
		if r.Primary {
			primary++
		}
	}
	if primary > 1 {
		f.Add("requisites", "more than one is primary")
	}
	if c.ParentID != "" && c.ParentID == c.ID {
		return ErrParentCycle
	}
	return f.Err()
}

func (r *Requisites) normalize(at string, f *record.Faults) {
	f.Line(at+"name", &r.Name)
	f.Line(at+"legal_form", &r.LegalForm)
	f.Line(at+"legal_name", &r.LegalName)
	number(f, at+"vat_number", &r.VATNumber, func(n string) (string, error) { return taxid.VAT(r.Country, n) })
	number(f, at+"tax_number", &r.TaxNumber, func(n string) (string, error) { return taxid.National(r.Country, n) })
	number(f, at+"registration_number", &r.RegistrationNumber,
		func(n string) (string, error) { return taxid.Registration(r.Country, n) })
	if r.LegalAddress != nil {
		r.LegalAddress.Normalize(at+"legal_address.", f)
	}
	if r.PostalAddress != nil {
		r.PostalAddress.Normalize(at+"postal_address.", f)
	}
	for i := range r.BankAccounts {
		b, at := &r.BankAccounts[i], record.At(at+"bank_accounts", i, "")
		number(f, at+"iban", &b.IBAN, taxid.IBAN)
		number(f, at+"bic", &b.BIC, taxid.BIC)
		f.Line(at+"account_number", &b.AccountNumber)
		f.Line(at+"bank_code", &b.BankCode)
		f.Line(at+"bank_name", &b.BankName)
		if b.IBAN == "" && b.AccountNumber == "" {
			f.Add(at+"iban", "an account needs an IBAN or an account number")
		}
	}
	for i := range r.Signatories {
		s, at := &r.Signatories[i], record.At(at+"signatories", i, "")
		f.Line(at+"name", &s.Name)
		f.Line(at+"position", &s.Position)
		f.Line(at+"basis", &s.Basis)
	}
}

// number checks a number, if there is one, and puts its tidy form in its place.
func number(f *record.Faults, field string, s *string, check func(string) (string, error)) {
	f.Line(field, s)
	if *s == "" {
		return
	}
	n, err := check(*s)
	if err != nil {
		f.Add(field, err.Error())
		return
	}
	*s = n
}

// Store keeps companies. Create and Update return ErrParentNotFound and ErrParentCycle.
type Store = record.Store[Company]

// Companies is the use cases of companies.
type Companies = record.Book[Company, *Company]

// New returns the use cases of companies.
func New(store Store, users record.Users, custom record.Custom[Company], now clock.Clock) *Companies {
	return &Companies{
		Store: store, Users: users, Custom: custom, Clock: now,
		ErrNotFound: ErrNotFound, ErrStale: ErrStale, ErrDeleted: ErrDeleted, ErrNotDeleted: ErrNotDeleted,
	}
}
