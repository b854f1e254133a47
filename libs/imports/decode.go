package imports

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"kontor.internal/libs/apperr"
)

// sniffed is how much of a file is looked at to find out how it is written.
const sniffed = 64 << 10

// Decode returns the text of a file as UTF-8 without a byte order mark, and the name of its encoding. An empty name
// or "auto" has it detected: a byte order mark, UTF-8, UTF-16 by its zero bytes, else windows-1251 or windows-1252 by
// how the letters beyond ASCII stand together. It returns IMPORT_ENCODING_UNKNOWN for a name it does not know.
func Decode(r io.Reader, name string) (io.Reader, string, error) {
	in := bufio.NewReaderSize(r, sniffed)
	head, err := in.Peek(sniffed)
	if err != nil && len(head) == 0 && err != io.EOF { //nolint:errorlint // Peek returns io.EOF bare.
		return nil, "", fmt.Errorf("read file: %w", err)
	}
	if name == "" || strings.EqualFold(name, "auto") {
		name = detectEncoding(head)
	}
	enc, err := encodingByName(name)
	if err != nil {
		return nil, "", err
	}
	if enc == nil {
		if bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")) {
			_, _ = in.Discard(3)
		}
		return in, "utf-8", nil
	}
	return transform.NewReader(in, enc.NewDecoder()), strings.ToLower(name), nil
}

// encodingByName returns nil for UTF-8, which needs no decoding.
func encodingByName(name string) (encoding.Encoding, error) {
	switch strings.ToLower(strings.ReplaceAll(name, "_", "-")) {
	case "utf-8", "utf8":
		return nil, nil //nolint:nilnil // nil is UTF-8, said above.
	case "utf-16":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), nil
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), nil
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM), nil
	case "windows-1252", "cp1252", "latin1", "iso-8859-1":
		return charmap.Windows1252, nil
	case "windows-1251", "cp1251":
		return charmap.Windows1251, nil
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		return nil, apperr.Invalid("IMPORT_ENCODING_UNKNOWN",
			fmt.Sprintf("the encoding %q is not known; use utf-8, utf-16, windows-1252, windows-1251 or leave it out to have it detected", name))
	}
	return enc, nil
}

func detectEncoding(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		return "utf-8"
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		return "utf-16le"
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		return "utf-16be"
	}
	if name := detectUTF16(head); name != "" {
		return name
	}
	if validPrefix(head) {
		return "utf-8"
	}
	// In Cyrillic text letters beyond ASCII stand side by side; in a western one an accented letter mostly has plain
	// ones around it.
	var high, paired int
	for i, b := range head {
		if b < 0xC0 {
			continue
		}
		high++
		if (i > 0 && head[i-1] >= 0xC0) || (i+1 < len(head) && head[i+1] >= 0xC0) {
			paired++
		}
	}
	if high > 0 && paired*2 > high {
		return "windows-1251"
	}
	return "windows-1252"
}

func detectUTF16(head []byte) string {
	var even, odd int
	for i, b := range head {
		if b != 0 {
			continue
		}
		if i%2 == 0 {
			even++
		} else {
			odd++
		}
	}
	switch quarter := len(head) / 4; {
	case len(head) < 4:
		return ""
	case odd > quarter && even < quarter/8:
		return "utf-16le"
	case even > quarter && odd < quarter/8:
		return "utf-16be"
	}
	return ""
}

// validPrefix reports whether head is UTF-8, the last character of which may have been cut.
func validPrefix(head []byte) bool {
	for cut := 0; cut < utf8.UTFMax && cut <= len(head); cut++ {
		if utf8.Valid(head[:len(head)-cut]) {
			return cut == 0 || len(head) == sniffed
		}
	}
	return false
}

// detectDelimiter picks, of comma, semicolon, tab and bar, the one that stands equally often in the first lines.
func detectDelimiter(head []byte, quote byte) byte {
	best, bestScore := byte(','), 0
	for _, d := range []byte{',', ';', '\t', '|'} {
		r := NewReader(bytes.NewReader(head), d, quote)
		var cells, same, rows int
		for rows < 20 {
			rec, err := r.Read()
			if err != nil {
				break
			}
			rows++
			if rows == 1 {
				cells = len(rec.Cells)
			}
			if len(rec.Cells) == cells && rec.Problem == nil {
				same++
			}
		}
		if cells < 2 || rows == 0 {
			continue
		}
		// Evenness first, then the number of columns.
		if score := same*1000/rows + min(cells, 99); score > bestScore {
			best, bestScore = d, score
		}
	}
	return best
}
