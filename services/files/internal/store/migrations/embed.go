// Package migrations holds the schema of files, embedded.
package migrations

import "embed"

// FS holds the migrations in their order.
//
//go:embed *.sql
var FS embed.FS
