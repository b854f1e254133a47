// Package site serves what a browser loads: the client, the reference of the API and its OpenAPI document.
package site

import (
	"bytes"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	protofiles "kontor.internal/proto"
)

// client holds the built client; the build copies it there. Without a build there is only a page that says so.
//
//go:embed all:client
var client embed.FS

// errorsPage is the page that problem details point to; make docs writes it.
//
//go:embed errors.html
var errorsPage []byte

// policy lets the client load only what is its own. Styles set from script are what component libraries do.
const policy = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; " +
	"script-src 'self'; connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"

// referencePolicy is for the reference alone, whose script compiles templates.
const referencePolicy = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; " +
	"script-src 'self' 'unsafe-eval'; connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'; base-uri 'self'"

// Handler serves the client for every path that is no file, so that its own addresses can be opened and reloaded.
func Handler() http.Handler {
	root, err := fs.Sub(client, "client")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	files := http.FileServerFS(root)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Frame-Options", "DENY")
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		switch {
		case name == "openapi.yaml":
			h.Set("Content-Type", "application/yaml")
			http.ServeContent(w, r, "openapi.yaml", time.Time{}, bytes.NewReader(protofiles.OpenAPI))
		case name == "docs/errors":
			h.Set("Content-Type", "text/html; charset=utf-8")
			http.ServeContent(w, r, "errors.html", time.Time{}, bytes.NewReader(errorsPage))
		case r.URL.Path == "/reference":
			http.Redirect(w, r, "/reference/", http.StatusMovedPermanently)
		case strings.HasPrefix(r.URL.Path, "/reference/"):
			h.Set("Content-Security-Policy", referencePolicy)
			files.ServeHTTP(w, r)
		case name == "" || !exists(root, name):
			serveIndex(w, r, root)
		default:
			if strings.HasPrefix(name, "assets/") { // named by content
				h.Set("Cache-Control", "public, max-age=31536000, immutable")
			}
			if serveCompressed(w, r, root, name) {
				return
			}
			files.ServeHTTP(w, r)
		}
	})
}

// serveCompressed sends what the build has compressed well beforehand; compressing on the way costs more and yields less.
func serveCompressed(w http.ResponseWriter, r *http.Request, root fs.FS, name string) bool {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || !exists(root, name+".gz") {
		return false
	}
	raw, err := fs.ReadFile(root, name+".gz")
	if err != nil {
		return false
	}
	h := w.Header()
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(raw))
	return true
}

func exists(root fs.FS, name string) bool {
	info, err := fs.Stat(root, name)
	return err == nil && !info.IsDir()
}

func serveIndex(w http.ResponseWriter, r *http.Request, root fs.FS) {
	name := "index.html"
	if !exists(root, name) {
		name = "unbuilt.html"
	}
	page, err := fs.ReadFile(root, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(page))
}
