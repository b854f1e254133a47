package imports

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxCell is the most bytes one cell may hold. A row with a larger one is rejected.
const MaxCell = 1 << 20

// maxRow bounds a row as a whole, so that a file without a single line feed cannot fill the memory.
const maxRow = 4 * MaxCell

// Record is one row of a file, as text.
type Record struct {
	// Line is the line of the file on which the row begins; the first line is 1.
	Line int64
	// Cells are the row's cells in order. They are cut short in a row that has a Problem.
	Cells []string
	// Problem says why the row cannot be read. Nil if it can.
	Problem *Reject
}

// blank reports whether there is nothing in the row.
func (r Record) blank() bool {
	for _, c := range r.Cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return r.Problem == nil
}

// Reader splits decoded text into records. It keeps one row in memory, never the file.
type Reader struct {
	in        *bufio.Reader
	delimiter byte
	quote     byte
	line      int64
	// taken counts the bytes of the rows read so far.
	taken int64

	// tail holds what was read after the first line feed inside the current row's quotes, so that reading can go on
	// there if the quote turns out never to have been closed.
	tail     []byte
	tailOver bool
	// pushed is read again before in.
	pushed []byte
}

// NewReader returns a Reader over UTF-8 text, as [Decode] gives it.
func NewReader(r io.Reader, delimiter, quote byte) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 64<<10), delimiter: delimiter, quote: quote, line: 1}
}

// Read returns the next record that is not blank, or io.EOF. Any other error comes from the source and ends the
// reading; what is wrong with a single row is in its Problem.
func (r *Reader) Read() (Record, error) {
	for {
		rec, err := r.record()
		if err != nil {
			return Record{}, err
		}
		if !rec.blank() {
			return rec, nil
		}
	}
}

func (r *Reader) next() (byte, error) {
	if len(r.pushed) > 0 {
		b := r.pushed[0]
		r.pushed = r.pushed[1:]
		r.taken++
		return b, nil
	}
	b, err := r.in.ReadByte()
	if err == nil {
		r.taken++
	}
	return b, err
}

func (r *Reader) peek() (byte, bool) {
	if len(r.pushed) > 0 {
		return r.pushed[0], true
	}
	b, err := r.in.Peek(1)
	if err != nil {
		return 0, false
	}
	return b[0], true
}

// plain reads a row without a quote in one go; it is the way nearly every row takes. It returns false if the row
// needs the careful way.
func (r *Reader) plain() (Record, bool) {
	if len(r.pushed) > 0 {
		return Record{}, false
	}
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || bytes.IndexByte(line, r.quote) >= 0 || (err != nil && len(line) == 0) {
		// ReadSlice has moved on: give the bytes back.
		r.pushed = append([]byte(nil), line...)
		return Record{}, false
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.pushed = append([]byte(nil), line...)
		return Record{}, false
	}
	rec := Record{Line: r.line}
	r.line++
	r.taken += int64(len(line))
	text := string(bytes.TrimRight(line, "\r\n"))
	if i := strings.IndexByte(text, '\r'); i >= 0 {
		// A lone carriage return ends a row too; rare enough for the careful way.
		r.line--
		r.taken -= int64(len(line))
		r.pushed = append([]byte(nil), line...)
		return Record{}, false
	}
	rec.Cells = strings.Split(text, string(r.delimiter))
	if !utf8.ValidString(text) {
		rec.Problem = badEncoding(rec.Line)
	}
	return rec, true
}

func (r *Reader) record() (Record, error) {
	if rec, ok := r.plain(); ok {
		return rec, nil
	}
	p := rowParser{r: r, rec: Record{Line: r.line}}
	r.tail, r.tailOver = r.tail[:0], false
	return p.parse()
}

// rowParser reads one row byte by byte.
type rowParser struct {
	r      *Reader
	rec    Record
	cell   []byte
	size   int // of the cell, which is kept only up to MaxCell
	total  int // of the row
	any    bool
	spread bool // a line feed was seen inside quotes
}

func (p *rowParser) add(b byte) {
	p.size++
	p.total++
	if p.size <= MaxCell && p.total <= maxRow {
		p.cell = append(p.cell, b)
	}
}

