package imports

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// keptRow is the most bytes of a rejected row that are kept whole; of a larger one each cell is cut short.
const keptRow = 64 << 10

func cellsByLine(recs []Record) map[int64][]string {
	out := make(map[int64][]string, len(recs))
	for _, rec := range recs {
		out[rec.Line] = rec.Cells
	}
	return out
}

// jsonCells encodes cells as a JSON array, shortened if the row is huge. It carries arrays of arrays to PostgreSQL, which
// has none of different lengths.
func jsonCells(cells []string) (string, error) {
	size := 0
	for _, c := range cells {
		size += len(c)
	}
	if size > keptRow {
		short := make([]string, len(cells))
		for i, c := range cells {
			if len(c) > 1024 {
				c = c[:1024] + "…"
			}
			short[i] = c
		}
		cells = short
	}
	if cells == nil {
		cells = []string{}
	}
	clean := make([]string, len(cells))
	for i, c := range cells {
		clean[i] = withoutZero(c)
	}
	b, err := json.Marshal(clean)
	return string(b), err
}

// withoutZero takes out what PostgreSQL cannot store in text.
func withoutZero(s string) string { return strings.ReplaceAll(s, "\x00", "") }

func insertRejects(ctx context.Context, tx pgx.Tx, s *state, rejects []Reject, cells map[int64][]string) error {
	if len(rejects) == 0 {
		return nil
	}
	n := len(rejects)
	lines, fields, reasons, messages, texts := make([]int64, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, rej := range rejects {
		text, err := jsonCells(cells[rej.Line])
		if err != nil {
			return fmt.Errorf("encode rejected row: %w", err)
		}
		lines[i], fields[i], reasons[i], messages[i], texts[i] = rej.Line, rej.Field, rej.Reason, withoutZero(rej.Message), text
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO import_rejects (organization_id, import_id, line, field, reason, message, cells)
		SELECT $1, $2, line, field, reason, message, ARRAY(SELECT jsonb_array_elements_text(cells::jsonb))
		FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) AS r (line, field, reason, message, cells)
		ON CONFLICT DO NOTHING`, s.org, s.id, lines, fields, reasons, messages, texts); err != nil {
		return fmt.Errorf("insert rejects: %w", err)
	}
	return nil
}

func insertLinks(ctx context.Context, tx pgx.Tx, s *state, links []pendingLink, cells map[int64][]string) error {
	if len(links) == 0 {
		return nil
	}
	n := len(links)
	lines, fields, records := make([]int64, n), make([]string, n), make([]string, n)
	bys, sources, keys, texts := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, l := range links {
		text, err := jsonCells(cells[l.line])
		if err != nil {
			return fmt.Errorf("encode row: %w", err)
		}
		lines[i], fields[i], records[i] = l.line, l.field, l.recordID
		bys[i], sources[i], keys[i], texts[i] = string(l.key.by), l.key.source, l.key.key, text
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO import_links (organization_id, import_id, line, field, record_id, lookup_by, lookup_source, lookup_key, cells)
		SELECT $1, $2, line, field, record_id::uuid, lookup_by, lookup_source, lookup_key, ARRAY(SELECT jsonb_array_elements_text(cells::jsonb))
		FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
			AS l (line, field, record_id, lookup_by, lookup_source, lookup_key, cells)`,
		s.org, s.id, lines, fields, records, bys, sources, keys, texts); err != nil {
		return fmt.Errorf("insert links: %w", err)
	}
	return nil
}

// saveRejects streams the rejected rows into a file that can be mended and imported again: the columns as they were, and
// four more that say where the row was and what is wrong with it.
func (r *Runner) saveRejects(ctx context.Context, s *state) (string, error) {
	rows, err := r.DB.Query(ctx, s.org, `
		SELECT line, field, reason, message, cells
		FROM import_rejects
		WHERE organization_id = $1 AND import_id = $2
		ORDER BY line, field`, s.org, s.id)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	pr, pw := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_ = pw.CloseWithError(writeRejects(pw, s.header, rows)) // never fails
	}()
	fileID, err := r.Files.Save(ctx, "rejected-"+s.kind+"-"+s.id+".csv", "text/csv", "import-rejects-"+s.id, pr)
	_ = pr.CloseWithError(io.ErrClosedPipe) // lets the writer go if Save has given up; never fails
	<-written
	return fileID, err
}

func writeRejects(w io.Writer, header []string, rows pgx.Rows) error {
	out := csv.NewWriter(w)
	if err := out.Write(append(append([]string{}, header...), "line", "field", "reason", "message")); err != nil {
		return err
	}
	for rows.Next() {
		var line int64
		var field, reason, message string
		var cells []string
		if err := rows.Scan(&line, &field, &reason, &message, &cells); err != nil {
			return err
		}
		// A row with too few or too many cells stays so, and is rejected again until it is mended.
		if err := out.Write(append(cells, strconv.FormatInt(line, 10), field, reason, message)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
