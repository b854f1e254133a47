package app_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

const (
	personal   = identityv1.ViewAudience_VIEW_AUDIENCE_PERSONAL
	department = identityv1.ViewAudience_VIEW_AUDIENCE_DEPARTMENT
	everyone   = identityv1.ViewAudience_VIEW_AUDIENCE_EVERYONE
)

// names are those of the views that the caller sees.
func names(t *testing.T, c identityv1.ViewsServiceClient, ctx context.Context, kind string) []string {
	t.Helper()
	res, err := c.ListViews(ctx, &identityv1.ListViewsRequest{Kind: kind})
	require.NoError(t, err)
	out := make([]string, len(res.GetViews()))
	for i, v := range res.GetViews() {
		out[i] = v.GetName()
		if v.GetDefaultView() {
			out[i] += "*"
		}
	}
	return out
}

func TestSavedViewsOfLists(t *testing.T) { // CON-13, ID-5
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewViewsServiceClient(s.conn)
	dep, err := identityv1.NewDepartmentsServiceClient(s.conn).CreateDepartment(admin, &identityv1.CreateDepartmentRequest{
		Department: &identityv1.Department{Name: "Sales"},
	})
	require.NoError(t, err)
	sales := dep.GetDepartment().GetId()
	ann := s.user(t, admin, "Ann", "ann@acme.example", "manager", adminPassword)
	s.user(t, admin, "Ben", "ben@acme.example", "manager", adminPassword)
	for _, u := range []string{ann.GetId()} {
		_, err := identityv1.NewUsersServiceClient(s.conn).UpdateUser(admin, &identityv1.UpdateUserRequest{
			Id: u, User: &identityv1.User{DepartmentId: sales}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"department_id"}},
		})
		require.NoError(t, err)
	}
	asAnn, _ := s.signIn(t, "ann@acme.example", adminPassword)
	asBen, _ := s.signIn(t, "ben@acme.example", adminPassword)
	testkit.Eventually(t, func() error {
		if u, _ := s.directory.User(s.first.OrganizationID, ann.GetId()); u.DepartmentID != sales {
			return context.DeadlineExceeded
		}
		return nil
	})
	create := func(ctx context.Context, v *identityv1.View) (*identityv1.View, error) {
		res, err := c.CreateView(ctx, &identityv1.CreateViewRequest{View: v})
		return res.GetView(), err
	}
	update := func(ctx context.Context, v *identityv1.View, paths ...string) (*identityv1.View, error) {
		res, err := c.UpdateView(ctx, &identityv1.UpdateViewRequest{Id: v.GetId(), View: v, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
		return res.GetView(), err
	}

	mine, err := create(asAnn, &identityv1.View{
		Kind: "contact", Name: " Mine ", Filter: `vip = true AND update_time >= "2026-11-01T10:00:05Z"`, OrderBy: "name, create_time desc",
		Columns: []*identityv1.ViewColumn{{Field: "name", Width: 240}, {Field: "custom_fields.size"}}, DefaultView: true,
	})
	require.NoError(t, err)
	require.Equal(t, "Mine", mine.GetName())
	require.Equal(t, personal, mine.GetAudience())
	require.True(t, mine.GetEditable())
	_, err = create(asAnn, &identityv1.View{Kind: "contact", Name: "mine"})
	require.Equal(t, "VIEW_NAME_TAKEN", reason(err))
	_, err = create(asBen, &identityv1.View{Kind: "contact", Name: "Mine"}) // names are the owner's own
	require.NoError(t, err)
	shared, err := create(asAnn, &identityv1.View{Kind: "contact", Name: "All", Audience: everyone})
	require.NoError(t, err)
	shared, err = update(admin, &identityv1.View{Id: shared.GetId(), DefaultView: true}, "default_view")
	require.NoError(t, err)
	_, err = create(asAnn, &identityv1.View{Kind: "contact", Name: "Team", Audience: department, DepartmentId: sales})
	require.NoError(t, err)
	_, err = create(asBen, &identityv1.View{Kind: "contact", Name: "Theirs", Audience: department, DepartmentId: sales})
	require.Equal(t, "DEPARTMENT_NOT_FOUND", reason(err), "Ben is not in the department")
	_, err = create(asAnn, &identityv1.View{Kind: "contact", Name: "Wrong", Audience: department})
	require.Equal(t, "VIEW_INVALID", reason(err))

	require.Equal(t, []string{"Mine*", "Team", "All*"}, names(t, c, asAnn, "contact"))
	require.Equal(t, []string{"Mine", "All*"}, names(t, c, asBen, "contact"))
	require.Equal(t, []string{"Team", "All*"}, names(t, c, admin, "contact"), "an administrator sees what is shared, and nothing personal")
	require.Empty(t, names(t, c, asAnn, "deal"))

	// Only the owner or an administrator changes a shared one.
	_, err = update(asBen, &identityv1.View{Id: shared.GetId(), Name: "X"}, "name")
	require.Equal(t, "VIEW_NOT_YOURS", reason(err), err)
	_, err = c.DeleteView(asBen, &identityv1.DeleteViewRequest{Id: shared.GetId()})
	require.Equal(t, "VIEW_NOT_YOURS", reason(err))
	_, err = update(asBen, &identityv1.View{Id: mine.GetId(), Name: "X"}, "name")
	require.Equal(t, "VIEW_NOT_FOUND", reason(err))
	_, err = c.GetView(admin, &identityv1.GetViewRequest{Id: mine.GetId()})
	require.Equal(t, "VIEW_NOT_FOUND", reason(err))
	renamed, err := update(admin, &identityv1.View{Id: shared.GetId(), Name: "Everybody", Etag: shared.GetEtag()}, "name")
	require.NoError(t, err)
	require.Equal(t, "v3", renamed.GetEtag())
	_, err = update(asAnn, &identityv1.View{Id: shared.GetId(), Name: "All", Etag: shared.GetEtag()}, "name")
	require.Equal(t, "VIEW_ETAG_MISMATCH", reason(err))

	// Another default takes its place, of the same audience only.
	_, err = create(admin, &identityv1.View{Kind: "contact", Name: "Newest", Audience: everyone, DefaultView: true})
	require.NoError(t, err)
	require.Equal(t, []string{"Mine*", "Team", "Everybody", "Newest*"}, names(t, c, asAnn, "contact"))

	// Another organisation neither sees nor changes any of them.
	_, other := s.organization(t, "Other", "root@other.example")
	require.Empty(t, names(t, c, other, "contact"))
	_, err = update(other, &identityv1.View{Id: shared.GetId(), Name: "X"}, "name")
	require.Equal(t, "VIEW_NOT_FOUND", reason(err))

	_, err = c.DeleteView(asAnn, &identityv1.DeleteViewRequest{Id: mine.GetId()})
	require.NoError(t, err)
	require.Equal(t, []string{"Team", "Everybody", "Newest*"}, names(t, c, asAnn, "contact"))

	// One version, one event.
	var types []string
	rows, err := s.db.App.Query(t.Context(), s.first.OrganizationID, `
		SELECT type FROM events WHERE kind = 'view' AND record_id = $1 ORDER BY version`, shared.GetId())
	require.NoError(t, err)
	for rows.Next() {
		var typ string
		require.NoError(t, rows.Scan(&typ))
		types = append(types, typ)
	}
	require.NoError(t, rows.Err())
	const updated = "kontor.identity.v1.ViewUpdated"
	require.Equal(t, []string{"kontor.identity.v1.ViewCreated", updated, updated, updated}, types)
}

// CON-13, ID-4: what a list opens with for others is not for every employee to say: for everyone it is for who may change
// settings, for a department for its head too, and for oneself for anybody.
func TestWhoSaysWhatListsOpenWith(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewViewsServiceClient(s.conn)
	head := s.user(t, admin, "Hal", "hal@acme.example", "department_head", adminPassword)
	ann := s.user(t, admin, "Ann", "ann@acme.example", "manager", adminPassword)
	dep, err := identityv1.NewDepartmentsServiceClient(s.conn).CreateDepartment(admin, &identityv1.CreateDepartmentRequest{
		Department: &identityv1.Department{Name: "Sales", HeadId: head.GetId()},
	})
	require.NoError(t, err)
	sales := dep.GetDepartment().GetId()
	_, err = identityv1.NewUsersServiceClient(s.conn).UpdateUser(admin, &identityv1.UpdateUserRequest{
		Id: ann.GetId(), User: &identityv1.User{DepartmentId: sales}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"department_id"}},
	})
	require.NoError(t, err)
	asHead, _ := s.signIn(t, "hal@acme.example", adminPassword)
	asAnn, _ := s.signIn(t, "ann@acme.example", adminPassword)
	testkit.Eventually(t, func() error {
		if u, _ := s.directory.User(s.first.OrganizationID, ann.GetId()); u.DepartmentID != sales {
			return context.DeadlineExceeded
		}
		return nil
	})

	for _, tt := range []struct {
		name     string
		ctx      context.Context
		audience identityv1.ViewAudience
		reason   string
	}{
		{"administrator, everyone", admin, everyone, ""},
		{"administrator, department", admin, department, ""},
		{"head, everyone", asHead, everyone, "VIEW_DEFAULT_NOT_YOURS"},
		{"head, department", asHead, department, ""},
		{"member, everyone", asAnn, everyone, "VIEW_DEFAULT_NOT_YOURS"},
		{"member, department", asAnn, department, "VIEW_DEFAULT_NOT_YOURS"},
		{"member, personal", asAnn, personal, ""},
	} {
		v := &identityv1.View{Kind: "lead", Name: tt.name, Audience: tt.audience, DefaultView: true}
		if tt.audience == department {
			v.DepartmentId = sales
		}
		_, err := c.CreateView(tt.ctx, &identityv1.CreateViewRequest{View: v})
		require.Equal(t, tt.reason, reason(err), tt.name)
	}
	before := []string{"member, personal*", "administrator, department", "head, department*", "administrator, everyone*"}
	require.Equal(t, before, names(t, c, asAnn, "lead"))

	// Nor by way of a change, of the box or of whom the view is for; what it is already stays, whatever else is changed.
	plain, err := c.CreateView(asAnn, &identityv1.CreateViewRequest{View: &identityv1.View{Kind: "lead", Name: "plain", Audience: everyone}})
	require.NoError(t, err)
	change := func(ctx context.Context, v *identityv1.View, paths ...string) error {
		_, err := c.UpdateView(ctx, &identityv1.UpdateViewRequest{
			Id: plain.GetView().GetId(), View: v, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
		return err
	}
	require.Equal(t, "VIEW_DEFAULT_NOT_YOURS", reason(change(asAnn, &identityv1.View{DefaultView: true}, "default_view")))
	require.NoError(t, change(asAnn, &identityv1.View{Audience: personal, DefaultView: true}, "audience", "default_view"))
	require.Equal(t, "VIEW_DEFAULT_NOT_YOURS", reason(change(asAnn, &identityv1.View{Audience: everyone}, "audience")))
	require.NoError(t, change(asAnn, &identityv1.View{Audience: everyone}, "audience", "default_view"))
	require.NoError(t, change(admin, &identityv1.View{DefaultView: true}, "default_view"))
	require.NoError(t, change(asAnn, &identityv1.View{Name: "still"}, "name"))
	require.Contains(t, names(t, c, asAnn, "lead"), "still*")
}

func TestARepeatedViewIsSavedOnce(t *testing.T) { // CON-13
	t.Parallel()
	s := start(t)
	ctx := metadata.AppendToOutgoingContext(s.admin(t))
	c := identityv1.NewViewsServiceClient(s.conn)
	req := &identityv1.CreateViewRequest{View: &identityv1.View{Kind: "deal", Name: "Open"}, RequestId: id.New()}
	first, err := c.CreateView(ctx, req)
	require.NoError(t, err)
	again, err := c.CreateView(ctx, req)
	require.NoError(t, err)
	require.Equal(t, first.GetView().GetId(), again.GetView().GetId())
	require.Equal(t, []string{"Open"}, names(t, c, ctx, "deal"))
}
