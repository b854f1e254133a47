package auth

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

type addressKey struct{}

// Address finds out where each request comes from. A forwarded address counts only from a trusted proxy; anybody
// else could write what they like there. The header is replaced, so that the services see the same address.
func Address(trusted []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address := remote(r, trusted)
		// The mux appends the peer's address to this header; with the header gone and the peer rewritten, the services
		// get one address, the true one.
		r.Header.Del("X-Forwarded-For")
		r.RemoteAddr = net.JoinHostPort(address, "0")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), addressKey{}, address)))
	})
}

// ClientAddress returns the address that [Address] found.
func ClientAddress(r *http.Request) string {
	a, _ := r.Context().Value(addressKey{}).(string)
	return a
}

func remote(r *http.Request, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && isTrusted(host, trusted); i-- {
		ip, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		host = ip.Unmap().String()
	}
	return host
}

func isTrusted(host string, trusted []netip.Prefix) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range trusted {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}
