// Package file is about uploaded files: what they are called, what they hang on, which contents they have had. Fields are
// exported, since no rule spans several; Validate and CleanName say what holds.
package file

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
)

const (
	// BinTime is how long a file can be taken out of the bin.
	BinTime = 30 * 24 * time.Hour
	// MaxName is the longest name, in bytes: what file systems take.
	MaxName = 255
)

// Failures.
var (
	ErrNotFound    = apperr.NotFound("FILE_NOT_FOUND", "there is no such file")
	ErrStale       = apperr.Conflict("FILE_ETAG_MISMATCH", "the file was changed by someone else; read it again")
	ErrName        = apperr.Invalid("FILE_NAME_INVALID", "the file needs a name of at most 255 bytes, without folders")
	ErrTooLarge    = apperr.Invalid("FILE_TOO_LARGE", "the file is larger than this installation accepts")
	ErrUpload      = apperr.Invalid("FILE_UPLOAD_INVALID", "an upload is its properties first, then the content in pieces")
	ErrSize        = apperr.Invalid("FILE_SIZE_MISMATCH", "the content has another length than was announced; upload it again")
	ErrRange       = apperr.Invalid("FILE_RANGE_INVALID", "the content ends before that")
	ErrNotDeleted  = apperr.NotAllowedNow("FILE_NOT_DELETED", "the file is not in the bin")
	ErrLink        = apperr.NotFound("DOWNLOAD_LINK_INVALID", "the link is not valid or has expired; ask for a new one")
	ErrRecord      = apperr.NotFound("RECORD_NOT_FOUND", "there is no such record to hang a file on")
	ErrForbidden   = apperr.Forbidden("RECORD_FORBIDDEN", "only who may change the record may change its files")
	ErrKind        = apperr.Invalid("RECORD_KIND_UNKNOWN", "files cannot hang on records of this kind")
	ErrSame        = apperr.Invalid("RECORD_SAME", "name two records: files are copied from one to the other")
	ErrUnavailable = apperr.Unavailable("FILE_CONTENT_UNAVAILABLE", "the content cannot be stored or read now; try again")
)

// Record is a record that files hang on. The zero value is none.
type Record struct{ Kind, ID string }

// None reports whether it is no record.
func (r Record) None() bool { return r == Record{} }

// Merges reports whether it is of a kind whose records can become part of one another.
func (r Record) Merges() bool { return r.Kind == "contact" || r.Kind == "company" || r.Kind == "lead" }

// Content is what a file holds: where it is kept, and what it is.
type Content struct {
	// Key in the blob store.
	Key    string
	Type   string
	Size   int64
	SHA256 string
}

// File is an uploaded file.
type File struct {
	ID, Name   string
	Record     Record
	UploaderID string
	Content    Content
	// ContentVersion numbers contents from 1.
	ContentVersion int32

	Version              int64
	CreatedAt, UpdatedAt time.Time
	// DeletedAt is zero unless the file is in the bin.
	DeletedAt time.Time
}

// Version is one content that a file has or had.
type Version struct {
	Number     int32
	Content    Content
	UploaderID string
	CreatedAt  time.Time
}

// The domain events. The file is as after the change.
type (
	// Created says that a file was uploaded.
	Created struct{ File File }
	// Updated says that it was renamed, attached or detached.
	Updated struct {
		File, Previous File
		Fields         []string
	}
	// Replaced says that it has new content.
	Replaced struct{ File, Previous File }
	// Deleted says that it was put into the bin.
	Deleted struct{ File File }
	// Restored says that it was taken out of the bin.
	Restored struct{ File File }
	// Purged says that it left the bin for good.
	Purged struct{ File File }
)

// Event is one of the domain events above.
type Event any

