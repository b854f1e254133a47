package authz

import (
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
)

func (s *snapshot) fieldRules(user string) FieldRules {
	s.mu.RLock()
	rules, ok := s.rules[user]
	s.mu.RUnlock()
	if ok {
		return rules
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[user]; u != nil {
		var roles []*Role
		for _, id := range u.RoleIDs {
			if r := s.roles[id]; r != nil {
				roles = append(roles, r)
			}
		}
		rules = Withheld(roles)
	}
	s.rules[user] = rules
	return rules
}

// Withheld is what roles withhold together; nil if nothing.
func Withheld(roles []*Role) FieldRules {
	out := make(FieldRules)
	for _, r := range roles {
		for kind := range r.Fields {
			if out[kind] != nil {
				continue
			}
			if fields := withheldOf(kind, roles); len(fields) > 0 {
				out[kind] = fields
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// withheldOf is what all roles withhold that grant something of the kind, or all there are if none does: records of the
// kind may stand within others.
func withheldOf(kind string, roles []*Role) map[string]accessv1.FieldAccess {
	var granting []*Role
	for _, r := range roles {
		if r.grants(kind) {
			granting = append(granting, r)
		}
	}
	if len(granting) == 0 {
		granting = roles
	}
	fields := make(map[string]accessv1.FieldAccess)
	for field, access := range granting[0].Fields[kind] {
		for _, r := range granting[1:] {
			access = min(access, r.Fields[kind][field])
		}
		if access > accessv1.FieldAccess_FIELD_ACCESS_UNSPECIFIED {
			fields[field] = min(access, accessv1.FieldAccess_FIELD_ACCESS_HIDDEN)
		}
	}
	return fields
}

func (r *Role) grants(kind string) bool {
	for _, g := range r.Grants {
		if (g.Kind == AnyKind || g.Kind == kind) && g.Scope > accessv1.Scope_SCOPE_UNSPECIFIED && g.Scope <= accessv1.Scope_SCOPE_ALL {
			return true
		}
	}
	return false
}
