// Package migrations holds the schema of reporting's database.
package migrations

import "embed"

// Files are the migrations, in order.
//
//go:embed *.sql
var Files embed.FS
