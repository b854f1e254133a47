package imports_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
)

const things = `
CREATE TABLE things (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    size bigint NOT NULL,
    parent_id uuid,
    external_id text NOT NULL,
    CONSTRAINT things_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT things_external_id_key UNIQUE (organization_id, external_id),
    CONSTRAINT things_size_small CHECK (size <> 5000)
);
SELECT kontor_tenant('things');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO kontor_app, kontor_system;
`

// world is a service with imports of "things", on a real database.
type world struct {
	db     *testkit.Database
	org    string
	runner *imports.Runner
	files  *memoryFiles
	ops    *memoryOps
	// broken makes Apply fail after it has written, that many times.
	broken int
	mu     sync.Mutex
}

func newWorld(t *testing.T) *world {
	t.Helper()
	base, err := schema.All()
	require.NoError(t, err)
	w := &world{
		db:  testkit.Postgres(t, "things", fstest.MapFS{"0001_init.sql": {Data: []byte(base + imports.Schema + things)}}),
		org: id.New(), files: &memoryFiles{content: map[string]string{}}, ops: &memoryOps{},
	}
	w.runner = &imports.Runner{
		DB: w.db.App, Files: w.files, Operations: w.ops, BatchSize: 3, Log: slog.New(slog.DiscardHandler),
		Targets: map[string]imports.Target{"thing": {
			Kind: "thing",
			Fields: []imports.Field{
				{Name: "name", Type: imports.Text, Required: true},
				{Name: "size", Type: imports.Integer},
				{Name: "parent", Type: imports.Ref, RefKind: "thing"},
				{Name: "color", Type: imports.Ref, RefKind: "color"},
			},
			Apply: w.apply, Link: w.link, Keys: none,
		}},
		Lookups: map[string]imports.Lookup{
			"thing": {By: []imports.By{imports.ByName}, Find: w.findThings},
			"color": {By: []imports.By{imports.ByName}, Find: func(_ context.Context, q imports.Query) (map[string]imports.Found, error) {
				out := map[string]imports.Found{}
				for _, k := range q.Keys {
					switch k {
					case "red":
						out[k] = imports.Found{ID: id.New()}
					case "blue":
						out[k] = imports.Found{Ambiguous: true}
					}
				}
				return out, nil
			}},
		},
		As:        func(ctx context.Context, _, _ string) (context.Context, error) { return ctx, nil },
		Permitted: func(context.Context, string, string, string) error { return nil },
		Locale:    func(string) imports.Locale { return imports.Locale{Currency: "EUR"} },
		Enqueue:   func(context.Context, pgx.Tx, string, string) error { return nil },
	}
	return w
}

