// Package publish turns what has happened to files into events.
package publish

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/files/internal/file"
)

// Topic is the service's own.
const Topic = "kontor.files.v1"

// Kind of records in events.
const Kind = "file"

// File is the message of a file.
func File(f *file.File) *filesv1.File {
	p := &filesv1.File{
		Id: f.ID, Name: f.Name, ContentType: f.Content.Type, Size: f.Content.Size, Sha256: f.Content.SHA256,
		ContentVersion: f.ContentVersion, UploaderId: f.UploaderID, Etag: aip.Etag(f.Version), CreateTime: Time(f.CreatedAt),
		UpdateTime: Time(f.UpdatedAt), DeleteTime: Time(f.DeletedAt),
	}
	if !f.Record.None() {
		p.Record = &typev1.Ref{Kind: f.Record.Kind, Id: f.Record.ID}
	}
	return p
}

// Time is the message of a time; nil for the zero time.
func Time(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// Event turns a domain event into an event. Options are for updates, which may have another cause than a request.
func Event(ev file.Event, opts ...event.Option) event.Event {
	switch e := ev.(type) {
	case file.Created:
		return made(&e.File, &filesv1.FileCreated{File: File(&e.File)})
	case file.Updated:
		return made(&e.File, &filesv1.FileUpdated{
			File: File(&e.File), Previous: File(&e.Previous), UpdateMask: &fieldmaskpb.FieldMask{Paths: e.Fields},
		}, opts...)
	case file.Replaced:
		return made(&e.File, &filesv1.FileContentReplaced{File: File(&e.File), Previous: File(&e.Previous)})
	case file.Deleted:
		return made(&e.File, &filesv1.FileDeleted{File: File(&e.File)})
	case file.Restored:
		return made(&e.File, &filesv1.FileRestored{File: File(&e.File)})
	case file.Purged:
		return made(&e.File, &filesv1.FilePurged{File: File(&e.File)}, event.Actor("service:files"))
	}
	return event.Event{} // Check refuses it
}

func made(f *file.File, m proto.Message, opts ...event.Option) event.Event {
	return event.New(Topic, Kind, f.ID, f.Version, m, append(opts, event.Responsible(f.UploaderID, f.UploaderID))...)
}
