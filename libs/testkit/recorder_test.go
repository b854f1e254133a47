package testkit_test

import (
	"fmt"
	"testing"
)

// recorder keeps what a helper that should fail says.
type recorder struct {
	testing.TB

	said string
}

const stopped = "stopped"

func (r *recorder) Helper()                           {}
func (r *recorder) Errorf(format string, args ...any) { r.said += fmt.Sprintf(format, args...) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(stopped)
}
