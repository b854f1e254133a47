package imports

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/event"
	"kontor.internal/libs/money"
)

// Type is what a target field holds.
type Type int

// The types of target fields, with the Go type of their values in a Row.
const (
	Text     Type = iota + 1 // string, spaces around taken off
	Number                   // decimal.Decimal
	Integer                  // int64
	Money                    // money.Money
	Date                     // time.Time, midnight UTC of the day that is meant
	Time                     // time.Time, an instant
	Bool                     // bool
	Ref                      // string, the ID of another record; the mapping says how it is looked up
	TextList                 // []string, without empty ones; also paths such as a department's
)

func (t Type) String() string {
	return [...]string{"", "text", "number", "integer", "money", "date", "time", "boolean", "reference", "list"}[t]
}

// Field is something a mapping may fill.
type Field struct {
	// Name as written in the mapping, such as "annual_turnover".
	Name string
	// Type of its values.
	Type Type
	// Required has rows rejected in which it is empty, and mappings that do not fill it refused.
	Required bool
	// RefKind is the kind of record a Ref leads to, such as "company". A Ref to the target's own kind may lead to a row
	// further down the file; such rows are linked in a second pass through Target.Link.
	RefKind string
	// Within is the field that refers to what a Ref is looked up within, such as "pipeline" for a stage; a proposed
	// mapping says so if it fills that field.
	Within string
	// MaxLen is the most characters a Text, or an item of a TextList, may have. 0: 1,000.
	MaxLen int
	// OneOf lists the values a Text may have. Empty: any.
	OneOf []string
	// Doc says in a few words what it is.
	Doc string
	// Label is what people call it, if that is not its name; columns that are called so are proposed for it.
	Label string
}

// Duplicates is what happens to a row whose record is there already.
type Duplicates string

// The three ways of dealing with duplicates.
const (
	Skip   Duplicates = "skip"   // leave the record as it is
	Update Duplicates = "update" // change the record's fields to those of the row
	Make   Duplicates = "make"   // make another record, if the kind allows it
)

// Target is what a service offers to be filled from files.
type Target struct {
	// Kind of record, such as "deal"; a mapping's kind must be this.
	Kind string
	// Fields that a mapping may fill.
	Fields []Field
	// More returns those that an organisation has beside Fields; nil if there are none.
	More func(ctx context.Context, org string) ([]Field, error)

	// Apply writes a batch of rows within tx, finding duplicates by external ID (and by what else the kind has), and
	// returns one Result for each row, in order, with the events of the records it wrote. It must be a handful of
	// statements for the batch, not some for each row.
	//
	// An *apperr.Error, or a constraint that failed, makes the runner undo the batch and try ever smaller parts of it,
	// so that in the end exactly the rows at fault are rejected. Any other error is an outage: the job tries again.
	Apply func(ctx context.Context, tx pgx.Tx, b Batch) ([]Result, []event.Event, error)

	// Keys returns what beside its external ID the record of a row may be found by when Apply looks for duplicates, and
	// what another row may find it by once it is made. Batches without a key in common may then be written at the same
	// time, unless duplicates are updated. Nil: one at a time.
	Keys func(Row) []string

	// Link sets references to the target's own kind after all rows are in. Needed if a field has the target's own kind
	// as RefKind. It obeys the rules of Apply.
	Link func(ctx context.Context, tx pgx.Tx, b LinkBatch) ([]Result, []event.Event, error)
}

// Batch is some hundred rows to be written in one transaction.
type Batch struct {
	// Organization that the rows belong to.
	Organization string
	// UserID is who started the import.
	UserID string
	// OperationID is the import's operation, for the origin of new records.
	OperationID string
	// Duplicates is the mapping's choice.
	Duplicates Duplicates
	// Rows to write.
	Rows []Row
}

// Outcome is what became of a row.
type Outcome int

// The outcomes.
const (
	Created Outcome = iota + 1
	Updated
	Skipped
	Rejected
)

// Result says what became of a row.
type Result struct {
	Outcome Outcome
	// RecordID of the record made, changed or left as it was.
	RecordID string
	// Reject says why, for Rejected; its line is filled in by the runner.
	Reject *Reject
}

