// Package blob keeps contents of files in a folder (file:///path) or a bucket (s3://name?region=…), addressed by their
// SHA-256 and apart for each organisation.
//
// Contents are streamed, never held in memory. Put returns when the content is durable: in a folder it has been synced,
// together with the directory entries that lead to it. A content never changes; the same content put twice is kept
// once.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/id"
)

// Failures.
var (
	// ErrNotFound says that there is no content with the key.
	ErrNotFound = errors.New("no such content")
	// ErrTooLarge says that a content is larger than the limit; nothing has been kept.
	ErrTooLarge = errors.New("content too large")
)

// Content is a content that is kept.
type Content struct {
	// Key is where it is kept; for Open and Delete.
	Key string
	// SHA256 in hexadecimal.
	SHA256 string
	// Size in bytes.
	Size int64
}

// Store keeps contents.
type Store struct {
	bucket *blob.Bucket
	dir    string // of a folder; empty for buckets
}

// staging is where contents are until they are complete. It is no organisation's.
const staging = "staging"

// Open opens the store at a URL: "file:///var/lib/kontor/blobs" (made if missing) or "s3://bucket?region=eu-central-1",
// with whatever gocloud.dev understands behind the question mark ("endpoint=https://…&use_path_style=true") and
// credentials as AWS tools find them.
func Open(ctx context.Context, rawURL string) (*Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("blob store URL: %w", err)
	}
	switch u.Scheme {
	case "file":
		return openDir(filepath.FromSlash(u.Path))
	case "s3":
		var opener s3blob.URLOpener
		b, err := opener.OpenBucketURL(ctx, u)
		if err != nil {
			return nil, fmt.Errorf("blob store: %w", err)
		}
		return &Store{bucket: b}, nil
	}
	return nil, fmt.Errorf("blob store URL %q: want file:// or s3://", u.Scheme)
}

func openDir(dir string) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, staging), 0o750); err != nil {
		return nil, fmt.Errorf("blob store: %w", err)
	}
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{Metadata: fileblob.MetadataDontWrite, NoTempDir: true})
	if err != nil {
		return nil, fmt.Errorf("blob store: %w", err)
	}
	s := &Store{bucket: b, dir: dir}
	s.sweep()
	return s, nil
}

// sweep removes what a process that was killed has left half-way. What is younger than a day may be somebody's upload.
func (s *Store) sweep() {
	entries, _ := os.ReadDir(filepath.Join(s.dir, staging))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && clock.System().Sub(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(filepath.Join(s.dir, staging, e.Name()))
		}
	}
}

// Close releases the store.
func (s *Store) Close() error {
	if err := s.bucket.Close(); err != nil {
		return fmt.Errorf("blob store: %w", err)
	}
	return nil
}

// Put keeps what r yields, at most limit bytes (no limit if zero), for the organisation. It returns ErrTooLarge, or r's
// error; then nothing is kept.
func (s *Store) Put(ctx context.Context, organization string, r io.Reader, limit int64) (Content, error) {
	if limit > 0 {
		r = io.LimitReader(r, limit+1)
	}
	sum := sha256.New()
	in := io.TeeReader(contextReader{ctx, r}, sum)
	if s.dir != "" {
		return s.putFile(organization, in, sum, limit)
	}
	return s.putObject(ctx, organization, in, sum, limit)
}

// Open returns the content with the key, to be read, sought in, and closed. It returns ErrNotFound.
func (s *Store) Open(ctx context.Context, key string) (*Reader, error) {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, failure("open", err)
	}
	return &Reader{r: r}, nil
}

// Exists reports whether there is a content with the key.
func (s *Store) Exists(ctx context.Context, key string) (bool, error) {
	ok, err := s.bucket.Exists(ctx, key)
	if err != nil {
		return false, failure("look up", err)
	}
	return ok, nil
}

// Delete removes a content. It returns ErrNotFound.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil {
		return failure("delete", err)
	}
	return nil
}

