// Package report is the rules of the standard reports: which deals each counts, how they are grouped, and which list
// shows the rows behind each number. It knows neither SQL nor gRPC.
//
// Two rules hold for all of them, so that no two disagree: a sum in the base currency adds the amounts that the deals
// carry, converted on the day the deal's amount last changed; and whoever asks sees deals that they may view, in rows
// and in totals alike (ID-6).
package report

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/money"
)

// Failures of a query.
var (
	ErrNoReport   = apperr.NotFound("REPORT_NOT_FOUND", "there is no such report; GET /v1/reports lists them")
	ErrNoPipeline = apperr.NotFound("PIPELINE_NOT_FOUND", "pipeline not found")
	ErrWhich      = apperr.Invalid("PIPELINE_REQUIRED", "there are several pipelines: say which with pipelineId").
			WithField("pipeline_id", "required")
	ErrGroupBy = apperr.Invalid("GROUP_BY_INVALID", "this report cannot be grouped so")
	ErrDay     = apperr.Invalid("DAY_INVALID", "the calendar has no such day")
	ErrPeriod  = apperr.Invalid("PERIOD_INVALID", "the period ends before it begins").WithField("to", "before from")
)

// Mode is which deals a report counts.
type Mode int

const (
	// Snapshot counts deals as they stand; a period bounds those that are closed, by the day they were.
	Snapshot Mode = iota
	// Cohort counts deals begun in the period.
	Cohort
)

// Query is what is asked.
type Query struct {
	Organization string
	Scope        authz.Scope
	// LeadScope is whose leads the user may see in reports; Scope is about deals.
	LeadScope authz.Scope
	// UserID is who asks.
	UserID     string
	Report     string
	PipelineID string
	Mode       Mode
	// From and To are the first and last day; zero is open. Their zone does not matter.
	From, To time.Time
	// Filter is AIP-160, over deals.
	Filter  string
	GroupBy string
}

// Selection is which deals a store query is about.
type Selection struct {
	Organization string
	Scope        authz.Scope
	// UserID is whose view it is: deals that the user observes, and those available to everyone, come on top of a Scope that
	// is neither all nor none, as in the lists of deals.
	UserID string
	// BaseCurrency is the currency of sums; a deal whose base amount is in another one counts as not converted.
	BaseCurrency string
	PipelineID   string
	Filter       string
	// Location is where days begin.
	Location *time.Location
	Mode     Mode
	// From and To bound the period as instants, To excluded; zero is open.
	From, To time.Time
	// Only narrows it further.
	Only Only
}

// Only narrows a selection to deals in one state.
type Only int

const (
	// Every deal that fits the mode and the period.
	Every Only = iota
	// WonOnly is for won deals.
	WonOnly
	// OpenOnly is for open deals.
	OpenOnly
	// Overdue deals: open, and planned to close before Selection.To.
	Overdue
	// Expected deals: open, and planned to close within the period if there is one.
	Expected
	// LostOnly is for lost deals.
	LostOnly
)

// By is what deals are grouped by in the store.
type By int

// What the store can group by.
const (
	ByResponsible By = iota
	ByCompany
	ByCloseMonth
	ByPlannedMonth
	ByStage
	ByType
	ByProbability
	ByProduct
	BySection
	ByCurrency
)

// Group is what deals of one key add up to. Sums are in the base currency, of deals that have one; grouped by currency
// they are in that currency.
type Group struct {
	// Key is an ID, a name, "2026-11" or a number; empty for deals without.
	Key                      string
	Deals, Open, Won, Lost   int64
	OpenSum, WonSum, LostSum decimal.Decimal
	Weighted                 decimal.Decimal // open sums by probability
	Unconverted              int64           // deals without a base amount
	Quantity                 decimal.Decimal // by product and section
}

// Deal is a deal in a list.
type Deal struct {
	ID, Name, CompanyID, ResponsibleID, StageID string
	ClosedAt, Planned                           *time.Time
	Amount                                      money.Money
	BaseAmount                                  *decimal.Decimal
}

// Stage is a stage of a pipeline, in its place.
type Stage struct {
	ID, Name string
	Kind     StageKind
	Retired  bool
}

// StageKind is what a stage means.
type StageKind int

// Kinds of stages, as in the facts.
const (
	StageOpen StageKind = 1
	StageWon  StageKind = 2
	StageLost StageKind = 3
)

// StageCount is the deals that stand in a stage.
type StageCount struct {
	StageID     string
	Deals       int64
	Sum         decimal.Decimal
	Unconverted int64
	// ByCurrency are the amounts in their own currencies.
	ByCurrency map[string]decimal.Decimal
}

