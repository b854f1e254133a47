package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"kontor.internal/libs/pg"
)

const (
	// firstSweep lets a process that replaces a killed one go on soon.
	firstSweep = time.Second
	sweepEvery = 5 * time.Second
	// settle is how long after a lost connection nobody is taken for dead: with the database back, all clients have to
	// show again that they are alive.
	settle = 15 * time.Second
)

// presence shows that a client is alive, by a session lock, and takes up the jobs of clients that are not.
type presence struct {
	db       *pg.DB
	clientID string
	log      *slog.Logger
	shown    chan struct{} // closed when the lock is held for the first time
	once     sync.Once
}

// lockOf is the number of a client's lock.
const lockOf = `hashtextextended('kontor jobs ' || %s, 0)`

// run goes on until ctx is done.
func (p *presence) run(ctx context.Context) {
	wait := firstSweep
	for ctx.Err() == nil {
		if err := p.session(ctx, wait); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "jobs: presence lost; showing it again", "error", err)
			wait = settle
			sleep(ctx, time.Second)
		}
	}
}

// session holds the lock on one connection and sweeps, until ctx is done or the connection lost.
func (p *presence) session(ctx context.Context, wait time.Duration) error {
	conn, err := p.db.Pool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire: %w", err)
	}
	// The lock must go with the session: the connection does not return to the pool.
	defer func() {
		c := conn.Hijack()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(closing)
	}()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(`+fmt.Sprintf(lockOf, "$1::text")+`)`, p.clientID); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	p.once.Do(func() { close(p.shown) })
	for sleep(ctx, wait) {
		if err := p.sweep(ctx, conn); err != nil {
			return err
		}
		wait = sweepEvery
	}
	return nil
}

// sweep makes the running jobs of clients without a lock available again.
func (p *presence) sweep(ctx context.Context, conn *pgxpool.Conn) error {
	tag, err := conn.Exec(ctx, `
		UPDATE `+Schema+`.river_job
		SET state = 'available', scheduled_at = now()
		WHERE id IN (
			SELECT j.id FROM `+Schema+`.river_job j
			WHERE j.state = 'running' AND j.attempted_at < now() - interval '1 second' AND NOT EXISTS (
				SELECT FROM pg_locks l
				WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
					AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
					AND (l.classid::bigint << 32 | l.objid::bigint)
						= `+fmt.Sprintf(lockOf, "j.attempted_by[array_upper(j.attempted_by, 1)]")+`)
			FOR UPDATE SKIP LOCKED)
			AND state = 'running'`)
	if err != nil {
		if conn.Conn().IsClosed() {
			return fmt.Errorf("%w: %w", errGone, err)
		}
		return fmt.Errorf("sweep: %w", err)
	}
	if n := tag.RowsAffected(); n > 0 {
		p.log.InfoContext(ctx, "jobs of a process that ended are taken up again", "jobs", n)
	}
	return nil
}
