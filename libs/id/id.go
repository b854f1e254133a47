// Package id makes and checks the IDs of records.
package id

import "github.com/google/uuid"

// New returns a new UUIDv7 in its canonical lower-case form. IDs made later sort later, so that rows of one time
// lie together in an index.
func New() string {
	// NewV7 fails only when the system has no randomness left to give; no caller could go on without it.
	return uuid.Must(uuid.NewV7()).String()
}

// Valid reports whether s is a UUID in canonical form: 36 characters, lower case. PostgreSQL also reads other forms
// of the same UUID, but maps and event keys compare text.
func Valid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
