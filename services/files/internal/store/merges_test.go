package store_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/store"
	"kontor.internal/services/files/internal/store/migrations"
)

type fixture struct {
	t      *testing.T
	db     *testkit.Database
	store  *store.Store
	merges *store.Merges
	org    string
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	db := testkit.Postgres(t, "files", migrations.FS)
	now := clock.Clock(time.Now)
	there := func(context.Context, string) (bool, error) { return true, nil }
	return &fixture{
		t: t, db: db, org: id.New(), store: &store.Store{DB: db.App, Exists: there, Clock: now},
		merges: &store.Merges{System: db.System, Clock: now},
	}
}

func contact(id string) file.Record { return file.Record{Kind: "contact", ID: id} }

// put hangs a new file on a record.
func (f *fixture) put(rec file.Record) string {
	f.t.Helper()
	made, err := f.store.Create(f.t.Context(), f.org, &file.File{
		ID: id.New(), Name: "a.txt", Record: rec, UploaderID: id.New(), Content: file.Content{Key: "k", Type: "text/plain", SHA256: "5e"},
	})
	require.NoError(f.t, err)
	return made.ID
}

func (f *fixture) get(id string) *file.File {
	f.t.Helper()
	got, err := f.store.Get(f.t.Context(), f.org, id)
	require.NoError(f.t, err)
	return got
}

func (f *fixture) on(id string) string { return f.get(id).Record.ID }

func (f *fixture) change(id string, fn func(*file.File) (file.Event, error)) {
	f.t.Helper()
	_, err := f.store.Update(f.t.Context(), f.org, id, 0, fn)
	require.NoError(f.t, err)
}

func (f *fixture) hang(id string, rec file.Record) {
	f.t.Helper()
	f.change(id, func(f *file.File) (file.Event, error) { return f.Change(func(f *file.File) { f.Record = rec }) })
}

// tell is what contacts tells of a contact.
func (f *fixture) tell(rec, into string, version int64) {
	f.t.Helper()
	require.NoError(f.t, f.apply(f.t.Context(), rec, into, version))
}

func (f *fixture) apply(ctx context.Context, rec, into string, version int64) error {
	return f.db.System.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return f.merges.Apply(ctx, tx, f.org, store.Merged{MergeID: id.New(), Record: contact(rec), IntoID: into, Version: version})
	})
}

// told is an event of a contact.
type told struct {
	record, into string
	version      int64
}

// history merges contacts and undoes merges, as contacts lets one do: of records that are part of none, the last first.
func history(r *rand.Rand, records []string) []told {
	into, version := map[string]string{}, map[string]int64{}
	var all []told
	for range 12 {
		from, to := records[r.IntN(len(records))], records[r.IntN(len(records))]
		switch {
		case into[from] != "" && into[into[from]] == "":
			to = ""
		case into[from] != "" || into[to] != "" || from == to:
			continue
		}
		into[from] = to
		version[from]++
		all = append(all, told{record: from, into: to, version: version[from]})
	}
	return all
}

// CON-16: in whatever order, and however often, merges and their undoing are told, files are in the end on the record
// that the one they were put on is part of.
func TestFilesFollowMergesToldInAnyOrder(t *testing.T) {
	t.Parallel()
	f := setUp(t)
	for round := range uint64(25) {
		r := rand.New(rand.NewPCG(round, 16))
		records := make([]string, 5)
		home := map[string]string{}
		for i := range records {
			records[i] = id.New()
			home[f.put(contact(records[i]))] = records[i]
		}
		all := history(r, records)
		into := map[string]string{}
		for _, e := range all {
			into[e.record] = e.into
		}
		all = append(all, all[:len(all)/2]...)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, e := range all {
			f.tell(e.record, e.into, e.version)
		}
		for made, want := range home {
			for into[want] != "" {
				want = into[want]
			}
			require.Equal(t, want, f.on(made), "round %d: %v", round, all)
		}
		// All undone, in any order, all are where they were put.
		r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		for _, rec := range records {
			f.tell(rec, "", 100)
		}
		for made, want := range home {
			require.Equal(t, want, f.on(made), "round %d undone", round)
		}
	}
	var homes int
	require.NoError(t, f.db.System.Pool().QueryRow(t.Context(), `SELECT count(*) FROM file_homes`).Scan(&homes))
	require.Zero(t, homes)
}

