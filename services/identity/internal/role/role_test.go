package role_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/identity/internal/role"
)

func grants(t *testing.T, code string) []role.Grant {
	t.Helper()
	for _, r := range role.ReadyMade() {
		if r.Code == code {
			return r.Grants
		}
	}
	t.Fatalf("no role %s", code)
	return nil
}

// ID-4: how far the ready-made roles reach.
func TestReadyMadeRoles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		role, kind string
		action     role.Action
		want       role.Scope
	}{
		{role.Manager, "deal", role.View, role.Own},
		{role.Manager, "company", role.Update, role.Own},
		{role.Manager, "deal", role.Export, role.None},
		{role.Manager, "deal", role.Import, role.None},
		{role.Manager, "product", role.View, role.All},
		{role.Manager, "product", role.Update, role.None},
		{role.Manager, "report", role.View, role.Own},
		{role.Manager, "user", role.View, role.All},
		{role.Manager, "user", role.Update, role.None},
		{role.Manager, "settings", role.View, role.None},
		{role.Head, "lead", role.Update, role.DepartmentAndBelow},
		{role.Head, "report", role.View, role.DepartmentAndBelow},
		{role.Head, "settings", role.View, role.None},
		{role.Director, "contact", role.Import, role.All},
		{role.Director, "product", role.Update, role.All},
		{role.Director, "report", role.View, role.All},
		{role.Director, "settings", role.View, role.None},
		{role.Director, "user", role.Create, role.None},
		{role.Administrator, "settings", role.Update, role.All},
		{role.Administrator, "anything to come", role.Delete, role.All},
	} {
		require.Equal(t, c.want, role.Reach(grants(t, c.role), c.kind, c.action), "%s %s %d", c.role, c.kind, c.action)
	}
}

// Nobody gives what they have not: ID-4.
func TestCovers(t *testing.T) {
	t.Parallel()
	m, h, d, a := grants(t, role.Manager), grants(t, role.Head), grants(t, role.Director), grants(t, role.Administrator)
	require.True(t, role.Covers(a, m))
	require.True(t, role.Covers(a, a))
	require.True(t, role.Covers(d, h))
	require.True(t, role.Covers(h, m))
	require.False(t, role.Covers(m, h))
	require.False(t, role.Covers(d, a))
	require.False(t, role.Covers(nil, m))
	require.True(t, role.Covers(nil, nil))
	// All there is today, kind by kind, is not everything: what is to come is not in it.
	var listed []role.Grant
	for _, k := range role.Kinds() {
		listed = append(listed, role.Grant{Kind: k, Scope: role.All})
	}
	require.False(t, role.Covers(listed, a))
}
