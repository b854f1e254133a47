// Package embedded starts the infrastructure that Kontor needs inside, or as a
// child of, the running process: PostgreSQL, a Kafka broker and Redis.
//
// It is what `kontor suite` runs on when no addresses are given, and what tests
// run on. Each launcher keeps its files in one folder, listens on the loopback
// interface on the port it had last time if that is still free, and survives a
// `kill -9` of this process:
//
//   - [StartPostgres] runs a server found on the machine (or fetched) as a child
//     that the kernel stops when this process dies;
//   - [StartKafka] runs franz-go's broker in this process, on disk, every
//     acknowledged batch fsynced;
//   - [StartRedis] runs miniredis in this process; it holds only what may be lost.
//
// None of it is meant for more than one machine. A production installation
// gives the addresses of real servers instead.
package embedded
