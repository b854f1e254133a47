package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/runner"
	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// run runs what runs beside the server until the test ends.
func (s *suite) run(t *testing.T) {
	t.Helper()
	testkit.CreateTopic(t, testkit.Kafka(t), contactsTopic, broker.DefaultPartitions)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	g := runner.Group{Log: slog.New(slog.DiscardHandler), Components: s.app.Components()}
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("components: %v", err)
		}
	})
}

const contactsTopic = "kontor.contacts.v1"

// tell publishes an event of a contact, as the relay of contacts does.
func (s *suite) tell(t *testing.T, contact string, version int64, m proto.Message) {
	t.Helper()
	ev := event.New(contactsTopic, "contact", contact, version, m)
	ev.Organization, ev.HappenedAt = s.org, time.Now()
	msg := broker.Message(&ev)
	msg.Topic = contactsTopic
	w := &kafka.Writer{Addr: kafka.TCP(testkit.Kafka(t)...), RequiredAcks: kafka.RequireAll, BatchSize: 1}
	require.NoError(t, w.WriteMessages(t.Context(), msg))
	require.NoError(t, w.Close())
}

// names are what the files of a record that the user sees are called.
func (s *suite) names(t *testing.T, user string, rec *typev1.Ref, deleted bool) []string {
	t.Helper()
	res, err := s.client.ListFiles(s.as(t, user), &filesv1.ListFilesRequest{Record: rec, ShowDeleted: deleted, OrderBy: "name"})
	require.NoError(t, err)
	n, err := s.client.CountFiles(s.as(t, user), &filesv1.CountFilesRequest{Record: rec, ShowDeleted: deleted})
	require.NoError(t, err)
	require.Len(t, res.GetFiles(), int(n.GetCount()))
	names := []string{}
	for _, f := range res.GetFiles() {
		names = append(names, f.GetName())
	}
	return names
}

// CON-16: files of a contact that is merged into another are that one's, for whoever sees that one, until the merge is
// undone: then all is as it was.
func TestFilesFollowMerges(t *testing.T) { // not parallel: consumers of one name share the broker's partitions
	s := start(t)
	s.run(t)
	bobs, anns, merge := id.New(), id.New(), id.New()
	s.people.responsible[bobs], s.people.responsible[anns] = s.bob, s.ann
	survivor, gone := &typev1.Ref{Kind: "contact", Id: bobs}, &typev1.Ref{Kind: "contact", Id: anns}
	_, err := s.upload(s.as(t, s.bob), &filesv1.Upload{Name: "own.txt", Record: survivor}, []byte("own"))
	require.NoError(t, err)
	passport, err := s.upload(s.as(t, s.ann), &filesv1.Upload{Name: "passport.txt", Record: gone}, []byte("passport"))
	require.NoError(t, err)
	binned, err := s.upload(s.as(t, s.ann), &filesv1.Upload{Name: "binned.txt", Record: gone}, []byte("binned"))
	require.NoError(t, err)
	_, err = s.client.DeleteFile(s.as(t, s.ann), &filesv1.DeleteFileRequest{Id: binned.GetId()})
	require.NoError(t, err)
	sees := func(user string) error {
		_, err := s.client.GetFile(s.as(t, user), &filesv1.GetFileRequest{Id: passport.GetId()})
		return err
	}
	require.NoError(t, sees(s.ann))
	require.Equal(t, "FILE_NOT_FOUND", reason(sees(s.bob)))

	away := &contactsv1.ContactMergedAway{Contact: &contactsv1.Contact{Id: anns}, MergeId: merge, IntoId: bobs}
	s.people.merge(anns, bobs)
	s.tell(t, anns, 2, away)
	testkit.Eventually(t, func() error {
		if n := len(s.names(t, s.bob, survivor, false)); n != 2 {
			return fmt.Errorf("%d files", n)
		}
		return sees(s.bob)
	})
	require.Equal(t, "FILE_NOT_FOUND", reason(sees(s.ann)), "the record is another's now")
	require.Equal(t, []string{"own.txt", "passport.txt"}, s.names(t, s.bob, survivor, false))
	require.Equal(t, []string{"own.txt", "passport.txt"}, s.names(t, s.bob, gone, false), "the old ID leads there")
	require.Equal(t, []string{"binned.txt"}, s.names(t, s.bob, survivor, true))
	_, body, err := download(s.client.DownloadFile(s.as(t, s.bob), &filesv1.DownloadFileRequest{Id: passport.GetId()}))
	require.NoError(t, err)
	require.Equal(t, "passport", string(body))
	late, err := s.upload(s.as(t, s.bob), &filesv1.Upload{Name: "late.txt", Record: gone}, []byte("late"))
	require.NoError(t, err)
	require.Equal(t, bobs, late.GetRecord().GetId())

	// The change is told, with what led to it.
	evs, err := s.db.App.History(t.Context(), s.org, "file", passport.GetId(), 0, 10)
	require.NoError(t, err)
	require.Len(t, evs, 2)
	var told filesv1.FileUpdated
	require.NoError(t, proto.Unmarshal(evs[0].Payload, &told))
	require.Equal(t, bobs, told.GetFile().GetRecord().GetId())
	require.Equal(t, anns, told.GetPrevious().GetRecord().GetId())
	require.Equal(t, []string{"record"}, told.GetUpdateMask().GetPaths())
	require.Equal(t, "merge/"+merge, evs[0].Cause)
	require.Equal(t, "service:files", evs[0].Actor)
	testkit.Eventually(t, func() error {
		var waiting int
		err := s.db.System.Pool().QueryRow(t.Context(), `SELECT count(*) FROM outbox`).Scan(&waiting)
		if err == nil && waiting > 0 {
			err = fmt.Errorf("%d events are not published", waiting)
		}
		return err
	})

	s.tell(t, anns, 2, away) // again: nothing
	s.people.merge(anns, "")
	s.tell(t, anns, 3, &contactsv1.ContactRestored{Contact: &contactsv1.Contact{Id: anns}, MergeId: merge, FromId: bobs})
	testkit.Eventually(t, func() error {
		if reason(sees(s.bob)) != "FILE_NOT_FOUND" {
			return errors.New("still the other's")
		}
		return sees(s.ann)
	})
	back, err := s.client.GetFile(s.as(t, s.ann), &filesv1.GetFileRequest{Id: passport.GetId()})
	require.NoError(t, err)
	back.GetFile().Etag, back.GetFile().UpdateTime = passport.GetEtag(), passport.GetUpdateTime()
	require.True(t, proto.Equal(passport, back.GetFile()), "as it was but for version and time: %v", back.GetFile())
	require.Equal(t, []string{"passport.txt"}, s.names(t, s.ann, gone, false))
	require.Equal(t, []string{"binned.txt"}, s.names(t, s.ann, gone, true))
	require.Equal(t, []string{"late.txt", "own.txt"}, s.names(t, s.bob, survivor, false))
	evs, err = s.db.App.History(t.Context(), s.org, "file", passport.GetId(), 0, 10)
	require.NoError(t, err)
	require.Len(t, evs, 3)
}
