// Package clock passes the time of day in as a value, so that rules and tests choose it.
package clock

import "time"

// Clock tells the time.
type Clock func() time.Time

// System is the machine's clock, in UTC and rounded down to the microsecond that PostgreSQL keeps, so that a time
// reads back as it was written.
func System() time.Time {
	return time.Now().UTC().Truncate(time.Microsecond) //nolint:forbidigo // The one place that asks the machine.
}

// Fixed returns a clock that stands still at t.
func Fixed(t time.Time) Clock {
	return func() time.Time { return t }
}

// Now asks c, or the machine when c is nil.
func (c Clock) Now() time.Time {
	if c == nil {
		return System()
	}
	return c()
}

// Instant is a reading of the machine's clock for measuring with time.Since how long something takes. It is not
// affected when the time of day is set.
func Instant() time.Time {
	return time.Now() //nolint:forbidigo // Measures durations; no rule depends on it.
}
