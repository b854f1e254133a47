// Package imports reads files of rows into records, whatever the records are.
//
// A file goes through four steps, each of which can be used and tested on its own:
//
//	bytes ── Reader ──► rows of text ── Plan ──► typed rows ── Target.Apply ──► records and events
//	          │                          │                         │
//	          └ encoding, delimiter,     └ the mapping, bound      └ the service's own; one transaction with
//	            header, limits             to the file's header      position, counters and rejected rows
//
// The Mapping is YAML that a user writes (docs/import.md). A Target is what a service offers to be filled: field names
// with types, and a function that writes a batch. A Runner drives a job over the file in batches. Because the place in
// the file is stored in the transaction that stores the rows, a job killed at any point goes on where it stood,
// without a row lost or doubled. Two batches are written at a time where the target says that they cannot be about the same
// records (Target.Keys); they are stored in the order of the file.
//
// A row that cannot be taken is rejected with its line, the field, a stable reason and what to do about it; the
// others go on. Only what concerns the file as a whole (a column the mapping names and the file lacks, an unknown
// encoding) stops the import, and does so before the first row.
package imports
