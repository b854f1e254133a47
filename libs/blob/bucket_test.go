package blob

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
)

// keysOf lists a bucket.
func keysOf(t *testing.T, b *blob.Bucket) []string {
	t.Helper()
	var keys []string
	it := b.List(nil)
	for {
		o, err := it.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return keys
		}
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
}

// The way to a bucket, as for s3, on gocloud's bucket in memory.
func TestBucket(t *testing.T) {
	t.Parallel()
	s := &Store{bucket: memblob.OpenBucket(nil)}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err := s.Put(t.Context(), "acme", strings.NewReader("12345"), 4)
	require.ErrorIs(t, err, ErrTooLarge)
	broken := errors.New("connection reset")
	_, err = s.Put(t.Context(), "acme", io.MultiReader(strings.NewReader("1"), iotest.ErrReader(broken)), 0)
	require.ErrorIs(t, err, broken)
	require.Empty(t, keysOf(t, s.bucket))

	c, err := s.Put(t.Context(), "acme", strings.NewReader("1234"), 4)
	require.NoError(t, err)
	require.Equal(t, []string{c.Key}, keysOf(t, s.bucket))
	r, err := s.Open(t.Context(), c.Key)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "1234", string(got))
	require.NoError(t, r.Close())
	require.NoError(t, s.Check(t.Context()))
}