// CON-16: an undo takes back what the merge has moved, and nothing that people have done since.
func TestUndoLeavesWhatWasMovedByHand(t *testing.T) {
	t.Parallel()
	f := setUp(t)
	a, b, other := id.New(), id.New(), id.New()
	deal := file.Record{Kind: "deal", ID: id.New()}
	stays, moved, loose, round, renamed, gone, purged := f.put(contact(b)), f.put(contact(b)), f.put(contact(b)), f.put(contact(b)),
		f.put(contact(b)), f.put(contact(b)), f.put(contact(b))
	own, binned, foreign := f.put(contact(a)), f.put(contact(b)), f.put(file.Record{Kind: "company", ID: b})
	bin := func(f *file.File) (file.Event, error) { return f.Delete(time.Now()) }
	f.change(binned, bin)
	f.tell(b, a, 2)
	for _, moved := range []string{stays, moved, loose, round, renamed, gone, purged, own, binned} {
		require.Equal(t, a, f.on(moved))
	}
	require.Equal(t, b, f.on(foreign), "another kind has its own IDs")

	f.hang(moved, deal)
	f.hang(loose, file.Record{})
	f.hang(round, contact(other))
	f.hang(round, contact(b)) // the old ID leads to the one that stayed
	require.Equal(t, a, f.on(round))
	f.change(renamed, func(f *file.File) (file.Event, error) { return f.Change(func(f *file.File) { f.Name = "b.txt" }) })
	f.change(gone, bin)
	_, err := f.db.System.Pool().Exec(t.Context(), `DELETE FROM files WHERE id = $1`, purged)
	require.NoError(t, err)
	late := f.put(contact(b))
	require.Equal(t, a, f.on(late))

	f.tell(b, "", 3)
	for made, want := range map[string]string{
		stays: b, renamed: b, gone: b, binned: b, moved: deal.ID, loose: "", round: a, own: a, late: a, foreign: b,
	} {
		require.Equal(t, want, f.on(made))
	}
	require.Equal(t, "b.txt", f.get(renamed).Name)
	require.False(t, f.get(gone).DeletedAt.IsZero())
	require.False(t, f.get(binned).DeletedAt.IsZero())
	require.EqualValues(t, 1, f.get(own).Version, "of what did not move nothing changes")

	// Merged again, and undone again; told late or twice, it is as it was.
	f.tell(b, a, 4)
	require.Equal(t, a, f.on(stays))
	f.tell(b, "", 3)
	require.Equal(t, a, f.on(stays))
	f.tell(b, "", 5)
	f.tell(b, a, 4)
	require.Equal(t, b, f.on(stays))
	require.EqualValues(t, 5, f.get(stays).Version, "one version for each time it was moved")
	evs, err := f.db.App.History(t.Context(), f.org, "file", stays, 0, 10)
	require.NoError(t, err)
	require.Len(t, evs, 5, "and one event")
}

// CON-16: a file that is put on a record just when that is merged is not left behind.
func TestUploadMeetsMerge(t *testing.T) {
	t.Parallel()
	f := setUp(t)
	for range 5 {
		a, b := id.New(), id.New()
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if i == 4 {
					if err := f.apply(t.Context(), b, a, 2); err != nil {
						t.Errorf("merge: %v", err)
					}
					return
				}
				_, err := f.store.Create(t.Context(), f.org, &file.File{
					ID: id.New(), Name: "a.txt", Record: contact(b), UploaderID: id.New(), Content: file.Content{Key: "k", SHA256: id.New()},
				})
				if err != nil {
					t.Errorf("create: %v", err)
				}
			})
		}
		all.Wait()
		var on, left int
		require.NoError(t, f.db.System.Pool().QueryRow(t.Context(), `
			SELECT count(*) FILTER (WHERE record_id = $1), count(*) FILTER (WHERE record_id = $2) FROM files`, a, b).Scan(&on, &left))
		require.Equal(t, 7, on)
		require.Zero(t, left)
	}
}

// CON-4, CON-16: a file is copied to a record once, also when the record became part of another since.
func TestCopiesAreKnownAfterAMerge(t *testing.T) {
	t.Parallel()
	f := setUp(t)
	a, b, lead, otherLead := id.New(), id.New(), file.Record{Kind: "lead", ID: id.New()}, file.Record{Kind: "lead", ID: id.New()}
	f.put(lead)
	require.NoError(t, f.store.Copy(t.Context(), f.org, lead, contact(b)))
	f.tell(b, a, 2)
	require.NoError(t, f.store.Copy(t.Context(), f.org, lead, contact(a)))
	require.NoError(t, f.store.Copy(t.Context(), f.org, lead, contact(b)))
	copies, err := f.store.Copies(t.Context(), f.org, lead, contact(a), 10)
	require.NoError(t, err)
	require.Len(t, copies, 1)
	require.Equal(t, a, copies[0].Record.ID)
	// What a lead had goes on being copied from the lead that it is part of.
	require.NoError(t, f.db.System.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return f.merges.Apply(ctx, tx, f.org, store.Merged{MergeID: id.New(), Record: lead, IntoID: otherLead.ID, Version: 2})
	}))
	require.NoError(t, f.store.Copy(t.Context(), f.org, lead, contact(id.New())))
	to := contact(id.New())
	require.NoError(t, f.store.Copy(t.Context(), f.org, otherLead, to))
	copies, err = f.store.Copies(t.Context(), f.org, otherLead, to, 10)
	require.NoError(t, err)
	require.Len(t, copies, 1)
}

// CON-16: the same ID in another organisation is another record.
func TestMergesOfOneOrganizationAreItsOwn(t *testing.T) {
	t.Parallel()
	f := setUp(t)
	a, b := id.New(), id.New()
	made := f.put(contact(b))
	require.NoError(t, f.db.System.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return f.merges.Apply(ctx, tx, id.New(), store.Merged{MergeID: id.New(), Record: contact(b), IntoID: a, Version: 2})
	}))
	require.Equal(t, b, f.on(made))
	to, err := f.store.Current(t.Context(), f.org, contact(b))
	require.NoError(t, err)
	require.Equal(t, b, to.ID)
}
