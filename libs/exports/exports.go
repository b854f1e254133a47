// Package exports writes records as files: rows of text, workbooks, cards. Nothing is kept but the record at hand, so the
// memory does not grow with the list.
//
//	pages of records ──► Table.Row: text by column ──► Writer ──► parts of bytes
//
// A record is a message of the API, so every field that the API has can be a column, the organisation's own fields too.
package exports

import (
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/fieldrules"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// ErrColumn is a column that records of the kind do not have.
var ErrColumn = apperr.Invalid("EXPORT_COLUMN_UNKNOWN", "records of this kind have no such column")

// Writer writes records one after the other.
type Writer interface {
	// Write adds a record.
	Write(record proto.Message) error
	// Close writes what stands at the end. It does not close what is written to.
	Close() error
}

// Names replace the IDs in some fields by what people call them, by field and ID; an ID that is not there stays.
type Names func(field, id string) string

// CustomColumn is one of the organisation's own fields.
type CustomColumn struct {
	Key string
	// Text returns what stands in the cell for a value that is an ID: of a choice, of a user. Nil if values stand for themselves.
	Text func(value string) string
}

// Request is an export of records of one kind.
type Request struct {
	// Kind of record, such as "contact".
	Kind string
	// Like is any message of the kind.
	Like proto.Message
	// Custom are the organisation's own fields, in their order.
	Custom []CustomColumn
	// Names of what records lead to; nil if there are none.
	Names Names
	// Zone in which times are written; UTC if nil.
	Zone *time.Location
	// Fields are the rules of whoever takes the records along: what they hide is in no column and on no card.
	Fields fieldrules.Rules
	// List is what was asked for.
	List *typev1.ExportList
	// Time is when.
	Time time.Time
}

// New returns a writer to w, with the name and the type of the file. It returns ErrColumn.
func New(w io.Writer, r Request) (out Writer, name, contentType string, err error) {
	name = fmt.Sprintf("%s-%s", r.Kind, r.Time.Format(time.DateOnly))
	if r.List.GetFormat() == typev1.ExportFormat_EXPORT_FORMAT_VCARD {
		return &cards{w: w, names: r.Names}, name + ".vcf", "text/vcard; charset=utf-8", nil
	}
	t, err := newTable(r)
	if err != nil {
		return nil, "", "", err
	}
	if r.List.GetFormat() == typev1.ExportFormat_EXPORT_FORMAT_XLSX {
		b, err := newBook(w, t, r.Kind)
		return b, name + ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", err
	}
	c, err := newCSV(w, t, r.List)
	return c, name + ".csv", "text/csv; charset=utf-8", err
}
