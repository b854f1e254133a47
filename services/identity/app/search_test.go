package app_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
)

// CON-14: users are found by name with mistakes and in other alphabets, and by part of their address.
func TestSearchOfUsers(t *testing.T) {
	t.Parallel()
	s := start(t)
	admin := s.admin(t)
	users, search := identityv1.NewUsersServiceClient(s.conn), identityv1.NewSearchServiceClient(s.conn)
	for name, email := range map[string]string{"Pyotr Ivanov": "petja@nordwind.example", "Ann Schmidtbauer": "ann@acme.example"} {
		_, err := users.CreateUser(admin, &identityv1.CreateUserRequest{User: &identityv1.User{Name: name, Email: email}})
		require.NoError(t, err)
	}
	find := func(typed string) []*searchv1.Hit {
		resp, err := search.Search(admin, &searchv1.SearchRequest{Query: typed, Patient: true})
		require.NoError(t, err, typed)
		return resp.GetHits()
	}
	testkit.Eventually(t, func() error { // until the directory knows them
		if len(find("ivanov")) == 0 || len(find("schmidtbauer")) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	for typed, want := range map[string]struct{ title, field string }{
		"ivanof": {"Pyotr Ivanov", "name"}, "Иванов": {"Pyotr Ivanov", "name"}, "ivanov pyo": {"Pyotr Ivanov", "name"},
		"nordwind": {"Pyotr Ivanov", "emails"}, "schmitdbauer": {"Ann Schmidtbauer", "name"},
	} {
		hits := find(typed)
		require.NotEmpty(t, hits, typed)
		require.Equal(t, want.title, hits[0].GetTitle(), typed)
		require.Equal(t, "user", hits[0].GetKind())
		require.Equal(t, want.field, hits[0].GetMatches()[0].GetField(), typed)
	}
	require.Empty(t, find("helicopter"))
}
