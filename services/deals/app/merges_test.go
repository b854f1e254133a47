package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// CON-16: deals follow the merges of whom they are with, accept old IDs, and go back when a merge is undone.
func TestDealsFollowMerges(t *testing.T) { // not parallel: consumers of one name share the broker's partitions
	s := newSuite(t)
	s.run(s.newApp())
	n := s.neighbours
	company, a, b, c := n.client("company"), n.client("contact"), n.client("contact"), n.client("contact")
	party := func(contact string) *dealsv1.DealParty {
		return &dealsv1.DealParty{Ref: &typev1.Ref{Kind: "contact", Id: contact}, Role: "adviser"}
	}
	was := s.create(s.ann, &dealsv1.Deal{
		Name: "Desks", CompanyId: company, ContactId: b, Parties: []*dealsv1.DealParty{party(b), party(c)},
	})
	other := s.create(s.ann, &dealsv1.Deal{Name: "Chairs", ContactId: a})
	get := func(deal string) *dealsv1.Deal {
		got, err := s.deals.GetDeal(s.as(s.ann), &dealsv1.GetDealRequest{Id: deal})
		require.NoError(t, err)
		return got.GetDeal()
	}
	merge := id.New()
	away := func(contact string, version int64) {
		s.tell("kontor.contacts.v1", "contact", contact, version, &contactsv1.ContactMergedAway{
			Contact: &contactsv1.Contact{Id: contact}, MergeId: merge, IntoId: a,
		})
	}
	back := func(contact string, version int64) {
		s.tell("kontor.contacts.v1", "contact", contact, version, &contactsv1.ContactRestored{
			Contact: &contactsv1.Contact{Id: contact}, MergeId: merge, FromId: a,
		})
	}
	away(b, 2)
	away(c, 2)
	testkit.Eventually(t, func() error {
		if d := get(was.GetId()); d.GetContactId() != a || len(d.GetParties()) != 1 || d.GetParties()[0].GetRef().GetId() != a {
			return fmt.Errorf("not followed: %v", d)
		}
		return nil
	})
	require.Equal(t, company, get(was.GetId()).GetCompanyId())
	require.True(t, proto.Equal(other, get(other.GetId())), "of the one that stayed nothing changes")
	// Told again, nothing changes; named by an old ID, it is the one that stayed.
	version := get(was.GetId()).GetEtag()
	away(b, 2)
	late := s.create(s.ann, &dealsv1.Deal{Name: "Lamps", ContactId: b})
	require.Equal(t, a, late.GetContactId())

	back(c, 3)
	back(b, 3)
	testkit.Eventually(t, func() error {
		d := get(was.GetId())
		d.Etag, d.UpdateTime = was.GetEtag(), was.GetUpdateTime()
		if !proto.Equal(was, d) {
			return fmt.Errorf("not back: %v", d)
		}
		return nil
	})
	require.NotEqual(t, version, get(was.GetId()).GetEtag())
	require.Equal(t, a, get(late.GetId()).GetContactId(), "made after the merge")
}
