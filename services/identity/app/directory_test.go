package app_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// ID-2: all that is known of a user, made and changed; ID-6: the directory of every service follows.
func TestUserAndDirectory(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewUsersServiceClient(s.conn)
	manager := s.role(t, admin, "manager")
	res, err := c.CreateUser(admin, &identityv1.CreateUserRequest{User: &identityv1.User{
		Id: id.New(), Name: " Ann Lee ", Email: "Ann@Acme.example", SipExtension: "101", Locale: "en-GB", TimeZone: "Europe/Berlin",
		Phones:       []*typev1.PhoneNumber{{Number: "030 901820", Kind: "work", Primary: true}, {Number: "12345"}},
		RoleIds:      []string{manager},
		WorkingHours: []*identityv1.WorkingInterval{{Weekday: identityv1.Weekday_WEEKDAY_MONDAY, Start: "09:00", End: "17:30"}},
		ExternalIds:  []*typev1.ExternalId{{Source: "hr", Id: "4711"}},
		HeadId:       id.New(), Active: false, CanSignIn: true,
	}})
	require.NoError(t, err)
	u := res.GetUser()
	require.Equal(t, "Ann Lee", u.GetName())
	require.Equal(t, "ann@acme.example", u.GetEmail())
	require.Equal(t, "+4930901820", u.GetPhones()[0].GetE164())
	require.Empty(t, u.GetPhones()[1].GetE164(), "a number that is valid nowhere has no international form")
	require.True(t, u.GetActive(), "output only")
	require.False(t, u.GetCanSignIn(), "output only")
	require.Empty(t, u.GetHeadId(), "output only")
	require.Equal(t, "v1", u.GetEtag())
	got, err := c.GetUser(admin, &identityv1.GetUserRequest{Id: u.GetId()})
	require.NoError(t, err)
	require.Equal(t, u.String(), got.GetUser().String())

	testkit.Eventually(t, func() error {
		if d, ok := s.directory.User(s.first.OrganizationID, u.GetId()); !ok || d.Email != "ann@acme.example" || !d.Active {
			return fmt.Errorf("directory has %+v", d)
		}
		return nil
	})
	require.True(t, s.directory.Scope(s.first.OrganizationID, u.GetId(), "deal", optionsv1.Action_ACTION_VIEW).Allows(u.GetId()))

	up, err := c.UpdateUser(admin, &identityv1.UpdateUserRequest{
		Id: u.GetId(), User: &identityv1.User{Name: "Ann Kern", SipExtension: "", Etag: "v1"},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name", "sip_extension"}},
	})
	require.NoError(t, err)
	require.Equal(t, "Ann Kern", up.GetUser().GetName())
	require.Empty(t, up.GetUser().GetSipExtension())
	require.Equal(t, "Europe/Berlin", up.GetUser().GetTimeZone(), "not in the mask")
	_, err = c.UpdateUser(admin, &identityv1.UpdateUserRequest{Id: u.GetId(), User: &identityv1.User{Name: "Late", Etag: "v1"}})
	require.Equal(t, "USER_ETAG_MISMATCH", reason(err))
	_, err = c.UpdateUser(admin, &identityv1.UpdateUserRequest{
		Id: u.GetId(), User: &identityv1.User{Email: "x@y.z"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"email"}},
	})
	require.Equal(t, "INVALID_UPDATE_MASK", reason(err))

	_, err = c.DeactivateUser(admin, &identityv1.DeactivateUserRequest{Id: u.GetId(), Etag: "v2"})
	require.NoError(t, err)
	testkit.Eventually(t, func() error {
		if d, _ := s.directory.User(s.first.OrganizationID, u.GetId()); d.Active {
			return errors.New("still active")
		}
		return nil
	})
	back, err := c.ActivateUser(admin, &identityv1.ActivateUserRequest{Id: u.GetId()})
	require.NoError(t, err)
	require.True(t, back.GetUser().GetActive())
	require.Nil(t, back.GetUser().GetDeactivateTime())
}

