package imports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A file of vCards is read like one of rows: each card is a row, and the columns are always the same. It is read by hand
// and not by a library, for those there are do not know version 2.1 with its quoted-printable text, lose the place in
// the file at the first card that is broken, and keep photographs in memory.

// maxCard is the most bytes a card may have. A larger one is rejected.
const maxCard = 16 << 20

// The columns of cards.
const (
	cardPrefix = iota
	cardFirst
	cardMiddle
	cardLast
	cardCompany
	cardTitle
	cardBirthday
	cardLanguage
	cardPhones
	cardEmails
	cardSites
	cardAddresses
	cardPhoto
	cardComment
)

// cardColumns are the names of the columns, which are also the fields they are proposed for.
func cardColumns() []string {
	return []string{
		"honorific", "first_name", "middle_name", "last_name", "company_name", "position", "birthday", "language", "phones",
		"emails", "sites", "addresses", "photo", "comment",
	}
}

// keeper stores what a card holds as bytes, such as a photograph, and returns the ID of the file; nil in a preview, which
// keeps nothing.
type keeper func(content []byte, contentType string) (fileID string, err error)

// cards reads a file of vCards. It keeps one card in memory.
type cards struct {
	in       *bufio.Reader
	source   *source
	encoding string
	keep     keeper
	line     int64
	header   bool
	// ahead is a line that was read and belongs to what follows.
	ahead   []byte
	isAhead bool
}

func newCards(in *bufio.Reader, s *source, encoding string, keep keeper) *cards {
	return &cards{in: in, source: s, encoding: encoding, keep: keep}
}

func (c *cards) done() float64 {
	if c.source.size <= 0 {
		return 0
	}
	return min(1, float64(c.source.raw.n)/float64(c.source.size))
}

// nextLine returns the next line without its end; long lines are cut, for such a card is rejected anyway.
func (c *cards) nextLine() ([]byte, error) {
	if c.isAhead {
		c.isAhead = false
		return c.ahead, nil
	}
	var line []byte
	for {
		part, err := c.in.ReadSlice('\n')
		if len(line) <= maxCard {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
		case err != nil:
			return nil, err
		}
		c.line++
		return bytes.TrimRight(line, "\r\n"), nil
	}
}

func (c *cards) back(line []byte) { c.ahead, c.isAhead = line, true }

func is(line []byte, what string) bool { return strings.EqualFold(string(bytes.TrimSpace(line)), what) }

const (
	beginCard = "BEGIN:VCARD"
	endCard   = "END:VCARD"
)

// Read see [rowReader]; the first row is the header.
func (c *cards) Read() (Record, error) {
	if !c.header {
		c.header = true
		return Record{Cells: cardColumns()}, nil
	}
	var line []byte
	var err error
	for len(bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF")))) == 0 {
		if line, err = c.nextLine(); err != nil {
			return Record{}, err
		}
	}
	line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
	rec := Record{Line: c.line, Cells: make([]string, len(cardColumns()))}
	if !is(line, beginCard) {
		return c.stray(rec, line)
	}
	lines, problem, err := c.body()
	if err != nil {
		return Record{}, err
	}
	if problem != nil {
		problem.Line = rec.Line
		rec.Problem = problem
		rec.Cells[cardComment] = raw(lines)
		return rec, nil
	}
	return c.card(rec, lines)
}

// stray takes what stands between cards and belongs to none.
func (c *cards) stray(rec Record, line []byte) (Record, error) {
	lines := [][]byte{line}
	for size := len(line); size < maxCard; {
		next, err := c.nextLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Record{}, err
		}
		if is(next, beginCard) {
			c.back(next)
			break
		}
		size += len(next) + 1
		lines = append(lines, next)
	}
	rec.Cells[cardComment] = raw(lines)
	rec.Problem = &Reject{
		Line: rec.Line, Reason: "NOT_A_CARD", Message: "what stands here belongs to no card; a card begins with BEGIN:VCARD and ends with END:VCARD",
	}
	return rec, nil
}

// body returns the lines of a card up to its end.
func (c *cards) body() (lines [][]byte, problem *Reject, err error) {
	unclosed := &Reject{Reason: "CARD_UNCLOSED", Message: "the card has no END:VCARD; complete it and import it again"}
	size, depth := 0, 0
	for {
		line, err := c.nextLine()
		switch {
		case errors.Is(err, io.EOF):
			return lines, unclosed, nil
		case err != nil:
			return nil, nil, fmt.Errorf("read file: %w", err)
		case is(line, beginCard):
			// The card of an agent stands within the card, after a line that says so.
			if n := len(lines); n == 0 || !strings.HasPrefix(strings.ToUpper(string(lines[n-1])), "AGENT") {
				c.back(line)
				return lines, unclosed, nil
			}
			depth++
		case is(line, endCard):
			if depth == 0 {
				if size > maxCard {
					return nil, &Reject{Reason: "CARD_TOO_LARGE", Message: fmt.Sprintf("the card holds more than %d bytes; take the pictures out and import it again", maxCard)}, nil
				}
				return lines, nil, nil
			}
			depth--
		}
		if size += len(line) + 1; size <= maxCard {
			if depth > 0 || is(line, endCard) {
				line = append([]byte(" \n"), line...) // part of the agent's property, line by line
			}
			lines = append(lines, line)
		}
	}
}

func raw(lines [][]byte) string {
	text := strings.ToValidUTF8(string(bytes.Join(lines, []byte("\n"))), "\uFFFD")
	if len(text) > 4096 {
		text = strings.ToValidUTF8(text[:4096], "") + "…"
	}
	return text
}

// unfold puts lines that were broken together again, and decodes them.
func (c *cards) unfold(lines [][]byte) []string {
	var out []string
	quoted, packed := false, false
	for _, line := range lines {
		n := len(out) - 1
		text := c.decode(line)
		switch {
		case n >= 0 && quoted && strings.HasSuffix(out[n], "="):
			out[n] = strings.TrimSuffix(out[n], "=") + strings.TrimLeft(text, " \t")
		case n >= 0 && len(text) > 0 && (text[0] == ' ' || text[0] == '\t'):
			out[n] += text[1:]
		case n >= 0 && packed && text != "" && !strings.ContainsAny(text, ":;"):
			out[n] += text // base64 that was broken without a space
		case strings.TrimSpace(text) == "":
			packed = false
		default:
			out = append(out, text)
			head, _, _ := strings.Cut(strings.ToUpper(text), ":")
			quoted = strings.Contains(head, "QUOTED-PRINTABLE")
			packed = strings.Contains(head, "BASE64") || strings.Contains(head, "ENCODING=B")
		}
	}
	return out
}

// decode returns a line as UTF-8. Within quoted-printable there are bytes of the property's own character set, which are
// decoded later.
func (c *cards) decode(line []byte) string {
	name := c.encoding
	if name == "" || strings.EqualFold(name, "auto") {
		if utf8.Valid(line) {
			return string(line)
		}
		name = detectEncoding(line)
		if i := bytes.Index(bytes.ToUpper(line), []byte("CHARSET=")); i >= 0 {
			own, _, _ := bytes.Cut(line[i+len("CHARSET="):], []byte(":"))
			own, _, _ = bytes.Cut(own, []byte(";"))
			name = string(own)
		}
	}
	return inEncoding(line, name)
}

// inEncoding decodes text; of an encoding that is not known what is no UTF-8 is replaced.
func inEncoding(b []byte, name string) string {
	enc, err := encodingByName(name)
	if err == nil && enc != nil {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return string(out)
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
