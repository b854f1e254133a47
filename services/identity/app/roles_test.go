package app_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

const (
	annEmail = "ann@acme.example"
)

func grant(kind string, action optionsv1.Action, scope accessv1.Scope) *accessv1.DirectoryGrant {
	return &accessv1.DirectoryGrant{Kind: kind, Action: action, Scope: scope}
}

// ID-4: an organisation adds roles of its own, and what they grant holds at once.
func TestCustomRoles(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c, users := identityv1.NewRolesServiceClient(s.conn), identityv1.NewUsersServiceClient(s.conn)

	res, err := c.CreateRole(admin, &identityv1.CreateRoleRequest{Role: &identityv1.Role{
		Name: " Assistant ", Code: "administrator", Description: "Looks things up.", Grants: []*accessv1.DirectoryGrant{
			grant("company", optionsv1.Action_ACTION_VIEW, accessv1.Scope_SCOPE_ALL),
			grant("role", optionsv1.Action_ACTION_VIEW, accessv1.Scope_SCOPE_ALL),
		},
	}})
	require.NoError(t, err)
	made := res.GetRole()
	require.Equal(t, "Assistant", made.GetName())
	require.Empty(t, made.GetCode(), "nothing passes itself off as ready-made")
	ann := s.user(t, admin, "Ann Lee", annEmail, "manager", annPassword)
	_, err = users.UpdateUser(admin, &identityv1.UpdateUserRequest{
		Id: ann.GetId(), User: &identityv1.User{RoleIds: []string{made.GetId()}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"role_ids"}},
	})
	require.NoError(t, err)
	reach := func(kind string) accessv1.Scope {
		ctx, _ := s.signIn(t, annEmail, annPassword)
		me, err := identityv1.NewMeServiceClient(s.conn).GetMe(ctx, &identityv1.GetMeRequest{})
		require.NoError(t, err)
		return me.GetPermissions()[kind].GetActions()["view"]
	}
	testkit.Eventually(t, func() error {
		if reach("company") != accessv1.Scope_SCOPE_ALL || reach("lead") != accessv1.Scope_SCOPE_UNSPECIFIED {
			return errors.New("not in the directory yet")
		}
		return nil
	})

	up, err := c.UpdateRole(admin, &identityv1.UpdateRoleRequest{Id: made.GetId(), Role: &identityv1.Role{
		Etag: made.GetEtag(), Grants: []*accessv1.DirectoryGrant{grant("lead", optionsv1.Action_ACTION_VIEW, accessv1.Scope_SCOPE_OWN)},
	}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"grants"}}})
	require.NoError(t, err)
	require.Equal(t, "Assistant", up.GetRole().GetName())
	testkit.Eventually(t, func() error {
		if reach("company") != accessv1.Scope_SCOPE_UNSPECIFIED || reach("lead") != accessv1.Scope_SCOPE_OWN {
			return errors.New("the change is not in the directory yet")
		}
		return nil
	})
	_, err = c.UpdateRole(admin, &identityv1.UpdateRoleRequest{Id: made.GetId(), Role: &identityv1.Role{Name: "X", Etag: made.GetEtag()}})
	require.Equal(t, "ROLE_ETAG_MISMATCH", reason(err))

	_, err = c.DeleteRole(admin, &identityv1.DeleteRoleRequest{Id: made.GetId()})
	require.Equal(t, "ROLE_IN_USE", reason(err))
	_, err = users.UpdateUser(admin, &identityv1.UpdateUserRequest{Id: ann.GetId(), User: &identityv1.User{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"role_ids"}}})
	require.NoError(t, err)
	_, err = c.DeleteRole(admin, &identityv1.DeleteRoleRequest{Id: made.GetId(), Etag: up.GetRole().GetEtag()})
	require.NoError(t, err)
	_, err = c.GetRole(admin, &identityv1.GetRoleRequest{Id: made.GetId()})
	require.Equal(t, "ROLE_NOT_FOUND", reason(err))
	testkit.Eventually(t, func() error {
		if _, known := s.directory.Role(s.first.OrganizationID, made.GetId()); known {
			return errors.New("still in the directory")
		}
		return nil
	})
}

