// Package flow holds tests that walk through the suite as a whole, as those do who use it: over its command line, its
// REST face and its gRPC services, across all of them. There is nothing in it but tests; what one service does alone is
// tested beside that service.
//
// The tests share one running suite. Each works in an organisation of its own, which is as good as a suite of its own
// (ID-1) and much quicker.
package flow