// ID-2: whoever is deactivated is out at once: no sign-in, no refresh, no call with a token that is still good.
func TestDeactivatedUserIsOut(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	ann := s.user(t, admin, "Ann Lee", "ann@acme.example", "manager", "quiet-orchard-77-violin")
	ctx, res := s.signIn(t, "ann@acme.example", "quiet-orchard-77-violin")
	_, err := identityv1.NewUsersServiceClient(s.conn).DeactivateUser(admin, &identityv1.DeactivateUserRequest{Id: ann.GetId()})
	require.NoError(t, err)
	sessions := identityv1.NewSessionsServiceClient(s.conn)
	_, err = sessions.RefreshSession(t.Context(), &identityv1.RefreshSessionRequest{RefreshToken: res.GetRefreshToken()})
	require.Equal(t, "REFRESH_TOKEN_INVALID", reason(err))
	_, err = sessions.CreateSession(t.Context(), &identityv1.CreateSessionRequest{Email: "ann@acme.example", Password: "quiet-orchard-77-violin"})
	require.Equal(t, "SIGN_IN_REFUSED", reason(err))
	testkit.Eventually(t, func() error {
		if _, err := identityv1.NewMeServiceClient(s.conn).GetMe(ctx, &identityv1.GetMeRequest{}); reason(err) != "USER_DEACTIVATED" {
			return fmt.Errorf("answered: %w", err)
		}
		return nil
	})
	_, err = identityv1.NewInternalServiceClient(s.conn).IssueToken(asService(t.Context()), &identityv1.IssueTokenRequest{
		Service: "deals", OrganizationId: s.first.OrganizationID, UserId: ann.GetId(),
	})
	require.Equal(t, "USER_NOT_FOUND", reason(err))
}

// The last active administrator stays one, also when two go at the same time.
func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewUsersServiceClient(s.conn)
	_, err := c.DeactivateUser(admin, &identityv1.DeactivateUserRequest{Id: s.first.UserID})
	require.Equal(t, "LAST_ADMINISTRATOR", reason(err))
	_, err = c.UpdateUser(admin, &identityv1.UpdateUserRequest{
		Id: s.first.UserID, User: &identityv1.User{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"role_ids"}},
	})
	require.Equal(t, "LAST_ADMINISTRATOR", reason(err))

	second := s.user(t, admin, "Second", "second@acme.example", "administrator", "")
	errs := make(chan error, 2)
	for _, user := range []string{s.first.UserID, second.GetId()} {
		go func() {
			_, err := c.DeactivateUser(admin, &identityv1.DeactivateUserRequest{Id: user})
			errs <- err
		}()
	}
	a, b := <-errs, <-errs
	require.NotEqual(t, a == nil, b == nil, "%v, %v", a, b)
}

// Hostile and careless input is refused with the field at fault.
func TestBadUsers(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewUsersServiceClient(s.conn)
	s.user(t, admin, "Ann Lee", "ann@acme.example", "manager", "")
	_, err := c.UpdateUser(admin, &identityv1.UpdateUserRequest{Id: s.first.UserID, User: &identityv1.User{
		SipExtension: "100", ExternalIds: []*typev1.ExternalId{{Source: "hr", Id: "1"}},
	}})
	require.NoError(t, err)
	mon := identityv1.Weekday_WEEKDAY_MONDAY
	for name, x := range map[string]struct {
		user *identityv1.User
		want string
	}{
		"taken address":           {&identityv1.User{Name: "X", Email: "ANN@acme.example"}, "USER_EMAIL_TAKEN"},
		"no address":              {&identityv1.User{Name: "X"}, "USER_INVALID"},
		"header in the address":   {&identityv1.User{Name: "X", Email: "x@y.z\r\nBcc: a@b.c"}, "USER_INVALID"},
		"no name":                 {&identityv1.User{Email: "x@acme.example"}, "INVALID_ARGUMENT"},
		"blank name":              {&identityv1.User{Name: "   ", Email: "x@acme.example"}, "USER_INVALID"},
		"control characters":      {&identityv1.User{Name: "X\x1b[2J", Email: "x@acme.example"}, "USER_INVALID"},
		"NUL":                     {&identityv1.User{Name: "X\x00Y", Email: "x@acme.example"}, "USER_INVALID"},
		"unknown zone":            {&identityv1.User{Name: "X", Email: "x@acme.example", TimeZone: "Mars/Olympus"}, "USER_INVALID"},
		"path for a zone":         {&identityv1.User{Name: "X", Email: "x@acme.example", TimeZone: "../../etc/passwd"}, "USER_INVALID"},
		"taken extension":         {&identityv1.User{Name: "X", Email: "x@acme.example", SipExtension: "100"}, "USER_EXTENSION_TAKEN"},
		"taken external ID":       {&identityv1.User{Name: "X", Email: "x@acme.example", ExternalIds: []*typev1.ExternalId{{Source: "hr", Id: "1"}}}, "EXTERNAL_ID_TAKEN"},
		"unknown department":      {&identityv1.User{Name: "X", Email: "x@acme.example", DepartmentId: id.New()}, "DEPARTMENT_NOT_FOUND"},
		"unknown role":            {&identityv1.User{Name: "X", Email: "x@acme.example", RoleIds: []string{id.New()}}, "ROLE_NOT_FOUND"},
		"department that is none": {&identityv1.User{Name: "X", Email: "x@acme.example", DepartmentId: "'; DROP TABLE users"}, "INVALID_ARGUMENT"},
		"hours that overlap": {&identityv1.User{Name: "X", Email: "x@acme.example", WorkingHours: []*identityv1.WorkingInterval{
			{Weekday: mon, Start: "09:00", End: "13:00"}, {Weekday: mon, Start: "12:00", End: "18:00"},
		}}, "USER_INVALID"},
		"two primary numbers": {&identityv1.User{Name: "X", Email: "x@acme.example", Phones: []*typev1.PhoneNumber{
			{Number: "1", Primary: true}, {Number: "2", Primary: true},
		}}, "USER_INVALID"},
	} {
		_, err := c.CreateUser(admin, &identityv1.CreateUserRequest{User: x.user})
		require.Equal(t, x.want, reason(err), name)
	}
	for _, filter := range []string{"name = ", "nonsense = 1", `name = "x" OR password_hash = "y"`, strings.Repeat("(", 300)} {
		_, err := c.ListUsers(admin, &identityv1.ListUsersRequest{Filter: filter})
		require.Contains(t, []string{"INVALID_FILTER", "INVALID_ARGUMENT"}, reason(err), filter)
	}
}

