package authz

import (
	"context"

	"kontor.internal/libs/authn"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

type contextKey struct{}

// grant is the one context value of this package.
type grant struct {
	directory *Directory
	scope     Scope
}

// With returns a context with the directory, and the scope of the call that is being handled. The server's
// interceptor sets it; jobs and consumers that act for a user set it with Directory.Scope or None.
func With(ctx context.Context, d *Directory, s Scope) context.Context {
	return context.WithValue(ctx, contextKey{}, &grant{directory: d, scope: s})
}

// ScopeFrom returns the scope of the call that is being handled: the caller's for the method's kind and action. It
// reaches none where no interceptor has run.
func ScopeFrom(ctx context.Context) Scope {
	if g, ok := ctx.Value(contextKey{}).(*grant); ok {
		return g.scope
	}
	return Scope{}
}

// DirectoryFrom returns the directory, or nil where no interceptor has run.
func DirectoryFrom(ctx context.Context) *Directory {
	if g, ok := ctx.Value(contextKey{}).(*grant); ok {
		return g.directory
	}
	return nil
}

// For returns the caller's scope for another kind or action than the method's own: an update asks here for what the
// caller may view, so that what is out of sight is not found and what may be seen but not changed is denied.
func For(ctx context.Context, kind string, action optionsv1.Action) Scope {
	d := DirectoryFrom(ctx)
	p, ok := authn.From(ctx)
	if d == nil || !ok || p.UserID == "" {
		return Scope{}
	}
	return d.Scope(p.OrganizationID, p.UserID, kind, action)
}