// ID-4: what is refused, by its reason.
func TestCustomRolesRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewRolesServiceClient(s.conn)
	view, all := optionsv1.Action_ACTION_VIEW, accessv1.Scope_SCOPE_ALL
	for name, r := range map[string]*identityv1.Role{
		"no name":           {},
		"no such kind":      {Name: "A", Grants: []*accessv1.DirectoryGrant{grant("spaceship", view, all)}},
		"no such action":    {Name: "A", Grants: []*accessv1.DirectoryGrant{grant("deal", 99, all)}},
		"no scope":          {Name: "A", Grants: []*accessv1.DirectoryGrant{grant("deal", view, 0)}},
		"a scope to come":   {Name: "A", Grants: []*accessv1.DirectoryGrant{grant("deal", view, 9)}},
		"said twice":        {Name: "A", Grants: []*accessv1.DirectoryGrant{grant("deal", view, all), grant("deal", view, accessv1.Scope_SCOPE_OWN)}},
		"control character": {Name: "A\nB"},
	} {
		_, err := c.CreateRole(admin, &identityv1.CreateRoleRequest{Role: r})
		require.Equal(t, "ROLE_INVALID", reason(err), name)
	}
	_, err := c.CreateRole(admin, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "manager"}})
	require.Equal(t, "ROLE_NAME_TAKEN", reason(err))
	manager := s.role(t, admin, "manager")
	_, err = c.UpdateRole(admin, &identityv1.UpdateRoleRequest{Id: manager, Role: &identityv1.Role{Name: "Mine"}})
	require.Equal(t, "ROLE_READY_MADE", reason(err))
	_, err = c.DeleteRole(admin, &identityv1.DeleteRoleRequest{Id: manager})
	require.Equal(t, "ROLE_READY_MADE", reason(err))

	// Who may keep roles gives no more than what is theirs: not in a new role, not by widening one, nor by giving one.
	keeper, err := c.CreateRole(admin, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "Keeper", Grants: []*accessv1.DirectoryGrant{
		grant("role", 0, all), grant("user", 0, all), grant("lead", view, accessv1.Scope_SCOPE_DEPARTMENT),
	}}})
	require.NoError(t, err)
	wide, err := c.CreateRole(admin, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "Wide", Grants: []*accessv1.DirectoryGrant{grant("deal", view, all)}}})
	require.NoError(t, err)
	ann := s.user(t, admin, "Ann Lee", annEmail, "manager", annPassword)
	users := identityv1.NewUsersServiceClient(s.conn)
	_, err = users.UpdateUser(admin, &identityv1.UpdateUserRequest{Id: ann.GetId(), User: &identityv1.User{RoleIds: []string{keeper.GetRole().GetId()}}})
	require.NoError(t, err)
	ctx, _ := s.signIn(t, annEmail, annPassword)
	var own *identityv1.CreateRoleResponse
	testkit.Eventually(t, func() error {
		own, err = c.CreateRole(ctx, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "Less", Grants: []*accessv1.DirectoryGrant{grant("lead", view, accessv1.Scope_SCOPE_OWN)}}})
		return err
	})
	more := []*accessv1.DirectoryGrant{grant("lead", view, all)}
	_, err = c.CreateRole(ctx, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "More", Grants: more}})
	require.Equal(t, "ROLE_NOT_YOURS", reason(err))
	_, err = c.UpdateRole(ctx, &identityv1.UpdateRoleRequest{Id: own.GetRole().GetId(), Role: &identityv1.Role{Grants: more}})
	require.Equal(t, "ROLE_NOT_YOURS", reason(err))
	_, err = c.UpdateRole(ctx, &identityv1.UpdateRoleRequest{
		Id: wide.GetRole().GetId(), Role: &identityv1.Role{Description: "Taken down"},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"description"}},
	})
	require.Equal(t, "ROLE_NOT_YOURS", reason(err), "nor takes from others what is not theirs")
	_, err = c.DeleteRole(ctx, &identityv1.DeleteRoleRequest{Id: wide.GetRole().GetId()})
	require.Equal(t, "ROLE_NOT_YOURS", reason(err))
	_, err = users.UpdateUser(ctx, &identityv1.UpdateUserRequest{Id: ann.GetId(), User: &identityv1.User{RoleIds: []string{wide.GetRole().GetId()}}})
	require.Equal(t, "ROLE_NOT_YOURS", reason(err))
}

