// Package lead holds the rules of leads: enquiries that must not be lost (CON-1), the statuses they go through and the
// time within which somebody has to touch them (CON-2), and their conversion into contacts, companies and deals (CON-4).
//
//	       move                         convert
//	NEW ─────────► OPEN ◄────► JUNK   NEW, OPEN, JUNK ─────────► CONVERTED
//	 │ untouched for longer than the limit: overdue, told once      (for good; what it missed can be added)
//
// A lead is mostly data, so its fields are exported and Normalize keeps them right; status and conversion change only
// through the methods of Leads.
package lead

import (
	"context"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/money"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// Failures of leads.
var (
	ErrNotFound   = apperr.NotFound("LEAD_NOT_FOUND", "lead not found")
	ErrStale      = apperr.Conflict("LEAD_ETAG_MISMATCH", "lead was changed by someone else; read it again")
	ErrDeleted    = apperr.NotAllowedNow("LEAD_DELETED", "lead is in the bin; restore it first")
	ErrNotDeleted = apperr.NotAllowedNow("LEAD_NOT_DELETED", "lead is not in the bin")
	ErrConverted  = apperr.NotAllowedNow("LEAD_CONVERTED", "lead is converted; its status does not change any more")
)

// Lead is an enquiry with the contact data of whoever made it.
type Lead struct {
	record.Meta
	reach.Points

	Title       string
	Request     string
	FirstName   string
	MiddleName  string
	LastName    string
	Position    string
	CompanyName string
	Address     *reach.Address
	Source      string
	UTM         UTM
	Referrer    string
	StatusID    string
	Products    []Product
	// Amount is what the sale may be worth; without a currency if that is not known.
	Amount     money.Money
	Comment    string
	Conversion *Conversion
	// TouchedAt is when somebody first worked on the lead; zero until then.
	TouchedAt time.Time
	// Importance is from 1 to 5; 0 if nobody has said (CON-3).
	Importance int32
	// ScreenedAt is when the lead was handed over by whoever screens leads; zero if it was not.
	ScreenedAt time.Time
	// JunkReason is why the lead is not worth working on, while it is in a status of kind Junk.
	JunkReason string
	// OverdueAt is when an untouched lead becomes overdue.
	OverdueAt time.Time
}

// MostImportant is the highest importance of a lead.
const MostImportant = 5

// UTM holds the marks that campaign links carry.
type UTM struct {
	Source   string `json:"source,omitempty"`
	Medium   string `json:"medium,omitempty"`
	Campaign string `json:"campaign,omitempty"`
	Term     string `json:"term,omitempty"`
	Content  string `json:"content,omitempty"`
}

// Product is a product the enquirer is interested in.
type Product struct {
	ProductID string      `json:"product_id,omitempty"`
	Name      string      `json:"name,omitempty"`
	Quantity  string      `json:"quantity"`
	Price     money.Money `json:"price,omitzero"`
}

// PersonName is the enquirer's name in one.
func (l *Lead) PersonName() string { return record.Join(l.FirstName, l.MiddleName, l.LastName) }

// Name is what the lead is called in lists.
func (l *Lead) Name() string { return l.Title }

// Normalize checks the fields a caller may set and tidies them. country is that of the organisation.
func (l *Lead) Normalize(country string) error {
	var f record.Faults
	f.Line("title", &l.Title)
	f.Text("request", &l.Request)
	f.Line("first_name", &l.FirstName)
	f.Line("middle_name", &l.MiddleName)
	f.Line("last_name", &l.LastName)
	f.Line("position", &l.Position)
	f.Line("company_name", &l.CompanyName)
	f.Line("source", &l.Source)
	f.Line("referrer", &l.Referrer)
	f.Line("utm.source", &l.UTM.Source)
	f.Line("utm.medium", &l.UTM.Medium)
	f.Line("utm.campaign", &l.UTM.Campaign)
	f.Line("utm.term", &l.UTM.Term)
	f.Line("utm.content", &l.UTM.Content)
	f.Text("comment", &l.Comment)
	if l.Importance < 0 || l.Importance > MostImportant {
		f.Add("importance", "is from 1 to 5, or 0")
	}
	l.StatusID = strings.ToLower(l.StatusID)
	record.NormalizeMeta(&l.Meta, &f)
	l.Points.Normalize(country, &f)
	if l.Address != nil {
		l.Address.Normalize("address.", &f)
	}
	for i := range l.Products {
		p := &l.Products[i]
		p.ProductID = strings.ToLower(p.ProductID)
		f.Line(record.At("products", i, "name"), &p.Name)
		if p.ProductID == "" && p.Name == "" {
			f.Add(record.At("products", i, "name"), "name the product, or its ID in the catalogue")
		}
		if p.Quantity == "" {
			p.Quantity = "1"
		}
		if q, err := decimal.NewFromString(p.Quantity); err != nil || !q.IsPositive() {
			f.Add(record.At("products", i, "quantity"), "is not a number above zero")
		}
	}
	if l.Title == "" {
		l.Title = l.titleFromRest()
	}
	if l.Title == "" {
		f.Add("title", "a lead needs a title, a name, an e-mail address, a phone number or a request")
	}
	return f.Err()
}

// titleFromRest names a lead that came without a title by the first thing known of it.
func (l *Lead) titleFromRest() string {
	for _, s := range []string{l.PersonName(), l.CompanyName} {
		if s != "" {
			return s
		}
	}
	switch {
	case len(l.Emails) > 0:
		return l.Emails[0].Address
	case len(l.Phones) > 0:
		return l.Phones[0].Number
	}
	line, _, _ := strings.Cut(l.Request, "\n")
	if r := []rune(line); len(r) > 100 {
		line = string(r[:100]) + "…"
	}
	return strings.TrimSpace(line)
}

// Overdue returns since when the lead should have been touched and was not; zero if it is not overdue.
func (l *Lead) Overdue(now time.Time) time.Time {
	if !l.TouchedAt.IsZero() || l.Deleted() || l.OverdueAt.IsZero() || now.Before(l.OverdueAt) {
		return time.Time{}
	}
	return l.OverdueAt
}

// touch notes that somebody has worked on the lead.
func (l *Lead) touch(now time.Time) {
	if l.TouchedAt.IsZero() {
		l.TouchedAt = now
	}
}

// Leads is the use cases of leads.
type Leads struct {
	record.Book[Lead, *Lead]

	Config      ConfigStore
	Conversions ConversionStore
	Contacts    *contact.Contacts
	Companies   *company.Companies
	Deals       Deals

	store Store
}

// New returns the use cases of leads: s with its book, which holds the store, users and clock, filled in.
func New(s Leads, store Store, users record.Users, custom record.Custom[Lead], now clock.Clock) *Leads {
	custom.Stages = s.stages
	s.Book = record.Book[Lead, *Lead]{
		Store: store, Users: users, Custom: custom, Clock: now,
		ErrNotFound: ErrNotFound, ErrStale: ErrStale, ErrDeleted: ErrDeleted, ErrNotDeleted: ErrNotDeleted,
	}
	s.store = store
	return &s
}

// stages tells whether a lead stands at a status or past it in their order; junk has left the order.
func (s *Leads) stages(ctx context.Context, org string) (record.Reached[Lead], error) {
	cfg, err := s.Config.Config(ctx, org)
	if err != nil {
		return nil, err
	}
	place := make(map[string]int, len(cfg.Statuses))
	for i, st := range cfg.Statuses {
		place[st.ID] = i
		if st.Kind == KindJunk {
			place[st.ID] = -1
		}
	}
	return func(l *Lead, statusID string) bool {
		from, known := place[statusID]
		return known && place[l.StatusID] >= from
	}, nil
}

// Store keeps leads.
type Store interface {
	record.Store[Lead]

	// CountUntouched counts the untouched leads the caller may see, and those of them that are overdue; both exactly
	// up to record.CountLimit.
	CountUntouched(ctx context.Context, c record.Caller, now time.Time) (untouched, overdue int, err error)
}

// Create makes a lead in a status of kind New or Open, the first New one unless it names one.
func (s *Leads) Create(ctx context.Context, who record.Caller, l *Lead) (*Lead, error) {
	cfg, err := s.Config.Config(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	l.StatusID = strings.ToLower(l.StatusID)
	st, err := cfg.initial(l.StatusID)
	if err != nil {
		return nil, err
	}
	l.StatusID, l.Conversion = st.ID, nil
	l.ScreenedAt, l.JunkReason = time.Time{}, ""
	check, err := s.Checker(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	if err := s.Prepare(who, l, check, false); err != nil {
		return nil, err
	}
	l.OverdueAt = l.CreatedAt.Add(cfg.UntouchedLimit)
	l.TouchedAt = time.Time{}
	if st.Kind != KindNew {
		l.touch(l.CreatedAt)
	}
	return s.Shown(ctx, who.OrganizationID)(s.Store.Create(ctx, who.OrganizationID, l, ""))
}

// Update changes a lead. worked says that its content changes, which counts as touching it; handing it to somebody else
// does not, for then nobody has worked on it yet.
func (s *Leads) Update(
	ctx context.Context, who record.Caller, id string, version int64, worked bool, change func(*Lead) (*Lead, error),
) (*Lead, error) {
	return s.Book.Update(ctx, who, id, version, func(cur *Lead) (*Lead, error) {
		next, err := change(cur)
		if err != nil {
			return nil, err
		}
		s.Keep(cur, next, worked)
		return next, nil
	})
}

// Keep carries over to the next state of a lead what an update does not change, and notes that it was touched, if worked.
func (s *Leads) Keep(cur, next *Lead, worked bool) {
	next.StatusID, next.Conversion = cur.StatusID, cur.Conversion
	next.TouchedAt, next.OverdueAt = cur.TouchedAt, cur.OverdueAt
	next.ScreenedAt, next.JunkReason = cur.ScreenedAt, cur.JunkReason
	if worked {
		next.touch(s.Clock.Now())
	}
}

// CountUntouched counts the leads that the caller may see and nobody has worked on, and the overdue ones among them.
func (s *Leads) CountUntouched(ctx context.Context, who record.Caller) (untouched, overdue int, err error) {
	return s.store.CountUntouched(ctx, who, s.Clock.Now())
}
