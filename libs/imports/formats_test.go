package imports_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/imports"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// book makes a workbook of its parts.
func book(t *testing.T, parts map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range parts {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.String()
}

func parts(sheet string) map[string]string {
	return map[string]string{
		"xl/workbook.xml": `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
			<sheets><sheet name="Notes" sheetId="1" r:id="rId1"/><sheet name="Things" sheetId="2" r:id="rId2"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
			<Relationship Id="rId1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/>
			<Relationship Id="rId2" Type="http://x/worksheet" Target="/xl/worksheets/sheet2.xml"/>
			<Relationship Id="rId3" Type="http://x/styles" Target="styles.xml"/>
			<Relationship Id="rId4" Type="http://x/sharedStrings" Target="sharedStrings.xml"/></Relationships>`,
		"xl/styles.xml": `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="dd\.mm\.yyyy"/><numFmt numFmtId="165" formatCode="0.00&quot; days&quot;"/></numFmts>
			<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="22"/><xf numFmtId="165"/></cellXfs></styleSheet>`,
		"xl/sharedStrings.xml":     `<sst><si><t>name</t></si><si><r><t>Ri</t></r><r><t>ch</t></r><rPh><t>no</t></rPh></si></sst>`,
		"xl/worksheets/sheet1.xml": `<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>nothing</t></is></c></row></sheetData></worksheet>`,
		"xl/worksheets/sheet2.xml": `<worksheet><sheetData>` + sheet + `</sheetData></worksheet>`,
	}
}

func (w *world) look(t *testing.T, content string, source *typev1.ImportSource) (*typev1.ImportPreview, error) {
	t.Helper()
	w.files.content["f"] = content
	return w.runner.Preview(t.Context(), imports.PreviewRequest{Organization: w.org, Kind: "thing", FileID: "f", Source: source})
}

// CON-17: of a workbook the sheet can be chosen; numbers are as typed, dates in ISO form, formulas what they came to.
func TestWorkbooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const sheet = `<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="str"><v>size</v></c><c r="D2" t="inlineStr"><is><t>when</t></is></c><c r="E2" t="inlineStr"><is><t>at</t></is></c><c r="F2" t="inlineStr"><is><t>x</t></is></c></row>
		<row r="3"/>
		<row r="5"><c r="A5" t="s"><v>1</v></c><c r="B5"><f>SUM(1,2)</f><v>3</v></c><c r="D5" s="1"><v>43831</v></c><c r="E5" s="2"><v>43831.520833333336</v></c><c r="F5" s="3"><v>0.10000000000000001</v></c></row>
		<row r="6"><c r="A6" t="b"><v>1</v></c><c r="B6"><v>4.9151123456780001E12</v></c><c r="F6" t="e"><v>#N/A</v></c></row>`
	p, err := w.look(t, book(t, parts(sheet)), &typev1.ImportSource{Sheet: "things"})
	require.NoError(t, err)
	require.Equal(t, "xlsx", p.GetSource().GetFormat())
	require.Equal(t, []string{"Notes", "Things"}, p.GetSource().GetSheets())
	require.Equal(t, []string{"name", "size", "3", "when", "at", "x"}, p.GetColumns())
	require.Len(t, p.GetRows(), 2)
	require.EqualValues(t, 5, p.GetRows()[0].GetLine())
	require.Equal(t, []string{"Rich", "3", "", "2020-01-01", "2020-01-01T12:30:00", "0.1"}, p.GetRows()[0].GetCells())
	require.Equal(t, []string{"true", "4915112345678", "", "", "", "#N/A"}, p.GetRows()[1].GetCells())
	require.Contains(t, p.GetMapping(), "sheet: things")

	_, err = w.look(t, book(t, parts(sheet)), &typev1.ImportSource{Sheet: "None"})
	require.Equal(t, "IMPORT_SHEET_MISSING", apperr.Reason(err))
	p, err = w.look(t, book(t, parts(sheet)), nil)
	require.NoError(t, err)
	require.Equal(t, "Notes", p.GetSource().GetSheet())
}

// Issue, bad input: what is no workbook, or unpacks to more than is sound, is refused at once with what to do.
func TestWorkbooksThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bomb := parts("")
	bomb["xl/sharedStrings.xml"] = "<sst><si><t>" + strings.Repeat(" ", 80<<20) + "</t></si></sst>"
	missing := parts("")
	delete(missing, "xl/worksheets/sheet1.xml")
	for name, tt := range map[string]struct{ content, reason string }{
		"bomb":          {book(t, bomb), "IMPORT_FILE_TOO_LARGE"},
		"cut off":       {book(t, parts(""))[:900], "IMPORT_WORKBOOK_INVALID"},
		"another zip":   {book(t, map[string]string{"a": "b"}), "IMPORT_WORKBOOK_INVALID"},
		"sheet missing": {book(t, missing), "IMPORT_WORKBOOK_INVALID"},
		"old":           {"\xD0\xCF\x11\xE0 old", "IMPORT_WORKBOOK_INVALID"},
	} {
		_, err := w.look(t, tt.content, nil)
		require.Equal(t, tt.reason, apperr.Reason(err), name)
	}
}

