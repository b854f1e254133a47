package testkit

import (
	"testing"
	"time"
)

// patience is long because it only matters to a failing test, and machines that
// run tests are busy.
const patience = 30 * time.Second

// Eventually calls f until it returns nil and fails the test with its last error
// if that takes too long. It is how a test waits for what another goroutine or
// process does.
func Eventually(t testing.TB, f func() error) {
	t.Helper()
	EventuallyWithin(t, patience, f)
}

// EventuallyWithin is [Eventually] with a patience of its own.
func EventuallyWithin(t testing.TB, patience time.Duration, f func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %s: %v", patience, err)
		}
		time.Sleep(pause)
	}
}
