package blob_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/blob"
)

// openS3 opens a store as operators do, by a URL and the environment that AWS tools read, at a server of the S3 protocol
// that has one bucket, kontor-files.
func openS3(t *testing.T, bucket string) (*blob.Store, *s3mem.Backend) {
	t.Helper()
	for _, name := range []string{"AWS_PROFILE", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "kontor")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	backend := s3mem.New()
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	require.NoError(t, backend.CreateBucket("kontor-files"))
	s, err := blob.Open(t.Context(), "s3://"+bucket+"?region=eu-central-1&use_path_style=true&endpoint="+url.QueryEscape(server.URL))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, backend
}

// objects are the keys that the server has.
func objects(t *testing.T, b *s3mem.Backend) (keys []string) {
	t.Helper()
	list, err := b.ListBucket("kontor-files", nil, gofakes3.ListBucketPage{})
	require.NoError(t, err)
	for _, o := range list.Contents {
		keys = append(keys, o.Key)
	}
	return keys
}

// Contents go to a bucket in several parts, come back as they were, are sought in, listed and deleted.
func TestS3(t *testing.T) {
	s, server := openS3(t, "kontor-files")
	require.NoError(t, s.Check(t.Context()))
	content := make([]byte, 12<<20) // more than one part
	_, _ = rand.NewChaCha8([32]byte{7}).Read(content)
	c, err := s.Put(t.Context(), "acme", bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	again, err := s.Put(t.Context(), "acme", bytes.NewReader(content), 0)
	require.NoError(t, err)
	require.Equal(t, c, again)
	require.Equal(t, []string{c.Key}, objects(t, server), "kept once, and nothing left over")

	r, err := s.Open(t.Context(), c.Key)
	require.NoError(t, err)
	require.EqualValues(t, len(content), r.Size())
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got))
	_, err = r.Seek(-100, io.SeekEnd)
	require.NoError(t, err)
	got, err = io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, content[len(content)-100:], got)
	require.NoError(t, r.Close())

	var listed []string
	require.NoError(t, s.List(t.Context(), func(o blob.Object) error {
		listed = append(listed, o.Key)
		require.EqualValues(t, len(content), o.Size)
		return nil
	}))
	require.Equal(t, []string{c.Key}, listed)

	require.NoError(t, s.Delete(t.Context(), c.Key))
	ok, err := s.Exists(t.Context(), c.Key)
	require.NoError(t, err)
	require.False(t, ok)
	_, err = s.Open(t.Context(), c.Key)
	require.ErrorIs(t, err, blob.ErrNotFound)
}

// What fails half-way leaves nothing in the bucket.
func TestS3KeepsNothingOfWhatFails(t *testing.T) {
	s, server := openS3(t, "kontor-files")
	_, err := s.Put(t.Context(), "acme", strings.NewReader("12345"), 4)
	require.ErrorIs(t, err, blob.ErrTooLarge)
	broken := errors.New("connection reset")
	_, err = s.Put(t.Context(), "acme", io.MultiReader(bytes.NewReader(make([]byte, 6<<20)), iotest.ErrReader(broken)), 0)
	require.ErrorIs(t, err, broken)
	require.Empty(t, objects(t, server))
}

// Readiness tells that there is no such bucket.
func TestS3WithoutItsBucket(t *testing.T) {
	s, _ := openS3(t, "no-such-bucket")
	require.ErrorContains(t, s.Check(t.Context()), "does not exist")
}
