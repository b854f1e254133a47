package app_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func (w *world) statuses(m member) map[string]*contactsv1.LeadStatus {
	w.t.Helper()
	resp, err := w.settings.ListLeadStatuses(m.ctx, &contactsv1.ListLeadStatusesRequest{})
	require.NoError(w.t, err)
	out := map[string]*contactsv1.LeadStatus{}
	for i, s := range resp.GetLeadStatuses() {
		require.EqualValues(w.t, i, s.GetPosition())
		out[s.GetName()] = s
	}
	return out
}

// CON-2: New, Processing, Waiting, Converted and Junk are there from the start; they can be renamed, added to, put into
// another order and retired, but one of each kind stays.
func TestStatuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	all := w.statuses(m)
	require.Len(t, all, 5)
	for _, name := range []string{"New", "Processing", "Waiting", "Converted", "Junk"} {
		require.Contains(t, all, name)
	}
	create := &contactsv1.CreateLeadStatusRequest{
		LeadStatus: &contactsv1.LeadStatus{Name: "Called", Kind: contactsv1.LeadStatusKind_LEAD_STATUS_KIND_OPEN}, RequestId: "r1",
	}
	made, err := w.settings.CreateLeadStatus(m.ctx, create)
	require.NoError(t, err)
	require.EqualValues(t, 5, made.GetLeadStatus().GetPosition())
	again, err := w.settings.CreateLeadStatus(m.ctx, create)
	require.NoError(t, err)
	require.True(t, proto.Equal(made, again))
	_, err = w.settings.CreateLeadStatus(m.ctx, &contactsv1.CreateLeadStatusRequest{
		LeadStatus: &contactsv1.LeadStatus{Name: " called ", Kind: contactsv1.LeadStatusKind_LEAD_STATUS_KIND_OPEN},
	})
	require.Equal(t, "LEAD_STATUS_NAME_TAKEN", reason(err))
	_, err = w.settings.CreateLeadStatus(m.ctx, &contactsv1.CreateLeadStatusRequest{LeadStatus: &contactsv1.LeadStatus{Name: "Kindless"}})
	require.Equal(t, "FIELD_INVALID", reason(err))

	renamed, err := w.settings.UpdateLeadStatus(m.ctx, &contactsv1.UpdateLeadStatusRequest{
		Id: all["New"].GetId(), LeadStatus: &contactsv1.LeadStatus{Name: "Fresh", Etag: "v1"},
	})
	require.NoError(t, err)
	require.Equal(t, "Fresh", renamed.GetLeadStatus().GetName())
	require.Equal(t, "#228be6", renamed.GetLeadStatus().GetColor())
	_, err = w.settings.UpdateLeadStatus(m.ctx, &contactsv1.UpdateLeadStatusRequest{
		Id: all["New"].GetId(), LeadStatus: &contactsv1.LeadStatus{Name: "Stale", Etag: "v1"},
	})
	require.Equal(t, "LEAD_STATUS_ETAG_MISMATCH", reason(err))
	_, err = w.settings.UpdateLeadStatus(m.ctx, &contactsv1.UpdateLeadStatusRequest{
		Id: all["Junk"].GetId(), LeadStatus: &contactsv1.LeadStatus{Retired: true},
	})
	require.Equal(t, "LEAD_STATUS_LAST_OF_KIND", reason(err))
	_, err = w.settings.UpdateLeadStatus(m.ctx, &contactsv1.UpdateLeadStatusRequest{
		Id: all["Waiting"].GetId(), LeadStatus: &contactsv1.LeadStatus{Retired: true},
	})
	require.NoError(t, err)

	order := []string{
		made.GetLeadStatus().GetId(), all["New"].GetId(), all["Junk"].GetId(), all["Converted"].GetId(), all["Waiting"].GetId(),
		all["Processing"].GetId(),
	}
	res, err := w.settings.ReorderLeadStatuses(m.ctx, &contactsv1.ReorderLeadStatusesRequest{Ids: order})
	require.NoError(t, err)
	for i, s := range res.GetLeadStatuses() {
		require.Equal(t, order[i], s.GetId())
	}
	_, err = w.settings.ReorderLeadStatuses(m.ctx, &contactsv1.ReorderLeadStatusesRequest{Ids: order[1:]})
	require.Equal(t, "LEAD_STATUS_ORDER_INVALID", reason(err))
	_, err = w.settings.ReorderLeadStatuses(m.ctx, &contactsv1.ReorderLeadStatusesRequest{Ids: append(order[1:6:6], order[1])})
	require.Equal(t, "LEAD_STATUS_ORDER_INVALID", reason(err))

	l := w.lead(m, &contactsv1.Lead{Title: "x"})
	require.Equal(t, all["New"].GetId(), l.GetStatusId())
	for statusID, want := range map[string]string{
		all["Converted"].GetId(): "LEAD_STATUS_NOT_FREE", all["Waiting"].GetId(): "LEAD_STATUS_RETIRED", id.New(): "LEAD_STATUS_NOT_FOUND",
	} {
		_, err = w.leads.MoveLead(m.ctx, &contactsv1.MoveLeadRequest{Id: l.GetId(), StatusId: statusID})
		require.Equal(t, want, reason(err))
	}
	require.Len(t, w.statuses(w.organization()), 5, "another organisation has its own")

	agent := w.member(m.org, "", own("lead")...)
	_, err = w.settings.CreateLeadStatus(agent.ctx, create)
	require.Equal(t, "NOT_PERMITTED", reason(err))
}

