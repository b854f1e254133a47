// Package separate holds the test that runs the services as in production: a binary, a database, ports and an
// environment for each, and nothing shared but Kafka, Redis and the services' secret. What the environment has to
// contain is read from docker-compose.yml, so that the file is tested along with the binaries.
//
// There is nothing in the package but tests. What does not depend on how the services are spread over processes is
// tested in package flow, on one suite.
package separate
