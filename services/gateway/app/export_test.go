package app

import "net/http"

// Handler is the whole HTTP face, for tests.
func (a *App) Handler() http.Handler { return a.handler }
