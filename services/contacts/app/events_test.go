package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/publish"
)

// Every change is told on the topic, in order, with the record after it, who did it and for whom (decisions 1, 3).
func TestChangesAreToldInOrder(t *testing.T) {
	t.Parallel()
	brokers := testkit.Kafka(t)
	w := newWorld(t, brokers...)
	w.run("relay")
	m := w.organization()
	successor := w.member(m.org, "", own("contact")...)
	c := w.contact(m, &contactsv1.Contact{FirstName: "Ann"})
	_, err := w.contacts.UpdateContact(m.ctx, &contactsv1.UpdateContactRequest{Id: c.GetId(), Contact: &contactsv1.Contact{ResponsibleId: successor.user}})
	require.NoError(t, err)
	_, err = w.contacts.DeleteContact(m.ctx, &contactsv1.DeleteContactRequest{Id: c.GetId()})
	require.NoError(t, err)

	evs := read(t, brokers, m.org+"/contact/"+c.GetId(), 3)
	require.Equal(t, "kontor.contacts.v1.ContactCreated", evs[0].Type)
	require.Equal(t, "kontor.contacts.v1.ContactUpdated", evs[1].Type)
	require.Equal(t, "kontor.contacts.v1.ContactDeleted", evs[2].Type)
	for i, ev := range evs {
		require.EqualValues(t, i+1, ev.Version)
		require.Equal(t, m.user, ev.Actor)
	}
	require.Equal(t, successor.user, evs[1].Responsible)
	require.Equal(t, m.user, evs[1].PreviousResponsible)
	var updated contactsv1.ContactUpdated
	require.NoError(t, proto.Unmarshal(evs[1].Payload, &updated))
	require.Equal(t, []string{"responsible_id"}, updated.GetUpdateMask().GetPaths())
	require.Equal(t, "Ann", updated.GetContact().GetFirstName())
	require.Equal(t, m.user, updated.GetPrevious().GetResponsibleId())
}

// read returns the first n events of a key.
func read(t *testing.T, brokers []string, key string, n int) []event.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := broker.NewClient(brokers)
	defer client.CloseIdle()
	require.NoError(t, broker.Ensure(ctx, client.Client, broker.Topic{Name: publish.Topic}))
	partitions, err := client.Partitions(ctx, publish.Topic)
	require.NoError(t, err)
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: brokers, Topic: publish.Topic, Partition: event.Partition(key, partitions), MaxWait: 100 * time.Millisecond,
	})
	defer func() { _ = r.Close() }()
	var out []event.Event
	for len(out) < n {
		msg, err := r.ReadMessage(ctx)
		require.NoError(t, err)
		if string(msg.Key) != key {
			continue
		}
		ev, err := broker.Decode(msg)
		require.NoError(t, err)
		out = append(out, ev)
	}
	return out
}
