package imports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/money"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// previewRows is how many rows a preview shows unless told otherwise.
const previewRows = 10

// PreviewCall is any of the requests of the API that ask for a preview.
type PreviewCall interface {
	GetFileId() string
	GetMapping() string
	GetSource() *typev1.ImportSource
	GetRows() int32
}

// PreviewFor answers a request of the context's caller; see [Runner.Preview].
func (r *Runner) PreviewFor(ctx context.Context, kind string, call PreviewCall) (*typev1.ImportPreview, error) {
	who := authn.MustFrom(ctx)
	return r.Preview(ctx, PreviewRequest{
		Organization: who.OrganizationID, UserID: who.UserID, Kind: kind, FileID: call.GetFileId(), Mapping: call.GetMapping(),
		Source: call.GetSource(), Rows: int(call.GetRows()),
	})
}

// PreviewRequest asks what an import would do.
type PreviewRequest struct {
	Organization, UserID string
	// Kind of record, such as "deal".
	Kind string
	// FileID of the uploaded file.
	FileID string
	// Mapping as YAML; empty to have one proposed.
	Mapping string
	// Source says how the file is written, for a proposed mapping. What is empty is found out.
	Source *typev1.ImportSource
	// Rows is how many are shown; 10 if zero.
	Rows int
}

// Preview reads the first rows of a file and returns what importing them would do, without a trace of it. ctx has to be
// that of the user. It returns what Start returns for a file that cannot be read and a mapping that is none; a mapping
// that does not suit the file is told as the preview's problem, beside the rows.
func (r *Runner) Preview(ctx context.Context, req PreviewRequest) (*typev1.ImportPreview, error) {
	target, err := r.target(ctx, req.Organization, req.Kind)
	if err != nil {
		return nil, err
	}
	m, src, text, err := r.look(ctx, req, target)
	if err != nil {
		return nil, err
	}
	defer src.close()
	records, err := firstRows(src, req.Rows)
	if err != nil {
		return nil, err
	}
	out := &typev1.ImportPreview{Source: sourceProto(src), Columns: src.header, Mapping: text, Fields: fieldsOf(target, m)}
	out.Rows = make([]*typev1.ImportPreviewRow, len(records))
	for i, rec := range records {
		out.Rows[i] = &typev1.ImportPreviewRow{Line: rec.Line, Cells: rec.Cells}
	}
	err = m.Check(target, r.Lookups)
	if err == nil {
		src.plan, err = m.Bind(target, src.header, r.Locale(req.Organization))
	}
	var unsuited *apperr.Error
	switch {
	case errors.As(err, &unsuited):
		out.Problem = unsuited.Msg
		return out, nil
	case err != nil:
		return nil, err
	}
	return out, r.try(ctx, req, target, src.plan, records, out.GetRows())
}

// look opens the file and returns its mapping, the one of the request or one proposed. The caller closes the source.
func (r *Runner) look(ctx context.Context, req PreviewRequest, t Target) (*Mapping, *source, string, error) {
	var m *Mapping
	as, err := sourceFrom(req.Source)
	if err != nil {
		return nil, nil, "", err
	}
	hasHeader := func(first Record) bool { return looksLikeHeader(t, first) }
	if req.Mapping != "" {
		if m, err = ParseMapping(req.Mapping); err != nil {
			return nil, nil, "", err
		}
		if err := m.may(ctx); err != nil {
			return nil, nil, "", err
		}
		as, hasHeader = m.Source, m.hasHeader
	}
	if as.Header != nil {
		hasHeader = func(Record) bool { return *as.Header }
	}
	f, _, err := r.Files.Open(ctx, req.FileID)
	if err != nil {
		return nil, nil, "", err
	}
	src, err := readHeader(f, as, hasHeader, nil)
	if err != nil {
		_ = f.Close() // the file was only read
		return nil, nil, "", err
	}
	src.close = func() {
		_ = f.Close()
		src.release()
	}
	src.recognized = recognize(src.header)
	text := req.Mapping
	if m == nil {
		if text, err = propose(t, src, r.Lookups); err == nil {
			m, err = parseProposed(text, t)
		}
		if err != nil {
			src.close()
			return nil, nil, "", err
		}
	}
	return m, src, text, nil
}

