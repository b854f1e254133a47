package blob

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
)

// Object is a content as the store lists it.
type Object struct {
	Key     string
	Size    int64
	ModTime time.Time
}

// List calls fn for every content, in no order, until fn returns an error, which it returns. What is not complete yet
// is not listed. It is for upkeep: it looks at everything.
func (s *Store) List(ctx context.Context, fn func(Object) error) error {
	it := s.bucket.List(nil)
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return failure("list", err)
		}
		if o.IsDir || strings.HasPrefix(o.Key, staging+"/") {
			continue
		}
		if err := fn(Object{Key: o.Key, Size: o.Size, ModTime: o.ModTime}); err != nil {
			return err
		}
	}
}
