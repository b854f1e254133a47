// Package customfields is the fields that organisations add to their records (CON-12): their definitions, the checks on
// their values, and how lists are filtered and sorted by them.
//
// A service keeps the definitions in its own database ([Definitions]) and the values in a column of the record's row,
// as [Values] by key. Beside the row each value has an index row in custom_values, in one text form that sorts as the
// values do (key.go); filters, orders and the rule that a value is unique go by it. So adding a field is one row of
// definition: no table is altered, locked or scanned.
//
//	definitions ── Definitions.Of ──► Set ── Kind.Check ──► Values ──► the record's row
//	   (cached per organisation)       │                      └─ QueueRows ──► custom_values
//	                                   └─ Kind.Query ──► fields of the aip.Schema of a request
//
// What a definition sets off among the records that are there (comparing values of a field made unique, computing a
// formula) is done by a job ([Worker]) in small transactions, which may be killed and run again.
package customfields

import (
	"kontor.internal/libs/apperr"
)

// Limits of definitions.
const (
	// MaxFields is how many fields of a kind may be in use.
	MaxFields = 200
	// maxStored bounds retired fields as well.
	maxStored = 1000
	// maxString and maxText are the most characters of values.
	maxString = 1000
	maxText   = 20_000
	// maxChoices is how many choices a record may have of one field.
	maxChoices = 100
)

// EventKind is the kind of the events about definitions; their record is the field.
const EventKind = "custom-field"

// Failures of custom fields.
var (
	ErrKind = apperr.NotFound("CUSTOM_FIELD_KIND_UNKNOWN",
		"there is no such kind of record with custom fields; use lead, contact, company, deal or product")
	ErrNotFound = apperr.NotFound("CUSTOM_FIELD_NOT_FOUND", "custom field not found")
	ErrStale    = apperr.Conflict("CUSTOM_FIELD_ETAG_MISMATCH", "the field was changed by someone else; read it again")
	ErrInvalid  = apperr.Invalid("CUSTOM_FIELD_INVALID", "the definition is not valid; each field says what is expected")
	ErrKeyTaken = apperr.AlreadyExists("CUSTOM_FIELD_KEY_TAKEN",
		"another field of this kind, maybe a retired one, has this key; choose another or restore that field")
	ErrTooMany = apperr.TooMany("CUSTOM_FIELD_TOO_MANY", "a kind of record has at most 200 fields; retire one first")
	ErrInUse   = apperr.NotAllowedNow("CUSTOM_FIELD_IN_USE",
		"a formula or a condition of another field names this one; change that first")
	ErrOrder = apperr.Invalid("CUSTOM_FIELD_ORDER_INVALID", "name every field in use exactly once")

	// ErrValues names the custom fields of a record that cannot be taken.
	ErrValues = apperr.Invalid("CUSTOM_FIELDS_INVALID", "some custom fields are not valid; each says what is expected")
	// ErrTaken says that another record has a value that must be unique.
	ErrTaken = apperr.AlreadyExists("CUSTOM_FIELD_VALUE_TAKEN", "another record has this value of a custom field that must be unique")
)
