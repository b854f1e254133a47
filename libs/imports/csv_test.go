package imports_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"kontor.internal/libs/imports"
)

func readAll(t *testing.T, text string, delimiter byte) []imports.Record {
	t.Helper()
	r := imports.NewReader(strings.NewReader(text), delimiter, '"')
	var out []imports.Record
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, rec)
	}
}

// CON-17: quotes, delimiters, blank lines, lines counted as an editor counts them.
func TestReaderSplitsRows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text      string
		delimiter byte
		want      []imports.Record
	}{
		"plain":                        {"a,b\nc,d\n", ',', []imports.Record{{Line: 1, Cells: []string{"a", "b"}}, {Line: 2, Cells: []string{"c", "d"}}}},
		"no line feed at the end":      {"a,b", ',', []imports.Record{{Line: 1, Cells: []string{"a", "b"}}}},
		"carriage returns":             {"a,b\r\nc,d\re,f\r\n", ',', []imports.Record{{Line: 1, Cells: []string{"a", "b"}}, {Line: 2, Cells: []string{"c", "d"}}, {Line: 3, Cells: []string{"e", "f"}}}},
		"blank lines are skipped":      {"a\n\n , \n\nb\n", ',', []imports.Record{{Line: 1, Cells: []string{"a"}}, {Line: 5, Cells: []string{"b"}}}},
		"quotes":                       {`"a,1","b ""x""",""` + "\n", ',', []imports.Record{{Line: 1, Cells: []string{"a,1", `b "x"`, ""}}}},
		"a quoted line feed":           {"\"a\nb\",c\nd,e\n", ',', []imports.Record{{Line: 1, Cells: []string{"a\nb", "c"}}, {Line: 3, Cells: []string{"d", "e"}}}},
		"a quote within plain text":    {"a\"b,c\n", ',', []imports.Record{{Line: 1, Cells: []string{`a"b`, "c"}}}},
		"semicolons":                   {"a;b,c\n", ';', []imports.Record{{Line: 1, Cells: []string{"a", "b,c"}}}},
		"an empty cell before the end": {"a,\nb,\n", ',', []imports.Record{{Line: 1, Cells: []string{"a", ""}}, {Line: 2, Cells: []string{"b", ""}}}},
		"nothing":                      {"", ',', nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, readAll(t, tc.text, tc.delimiter))
		})
	}
}

// CON-17: a quote never closed costs the row it is in, not the rest of the file.
func TestReaderRejectsBrokenQuotesAndGoesOn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, reason string }{
		"unclosed to the end":           {"a,b\n\"x,y\nc,d\ne,f\n", "QUOTE_UNCLOSED"},
		"closed by a later row's quote": {"a,b\n\"x,y\nc,d\ne,f\n", "QUOTE_UNCLOSED"},
		"text after the closing quote":  {"a,b\n\"x\"y,z\nc,d\ne,f\n", "QUOTE_MISPLACED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recs := readAll(t, tc.text, ',')
			require.Len(t, recs, 4)
			require.Equal(t, tc.reason, recs[1].Problem.Reason)
			require.EqualValues(t, 2, recs[1].Problem.Line)
			require.Equal(t, []string{"c", "d"}, recs[2].Cells)
			require.EqualValues(t, 3, recs[2].Line)
			require.EqualValues(t, 4, recs[3].Line)
		})
	}
	recs := readAll(t, "a,b\n\"x,y\nc,\"d\"\ne,f\n", ',')
	require.Len(t, recs, 4, "a later row's quotes close the open one, and are read again")
	require.Equal(t, "QUOTE_MISPLACED", recs[1].Problem.Reason)
	require.Equal(t, []string{"c", "d"}, recs[2].Cells)
}

// CON-17 "10 MB cell": the row is rejected, the next one is read.
func TestReaderRejectsHugeCells(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 10<<20)
	for name, text := range map[string]string{
		"plain":             "a,b\n1," + huge + "\n2,ok\n",
		"quoted":            "a,b\n1,\"" + huge + "\"\n2,ok\n",
		"quoted over lines": "a,b\n1,\"" + strings.ReplaceAll(huge, "xxxxxxxxxx", "xxxxxxxxx\n") + "\"\n2,ok\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recs := readAll(t, text, ',')
			require.Len(t, recs, 3)
			require.Equal(t, "CELL_TOO_LARGE", recs[1].Problem.Reason)
			require.EqualValues(t, 2, recs[1].Problem.Line)
			require.Contains(t, recs[1].Problem.Message, "10485760 bytes")
			require.Less(t, len(recs[1].Cells[1]), 2000, "what is kept of it is short")
			require.Equal(t, []string{"2", "ok"}, recs[2].Cells)
		})
	}
}

// CON-17: encodings are detected, and can be corrected in the mapping.
func TestDecodeDetectsEncodings(t *testing.T) {
	t.Parallel()
	western, cyrillic := "name,city\nJürgen Größe,Köln\n", "имя,город\nИван Петров,Москва\n"
	encode := func(text string, e interface{ Bytes([]byte) ([]byte, error) }) []byte {
		b, err := e.Bytes([]byte(text))
		require.NoError(t, err)
		return b
	}
	for name, tc := range map[string]struct {
		bytes      []byte
		want, is   string
		correction string
	}{
		"utf-8":                 {[]byte(western), western, "utf-8", ""},
		"utf-8 with mark":       {append([]byte("\xEF\xBB\xBF"), western...), western, "utf-8", ""},
		"utf-16le with mark":    {encode(western, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder()), western, "utf-16le", ""},
		"utf-16be with mark":    {encode(western, unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder()), western, "utf-16be", ""},
		"utf-16le without mark": {encode(western, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder()), western, "utf-16le", ""},
		"windows-1252":          {encode(western, charmap.Windows1252.NewEncoder()), western, "windows-1252", ""},
		"windows-1251":          {encode(cyrillic, charmap.Windows1251.NewEncoder()), cyrillic, "windows-1251", ""},
		"koi8-r by the mapping": {encode(cyrillic, charmap.KOI8R.NewEncoder()), cyrillic, "koi8-r", "koi8-r"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, is, err := imports.Decode(bytes.NewReader(tc.bytes), tc.correction)
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
			require.Equal(t, tc.is, is)
		})
	}
	_, _, err := imports.Decode(strings.NewReader("a"), "klingon")
	require.ErrorContains(t, err, "IMPORT_ENCODING_UNKNOWN")
}

// CON-17: bytes that are no text in the file's encoding cost the row, not the file.
func TestReaderRejectsWrongEncoding(t *testing.T) {
	t.Parallel()
	recs := readAll(t, "a,b\nJ\xfcrgen,x\n\"K\xf6ln\",y\nc,d\n", ',')
	require.Len(t, recs, 4)
	require.Equal(t, "ENCODING_INVALID", recs[1].Problem.Reason)
	require.Equal(t, "ENCODING_INVALID", recs[2].Problem.Reason)
	require.Nil(t, recs[3].Problem)
}

// FuzzReader: whatever the bytes, reading ends, lines never go back and no row is larger than allowed.
func FuzzReader(f *testing.F) {
	f.Add("a,b\n\"x,y\nc,\"d\"\ne,f\n")
	f.Add("\"\r\n\"\"\",\r")
	f.Fuzz(func(t *testing.T, text string) {
		r := imports.NewReader(strings.NewReader(text), ',', '"')
		var last int64
		for range len(text) + 1 {
			rec, err := r.Read()
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				return
			}
			require.Greater(t, rec.Line, last)
			last = rec.Line
		}
		t.Fatal("the reader gave more rows than the text has bytes")
	})
}
