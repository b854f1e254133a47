package role

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/fieldrules"
)

// MaxFields is how many rules for fields a role may have.
const MaxFields = 500

// customField is the name of one of the organisation's own fields. Whether there is one is not asked: it may come later,
// and a rule for none withholds nothing.
var customField = regexp.MustCompile(`^custom\.[a-z][a-z0-9_]{0,63}$`)

// validFields adds what is wrong with the rules to err. What fields records have is told by their descriptors, which the
// process has for the audit log (internal/audit).
func validFields(err *apperr.Error, rules []FieldRule) *apperr.Error {
	if len(rules) > MaxFields {
		err = err.WithField("fields", "at most "+strconv.Itoa(MaxFields))
	}
	seen := make(map[FieldRule]bool, len(rules))
	for i, r := range rules {
		at := "fields[" + strconv.Itoa(i) + "]"
		if !slices.Contains(fieldrules.Kinds(), r.Kind) {
			err = err.WithField(at+".kind", "one of "+strings.Join(fieldrules.Kinds(), ", "))
			continue
		}
		if r.Access < ReadOnly || r.Access > Hidden {
			err = err.WithField(at+".access", "read-only or hidden; leave out what is not withheld")
		}
		if why := fieldFault(r); why != "" {
			err = err.WithField(at+".field", why)
		}
		what := FieldRule{Kind: r.Kind, Field: r.Field}
		if seen[what] {
			err = err.WithField(at, "the same field twice")
		}
		seen[what] = true
	}
	return err
}

// fieldFault says what is wrong with the field of a rule; empty if nothing is.
func fieldFault(r FieldRule) string {
	if fieldrules.Own(r.Kind) && customField.MatchString(r.Field) {
		return ""
	}
	for _, f := range fieldrules.Fields(r.Kind) {
		switch {
		case f.Name != r.Field:
		case f.Fixed && r.Access == Hidden:
			return "can be read-only, but not hidden: nobody could work with the record without it"
		default:
			return ""
		}
	}
	return "a field of the record, or custom.<key>"
}

// grants reports whether the role grants anything of a kind.
func (r *Role) grants(kind string) bool {
	return slices.ContainsFunc(r.Grants, func(g Grant) bool {
		return (g.Kind == AnyKind || g.Kind == kind) && g.Scope > None
	})
}

// Withheld is what roles withhold together: of the roles that grant something of a kind, or of all if none does, only what
// every one withholds. It is sorted as in the first role.
func Withheld(roles []*Role) []FieldRule {
	var out []FieldRule
	done := make(map[FieldRule]bool)
	for _, r := range roles {
		for _, rule := range r.Fields {
			what := FieldRule{Kind: rule.Kind, Field: rule.Field}
			if done[what] {
				continue
			}
			done[what] = true
			if rule.Access = left(roles, what); rule.Access != Whole {
				out = append(out, rule)
			}
		}
	}
	return out
}

func left(roles []*Role, what FieldRule) Access {
	granting := slices.DeleteFunc(slices.Clone(roles), func(r *Role) bool { return !r.grants(what.Kind) })
	if len(granting) == 0 {
		granting = roles
	}
	least := Hidden
	for _, r := range granting {
		least = min(least, r.access(what))
	}
	return least
}

// access is what the role leaves of a field.
func (r *Role) access(what FieldRule) Access {
	for _, f := range r.Fields {
		if f.Kind == what.Kind && f.Field == what.Field {
			return f.Access
		}
	}
	return Whole
}

// Reveals reports whether the role grants something of a kind and leaves more of a field than withheld does.
func (r *Role) Reveals(withheld []FieldRule) bool {
	return slices.ContainsFunc(withheld, func(w FieldRule) bool { return r.grants(w.Kind) && r.access(w) < w.Access })
}
