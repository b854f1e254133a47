package imports

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// Schema is the definition of the tables that a service with imports has, to be copied into its first migration.
//
//go:embed schema.sql
var Schema string

// Files is where imported files come from and where the files of rejected rows go.
type Files interface {
	// Open returns the content of a file of the caller's organisation and its size in bytes. The context carries the
	// caller, or for a job who started the import.
	Open(ctx context.Context, fileID string) (io.ReadCloser, int64, error)
	// Save stores a file and returns its ID. Repeated with the same key it stores none again.
	Save(ctx context.Context, name, contentType, key string, content io.Reader) (string, error)
}

// Operations keeps what users are told about an import; *operation.Store does.
type Operations interface {
	Create(ctx context.Context, tx pgx.Tx, org string, n operation.New) error
	Advance(ctx context.Context, tx pgx.Tx, org, uuid string, p operation.Progress) (cancel bool, err error)
	Finish(ctx context.Context, tx pgx.Tx, org, uuid string, e operation.End) error
}

// Runner runs the imports of a service.
type Runner struct {
	// DB is the service's, as kontor_app.
	DB *pg.DB
	// Files gives and takes files.
	Files Files
	// Operations keeps the progress.
	Operations Operations
	// Targets by kind.
	Targets map[string]Target
	// Lookups by kind of what is looked up.
	Lookups map[string]Lookup
	// As returns a context in which calls to other services are made for a user, who may have signed out long ago. It is
	// called again and again while an import runs, for tokens do not last as long.
	As func(ctx context.Context, org, userID string) (context.Context, error)
	// Permitted returns why a user may not import records of a kind, nil if the user may. It is asked before every
	// batch, for rights may be taken away while an import runs: then it ends there.
	Permitted func(ctx context.Context, org, userID, kind string) error
	// Locale returns the settings of an organisation.
	Locale func(org string) Locale
	// Enqueue makes a job that calls Run, within tx; see Enqueue of this package.
	Enqueue func(ctx context.Context, tx pgx.Tx, org, opID string) error
	// BatchSize is how many rows are written in one transaction; 1,000 if zero.
	BatchSize int
	// Log receives what happens to an import as a whole.
	Log *slog.Logger
}

// PermittedBy answers Runner.Permitted from the directory.
func PermittedBy(d *authz.Directory) func(ctx context.Context, org, userID, kind string) error {
	return func(ctx context.Context, org, userID, kind string) error {
		_, err := d.Authorize(ctx, authn.Principal{OrganizationID: org, UserID: userID}, kind, optionsv1.Action_ACTION_IMPORT)
		return err
	}
}

// Request asks for an import.
type Request struct {
	Organization, UserID string
	// Kind of record, such as "deal".
	Kind string
	// FileID of the uploaded file.
	FileID string
	// Mapping as YAML.
	Mapping string
	// DryRun checks every row, and what writing it would lead to, and changes nothing.
	DryRun bool
}

// target returns the target of a kind with all fields that the organisation has.
func (r *Runner) target(ctx context.Context, org, kind string) (Target, error) {
	t, ok := r.Targets[kind]
	if !ok {
		return Target{}, fmt.Errorf("imports: no target of kind %q", kind)
	}
	if t.More == nil {
		return t, nil
	}
	more, err := t.More(ctx, org)
	if err != nil {
		return Target{}, err
	}
	t.Fields = slices.Concat(t.Fields, more)
	return t, nil
}

// Start checks the mapping and the file's header and makes an operation with its job. It returns the operation's ID, or
// at once what is wrong with the import as a whole: ErrMapping, ErrColumnMissing, IMPORT_ENCODING_UNKNOWN,
// IMPORT_FILE_EMPTY, or what Files.Open returns. A repeated request ID gives the same operation.
func (r *Runner) Start(ctx context.Context, req Request) (string, error) {
	target, err := r.target(ctx, req.Organization, req.Kind)
	if err != nil {
		return "", err
	}
	m, err := ParseMapping(req.Mapping)
	if err != nil {
		return "", err
	}
	if err := m.Check(target, r.Lookups); err != nil {
		return "", err
	}
	if err := m.may(ctx); err != nil {
		return "", err
	}
	src, err := r.open(ctx, m, target, req.Organization, req.FileID, nil)
	if err != nil {
		return "", err
	}
	src.close()

	opID := id.New()
	idem.Remember(ctx, idem.Answer{Kind: "operation", RecordID: opID, Version: 1})
	err = r.DB.Write(ctx, req.Organization, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := r.Operations.Create(ctx, tx, req.Organization, operation.New{ID: opID, Kind: "import", UserID: req.UserID}); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO imports (organization_id, id, kind, user_id, file_id, mapping, dry_run, header)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			req.Organization, opID, req.Kind, req.UserID, req.FileID, req.Mapping, req.DryRun, src.header); err != nil {
			return nil, fmt.Errorf("insert import: %w", err)
		}
		return nil, r.Enqueue(ctx, tx, req.Organization, opID)
	})
	var replay *idem.Replay
	if errors.As(err, &replay) {
		return replay.RecordID, nil
	}
	return opID, err
}

// state is an import as stored.
type state struct {
	org, id, kind, userID, fileID, mapping string
	dryRun                                 bool
	phase                                  string
	position                               int64
	counts                                 counts
	header                                 []string
}

