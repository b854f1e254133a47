package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// FreeAddr returns a loopback address that nothing listens on, for a server that is told its address beforehand. Its
// port is below those that systems hand out by themselves, so that no server started on port 0 meanwhile takes it.
func FreeAddr(t testing.TB) string {
	t.Helper()
	const lowest, ports = 20_000, 10_000
	for range 200 {
		addr := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(ports))
		var lc net.ListenConfig
		ln, err := lc.Listen(t.Context(), "tcp", addr)
		if err != nil {
			continue
		}
		if err := ln.Close(); err != nil {
			t.Fatalf("testkit: %v", err)
		}
		return addr
	}
	t.Fatal("testkit: no free port")
	return ""
}
