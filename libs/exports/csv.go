package exports

import (
	"encoding/csv"
	"io"
	"strings"

	"google.golang.org/protobuf/proto"

	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// textFile writes CSV. Lines end with a line feed alone: with two signs the writer would change those within cells too.
type textFile struct {
	out   *csv.Writer
	table *table
	cells []cell
	line  []string
}

func newCSV(w io.Writer, t *table, l *typev1.ExportList) (*textFile, error) {
	if l.GetByteOrderMark() {
		if _, err := io.WriteString(w, "\xEF\xBB\xBF"); err != nil {
			return nil, err
		}
	}
	f := &textFile{out: csv.NewWriter(w), table: t, cells: make([]cell, len(t.columns)), line: make([]string, len(t.columns))}
	switch l.GetDelimiter() {
	case ";":
		f.out.Comma = ';'
	case "tab":
		f.out.Comma = '\t'
	}
	return f, f.out.Write(t.header())
}

// Write see [Writer].
func (f *textFile) Write(record proto.Message) error {
	f.table.row(record, f.cells)
	for i, c := range f.cells {
		f.line[i] = c.text
		if !c.number {
			f.line[i] = Harmless(c.text)
		}
	}
	return f.out.Write(f.line)
}

// Close see [Writer].
func (f *textFile) Close() error {
	f.out.Flush()
	return f.out.Error()
}

// Harmless returns a text that no spreadsheet takes for a formula: one that begins like a formula gets a quote before it.
// A number, such as that of a telephone, stays as it is: +, -, digits and spaces make nothing but a number.
func Harmless(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return s
	}
	if (s[0] == '+' || s[0] == '-') && len(s) > 1 && strings.Trim(s[1:], "0123456789 .") == "" {
		return s
	}
	return "'" + s
}
