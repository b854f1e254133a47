// Package content finds out what a file holds, from its first bytes. What the sender says counts only where the bytes
// cannot tell, and only for types that browsers do not run.
package content

import (
	"bytes"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// HeadSize is how many bytes Sniff wants to see.
const HeadSize = 3072

// refinements are the types that a more general one may really be, by extension.
func refinements(general string) map[string]string {
	switch general {
	case "text/plain":
		return map[string]string{
			".csv": "text/csv", ".tsv": "text/tab-separated-values", ".md": "text/markdown", ".json": "application/json",
			".ics": "text/calendar", ".vcf": "text/vcard", ".eml": "message/rfc822", ".yaml": "application/yaml", ".yml": "application/yaml",
			".rtf": "application/rtf",
		}
	case "text/xml":
		return map[string]string{".xml": "application/xml"}
	case "application/zip":
		return map[string]string{
			".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
			".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
			".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
			".odt":  "application/vnd.oasis.opendocument.text", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
			".odp": "application/vnd.oasis.opendocument.presentation", ".epub": "application/epub+zip",
		}
	case "application/octet-stream":
		return map[string]string{
			".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
			".msg": "application/vnd.ms-outlook", ".opus": "audio/ogg", ".heic": "image/heic", ".7z": "application/x-7z-compressed",
		}
	}
	return nil
}

// Sniff returns the media type of a content by its first bytes, its name and what the sender claims.
func Sniff(head []byte, name, claimed string) string {
	t := http.DetectContentType(head)
	general, params, err := mime.ParseMediaType(t)
	if err != nil {
		return "application/octet-stream"
	}
	if general == "text/plain" && params["charset"] == "utf-8" && !utf8.Valid(trimPartial(head)) {
		t = general // text of another encoding
	}
	if dangerous(head) {
		return "text/html; charset=utf-8"
	}
	known := refinements(general)
	if r, ok := known[strings.ToLower(filepath.Ext(name))]; ok {
		return r
	}
	if c, _, err := mime.ParseMediaType(claimed); err == nil {
		for _, r := range known {
			if r == c {
				return r
			}
		}
	}
	return t
}

// dangerous reports whether a browser might take text for a page although it does not begin like one.
func dangerous(head []byte) bool {
	low := bytes.ToLower(head)
	return bytes.Contains(low, []byte("<script")) || bytes.Contains(low, []byte("<svg"))
}

// trimPartial takes off a last character that was cut in two.
func trimPartial(b []byte) []byte {
	for i := 0; i < utf8.UTFMax && len(b) > 0; i++ {
		if r, n := utf8.DecodeLastRune(b); r != utf8.RuneError || n > 1 {
			return b
		}
		b = b[:len(b)-1]
	}
	return b
}
