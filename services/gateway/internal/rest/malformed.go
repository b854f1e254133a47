package rest

import (
	"fmt"
	"regexp"
	"strings"

	"kontor.internal/libs/apperr"
)

// What the libraries that read requests say of a parameter, and of a place in a body.
var (
	inParameter = regexp.MustCompile(`(?:^|: )(?:parsing (?:field|list|map key|map value)|too many values for field|duplicate field|type mismatch, parameter:) "?([\w.]+)`)
	inBody      = regexp.MustCompile(`\(line (\d+):(\d+)\): (.*)`)
	unknown     = regexp.MustCompile(`unknown field "([^"]*)"`)
	invalid     = regexp.MustCompile(`invalid value for \w+ field (\w+)`)
)

// malformed says what cannot be read of a request, and where, in the words of the contract and not of the library.
func malformed(said string) *apperr.Error {
	if m := inParameter.FindStringSubmatch(said); m != nil {
		return ErrMalformed.WithField(camel(m[1]), "the value is not of the field's type, or there are too many of it")
	}
	m := inBody.FindStringSubmatch(said)
	if m == nil {
		return ErrMalformed
	}
	e := *ErrMalformed
	e.Msg = fmt.Sprintf("the body cannot be read at line %s, column %s", m[1], m[2])
	if f := unknown.FindStringSubmatch(m[3]); f != nil {
		return e.WithField(f[1], "there is no such field; the reference at /reference lists them")
	}
	if f := invalid.FindStringSubmatch(m[3]); f != nil {
		return e.WithField(camel(f[1]), "the value is not of the field's type")
	}
	return &e
}

// camel is a field's name as JSON has it.
func camel(name string) string {
	var b strings.Builder
	for i, part := range strings.Split(name, "_") {
		if i > 0 && part != "" {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		b.WriteString(part)
	}
	return b.String()
}
