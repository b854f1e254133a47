package exports

import (
	"bufio"
	"slices"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/apperr"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// ErrFormat is the answer to cards of what no card can hold.
var ErrFormat = apperr.Invalid("EXPORT_FORMAT_UNFIT", "records of this kind cannot be written as cards; use csv or xlsx")

// PageSize is how many records exports read at a time.
const PageSize = 500

// Pages asks for one page of a list after the other, as lists are asked for.
type Pages struct {
	*typev1.ExportList

	token string
}

// GetPageSize see aip.Request.
func (Pages) GetPageSize() int32 { return PageSize }

// GetPageToken see aip.Request.
func (p Pages) GetPageToken() string { return p.token }

// Source is the list that is exported.
type Source struct {
	// Read returns the records of a page that the caller may take along, and the token of the next page; "" if it was the last.
	Read func(p Pages) (records []proto.Message, next string, err error)
	// Begin is called when nothing can be wrong with the request any more, before the first part is sent: it tells of the export.
	Begin func() error
}

// Send writes a list to its end, part by part. Nothing is kept: if the process is killed, or the caller goes away, there is
// nothing to tidy up, and the caller asks again. It returns ErrColumn, and what the source returns.
func Send(r Request, from Source, send func(*typev1.ExportPart) error) error {
	if r.List == nil {
		r.List = &typev1.ExportList{}
	}
	p := Pages{ExportList: r.List}
	records, next, err := from.Read(p) // tells of a filter that is none before anything is sent
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(sender(send), 64<<10)
	out, name, contentType, err := New(buf, r)
	if err != nil {
		return err
	}
	if err := from.Begin(); err != nil {
		return err
	}
	if err := send(&typev1.ExportPart{Name: name, ContentType: contentType}); err != nil {
		return err
	}
	for {
		for _, record := range records {
			r.Fields.Clear(record, r.Kind)
			if err := out.Write(record); err != nil {
				return err
			}
		}
		if next == "" {
			break
		}
		p.token = next
		if records, next, err = from.Read(p); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return buf.Flush()
}

// sender sends what is written to it.
type sender func(*typev1.ExportPart) error

// Write see io.Writer.
func (s sender) Write(p []byte) (int, error) {
	if err := s(&typev1.ExportPart{Data: slices.Clone(p)}); err != nil {
		return 0, err
	}
	return len(p), nil
}
