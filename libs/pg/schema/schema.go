// Package schema holds the tables that every service has, as text.
//
// Each service copies what it needs into its first migration, so that its schema is complete in one folder; a test of
// the service may compare. The texts carry goose's statement marks and depend on each other in the order of [Names].
package schema

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Names lists the texts in the order they depend on each other.
func Names() []string {
	return []string{"tenant", "events", "outbox", "idempotency", "inbox", "operations"}
}

// Text returns the text of that name.
func Text(name string) (string, error) {
	b, err := files.ReadFile(name + ".sql")
	if err != nil {
		return "", fmt.Errorf("schema text %q: %w", name, err)
	}
	return string(b), nil
}

// All is all texts as one goose migration, for the tests of what works on these tables; more SQL may follow it.
func All() (string, error) {
	var s strings.Builder
	s.WriteString("-- +goose Up\n")
	for _, n := range Names() {
		t, err := Text(n)
		if err != nil {
			return "", err
		}
		s.WriteString(t)
		s.WriteString("\n")
	}
	return s.String(), nil
}
