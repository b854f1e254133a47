package app_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/id"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
)

// stream opens the change stream and returns its lines.
func (b *bundle) stream(token, last string) <-chan string {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "GET", b.url+"/v1/events:watch", nil)
	require.NoError(b.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	require.Equal(b.t, 200, res.StatusCode)
	lines := make(chan string, 1000)
	go func() {
		defer res.Body.Close()
		defer close(lines)
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// next returns the next event's name and data.
func next(t *testing.T, lines <-chan string) (name, id, data string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case l, ok := <-lines:
			if !ok {
				t.Fatal("stream ended")
			}
			switch {
			case strings.HasPrefix(l, "event: "):
				name = l[7:]
			case strings.HasPrefix(l, "id: "):
				id = l[4:]
			case strings.HasPrefix(l, "data: "):
				return name, id, l[6:]
			}
		case <-timeout:
			t.Fatal("nothing came")
		}
	}
}

// feed is an organisation with a role that sees what is a user's own, and a way to tell of changes of deals.
type feed struct {
	*bundle

	role   string
	writer *kafka.Writer
}

func newFeed(t *testing.T) *feed {
	t.Helper()
	f := &feed{bundle: setup(t, nil), role: id.New()}
	f.grant(1, accessv1.Scope_SCOPE_OWN)
	f.join(f.user, f.role)
	f.directory.SetReady(time.Now())
	client := broker.NewClient(f.brokers)
	t.Cleanup(client.CloseIdle)
	for _, topic := range []string{"kontor.contacts.v1", "kontor.deals.v1", "kontor.catalog.v1", "kontor.identity.v1"} {
		require.NoError(t, broker.Ensure(t.Context(), client.Client, broker.Topic{Name: topic}))
	}
	f.writer = &kafka.Writer{
		Addr: kafka.TCP(f.brokers...), Topic: "kontor.deals.v1", RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond,
	}
	t.Cleanup(func() { _ = f.writer.Close() })
	// The group joins while events come; those before it has joined are not its business.
	eventually(t, "the feed has joined", func() bool {
		f.tell("warm", f.user, "", nil)
		n, err := f.redis.XLen(t.Context(), "kontor:stream:"+f.org).Result()
		return err == nil && n > 0
	})
	return f
}

// grant gives the role a scope for everything.
func (f *feed) grant(version int64, scope accessv1.Scope) {
	f.directory.Apply(&accessv1.DirectoryEntry{OrganizationId: f.org, Version: version, Entry: &accessv1.DirectoryEntry_Role{
		Role: &accessv1.DirectoryRole{Id: f.role, Grants: []*accessv1.DirectoryGrant{{Kind: "*", Scope: scope}}},
	}})
}

// join adds an active user with the role.
func (f *feed) join(user string, roles ...string) {
	f.directory.Apply(&accessv1.DirectoryEntry{OrganizationId: f.org, Version: 1, Entry: &accessv1.DirectoryEntry_User{
		User: &accessv1.DirectoryUser{Id: user, Active: true, RoleIds: roles},
	}})
}

// tell publishes a change as the deals service does; a nil message is of a type that the gateway does not know.
func (f *feed) tell(record, responsible, previous string, msg proto.Message) {
	f.t.Helper()
	typ, value := "kontor.deals.v9.DealDreamt", []byte(nil)
	if msg != nil {
		var err error
		typ = string(msg.ProtoReflect().Descriptor().FullName())
		value, err = proto.Marshal(msg)
		require.NoError(f.t, err)
	}
	eventually(f.t, "Kafka takes the event", func() bool {
		return f.writer.WriteMessages(f.t.Context(), kafka.Message{Key: []byte(f.org), Value: value, Headers: []kafka.Header{
			{Key: broker.HeaderType, Value: []byte(typ)},
			{Key: broker.HeaderSubject, Value: []byte("deal/" + record)},
			{Key: broker.HeaderOrganization, Value: []byte(f.org)},
			{Key: broker.HeaderResponsible, Value: []byte(responsible)},
			{Key: broker.HeaderPreviousResponsible, Value: []byte(previous)},
			{Key: broker.HeaderVersion, Value: []byte("2")},
		}}) == nil
	})
}

// told returns the records that a stream tells of up to the one named, those that are gone with a minus.
func told(t *testing.T, lines <-chan string, last string) []string {
	t.Helper()
	var out []string
	for {
		name, _, data := next(t, lines)
		if name != "change" {
			out = append(out, name)
			continue
		}
		var c struct {
			RecordID string `json:"recordId"`
			Gone     bool   `json:"gone"`
		}
		require.NoError(t, json.Unmarshal([]byte(data), &c))
		switch {
		case c.RecordID == last:
			return out
		case c.RecordID == "warm":
		case c.Gone:
			out = append(out, "-"+c.RecordID)
		default:
			out = append(out, c.RecordID)
		}
	}
}