// CON-1: a lead keeps everything that an enquiry can bring.
func TestLeadComesBackWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	made := w.lead(m, &contactsv1.Lead{
		Request: "Please call\nme back", FirstName: "Ann", LastName: "Lee", CompanyName: "Acme", Position: "Buyer",
		Phones: []*typev1.PhoneNumber{{Number: "030 901820"}}, Emails: []*typev1.EmailAddress{{Address: "ann@example.com"}},
		Links: []*typev1.Link{{Kind: "telegram", Value: "@ann"}}, Address: &typev1.Address{City: "Berlin"}, Source: "form",
		Utm: &contactsv1.Utm{Source: "ads", Campaign: "autumn"}, Referrer: "https://example.com/page", AvailableToEveryone: true,
		Products: []*contactsv1.LeadProduct{
			{ProductId: id.New(), Quantity: "2.5", Price: &typev1.Money{CurrencyCode: "EUR", Amount: "9.90"}}, {Name: "something blue"},
		},
		Amount: &typev1.Money{CurrencyCode: "EUR", Amount: "1000.00"}, Comment: "hot", ExternalIds: []*typev1.ExternalId{{Source: "form", Id: "1"}},
	})
	require.Equal(t, "Ann Lee", made.GetTitle(), "named by the person")
	require.Equal(t, "1", made.GetProducts()[1].GetQuantity())
	got, err := w.leads.GetLead(m.ctx, &contactsv1.GetLeadRequest{Id: made.GetId()})
	require.NoError(t, err)
	require.True(t, proto.Equal(made, got.GetLead()), "%v\n%v", made, got.GetLead())
	list, err := w.leads.ListLeads(m.ctx, &contactsv1.ListLeadsRequest{Filter: `name:acme AND utm_campaign = "autumn" AND status_id = "` + made.GetStatusId() + `"`})
	require.NoError(t, err)
	require.Len(t, list.GetLeads(), 1)
}