func (w *world) apply(ctx context.Context, tx pgx.Tx, b imports.Batch) ([]imports.Result, []event.Event, error) {
	results := make([]imports.Result, len(b.Rows))
	for i, r := range b.Rows {
		var existing string
		err := tx.QueryRow(ctx, `SELECT id::text FROM things WHERE organization_id = $1 AND external_id = $2`, b.Organization, r.ExternalID.ID).Scan(&existing)
		switch {
		case err == nil && b.Duplicates == imports.Update:
			if _, err := tx.Exec(ctx, `UPDATE things SET name = $3 WHERE organization_id = $1 AND id = $2`, b.Organization, existing, r.Text("name")); err != nil {
				return nil, nil, err
			}
			results[i] = imports.Result{Outcome: imports.Updated, RecordID: existing}
			continue
		case err == nil:
			results[i] = imports.Result{Outcome: imports.Skipped, RecordID: existing}
			continue
		case !errors.Is(err, pgx.ErrNoRows):
			return nil, nil, err
		}
		if r.Text("name") == "evil" {
			results[i] = imports.Refuse("name", "NAME_EVIL", "choose a better name")
			continue
		}
		if r.Text("name") == "wicked" {
			return nil, nil, apperr.Invalid("NAME_WICKED", "choose a better name")
		}
		recID := id.New()
		if _, err := tx.Exec(ctx, `
			INSERT INTO things (organization_id, id, name, size, parent_id, external_id)
			VALUES ($1, $2, $3, $4, NULLIF($5, '')::uuid, $6)`,
			b.Organization, recID, r.Text("name"), r.Integer("size"), r.Ref("parent"), r.ExternalID.ID); err != nil {
			return nil, nil, err
		}
		results[i] = imports.Result{Outcome: imports.Created, RecordID: recID}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken > 0 {
		w.broken--
		return nil, nil, errors.New("the connection broke")
	}
	return results, nil, nil
}

func (w *world) link(ctx context.Context, tx pgx.Tx, b imports.LinkBatch) ([]imports.Result, []event.Event, error) {
	results := make([]imports.Result, len(b.Links))
	for i, l := range b.Links {
		if _, err := tx.Exec(ctx, `UPDATE things SET parent_id = $3 WHERE organization_id = $1 AND id = $2`, b.Organization, l.RecordID, l.TargetID); err != nil {
			return nil, nil, err
		}
		results[i] = imports.Result{Outcome: imports.Updated, RecordID: l.RecordID}
	}
	return results, nil, nil
}

func (w *world) findThings(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
	rows, err := w.db.App.Query(ctx, q.Organization, `SELECT name, id::text FROM things WHERE organization_id = $1 AND name = ANY($2)`, q.Organization, q.Keys)
	if err != nil {
		return nil, err
	}
	out := map[string]imports.Found{}
	var name, recID string
	_, err = pgx.ForEachRow(rows, []any{&name, &recID}, func() error {
		out[name] = imports.Found{ID: recID}
		return nil
	})
	return out, err
}

func (w *world) start(t *testing.T, mapping, content string, dry bool) string {
	t.Helper()
	fileID := id.New()
	w.files.content[fileID] = content
	opID, err := w.runner.Start(t.Context(), imports.Request{Organization: w.org, UserID: id.New(), Kind: "thing", FileID: fileID, Mapping: mapping, DryRun: dry})
	require.NoError(t, err)
	return opID
}

func (w *world) names(t *testing.T) []string {
	t.Helper()
	rows, err := w.db.App.Query(t.Context(), w.org, `
		SELECT c.name || coalesce(' < ' || p.name, '')
		FROM things c LEFT JOIN things p ON p.organization_id = c.organization_id AND p.id = c.parent_id
		WHERE c.organization_id = $1 ORDER BY 1`, w.org)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

// memoryFiles is a files service of two methods.
type memoryFiles struct{ content map[string]string }

func (m *memoryFiles) Open(_ context.Context, fileID string) (io.ReadCloser, int64, error) {
	c, ok := m.content[fileID]
	if !ok {
		return nil, 0, apperr.NotFound("FILE_NOT_FOUND", "there is no such file")
	}
	return io.NopCloser(strings.NewReader(c)), int64(len(c)), nil
}

func (m *memoryFiles) Save(_ context.Context, _, _, key string, content io.Reader) (string, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(content); err != nil {
		return "", err
	}
	m.content[key] = b.String()
	return key, nil
}

// memoryOps remembers the last thing it was told.
type memoryOps struct {
	progress operation.Progress
	rejects  []operation.Rejection
	end      *operation.End
	cancel   bool
}

func (m *memoryOps) Create(context.Context, pgx.Tx, string, operation.New) error { return nil }

func (m *memoryOps) Advance(_ context.Context, _ pgx.Tx, _, _ string, p operation.Progress) (bool, error) {
	m.progress = p
	m.rejects = append(m.rejects, p.New...)
	return m.cancel, nil
}

func (m *memoryOps) Finish(_ context.Context, _ pgx.Tx, _, _ string, e operation.End) error {
	m.end = &e
	return nil
}

func result(created, updated, skipped, rejected int64) map[string]any {
	return map[string]any{"created": created, "updated": updated, "skipped": skipped, "rejected": rejected}
}

const mapping = `
kind: thing
external_id: {source: test, column: id}
fields:
  name: {column: name}
  size: {column: size}
`

func rows(n int) string {
	var b strings.Builder
	b.WriteString("id,name,size\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,thing %d,%d\n", i, i, i)
	}
	return b.String()
}

// CON-17: rows at fault are rejected with line and reason, whoever finds the fault; all others are in; the rejects are a
// file that can be imported again.
func TestImportRejectsRowsAndGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opID := w.start(t, mapping, "id,name,size\n1,a,1\n2,,2\n3,c,many\n4,evil,4\n5,wicked,5\n6,f,5000\n\n7,g,7\n8,h\n9,\"i\",9\n1,again,1\n", false)
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))

	require.Equal(t, []string{"a", "g", "i"}, w.names(t))
	want := map[int64]string{3: "VALUE_REQUIRED", 4: "NUMBER_INVALID", 5: "NAME_EVIL", 6: "NAME_WICKED", 7: "ROW_REFUSED", 10: "ROW_RAGGED"}
	got := map[int64]string{}
	for _, r := range w.ops.rejects {
		got[r.Line] = r.Reason
		require.NotEmpty(t, r.Message)
	}
	require.Equal(t, want, got)
	require.Equal(t, result(3, 0, 1, 6), w.ops.end.Result)
	require.Empty(t, w.ops.end.Failure)
	require.EqualValues(t, 10, w.ops.progress.Done)
	require.EqualValues(t, 10, w.ops.progress.Total)

	file := w.files.content[w.ops.end.RejectsFileID]
	lines := strings.Split(strings.TrimSpace(file), "\n")
	require.Len(t, lines, 7)
	require.Equal(t, "id,name,size,line,field,reason,message", lines[0])
	require.True(t, strings.HasPrefix(lines[2], "3,c,many,4,size,NUMBER_INVALID,"), lines[2])

	// Mended and imported again with the same mapping, only the mended row is new.
	again := w.start(t, mapping, strings.Replace(file, "3,c,many", "3,c,3", 1), false)
	require.NoError(t, w.runner.Run(t.Context(), w.org, again))
	require.Equal(t, []string{"a", "c", "g", "i"}, w.names(t))
}

