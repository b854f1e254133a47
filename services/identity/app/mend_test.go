package app_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	"kontor.internal/services/identity/app"
)

// A broker that has lost the directory gets it again from the event table, when identity next starts.
func TestLostDirectoryIsPublishedAgain(t *testing.T) {
	t.Parallel()
	var deps app.Deps
	var cfg app.Config
	s := start(t, func(c *app.Config, d *app.Deps) { cfg, deps = *c, *d })
	testkit.Eventually(t, func() error {
		if _, ok := s.directory.User(s.first.OrganizationID, s.first.UserID); !ok {
			return errors.New("not published yet")
		}
		return nil
	})
	s.clock.step(time.Hour) // what is recent may still be on its way

	// To a process whose broker has lost the topic the directory is complete, and empty.
	deps.Directory = authz.NewDirectory()
	deps.Directory.SetReady(time.Now())
	again, err := app.New(t.Context(), cfg, deps)
	require.NoError(t, err)
	lost := authz.NewDirectory()
	follow(t, deps.Brokers, lost)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	for _, c := range again.Components() {
		if c.Name == "identity upkeep" {
			wg.Go(func() { _ = c.Run(ctx) })
		}
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	testkit.Eventually(t, func() error {
		if _, ok := lost.Organization(s.first.OrganizationID); !ok {
			return errors.New("no organisation")
		}
		u, ok := lost.User(s.first.OrganizationID, s.first.UserID)
		if !ok || len(u.RoleIDs) == 0 {
			return errors.New("no administrator")
		}
		if _, ok := lost.Role(s.first.OrganizationID, u.RoleIDs[0]); !ok {
			return errors.New("no role")
		}
		return nil
	})
}

// follow applies to d what is published from now on, and nothing older.
func follow(t *testing.T, brokers []string, d *authz.Directory) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	conn, err := kafka.DialContext(ctx, "tcp", brokers[0])
	require.NoError(t, err)
	parts, err := conn.ReadPartitions(authz.Topic)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	for _, p := range parts {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: authz.Topic, Partition: p.ID, MaxWait: 100 * time.Millisecond})
		leader, err := kafka.DialLeader(ctx, "tcp", brokers[0], authz.Topic, p.ID)
		require.NoError(t, err)
		end, err := leader.ReadLastOffset()
		require.NoError(t, err)
		require.NoError(t, leader.Close())
		require.NoError(t, r.SetOffset(end))
		wg.Go(func() {
			defer func() { _ = r.Close() }()
			for {
				m, err := r.ReadMessage(ctx)
				if err != nil {
					return
				}
				var e accessv1.DirectoryEntry
				if proto.Unmarshal(m.Value, &e) == nil {
					d.Apply(&e)
				}
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}
