package content_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/files/internal/content"
)

func TestSniff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ head, file, claimed, want string }{
		"pdf whatever it is called":       {"%PDF-1.7", "a.txt", "text/html", "application/pdf"},
		"csv by its name":                 {"a,b\n1,2\n", "a.CSV", "", "text/csv"},
		"csv by what the sender says":     {"a,b\n1,2\n", "a", "text/csv", "text/csv"},
		"text stays text":                 {"hello", "a.pdf", "application/pdf", "text/plain; charset=utf-8"},
		"nobody makes text a page":        {"hello", "a.html", "text/html", "text/plain; charset=utf-8"},
		"a page is a page":                {"<!DOCTYPE html><p>", "a.csv", "text/csv", "text/html; charset=utf-8"},
		"a script further down":           {"a,b\n<ScRiPt>alert(1)</script>", "a.csv", "text/csv", "text/html; charset=utf-8"},
		"a drawing with scripts":          {"<?xml version=\"1.0\"?><svg xmlns=\"…\">", "a.xml", "", "text/html; charset=utf-8"},
		"a document in a zip":             {"PK\x03\x04…", "a.docx", "", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		"a zip":                           {"PK\x03\x04…", "a.zip", "text/html", "application/zip"},
		"unknown bytes":                   {"\x00\x01\x02\x03", "a.html", "text/html", "application/octet-stream"},
		"text of another encoding":        {"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0", "a.csv", "", "text/csv"},
		"an image that claims to be code": {"\x89PNG\r\n\x1a\n", "a.js", "application/javascript", "image/png"},
	} {
		require.Equal(t, c.want, content.Sniff([]byte(c.head), c.file, c.claimed), name)
	}
}
