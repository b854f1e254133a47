package imports

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"kontor.internal/libs/apperr"
)

// A workbook is read by hand, cell by cell: of each cell we need what was typed and whether it is a date, which readers
// that give the text as shown have lost, and the memory must not grow with the file.

// Limits of a workbook. Its parts are compressed, so a small file may hold more than any disk.
const (
	maxPart  = 4 << 30   // bytes of a part, unpacked
	maxRatio = 250       // times its packed size that a part may have
	anyRatio = 64 << 20  // bytes up to which the ratio does not matter
	maxCols  = 16_384    // columns of a sheet
	maxSmall = 16 << 20  // bytes of a part that is read as a whole
	maxFile  = 512 << 20 // bytes of a packed file
)

var (
	errWorkbook = apperr.Invalid("IMPORT_WORKBOOK_INVALID", "the workbook cannot be read; open it, save it as .xlsx without a password and upload it again")
	errBomb     = apperr.Invalid("IMPORT_FILE_TOO_LARGE", "the file holds more, unpacked, than can be imported; split it, or save it as CSV")
)

// workbook is an .xlsx file on the disk.
type workbook struct {
	file   *os.File
	zip    *zip.Reader
	sheets []sheet
	dates  []bool // by style: whether it shows a number as a date
	is1904 bool
	texts  *texts
}

type sheet struct{ name, part string }

// openWorkbook keeps the file on the disk, for a packed file cannot be read from front to back.
func openWorkbook(r io.Reader) (*workbook, error) {
	f, err := os.CreateTemp("", "kontor-import-*.xlsx")
	if err != nil {
		return nil, fmt.Errorf("keep workbook: %w", err)
	}
	w := &workbook{file: f}
	// Gone when it is closed, also if we are killed.
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("keep workbook: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		err = fmt.Errorf("read file: %w", err)
	case n > maxFile:
		err = errBomb
	default:
		err = w.index(n)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *workbook) close() {
	_ = w.file.Close() // it was only read
	if w.texts != nil {
		w.texts.close()
	}
}

// index reads what a sheet needs to be understood.
func (w *workbook) index(size int64) error {
	var err error
	if w.zip, err = zip.NewReader(w.file, size); err != nil {
		return errWorkbook.Because(err)
	}
	var book struct {
		Pr struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"id,attr"`
		} `xml:"sheets>sheet"`
	}
	var rels struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Type   string `xml:"Type,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := w.whole("xl/workbook.xml", &book); err != nil {
		return err
	}
	if err := w.whole("xl/_rels/workbook.xml.rels", &rels); err != nil {
		return err
	}
	w.is1904 = book.Pr.Date1904 == "1" || book.Pr.Date1904 == "true"
	parts := map[string]string{}
	styles, shared := "", ""
	for _, r := range rels.All {
		part := path.Join("xl", r.Target)
		if strings.HasPrefix(r.Target, "/") {
			part = r.Target[1:]
		}
		parts[r.ID] = part
		switch path.Base(r.Type) {
		case "styles":
			styles = part
		case "sharedStrings":
			shared = part
		}
	}
	for _, s := range book.Sheets {
		w.sheets = append(w.sheets, sheet{s.Name, parts[s.ID]})
	}
	if len(w.sheets) == 0 {
		return errWorkbook
	}
	if err := w.readStyles(styles); err != nil {
		return err
	}
	return w.readTexts(shared)
}

// part opens a part of the workbook; reading it fails if it unpacks to more than is sound.
func (w *workbook) part(name string) (io.ReadCloser, error) {
	for _, f := range w.zip.File {
		if f.Name != name {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			return nil, errWorkbook.Because(err)
		}
		return &sound{ReadCloser: rc, packed: int64(f.CompressedSize64)}, nil
	}
	return nil, errWorkbook.Because(fmt.Errorf("no part %s", name))
}

// sound reads a part that must not be a bomb.
type sound struct {
	io.ReadCloser

	packed, n int64
}

func (s *sound) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.n += int64(n)
	switch {
	case s.n > maxPart, s.n > anyRatio && s.n > maxRatio*s.packed:
		return n, errBomb
	case err != nil && !errors.Is(err, io.EOF):
		return n, errWorkbook.Because(err)
	}
	return n, err
}

func (w *workbook) whole(name string, into any) error {
	rc, err := w.part(name)
	if err != nil {
		return err
	}
	defer func() { _ = rc.Close() }() // it was only read
	if err := xml.NewDecoder(io.LimitReader(rc, maxSmall)).Decode(into); err != nil {
		return broken(err)
	}
	return nil
}