// The same request ID twice: one user, the same answer.
func TestRepeatedCreateMakesOneUser(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewUsersServiceClient(s.conn)
	req := &identityv1.CreateUserRequest{RequestId: "r-1", User: &identityv1.User{Name: "Ann Lee", Email: "ann@acme.example"}}
	first, err := c.CreateUser(admin, req)
	require.NoError(t, err)
	again, err := c.CreateUser(admin, req)
	require.NoError(t, err)
	require.Equal(t, first.String(), again.String())
	req.User.Name = "Somebody else"
	_, err = c.CreateUser(admin, req)
	require.Equal(t, "REQUEST_ID_REUSED", reason(err))
}

// ID-1: what one organisation has is not there for another, whatever ID is guessed.
func TestOrganisationsAreIsolated(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	org, stranger := s.organization(t, "Globex", "root@globex.example")
	users, departments := identityv1.NewUsersServiceClient(s.conn), identityv1.NewDepartmentsServiceClient(s.conn)
	d, err := departments.CreateDepartment(admin, &identityv1.CreateDepartmentRequest{Department: &identityv1.Department{Name: "Sales"}})
	require.NoError(t, err)

	_, err = users.GetUser(stranger, &identityv1.GetUserRequest{Id: s.first.UserID})
	require.Equal(t, "USER_NOT_FOUND", reason(err))
	_, err = users.UpdateUser(stranger, &identityv1.UpdateUserRequest{Id: s.first.UserID, User: &identityv1.User{Name: "Mine"}})
	require.Equal(t, "USER_NOT_FOUND", reason(err))
	_, err = users.SetUserPassword(stranger, &identityv1.SetUserPasswordRequest{Id: s.first.UserID, Password: "quiet-orchard-77-violin"})
	require.Equal(t, "USER_NOT_FOUND", reason(err))
	_, err = departments.GetDepartment(stranger, &identityv1.GetDepartmentRequest{Id: d.GetDepartment().GetId()})
	require.Equal(t, "DEPARTMENT_NOT_FOUND", reason(err))
	_, err = departments.CreateDepartment(stranger, &identityv1.CreateDepartmentRequest{
		Department: &identityv1.Department{Name: "Below", ParentId: d.GetDepartment().GetId()},
	})
	require.Equal(t, "DEPARTMENT_PARENT_NOT_FOUND", reason(err))
	_, err = users.CreateUser(stranger, &identityv1.CreateUserRequest{User: &identityv1.User{
		Name: "X", Email: "x@globex.example", RoleIds: []string{s.role(t, admin, "manager")},
	}})
	require.Equal(t, "ROLE_NOT_FOUND", reason(err))
	list, err := users.ListUsers(stranger, &identityv1.ListUsersRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetUsers(), 1)

	// And again by row-level security: a statement that forgets its condition sees one organisation.
	var n int
	require.NoError(t, s.db.App.QueryRow(t.Context(), org, `SELECT count(*) FROM users`).Scan(&n))
	require.Equal(t, 1, n)
	for _, table := range []string{"accounts", "refresh_tokens", "api_key_hashes", "signing_keys"} {
		for _, db := range []*pg.DB{s.db.App, s.db.System} {
			err := db.QueryRow(t.Context(), org, `SELECT count(*) FROM `+table).Scan(&n)
			require.Equal(t, "42501", pg.State(err), "%s: permission denied", table)
		}
	}
}