// CON-2: a lead that nobody works on is counted, shown as overdue, and told to the heads once.
func TestUntouchedLeadsAreEscalated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	head := w.member(m.org, "", own("lead")...)
	top := w.department(m.org, "", head.user)
	agent := w.member(m.org, w.department(m.org, top, ""), own("lead")...)
	_, err := w.settings.UpdateLeadSettings(m.ctx, &contactsv1.UpdateLeadSettingsRequest{
		LeadSettings: &contactsv1.LeadSettings{UntouchedLimit: durationpb.New(2 * time.Hour)},
	})
	require.NoError(t, err)
	waiting := w.lead(agent, &contactsv1.Lead{Title: "waiting"})
	handed := w.lead(agent, &contactsv1.Lead{Title: "handed over"})
	touched := w.lead(agent, &contactsv1.Lead{Title: "touched"})
	moved := w.lead(agent, &contactsv1.Lead{Title: "moved"})
	_, err = w.leads.UpdateLead(agent.ctx, &contactsv1.UpdateLeadRequest{Id: handed.GetId(), Lead: &contactsv1.Lead{ResponsibleId: head.user}})
	require.NoError(t, err, "handing over is not working on it")
	_, err = w.leads.UpdateLead(agent.ctx, &contactsv1.UpdateLeadRequest{Id: touched.GetId(), Lead: &contactsv1.Lead{Comment: "called"}})
	require.NoError(t, err)
	_, err = w.leads.MoveLead(agent.ctx, &contactsv1.MoveLeadRequest{Id: moved.GetId(), StatusId: w.statuses(m)["Processing"].GetId()})
	require.NoError(t, err)

	counts := func(m member) [2]int32 {
		c, err := w.leads.CountUntouchedLeads(m.ctx, &contactsv1.CountUntouchedLeadsRequest{})
		require.NoError(t, err)
		return [2]int32{c.GetUntouched(), c.GetOverdue()}
	}
	require.Equal(t, [2]int32{2, 0}, counts(m))
	w.pass(3 * time.Hour)
	require.Equal(t, [2]int32{2, 2}, counts(m))
	require.Equal(t, [2]int32{1, 1}, counts(agent), "only one's own")
	got, err := w.leads.GetLead(m.ctx, &contactsv1.GetLeadRequest{Id: waiting.GetId()})
	require.NoError(t, err)
	require.Equal(t, waiting.GetCreateTime().AsTime().Add(2*time.Hour), got.GetLead().GetOverdueSince().AsTime())

	overdue := func() []*contactsv1.LeadOverdue {
		evs, err := w.db.App.History(t.Context(), m.org, "lead", waiting.GetId(), 0, 100)
		require.NoError(t, err)
		var out []*contactsv1.LeadOverdue
		for _, e := range evs {
			if e.Type == "kontor.contacts.v1.LeadOverdue" {
				o := &contactsv1.LeadOverdue{}
				require.NoError(t, proto.Unmarshal(e.Payload, o))
				out = append(out, o)
			}
		}
		return out
	}
	stop := w.runJobs()
	testkit.Eventually(t, func() error {
		if len(overdue()) == 0 {
			return errors.New("not told yet")
		}
		return nil
	})
	require.Equal(t, []string{head.user}, overdue()[0].GetHeadIds())
	stop()
	w.runJobs() // the job runs at the start
	w.lead(agent, &contactsv1.Lead{Title: "another"})
	testkit.Eventually(t, func() error {
		var n int
		err := w.db.System.Pool().QueryRow(t.Context(), `
			SELECT count(*) FROM river.river_job WHERE kind = 'contacts.upkeep' AND state = 'completed'`).Scan(&n)
		if err == nil && n < 1 {
			err = errors.New("not run yet")
		}
		return err
	})
	require.Len(t, overdue(), 1, "told once")

	// A longer limit holds for leads that wait already.
	_, err = w.settings.UpdateLeadSettings(m.ctx, &contactsv1.UpdateLeadSettingsRequest{
		LeadSettings: &contactsv1.LeadSettings{UntouchedLimit: durationpb.New(24 * time.Hour)},
	})
	require.NoError(t, err)
	require.Equal(t, [2]int32{3, 0}, counts(m))
}

func (w *world) convert(m member, req *contactsv1.ConvertLeadRequest) *contactsv1.ConvertLeadResponse {
	w.t.Helper()
	resp, err := w.leads.ConvertLead(m.ctx, req)
	require.NoError(w.t, err)
	return resp
}

