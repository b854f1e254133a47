package authz

import (
	"context"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// Failures of Authorize.
var (
	// ErrNotReady is the answer while the directory is still being read after the start.
	ErrNotReady = apperr.Unavailable("DIRECTORY_NOT_READY", "the service is starting; try again").RetryIn(time.Second)
	// ErrUserUnknown is the answer to a token of a user who is not in the organisation (any more).
	ErrUserUnknown = apperr.Unauthenticated("USER_UNKNOWN", "sign in again: the user is not known")
	// ErrUserInactive is the answer to a user who has been deactivated, however good the token.
	ErrUserInactive = apperr.Unauthenticated("USER_DEACTIVATED", "the user has been deactivated; ask an administrator")
	// ErrSessionEnded is the answer to a token of a session that has been signed out of or ended, however good the token.
	ErrSessionEnded = apperr.Unauthenticated("SESSION_ENDED", "sign in again: the session has been ended")
	// ErrNotPermitted is the answer to a user whom no role grants the action on the kind of record.
	ErrNotPermitted = apperr.Forbidden("NOT_PERMITTED", "none of your roles permits this; ask an administrator")
)

// newcomerWait is how long a call waits for the entry of a user who is not in the directory yet: somebody just
// invited may be faster than the topic.
const newcomerWait = 2 * time.Second

// Admit returns the user that p names, if known and active. A user whose entry, or whose roles, have not arrived yet
// is waited for briefly. It returns ErrNotReady, ErrUserUnknown, ErrUserInactive or
// ErrSessionEnded.
func (d *Directory) Admit(ctx context.Context, p authn.Principal) (User, error) {
	u, complete := d.look(p)
	if !complete {
		u, complete = d.await(ctx, p)
	}
	switch {
	case u == nil && !d.Ready():
		return User{}, ErrNotReady
	case u == nil:
		return User{}, ErrUserUnknown
	case !u.Active:
		return User{}, ErrUserInactive
	case !complete && !d.Ready():
		return User{}, ErrNotReady
	case d.Ended(p):
		return User{}, ErrSessionEnded
	}
	return *u, nil
}

// Authorize returns how far p reaches for a kind of record and an action. Besides the failures of Admit it returns
// ErrNotPermitted, naming kind and action, if p reaches nothing.
func (d *Directory) Authorize(ctx context.Context, p authn.Principal, kind string, action optionsv1.Action,
) (Scope, error) {
	if _, err := d.Admit(ctx, p); err != nil {
		return Scope{}, err
	}
	scope := d.Scope(p.OrganizationID, p.UserID, kind, action)
	if scope.None() {
		return Scope{}, NotPermitted(kind, action)
	}
	return scope, nil
}

// NotPermitted is ErrNotPermitted for a kind of record and an action.
func NotPermitted(kind string, action optionsv1.Action) error {
	verb := strings.ToLower(strings.TrimPrefix(action.String(), "ACTION_"))
	return ErrNotPermitted.With("kind", kind).With("action", verb).
		Saying("none of your roles permits to " + verb + " a " + kind + "; ask an administrator")
}

// look returns the user, nil if not known, and whether enough has arrived to decide: the user and one of the user's
// roles. All of them would be too much to ask: a role may have been removed for good.
func (d *Directory) look(p authn.Principal) (*User, bool) {
	s := d.snapshot(p.OrganizationID)
	if s == nil {
		return nil, false
	}
	u := s.users[p.UserID]
	if u == nil {
		return nil, false
	}
	for _, id := range u.RoleIDs {
		if s.roles[id] != nil {
			return u, true
		}
	}
	return u, len(u.RoleIDs) == 0
}

func (d *Directory) await(ctx context.Context, p authn.Principal) (*User, bool) {
	late := time.NewTimer(newcomerWait)
	defer late.Stop()
	for {
		changed := d.Changed()
		u, complete := d.look(p)
		if complete {
			return u, true
		}
		select {
		case <-changed:
		case <-late.C:
			return u, false
		case <-ctx.Done():
			return u, false
		}
	}
}

// Granted is a grant and the role it comes from.
type Granted struct {
	RoleID, RoleName string
	Grant            Grant
}

// Explanation tells why a user reaches what the user reaches.
type Explanation struct {
	// Scope is how far the user reaches.
	Scope Scope
	// Widest is the scope that won.
	Widest accessv1.Scope
	// Granted are all grants that match, with their roles; empty if none does, and then nothing is reached.
	Granted []Granted
	// Departments are the departments that the scope covers, sorted; empty for own, all and none.
	Departments []string
	// Inactive is set for a user who has been deactivated and therefore reaches nothing.
	Inactive bool
}

// Explain tells why the user reaches what Scope returns. It returns ErrUserUnknown if there is no such user.
func (d *Directory) Explain(org, user, kind string, action optionsv1.Action) (Explanation, error) {
	s := d.snapshot(org)
	if s == nil || s.users[user] == nil {
		return Explanation{}, ErrUserUnknown
	}
	u := s.users[user]
	widest, by := s.widest(u, kind, action)
	e := Explanation{
		Scope: s.scope(user, kind, action), Widest: widest, Granted: by, Inactive: !u.Active,
	}
	if widest == accessv1.Scope_SCOPE_DEPARTMENT || widest == accessv1.Scope_SCOPE_DEPARTMENT_AND_BELOW {
		e.Departments = s.reach(u, widest)
	}
	return e, nil
}
