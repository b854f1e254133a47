// Package deal is the rules of deals, without any technology in it.
//
// A deal is mostly data, so its fields are exported; but only the methods change a stored deal, because state, stage,
// amounts and times hang together. Each method that changes something raises the version by one and returns the one
// event that tells of it; the store writes both together.
//
//	          Move                Win
//	        ┌──────┐        ┌────────────► won
//	        ▼      │        │               │
//	New ──► open ──┴────────┤               │ Reopen
//	        ▲               │ Lose          │
//	        │               └────────────► lost
//	        └───────────────────────────────┘
package deal

import (
	"slices"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/pipeline"
)

// Expected failures.
var (
	ErrNotFound  = apperr.NotFound("DEAL_NOT_FOUND", "there is no such deal")
	ErrExists    = apperr.AlreadyExists("DEAL_EXISTS", "a deal with this ID exists already")
	ErrStale     = apperr.Conflict("DEAL_ETAG_MISMATCH", "the deal was changed by someone else; read it again")
	ErrForbidden = apperr.Forbidden("PERMISSION_DENIED", "you may see this deal but not change it")
	ErrClosed    = apperr.NotAllowedNow("DEAL_CLOSED", "the deal is closed; reopen it first")
	ErrOpen      = apperr.NotAllowedNow("DEAL_OPEN", "the deal is not closed")
	ErrDeleted   = apperr.NotAllowedNow("DEAL_DELETED", "the deal is in the bin; take it out first")
	ErrInvalid   = apperr.Invalid("DEAL_INVALID", "the deal cannot be kept like this; see the fields")
	ErrMask      = apperr.Invalid("INVALID_UPDATE_MASK", "update_mask names a field that cannot be changed")
	ErrCurrency  = apperr.Invalid("CURRENCY_MISMATCH",
		"the amounts of a deal's lines are in the currency of its amount")
	ErrStageClosed = apperr.NotAllowedNow("STAGE_CLOSED",
		"the stage is a closed one; deals get there by being won or lost")
	ErrReasonRequired = apperr.Invalid("LOST_REASON_REQUIRED", "say why the deal was lost")
	ErrReasonNotFound = apperr.NotFound("LOST_REASON_NOT_FOUND", "the pipeline has no such lost reason")
	ErrExternalID     = apperr.AlreadyExists("EXTERNAL_ID_TAKEN", "another deal has this external ID")
	ErrUserNotFound   = apperr.NotFound("USER_NOT_FOUND", "there is no such active user")
	ErrProduct        = apperr.NotFound("PRODUCT_NOT_FOUND", "there is no such product")
	ErrProductGone    = apperr.NotAllowedNow("PRODUCT_NOT_OFFERED", "the product is not offered any more")
	ErrPrice          = apperr.Invalid("PRICE_MISSING", "the product has no price in this currency; state one")
	ErrBelowMinimum   = apperr.Forbidden("PRICE_BELOW_MINIMUM",
		"the price is below the product's minimum; this needs the right to change products")
)

// State says whether a deal is being worked on; it is the kind of the stage the deal is in.
type State = pipeline.Kind

// AmountSource says where the amount comes from. Stored as a number; never renumber.
type AmountSource int16

// The sources of amounts.
const (
	ByHand    AmountSource = 1
	FromLines AmountSource = 2
)

// Kinds of parties.
const (
	KindCompany = "company"
	KindContact = "contact"
)

// DefaultType is the type of a deal that is made without one.
const DefaultType = "sale"

// BinDays is how long a deleted deal can be restored.
const BinDays = 30

// Party is a company or contact that takes part beside the client.
type Party struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Role string `json:"role,omitempty"`
}

// ExternalID is the deal's ID in another system.
type ExternalID struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// Origin says what made the deal.
type Origin struct {
	Kind string
	ID   string
}

// Deal is a possible sale. Days are midnight UTC of the day meant; a zero time means there is none or it is not known.
type Deal struct {
	ID             string
	OrganizationID string
	Version        int64

	Name                string
	PipelineID          string
	StageID             string
	State               State
	Amount              money.Money
	AmountSource        AmountSource
	Base                money.Money // no currency: there was no rate
	BaseDate            time.Time
	ResponsibleID       string
	ObserverIDs         []string
	Type                string
	Probability         int32
	ProbabilityByHand   bool
	PlannedClose        time.Time
	CompanyID           string
	ContactID           string
	Parties             []Party
	Source              string
	LeadID              string
	Comment             string
	Lines               []Line
	AvailableToEveryone bool
	LostReasonID        string
	LostReason          string
	ExternalIDs         []ExternalID
	Origin              Origin
	CreatorID           string

	BegunAt        time.Time
	StageEnteredAt time.Time
	ClosedAt       time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
	DeletedAt      time.Time

	// Custom is the values of the organisation's own fields, those of retired ones included (CON-12); Fields those that it has
	// been checked by, nil if the deal has only been read.
	Custom customfields.Values
	Fields *customfields.Kind

	// ReopenStageID is the open stage the deal was closed from: where Reopen takes it back to.
	ReopenStageID string
}

// ProductIDs lists the products on the lines, each once, sorted.
func (d *Deal) ProductIDs() []string {
	ids := make([]string, 0, len(d.Lines))
	for _, l := range d.Lines {
		if l.ProductID != "" {
			ids = append(ids, l.ProductID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Overdue reports whether the planned day has passed and the deal is still open. today is midnight UTC of the day it
// is in the organisation.
func (d *Deal) Overdue(today time.Time) bool {
	return d.State == pipeline.Open && !d.PlannedClose.IsZero() && d.PlannedClose.Before(today)
}

// clone returns a copy that shares nothing with d that a method changes.
func (d *Deal) clone() Deal {
	c := *d
	c.ObserverIDs = slices.Clone(d.ObserverIDs)
	c.Parties = slices.Clone(d.Parties)
	c.Lines = slices.Clone(d.Lines)
	c.ExternalIDs = slices.Clone(d.ExternalIDs)
	return c
}
