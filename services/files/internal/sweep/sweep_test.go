package sweep_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/blob"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/store"
	"kontor.internal/services/files/internal/store/migrations"
	"kontor.internal/services/files/internal/sweep"
)

type fixture struct {
	store   *store.Store
	blobs   *blob.Store
	sweeper *sweep.Sweeper
	dir     string
	org     string
	now     time.Time
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), org: id.New(), now: time.Now()}
	db := testkit.Postgres(t, "files", migrations.FS)
	var err error
	f.blobs, err = blob.Open(t.Context(), "file://"+f.dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.blobs.Close()) })
	now := clock.Clock(func() time.Time { return f.now })
	f.store = &store.Store{DB: db.App, Exists: f.blobs.Exists, Clock: now}
	f.sweeper = &sweep.Sweeper{DB: db.App, System: db.System, Blobs: f.blobs, Clock: now, Log: slog.New(slog.DiscardHandler)}
	testkit.AssertTenantKeys(t, db, "outbox", "inbox_positions", "inbox_parked") // decisions 26
	return f
}

func (f *fixture) put(t *testing.T, text string) file.Content {
	t.Helper()
	c, err := f.blobs.Put(t.Context(), f.org, strings.NewReader(text), 0)
	require.NoError(t, err)
	return file.Content{Key: c.Key, Type: "text/plain", Size: c.Size, SHA256: c.SHA256}
}

func (f *fixture) create(t *testing.T, c file.Content) *file.File {
	t.Helper()
	out, err := f.store.Create(t.Context(), f.org, &file.File{ID: id.New(), Name: "a.txt", UploaderID: id.New(), Content: c})
	require.NoError(t, err)
	return out
}

func (f *fixture) there(t *testing.T, c file.Content) bool {
	t.Helper()
	ok, err := f.blobs.Exists(t.Context(), c.Key)
	require.NoError(t, err)
	return ok
}

// decisions 24: after 30 days in the bin a file goes for good, and a day later its bytes, unless another file has the
// same.
func TestFilesLeaveTheBin(t *testing.T) {
	t.Parallel()
	f := setUp(t)
	shared, own := f.put(t, "shared"), f.put(t, "own")
	gone, twin, other := f.create(t, own), f.create(t, shared), f.create(t, shared)
	for _, x := range []*file.File{gone, twin} {
		_, err := f.store.Update(t.Context(), f.org, x.ID, 0, func(x *file.File) (file.Event, error) { return x.Delete(f.now.UTC()) })
		require.NoError(t, err)
	}
	step := func(d time.Duration) {
		f.now = f.now.Add(d)
		require.NoError(t, f.sweeper.Once(t.Context()))
	}
	step(29 * 24 * time.Hour)
	_, err := f.store.Get(t.Context(), f.org, gone.ID)
	require.NoError(t, err, "can still be restored")
	step(2 * 24 * time.Hour)
	_, err = f.store.Get(t.Context(), f.org, gone.ID)
	require.ErrorIs(t, err, file.ErrNotFound)
	require.True(t, f.there(t, own), "for a day more")
	step(25 * time.Hour)
	require.False(t, f.there(t, own))
	require.True(t, f.there(t, shared))
	_, err = f.store.Get(t.Context(), f.org, other.ID)
	require.NoError(t, err)
}

// Bytes that were about to go stay when somebody uploads them once more.
func TestContentUploadedOnceMoreStays(t *testing.T) {
	t.Parallel()
	f := setUp(t)
	c := f.put(t, "again")
	x := f.create(t, c)
	_, err := f.store.Update(t.Context(), f.org, x.ID, 0, func(x *file.File) (file.Event, error) { return x.Delete(f.now.UTC()) })
	require.NoError(t, err)
	f.now = f.now.Add(31 * 24 * time.Hour)
	require.NoError(t, f.sweeper.Once(t.Context())) // purged, content doomed
	f.create(t, f.put(t, "again"))
	f.now = f.now.Add(48 * time.Hour)
	require.NoError(t, f.sweeper.Once(t.Context()))
	require.True(t, f.there(t, c))

	// Cleared away between upload and commit: the uploader is told, nothing pretends to be there.
	c = f.put(t, "raced")
	require.NoError(t, f.blobs.Delete(t.Context(), c.Key))
	_, err = f.store.Create(t.Context(), f.org, &file.File{ID: id.New(), Name: "a.txt", UploaderID: id.New(), Content: c})
	require.ErrorIs(t, err, file.ErrUnavailable)
}

// What a crash between upload and commit leaves in the store is found and cleared away.
func TestStraysAreClearedAway(t *testing.T) {
	t.Parallel()
	f := setUp(t)
	kept, stray := f.put(t, "kept"), f.put(t, "stray")
	f.create(t, kept)
	sweepAll := func() {
		require.NoError(t, f.sweeper.Strays(context.WithoutCancel(t.Context())))
		require.NoError(t, f.sweeper.Once(t.Context()))
	}
	sweepAll()
	require.True(t, f.there(t, stray), "an upload may be under way")
	old := f.now.Add(-30 * time.Hour)
	for _, c := range []file.Content{kept, stray} {
		require.NoError(t, os.Chtimes(filepath.Join(f.dir, filepath.FromSlash(c.Key)), old, old))
	}
	sweepAll()
	f.now = f.now.Add(25 * time.Hour)
	sweepAll()
	require.False(t, f.there(t, stray))
	require.True(t, f.there(t, kept))
}
