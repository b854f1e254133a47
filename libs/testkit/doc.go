// Package testkit gives tests real infrastructure, so that no test needs a fake
// of a database or broker.
//
//   - [Postgres] is a migrated database of the test's own, [EmptyDatabase] one without tables;
//   - [Kafka] and [Topic] are a broker and a topic name nobody else uses;
//   - [Redis] is an empty Redis;
//   - [GRPC] serves a service in the process and dials it;
//   - [OTLP] collects what the code under test exports;
//   - [Eventually] waits for a condition, [Golden] compares with a file.
//
// The servers are embedded ones, started once per test process, unless the
// environment names others:
//
//	KONTOR_TEST_POSTGRES_URL   administrator's URL of a PostgreSQL server
//	KONTOR_TEST_KAFKA_BROKERS  host:port[,host:port] of Apache Kafka
//	KONTOR_TEST_REDIS_URL      redis://…
//	KONTOR_TEST_REAL=1         fail instead of using the embedded Kafka and Redis
//
// Nothing is skipped: what is missing fails the test and says what to install.
package testkit
