package imports

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"kontor.internal/libs/apperr"
)

// The formats of files.
const (
	formatCSV   = "csv"
	formatXLSX  = "xlsx"
	formatVCard = "vcard"
)

// rowReader gives the rows of a file, whatever its format.
type rowReader interface {
	// Read returns the next row that is not blank, or io.EOF. Any other error ends the reading; what is wrong with a
	// single row is in its Problem.
	Read() (Record, error)
	// done is which part of the file has been read, from 0 to 1.
	done() float64
}

// formatOf tells the format of a file by how it begins.
func formatOf(head []byte) (string, error) {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return formatXLSX, nil
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0")):
		return "", errWorkbook.Saying("this is an old workbook (.xls), or one with a password; save it as .xlsx without one and upload it again")
	}
	text := strings.TrimLeft(strings.ToUpper(string(bytes.TrimPrefix(head[:min(len(head), 256)], []byte("\xEF\xBB\xBF")))), " \r\n\t")
	if strings.HasPrefix(text, "BEGIN:VCARD") {
		return formatVCard, nil
	}
	return formatCSV, nil
}

// openFormat finds out the format of a file, unless as says it, and opens it with all but its header read. The source
// holds files until release is called.
func openFormat(s *source, f io.Reader, as Source, keep keeper) error {
	s.raw = &counter{r: f}
	in := bufio.NewReaderSize(s.raw, sniffed)
	head, err := in.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read file: %w", err)
	}
	format := as.Format
	if format == "" {
		if format, err = formatOf(head); err != nil {
			return err
		}
	}
	s.written.Format = format
	switch format {
	case formatXLSX:
		book, err := openWorkbook(in)
		if err != nil {
			return err
		}
		s.release, s.sheets = book.close, book.names()
		rows, err := book.rows(as.Sheet)
		if err != nil {
			return err
		}
		if s.written.Sheet == "" {
			s.written.Sheet = s.sheets[0]
		}
		s.rows = rows
		return nil
	case formatVCard:
		s.rows = newCards(in, s, as.Encoding, keep)
		return nil
	case formatCSV:
		return openText(s, in, as)
	}
	return apperr.Invalid("IMPORT_FORMAT_UNKNOWN", "the format "+clip(format)+" is not known; use csv, xlsx or vcard, or leave it out to have it detected")
}

// openText opens a file of rows of text.
func openText(s *source, f io.Reader, as Source) error {
	decoded, encoding, err := Decode(f, as.Encoding)
	if err != nil {
		return err
	}
	s.written.Encoding = encoding
	s.text = &counter{r: decoded}
	in := bufio.NewReaderSize(s.text, sniffed)
	if as.Delimiter == 0 {
		head, err := in.Peek(sniffed)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read file: %w", err)
		}
		s.written.Delimiter = detectDelimiter(head, as.Quote)
	}
	s.rows = &textRows{Reader: NewReader(in, s.written.Delimiter, as.Quote), source: s}
	return nil
}

// textRows are the rows of a file of text.
type textRows struct {
	*Reader

	source *source
}

func (t *textRows) done() float64 {
	s := t.source
	if s.size <= 0 || s.raw.n <= 0 || t.taken <= 0 {
		return 0
	}
	// Encodings differ in length from UTF-8; what was decoded so far tells by how much.
	return float64(t.taken) / (float64(s.size) * float64(s.text.n) / float64(s.raw.n))
}

// keeper stores the pictures of cards as files. They have a name of their own by what they hold, so that one that is read
// again, because the import goes on after a crash, is not stored again.
func (r *Runner) keeper(ctx context.Context, s state) keeper {
	if s.dryRun {
		return nil
	}
	return func(content []byte, contentType string) (string, error) {
		as, err := r.as(ctx, &s)
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(content)
		name := hex.EncodeToString(sum[:8])
		return r.Files.Save(as, "card-"+name, contentType, "import-"+s.id+"-"+name, bytes.NewReader(content))
	}
}