// Store keeps files. Every method is scoped to one organisation; an ID of another organisation behaves exactly like an
// ID that does not exist.
type Store interface {
	// Create stores a file with its first content, on the record that the one named is part of now. Contents that no file
	// refers to are not kept for ever: it returns ErrUnavailable if the content has been cleared away meanwhile.
	Create(ctx context.Context, org string, f *File) (*File, error)

	// Get returns ErrNotFound if there is no such file; one in the bin is returned.
	Get(ctx context.Context, org, id string) (*File, error)

	// Update loads the file, lets fn change it and saves it with the event fn returns, atomically; without an event
	// nothing is saved. If fn hangs it on another record it is hung on the one that this is part of now. fn may run more
	// than once. A Replaced event adds the file's content to its versions. It returns ErrNotFound, ErrStale if etag is not
	// zero and not the stored version, fn's error, or ErrUnavailable as Create does.
	Update(ctx context.Context, org, id string, etag int64, fn func(*File) (Event, error)) (*File, error)

	// Copy gives record to a copy of each file of record from that it has not been given one of before. Files in the
	// bin are left out.
	Copy(ctx context.Context, org string, from, to Record) error

	// Content returns content number n of the file, or its newest for 0. It returns ErrNotFound.
	Content(ctx context.Context, org, id string, n int32) (Content, error)
}

// CleanName makes a name as it came from outside one that can be shown and saved: without folders before it, control
// characters, characters that turn the direction of text, and what cannot stand at the ends. It returns ErrName if
// nothing is left.
func CleanName(s string) (string, error) {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x2069, r == 0xFEFF:
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, s)
	s = strings.TrimRight(strings.TrimSpace(s), ". ")
	if len(s) > MaxName {
		s = shorten(s)
	}
	if strings.Trim(s, "._ ") == "" {
		return "", ErrName
	}
	return s, nil
}

// shorten cuts the middle out and keeps the extension.
func shorten(s string) string {
	ext := ""
	if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 16 {
		s, ext = s[:i], s[i:]
	}
	s = s[:MaxName-len(ext)]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + ext
}

// Change renames and attaches the file and returns Updated, or nil if nothing changed.
func (f *File) Change(fn func(*File)) (Event, error) {
	if !f.DeletedAt.IsZero() {
		return nil, ErrNotFound
	}
	before := *f
	fn(f)
	var err error
	if f.Name, err = CleanName(f.Name); err != nil {
		return nil, err
	}
	var fields []string
	if f.Name != before.Name {
		fields = append(fields, "name")
	}
	if f.Record != before.Record {
		fields = append(fields, "record")
	}
	if len(fields) == 0 {
		return nil, nil // No event: nothing to save.
	}
	return Updated{File: *f, Previous: before, Fields: fields}, nil
}

// Follow hangs the file, even in the bin, on the record that the one it was put on is part of now, or back on that.
func (f *File) Follow(to Record, now time.Time) Event {
	before := *f
	f.Record, f.Version, f.UpdatedAt = to, f.Version+1, now.Truncate(time.Microsecond)
	return Updated{File: *f, Previous: before, Fields: []string{"record"}}
}

// Replace gives the file new content.
func (f *File) Replace(c Content) (Event, error) {
	if !f.DeletedAt.IsZero() {
		return nil, ErrNotFound
	}
	before := *f
	f.Content, f.ContentVersion = c, f.ContentVersion+1
	return Replaced{File: *f, Previous: before}, nil
}

// CopyTo returns a new file with the newest content that hangs on another record. Its uploader stays who uploaded it.
func (f *File) CopyTo(to Record, id string, now time.Time) *File {
	return &File{
		ID: id, Name: f.Name, Record: to, UploaderID: f.UploaderID, Content: f.Content, ContentVersion: 1,
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
}

// Delete puts the file into the bin.
func (f *File) Delete(now time.Time) (Event, error) {
	if !f.DeletedAt.IsZero() {
		return nil, ErrNotFound
	}
	f.DeletedAt = now
	return Deleted{File: *f}, nil
}

// Restore takes the file out of the bin.
func (f *File) Restore(now time.Time) (Event, error) {
	switch {
	case f.DeletedAt.IsZero():
		return nil, ErrNotDeleted
	case now.Sub(f.DeletedAt) > BinTime:
		return nil, ErrNotFound
	}
	f.DeletedAt = time.Time{}
	return Restored{File: *f}, nil
}
