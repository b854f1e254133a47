// Command errors lists every reason that a caller may be given, from the constructors of package apperr in the sources.
// It writes docs/errors.md and the page that problem details point to; with -check it only says whether they are true.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// kinds are the constructors of apperr, with the gRPC code and the HTTP status they become.
var kinds = map[string]struct {
	code   string
	status int
}{
	"Invalid": {"InvalidArgument", 400}, "Unauthenticated": {"Unauthenticated", 401}, "Forbidden": {"PermissionDenied", 403},
	"NotFound": {"NotFound", 404}, "AlreadyExists": {"AlreadyExists", 409}, "Conflict": {"Aborted", 409},
	"NotAllowedNow": {"FailedPrecondition", 400}, "TooMany": {"ResourceExhausted", 429}, "Unavailable": {"Unavailable", 503},
}

type entry struct {
	reason, code, text, where string
	status                    int
}

func main() {
	check := flag.Bool("check", false, "do not write; fail if the lists are out of date")
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "errors:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	entries, err := collect(root)
	if err != nil {
		return err
	}
	for path, content := range map[string][]byte{
		"docs/errors.md": markdown(entries), "services/gateway/internal/site/errors.html": page(entries),
	} {
		path = filepath.Join(root, path)
		old, err := os.ReadFile(path)
		if err == nil && bytes.Equal(old, content) {
			continue
		}
		if check {
			return fmt.Errorf("%s is out of date: run make docs", path)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func collect(root string) ([]entry, error) {
	found := map[string]entry{}
	for _, top := range []string{"libs", "services"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "dist"):
				return fs.SkipDir
			case d.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
				return nil
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			return scan(path, owner(filepath.ToSlash(rel)), found)
		})
		if err != nil {
			return nil, err
		}
	}
	entries := make([]entry, 0, len(found))
	for _, e := range found {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.reason, b.reason) })
	return entries, nil
}

// owner is the service or library a file belongs to.
func owner(rel string) string {
	parts := strings.Split(rel, "/")
	if parts[0] == "libs" {
		return "every service"
	}
	return parts[1]
}

func scan(path, where string, found map[string]entry) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		fn, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := fn.X.(*ast.Ident)
		kind, known := kinds[fn.Sel.Name]
		if !ok || pkg.Name != "apperr" || !known {
			return true
		}
		reason, text := literal(call.Args[0]), literal(call.Args[1])
		if reason == "" {
			return true
		}
		e, again := found[reason]
		switch {
		case !again:
			e = entry{reason, kind.code, text, where, kind.status}
			if strings.HasSuffix(reason, "ETAG_MISMATCH") {
				e.status = 412
			}
		case !strings.Contains(e.where, where):
			e.where += ", " + where
		}
		found[reason] = e
		return true
	})
	return nil
}

// literal is the value of a string constant, also of one put together with +.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	}
	return ""
}

func markdown(entries []entry) []byte {
	var b bytes.Buffer
	b.WriteString("# Errors\n\nEvery reason an answer may carry, made from the sources by `make docs`. The reason never changes; the text may.\n" +
		"Over REST it is `reason` in the problem details (RFC 9457), over gRPC `ErrorInfo.reason` with the domain `kontor`.\n\n" +
		"| reason | gRPC | HTTP | what it means and what to do | from |\n|---|---|---|---|---|\n")
	for _, e := range entries {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", e.reason, e.code, e.status, strings.ReplaceAll(e.text, "|", `\|`), e.where)
	}
	return b.Bytes()
}

func page(entries []entry) []byte {
	var b bytes.Buffer
	b.WriteString("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n" +
		"<title>Errors · Kontor</title>\n<style>body{font:14px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}" +
		"dt{font-family:monospace;margin-top:1rem}:target{background:#ffef9e}</style>\n<h1>Errors</h1>\n<dl>\n")
	for _, e := range entries {
		fmt.Fprintf(&b, "<dt id=\"%s\">%s <small>%d %s</small></dt>\n<dd>%s</dd>\n",
			strings.ToLower(e.reason), e.reason, e.status, e.code, html.EscapeString(e.text))
	}
	b.WriteString("</dl>\n</html>\n")
	return b.Bytes()
}
