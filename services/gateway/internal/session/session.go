// Package session keeps a browser's refresh token in a cookie that no script can read.
//
// A browser says that it is one with a header, which other sites cannot send. Then the refresh token goes into the
// cookie instead of the answer, and comes from the cookie when the request has none. Other programs get and send the
// token in the body.
package session

import (
	"context"
	"net/http"

	"google.golang.org/protobuf/proto"

	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

const (
	// Header says that the request is from our client in a browser. A page of another site cannot send it without being
	// asked for by CORS, which protects the cookie from forged requests.
	Header = "X-Kontor-Client"
	// CookieName is the name of the cookie with the refresh token.
	CookieName = "kontor_refresh"

	browser = "browser"
	// The path of a cookie ends at a slash: "/v1/sessions" would leave out "/v1/sessions:refresh".
	path = "/v1"
)

type contextKey struct{}

// inBrowser is what a request from a browser brings.
type inBrowser struct {
	refreshToken string
	secure       bool
}

// Handler notes which requests are from a browser, and the refresh token they bring.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(Header) == browser {
			b := inBrowser{secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"}
			if c, err := r.Cookie(CookieName); err == nil {
				b.refreshToken = c.Value
			}
			r = r.WithContext(context.WithValue(r.Context(), contextKey{}, b))
		}
		next.ServeHTTP(w, r)
	})
}

// FromCookie puts the cookie's refresh token into a call that has none.
func FromCookie(ctx context.Context, call any) {
	b, ok := ctx.Value(contextKey{}).(inBrowser)
	if !ok {
		return
	}
	switch c := call.(type) {
	case *identityv1.RefreshSessionRequest:
		if c.GetRefreshToken() == "" {
			c.RefreshToken = b.refreshToken
		}
	case *identityv1.SignOutRequest:
		if c.GetRefreshToken() == "" {
			c.RefreshToken = b.refreshToken
		}
	}
}

// ToCookie moves the refresh token of an answer into the cookie, or clears the cookie after signing out.
func ToCookie(ctx context.Context, w http.ResponseWriter, answer proto.Message) error {
	b, ok := ctx.Value(contextKey{}).(inBrowser)
	if !ok {
		return nil
	}
	switch a := answer.(type) {
	case *identityv1.CreateSessionResponse:
		b.set(w, a.GetRefreshToken())
		a.RefreshToken = ""
	case *identityv1.RefreshSessionResponse:
		b.set(w, a.GetRefreshToken())
		a.RefreshToken = ""
	case *identityv1.SignOutResponse:
		b.set(w, "")
	}
	return nil
}

// set writes the cookie; an empty token clears it. How long it holds is for identity to say: to the browser it is a
// cookie of many days.
func (b inBrowser) set(w http.ResponseWriter, token string) {
	const days = 24 * 60 * 60
	c := &http.Cookie{ //nolint:gosec // Secure wherever the page is; plain HTTP is for a machine of one's own
		Name: CookieName, Value: token, Path: path, MaxAge: 60 * days,
		HttpOnly: true, Secure: b.secure, SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
