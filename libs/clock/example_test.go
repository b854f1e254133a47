package clock_test

import (
	"fmt"
	"time"

	"kontor.internal/libs/clock"
)

func ExampleClock() {
	overdue := func(now clock.Clock, due time.Time) bool { return due.Before(now.Now()) }
	monday := clock.Fixed(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	fmt.Println(overdue(monday, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)))
	// Output: true
}