// Refuse returns the Result of a row that the target does not take.
func Refuse(field, reason, message string) Result {
	return Result{Outcome: Rejected, Reject: &Reject{Field: field, Reason: reason, Message: message}}
}

// Reject says why a row was refused.
type Reject struct {
	// Line on which the row begins.
	Line int64
	// Field or column at fault. Empty: the row as a whole.
	Field string
	// Reason is stable, such as "LOOKUP_NOT_FOUND".
	Reason string
	// Message says what is wrong and what to do.
	Message string
}

// LinkBatch is some hundred references to set in one transaction.
type LinkBatch struct {
	Organization string
	UserID       string
	OperationID  string
	Links        []Link
}

// Link is one reference to set.
type Link struct {
	// RecordID of the record whose field is set.
	RecordID string
	// Field to set.
	Field string
	// TargetID it is set to.
	TargetID string
}

// ExternalID is a record's ID in another system.
type ExternalID struct{ Source, ID string }

// Row is a row of the file as typed values.
type Row struct {
	// Line of the file on which it begins.
	Line int64
	// ExternalID of the record. Zero if the mapping names none.
	ExternalID ExternalID
	// EffectiveAt is when it took place by the mapping's effective_time. Nil if that is not known.
	EffectiveAt *time.Time

	values []any
	index  map[string]int
}

// Mapped reports whether the mapping fills the field at all; an update leaves other fields alone.
func (r Row) Mapped(field string) bool {
	_, ok := r.index[field]
	return ok
}

// Has reports whether the field has a value in this row.
func (r Row) Has(field string) bool { return r.value(field) != nil }

func (r Row) value(field string) any {
	i, ok := r.index[field]
	if !ok {
		return nil
	}
	return r.values[i]
}

func get[T any](r Row, field string) T {
	v, _ := r.value(field).(T)
	return v
}

// Text returns a Text field, or "".
func (r Row) Text(field string) string { return get[string](r, field) }

// Ref returns the ID in a Ref field, or "".
func (r Row) Ref(field string) string { return get[string](r, field) }

// Number returns a Number field, or zero.
func (r Row) Number(field string) decimal.Decimal { return get[decimal.Decimal](r, field) }

// Integer returns an Integer field, or 0.
func (r Row) Integer(field string) int64 { return get[int64](r, field) }

// Money returns a Money field and whether it has a value.
func (r Row) Money(field string) (money.Money, bool) {
	v, ok := r.value(field).(money.Money)
	return v, ok
}

// Time returns a Date or Time field and whether it has a value.
func (r Row) Time(field string) (time.Time, bool) {
	v, ok := r.value(field).(time.Time)
	return v, ok
}

// Bool returns a Bool field, or false.
func (r Row) Bool(field string) bool { return get[bool](r, field) }

// List returns a TextList field, or nil.
func (r Row) List(field string) []string { return get[[]string](r, field) }

// By is what a look-up goes by.
type By string

// What look-ups go by.
const (
	ByName       By = "name"
	ByExternalID By = "external_id"
	ByEmail      By = "email"
	ByID         By = "id"
	BySKU        By = "sku"
)

// Query asks for the records with the given keys.
type Query struct {
	Organization string
	By           By
	// Source of the external IDs, for ByExternalID.
	Source string
	// Within is what the keys are to be found within, such as the ID of the pipeline for the names of stages; the
	// mapping's "within" names the target field that holds it.
	Within string
	// Keys, without spaces around, each once; at most 500.
	Keys []string
}

// Found is a record that a key led to.
type Found struct {
	ID string
	// Ambiguous is set if the key leads to several records; rows with it are rejected.
	Ambiguous bool
	// Attributes can be used as values by "attribute" in a mapping, such as a product's "list_price". Their types are
	// those of a Row.
	Attributes map[string]any
}

// Lookup finds records of one kind, in this service or in another.
type Lookup struct {
	// By lists what it can go by.
	By []By
	// Find returns what it finds, by key as asked. A key not found is left out.
	Find func(ctx context.Context, q Query) (map[string]Found, error)
	// Create makes the records of the keys of q, for look-ups with "create: true". Nil if the kind cannot be made so.
	// It must have no second effect when called again.
	Create func(ctx context.Context, q Query) (map[string]Found, error)
	// Attributes that Found has.
	Attributes []string
}
