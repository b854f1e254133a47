package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// KafkaOptions say how to run the broker.
type KafkaOptions struct {
	// Dir keeps the log segments and the port. Empty: nothing is kept.
	Dir string
	// Partitions of a topic made without a number; 8 if zero.
	Partitions int
	// RetentionBytes is what a partition is shortened to once its readers are
	// done with it; 2 MiB if zero. The broker reads all of it when it starts.
	RetentionBytes int64
	// KeepUnreadBytes is up to where what a consumer group has not read is kept
	// nevertheless; 64 MiB a partition if zero.
	KeepUnreadBytes int64
	// Upkeep is how often that is done and compacted topics are compacted; every
	// 30 s if zero.
	Upkeep time.Duration
	// AutoCreate makes a topic when somebody first names it.
	AutoCreate bool
	Log        *slog.Logger
}

// Kafka is a running broker, one node, on the real wire protocol.
type Kafka struct {
	opts KafkaOptions
	addr string
	base context.Context

	mu        sync.Mutex
	cluster   *kfake.Cluster // nil while stopped
	lock      *Lock
	endUpkeep context.CancelFunc
	idle      sync.WaitGroup
}

// StartKafka starts a broker on the folder and returns when it listens. ctx
// bounds the start only.
func StartKafka(ctx context.Context, opts KafkaOptions) (*Kafka, error) {
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	opts.Partitions = cmp.Or(opts.Partitions, 8)
	opts.RetentionBytes = cmp.Or(opts.RetentionBytes, 2<<20)
	opts.KeepUnreadBytes = cmp.Or(opts.KeepUnreadBytes, 64<<20)
	opts.Upkeep = cmp.Or(opts.Upkeep, 30*time.Second)
	k := &Kafka{opts: opts, base: context.WithoutCancel(ctx)}
	if err := k.Start(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// Addr is the broker's host and port.
func (k *Kafka) Addr() string { return k.addr }

// Start starts a stopped broker again, at the same address.
func (k *Kafka) Start(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cluster != nil {
		return nil
	}
	if err := k.start(ctx); err != nil {
		return fmt.Errorf("embedded kafka: %w", err)
	}
	return nil
}

func (k *Kafka) start(ctx context.Context) error {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("kontor"),
		kfake.DefaultNumPartitions(k.opts.Partitions),
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.WithLogger(kafkaLog{k.base, k.opts.Log}),
		// Never by time: when that empties a partition, the broker forgets its
		// offsets at the next start and groups skip what comes after. By size is
		// our own doing, see keepUp.
		kfake.BrokerConfigs(map[string]string{
			"log.retention.ms":    "-1",
			"log.retention.bytes": "-1",
			"log.segment.bytes":   strconv.FormatInt(max(k.opts.RetentionBytes/2, 16<<10), 10),
		}),
	}
	if k.opts.AutoCreate {
		opts = append(opts, kfake.AllowAutoTopicCreation())
	}
	if k.opts.Dir != "" {
		if err := os.MkdirAll(k.opts.Dir, 0o700); err != nil { // the broker's files are readable by all
			return err
		}
		lock, err := LockDir(k.opts.Dir) // the broker takes none
		if err != nil {
			return err
		}
		k.lock = lock
		opts = append(opts, kfake.DataDir(filepath.Join(k.opts.Dir, "log")), kfake.SyncWrites())
	}
	ln, err := k.listen(ctx)
	if err != nil {
		return errors.Join(err, k.release())
	}
	k.addr = ln.Addr().String()
	opts = append(opts, kfake.ListenFn(func(string, string) (net.Listener, error) { return ln, nil }))
	if k.cluster, err = kfake.NewCluster(opts...); err != nil {
		return errors.Join(err, ln.Close(), k.release())
	}
	upkeep, cancel := context.WithCancel(k.base)
	k.endUpkeep = cancel
	k.idle.Add(1)
	go k.keepUp(upkeep, k.cluster, k.addr)
	return nil
}

func (k *Kafka) listen(ctx context.Context) (net.Listener, error) {
	if k.addr != "" { // started before: clients know the address
		var lc net.ListenConfig
		return lc.Listen(ctx, "tcp", k.addr)
	}
	if k.opts.Dir == "" {
		var lc net.ListenConfig
		return lc.Listen(ctx, "tcp", loopback(0))
	}
	return listenAgain(ctx, filepath.Join(k.opts.Dir, "port"))
}

// Stop ends the broker after the requests under way; what it acknowledged is on
// disk.
func (k *Kafka) Stop() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cluster == nil {
		return nil
	}
	k.endUpkeep()
	k.idle.Wait()
	k.cluster.Close()
	k.cluster = nil
	return k.release()
}

// Close see [Kafka.Stop].
func (k *Kafka) Close() error { return k.Stop() }

func (k *Kafka) release() error {
	if k.lock == nil {
		return nil
	}
	lock := k.lock
	k.lock = nil
	return lock.Release()
}

// kafkaLog passes the broker's log on.
type kafkaLog struct {
	ctx context.Context
	log *slog.Logger
}

// Logf see [kfake.Logger].
func (l kafkaLog) Logf(level kfake.LogLevel, msg string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	case kfake.LogLevelNone, kfake.LogLevelInfo, kfake.LogLevelDebug:
	}
	if l.log.Enabled(l.ctx, to) {
		l.log.Log(l.ctx, to, "kafka", "line", fmt.Sprintf(msg, args...))
	}
}
