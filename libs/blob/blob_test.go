package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/blob"
)

func open(t *testing.T) (*blob.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blobs")
	s, err := blob.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, dir
}

// paths returns the files below dir.
func paths(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, strings.TrimPrefix(p, dir+"/"))
		}
		return err
	}))
	return out
}

func TestPutAndOpen(t *testing.T) {
	t.Parallel()
	s, dir := open(t)
	content := make([]byte, 3<<20)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(content)
	sum := sha256.Sum256(content)

	c, err := s.Put(t.Context(), "acme", bytes.NewReader(content), 0)
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(sum[:]), c.SHA256)
	require.EqualValues(t, len(content), c.Size)
	require.Equal(t, "acme/"+c.SHA256[:2]+"/"+c.SHA256, c.Key)

	again, err := s.Put(t.Context(), "acme", bytes.NewReader(content), 0)
	require.NoError(t, err)
	require.Equal(t, c, again)
	require.Equal(t, []string{c.Key}, paths(t, dir), "kept once, and nothing left over")

	// ID-1: the same content of another organisation is its own.
	other, err := s.Put(t.Context(), "umbrella", bytes.NewReader(content), 0)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), c.Key))
	ok, err := s.Exists(t.Context(), other.Key)
	require.NoError(t, err)
	require.True(t, ok)
	_, err = s.Open(t.Context(), c.Key)
	require.ErrorIs(t, err, blob.ErrNotFound)
	require.ErrorIs(t, s.Delete(t.Context(), c.Key), blob.ErrNotFound)

	r, err := s.Open(t.Context(), other.Key)
	require.NoError(t, err)
	require.EqualValues(t, len(content), r.Size())
	_, err = r.Seek(1<<20, io.SeekStart)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content[1<<20:], got))
	require.NoError(t, r.Close())
	require.NoError(t, s.Check(t.Context()))
}

func TestPutKeepsNothingOfWhatFails(t *testing.T) {
	t.Parallel()
	s, dir := open(t)
	_, err := s.Put(t.Context(), "acme", strings.NewReader("12345"), 4)
	require.ErrorIs(t, err, blob.ErrTooLarge)
	broken := errors.New("connection reset")
	_, err = s.Put(t.Context(), "acme", io.MultiReader(strings.NewReader("123"), iotest.ErrReader(broken)), 0)
	require.ErrorIs(t, err, broken)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Put(ctx, "acme", strings.NewReader("123"), 0)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, paths(t, dir))
	_, err = s.Put(t.Context(), "acme", strings.NewReader("1234"), 4)
	require.NoError(t, err)
}

func TestOpenSweepsWhatAKilledProcessLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old, young := filepath.Join(dir, "staging", "put-1"), filepath.Join(dir, "staging", "put-2")
	require.NoError(t, os.MkdirAll(filepath.Dir(old), 0o750))
	require.NoError(t, os.WriteFile(old, []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(young, []byte("x"), 0o600))
	yesterday := time.Now().Add(-25 * time.Hour)
	require.NoError(t, os.Chtimes(old, yesterday, yesterday))
	s, err := blob.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoFileExists(t, old)
	require.FileExists(t, young)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"ftp://x", "blobs", "://", "file:///proc/nope"} {
		_, err := blob.Open(t.Context(), u)
		require.Error(t, err, u)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	links := blob.NewLinks([]byte("secret"))
	token := links.Sign("acme/file/3", now.Add(time.Minute))
	what, err := links.Verify(token, now)
	require.NoError(t, err)
	require.Equal(t, "acme/file/3", what)

	changed := []byte(token)
	changed[len(changed)-2] ^= 1
	tests := []struct {
		name, token string
		links       blob.Links
		now         time.Time
	}{
		{"expired", token, links, now.Add(time.Minute)},
		{"another secret's", token, blob.NewLinks([]byte("other")), now},
		{"changed", string(changed), links, now},
		{"rubbish", "!!", links, now},
		{"empty", "", links, now},
		{"cut", token[:20], links, now},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.links.Verify(tt.token, tt.now)
			require.ErrorIs(t, err, blob.ErrLink)
		})
	}
}