// settled waits until the lead's deal is no longer pending.
func (w *world) settled(m member, leadID string) *contactsv1.Conversion {
	w.t.Helper()
	var c *contactsv1.Conversion
	testkit.EventuallyWithin(w.t, 30*time.Second, func() error {
		resp, err := w.leads.GetLead(m.ctx, &contactsv1.GetLeadRequest{Id: leadID})
		if err != nil {
			return err
		}
		if c = resp.GetLead().GetConversion(); c.GetDealState() == contactsv1.DealState_DEAL_STATE_PENDING {
			return errors.New("still pending")
		}
		return nil
	})
	return c
}

func enquiry() *contactsv1.Lead {
	return &contactsv1.Lead{
		Title: "Ten of them", Request: "Send an offer", FirstName: "Ann", LastName: "Lee", Position: "Buyer", CompanyName: "Acme",
		Phones: []*typev1.PhoneNumber{{Number: "030 901820"}}, Emails: []*typev1.EmailAddress{{Address: "ann@example.com"}},
		Links: []*typev1.Link{{Kind: "site", Value: "https://acme.example"}}, Address: &typev1.Address{City: "Berlin", Country: "DE"}, Source: "form",
		Products: []*contactsv1.LeadProduct{{ProductId: id.New(), Quantity: "10", Price: &typev1.Money{CurrencyCode: "EUR", Amount: "5"}}},
	}
}

// CON-4: all three made in one call, fields and lines carried over, linked both ways; done again gives the same records.
func TestConversionMakesEverythingOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	l := w.lead(m, enquiry())
	req := &contactsv1.ConvertLeadRequest{
		Id: l.GetId(), Etag: l.GetEtag(), Contact: &contactsv1.ConversionTarget{}, Company: &contactsv1.ConversionTarget{}, Deal: &contactsv1.DealTarget{},
	}
	first := w.convert(m, req)
	conv := first.GetLead().GetConversion()
	require.NotEmpty(t, conv.GetDealId())
	require.Equal(t, w.statuses(m)["Converted"].GetId(), first.GetLead().GetStatusId())
	contact, company := first.GetContact(), first.GetCompany()
	require.Equal(t, conv.GetContactId(), contact.GetId())
	require.Equal(t, "Ann Lee", contact.GetName())
	require.Equal(t, "+4930901820", contact.GetPhones()[0].GetE164())
	require.Equal(t, "Berlin", contact.GetAddresses()[0].GetCity())
	require.Equal(t, "form", contact.GetSource())
	require.Equal(t, company.GetId(), contact.GetEmployments()[0].GetCompanyId())
	require.Equal(t, "Buyer", contact.GetEmployments()[0].GetRole())
	require.Equal(t, "Acme", company.GetName())
	require.Equal(t, "https://acme.example", company.GetLinks()[0].GetValue())
	for _, o := range []*typev1.Origin{contact.GetOrigin(), company.GetOrigin()} {
		require.True(t, proto.Equal(&typev1.Origin{Kind: "lead", Id: l.GetId()}, o), "CON-9: it tells which lead it was")
	}
	back, err := w.leads.ListLeads(m.ctx, &contactsv1.ListLeadsRequest{Filter: `contact_id = "` + contact.GetId() + `"`})
	require.NoError(t, err)
	require.Len(t, back.GetLeads(), 1, "and the lead is found from the contact")

	require.Equal(t, contactsv1.DealState_DEAL_STATE_DONE, w.settled(m, l.GetId()).GetDealState())
	_, made := w.deals.state()
	deal := made[conv.GetDealId()]
	require.NotNil(t, deal)
	require.Equal(t, "Ten of them", deal.GetDeal().GetName())
	require.Equal(t, l.GetId(), deal.GetDeal().GetLeadId())
	require.Equal(t, contact.GetId(), deal.GetDeal().GetContactId())
	require.Equal(t, company.GetId(), deal.GetDeal().GetCompanyId())
	require.Equal(t, "10", deal.GetDeal().GetLines()[0].GetQuantity())
	require.Equal(t, "5", deal.GetDeal().GetLines()[0].GetPrice())
	require.Equal(t, dealsv1.AmountSource_AMOUNT_SOURCE_LINES, deal.GetDeal().GetAmountSource())
	require.NotEmpty(t, deal.GetRequestId())

	again := w.convert(m, req)
	require.Equal(t, conv.GetContactId(), again.GetLead().GetConversion().GetContactId())
	require.Equal(t, conv.GetCompanyId(), again.GetLead().GetConversion().GetCompanyId())
	require.Equal(t, conv.GetDealId(), again.GetLead().GetConversion().GetDealId())
	n, err := w.contacts.CountContacts(m.ctx, &contactsv1.CountContactsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n.GetCount())
	_, err = w.leads.MoveLead(m.ctx, &contactsv1.MoveLeadRequest{Id: l.GetId(), StatusId: w.statuses(m)["Junk"].GetId()})
	require.Equal(t, "LEAD_CONVERTED", reason(err))
	_, err = w.leads.ConvertLead(m.ctx, &contactsv1.ConvertLeadRequest{Id: l.GetId()})
	require.Equal(t, "CONVERSION_EMPTY", reason(err))
}

