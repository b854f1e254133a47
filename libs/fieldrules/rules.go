// Package fieldrules holds the rules that roles have for the fields of records (ID-4): which a caller may not see, and
// which the caller may not change.
//
// The rules come with the directory. Which message shows which fields is said by options in the protos
// (kontor.options.v1.record and .field), so that what is here knows no record and holds for a new call without a line of
// code. Server calls it for every request and answer; whatever leaves another way (files, background work) calls it
// itself.
package fieldrules

import (
	"context"
	"strings"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
)

// Failures, which name the field.
var (
	ErrHidden   = apperr.Forbidden("FIELD_HIDDEN", "your roles hide this field; leave it out, or ask an administrator")
	ErrReadOnly = apperr.Forbidden("FIELD_READ_ONLY", "your roles do not let you change this field; leave it out, or ask an administrator")
)

// Rules are those of one user, for every kind. The zero value hides nothing.
type Rules struct{ of authz.FieldRules }

// For returns the rules of a user.
func For(d *authz.Directory, org, user string) Rules {
	if d == nil || user == "" {
		return Rules{}
	}
	return Rules{of: d.FieldRules(org, user)}
}

// From returns the rules of whoever the context acts for.
func From(ctx context.Context) Rules {
	p, ok := authn.From(ctx)
	if !ok {
		return Rules{}
	}
	return For(authz.DirectoryFrom(ctx), p.OrganizationID, p.UserID)
}

// Empty reports whether there are no rules.
func (r Rules) Empty() bool { return len(r.of) == 0 }

// Hides reports whether the user may not see what the name tells, which may be that of a filter, of a column or of a
// message.
func (r Rules) Hides(kind, name string) bool {
	return r.strictest(kind, name) == accessv1.FieldAccess_FIELD_ACCESS_HIDDEN
}

// MayRead returns ErrHidden, naming the field, if the user may not see it.
func (r Rules) MayRead(kind, name string) error {
	if r.Hides(kind, name) {
		return named(ErrHidden, kind, name)
	}
	return nil
}

// MayWrite returns ErrHidden or ErrReadOnly, naming the field, if the user may not change it.
func (r Rules) MayWrite(kind, name string) error {
	switch r.strictest(kind, name) {
	case accessv1.FieldAccess_FIELD_ACCESS_HIDDEN:
		return named(ErrHidden, kind, name)
	case accessv1.FieldAccess_FIELD_ACCESS_READ_ONLY:
		return named(ErrReadOnly, kind, name)
	case accessv1.FieldAccess_FIELD_ACCESS_UNSPECIFIED:
	}
	return nil
}

// MayFilter returns ErrHidden if a filter (AIP-160) names a field that the user may not see. What is no filter passes:
// whoever compiles it refuses it.
func (r Rules) MayFilter(kind, filter string) error {
	if r.Empty() {
		return nil
	}
	for _, name := range aip.FilterNames(filter) {
		if err := r.MayRead(kind, name); err != nil {
			return err
		}
	}
	return nil
}

func (r Rules) strictest(kind, name string) accessv1.FieldAccess {
	if of, field, other := strings.Cut(name, "/"); other {
		kind, name = of, field
	}
	rules, s := r.of[kind], schemas()[kind]
	if len(rules) == 0 || s == nil {
		return accessv1.FieldAccess_FIELD_ACCESS_UNSPECIFIED
	}
	var strictest accessv1.FieldAccess
	for _, f := range s.canonical(name) {
		strictest = max(strictest, rules[f])
	}
	return strictest
}

func named(e *apperr.Error, kind, name string) error {
	verb := "your roles hide "
	if e == ErrReadOnly {
		verb = "your roles do not let you change "
	}
	return e.WithField(name, strings.ToLower(e.Reason)).With("kind", kind).With("field", name).
		Saying(verb + name + " of a " + kind + "; leave it out, or ask an administrator")
}
