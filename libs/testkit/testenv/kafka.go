package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

const mavenCentral = "https://repo.maven.apache.org/maven2/"

func (e *environment) startKafka(ctx context.Context) (server, error) {
	const name, env = "Kafka", "KONTOR_TEST_KAFKA_BROKERS"
	if s, ok := given(name, env); ok {
		return s, nil
	}
	if e.mode == "never" {
		return e.without(name, env, "asked not to", false)
	}
	jars, err := e.jars(ctx)
	if err != nil {
		return e.without(name, env, err.Error(), e.mode == "always" || (e.ci && !errors.Is(err, errNoMaven)))
	}
	java, err := javaBinary(ctx)
	if err != nil {
		return e.without(name, env, err.Error(), e.mode == "always" || e.ci)
	}
	b := broker{java: java, jars: jars, dir: filepath.Join(e.dir, "kafka")}
	child, addr, err := b.start(ctx)
	if err != nil {
		return server{}, fmt.Errorf("kafka: %w", err)
	}
	stop := func() error { return child.Stop(syscall.SIGKILL) } // its data goes as well, so no orderly stop
	return server{name: name, env: env, value: addr, note: "real, Apache Kafka " + jarVersion(jars), stop: stop}, nil
}

// errNoMaven says that Maven Central does not answer: the one reason for which
// CI goes without the real broker.
var errNoMaven = errors.New("Maven Central does not answer") //nolint:staticcheck // a name

// jars returns the folder of Kafka's jars, copied there by Maven the first time.
func (e *environment) jars(ctx context.Context) (string, error) {
	pom := filepath.Join(e.root, "tools", "kafka", "pom.xml")
	text, err := os.ReadFile(pom)
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`kafka_2\.13</artifactId>\s*<version>([^<]+)`).FindSubmatch(text)
	if version == nil {
		return "", fmt.Errorf("%s names no version of kafka_2.13", pom)
	}
	dest := filepath.Join(e.cache, "kafka", string(version[1]))
	if exists(filepath.Join(dest, "complete")) {
		return dest, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", errors.New("install Maven (Debian: apt-get install maven)")
	}
	fmt.Fprintf(os.Stderr, "testenv: fetching Apache Kafka %s from Maven Central, once\n", version[1])
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "-f", pom, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+dest)
	if err := quietly(cmd); err != nil {
		if !answers(ctx, mavenCentral) {
			return "", errNoMaven
		}
		return "", err
	}
	return dest, os.WriteFile(filepath.Join(dest, "complete"), nil, 0o644)
}

// answers is asked only after Maven has failed: a mirror may serve it without.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode < http.StatusInternalServerError
}

// javaBinary finds Java 17 or later.
func javaBinary(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", errors.New("install Java 17 (Debian: apt-get install openjdk-17-jre-headless)")
	}
	m := regexp.MustCompile(`version "(\d+)`).FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%s -version says %q", java, firstLine(out))
	}
	if major, _ := strconv.Atoi(string(m[1])); major < 17 {
		return "", fmt.Errorf("Java %d is too old, install 17 (Debian: apt-get install openjdk-17-jre-headless)", major) //nolint:staticcheck // a name
	}
	return java, nil
}

func jarVersion(dir string) string { return filepath.Base(dir) }

// broker is Apache Kafka on one node: broker and controller at once (KRaft).
type broker struct{ java, jars, dir string }

func (b broker) start(ctx context.Context) (*embedded.Child, string, error) {
	port, err1 := freePort()
	controller, err2 := freePort()
	if err := errors.Join(err1, err2, os.MkdirAll(b.dir, 0o755)); err != nil {
		return nil, "", err
	}
	config := filepath.Join(b.dir, "server.properties")
	logging := filepath.Join(b.dir, "log4j2.properties")
	if err := errors.Join(
		os.WriteFile(config, []byte(b.properties(port, controller)), 0o600),
		os.WriteFile(logging, []byte(log4j), 0o600),
	); err != nil {
		return nil, "", err
	}
	// Any identifier does; the tool wants 16 bytes in URL-safe base64.
	format := b.command("kafka.tools.StorageTool", logging,
		"format", "--standalone", "--cluster-id", "a29udG9yLXRlc3RlbnYtMQ", "--config", config)
	if err := quietly(format); err != nil {
		return nil, "", err
	}
	child, err := embedded.StartChild(b.command("kafka.Kafka", logging, config), func(string) {})
	if err != nil {
		return nil, "", err
	}
	addr := address(port)
	client := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 5 * time.Second, Transport: &kafka.Transport{}}
	err = await(ctx, child, func() error {
		meta, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		if err == nil && len(meta.Brokers) == 0 {
			err = errors.New("no broker registered")
		}
		return err
	})
	if err != nil {
		return nil, "", errors.Join(err, child.Stop(syscall.SIGKILL))
	}
	return child, addr, nil
}

func (b broker) command(class, logging string, args ...string) *exec.Cmd {
	return exec.Command(b.java, append([]string{
		"-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+PerfDisableSharedMem",
		"-Dlog4j2.configurationFile=" + logging, "-cp", filepath.Join(b.jars, "*"), class,
	}, args...)...)
}

func (b broker) properties(port, controller int) string {
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
