package lead

import (
	"context"
	"slices"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/contacts/internal/record"
)

// Failures of handing over.
var (
	ErrRecipient = apperr.Invalid("LEAD_RECIPIENT_INVALID", "name either the user or the department that is to get the lead")
	ErrNoHead    = apperr.NotAllowedNow("LEAD_DEPARTMENT_WITHOUT_HEAD",
		"there is no such department, or nobody active heads it; name a user")
)

// DepartmentCause begins the cause of a change that was made for a department; its ID follows.
const DepartmentCause = "department/"

// HandOver gives a screened lead to the user who is to work on it (CON-3). departmentID says for which department, if the user
// gets it as its head. Nobody has worked on it yet, so a new lead's time begins anew.
func (s *Leads) HandOver(
	ctx context.Context, who record.Caller, leadID string, version int64, userID, departmentID string,
) (*Lead, error) {
	cfg, err := s.Config.Config(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	if !s.Users.Active(who.OrganizationID, userID) {
		return nil, record.ErrResponsibleNotFound
	}
	return s.Shown(ctx, who.OrganizationID)(s.Store.Update(ctx, who.OrganizationID, leadID, func(cur *Lead) (*record.Change[Lead], error) {
		if err := s.Admit(who, &cur.Meta, version); err != nil {
			return nil, err
		}
		if cur.Conversion != nil {
			return nil, ErrConverted
		}
		st, err := cfg.Find(cur.StatusID)
		if err != nil {
			return nil, err
		}
		now := s.Clock.Now()
		next := *cur
		next.ResponsibleID, next.ScreenedAt, next.UpdatedAt = userID, now, now
		if st.Kind == KindNew {
			next.TouchedAt, next.OverdueAt = time.Time{}, now.Add(cfg.UntouchedLimit)
		}
		ch := &record.Change[Lead]{What: HandedOver, Before: cur, After: &next}
		if departmentID != "" {
			ch.Cause = DepartmentCause + departmentID
		}
		return ch, nil
	}))
}

// AutoConversion is what is made of a lead on its own when it is taken into work.
type AutoConversion struct {
	Contact, Company, Deal bool
	// PipelineID is the deal's; the default one if empty.
	PipelineID string
}

// autoTargets is what to make of a lead that a move takes into work; nothing if the organisation does not want so, the move is
// another, or the caller may not. Whoever alone has a number or an address of the lead, or surest, is attached: nothing is made
// twice without anybody being asked.
func (s *Leads) autoTargets(ctx context.Context, who record.Caller, r Rights, cfg *Config, leadID, statusID string) (Targets, error) {
	to, err := cfg.Find(strings.ToLower(statusID))
	if err != nil || to.Kind != KindOpen || cfg.Auto == (AutoConversion{}) {
		return Targets{}, err
	}
	l, err := s.Get(ctx, who, leadID)
	if err != nil {
		return Targets{}, err
	}
	if from, err := cfg.Find(l.StatusID); err != nil || from.Kind != KindNew || l.Conversion != nil || l.Deleted() || !who.CanAct(&l.Meta) {
		return Targets{}, err
	}
	found, err := s.Conversions.Candidates(ctx, r, Suspect{Points: l.LookUp(), CompanyName: l.CompanyName}, maxCandidates)
	if err != nil {
		return Targets{}, err
	}
	var t Targets
	if known := sure(found, record.Contact); cfg.Auto.Contact && (l.PersonName() != "" || len(l.Phones)+len(l.Emails) > 0) &&
		(known != "" || r.Contact.CanAct(&l.Meta)) {
		t.Contact = &Target{AttachID: known}
	}
	if known := sure(found, record.Company, MatchName); cfg.Auto.Company && l.CompanyName != "" && (known != "" || r.Company.CanAct(&l.Meta)) {
		t.Company = &Target{AttachID: known}
	}
	if cfg.Auto.Deal && r.Deal.CanAct(&l.Meta) {
		t.Deal = &DealTarget{PipelineID: cfg.Auto.PipelineID}
	}
	return t, nil
}

// sure is the surest of the candidates of a kind that share a number or an address, or another thing that makes sure.
func sure(found []Candidate, kind record.Kind, also ...MatchReason) string {
	also = append(also, MatchPhone, MatchEmail)
	for _, c := range found {
		if c.Kind == kind && slices.ContainsFunc(c.Reasons, func(r MatchReason) bool { return slices.Contains(also, r) }) {
			return c.ID
		}
	}
	return ""
}