// ID-4: a role hides fields and makes them read-only; the directory tells every service, and nobody gives away what is
// withheld from them.
func TestFieldRules(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c, users := identityv1.NewRolesServiceClient(s.conn), identityv1.NewUsersServiceClient(s.conn)
	hidden, readOnly := accessv1.FieldAccess_FIELD_ACCESS_HIDDEN, accessv1.FieldAccess_FIELD_ACCESS_READ_ONLY
	rule := func(kind, field string, access accessv1.FieldAccess) []*accessv1.DirectoryFieldRule {
		return []*accessv1.DirectoryFieldRule{{Kind: kind, Field: field, Access: access}}
	}
	for name, rules := range map[string][]*accessv1.DirectoryFieldRule{
		"no such kind":      rule("spaceship", "name", hidden),
		"no such field":     rule("deal", "colour", hidden),
		"what tells others": rule("deal", "base_amount", hidden),
		"a needed field":    rule("deal", "name", hidden),
		"no access":         rule("deal", "amount", 0),
		"an access to come": rule("deal", "amount", 9),
		"an own field":      rule("deal", "custom.Über", hidden),
		"said twice":        append(rule("deal", "amount", hidden), rule("deal", "amount", readOnly)...),
	} {
		_, err := c.CreateRole(admin, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "A", Fields: rules}})
		require.Equal(t, "ROLE_INVALID", reason(err), name)
	}
	all := []*accessv1.DirectoryGrant{
		grant("deal", 0, accessv1.Scope_SCOPE_ALL), grant("role", 0, accessv1.Scope_SCOPE_ALL), grant("user", 0, accessv1.Scope_SCOPE_ALL),
	}
	rules := append(append(rule("deal", "amount", hidden), rule("deal", "name", readOnly)...), rule("deal", "custom.margin", hidden)...)
	made, err := c.CreateRole(admin, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "Blind", Grants: all, Fields: rules}})
	require.NoError(t, err)
	ann := s.user(t, admin, "Ann Lee", annEmail, "manager", annPassword)
	_, err = users.UpdateUser(admin, &identityv1.UpdateUserRequest{Id: ann.GetId(), User: &identityv1.User{RoleIds: []string{made.GetRole().GetId()}}})
	require.NoError(t, err)
	ctx, _ := s.signIn(t, annEmail, annPassword)
	testkit.Eventually(t, func() error {
		if s.directory.FieldRules(s.first.OrganizationID, ann.GetId())["deal"]["amount"] != hidden {
			return errors.New("not in the directory yet")
		}
		return nil
	})
	me, err := identityv1.NewMeServiceClient(s.conn).GetMe(ctx, &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.Equal(t, map[string]accessv1.FieldAccess{"amount": hidden, "name": readOnly, "custom.margin": hidden},
		me.GetPermissions()["deal"].GetFields())

	deals := []*accessv1.DirectoryGrant{grant("deal", optionsv1.Action_ACTION_VIEW, accessv1.Scope_SCOPE_OWN)}
	_, err = c.CreateRole(ctx, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "Seeing", Grants: deals}})
	require.Equal(t, "ROLE_NOT_YOURS", reason(err))
	_, err = c.CreateRole(ctx, &identityv1.CreateRoleRequest{Role: &identityv1.Role{Name: "Blinder", Grants: deals, Fields: rules}})
	require.NoError(t, err)
}