// CON-4: idempotent also when a service is down half-way: the answer has the IDs at once, the deal follows.
func TestConversionWhileDealsAreDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.deals.set(true, nil)
	stop := w.runJobs()
	l := w.lead(m, enquiry())
	req := &contactsv1.ConvertLeadRequest{Id: l.GetId(), Contact: &contactsv1.ConversionTarget{}, Deal: &contactsv1.DealTarget{Name: "A deal"}}
	first := w.convert(m, req)
	require.Equal(t, contactsv1.DealState_DEAL_STATE_PENDING, first.GetLead().GetConversion().GetDealState())
	dealID := first.GetLead().GetConversion().GetDealId()
	testkit.Eventually(t, func() error {
		if asked, _ := w.deals.state(); asked == 0 {
			return errors.New("not asked yet")
		}
		return nil
	})
	again := w.convert(m, req)
	require.Equal(t, dealID, again.GetLead().GetConversion().GetDealId())
	stop() // and our own process goes away too

	w.deals.set(false, nil)
	w.runJobs()
	require.Equal(t, contactsv1.DealState_DEAL_STATE_DONE, w.settled(m, l.GetId()).GetDealState())
	_, made := w.deals.state()
	require.Len(t, made, 1)
	require.Equal(t, "A deal", made[dealID].GetDeal().GetName())
	require.Equal(t, "Bearer "+m.org+"."+m.user, w.deals.callers[len(w.deals.callers)-1], "on behalf of who converted")
}

// A deal that the deals service refuses for good is told on the lead; converting again tries again, with the same ID.
func TestConversionRefusedByDeals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.deals.set(false, apperr.NotFound("PRODUCT_NOT_FOUND", "product not found"))
	w.runJobs()
	l := w.lead(m, enquiry())
	req := &contactsv1.ConvertLeadRequest{Id: l.GetId(), Deal: &contactsv1.DealTarget{}}
	dealID := w.convert(m, req).GetLead().GetConversion().GetDealId()
	c := w.settled(m, l.GetId())
	require.Equal(t, contactsv1.DealState_DEAL_STATE_REFUSED, c.GetDealState())
	require.Contains(t, c.GetDealError(), "product not found")
	w.deals.set(false, nil)
	require.Equal(t, dealID, w.convert(m, req).GetLead().GetConversion().GetDealId())
	require.Equal(t, contactsv1.DealState_DEAL_STATE_DONE, w.settled(m, l.GetId()).GetDealState())
}