// CON-17: a job that dies at any point goes on where it stood; nothing is lost or doubled.
func TestImportResumesAfterDeath(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]func(imports.Row) []string{"one batch at a time": nil, "two batches at a time": none} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resumes(t, keys)
		})
	}
}

func resumes(t *testing.T, keys func(imports.Row) []string) {
	t.Helper()
	w := newWorld(t)
	target := w.runner.Targets["thing"]
	target.Keys = keys
	w.runner.Targets["thing"] = target
	opID := w.start(t, mapping, rows(50), false)
	for runs := 0; w.ops.end == nil; runs++ {
		require.Less(t, runs, 100)
		w.broken = 1
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.runner.Run(ctx, w.org, opID) }()
		if runs%2 == 0 {
			cancel() // somewhere on its way
		}
		<-done
		cancel()
		if runs > 20 {
			w.broken = 0
			require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
		}
	}
	require.Len(t, w.names(t), 50)
	require.Equal(t, result(50, 0, 0, 0), w.ops.end.Result)
}

// CON-17: two runs of one job (a worker that was thought dead) write every row once.
func TestImportRunTwiceAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opID := w.start(t, mapping, rows(60), false)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { errs[i] = w.runner.Run(t.Context(), w.org, opID) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Len(t, w.names(t), 60)
	if w.ops.end == nil {
		require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	}
	require.EqualValues(t, 60, w.ops.end.Result["created"])
}