// WEB-3, ID-6: a user is told of changes of what the user may see, and can resume.
func TestChangeStream(t *testing.T) {
	f := newFeed(t)
	other := id.New()
	lines := f.stream(f.token, "")
	name, _, _ := next(t, lines)
	require.Equal(t, "hello", name)

	f.tell("hidden", other, "", nil)
	f.tell("mine", f.user, "", nil)
	f.tell("taken", other, f.user, nil)
	first, data := "", ""
	for !strings.Contains(data, "mine") {
		_, first, data = next(t, lines)
		require.NotContains(t, data, "hidden")
	}
	require.NotContains(t, data, "gone")
	_, _, data = next(t, lines)
	require.Contains(t, data, `"recordId":"taken"`)
	require.Contains(t, data, `"gone":true`)

	_, _, data = next(t, f.stream(f.token, first))
	require.Contains(t, data, "taken", "what came after the last event seen")

	name, _, _ = next(t, f.stream(f.token, "1-1"))
	require.Equal(t, "reset", name, "a place that is gone")
}

// WEB-3, ID-5, ID-6: who sees a record beyond the scope, as its observer or because it is open to everyone, is told of
// its changes, and told that it is gone when that ends. Who does not see it is told nothing.
func TestChangeStreamBeyondScope(t *testing.T) {
	f := newFeed(t)
	watcher, third, nobody, owner := id.New(), id.New(), id.New(), id.New()
	f.join(watcher, f.role)
	f.join(third, f.role)
	f.join(nobody)
	watching, strange := f.stream(f.issuer.Token(f.org, watcher), ""), f.stream(f.issuer.Token(f.org, third), "")
	stranger := f.stream(f.issuer.Token(f.org, nobody), "") // in no role: nothing is open to them
	for _, lines := range []<-chan string{watching, strange, stranger} {
		name, _, _ := next(t, lines)
		require.Equal(t, "hello", name)
	}
	deal := func(everyone bool, observers ...string) *dealsv1.Deal {
		return &dealsv1.Deal{ResponsibleId: owner, ObserverIds: observers, AvailableToEveryone: everyone}
	}
	update := func(now, before *dealsv1.Deal, changed ...string) *dealsv1.DealUpdated {
		return &dealsv1.DealUpdated{Deal: now, Previous: before, UpdateMask: &fieldmaskpb.FieldMask{Paths: changed}}
	}
	f.tell("hidden", owner, "", &dealsv1.DealMoved{Deal: deal(false)})
	f.tell("watched", owner, "", &dealsv1.DealMoved{Deal: deal(false, id.New(), watcher)})
	f.tell("renamed", owner, "", update(deal(false, watcher), &dealsv1.Deal{Name: "old"}, "name"))
	f.tell("left", owner, "", update(deal(false), &dealsv1.Deal{ObserverIds: []string{watcher}}, "observer_ids"))
	f.tell("open", owner, "", &dealsv1.DealWon{Deal: deal(true)})
	f.tell("closed", owner, "", update(deal(false, watcher), &dealsv1.Deal{AvailableToEveryone: true}, "available_to_everyone"))
	f.tell("given", owner, watcher, update(deal(false), &dealsv1.Deal{ResponsibleId: watcher}, "responsible_id"))
	f.tell("nobody's", "", "", &dealsv1.DealMoved{Deal: &dealsv1.Deal{}})
	f.tell("end", owner, "", &dealsv1.DealMoved{Deal: deal(true)})

	require.Equal(t, []string{"watched", "renamed", "-left", "open", "closed", "-given"}, told(t, watching, "end"))
	require.Equal(t, []string{"open", "-closed"}, told(t, strange, "end"))

	// Rights that change without any record: everything shown is to be loaded anew.
	f.grant(2, accessv1.Scope_SCOPE_ALL)
	name, _, _ := next(t, watching)
	require.Equal(t, "reset", name)
	f.tell("hidden", owner, "", &dealsv1.DealMoved{Deal: deal(false)})
	f.tell("end", owner, "", &dealsv1.DealMoved{Deal: deal(true)})
	require.Equal(t, []string{"hidden"}, told(t, watching, "end"))

	for {
		select {
		case l := <-stranger:
			require.NotContains(t, l, "recordId")
			continue
		default:
		}
		break
	}
}