// CON-4: possible duplicates are shown first, and the lead can be attached to existing records; what one conversion left
// out a later one adds.
func TestConversionAttachesToWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	byPhone := w.contact(m, &contactsv1.Contact{FirstName: "Annie", Phones: []*typev1.PhoneNumber{{Number: "+49 30 90 18 20"}}})
	byName := w.contact(m, &contactsv1.Contact{FirstName: "ann", LastName: "LEE"})
	acme := w.company(m, &contactsv1.Company{Name: "ACME", Emails: []*typev1.EmailAddress{{Address: "ANN@example.com"}}})
	w.contact(m, &contactsv1.Contact{FirstName: "Somebody", LastName: "Else"})
	l := w.lead(m, enquiry())
	preview, err := w.leads.PreviewConversion(m.ctx, &contactsv1.PreviewConversionRequest{Id: l.GetId()})
	require.NoError(t, err)
	require.Equal(t, "Ann Lee", preview.GetContact().GetName())
	require.Equal(t, "Acme", preview.GetCompany().GetName())
	var got []string
	for _, c := range preview.GetCandidates() {
		got = append(got, fmt.Sprint(c.GetRecord().GetId(), c.GetReasons()))
	}
	require.Equal(t, []string{
		byPhone.GetId() + "[MATCH_REASON_PHONE]", acme.GetId() + "[MATCH_REASON_EMAIL MATCH_REASON_NAME]", byName.GetId() + "[MATCH_REASON_NAME]",
	}, got)

	first := w.convert(m, &contactsv1.ConvertLeadRequest{Id: l.GetId(), Contact: &contactsv1.ConversionTarget{AttachId: byPhone.GetId()}})
	require.Equal(t, byPhone.GetId(), first.GetLead().GetConversion().GetContactId())
	require.Empty(t, first.GetLead().GetConversion().GetDealId())
	second := w.convert(m, &contactsv1.ConvertLeadRequest{
		Id: l.GetId(), Contact: &contactsv1.ConversionTarget{}, Company: &contactsv1.ConversionTarget{AttachId: acme.GetId()}, Deal: &contactsv1.DealTarget{},
	})
	require.Equal(t, byPhone.GetId(), second.GetLead().GetConversion().GetContactId(), "what is there stays")
	require.Equal(t, acme.GetId(), second.GetLead().GetConversion().GetCompanyId())
	dealID := second.GetLead().GetConversion().GetDealId()
	require.Equal(t, contactsv1.DealState_DEAL_STATE_DONE, w.settled(m, l.GetId()).GetDealState())

	other := w.lead(m, &contactsv1.Lead{Title: "the same deal"})
	attached := w.convert(m, &contactsv1.ConvertLeadRequest{Id: other.GetId(), Deal: &contactsv1.DealTarget{AttachId: dealID}})
	require.Equal(t, contactsv1.DealState_DEAL_STATE_DONE, attached.GetLead().GetConversion().GetDealState())
	for want, bad := range map[string]*contactsv1.ConvertLeadRequest{
		"DEAL_NOT_FOUND":    {Deal: &contactsv1.DealTarget{AttachId: id.New()}},
		"CONTACT_NOT_FOUND": {Contact: &contactsv1.ConversionTarget{AttachId: id.New()}},
		"COMPANY_NOT_FOUND": {Company: &contactsv1.ConversionTarget{AttachId: id.New()}},
	} {
		bad.Id = w.lead(m, &contactsv1.Lead{Title: "x"}).GetId()
		_, err := w.leads.ConvertLead(m.ctx, bad)
		require.Equal(t, want, reason(err))
	}
}

// Whoever may not make contacts cannot have one made by a conversion.
func TestConversionNeedsTheRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	agent := w.member(m.org, "", own("lead", "company")...)
	l := w.lead(agent, enquiry())
	_, err := w.leads.ConvertLead(agent.ctx, &contactsv1.ConvertLeadRequest{Id: l.GetId(), Contact: &contactsv1.ConversionTarget{}})
	require.Equal(t, "PERMISSION_DENIED", reason(err))
	w.convert(agent, &contactsv1.ConvertLeadRequest{Id: l.GetId(), Company: &contactsv1.ConversionTarget{}})
}