// Reached says how far deals have come: how many came to an open stage and no further one.
type Reached struct {
	// StageID of the furthest open stage.
	StageID string
	Deals   int64
}

// LostCount is the deals lost from a stage for a reason.
type LostCount struct {
	StageID, Reason string
	Deals           int64
	Sum             decimal.Decimal
}

// Store answers from the facts. Every method is about one organisation, and about deals in the selection's scope.
type Store interface {
	// Groups adds deals up by key, the largest first, at most limit.
	Groups(ctx context.Context, s Selection, by By, limit int) ([]Group, error)
	// Deals lists deals: won ones by the day they closed, newest first; open ones by the day they are planned to close.
	Deals(ctx context.Context, s Selection, limit int) ([]Deal, error)
	// StageCounts tells where deals stand.
	StageCounts(ctx context.Context, s Selection) ([]StageCount, error)
	// Reached tells how far deals have come, and is about every deal of the selection.
	Reached(ctx context.Context, s Selection) ([]Reached, error)
	// TimeInStage is how long deals stayed in a stage before they left it, in seconds, on average.
	TimeInStage(ctx context.Context, s Selection) (map[string]float64, error)
	// LostBy counts lost deals by the stage they were lost from and the reason.
	LostBy(ctx context.Context, s Selection) ([]LostCount, error)
	// WithoutDate counts the deals that a cohort leaves out because nobody knows when they began.
	WithoutDate(ctx context.Context, s Selection) (int64, error)
	// Pipelines returns the pipelines that have stages, by ID, with their names.
	Pipelines(ctx context.Context, org string) (map[string]string, error)
	// Stages returns the stages of a pipeline, or of all if it is empty, in order.
	Stages(ctx context.Context, org, pipelineID string) ([]Stage, error)
	// Names returns the names of records, by ID. Unknown ones are missing.
	Names(ctx context.Context, org, kind string, ids []string) (map[string]string, error)
	// ProductsOf returns the products of a section, or of none if it is empty, that are on lines of the selected deals; at most
	// limit.
	ProductsOf(ctx context.Context, s Selection, sectionID string, limit int) ([]string, error)
	// LeadStatuses returns the statuses of leads in their order, those out of use too.
	LeadStatuses(ctx context.Context, org string) ([]LeadStatus, error)
	// LeadGroups counts leads by key, the largest first, at most limit. A selection's period is about when they were made.
	LeadGroups(ctx context.Context, s Selection, by LeadBy, limit int) ([]LeadGroup, error)
	// LeadsReached counts the leads that are not converted by the furthest status they have been worked on in.
	LeadsReached(ctx context.Context, s Selection) (map[string]int64, error)
	// LeadTimeInStatus is how long leads stayed in a status before they left it, in seconds, on average.
	LeadTimeInStatus(ctx context.Context, s Selection) (map[string]float64, error)
	// Freshness tells how far the facts are behind the events that have been published.
	Freshness(ctx context.Context) (Freshness, error)
}

// Freshness is how far the facts are behind the published events.
type Freshness struct {
	AsOf       time.Time
	Lag        time.Duration
	Parked     int64
	Rebuilding bool
}

// Directory knows the organisation's users and departments.
type Directory interface {
	Organization(org string) (authz.Organization, bool)
	User(org, id string) (authz.User, bool)
	Department(org, id string) (authz.Department, bool)
	Users(org string) []authz.User
}

// ColumnKind is what the values of a column are.
type ColumnKind int

// Kinds of columns.
const (
	Text ColumnKind = iota + 1
	Number
	Money
	Percent
	Date
	RefColumn
	Duration
)

// Column is a column of a report.
type Column struct {
	Name, Title string
	Kind        ColumnKind
}

// Cell is a value with the way to the rows behind it. At most one of the values is set.
type Cell struct {
	Text   *string
	Number *float64
	Money  *money.Money
	Ref    *Ref
	// List is the kind of record whose list, with Filter, shows what is behind; empty where there is nothing behind.
	List, Filter string
}

// Ref is a record with its name.
type Ref struct{ Kind, ID, Name string }

// Table is columns and rows.
type Table struct {
	Title   string
	Columns []Column
	Rows    [][]Cell
}

// Report is an answered query.
type Report struct {
	Table

	Name        string
	Totals      [][]Cell
	Breakdown   *Table
	Freshness   Freshness
	WithoutDate int64
	Note        string
}

// Info describes a report.
type Info struct {
	Name, Title, Description string
	GroupBy                  []string
}
