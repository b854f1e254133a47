package imports_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
	"kontor.internal/libs/imports"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func (w *world) preview(t *testing.T, mapping, content string, as *typev1.ImportSource) (*typev1.ImportPreview, error) {
	t.Helper()
	fileID := id.New()
	w.files.content[fileID] = content
	return w.runner.Preview(t.Context(), imports.PreviewRequest{
		Organization: w.org, UserID: w.org, Kind: "thing", FileID: fileID, Mapping: mapping, Source: as,
	})
}

func rowsOf(p *typev1.ImportPreview) (out []string) {
	for _, r := range p.GetRows() {
		var values strings.Builder
		for _, v := range r.GetValues() {
			fmt.Fprint(&values, " ", v.GetField(), "=", v.GetValue().AsInterface())
		}
		out = append(out, fmt.Sprint(r.GetLine(), " ", r.GetOutcome().String()[len("IMPORT_OUTCOME_"):], values.String(), " ", r.GetProblem().GetReason()))
	}
	return out
}

// CON-17: the first rows are shown as they would become, each with what is wrong with it, and nothing is written.
func TestPreviewShowsWhatAnImportWouldDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const mapping = `
kind: thing
external_id: {source: shop, column: id}
duplicates: update
fields:
  name: {column: name}
  size: {column: size}
  color: {column: color, lookup: {kind: color, by: name}}
`
	opID := w.start(t, "kind: thing\nexternal_id: {source: shop, column: id}\nfields: {name: {column: name}}\n", "id,name\n1,There\n", false)
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))

	p, err := w.preview(t, mapping, "id,name,size,color\n1,There,1,\n2,New,7,\n3,,1,\n4,x,many,\n5,x,1,green\n6,evil,1,\n7,wicked,1,\n8,Big,5000,\n9,x\n", nil)
	require.NoError(t, err)
	require.Empty(t, p.GetProblem())
	require.Equal(t, mapping, p.GetMapping())
	require.Equal(t, []string{"id", "name", "size", "color"}, p.GetColumns())
	require.Equal(t, []string{
		"2 UPDATE external_id=1 name=There size=1 ", "3 CREATE external_id=2 name=New size=7 ", "4 REJECT VALUE_REQUIRED",
		"5 REJECT NUMBER_INVALID", "6 REJECT LOOKUP_NOT_FOUND", "7 REJECT external_id=6 name=evil size=1 NAME_EVIL",
		"8 REJECT external_id=7 name=wicked size=1 NAME_WICKED", "9 REJECT external_id=8 name=Big size=5000 ROW_REFUSED", "10 REJECT ROW_RAGGED",
	}, rowsOf(p))
	require.Equal(t, []string{"2", "New", "7", ""}, p.GetRows()[1].GetCells())
	require.NotEmpty(t, p.GetRows()[2].GetProblem().GetMessage())
	require.Equal(t, []string{"There"}, w.names(t), "and nothing is written")
}

// CON-17: how the file is written is found out, and a mapping proposed from the header; both can be corrected.
func TestPreviewProposes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.preview(t, "", "T\xfctle;Thing Name;Size\n1;M\xfcller;3\n", nil)
	require.NoError(t, err)
	require.Equal(t, "windows-1252", p.GetSource().GetEncoding())
	require.Equal(t, ";", p.GetSource().GetDelimiter())
	require.Equal(t, `"`, p.GetSource().GetQuote())
	require.True(t, p.GetSource().GetHeader())
	require.Equal(t, []string{"Tütle", "Thing Name", "Size"}, p.GetColumns())
	columns := map[string]string{}
	for _, f := range p.GetFields() {
		columns[f.GetName()] = f.GetColumn()
	}
	require.Equal(t, map[string]string{"name": "Thing Name", "size": "Size", "parent": "", "color": ""}, columns)
	require.Equal(t, []string{"2 CREATE name=Müller size=3 "}, rowsOf(p))

	// The proposal is a mapping that can be imported with as it is.
	again, err := w.preview(t, p.GetMapping(), "T\xfctle;Thing Name;Size\n1;M\xfcller;3\n", nil)
	require.NoError(t, err)
	require.Equal(t, rowsOf(p), rowsOf(again))
	require.Equal(t, p.GetSource().String(), again.GetSource().String())

	// What was found wrongly is corrected.
	no := false
	p, err = w.preview(t, "", "name;size\tx\ny;3\tz\n", &typev1.ImportSource{Encoding: "windows-1251", Delimiter: "tab", Quote: "'", Header: &no})
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2"}, p.GetColumns())
	require.Equal(t, []string{"name;size", "x"}, p.GetRows()[0].GetCells())
	require.Equal(t, "windows-1251", p.GetSource().GetEncoding())
	require.False(t, p.GetSource().GetHeader())
	require.Contains(t, p.GetProblem(), "fields is missing")

	// What is looked up within another record is proposed so.
	fields := w.runner.Targets["thing"].Fields
	fields[2].Within = "color"
	p, err = w.preview(t, "", "name,parent,color\nx,,red\n", nil)
	require.NoError(t, err)
	require.Contains(t, p.GetMapping(), "within: color")

	// A file without a header is known by its values.
	p, err = w.preview(t, "", "1,ann@example.com\n2,bob@example.com\n", nil)
	require.NoError(t, err)
	require.False(t, p.GetSource().GetHeader())
	require.Len(t, p.GetRows(), 2)
}

// CON-17: what is wrong as a whole is told, beside the rows where they can be read.
func TestPreviewTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.preview(t, "kind: thing\nfields: {name: {column: title}}\n", "name\nx\n", nil)
	require.NoError(t, err)
	require.Contains(t, p.GetProblem(), `no column "title"`)
	require.Equal(t, []string{"2 UNSPECIFIED "}, rowsOf(p))
	for mapping, reason := range map[string]string{"fields: [": "IMPORT_MAPPING_INVALID", "": "IMPORT_FILE_EMPTY"} {
		_, err := w.preview(t, mapping, "", nil)
		require.Equal(t, reason, apperr.Reason(err))
	}
	_, err = w.preview(t, "", "name\nx\n", &typev1.ImportSource{Encoding: "klingon"})
	require.Equal(t, "IMPORT_ENCODING_UNKNOWN", apperr.Reason(err))
	_, err = w.preview(t, "", "name\nx\n", &typev1.ImportSource{Delimiter: "::"})
	require.Equal(t, "IMPORT_MAPPING_INVALID", apperr.Reason(err))
}