// Issue, main job: a parent further down the file is found in a second pass; one that is nowhere is told.
func TestImportLinksRowsOfItsOwnFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := mapping + "  parent: {column: parent, lookup: {kind: thing, by: name}}\n"
	opID := w.start(t, m, "id,name,size,parent\n1,child,1,mother\n2,x,1,\n3,y,1,nobody\n4,z,1,\n5,mother,1,\n6,late,1,mother\n", false)
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Equal(t, []string{"child < mother", "late < mother", "mother", "x", "y", "z"}, w.names(t))
	require.Len(t, w.ops.rejects, 1)
	require.EqualValues(t, 4, w.ops.rejects[0].Line)
	require.Equal(t, "LOOKUP_NOT_FOUND", w.ops.rejects[0].Reason)
}

// CON-17: the progress shown on the way is near the truth.
func TestImportEstimatesItsLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runner.BatchSize = 1000
	w.ops.cancel = true // after the first batch
	require.NoError(t, w.runner.Run(t.Context(), w.org, w.start(t, mapping, rows(20000), false)))
	require.EqualValues(t, 1000, w.ops.progress.Done)
	require.InDelta(t, 20000, w.ops.progress.Total, 6000, "the first rows are shorter")
}

// CON-17: a batch may look up more than another service takes in one call.
func TestImportLooksUpManyKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runner.BatchSize = 1200
	asked := 0
	w.runner.Lookups["color"] = imports.Lookup{By: []imports.By{imports.ByName}, Find: func(_ context.Context, q imports.Query) (map[string]imports.Found, error) {
		require.LessOrEqual(t, len(q.Keys), 500)
		asked += len(q.Keys)
		out := map[string]imports.Found{}
		for _, k := range q.Keys {
			out[k] = imports.Found{ID: id.New()}
		}
		return out, nil
	}}
	m := strings.Replace(mapping, "size: {column: size}", "color: {column: name, lookup: {kind: color, by: name}}", 1)
	require.NoError(t, w.runner.Run(t.Context(), w.org, w.start(t, m, rows(1200), false)))
	require.Equal(t, 1200, asked)
	require.Equal(t, result(1200, 0, 0, 0), w.ops.end.Result)
}

// CON-17: a dry run tells what would become of the rows, and changes nothing.
func TestImportDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opID := w.start(t, mapping, "id,name,size\n1,a,1\n2,,2\n3,wicked,3\n4,d,4\n5,e,5\n", true)
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Empty(t, w.names(t))
	want := result(3, 0, 0, 2)
	want["dry_run"] = true
	require.Equal(t, want, w.ops.end.Result)
}

// CON-17: duplicates are updated if the mapping says so.
func TestImportUpdatesDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.runner.Run(t.Context(), w.org, w.start(t, mapping, rows(2), false)))
	require.NoError(t, w.runner.Run(t.Context(), w.org, w.start(t, "duplicates: update"+mapping, "id,name,size\n1,new name,1\n", false)))
	require.Equal(t, []string{"new name", "thing 0"}, w.names(t))
	require.EqualValues(t, 1, w.ops.end.Result["updated"])
}

// Issue, bad input: unknown and ambiguous look-ups reject their rows.
func TestImportRejectsFailedLookups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := mapping + "  color: {column: color, lookup: {kind: color, by: name}}\n"
	require.NoError(t, w.runner.Run(t.Context(), w.org, w.start(t, m, "id,name,size,color\n1,a,1,red\n2,b,2,green\n3,c,3,blue\n4,d,4,\n", false)))
	require.Equal(t, []string{"a", "d"}, w.names(t))
	require.Equal(t, "LOOKUP_NOT_FOUND", w.ops.rejects[0].Reason)
	require.Contains(t, w.ops.rejects[0].Message, `there is no color with the name "green"`)
	require.Equal(t, "LOOKUP_AMBIGUOUS", w.ops.rejects[1].Reason)
}

