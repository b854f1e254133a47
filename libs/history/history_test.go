package history_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/history"
	"kontor.internal/libs/id"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// The messages of this package's contexts are not for libs to know: an answer about an operation stands for an event, and
// the operation for the record.

type request struct {
	id    string
	size  int32
	token string
}

func (r request) GetId() string        { return r.id }
func (r request) GetPageSize() int32   { return r.size }
func (r request) GetPageToken() string { return r.token }

var (
	day  = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	user = id.New()
)

func happened(t *testing.T, version int64, actor string, op *operationv1.Operation) event.Event {
	t.Helper()
	msg := &operationv1.GetOperationResponse{Operation: op}
	payload, err := proto.Marshal(msg)
	require.NoError(t, err)
	return event.Event{
		ID: fmt.Sprint("e", version), Version: version, Type: string(msg.ProtoReflect().Descriptor().FullName()),
		HappenedAt: day.Add(time.Duration(version) * time.Hour), Actor: actor, Cause: "import/x", Payload: payload,
	}
}

// kept reads events as the event table does.
func kept(evs ...event.Event) func(int64, int) ([]event.Event, error) {
	return func(before int64, limit int) ([]event.Event, error) {
		var out []event.Event
		for _, e := range slices.Backward(evs) {
			if (before == 0 || e.Version < before) && len(out) < limit {
				out = append(out, e)
			}
		}
		return out, nil
	}
}

func shown(e *typev1.HistoryEntry) []string {
	var out []string
	for _, c := range e.GetChanges() {
		out = append(out, fmt.Sprint(c.GetField(), ": ", c.GetOldValue().AsInterface(), " → ", c.GetNewValue().AsInterface()))
	}
	return out
}

// ID-9, CON-16: every entry has what changed against the version before, whatever the page it is on.
func TestEntriesHaveWhatChanged(t *testing.T) {
	t.Parallel()
	recordID, effective := id.New(), day.Add(-24*time.Hour)
	running := func(done int64) *operationv1.Operation {
		return &operationv1.Operation{
			Id: recordID, Done: done, CreateTime: timestamppb.New(day.Add(time.Duration(done))),
			State: operationv1.State_STATE_RUNNING,
		}
	}
	failed := running(2)
	failed.State, failed.Error = operationv1.State_STATE_FAILED, "why"
	failed.Errors = []*operationv1.Rejection{{Line: 3, Reason: "R"}}
	mended := proto.CloneOf(failed)
	mended.Error, mended.Errors = "", nil
	evs := []event.Event{
		happened(t, 1, user, running(1)), happened(t, 2, user, running(1)), happened(t, 4, "service:files", failed), happened(t, 5, user, mended),
	}
	evs[1].EffectiveAt = &effective
	want := [][]string{
		{"error: why → <nil>", "errors: [map[line:3 reason:R]] → <nil>"},
		{"state: STATE_RUNNING → STATE_FAILED", "done: 1 → 2", "errors: <nil> → [map[line:3 reason:R]]", "error: <nil> → why"},
		nil,
		{"state: <nil> → STATE_RUNNING", "done: <nil> → 1"},
	}
	for size := range int32(6) {
		var got [][]string
		var entries []*typev1.HistoryEntry
		req := request{id: recordID, size: size}
		for {
			page, next, err := history.Page(req, kept(evs...))
			require.NoError(t, err)
			for _, e := range page {
				got = append(got, shown(e))
			}
			entries = append(entries, page...)
			if req.token = next; next == "" {
				break
			}
		}
		for i := range want {
			require.ElementsMatch(t, want[i], got[i], "entry %d in pages of %d", i, size)
		}
		require.Len(t, got, len(want))
		newest, noone, second := entries[0], entries[1], entries[2]
		require.Equal(t, "e5", newest.GetId())
		require.EqualValues(t, 5, newest.GetVersion())
		require.Equal(t, "kontor.operation.v1.GetOperationResponse", newest.GetType())
		require.Equal(t, user, newest.GetUserId())
		require.Equal(t, "import/x", newest.GetCause())
		require.True(t, newest.GetHappenTime().AsTime().Equal(day.Add(5*time.Hour)))
		require.Nil(t, newest.GetEffectiveTime())
		require.Empty(t, noone.GetUserId(), "a service is no user")
		require.True(t, second.GetEffectiveTime().AsTime().Equal(effective))
	}
}

// A token leads on in its own record's history alone.
func TestTokensAreOfOneRecord(t *testing.T) {
	t.Parallel()
	recordID := id.New()
	read := kept(happened(t, 1, user, &operationv1.Operation{}), happened(t, 2, user, &operationv1.Operation{Done: 1}))
	_, next, err := history.Page(request{id: recordID, size: 1}, read)
	require.NoError(t, err)
	for _, token := range []string{next, "forged", "djA", "LzA"} {
		_, _, err := history.Page(request{id: id.New(), token: token}, read)
		require.ErrorIs(t, err, aip.ErrPageToken)
	}
	entries, next, err := history.Page(request{id: recordID}, kept())
	require.NoError(t, err)
	require.Empty(t, entries)
	require.Empty(t, next)
}

// An event that does not begin with a record is a mistake, not an empty change.
func TestEventsBeginWithTheRecord(t *testing.T) {
	t.Parallel()
	for _, msg := range []proto.Message{&typev1.Ref{Kind: "deal"}, &accessv1.DirectoryUser{}} {
		e := happened(t, 1, user, &operationv1.Operation{})
		e.Type = string(msg.ProtoReflect().Descriptor().FullName())
		_, _, err := history.Page(request{id: id.New()}, kept(e))
		require.ErrorContains(t, err, "no record")
	}
	e := happened(t, 1, user, &operationv1.Operation{})
	e.Type = "kontor.unheard.v1.Of"
	_, _, err := history.Page(request{id: id.New()}, kept(e))
	require.ErrorContains(t, err, "kontor.unheard.v1.Of")
}
