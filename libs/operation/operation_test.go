package operation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

var (
	now       = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	org, ann  = id.New(), id.New()
	ben, root = id.New(), id.New()
)

func store(t *testing.T) *operation.Store {
	t.Helper()
	all, err := schema.All()
	require.NoError(t, err)
	db := testkit.Postgres(t, "operationtest", fstest.MapFS{"0001_init.sql": {Data: []byte(all)}})
	return &operation.Store{Service: "deals", DB: db.App, Clock: clock.Fixed(now)}
}

// as is a context in which the user of an organisation calls; root may view the settings.
func as(t *testing.T, organization, user string) context.Context {
	t.Helper()
	d := authz.NewDirectory()
	d.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_Role{Role: &accessv1.DirectoryRole{
		Id: "admin", Grants: []*accessv1.DirectoryGrant{{Kind: "settings", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL}},
	}}})
	d.Apply(&accessv1.DirectoryEntry{OrganizationId: org, Version: 1, Entry: &accessv1.DirectoryEntry_User{User: &accessv1.DirectoryUser{
		Id: root, Active: true, RoleIds: []string{"admin"},
	}}})
	return authz.With(authn.With(t.Context(), authn.Principal{OrganizationID: organization, UserID: user}), d, authz.None())
}

func write(t *testing.T, s *operation.Store, fn func(tx pgx.Tx) error) error {
	t.Helper()
	return s.DB.Write(t.Context(), org, func(_ context.Context, tx pgx.Tx) ([]event.Event, error) { return nil, fn(tx) })
}

func create(t *testing.T, s *operation.Store) string {
	t.Helper()
	uuid := id.New()
	require.NoError(t, write(t, s, func(tx pgx.Tx) error {
		return s.Create(t.Context(), tx, org, operation.New{ID: uuid, Kind: "import", UserID: ann})
	}))
	return uuid
}

func TestLifeOfAnOperation(t *testing.T) {
	t.Parallel()
	s := store(t)
	uuid := create(t, s)
	op, err := s.Get(as(t, org, ann), s.ID(uuid))
	require.NoError(t, err)
	require.Equal(t, "deals."+uuid, op.GetId())
	require.Equal(t, operationv1.State_STATE_QUEUED, op.GetState())
	require.Equal(t, now, op.GetCreateTime().AsTime())
	require.Nil(t, op.GetEndTime())

	// 60 rejections twice: the first hundred are shown, all are counted.
	for step := range 2 {
		var rejected []operation.Rejection
		for i := range 60 {
			rejected = append(rejected, operation.Rejection{Line: int64(step*60 + i), Field: "name", Reason: "R", Message: fmt.Sprint(step, i)})
		}
		require.NoError(t, write(t, s, func(tx pgx.Tx) error {
			cancel, err := s.Advance(t.Context(), tx, org, uuid, operation.Progress{
				Done: int64(500 * (step + 1)), Total: 8800, Rejected: int64(60 * (step + 1)), New: rejected,
			})
			require.False(t, cancel)
			return err
		}))
	}
	op, err = s.Load(t.Context(), org, uuid)
	require.NoError(t, err)
	require.Equal(t, operationv1.State_STATE_RUNNING, op.GetState())
	require.EqualValues(t, 1000, op.GetDone())
	require.EqualValues(t, 8800, op.GetTotal())
	require.EqualValues(t, 120, op.GetRejected())
	require.Len(t, op.GetErrors(), 100)
	require.EqualValues(t, 0, op.GetErrors()[0].GetLine())
	require.EqualValues(t, 99, op.GetErrors()[99].GetLine())

	end := operation.End{Result: map[string]any{"created": 880}, RejectsFileID: "f1"}
	require.NoError(t, write(t, s, func(tx pgx.Tx) error { return s.Finish(t.Context(), tx, org, uuid, end) }))
	op, err = s.Load(t.Context(), org, uuid)
	require.NoError(t, err)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState())
	require.Equal(t, now, op.GetEndTime().AsTime())
	require.Equal(t, "f1", op.GetRejectsFileId())
	require.InDelta(t, 880, op.GetResult().GetFields()["created"].GetNumberValue(), 0)

	// What has ended stays so.
	require.ErrorIs(t, write(t, s, func(tx pgx.Tx) error { return s.Finish(t.Context(), tx, org, uuid, operation.End{}) }), operation.ErrEnded)
	require.ErrorIs(t, write(t, s, func(tx pgx.Tx) error {
		_, err := s.Advance(t.Context(), tx, org, uuid, operation.Progress{Done: 1})
		return err
	}), operation.ErrEnded)
	_, err = s.Cancel(as(t, org, ann), s.ID(uuid))
	require.ErrorIs(t, err, operation.ErrEnded)
}