func (p *rowParser) endCell() {
	if p.rec.Problem == nil {
		switch {
		case p.size > MaxCell:
			p.rec.Problem = &Reject{
				Line: p.rec.Line, Field: "column " + strconv.Itoa(len(p.rec.Cells)+1), Reason: "CELL_TOO_LARGE",
				Message: "a cell holds " + strconv.Itoa(p.size) + " bytes; at most " + strconv.Itoa(MaxCell) + " are allowed. Shorten it and import the row again.",
			}
		case p.total > maxRow:
			p.rec.Problem = &Reject{
				Line: p.rec.Line, Reason: "ROW_TOO_LARGE",
				Message: "the row holds more than " + strconv.Itoa(maxRow) + " bytes. Check the delimiter and the line ends of the file.",
			}
		case !utf8.Valid(p.cell):
			p.rec.Problem = badEncoding(p.rec.Line)
		}
	}
	text := string(p.cell)
	if p.rec.Problem != nil && len(text) > 1024 {
		text = strings.ToValidUTF8(text[:1024], "\uFFFD") + "…"
	}
	p.rec.Cells = append(p.rec.Cells, text)
	p.cell, p.size = p.cell[:0], 0
}

func (p *rowParser) parse() (Record, error) {
	for {
		b, err := p.next()
		if errors.Is(err, io.EOF) {
			if !p.any {
				return Record{}, io.EOF
			}
			p.endCell()
			p.r.line++
			return p.rec, nil
		}
		if err != nil {
			return Record{}, err
		}
		first := p.size == 0
		p.any = true
		switch {
		case b == p.r.delimiter:
			p.endCell()
		case b == '\n', b == '\r':
			if b == '\r' {
				if n, ok := p.r.peek(); ok && n == '\n' {
					continue
				}
			}
			p.endCell()
			p.r.line++
			return p.rec, nil
		case b == p.r.quote && first:
			done, err := p.quoted()
			if done || err != nil {
				return p.rec, err
			}
		default:
			p.add(b)
		}
	}
}

// quoted reads a cell after its opening quote. It returns true if the row ended in a problem.
func (p *rowParser) quoted() (bool, error) {
	for {
		b, err := p.next()
		if errors.Is(err, io.EOF) {
			p.giveUp("QUOTE_UNCLOSED", "the quote opened in this row is never closed")
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if b != p.r.quote {
			if b == '\n' {
				p.r.line++
				p.spread = true
			}
			p.add(b)
			continue
		}
		n, ok := p.r.peek()
		switch {
		case ok && n == p.r.quote:
			_, _ = p.next() // doubled: stands for itself
			p.add(b)
		case !ok || n == p.r.delimiter || n == '\n' || n == '\r':
			return false, nil
		default:
			p.giveUp("QUOTE_MISPLACED", "text follows a closing quote; a quote inside a cell must be doubled")
			return true, nil
		}
	}
}

// next reads a byte and, once the row has spread over lines, remembers it.
func (p *rowParser) next() (byte, error) {
	b, err := p.r.next()
	if err != nil || !p.spread {
		return b, err
	}
	if len(p.r.tail) >= maxRow {
		p.r.tailOver = true
	} else {
		p.r.tail = append(p.r.tail, b)
	}
	return b, nil
}

// giveUp rejects the row and lets reading go on at the line after the one it began on.
func (p *rowParser) giveUp(reason, what string) {
	msg := what + ". Mend the quotes of line " + strconv.FormatInt(p.rec.Line, 10) + " and import the row again."
	if p.r.tailOver {
		msg += " The lines up to " + strconv.FormatInt(p.r.line, 10) + " were taken for part of it and not read."
	}
	p.size = min(p.size, MaxCell)
	p.endCell()
	p.rec.Problem = &Reject{Line: p.rec.Line, Reason: reason, Message: msg}
	for i, c := range p.rec.Cells {
		// What was swallowed is read again; it does not belong to this row.
		if j := strings.IndexByte(c, '\n'); j >= 0 {
			p.rec.Cells[i] = c[:j]
		}
	}
	if p.r.tailOver {
		p.skipLine()
		return
	}
	if !p.spread {
		p.skipLine()
		return
	}
	p.r.pushed = append(append([]byte(nil), p.r.tail...), p.r.pushed...)
	p.r.taken -= int64(len(p.r.tail))
	p.r.line = p.rec.Line + 1
}

func (p *rowParser) skipLine() {
	for {
		b, err := p.r.next()
		if err != nil || b == '\n' {
			p.r.line++
			return
		}
	}
}

func badEncoding(line int64) *Reject {
	return &Reject{
		Line: line, Reason: "ENCODING_INVALID",
		Message: "the row holds bytes that are no text in the file's encoding. Name the right one under source.encoding of the mapping, such as windows-1252.",
	}
}
