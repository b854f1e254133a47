package pg

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// NotifyChannel is the PostgreSQL channel on which relays hear of new outbox rows.
const NotifyChannel = "kontor_outbox"

// notifier sends one NOTIFY for all writes since the last. It has a connection of its own: within the writing
// transactions NOTIFY takes a global lock at commit and halves their throughput. The notification may be lost; the
// relay also polls.
type notifier struct {
	cfg    *pgx.ConnConfig
	log    *slog.Logger
	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

func startNotifier(ctx context.Context, cfg *pgx.ConnConfig, log *slog.Logger) *notifier {
	cfg = cfg.Copy()
	cfg.Tracer = nil
	cfg.RuntimeParams["synchronous_commit"] = "off" // a notification needs no fsync
	// The pool outlives the context it was opened with, and so do its notifications.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n := &notifier{cfg: cfg, log: log, wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go n.run(ctx)
	return n
}

func (n *notifier) poke() {
	select {
	case n.wake <- struct{}{}:
	default: // one is on its way and will cover this write
	}
}

func (n *notifier) stop() {
	n.cancel()
	<-n.done
}

func (n *notifier) run(ctx context.Context) {
	defer close(n.done)
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			closeConn(ctx, conn)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		}
		var err error
		if conn == nil {
			conn, err = pgx.ConnectConfig(ctx, n.cfg)
		}
		if err == nil {
			_, err = conn.Exec(ctx, "NOTIFY "+NotifyChannel)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		n.log.WarnContext(ctx, "relay not notified; it will poll", "error", err)
		if conn != nil {
			closeConn(ctx, conn)
			conn = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// closeConn says goodbye to the server, but not for long.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nobody to tell
}
