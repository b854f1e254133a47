package limit

import (
	"net/http"

	"kontor.internal/libs/authn"
)

// Rates are requests per window.
type Rates struct {
	// PerOrganization is for all users of an organisation together.
	PerOrganization int
	// PerUser is for one user, service account or API key.
	PerUser int
	// PerAddress is for requests of nobody yet, such as signing in, from one address.
	PerAddress int
}

// Handler refuses requests over the rates, and tells everybody what is left. address tells where a request is from.
func (l *Limiter) Handler(rates Rates, address func(*http.Request) string,
	fail func(http.ResponseWriter, *http.Request, error), next http.Handler,
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		var d Decision
		if p, ok := authn.From(ctx); ok {
			d = l.Take(ctx, "user:"+p.UserID, rates.PerUser)
			if d.Allowed {
				if o := l.Take(ctx, "organization:"+p.OrganizationID, rates.PerOrganization); !o.Allowed ||
					o.Remaining < d.Remaining {
					d = o
				}
			}
		} else {
			d = l.Take(ctx, "address:"+address(r), rates.PerAddress)
		}
		d.WriteHeaders(w.Header())
		if !d.Allowed {
			fail(w, r, ErrLimited.RetryIn(d.Reset))
			return
		}
		next.ServeHTTP(w, r)
	})
}