// Check is a readiness check: the store can be reached.
func (s *Store) Check(ctx context.Context) error {
	ok, err := s.bucket.IsAccessible(ctx)
	if err == nil && !ok {
		err = errors.New("the bucket does not exist or may not be read")
	}
	if err != nil {
		return failure("check", err)
	}
	return nil
}

func failure(what string, err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return fmt.Errorf("blob store: %s: %w", what, err)
}

// contentOf names the content that has gone through sum.
func contentOf(organization string, sum hash.Hash, size int64) Content {
	h := hex.EncodeToString(sum.Sum(nil))
	return Content{Key: path.Join(organization, h[:2], h), SHA256: h, Size: size}
}

func (s *Store) putFile(organization string, in io.Reader, sum hash.Hash, limit int64) (c Content, err error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, staging), "put-*")
	if err != nil {
		return Content{}, fmt.Errorf("blob store: %w", err)
	}
	defer func() {
		_ = f.Close() // closed before, unless something failed
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	size, err := io.Copy(f, in)
	if err != nil {
		return Content{}, fmt.Errorf("write content: %w", err)
	}
	if limit > 0 && size > limit {
		return Content{}, ErrTooLarge
	}
	if err := f.Sync(); err != nil {
		return Content{}, fmt.Errorf("sync content: %w", err)
	}
	if err := f.Close(); err != nil {
		return Content{}, fmt.Errorf("close content: %w", err)
	}
	c = contentOf(organization, sum, size)
	target := filepath.Join(s.dir, filepath.FromSlash(c.Key))
	if err := s.makeDirs(filepath.Dir(target)); err != nil {
		return Content{}, err
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return Content{}, fmt.Errorf("place content: %w", err)
	}
	return c, syncDir(filepath.Dir(target))
}

// makeDirs makes the directories of a content durable, too: each new entry is in the directory above it.
func (s *Store) makeDirs(dir string) error {
	if err := os.Mkdir(dir, 0o750); err == nil {
		return syncDir(filepath.Dir(dir))
	} else if errors.Is(err, os.ErrExist) {
		return nil
	} else if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(dir, s.dir) {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := s.makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	return s.makeDirs(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // A folder of the store.
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer func() { _ = d.Close() }() // only read
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// putObject uploads under a name of its own, for the key is not known before the end, and has the bucket copy it.
func (s *Store) putObject(ctx context.Context, organization string, in io.Reader, sum hash.Hash, limit int64,
) (Content, error) {
	tmp := path.Join(staging, id.New())
	size, err := s.upload(ctx, tmp, in)
	if err != nil {
		return Content{}, err
	}
	defer func() { _ = s.bucket.Delete(context.WithoutCancel(ctx), tmp) }() // what stays costs space only
	if limit > 0 && size > limit {
		return Content{}, ErrTooLarge
	}
	c := contentOf(organization, sum, size)
	if err := s.bucket.Copy(ctx, c.Key, tmp, nil); err != nil {
		return Content{}, failure("place content", err)
	}
	return c, nil
}

func (s *Store) upload(ctx context.Context, key string, in io.Reader) (int64, error) {
	// Cancelling its context is how a writer is told not to keep what it has got.
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(wctx, key, &blob.WriterOptions{DisableContentTypeDetection: true})
	if err != nil {
		return 0, failure("upload", err)
	}
	size, err := io.Copy(w, in)
	if err != nil {
		cancel()
		_ = w.Close() // fails because cancelled
		return 0, fmt.Errorf("write content: %w", err)
	}
	if err := w.Close(); err != nil {
		return 0, failure("upload", err)
	}
	return size, nil
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Reader reads a content; an io.ReadSeekCloser.
type Reader struct{ r *blob.Reader }

// Read reads on.
func (r *Reader) Read(p []byte) (int, error) { return r.r.Read(p) }

// Seek moves on or back.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	return r.r.Seek(offset, whence)
}

// Close ends reading.
func (r *Reader) Close() error { return r.r.Close() }

// Size is the content's size in bytes.
func (r *Reader) Size() int64 { return r.r.Size() }