// Decisions 26: keys begin with the organisation, row-level security is forced, but for the tables listed here.
func TestTenantKeys(t *testing.T) {
	t.Parallel()
	s := start(t)
	testkit.AssertTenantKeys(t, s.db, "accounts", "refresh_tokens", "api_key_hashes", "signing_keys", "outbox", "inbox_positions", "inbox_parked")
}

// Lists are paged without loss or repetition, whatever the size of a page.
func TestPaging(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewUsersServiceClient(s.conn)
	const n = 7
	for i := range n - 1 {
		_, err := c.CreateUser(admin, &identityv1.CreateUserRequest{User: &identityv1.User{
			Name: fmt.Sprintf("User %c", 'A'+i/2), Email: fmt.Sprintf("u%d@acme.example", i), // names come twice
		}})
		require.NoError(t, err)
	}
	for _, order := range []string{"", "name desc", "create_time", "email desc"} {
		for _, size := range []int32{1, n - 1, n, n + 1} {
			seen := make(map[string]bool)
			token := ""
			for {
				page, err := c.ListUsers(admin, &identityv1.ListUsersRequest{PageSize: size, PageToken: token, OrderBy: order})
				require.NoError(t, err)
				for _, u := range page.GetUsers() {
					require.False(t, seen[u.GetId()], "twice")
					seen[u.GetId()] = true
				}
				if token = page.GetNextPageToken(); token == "" {
					break
				}
			}
			require.Len(t, seen, n, "%q, %d to a page", order, size)
		}
	}
	page, err := c.ListUsers(admin, &identityv1.ListUsersRequest{PageSize: 2})
	require.NoError(t, err)
	_, err = c.ListUsers(admin, &identityv1.ListUsersRequest{PageSize: 2, PageToken: page.GetNextPageToken(), OrderBy: "email"})
	require.Equal(t, "INVALID_PAGE_TOKEN", reason(err))

	count, err := c.CountUsers(admin, &identityv1.CountUsersRequest{Filter: `name = "User A" OR email:"u5"`})
	require.NoError(t, err)
	require.EqualValues(t, 3, count.GetCount())
	require.False(t, count.GetMore())
	role := s.role(t, admin, "administrator")
	byRole, err := c.ListUsers(admin, &identityv1.ListUsersRequest{Filter: `role_id = "` + role + `"`})
	require.NoError(t, err)
	require.Len(t, byRole.GetUsers(), 1)
}

