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
	"time"

	"kontor.internal/libs/testkit/realserver"
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
	b, err := realserver.StartKafka(ctx, jars, filepath.Join(e.dir, "kafka"))
	switch {
	case errors.Is(err, realserver.ErrNoJava):
		return e.without(name, env, err.Error(), e.mode == "always" || e.ci)
	case err != nil:
		return server{}, fmt.Errorf("kafka: %w", err)
	}
	return server{
		name: name, env: env, value: b.Addr, note: "real, Apache Kafka " + jarVersion(jars), stop: b.Stop,
		also: []string{realserver.KafkaJarsEnv + "=" + jars},
	}, nil
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
	const longest = 5 * time.Minute // a network so slow is as good as none
	fetching, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	cmd := exec.CommandContext(fetching, mvn, "-q", "-B", "-f", pom, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+dest)
	if err := realserver.Run(cmd); err != nil {
		if fetching.Err() != nil || !answers(ctx, mavenCentral) {
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

func jarVersion(dir string) string { return filepath.Base(dir) }
