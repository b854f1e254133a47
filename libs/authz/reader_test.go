package authz_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

func produce(t *testing.T, brokers []string, topic string, msgs ...kafka.Message) {
	t.Helper()
	transport := new(kafka.Transport) // the shared one remembers for seconds that there was no such topic
	w := &kafka.Writer{
		Addr: kafka.TCP(brokers...), Topic: topic, Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond, Transport: transport,
	}
	require.NoError(t, w.WriteMessages(t.Context(), msgs...))
	require.NoError(t, w.Close())
	transport.CloseIdleConnections()
}

func message(t *testing.T, e *accessv1.DirectoryEntry, kind, id string) kafka.Message {
	t.Helper()
	raw, err := proto.Marshal(e)
	require.NoError(t, err)
	return kafka.Message{Key: []byte(key(e.GetOrganizationId(), kind, id)), Value: raw}
}

func read(t *testing.T, brokers []string, topic string) *authz.Directory {
	t.Helper()
	d := authz.NewDirectory()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&authz.Reader{Brokers: brokers, Topic: topic, Directory: d}).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return d
}

func ready(d *authz.Directory) func() error {
	return func() error { return d.Check(context.Background()) }
}

// ID-6, decisions 10: a process that starts anew knows the same as one that has run all along.
func TestReaderRebuildsTheDirectory(t *testing.T) {
	t.Parallel()
	brokers := testkit.Kafka(t)
	topic := testkit.Topic(t, brokers, "directory", 3, "cleanup.policy=compact")

	manager := role("manager", grant("deal", view, accessv1.Scope_SCOPE_OWN))
	produce(t, brokers, topic,
		message(t, manager, authz.KindRole, "manager"),
		message(t, user("ann", "sales", "manager"), authz.KindUser, "ann"),
		message(t, user("ben", "sales", "manager"), authz.KindUser, "ben"),
		message(t, department("sales", "", ""), authz.KindDepartment, "sales"),
		kafka.Message{Key: []byte(key(org, authz.KindUser, "x")), Value: []byte("not a directory entry")},
	)
	before := read(t, brokers, topic)
	testkit.Eventually(t, ready(before))
	require.True(t, before.Scope(org, "ann", "deal", view).Allows("ann"))
	require.False(t, before.LevelAt().IsZero())

	// What comes later arrives without a restart: ann is deactivated, ben's entry is taken away.
	gone := user("ann", "sales", "manager")
	gone.Version = 2
	gone.GetUser().Active = false
	produce(t, brokers, topic, message(t, gone, authz.KindUser, "ann"),
		kafka.Message{Key: []byte(key(org, authz.KindUser, "ben"))})
	testkit.Eventually(t, func() error {
		_, known := before.User(org, "ben")
		if known || !before.Scope(org, "ann", "deal", view).None() {
			return errors.New("the changes have not arrived")
		}
		return nil
	})

	after := read(t, brokers, topic)
	testkit.Eventually(t, ready(after))
	require.Equal(t, before.Users(org), after.Users(org))
	require.True(t, after.Scope(org, "ann", "deal", optionsv1.Action_ACTION_VIEW).None())
}

func TestReaderWaitsForTheTopic(t *testing.T) {
	t.Parallel()
	brokers := testkit.Kafka(t)
	topic := testkit.Unique("directory")
	d := read(t, brokers, topic)
	require.ErrorIs(t, d.Check(t.Context()), authz.ErrNotReady)

	testkit.CreateTopic(t, brokers, topic, 1)
	testkit.Eventually(t, ready(d)) // an empty topic is known in full
	produce(t, brokers, topic, message(t, user("ann", ""), authz.KindUser, "ann"))
	testkit.Eventually(t, func() error {
		if _, ok := d.User(org, "ann"); !ok {
			return errors.New("not there yet")
		}
		return nil
	})
}

// key is the key of an entry in the topic.
func key(organization, kind, id string) string { return organization + "/" + kind + "/" + id }
