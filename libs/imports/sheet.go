package imports

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// sheetReader reads the rows of a sheet. It keeps one row in memory.
type sheetReader struct {
	book *workbook
	part io.Closer
	in   *counter
	size int64 // of the sheet, unpacked
	xml  *xml.Decoder
	line int64
	// width is that of the first row: empty cells at the end of a row are not in the file.
	width int
}

// Read see [Reader.Read].
func (s *sheetReader) Read() (Record, error) {
	for {
		rec, err := s.row()
		if err != nil {
			return Record{}, err
		}
		if rec.blank() {
			continue
		}
		if s.width == 0 {
			s.width = len(rec.Cells)
		}
		for len(rec.Cells) < s.width {
			rec.Cells = append(rec.Cells, "")
		}
		return rec, nil
	}
}

// done is which part of the sheet has been read.
func (s *sheetReader) done() float64 {
	if s.size <= 0 {
		return 0
	}
	return min(1, float64(s.in.n)/float64(s.size))
}

// cell is a cell on its way: its kind, its style, and what stands in it.
type cell struct {
	column int
	kind   string
	style  int
	text   strings.Builder
	long   bool
}

func (s *sheetReader) row() (Record, error) {
	var rec Record
	var c *cell
	inRow, inValue := false, false
	for {
		tok, err := s.xml.RawToken()
		if errors.Is(err, io.EOF) {
			return Record{}, io.EOF
		}
		if err != nil {
			return Record{}, broken(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			switch tok.Name.Local {
			case "row":
				s.line++
				if n, err := strconv.ParseInt(attribute(tok, "r"), 10, 64); err == nil {
					s.line = n
				}
				rec, inRow = Record{Line: s.line}, true
			case "c":
				c = &cell{column: columnOf(attribute(tok, "r")), kind: attribute(tok, "t")}
				c.style, _ = strconv.Atoi(attribute(tok, "s")) // none is the first
				if c.column < 0 {
					c.column = len(rec.Cells)
				}
				if c.column >= maxCols || !inRow {
					return Record{}, errWorkbook
				}
			case "v", "t":
				inValue = c != nil
			}
		case xml.CharData:
			if inValue {
				if c.text.Len()+len(tok) > MaxCell {
					c.long = true
				} else {
					c.text.Write(tok)
				}
			}
		case xml.EndElement:
			switch tok.Name.Local {
			case "v", "t":
				inValue = false
			case "c":
				if err := s.put(&rec, c); err != nil {
					return Record{}, err
				}
				c = nil
			case "row":
				return rec, nil
			}
		}
	}
}

// put adds a cell to its row.
func (s *sheetReader) put(rec *Record, c *cell) error {
	text, err := s.value(c)
	if err != nil {
		return err
	}
	for len(rec.Cells) <= c.column {
		rec.Cells = append(rec.Cells, "")
	}
	if c.long || len(text) > MaxCell {
		text = strings.ToValidUTF8(text[:min(len(text), 1024)], "\uFFFD") + "…"
		rec.Problem = &Reject{
			Line: rec.Line, Field: "column " + strconv.Itoa(c.column+1), Reason: "CELL_TOO_LARGE",
			Message: "a cell holds more than " + strconv.Itoa(MaxCell) + " bytes. Shorten it and import the row again.",
		}
	}
	rec.Cells[c.column] = text
	return nil
}

// value is what stands in a cell: text as it is, numbers as they were typed, dates in ISO form, what formulas came to.
func (s *sheetReader) value(c *cell) (string, error) {
	raw := c.text.String()
	switch c.kind {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(raw))
		if err != nil || s.book.texts == nil {
			return "", errWorkbook
		}
		return s.book.texts.at(i)
	case "b":
		return strconv.FormatBool(raw == "1"), nil
	case "", "n":
		return s.number(raw, c.style), nil
	}
	return raw, nil
}

// number is a number as it is shown: a day where its style is one of dates. What is no number stays as it is.
func (s *sheetReader) number(raw string, style int) string {
	f, err := strconv.ParseFloat(strings.TrimSpace(raw), 64)
	if err != nil {
		return raw
	}
	if style >= 0 && style < len(s.book.dates) && s.book.dates[style] {
		if text, ok := serial(f, s.book.is1904); ok {
			return text
		}
	}
	return typed(f)
}

// typed is a number as a person has typed it: a double has about 15 digits that mean something, and files hold 17.
func typed(f float64) string {
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		short = f
	}
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// serial is a day counted from the end of 1899, or of 1903, in ISO form; below one it is a time of day.
func serial(f float64, is1904 bool) (string, bool) {
	const last = 2_958_466 // the first day of the year 10000
	if f < 0 || f >= last || math.IsNaN(f) {
		return "", false
	}
	seconds := math.Round(f * 24 * 60 * 60)
	days, rest := int(seconds/86_400), int(math.Mod(seconds, 86_400))
	if days == 0 && !is1904 {
		return time.Date(1900, 1, 1, 0, 0, rest, 0, time.UTC).Format(time.TimeOnly), true
	}
	base := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case is1904:
		base = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 61:
		base = base.AddDate(0, 0, 1) // the format takes 1900 for a leap year
	}
	t := base.AddDate(0, 0, days).Add(time.Duration(rest) * time.Second)
	if rest == 0 {
		return t.Format(time.DateOnly), true
	}
	return t.Format("2006-01-02T15:04:05"), true
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// columnOf is the column of a reference such as "AB12", from 0; -1 if there is none.
func columnOf(ref string) int {
	n := 0
	for _, r := range ref {
		if r < 'A' || r > 'Z' {
			break
		}
		if n = n*26 + int(r-'A') + 1; n > maxCols {
			break
		}
	}
	return n - 1
}
