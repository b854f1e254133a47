// Package migrations holds the schema of the contacts service, forward only.
package migrations

import "embed"

// Files are the migrations in order.
//
//go:embed *.sql
var Files embed.FS
