package imports

import (
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
	rows   rowReader
	first  *Record // the first row, if it is data and not the header
	// written says how the file is written, all of it, and sheets which there are.
	written Source
	sheets  []string
	// recognized is the program that has written the file, if it is known.
	recognized string
	close      func()
	// release gives back what was kept on the disk.
	release func()

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

func (r *Runner) open(ctx context.Context, m *Mapping, t Target, org, fileID string, keep keeper) (*source, error) {
	f, size, err := r.Files.Open(ctx, fileID)
	if err != nil {
		return nil, err
	}
	s, err := newSource(f, m, t, r.Locale(org), keep)
	if err != nil {
		_ = f.Close() // the file was only read
		return nil, err
	}
	s.size = size
	s.close = func() {
		_ = f.Close()
		s.release()
	}
	return s, nil
}

// newSource finds out how the file is written and binds the mapping to its header.
func newSource(f io.Reader, m *Mapping, t Target, l Locale, keep keeper) (*source, error) {
	s, err := readHeader(f, m.Source, m.hasHeader, keep)
	if err != nil {
		return nil, err
	}
	if s.plan, err = m.Bind(t, s.header, l); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// readHeader finds out how the file is written, as far as as does not say it, and reads its header. The caller releases
// the source.
func readHeader(f io.Reader, as Source, hasHeader func(first Record) bool, keep keeper) (*source, error) {
	s := &source{written: as, release: func() {}}
	err := openFormat(s, f, as, keep)
	if err == nil {
		err = s.readHeader(hasHeader)
	}
	if err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *source) readHeader(hasHeader func(first Record) bool) error {
	first, err := s.rows.Read()
	switch {
	case errors.Is(err, io.EOF):
		return errEmpty
	case err != nil:
		return fmt.Errorf("read file: %w", err)
	}
	named := s.written.Format == formatVCard || hasHeader(first)
	s.written.Header = &named
	if named {
		if first.Problem != nil {
			return apperr.Invalid("IMPORT_HEADER_INVALID", "the header of the file cannot be read: "+first.Problem.Message)
		}
		s.header = headerNames(first.Cells)
	} else {
		s.first = &first
		s.header = make([]string, len(first.Cells))
		for i := range s.header {
			s.header[i] = strconv.Itoa(i + 1)
		}
	}
	return nil
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
	done := s.rows.done()
	if done <= 0 {
		return 0
	}
	return max(rows, int64(float64(rows)/done))
}
