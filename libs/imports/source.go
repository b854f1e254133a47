package imports

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"kontor.internal/libs/apperr"
)

// errEmpty is a file without a row.
var errEmpty = apperr.Invalid("IMPORT_FILE_EMPTY", "the file holds no rows; check that the right one was uploaded")

// source is an opened file, standing before its first row of data.
type source struct {
	plan   *Plan
	header []string
	rows   *Reader
	first  *Record // the first row, if it is data and not the header
	// written says how the file is written, all of it.
	written Source
	close   func()

	// For the estimate: the file's size, what was taken of it, and what that came to as text.
	size      int64
	raw, text *counter
}

// counter counts the bytes that pass.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (r *Runner) open(ctx context.Context, m *Mapping, t Target, org, fileID string) (*source, error) {
	f, size, err := r.Files.Open(ctx, fileID)
	if err != nil {
		return nil, err
	}
	s, err := newSource(f, m, t, r.Locale(org))
	if err != nil {
		_ = f.Close() // the file was only read
		return nil, err
	}
	s.size = size
	s.close = func() { _ = f.Close() }
	return s, nil
}

// newSource finds out how the file is written and binds the mapping to its header.
func newSource(f io.Reader, m *Mapping, t Target, l Locale) (*source, error) {
	s, err := readHeader(f, m.Source, m.hasHeader)
	if err != nil {
		return nil, err
	}
	s.plan, err = m.Bind(t, s.header, l)
	return s, err
}

// readHeader finds out how the file is written, as far as as does not say it, and reads its header.
func readHeader(f io.Reader, as Source, hasHeader func(first Record) bool) (*source, error) {
	s := &source{raw: &counter{r: f}, written: as}
	decoded, encoding, err := Decode(s.raw, as.Encoding)
	if err != nil {
		return nil, err
	}
	s.written.Encoding = encoding
	s.text = &counter{r: decoded}
	in := bufio.NewReaderSize(s.text, sniffed)
	if as.Delimiter == 0 {
		head, err := in.Peek(sniffed)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read file: %w", err)
		}
		s.written.Delimiter = detectDelimiter(head, as.Quote)
	}
	s.rows = NewReader(in, s.written.Delimiter, as.Quote)
	first, err := s.rows.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errEmpty
	case err != nil:
		return nil, fmt.Errorf("read file: %w", err)
	}
	named := hasHeader(first)
	s.written.Header = &named
	if named {
		if first.Problem != nil {
			return nil, apperr.Invalid("IMPORT_HEADER_INVALID", "the header of the file cannot be read: "+first.Problem.Message)
		}
		s.header = headerNames(first.Cells)
	} else {
		s.first = &first
		s.header = make([]string, len(first.Cells))
		for i := range s.header {
			s.header[i] = strconv.Itoa(i + 1)
		}
	}
	return s, nil
}

// hasHeader reports whether the first row names the columns: by the mapping's word, else unless the mapping calls
// columns by number and the row has no such names.
func (m *Mapping) hasHeader(first Record) bool {
	if m.Source.Header != nil {
		return *m.Source.Header
	}
	for name := range m.columnNames() {
		if _, err := strconv.Atoi(name); err != nil || findColumn(headerNames(first.Cells), name) >= 0 {
			return true
		}
	}
	return false
}

// headerNames trims the names and makes them differ: a second "Phone" is "Phone (2)".
func headerNames(cells []string) []string {
	seen := map[string]int{}
	out := make([]string, len(cells))
	for i, c := range cells {
		c = strings.TrimSpace(c)
		if c == "" {
			c = strconv.Itoa(i + 1)
		}
		seen[c]++
		if n := seen[c]; n > 1 {
			c = fmt.Sprintf("%s (%d)", c, n)
		}
		out[i] = c
	}
	return out
}

// next returns the next row of data, or io.EOF.
func (s *source) next() (Record, error) {
	if s.first != nil {
		rec := *s.first
		s.first = nil
		return rec, nil
	}
	rec, err := s.rows.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return rec, fmt.Errorf("read file: %w", err)
	}
	return rec, err
}

// estimate returns how many rows the file has, by how much of it the rows so far have taken.
func (s *source) estimate(rows int64) int64 {
	if s.size <= 0 || s.raw.n <= 0 || s.rows.taken <= 0 {
		return 0
	}
	// Encodings differ in length from UTF-8; what was decoded so far tells by how much.
	text := float64(s.size) * float64(s.text.n) / float64(s.raw.n)
	return max(rows, int64(float64(rows)*text/float64(s.rows.taken)))
}
