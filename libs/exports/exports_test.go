package exports_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/exports"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// An operation stands for a record: libs knows no other messages.
func write(t *testing.T, list *typev1.ExportList, records ...proto.Message) string {
	t.Helper()
	var b bytes.Buffer
	w, _, _, err := exports.New(&b, exports.Request{Kind: "thing", Like: &operationv1.Operation{}, List: list, Time: time.Unix(0, 0)})
	require.NoError(t, err)
	for _, r := range records {
		require.NoError(t, w.Write(r))
	}
	require.NoError(t, w.Close())
	return b.String()
}

// Issue, bad input: no cell is taken for a formula, and numbers of telephones stay readable.
func TestFormulasAreHarmless(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-2+3": "'-2+3",
		"+49 170 1234567": "+49 170 1234567", "-1.5": "-1.5", "": "", "Ann": "Ann", "a=b": "a=b", "+": "'+", "+49-30": "'+49-30",
	} {
		require.Equal(t, want, exports.Harmless(in), in)
	}
}

// CON-18: the columns asked for in their order, with the delimiter and the mark asked for.
func TestCSV(t *testing.T) {
	t.Parallel()
	got := write(t, &typev1.ExportList{Columns: []string{"error", "done", "state"}, Delimiter: ";", ByteOrderMark: true},
		&operationv1.Operation{Error: `=HYPERLINK("x";"y")`, Done: -5, State: operationv1.State_STATE_RUNNING}, &operationv1.Operation{Error: "two\nlines"})
	require.Equal(t, "\xEF\xBB\xBFerror;done;state\n\"'=HYPERLINK(\"\"x\"\";\"\"y\"\")\";-5;state_running\n\"two\nlines\";0;state_unspecified\n", got)
	_, _, _, err := exports.New(&bytes.Buffer{}, exports.Request{Like: &operationv1.Operation{}, List: &typev1.ExportList{Columns: []string{"none"}}})
	require.ErrorIs(t, err, exports.ErrColumn)
}

// CON-18: texts of a workbook are texts, numbers are numbers.
func TestWorkbook(t *testing.T) {
	t.Parallel()
	got := write(t, &typev1.ExportList{Columns: []string{"error", "done"}, Format: typev1.ExportFormat_EXPORT_FORMAT_XLSX},
		&operationv1.Operation{Error: "=1+1 <&>\x00", Done: 7})
	require.True(t, strings.HasPrefix(got, "PK\x03\x04"))
}