// Issue, bad input: 200 columns, mixed encodings, a quote that is never closed, a file that ends in the middle of a row.
func TestFilesWithDirt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var head, row []string
	for i := range 200 {
		head, row = append(head, fmt.Sprint("column ", i)), append(row, strconv.Itoa(i))
	}
	head[150], row[150] = "name", "wide"
	p, err := w.look(t, strings.Join(head, ";")+"\n"+strings.Join(row, ";")+"\n", nil)
	require.NoError(t, err)
	require.Len(t, p.GetColumns(), 200)
	require.Equal(t, "wide", p.GetRows()[0].GetCells()[150])

	p, err = w.look(t, "name,size\n\xC3\xBCber,1\n\xFCber,2\n\"open,3\nlast,", nil)
	require.NoError(t, err)
	require.Len(t, p.GetRows(), 4)
	var problems int
	for _, r := range p.GetRows() {
		if r.GetProblem() != nil {
			problems++
		}
	}
	require.NotZero(t, problems)
}

// CON-17: exports of other programs are known by their columns; the proposal takes all numbers with their kinds.
func TestExportsOfOtherProgramsAreRecognised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runner.Targets["thing"] = imports.Target{
		Kind: "thing", Apply: w.apply,
		Fields: []imports.Field{
			{Name: "first_name", Type: imports.Text, Required: true},
			{Name: "last_name", Type: imports.Text},
			{Name: "honorific", Type: imports.Text},
			{Name: "position", Type: imports.Text},
			{Name: "street", Type: imports.Text},
			{Name: "phones", Type: imports.TextList},
			{Name: "emails", Type: imports.TextList},
			{Name: "sites", Type: imports.TextList},
		},
	}
	tests := []struct{ program, content, phones, emails string }{
		{
			"google", "First Name,Last Name,Name Suffix,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value,Address 1 - Street\n" +
				"Ann,Lee,,Work,ann@example.com,Mobile,+49 1,Home,,Street 1\n",
			"[Mobile: +49 1]", "[Work: ann@example.com]",
		},
		{
			"outlook", "Title,First Name,Last Name,Job Title,Business Street,Business Phone,Home Phone,Mobile Phone,E-mail Address,E-mail 2 Address\n" +
				"Dr,Ann,Lee,Buyer,Street 1,+49 1,,+49 3,ann@example.com,\n",
			"[work: +49 1 mobile: +49 3]", "[ann@example.com]",
		},
		{
			"outlook", "Anrede;Vorname;Nachname;Telefon geschäftlich;Mobiltelefon;E-Mail-Adresse\nDr;Ann;Lee;+49 1;+49 2;ann@example.com\n",
			"[work: +49 1 mobile: +49 2]", "[ann@example.com]",
		},
		{
			"hubspot", "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Contact owner\n1,Ann,Lee,ann@example.com,+49 1,+49 2,Bob\n",
			"[+49 1 mobile: +49 2]", "[ann@example.com]",
		},
		{
			"bitrix24", "ID;Имя;Фамилия;Рабочий телефон;Мобильный телефон;Рабочий e-mail;Ответственный\n1;Анна;Ли;+7 1;+7 2;anna@example.com;Боб\n",
			"[work: +7 1 mobile: +7 2]", "[work: anna@example.com]",
		},
		{"", "name,phone\nAnn,1\n", "[1]", ""},
	}
	for _, tt := range tests {
		p, err := w.look(t, tt.content, nil)
		require.NoError(t, err)
		require.Equal(t, tt.program, p.GetSource().GetRecognized(), tt.content)
		require.Empty(t, p.GetProblem(), p.GetMapping())
		got := map[string]string{}
		for _, v := range p.GetRows()[0].GetValues() {
			got[v.GetField()] = fmt.Sprint(v.GetValue().AsInterface())
		}
		require.Equal(t, tt.phones, got["phones"], p.GetMapping())
		require.Equal(t, tt.emails, got["emails"], p.GetMapping())
		if tt.program == "outlook" {
			require.Equal(t, "Dr", got["honorific"])
		}
	}
}
