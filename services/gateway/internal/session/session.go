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

	// BindingName is the name of the cookie with the binding of a sign-in at a provider.
	BindingName = "kontor_external"

	browser = "browser"
	// The path of a cookie ends at a slash: "/v1/sessions" would leave out "/v1/sessions:refresh".
	path = "/v1"

	quarter = 15 * 60 // of an hour, in seconds
	days    = 24 * 60 * 60
)

type contextKey struct{}

// inBrowser is what a request from a browser brings.
type inBrowser struct {
	refreshToken string
	binding      string
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
			if c, err := r.Cookie(BindingName); err == nil {
				b.binding = c.Value
			}
			r = r.WithContext(context.WithValue(r.Context(), contextKey{}, b))
		}
		next.ServeHTTP(w, r)
	})
}

// FromCookie puts the cookie's refresh token, or the binding of a sign-in at a provider, into a call that has none.
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
	case *identityv1.CompleteExternalSignInRequest:
		if c.GetBinding() == "" {
			c.Binding = b.binding
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
	case *identityv1.BeginExternalSignInResponse:
		b.bind(w, a.GetBinding())
		a.Binding = ""
	case *identityv1.CompleteExternalSignInResponse:
		b.bind(w, a.GetBinding()) // cleared once it is completed
		a.Binding = ""
		if a.GetRefreshToken() != "" {
			b.set(w, a.GetRefreshToken())
			a.RefreshToken = ""
		}
	}
	return nil
}

// set writes the cookie with the refresh token; an empty one clears it. How long it holds is for identity to say: to the
// browser it is a cookie of many days.
func (b inBrowser) set(w http.ResponseWriter, token string) { b.write(w, CookieName, token, 60*days) }

// bind writes the cookie with the binding; an empty one clears it. The provider sends the browser back to a page of ours,
// which asks for the rest itself: so the cookie never has to come along from another site.
func (b inBrowser) bind(w http.ResponseWriter, binding string) {
	b.write(w, BindingName, binding, quarter)
}

func (b inBrowser) write(w http.ResponseWriter, name, value string, seconds int) {
	c := &http.Cookie{ //nolint:gosec // Secure wherever the page is; plain HTTP is for a machine of one's own
		Name: name, Value: value, Path: path, MaxAge: seconds,
		HttpOnly: true, Secure: b.secure, SameSite: http.SameSiteStrictMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
