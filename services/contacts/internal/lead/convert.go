package lead

import (
	"context"
	"errors"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/id"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// Failures of conversions.
var (
	ErrConversionEmpty = apperr.Invalid("CONVERSION_EMPTY", "say what to make of the lead: a contact, a company, a deal")
	ErrDealNotFound    = apperr.NotFound("DEAL_NOT_FOUND", "deal not found")
	// ErrPipelineNotFound is of settings, which name the pipeline for deals of leads that are taken into work.
	ErrPipelineNotFound = apperr.Invalid("LEAD_PIPELINE_NOT_FOUND", "there is no such pipeline; name one of GET /v1/pipelines, or none for the usual one").
				WithField("auto_conversion.pipeline_id", "there is no such pipeline")
)

// Conversion tells what was made from a lead. IDs are empty for what was not.
type Conversion struct {
	ContactID string    `json:"contact_id,omitempty"`
	CompanyID string    `json:"company_id,omitempty"`
	DealID    string    `json:"deal_id,omitempty"`
	DealState DealState `json:"deal_state,omitempty"`
	DealError string    `json:"deal_error,omitempty"`
	At        time.Time `json:"at"`
	UserID    string    `json:"user_id,omitempty"`
}

// DealState is how far the making of the deal is.
type DealState int

// The states of the deal. A deal is made by another service, so it may have to wait (decisions 14).
const (
	DealNone DealState = iota
	DealPending
	DealDone
	DealRefused
)

// Target says what to do about one kind of record: attach the lead to an existing one, or make a new one if AttachID is
// empty.
type Target struct{ AttachID string }

// DealTarget says what to do about the deal.
type DealTarget struct {
	Target

	Name, PipelineID string
}

// Targets says what to make of a lead; nil for what is not asked for.
type Targets struct {
	Contact, Company *Target
	Deal             *DealTarget
}

// Rights are the caller's for the kinds that a conversion makes; Act is the right to create.
type Rights struct{ Contact, Company, Deal record.Caller }

// Plan is what a conversion writes, all in one transaction: it is the one place where three aggregates change together,
// for a lead that is half converted would be a lost enquiry.
type Plan struct {
	Change  *record.Change[Lead]
	Contact *contact.Contact // new; nil if none is made
	Company *company.Company // new; nil if none is made
	// Deal is what the deals service is to be asked for, until it has done it; nil if nothing.
	Deal *DealDraft
	// Carry lists the records that are to get copies of the lead's files, a deal that is still to be made aside.
	Carry []Place
}

// Place is a record of any kind.
type Place struct {
	Kind record.Kind
	ID   string
}

// Deal is the kind of the records of another service that leads become.
const Deal record.Kind = "deal"

// DealDraft is a deal that is to be made from a lead.
type DealDraft struct {
	ID, Name, PipelineID string
}

// ConversionStore does what of a conversion is SQL.
type ConversionStore interface {
	// Convert loads the lead locked, lets fn plan and writes the plan with its events and the jobs for what other
	// services have to do, atomically. A plan of nil writes nothing. fn may run more than once.
	Convert(ctx context.Context, org, leadID string, fn func(*Lead) (*Plan, error)) (*Lead, error)

	// Candidates returns existing contacts and companies that share a point or the name, as far as the caller may see
	// them, surest first, at most limit.
	Candidates(ctx context.Context, r Rights, s Suspect, limit int) ([]Candidate, error)
}

// Suspect is what possible duplicates are looked for by.
type Suspect struct {
	Points                   []reach.Point
	ContactName, CompanyName string // empty if there is none
}

// Candidate is an existing record that may be the same as a new one.
type Candidate struct {
	Kind     record.Kind
	ID, Name string
	Reasons  []MatchReason
}

// MatchReason is why two records may be the same.
type MatchReason int

// The reasons, surest first.
const (
	MatchPhone MatchReason = iota + 1
	MatchEmail
	MatchName
)

// Deals is what conversions need of the deals service.
type Deals interface {
	// Visible returns nil if the context's caller can see the deal, ErrDealNotFound if not.
	Visible(ctx context.Context, dealID string) error
	// HasPipeline returns nil if the caller's organisation has this pipeline and not in the bin, ErrPipelineNotFound if
	// not.
	HasPipeline(ctx context.Context, pipelineID string) error
}

// Preview shows what a conversion would make. Contact and Company are nil if the lead names no person or company.
type Preview struct {
	Contact    *contact.Contact
	Company    *company.Company
	Candidates []Candidate
}

const maxCandidates = 20

// PreviewConversion shows what Convert would make, and which existing records may be the same.
func (s *Leads) PreviewConversion(ctx context.Context, who record.Caller, r Rights, leadID string) (Preview, error) {
	l, err := s.Get(ctx, who, leadID)
	if err != nil {
		return Preview{}, err
	}
	var p Preview
	suspect := Suspect{Points: l.LookUp(), CompanyName: l.CompanyName, ContactName: l.PersonName()}
	if l.PersonName() != "" || len(suspect.Points) > 0 {
		p.Contact = l.contactDraft()
	}
	if l.CompanyName != "" {
		p.Company = l.companyDraft(p.Contact == nil)
	}
	p.Candidates, err = s.Conversions.Candidates(ctx, r, suspect, maxCandidates)
	return p, err
}

// Convert makes what is asked for from a lead, or attaches it. What was made before is kept, so converting twice gives
// the same records; what earlier conversions left out is added.
func (s *Leads) Convert(ctx context.Context, who record.Caller, r Rights, leadID string, version int64, t Targets) (*Lead, error) {
	if t.Contact == nil && t.Company == nil && t.Deal == nil {
		return nil, ErrConversionEmpty
	}
	if err := s.checkAttached(ctx, r, t); err != nil {
		return nil, err
	}
	cfg, err := s.Config.Config(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	done, err := cfg.first(KindConverted)
	if err != nil {
		return nil, err
	}
	checks, err := s.checks(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	return s.Shown(ctx, who.OrganizationID)(s.Conversions.Convert(ctx, who.OrganizationID, leadID, func(cur *Lead) (*Plan, error) {
		known := cur.Conversion
		if known == nil {
			known = &Conversion{}
		}
		if covers(known, t) {
			version = 0 // the repetition of a conversion is not a conflict with itself
		}
		if err := s.Admit(who, &cur.Meta, version); err != nil {
			return nil, err
		}
		if covers(known, t) {
			return nil, nil
		}
		return s.plan(checks, who, r, cur, *known, done.ID, t)
	}))
}

// checks are those of the custom fields of what is made from a lead.
type checks struct {
	lead    record.Check[Lead]
	contact record.Check[contact.Contact]
	company record.Check[company.Company]
}

func (s *Leads) checks(ctx context.Context, org string) (c checks, err error) {
	if c.lead, err = s.Checker(ctx, org); err != nil {
		return checks{}, err
	}
	if c.contact, err = s.Contacts.Checker(ctx, org); err != nil {
		return checks{}, err
	}
	c.company, err = s.Companies.Checker(ctx, org)
	return c, err
}

// checkAttached makes sure that the caller can see what the lead is to be attached to. It asks outside the transaction:
// another service may have to answer.
func (s *Leads) checkAttached(ctx context.Context, r Rights, t Targets) error {
	if t.Deal != nil && t.Deal.AttachID != "" {
		t.Deal.AttachID = strings.ToLower(t.Deal.AttachID)
		if err := s.Deals.Visible(ctx, t.Deal.AttachID); err != nil {
			return err
		}
	}
	if t.Contact != nil && t.Contact.AttachID != "" {
		t.Contact.AttachID = strings.ToLower(t.Contact.AttachID)
		c, err := s.Contacts.Get(ctx, r.Contact, t.Contact.AttachID)
		if err != nil {
			return err
		}
		if c.Deleted() {
			return contact.ErrDeleted
		}
	}
	if t.Company != nil && t.Company.AttachID != "" {
		t.Company.AttachID = strings.ToLower(t.Company.AttachID)
		c, err := s.Companies.Get(ctx, r.Company, t.Company.AttachID)
		if err != nil {
			return err
		}
		if c.Deleted() {
			return company.ErrDeleted
		}
	}
	return nil
}

// covers reports whether a conversion has already all that is asked for. A refused deal is tried again.
func covers(c *Conversion, t Targets) bool {
	return (t.Contact == nil || c.ContactID != "") && (t.Company == nil || c.CompanyID != "") &&
		(t.Deal == nil || c.DealID != "" && c.DealState != DealRefused)
}

// plan says what to write for the targets that the lead does not have yet.
func (s *Leads) plan(checks checks, who record.Caller, r Rights, cur *Lead, c Conversion, statusID string, t Targets) (*Plan, error) {
	now := s.Clock.Now()
	next := *cur
	if c.At.IsZero() {
		c.At, c.UserID = now, who.UserID
	}
	next.UpdatedAt, next.StatusID, next.Conversion = now, statusID, &c
	next.touch(now)
	if err := checks.lead.Do(cur, &next, false); err != nil {
		return nil, err
	}
	p := &Plan{Change: &record.Change[Lead]{What: Converted, Before: cur, After: &next}}
	origin := record.Origin{Kind: string(record.Lead), ID: cur.ID}

	if t.Company != nil && c.CompanyID == "" {
		if c.CompanyID = t.Company.AttachID; c.CompanyID == "" {
			p.Company = cur.companyDraft(t.Contact == nil && c.ContactID == "")
			p.Company.ID, p.Company.Origin = id.New(), origin
			p.Company.Custom = matching(&next, checks.company.Fields)
			if err := s.Companies.Prepare(r.Company, p.Company, checks.company, true); err != nil {
				return nil, err
			}
			c.CompanyID = p.Company.ID
		}
		p.Carry = append(p.Carry, Place{Kind: record.Company, ID: c.CompanyID})
	}
	if t.Contact != nil && c.ContactID == "" {
		if c.ContactID = t.Contact.AttachID; c.ContactID == "" {
			p.Contact = cur.contactDraft()
			p.Contact.ID, p.Contact.Origin = id.New(), origin
			p.Contact.Custom = matching(&next, checks.contact.Fields)
			if c.CompanyID != "" {
				p.Contact.Employments = []contact.Employment{{CompanyID: c.CompanyID, Role: cur.Position, Primary: true}}
			}
			if err := s.Contacts.Prepare(r.Contact, p.Contact, checks.contact, true); err != nil {
				return nil, err
			}
			c.ContactID = p.Contact.ID
		}
		p.Carry = append(p.Carry, Place{Kind: record.Contact, ID: c.ContactID})
	}
	if t.Deal != nil && (c.DealID == "" || c.DealState == DealRefused) {
		if err := planDeal(p, r.Deal, cur, &c, *t.Deal); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func planDeal(p *Plan, may record.Caller, l *Lead, c *Conversion, t DealTarget) error {
	if t.AttachID != "" {
		c.DealID, c.DealState, c.DealError = t.AttachID, DealDone, ""
		p.Carry = append(p.Carry, Place{Kind: Deal, ID: c.DealID})
		return nil
	}
	if !may.CanAct(&l.Meta) {
		return record.ErrForbidden.Saying("you may not make deals that the lead's responsible user answers for")
	}
	if c.DealID == "" {
		c.DealID = id.New() // made up here, so that the answer has it whether or not the deals service can be reached
	}
	c.DealState, c.DealError = DealPending, ""
	p.Deal = &DealDraft{ID: c.DealID, Name: t.Name, PipelineID: t.PipelineID}
	if p.Deal.Name == "" {
		p.Deal.Name = l.Title
	}
	return nil
}

// contactDraft is the contact that the lead's fields make.
func (l *Lead) contactDraft() *contact.Contact {
	c := &contact.Contact{
		Meta:      l.inherited(),
		Points:    reach.Points{Phones: clone(l.Phones), Emails: clone(l.Emails), Links: clone(l.Links)},
		FirstName: l.FirstName, MiddleName: l.MiddleName, LastName: l.LastName, Position: l.Position,
		Source: l.Source, Comment: l.Comment, Type: "client",
	}
	if l.Address != nil {
		c.Addresses = []reach.Address{*l.Address}
	}
	if c.Name() == "" { // asked for a contact of a lead that names nobody
		c.FirstName = l.Title
	}
	return c
}

// companyDraft is the company that the lead's fields make. The lead's numbers and addresses are the person's, unless
// there is none: then they reach the company.
func (l *Lead) companyDraft(withPoints bool) *company.Company {
	c := &company.Company{Meta: l.inherited(), Name: l.CompanyName, Source: l.Source, Type: "client"}
	if c.Name == "" { // asked for a company of a lead that names none
		c.Name = l.Title
	}
	if l.Address != nil {
		c.Addresses = []reach.Address{*l.Address}
	}
	for _, k := range l.Links {
		if withPoints || k.Kind == "site" {
			c.Links = append(c.Links, k)
		}
	}
	if withPoints {
		c.Phones, c.Emails, c.Comment = clone(l.Phones), clone(l.Emails), l.Comment
	}
	return c
}

// matching is the values of a lead's custom fields for which the other kind has a field of the same key and type (CON-4).
func matching(l *Lead, to *customfields.Kind) customfields.Values {
	out := customfields.Values{}
	for key, v := range l.Custom {
		if of, ok := l.Fields.Field(key); ok {
			if f, ok := to.Field(key); ok && f.Takes(of) {
				out[key] = v
			}
		}
	}
	return out
}

// inherited is what a record made from the lead takes over beside content.
func (l *Lead) inherited() record.Meta {
	return record.Meta{
		ResponsibleID: l.ResponsibleID, ObserverIDs: clone(l.ObserverIDs), Everyone: l.Everyone,
		Tags: clone(l.Tags), DoNotContact: clone(l.DoNotContact),
	}
}

func clone[S ~[]E, E any](s S) S { return append(S(nil), s...) }

// SettleDeal notes what came of the pending deal: nil if it exists, else why it was refused for good. A lead that has
// moved on meanwhile is left as it is.
func (s *Leads) SettleDeal(ctx context.Context, org, leadID, dealID string, refused error) (*Lead, error) {
	return s.Store.Update(ctx, org, leadID, func(cur *Lead) (*record.Change[Lead], error) {
		if !cur.Awaits(dealID) {
			return nil, nil
		}
		c := *cur.Conversion
		c.DealState, c.DealError = DealDone, ""
		if refused != nil {
			c.DealState, c.DealError = DealRefused, told(refused)
		}
		next := *cur
		next.Conversion, next.UpdatedAt = &c, s.Clock.Now()
		return &record.Change[Lead]{What: DealSettled, Before: cur, After: &next, Cause: "deal/" + dealID}, nil
	})
}

// told is what of a refusal is for people; the rest is in the log.
func told(refused error) string {
	var e *apperr.Error
	if !errors.As(refused, &e) {
		return "the deal could not be made"
	}
	parts := []string{e.Msg}
	for _, f := range e.Fields {
		parts = append(parts, f.Field+" "+f.Description)
	}
	return strings.Join(parts, "; ")
}

// Made reports whether this deal was made from the lead.
func (l *Lead) Made(dealID string) bool {
	return l.Conversion != nil && l.Conversion.DealID == dealID && l.Conversion.DealState == DealDone
}

// Awaits reports whether the lead waits for this deal to be made.
func (l *Lead) Awaits(dealID string) bool {
	return l.Conversion != nil && l.Conversion.DealID == dealID && l.Conversion.DealState == DealPending
}