// CON-17: what concerns the file as a whole is told at once, before the first row.
func TestStartRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct{ mapping, content, reason, says string }{
		"missing column":   {mapping, "id;title\n1;a\n", "IMPORT_COLUMN_MISSING", `its columns are "id", "title"`},
		"wrong delimiter":  {"source: {delimiter: \",\"}" + mapping, "id;name;size\n1;a;1\n", "IMPORT_COLUMN_MISSING", `its columns are "id;name;size"`},
		"unknown key":      {strings.Replace(mapping, "column: size", "colum: size", 1), rows(1), "IMPORT_MAPPING_INVALID", `line 6 of the mapping: unknown key "colum"`},
		"unknown field":    {mapping + "  weight: {column: size}\n", rows(1), "IMPORT_MAPPING_INVALID", `line 7 of the mapping: a thing has no field "weight"; it has name, size, parent, color`},
		"required field":   {"kind: thing\nfields: {size: {column: size}}\n", rows(1), "IMPORT_MAPPING_INVALID", `does not fill "name"`},
		"another kind":     {strings.Replace(mapping, "kind: thing", "kind: song", 1), rows(1), "IMPORT_MAPPING_INVALID", `"song"`},
		"empty file":       {mapping, "\n\n", "IMPORT_FILE_EMPTY", ""},
		"unknown encoding": {"source: {encoding: klingon}" + mapping, rows(1), "IMPORT_ENCODING_UNKNOWN", "klingon"},
		"no YAML":          {"kind: [", rows(1), "IMPORT_MAPPING_INVALID", "not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			fileID := id.New()
			w.files.content[fileID] = tc.content
			_, err := w.runner.Start(t.Context(), imports.Request{Organization: w.org, Kind: "thing", FileID: fileID, Mapping: tc.mapping})
			require.Equal(t, tc.reason, apperr.Reason(err), "%v", err)
			require.ErrorContains(t, err, tc.says)
		})
	}
	_, err := w.runner.Start(t.Context(), imports.Request{Organization: w.org, Kind: "thing", FileID: id.New(), Mapping: mapping})
	require.Equal(t, "FILE_NOT_FOUND", apperr.Reason(err))
}

// Issue: same request ID twice, one effect, same answer.
func TestStartIsIdempotent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fileID := id.New()
	w.files.content[fileID] = rows(1)
	req := imports.Request{Organization: w.org, Kind: "thing", FileID: fileID, Mapping: mapping}
	start := func() string {
		ctx := idem.With(t.Context(), idem.Request{Method: "/Import", ID: "once"})
		opID, err := w.runner.Start(ctx, req)
		require.NoError(t, err)
		return opID
	}
	first := start()
	require.Equal(t, first, start())
}

// Cancelled imports keep what they have done and tell it.
func TestImportCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opID := w.start(t, mapping, rows(50), false)
	w.ops.cancel = true
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.True(t, w.ops.end.Cancelled)
	require.Len(t, w.names(t), 3)
}

// ID-6: rights that are taken away while an import runs end it; what was done stays and is told.
func TestImportEndsWithItsRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opID := w.start(t, mapping, rows(50), false)
	asked := 0
	w.runner.Permitted = func(_ context.Context, org, _, kind string) error {
		require.Equal(t, w.org, org)
		require.Equal(t, "thing", kind)
		if asked++; asked > 2 {
			return apperr.Forbidden("NOT_PERMITTED", "none of your roles permits to import a thing; ask an administrator")
		}
		return nil
	}
	require.NoError(t, w.runner.Run(t.Context(), w.org, opID))
	require.Contains(t, w.ops.end.Failure, "NOT_PERMITTED")
	require.Len(t, w.names(t), 6)
}

// Another organisation's import is not there.
func TestImportIsOfOneOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opID := w.start(t, mapping, rows(5), false)
	require.ErrorIs(t, w.runner.Run(t.Context(), id.New(), opID), pgx.ErrNoRows)
	require.Empty(t, w.names(t))
}