func TestCancelIsToldToWhoeverRunsIt(t *testing.T) {
	t.Parallel()
	s := store(t)
	uuid := create(t, s)
	_, err := s.Cancel(as(t, org, ann), s.ID(uuid))
	require.NoError(t, err)
	require.NoError(t, write(t, s, func(tx pgx.Tx) error {
		cancel, err := s.Advance(t.Context(), tx, org, uuid, operation.Progress{Done: 1})
		require.True(t, cancel)
		return err
	}))
	require.NoError(t, write(t, s, func(tx pgx.Tx) error {
		return s.Finish(t.Context(), tx, org, uuid, operation.End{Cancelled: true})
	}))
	op, err := s.Load(t.Context(), org, uuid)
	require.NoError(t, err)
	require.Equal(t, operationv1.State_STATE_CANCELLED, op.GetState())
}

func TestFailureSaysWhy(t *testing.T) {
	t.Parallel()
	s := store(t)
	uuid := create(t, s)
	require.NoError(t, write(t, s, func(tx pgx.Tx) error {
		return s.Finish(t.Context(), tx, org, uuid, operation.End{Failure: "column missing"})
	}))
	op, err := s.Load(t.Context(), org, uuid)
	require.NoError(t, err)
	require.Equal(t, operationv1.State_STATE_FAILED, op.GetState())
	require.Equal(t, "column missing", op.GetError())
}

// ID-1, ID-6: another's operation is not there.
func TestWhoSeesAnOperation(t *testing.T) {
	t.Parallel()
	s := store(t)
	opID := s.ID(create(t, s))
	tests := []struct {
		name string
		ctx  context.Context
		id   string
		want error
	}{
		{"who asked for it", as(t, org, ann), opID, nil},
		{"who may view all settings", as(t, org, root), opID, nil},
		{"a colleague", as(t, org, ben), opID, operation.ErrNotFound},
		{"the same user of another organisation", as(t, id.New(), ann), opID, operation.ErrNotFound},
		{"an unknown one", as(t, org, ann), s.ID(id.New()), operation.ErrNotFound},
		{"another service's", as(t, org, ann), "contacts" + opID[5:], operation.ErrNotFound},
		{"rubbish", as(t, org, ann), "deals.rubbish", operation.ErrNotFound},
		{"empty", as(t, org, ann), "", operation.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Get(tt.ctx, tt.id)
			require.ErrorIs(t, err, tt.want)
			if tt.want != nil {
				_, err = s.Cancel(tt.ctx, tt.id)
				require.ErrorIs(t, err, tt.want)
			}
		})
	}
}

func TestCreateGoesWithItsTransaction(t *testing.T) {
	t.Parallel()
	s := store(t)
	uuid, boom := id.New(), errors.New("the job was not inserted")
	require.ErrorIs(t, write(t, s, func(tx pgx.Tx) error {
		require.NoError(t, s.Create(t.Context(), tx, org, operation.New{ID: uuid, Kind: "import", UserID: ann}))
		return boom
	}), boom)
	_, err := s.Load(t.Context(), org, uuid)
	require.ErrorIs(t, err, operation.ErrNotFound)
}