// ID-3: a tree with heads; whom a user reports to follows from it.
func TestDepartments(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewDepartmentsServiceClient(s.conn)
	users := identityv1.NewUsersServiceClient(s.conn)
	boss, head, agent := s.user(t, admin, "Boss", "boss@acme.example", "director", ""),
		s.user(t, admin, "Head", "head@acme.example", "department_head", ""), s.user(t, admin, "Agent", "agent@acme.example", "manager", "")
	department := func(name, parent, head string) *identityv1.Department {
		res, err := c.CreateDepartment(admin, &identityv1.CreateDepartmentRequest{Department: &identityv1.Department{Name: name, ParentId: parent, HeadId: head}})
		require.NoError(t, err)
		return res.GetDepartment()
	}
	office := department("Office", "", boss.GetId())
	team := department("Team", office.GetId(), head.GetId())
	group := department("Group", team.GetId(), "")
	for user, where := range map[string]string{head.GetId(): team.GetId(), agent.GetId(): group.GetId()} {
		_, err := users.UpdateUser(admin, &identityv1.UpdateUserRequest{Id: user, User: &identityv1.User{DepartmentId: where}})
		require.NoError(t, err)
	}
	for user, reports := range map[string]string{agent.GetId(): head.GetId(), head.GetId(): boss.GetId(), boss.GetId(): ""} {
		u, err := users.GetUser(admin, &identityv1.GetUserRequest{Id: user})
		require.NoError(t, err)
		require.Equal(t, reports, u.GetUser().GetHeadId())
	}
	// Subordination drives scope: the head reaches the agent's deals.
	testkit.Eventually(t, func() error {
		if !s.directory.Scope(s.first.OrganizationID, head.GetId(), "deal", optionsv1.Action_ACTION_VIEW).Allows(agent.GetId()) {
			return errors.New("out of reach")
		}
		return nil
	})
	require.False(t, s.directory.Scope(s.first.OrganizationID, agent.GetId(), "deal", optionsv1.Action_ACTION_VIEW).Allows(head.GetId()))

	for name, x := range map[string]struct {
		do   func() error
		want string
	}{
		"same name beside it": {func() error {
			_, err := c.CreateDepartment(admin, &identityv1.CreateDepartmentRequest{Department: &identityv1.Department{Name: "TEAM", ParentId: office.GetId()}})
			return err
		}, "DEPARTMENT_NAME_TAKEN"},
		"a circle": {func() error {
			_, err := c.UpdateDepartment(admin, &identityv1.UpdateDepartmentRequest{Id: office.GetId(), Department: &identityv1.Department{ParentId: group.GetId()}})
			return err
		}, "DEPARTMENT_CYCLE"},
		"not empty": {func() error {
			_, err := c.DeleteDepartment(admin, &identityv1.DeleteDepartmentRequest{Id: team.GetId()})
			return err
		}, "DEPARTMENT_NOT_EMPTY"},
		"a head who is not there": {func() error {
			_, err := c.UpdateDepartment(admin, &identityv1.UpdateDepartmentRequest{Id: team.GetId(), Department: &identityv1.Department{HeadId: id.New()}})
			return err
		}, "USER_NOT_FOUND"},
		"not deleted": {func() error {
			_, err := c.UndeleteDepartment(admin, &identityv1.UndeleteDepartmentRequest{Id: team.GetId()})
			return err
		}, "DEPARTMENT_NOT_DELETED"},
	} {
		require.Equal(t, x.want, reason(x.do()), name)
	}

	// The bin: out of the lists, out of the directory, and back.
	empty := department("Empty", team.GetId(), "")
	_, err := c.DeleteDepartment(admin, &identityv1.DeleteDepartmentRequest{Id: empty.GetId(), Etag: empty.GetEtag()})
	require.NoError(t, err)
	live, err := c.CountDepartments(admin, &identityv1.CountDepartmentsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 3, live.GetCount())
	bin, err := c.ListDepartments(admin, &identityv1.ListDepartmentsRequest{ShowDeleted: true})
	require.NoError(t, err)
	require.Len(t, bin.GetDepartments(), 1)
	_, err = users.UpdateUser(admin, &identityv1.UpdateUserRequest{Id: agent.GetId(), User: &identityv1.User{DepartmentId: empty.GetId()}})
	require.Equal(t, "DEPARTMENT_NOT_FOUND", reason(err))
	testkit.Eventually(t, func() error {
		if _, ok := s.directory.Department(s.first.OrganizationID, empty.GetId()); ok {
			return errors.New("still in the directory")
		}
		return nil
	})
	_, err = c.UndeleteDepartment(admin, &identityv1.UndeleteDepartmentRequest{Id: empty.GetId()})
	require.NoError(t, err)
}

// Two moves that are harmless alone make no circle together.
func TestDepartmentsMovedAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	c := identityv1.NewDepartmentsServiceClient(s.conn)
	var ids [2]string
	for i, name := range []string{"A", "B"} {
		res, err := c.CreateDepartment(admin, &identityv1.CreateDepartmentRequest{Department: &identityv1.Department{Name: name}})
		require.NoError(t, err)
		ids[i] = res.GetDepartment().GetId()
	}
	var errs [2]error
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			_, errs[i] = c.UpdateDepartment(admin, &identityv1.UpdateDepartmentRequest{Id: ids[i], Department: &identityv1.Department{ParentId: ids[1-i]}})
		})
	}
	wg.Wait()
	require.NotEqual(t, errs[0] == nil, errs[1] == nil, "%v", errs)
}