// broken keeps what we say ourselves and calls everything else a workbook that cannot be read.
func broken(err error) error {
	var known *apperr.Error
	if errors.As(err, &known) {
		return known
	}
	return errWorkbook.Because(err)
}

func (w *workbook) readStyles(name string) error {
	if name == "" {
		return nil
	}
	var styles struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := w.whole(name, &styles); err != nil {
		return err
	}
	custom := make(map[int]bool, len(styles.Formats))
	for _, f := range styles.Formats {
		custom[f.ID] = showsDate(f.Code)
	}
	w.dates = make([]bool, len(styles.Cells))
	for i, c := range styles.Cells {
		is, own := custom[c.Format]
		w.dates[i] = is || !own && builtInDate(c.Format)
	}
	return nil
}

// builtInDate reports whether a format that comes with the program, by number, shows a date.
func builtInDate(id int) bool {
	return id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58
}

// showsDate reports whether a format's code, such as "dd.mm.yyyy", shows a date.
func showsDate(code string) bool {
	skip := byte(0)
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case skip != 0:
			if c == skip {
				skip = 0
			}
		case c == '"':
			skip = '"'
		case c == '[':
			if i+1 < len(code) && strings.ContainsRune("hHmMsS", rune(code[i+1])) {
				return true // [h]:mm
			}
			skip = ']'
		case c == '\\', c == '_', c == '*':
			i++
		case strings.ContainsRune("yYmMdDhHsS", rune(c)):
			return true
		case c == ';':
			return false // the formats of negative numbers and of text say no more
		}
	}
	return false
}

// texts are the texts that cells share, on the disk.
type texts struct {
	file *os.File
	ends []int64
}

func (t *texts) close() { _ = t.file.Close() }

func (t *texts) at(i int) (string, error) {
	if i < 0 || i >= len(t.ends) {
		return "", errWorkbook
	}
	from := int64(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	b := make([]byte, min(t.ends[i]-from, MaxCell+1)) // a longer one is refused as a cell
	if _, err := t.file.ReadAt(b, from); err != nil {
		return "", fmt.Errorf("read kept texts: %w", err)
	}
	return string(b), nil
}

func (w *workbook) readTexts(name string) error {
	if name == "" {
		return nil
	}
	rc, err := w.part(name)
	if err != nil {
		return err
	}
	defer func() { _ = rc.Close() }() // it was only read
	f, err := os.CreateTemp("", "kontor-import-*.txt")
	if err != nil {
		return fmt.Errorf("keep texts: %w", err)
	}
	w.texts = &texts{file: f}
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("keep texts: %w", err)
	}
	out := bufio.NewWriterSize(f, 1<<16)
	d := xml.NewDecoder(bufio.NewReaderSize(rc, 1<<16))
	var end int64
	in, phonetic := false, false
	for {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil {
			return broken(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			in = tok.Name.Local == "t" && !phonetic
			phonetic = phonetic || tok.Name.Local == "rPh"
		case xml.EndElement:
			in = false
			switch tok.Name.Local {
			case "rPh":
				phonetic = false
			case "si":
				w.texts.ends = append(w.texts.ends, end)
			}
		case xml.CharData:
			if in {
				n, err := out.Write(tok)
				end += int64(n)
				if err != nil {
					return fmt.Errorf("keep texts: %w", err)
				}
			}
		}
	}
}

// names are those of the sheets.
func (w *workbook) names() []string {
	out := make([]string, len(w.sheets))
	for i, s := range w.sheets {
		out[i] = s.name
	}
	return out
}

// rows reads a sheet by its name, the first if that is empty.
func (w *workbook) rows(name string) (*sheetReader, error) {
	s := w.sheets[0]
	if name != "" {
		found := false
		for _, have := range w.sheets {
			if strings.EqualFold(have.name, name) {
				s, found = have, true
				break
			}
		}
		if !found {
			return nil, apperr.Invalid("IMPORT_SHEET_MISSING", "the workbook has no sheet "+strconv.Quote(name)+"; it has "+quotedList(w.names()))
		}
	}
	rc, err := w.part(s.part)
	if err != nil {
		return nil, err
	}
	var size int64
	for _, f := range w.zip.File {
		if f.Name == s.part {
			size = int64(f.UncompressedSize64)
		}
	}
	in := &counter{r: rc}
	return &sheetReader{book: w, part: rc, in: in, size: size, xml: xml.NewDecoder(bufio.NewReaderSize(in, 1<<16))}, nil
}
