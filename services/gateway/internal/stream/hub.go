// Package stream tells browsers what changes, as it changes: server-sent events for each user, filtered by what the
// user may see, and resumable after a break.
//
//	Kafka topics ──► Feeder (one consumer group over all replicas) ──► Redis stream per organisation, capped
//	                                                                       │
//	                browser ◄── Serve (rights) ◄── Hub: one reader per organisation with open connections
//
// The Redis stream is fan-out and resume buffer in one: the ID of an event is its place in it. Redis may lose it; a
// browser whose place is gone is told to load anew.
package stream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Message is one change, as it travels from the feeder to the browsers.
type Message struct {
	// ID is its place in the organisation's stream.
	ID string
	// Type is the event's type, such as "kontor.deals.v1.DealMoved".
	Type string
	// Kind and RecordID name the record.
	Kind, RecordID string
	// Version of the record after the change.
	Version string
	// Time is when it happened, RFC 3339.
	Time string
	// Actor is who did it.
	Actor string
	// Now and Before are who sees the record after the change and who did before it.
	Now, Before Audience
}

const (
	// keep is about how many changes an organisation's buffer holds.
	keep = 10_000
	// buffered is how many changes may wait for a slow browser before it is told to load anew.
	buffered = 512
	// readBlock is how long a read waits for the next change.
	readBlock = 5 * time.Second
	pause     = time.Second
)

func streamKey(org string) string { return "kontor:stream:" + org }

// Hub hands the changes of an organisation to its open connections.
type Hub struct {
	Redis redis.UniversalClient
	Log   *slog.Logger

	mu   sync.Mutex
	orgs map[string]*room
	wg   sync.WaitGroup
}

// room is the open connections of one organisation, and the reader they share.
type room struct {
	members map[*member]struct{}
	stop    context.CancelFunc
}

// member is one open connection.
type member struct {
	changes chan Message
	// lost is closed when a change could not be handed over.
	lost chan struct{}
	once sync.Once
}

func (m *member) lose() { m.once.Do(func() { close(m.lost) }) }

// join adds a connection; leave must be called. Changes are handed over from now on.
func (h *Hub) join(ctx context.Context, org string) (m *member, leave func()) {
	m = &member{changes: make(chan Message, buffered), lost: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.orgs == nil {
		h.orgs = make(map[string]*room)
	}
	r, ok := h.orgs[org]
	if !ok {
		// The reader outlives the first connection: it stops when the last one leaves.
		rctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		r = &room{members: make(map[*member]struct{}), stop: stop}
		h.orgs[org] = r
		h.wg.Go(func() { h.read(rctx, org, r) })
	}
	r.members[m] = struct{}{}
	return m, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(r.members, m)
		if len(r.members) == 0 && h.orgs[org] == r {
			r.stop()
			delete(h.orgs, org)
		}
	}
}

// Run waits for ctx and then for the readers.
func (h *Hub) Run(ctx context.Context) error {
	<-ctx.Done()
	h.mu.Lock()
	for org, r := range h.orgs {
		for m := range r.members {
			m.lose()
		}
		r.stop()
		delete(h.orgs, org)
	}
	h.mu.Unlock()
	h.wg.Wait()
	return nil
}

// read hands on what comes until ctx is done. After a break of Redis everybody is told to load anew: what was changed
// meanwhile may never have reached the stream.
func (h *Hub) read(ctx context.Context, org string, r *room) {
	last := "$"
	for ctx.Err() == nil {
		res, err := h.Redis.XRead(ctx, &redis.XReadArgs{
			Streams: []string{streamKey(org)}, ID: last, Count: buffered, Block: readBlock,
		}).Result()
		switch {
		case errors.Is(err, redis.Nil):
			continue
		case ctx.Err() != nil:
			return
		case err != nil:
			h.Log.WarnContext(ctx, "change stream interrupted", "organization_id", org, "error", err)
			h.each(r, (*member).lose)
			last = "$"
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			continue
		}
		for _, s := range res {
			for _, x := range s.Messages {
				last = x.ID
				msg := decode(x)
				h.each(r, func(m *member) {
					select {
					case m.changes <- msg:
					default:
						m.lose()
					}
				})
			}
		}
	}
}

func (h *Hub) each(r *room, f func(*member)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for m := range r.members {
		f(m)
	}
}

// since returns the changes after the ID, or false if some of them are no longer there.
func (h *Hub) since(ctx context.Context, org, id string) ([]Message, bool, error) {
	// The entry itself must still be there: else it is unknown how many after it are gone too.
	res, err := h.Redis.XRangeN(ctx, streamKey(org), id, "+", keep+keep/10).Result()
	if err != nil {
		return nil, false, err
	}
	if len(res) == 0 || res[0].ID != id {
		return nil, false, nil
	}
	out := make([]Message, 0, len(res)-1)
	for _, x := range res[1:] {
		out = append(out, decode(x))
	}
	return out, true, nil
}

// position returns the ID of the newest change, or "" if there is none.
func (h *Hub) position(ctx context.Context, org string) (string, error) {
	res, err := h.Redis.XRevRangeN(ctx, streamKey(org), "+", "-", 1).Result()
	if err != nil || len(res) == 0 {
		return "", err
	}
	return res[0].ID, nil
}

func decode(x redis.XMessage) Message {
	s := func(name string) string {
		v, _ := x.Values[name].(string)
		return v
	}
	return Message{
		ID: x.ID, Type: s("t"), Kind: s("k"), RecordID: s("r"), Version: s("v"), Time: s("at"), Actor: s("by"),
		Now: decodeAudience(s("a")), Before: decodeAudience(s("b")),
	}
}

func (m Message) values() []string {
	return []string{
		"t", m.Type, "k", m.Kind, "r", m.RecordID, "v", m.Version, "at", m.Time, "by", m.Actor,
		"a", m.Now.encode(), "b", m.Before.encode(),
	}
}