// parseProposed reads a proposal, which may have found no field at all.
func parseProposed(text string, t Target) (*Mapping, error) {
	m, err := ParseMapping(text)
	if errors.Is(err, ErrMapping) {
		return &Mapping{Kind: t.Kind}, nil
	}
	return m, err
}

func firstRows(src *source, n int) ([]Record, error) {
	if n <= 0 {
		n = previewRows
	}
	var out []Record
	for len(out) < n {
		rec, err := src.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

// errUndo ends the transaction of a preview.
var errUndo = errors.New("only a preview")

// try evaluates the records and writes them, to undo it again, and notes in rows what came of each.
func (r *Runner) try(ctx context.Context, req PreviewRequest, t Target, p *Plan, records []Record, rows []*typev1.ImportPreviewRow) error {
	s := state{org: req.Organization, userID: req.UserID, kind: req.Kind, id: id.New(), dryRun: true}
	res := r.resolver(&s)
	res.as = func(ctx context.Context) (context.Context, error) { return ctx, nil }
	res.lookups = onlyLooking(r.Lookups)
	c := &chunk{records: records, duplicates: p.mapping.Duplicates}
	if err := res.evaluate(ctx, p, c); err != nil {
		return err
	}
	byLine := make(map[int64]*typev1.ImportPreviewRow, len(rows))
	for _, row := range rows {
		byLine[row.GetLine()] = row
	}
	for _, row := range c.rows {
		byLine[row.Line].Values = valuesOf(p, row)
	}
	var a applied
	outcomes := make([]Result, len(c.rows))
	err := r.DB.Write(ctx, req.Organization, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		a = applied{}
		b := Batch{Organization: s.org, UserID: s.userID, OperationID: s.id, Duplicates: c.duplicates}
		w := writer{tx: tx, undo: true, a: &a}
		if err := w.part(ctx, c.rows, func(ctx context.Context, tx pgx.Tx, from, to int) ([]Result, []event.Event, error) {
			part := b
			part.Rows = c.rows[from:to]
			return t.Apply(ctx, tx, part)
		}, func(i int, res Result) { outcomes[i] = res }); err != nil {
			return nil, err
		}
		return nil, errUndo
	})
	if !errors.Is(err, errUndo) {
		return err
	}
	for i, res := range outcomes {
		byLine[c.rows[i].Line].Outcome = outcomeOf(res.Outcome)
	}
	for _, rej := range append(c.rejects, a.rejects...) {
		row := byLine[rej.Line]
		row.Outcome = typev1.ImportOutcome_IMPORT_OUTCOME_REJECT
		row.Problem = &typev1.ImportProblem{Field: rej.Field, Reason: rej.Reason, Message: withoutZero(rej.Message)}
	}
	return nil
}

// onlyLooking are the look-ups without those that make what they do not find: a preview makes nothing.
func onlyLooking(lookups map[string]Lookup) map[string]Lookup {
	out := maps.Clone(lookups)
	for kind, l := range out {
		if l.Create != nil {
			l.Create = func(_ context.Context, q Query) (map[string]Found, error) {
				made := make(map[string]Found, len(q.Keys))
				for _, k := range q.Keys {
					made[k] = Found{}
				}
				return made, nil
			}
			out[kind] = l
		}
	}
	return out
}

func outcomeOf(o Outcome) typev1.ImportOutcome {
	switch o {
	case Created:
		return typev1.ImportOutcome_IMPORT_OUTCOME_CREATE
	case Updated:
		return typev1.ImportOutcome_IMPORT_OUTCOME_UPDATE
	case Skipped:
		return typev1.ImportOutcome_IMPORT_OUTCOME_SKIP
	case Rejected:
		return typev1.ImportOutcome_IMPORT_OUTCOME_REJECT
	}
	return typev1.ImportOutcome_IMPORT_OUTCOME_UNSPECIFIED
}

func fieldsOf(t Target, m *Mapping) []*typev1.ImportField {
	columns := make(map[string]string, len(m.Fields))
	for _, f := range m.Fields {
		columns[f.Name] = f.value.only()
	}
	out := make([]*typev1.ImportField, len(t.Fields))
	for i, f := range t.Fields {
		out[i] = &typev1.ImportField{
			Name: f.Name, Type: f.Type.String(), Required: f.Required, Description: f.Doc, Column: columns[f.Name],
		}
	}
	return out
}

// only returns the column that a value is taken from, if it is one.
func (e *expr) only() string {
	if len(e.list) == 1 {
		return e.list[0].column
	}
	return e.column
}

func valuesOf(p *Plan, row Row) []*typev1.ImportValue {
	var out []*typev1.ImportValue
	if row.ExternalID.ID != "" {
		out = append(out, &typev1.ImportValue{Field: "external_id", Value: structpb.NewStringValue(row.ExternalID.ID)})
	}
	for i, v := range row.values {
		if v != nil {
			out = append(out, &typev1.ImportValue{Field: p.fields[i].spec.Name, Value: shown(v, p.fields[i].spec.Type)})
		}
	}
	return out
}

// shown is a value as a preview has it.
func shown(v any, t Type) *structpb.Value {
	switch v := v.(type) {
	case bool:
		return structpb.NewBoolValue(v)
	case int64:
		return structpb.NewNumberValue(float64(v))
	case decimal.Decimal:
		return structpb.NewStringValue(v.String())
	case money.Money:
		return structpb.NewStringValue(v.Amount.String() + " " + v.Currency)
	case time.Time:
		if t == Date {
			return structpb.NewStringValue(v.Format(time.DateOnly))
		}
		return structpb.NewStringValue(v.Format(time.RFC3339))
	case []string:
		list := &structpb.ListValue{}
		for _, s := range v {
			list.Values = append(list.Values, structpb.NewStringValue(s))
		}
		return structpb.NewListValue(list)
	default:
		return structpb.NewStringValue(fmt.Sprint(v))
	}
}

func sourceProto(src *source) *typev1.ImportSource {
	s := src.written
	out := &typev1.ImportSource{
		Format: s.Format, Encoding: s.Encoding, Header: s.Header, Sheet: s.Sheet, Sheets: src.sheets, Recognized: src.recognized,
	}
	if s.Format == formatCSV {
		out.Delimiter, out.Quote = charName(s.Delimiter), charName(s.Quote)
	}
	return out
}

// sourceFrom reads what a request says of how a file is written. It returns ErrMapping, for it becomes part of one.
func sourceFrom(s *typev1.ImportSource) (Source, error) {
	out := Source{Format: s.GetFormat(), Sheet: s.GetSheet(), Encoding: s.GetEncoding(), Quote: '"'}
	if s != nil {
		out.Header = s.Header
	}
	var err error
	if s.GetDelimiter() != "" {
		if out.Delimiter, err = char("delimiter", s.GetDelimiter()); err != nil {
			return out, err
		}
	}
	if s.GetQuote() != "" {
		if out.Quote, err = char("quote", s.GetQuote()); err != nil {
			return out, err
		}
	}
	if out.Delimiter == out.Quote {
		return out, ErrMapping.Saying("delimiter and quote are the same")
	}
	return out, nil
}

// char reads a character as a mapping writes it.
func char(what, s string) (byte, error) {
	switch {
	case s == "tab":
		return '\t', nil
	case len(s) != 1 || s[0] >= 0x80 || s[0] == '\n' || s[0] == '\r':
		return 0, ErrMapping.Saying(what + ` is one character of ASCII, or "tab"`)
	}
	return s[0], nil
}