type counts struct{ created, updated, skipped, rejected int64 }

func (r *Runner) load(ctx context.Context, org, opID string) (state, error) {
	s := state{org: org, id: opID}
	err := r.DB.QueryRow(ctx, org, `
		SELECT kind, user_id, file_id, mapping, dry_run, phase, position, created, updated, skipped, rejected, header
		FROM imports
		WHERE organization_id = $1 AND id = $2`, org, opID).Scan(
		&s.kind, &s.userID, &s.fileID, &s.mapping, &s.dryRun, &s.phase, &s.position,
		&s.counts.created, &s.counts.updated, &s.counts.skipped, &s.counts.rejected, &s.header)
	if err != nil {
		return s, fmt.Errorf("load import: %w", err)
	}
	return s, nil
}

// errTakenOver says that another run of the same import has moved on; this one has nothing more to do.
var errTakenOver = errors.New("another run has taken the import over")

// errCancelled says that the user asked to stop.
var errCancelled = errors.New("cancelled")

// Run drives an import to its end, from wherever the last run got to. It returns an error if it is worth another try
// later; what is wrong with the import itself ends the operation instead.
func (r *Runner) Run(ctx context.Context, org, opID string) error {
	s, err := r.load(ctx, org, opID)
	if err != nil {
		return err
	}
	if s.phase == "done" {
		return nil
	}
	r.Log.InfoContext(ctx, "import runs", "organization_id", org, "operation_id", opID, "kind", s.kind, "position", s.position)
	if ctx, err = r.as(ctx, &s); err != nil {
		return err
	}
	err = r.run(ctx, &s)
	var refused *apperr.Error
	switch {
	case err == nil:
		err = r.end(ctx, &s, operation.End{})
	case errors.Is(err, errTakenOver), errors.Is(err, operation.ErrEnded):
		return nil
	case errors.Is(err, errCancelled):
		err = r.end(ctx, &s, operation.End{Cancelled: true})
	case errors.As(err, &refused) && lasting(refused):
		r.Log.InfoContext(ctx, "import failed", "organization_id", org, "operation_id", opID, "error", err)
		err = r.end(ctx, &s, operation.End{Failure: refused.Reason + ": " + refused.Msg})
	}
	if errors.Is(err, errTakenOver) || errors.Is(err, operation.ErrEnded) {
		return nil
	}
	return err
}

func (r *Runner) as(ctx context.Context, s *state) (context.Context, error) {
	ctx, err := r.As(ctx, s.org, s.userID)
	if err != nil {
		return nil, fmt.Errorf("act for the user: %w", err)
	}
	return ctx, nil
}

// Fail ends an import that has been tried often enough.
func (r *Runner) Fail(ctx context.Context, org, opID string, cause error) error {
	s, err := r.load(ctx, org, opID)
	if err != nil {
		return err
	}
	r.Log.ErrorContext(ctx, "import given up", "organization_id", org, "operation_id", opID, "error", cause)
	return r.end(ctx, &s, operation.End{Failure: "IMPORT_GIVEN_UP: the import was tried several times without success; what was done stays done. Start it again later: rows that are in already are skipped."})
}

// lasting reports whether trying again will not help.
func lasting(e *apperr.Error) bool {
	switch e.Code {
	case codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.DeadlineExceeded:
		return false
	default:
		return true
	}
}

func (r *Runner) run(ctx context.Context, s *state) error {
	target, err := r.target(ctx, s.org, s.kind)
	if err != nil {
		return err
	}
	m, err := ParseMapping(s.mapping)
	if err != nil {
		return err
	}
	if err := m.Check(target, r.Lookups); err != nil {
		return err
	}
	if s.phase == "rows" {
		if err := r.rows(ctx, s, m, target); err != nil {
			return err
		}
	}
	if err := r.Permitted(ctx, s.org, s.userID, s.kind); err != nil {
		return err
	}
	return r.links(ctx, s, target)
}

// end makes the file of rejected rows and ends the operation.
func (r *Runner) end(ctx context.Context, s *state, e operation.End) error {
	ctx, err := r.as(ctx, s)
	if err != nil {
		return err
	}
	if s.counts.rejected > 0 {
		fileID, err := r.saveRejects(ctx, s)
		if err != nil {
			return fmt.Errorf("save rejected rows: %w", err)
		}
		e.RejectsFileID = fileID
	}
	e.Result = map[string]any{
		"created": s.counts.created, "updated": s.counts.updated, "skipped": s.counts.skipped, "rejected": s.counts.rejected,
	}
	if s.dryRun {
		e.Result["dry_run"] = true // there is nothing to take back
	}
	return r.DB.Write(ctx, s.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		tag, err := tx.Exec(ctx, `
			UPDATE imports SET phase = 'done'
			WHERE organization_id = $1 AND id = $2 AND phase <> 'done'`, s.org, s.id)
		if err != nil {
			return nil, fmt.Errorf("end import: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil, errTakenOver
		}
		return nil, r.Operations.Finish(ctx, tx, s.org, s.id, e)
	})
}

func (r *Runner) batchSize() int {
	if r.BatchSize > 0 {
		return r.BatchSize
	}
	return 1000
}
