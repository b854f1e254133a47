// Package authn says who is calling: it checks access tokens against published keys, carries the caller in the
// context, and passes the caller's token on to neighbour services.
package authn

import (
	"context"
)

// Principal is who a call is made for.
type Principal struct {
	// OrganizationID is the organisation the caller signed in to. Empty for a service acting on nobody's behalf.
	OrganizationID string
	// UserID is the user or service account. Empty for a service acting on nobody's behalf.
	UserID string
	// SessionID is the sign-in session. Empty for API keys and services.
	SessionID string
	// Service is the service that acts, on behalf of the user if there is one. Empty when the user calls directly.
	Service string
}

// Actor is the caller as events and history name it: the user's ID, or "service:name" when no user is behind it.
func (p Principal) Actor() string {
	if p.UserID == "" && p.Service != "" {
		return "service:" + p.Service
	}
	return p.UserID
}

// caller is the one context value of this package: a request pays for one allocation.
type caller struct {
	principal Principal
	known     bool
	token     string
	address   string
}

type callerKey struct{}

// With returns a context whose calls are made for p. The token of a caller already in ctx does not belong to p and
// is dropped.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, callerKey{}, &caller{principal: p, known: true, address: Address(ctx)})
}

// WithToken returns a context for p that passes token on to neighbour services.
func WithToken(ctx context.Context, p Principal, token string) context.Context {
	return context.WithValue(ctx, callerKey{}, &caller{principal: p, known: true, token: token, address: Address(ctx)})
}

// WithAddress returns a context whose call comes from the client at that address; who calls stays as it is.
func WithAddress(ctx context.Context, address string) context.Context {
	var c caller
	if old, ok := ctx.Value(callerKey{}).(*caller); ok {
		c = *old
	}
	c.address = address
	return context.WithValue(ctx, callerKey{}, &c)
}

// Address returns where the client is that the call is made for: an IP address, or "" for what nobody has asked for by a
// call, such as a job. It is what the suite has seen itself, never what a client says of itself.
func Address(ctx context.Context) string {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.address
	}
	return ""
}

// From returns who the call is made for, and false if nobody has been made out.
func From(ctx context.Context) (Principal, bool) {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.principal, c.known
	}
	return Principal{}, false
}

// MustFrom returns who the call is made for. It panics if nobody has been made out, which the server's interceptors
// do not let happen except on public methods.
func MustFrom(ctx context.Context) Principal {
	p, ok := From(ctx)
	if !ok {
		panic("authn: no principal in the context")
	}
	return p
}

// Token returns the caller's access token, for passing on, or "".
func Token(ctx context.Context) string {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.token
	}
	return ""
}
