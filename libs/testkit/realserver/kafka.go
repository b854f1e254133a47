package realserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"

	"kontor.internal/libs/embedded"
)

// KafkaJarsEnv names the folder of Kafka's jars. testenv sets it when it has them.
const KafkaJarsEnv = "KONTOR_TEST_KAFKA_JARS"

// ErrNoJava says that there is no Java 17 or later.
var ErrNoJava = errors.New("no Java 17")

// StartKafka starts Apache Kafka on the folder dir from the jars in a folder, and returns when it answers. It returns
// ErrNoJava.
func StartKafka(ctx context.Context, jars, dir string) (*Server, error) {
	java, err := javaBinary(ctx)
	if err != nil {
		return nil, err
	}
	return kafkaFiles{java: java, jars: jars, dir: dir}.start(ctx)
}

// javaBinary finds Java 17 or later.
func javaBinary(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w; install it (Debian: apt-get install openjdk-17-jre-headless)", ErrNoJava)
	}
	m := regexp.MustCompile(`version "(\d+)`).FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%w: %s -version says %q", ErrNoJava, java, out)
	}
	if major, _ := strconv.Atoi(string(m[1])); major < 17 {
		return "", fmt.Errorf("%w: %d is too old, install 17 (Debian: apt-get install openjdk-17-jre-headless)", ErrNoJava, major)
	}
	return java, nil
}

// kafkaFiles is what a broker is started from: one node, broker and controller at once (KRaft).
type kafkaFiles struct{ java, jars, dir string }

func (b kafkaFiles) start(ctx context.Context) (*Server, error) {
	port, err1 := freePort()
	controller, err2 := freePort()
	if err := errors.Join(err1, err2, os.MkdirAll(b.dir, 0o755)); err != nil {
		return nil, err
	}
	config := filepath.Join(b.dir, "server.properties")
	logging := filepath.Join(b.dir, "log4j2.properties")
	if err := errors.Join(
		os.WriteFile(config, []byte(b.properties(port, controller)), 0o600),
		os.WriteFile(logging, []byte(log4j), 0o600),
	); err != nil {
		return nil, err
	}
	// Any identifier does; the tool wants 16 bytes in URL-safe base64.
	format := b.command("kafka.tools.StorageTool", logging,
		"format", "--standalone", "--cluster-id", "a29udG9yLXRlc3RlbnYtMQ", "--config", config)
	if err := Run(format); err != nil {
		return nil, err
	}
	child, err := embedded.StartChild(b.command("kafka.Kafka", logging, config), func(string) {})
	if err != nil {
		return nil, err
	}
	// Its data goes as well, so that the stop need be no orderly one.
	out := &Server{Addr: address(port), child: child, signal: syscall.SIGKILL}
	client := &kafka.Client{Addr: kafka.TCP(out.Addr), Timeout: 5 * time.Second, Transport: &kafka.Transport{}}
	err = await(ctx, child, func() error {
		meta, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		if err == nil && len(meta.Brokers) == 0 {
			err = errors.New("no broker registered")
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, child.Stop(syscall.SIGKILL))
	}
	return out, nil
}

func (b kafkaFiles) command(class, logging string, args ...string) *exec.Cmd {
	return exec.Command(b.java, append([]string{
		"-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+PerfDisableSharedMem",
		"-Dlog4j2.configurationFile=" + logging, "-cp", filepath.Join(b.jars, "*"), class,
	}, args...)...)
}

func (b kafkaFiles) properties(port, controller int) string {
	return fmt.Sprintf(`process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:%[2]d
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[3]s
auto.create.topics.enable=false
num.partitions=8
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
num.network.threads=2
num.io.threads=4
`, port, controller, filepath.Join(b.dir, "data"))
}

const log4j = `status=error
appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%p %c: %m%n%throwable{5}
rootLogger.level=warn
rootLogger.appenderRef.out.ref=OUT
`
