package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/gateway/internal/rest"
)

// Failures of a stream.
var (
	ErrSignIn = apperr.Unauthenticated("TOKEN_MISSING", "sign in to watch changes")
	ErrStream = apperr.Unavailable("STREAM_UNAVAILABLE", "changes cannot be watched now; try again").RetryIn(pause)
)

// heartbeat keeps proxies from closing a quiet connection.
const heartbeat = 15 * time.Second

// Change is what a browser is told of a change.
type Change struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Kind     string `json:"kind"`
	RecordID string `json:"recordId"`
	Version  string `json:"version"`
	Time     string `json:"time"`
	Actor    string `json:"actor"`
	// Gone says that the user may no longer see the record.
	Gone bool `json:"gone,omitempty"`
}

// Handler serves GET /v1/events:watch.
type Handler struct {
	Hub       *Hub
	Directory *authz.Directory
	// Life is how long a connection may stay before the browser connects anew, with a fresh token.
	Life time.Duration
}

// Serve streams the changes that the user may see. The event "hello" tells the place to resume from; "reset" that
// lists are to be loaded anew: changes are missing, or the user's rights are others now. The stream ends with the session.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	p, ok := authn.From(r.Context())
	if !ok {
		rest.WriteError(w, r, ErrSignIn)
		return
	}
	if _, err := h.Directory.Admit(r.Context(), p); err != nil {
		rest.WriteError(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.Life)
	defer cancel()
	m, leave := h.Hub.join(ctx, p.OrganizationID)
	defer leave()
	out := &writer{w: w, c: http.NewResponseController(w)}
	missed, err := h.open(ctx, out, p, r.Header.Get("Last-Event-ID"))
	if err != nil {
		rest.WriteError(w, r, ErrStream.Because(err))
		return
	}
	could := h.rights(p)
	revision := h.Directory.Revision()
	seen := ""
	for _, msg := range missed {
		h.tell(out, p, msg)
		seen = msg.ID
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	look := time.NewTicker(pause)
	defer look.Stop()
	for out.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-m.lost:
			out.event("reset", "", struct{}{})
			return
		case <-tick.C:
			out.comment()
		case <-look.C:
			// A new role or department shows and hides records that nobody has changed.
			if now := h.Directory.Revision(); now != revision {
				revision = now
				if _, err := h.Directory.Admit(ctx, p); err != nil {
					return // signed out or deactivated; connecting anew is refused
				}
				if can := h.rights(p); !can.equal(could) {
					could = can
					out.event("reset", "", struct{}{})
				}
			}
		case msg := <-m.changes:
			// What came between joining and reading the missed ones is in both.
			if newer(msg.ID, seen) {
				h.tell(out, p, msg)
			}
		}
	}
}

// open answers the head of the stream and returns what the browser has missed since last.
func (h *Handler) open(ctx context.Context, out *writer, p authn.Principal, last string) ([]Message, error) {
	var missed []Message
	whole := true
	if streamID.MatchString(last) {
		var err error
		if missed, whole, err = h.Hub.since(ctx, p.OrganizationID, last); err != nil {
			return nil, err
		}
	} else if last != "" {
		whole = false
	}
	position, err := h.Hub.position(ctx, p.OrganizationID)
	if err != nil {
		return nil, err
	}
	out.head()
	if !whole {
		out.event("reset", position, struct{}{})
	} else if last == "" {
		out.event("hello", position, struct{}{})
	}
	return missed, nil
}

// tell sends the change if the user sees the record, or that it is gone if the user could see it before.
func (h *Handler) tell(out *writer, p authn.Principal, msg Message) {
	scope := h.Directory.Scope(p.OrganizationID, p.UserID, msg.Kind, optionsv1.Action_ACTION_VIEW)
	c := Change{
		ID: msg.ID, Type: msg.Type, Kind: msg.Kind, RecordID: msg.RecordID, Version: msg.Version, Time: msg.Time,
		Actor: msg.Actor,
	}
	switch {
	case msg.Now.sees(p.UserID, scope):
	case msg.Before.sees(p.UserID, scope):
		c.Gone = true
	default:
		return
	}
	out.event("change", msg.ID, c)
}

// rights remembers what a user sees of the kinds that somebody answers for.
type rights map[string]authz.Scope

func (h *Handler) rights(p authn.Principal) rights {
	r := rights{}
	for _, kind := range ownedKinds() {
		r[kind] = h.Directory.Scope(p.OrganizationID, p.UserID, kind, optionsv1.Action_ACTION_VIEW)
	}
	return r
}

func ownedKinds() []string { return []string{"lead", "contact", "company", "deal"} }

func (r rights) equal(o rights) bool {
	return maps.EqualFunc(r, o, func(a, b authz.Scope) bool {
		return a.All() == b.All() && slices.Equal(a.Users(), b.Users())
	})
}

var streamID = regexp.MustCompile(`^[0-9]{1,20}-[0-9]{1,20}$`)

// newer compares two stream IDs, "milliseconds-sequence".
func newer(id, than string) bool {
	if than == "" {
		return true
	}
	var a, b, c, d uint64
	if _, err := fmt.Sscanf(id, "%d-%d", &a, &b); err != nil {
		return true
	}
	if _, err := fmt.Sscanf(than, "%d-%d", &c, &d); err != nil {
		return true
	}
	return a > c || a == c && b > d
}

// writer writes server-sent events, and stops at the first failure.
type writer struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	err error
}

func (o *writer) head() {
	h := o.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	o.w.WriteHeader(http.StatusOK)
}

func (o *writer) event(name, id string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		o.err = err
		return
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	o.write(fmt.Sprintf("event: %s\n%sdata: %s\n\n", name, id, raw))
}

func (o *writer) comment() { o.write(": still here\n\n") }

func (o *writer) write(s string) {
	if o.err != nil {
		return
	}
	if _, o.err = o.w.Write([]byte(s)); o.err == nil {
		o.err = o.c.Flush()
	}
}
