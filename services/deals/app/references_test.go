package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// fieldsOf are the fields at fault in a refusal.
func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	var e *apperr.Error
	require.ErrorAs(t, apperr.FromStatus(err), &e)
	var out []string
	for _, f := range e.Fields {
		out = append(out, f.Field)
	}
	return out
}

// DEAL-1, ID-6: a deal is with companies and contacts, and from a lead, that are there and that the caller sees.
func TestDealsAreWithWhomTheCallerSees(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	n := s.neighbours
	company, contact, lead := n.client("company"), n.client("contact"), n.client("lead")
	party := func(kind, id string) *dealsv1.DealParty {
		return &dealsv1.DealParty{Ref: &typev1.Ref{Kind: kind, Id: id}, Role: "payer"}
	}
	for name, c := range map[string]struct {
		deal          *dealsv1.Deal
		reason, field string
	}{
		"no such company":           {&dealsv1.Deal{CompanyId: id.New()}, "COMPANY_NOT_FOUND", "company_id"},
		"a contact as a company":    {&dealsv1.Deal{CompanyId: contact}, "COMPANY_NOT_FOUND", "company_id"},
		"no such contact":           {&dealsv1.Deal{ContactId: id.New()}, "CONTACT_NOT_FOUND", "contact_id"},
		"no such lead":              {&dealsv1.Deal{LeadId: id.New()}, "LEAD_NOT_FOUND", "lead_id"},
		"no such party":             {&dealsv1.Deal{Parties: []*dealsv1.DealParty{party("company", company), party("contact", id.New())}}, "CONTACT_NOT_FOUND", "parties[1].ref.id"},
		"no such responsible user":  {&dealsv1.Deal{ResponsibleId: id.New()}, "USER_NOT_FOUND", "responsible_id"},
		"no such product on a line": {&dealsv1.Deal{Lines: []*dealsv1.DealLine{{ProductId: id.New()}}}, "PRODUCT_NOT_FOUND", "lines[0]"},
	} {
		c.deal.Name = name
		_, err := s.deals.CreateDeal(s.as(s.boss), &dealsv1.CreateDealRequest{Deal: c.deal})
		require.Equal(t, c.reason, reason(err), name)
		require.Equal(t, []string{c.field}, fieldsOf(t, err), name)
	}

	d := s.create(s.ann, &dealsv1.Deal{
		Name: "Real", CompanyId: company, ContactId: contact, LeadId: lead, Parties: []*dealsv1.DealParty{party("company", company)},
	})
	update := func(d *dealsv1.Deal, id string, fields ...string) error {
		_, err := s.deals.UpdateDeal(s.as(s.ann), &dealsv1.UpdateDealRequest{Id: id, Deal: d, UpdateMask: &fieldmaskpb.FieldMask{Paths: fields}})
		return err
	}
	err := update(&dealsv1.Deal{CompanyId: id.New()}, d.GetId(), "company_id")
	require.Equal(t, "COMPANY_NOT_FOUND", reason(err))
	err = update(&dealsv1.Deal{Parties: []*dealsv1.DealParty{party("company", company), party("contact", id.New())}}, d.GetId(), "parties")
	require.Equal(t, []string{"parties[1].ref.id"}, fieldsOf(t, err))

	// Who was named before stays, whoever may see it; and nobody is asked.
	n.mu.Lock()
	n.visible, n.asked = map[string]string{}, 0
	n.mu.Unlock()
	require.NoError(t, update(&dealsv1.Deal{
		Comment: "x", CompanyId: company, ContactId: contact, Parties: []*dealsv1.DealParty{party("company", company)},
	}, d.GetId(), "comment", "company_id", "contact_id", "parties"))
	require.Zero(t, n.asked)

	// While contacts is away, a deal with a new client waits; the rest goes on.
	n.mu.Lock()
	n.away = true
	n.mu.Unlock()
	require.Equal(t, "CONTACTS_UNAVAILABLE", reason(update(&dealsv1.Deal{CompanyId: id.New()}, d.GetId(), "company_id")))
	require.NoError(t, update(&dealsv1.Deal{Comment: "y"}, d.GetId(), "comment"))
	s.create(s.ann, &dealsv1.Deal{Name: "With nobody yet"})
}
