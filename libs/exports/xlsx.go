package exports

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
)

// The most that a workbook may hold (ECMA-376): rows of a sheet, characters of a cell.
const (
	maxRows  = 1_048_576
	maxChars = 32_767
)

// book writes a workbook as it goes: a sheet is a part of the packed file, and what lists the sheets comes last. A text
// is always a text there, so none can be taken for a formula.
type book struct {
	zip    *zip.Writer
	sheet  *bufio.Writer
	table  *table
	cells  []cell
	name   string
	sheets int
	rows   int
}

func newBook(w io.Writer, t *table, name string) (*book, error) {
	b := &book{zip: zip.NewWriter(w), table: t, cells: make([]cell, len(t.columns)), name: name}
	return b, b.next()
}

const (
	xmlHead  = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainNS   = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	relsNS   = `xmlns="http://schemas.openxmlformats.org/package/2006/relationships"`
	officeNS = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
)

// next begins a sheet with its header.
func (b *book) next() error {
	if err := b.endSheet(); err != nil {
		return err
	}
	b.sheets++
	w, err := b.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", b.sheets))
	if err != nil {
		return err
	}
	b.sheet, b.rows = bufio.NewWriterSize(w, 1<<16), 0
	_, _ = b.sheet.WriteString(xmlHead + `<worksheet ` + mainNS + `><sheetData>`) // errors stay until Flush
	for i, h := range b.table.header() {
		b.cells[i] = cell{text: h}
	}
	return b.row()
}

func (b *book) endSheet() error {
	if b.sheet == nil {
		return nil
	}
	_, _ = b.sheet.WriteString(`</sheetData></worksheet>`) // told by Flush
	return b.sheet.Flush()
}

// Write see [Writer].
func (b *book) Write(record proto.Message) error {
	if b.rows == maxRows {
		if err := b.next(); err != nil {
			return err
		}
	}
	b.table.row(record, b.cells)
	return b.row()
}

func (b *book) row() error {
	b.rows++
	_, _ = fmt.Fprintf(b.sheet, `<row r="%d">`, b.rows)
	for _, c := range b.cells {
		switch {
		case c.text == "":
			_, _ = b.sheet.WriteString(`<c/>`)
		case c.number:
			_, _ = b.sheet.WriteString(`<c><v>` + c.text + `</v></c>`)
		default:
			_, _ = b.sheet.WriteString(`<c t="inlineStr"><is><t xml:space="preserve">`)
			if err := xml.EscapeText(b.sheet, []byte(fitting(c.text))); err != nil {
				return err
			}
			_, _ = b.sheet.WriteString(`</t></is></c>`)
		}
	}
	_, err := b.sheet.WriteString(`</row>`)
	return err
}

// fitting cuts a text that no cell can hold.
func fitting(s string) string {
	if len(s) <= maxChars || utf8.RuneCountInString(s) <= maxChars {
		return s
	}
	return string([]rune(s)[:maxChars-1]) + "…"
}

// Close see [Writer].
func (b *book) Close() error {
	if err := b.endSheet(); err != nil {
		return err
	}
	var sheets, rels, types strings.Builder
	for i := 1; i <= b.sheets; i++ {
		name := b.name
		if i > 1 {
			name = fmt.Sprintf("%s %d", b.name, i)
		}
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, name, i, i)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, i, officeNS, i)
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, i)
	}
	for _, part := range [][2]string{
		{"xl/workbook.xml", `<workbook ` + mainNS + ` xmlns:r="` + officeNS + `"><sheets>` + sheets.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships ` + relsNS + `>` + rels.String() + `</Relationships>`},
		{"_rels/.rels", `<Relationships ` + relsNS + `><Relationship Id="rId1" Type="` + officeNS + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` + types.String() + `</Types>`},
	} {
		w, err := b.zip.Create(part[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, xmlHead+part[1]); err != nil {
			return err
		}
	}
	return b.zip.Close()
}