// ID-4: roles decide. A manager sees who is there and changes nobody.
func TestManagerMayNotAdminister(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	s.user(t, admin, "Ann Lee", "ann@acme.example", "manager", "quiet-orchard-77-violin")
	ann, _ := s.signIn(t, "ann@acme.example", "quiet-orchard-77-violin")
	users := identityv1.NewUsersServiceClient(s.conn)
	list, err := users.ListUsers(ann, &identityv1.ListUsersRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetUsers(), 2)
	for name, do := range map[string]func(context.Context) error{
		"make a user": func(ctx context.Context) error {
			_, err := users.CreateUser(ctx, &identityv1.CreateUserRequest{User: &identityv1.User{Name: "X", Email: "x@y.example"}})
			return err
		},
		"make oneself administrator": func(ctx context.Context) error {
			_, err := users.UpdateUser(ctx, &identityv1.UpdateUserRequest{Id: list.GetUsers()[0].GetId(), User: &identityv1.User{RoleIds: []string{s.role(t, admin, "administrator")}}})
			return err
		},
		"import users": func(ctx context.Context) error {
			_, err := users.ImportUsers(ctx, &identityv1.ImportUsersRequest{FileId: id.New(), Mapping: "kind: user"})
			return err
		},
		"read the settings": func(ctx context.Context) error {
			_, err := identityv1.NewSettingsServiceClient(s.conn).GetSettings(ctx, &identityv1.GetSettingsRequest{})
			return err
		},
		"make a key": func(ctx context.Context) error {
			_, err := identityv1.NewApiKeysServiceClient(s.conn).CreateApiKey(ctx, &identityv1.CreateApiKeyRequest{ApiKey: &identityv1.ApiKey{Name: "k", ServiceAccountId: id.New()}})
			return err
		},
		"found an organisation": func(ctx context.Context) error {
			_, err := identityv1.NewOrganizationsServiceClient(s.conn).CreateOrganization(ctx, &identityv1.CreateOrganizationRequest{Name: "Mine", AdminEmail: "a@b.example"})
			return err
		},
	} {
		require.Contains(t, []string{"NOT_PERMITTED", "SERVICE_ONLY"}, reason(do(ann)), name)
	}
	me, err := identityv1.NewMeServiceClient(s.conn).GetMe(ann, &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.Equal(t, "SCOPE_OWN", me.GetPermissions()["deal"].GetActions()["update"].String())
	require.NotContains(t, me.GetPermissions(), "settings")
	require.Nil(t, me.GetSettings().GetSmtp())

	// About themselves users may change some things.
	up, err := identityv1.NewMeServiceClient(s.conn).UpdateMe(ann, &identityv1.UpdateMeRequest{User: &identityv1.User{Locale: "de"}})
	require.NoError(t, err)
	require.Equal(t, "de", up.GetUser().GetLocale())
	_, err = identityv1.NewMeServiceClient(s.conn).UpdateMe(ann, &identityv1.UpdateMeRequest{
		User: &identityv1.User{RoleIds: []string{s.role(t, admin, "administrator")}}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"role_ids"}},
	})
	require.Equal(t, "INVALID_UPDATE_MASK", reason(err))
}

// ID-2: available, away, absent from–to.
func TestPresence(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := s.admin(t)
	c := identityv1.NewMeServiceClient(s.conn)
	state := func() identityv1.PresenceState {
		res, err := identityv1.NewUsersServiceClient(s.conn).GetUser(ctx, &identityv1.GetUserRequest{Id: s.first.UserID})
		require.NoError(t, err)
		return res.GetUser().GetPresence().GetState()
	}
	set := func(p *identityv1.Presence) error {
		_, err := c.SetPresence(ctx, &identityv1.SetPresenceRequest{Presence: p})
		return err
	}
	const available, away, absent = identityv1.PresenceState_PRESENCE_STATE_AVAILABLE, identityv1.PresenceState_PRESENCE_STATE_AWAY, identityv1.PresenceState_PRESENCE_STATE_ABSENT
	require.Equal(t, available, state())
	require.NoError(t, set(&identityv1.Presence{State: away}))
	require.Equal(t, away, state())
	require.NoError(t, set(&identityv1.Presence{State: available}))
	require.Equal(t, available, state())

	from, to := s.clock.now().Add(time.Hour), s.clock.now().Add(48*time.Hour)
	require.Equal(t, "PRESENCE_INVALID", reason(set(&identityv1.Presence{State: absent})))
	require.Equal(t, "PRESENCE_INVALID", reason(set(&identityv1.Presence{State: absent, AbsentFrom: timestamppb.New(to), AbsentTo: timestamppb.New(from)})))
	require.NoError(t, set(&identityv1.Presence{State: absent, AbsentFrom: timestamppb.New(from), AbsentTo: timestamppb.New(to)}))
	require.Equal(t, available, state(), "not yet")
	s.clock.step(2 * time.Hour)
	ctx = s.admin(t)
	require.Equal(t, absent, state())
	s.clock.step(47 * time.Hour)
	ctx = s.admin(t)
	require.Equal(t, available, state(), "back")
}
