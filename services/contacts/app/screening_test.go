package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/id"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// statusIDs are the IDs of the statuses by their names.
func (w *world) statusIDs(m member) map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for name, s := range w.statuses(m) {
		out[name] = s.GetId()
	}
	return out
}

// CON-3: a screener puts junk aside with a reason and takes that back, sorts by importance, and hands over; none of that is
// working on the lead, whose time begins anew with whoever gets it.
func TestScreening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.organization()
	seller := w.member(boss.org, "", own("lead")...)
	dep := w.department(boss.org, "", seller.user)
	screening := contactsv1.NewScreeningServiceClient(w.conn)
	status := w.statusIDs(boss)
	a, b := w.lead(boss, &contactsv1.Lead{Title: "Prince wants help"}), w.lead(boss, &contactsv1.Lead{Title: "Fleet"})
	c := w.lead(boss, &contactsv1.Lead{Title: "Chair"})
	queue := func(order string) []string {
		res, err := w.leads.ListLeads(boss.ctx, &contactsv1.ListLeadsRequest{
			Filter: `screened = false AND status_id = "` + status["New"] + `"`, OrderBy: order,
		})
		require.NoError(t, err)
		var out []string
		for _, l := range res.GetLeads() {
			out = append(out, l.GetTitle())
		}
		return out
	}
	rate := func(l *contactsv1.Lead, importance int32) error {
		_, err := w.leads.UpdateLead(boss.ctx, &contactsv1.UpdateLeadRequest{
			Id: l.GetId(), Lead: &contactsv1.Lead{Importance: importance}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"importance"}},
		})
		return err
	}

	junk, err := w.leads.MoveLead(boss.ctx, &contactsv1.MoveLeadRequest{Id: a.GetId(), StatusId: status["Junk"], Reason: " spam "})
	require.NoError(t, err)
	require.Equal(t, "spam", junk.GetLead().GetJunkReason())
	require.Equal(t, []string{"Fleet", "Chair"}, queue("id"))
	found, err := w.leads.CountLeads(boss.ctx, &contactsv1.CountLeadsRequest{Filter: `junk_reason = "spam"`})
	require.NoError(t, err)
	require.EqualValues(t, 1, found.GetCount())
	back, err := w.leads.MoveLead(boss.ctx, &contactsv1.MoveLeadRequest{Id: a.GetId(), StatusId: status["New"]})
	require.NoError(t, err)
	require.Empty(t, back.GetLead().GetJunkReason())
	require.Equal(t, []string{"Prince wants help", "Fleet", "Chair"}, queue("id"))

	require.NoError(t, rate(b, 5))
	require.NoError(t, rate(c, 2))
	require.Error(t, rate(c, 6))
	require.Equal(t, []string{"Fleet", "Chair", "Prince wants help"}, queue("importance desc, id"))
	got, err := w.leads.GetLead(boss.ctx, &contactsv1.GetLeadRequest{Id: b.GetId()})
	require.NoError(t, err)
	require.Nil(t, got.GetLead().GetTouchTime(), "sorting is not working on it")

	w.pass(3 * time.Hour)
	given, err := screening.HandOverLead(boss.ctx, &contactsv1.HandOverLeadRequest{Id: b.GetId(), UserId: seller.user})
	require.NoError(t, err)
	require.Equal(t, seller.user, given.GetLead().GetResponsibleId())
	require.NotNil(t, given.GetLead().GetScreenTime())
	require.EqualValues(t, 5, given.GetLead().GetImportance())
	given, err = screening.HandOverLead(boss.ctx, &contactsv1.HandOverLeadRequest{Id: a.GetId(), DepartmentId: dep})
	require.NoError(t, err)
	require.Equal(t, seller.user, given.GetLead().GetResponsibleId(), "who heads the department")
	require.Nil(t, given.GetLead().GetTouchTime(), "what the screener did is not working on it")
	require.Equal(t, []string{"Chair"}, queue("id"))
	w.pass(2 * time.Hour)
	got, err = w.leads.GetLead(seller.ctx, &contactsv1.GetLeadRequest{Id: a.GetId()})
	require.NoError(t, err)
	require.Nil(t, got.GetLead().GetOverdueSince(), "five hours after it came in, two after it was handed over")
	w.pass(3 * time.Hour)
	got, err = w.leads.GetLead(seller.ctx, &contactsv1.GetLeadRequest{Id: a.GetId()})
	require.NoError(t, err)
	require.NotNil(t, got.GetLead().GetOverdueSince())

	past, err := w.leads.GetLeadHistory(boss.ctx, &contactsv1.GetLeadHistoryRequest{Id: a.GetId()})
	require.NoError(t, err)
	require.Equal(t, "kontor.contacts.v1.LeadHandedOver", past.GetEntries()[0].GetType())

	for want, req := range map[string]*contactsv1.HandOverLeadRequest{
		"LEAD_RECIPIENT_INVALID":       {Id: c.GetId()},
		"LEAD_DEPARTMENT_WITHOUT_HEAD": {Id: c.GetId(), DepartmentId: w.department(boss.org, "", "")},
		"RESPONSIBLE_NOT_FOUND":        {Id: c.GetId(), UserId: id.New()},
		"LEAD_NOT_FOUND":               {Id: id.New(), UserId: seller.user},
		"LEAD_ETAG_MISMATCH":           {Id: c.GetId(), UserId: seller.user, Etag: "v1"},
	} {
		_, err := screening.HandOverLead(boss.ctx, req)
		require.Equal(t, want, reason(err))
	}
	_, err = screening.HandOverLead(w.organization().ctx, &contactsv1.HandOverLeadRequest{Id: c.GetId(), UserId: seller.user})
	require.Error(t, err)
}

// CON-5: taken into work, a lead is converted if the organisation wants so; whoever has its number is attached and not made once
// more; the same request again makes nothing more, and without the setting nothing is made.
func TestAutomaticConversion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.organization()
	status := w.statusIDs(boss)
	take := func(m member, l *contactsv1.Lead, request string) *contactsv1.Lead {
		res, err := w.leads.MoveLead(m.ctx, &contactsv1.MoveLeadRequest{Id: l.GetId(), StatusId: status["Processing"], RequestId: request})
		require.NoError(t, err)
		return res.GetLead()
	}
	ask := func(m member, name string) *contactsv1.Lead {
		return w.lead(m, &contactsv1.Lead{
			Title: "Ask", FirstName: name, CompanyName: name + " Ltd", Phones: []*typev1.PhoneNumber{{Number: "030 90182" + name[:1]}},
		})
	}
	require.Nil(t, take(boss, ask(boss, "1st"), "").GetConversion())

	settle := func(pipeline string) (*contactsv1.UpdateLeadSettingsResponse, error) {
		return w.settings.UpdateLeadSettings(boss.ctx, &contactsv1.UpdateLeadSettingsRequest{
			LeadSettings: &contactsv1.LeadSettings{AutoConversion: &contactsv1.AutoConversion{
				Contact: true, Company: true, Deal: true, PipelineId: pipeline,
			}},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"auto_conversion"}},
		})
	}
	for _, none := range []string{id.New(), binnedPipeline} {
		_, err := settle(none)
		require.Equal(t, "LEAD_PIPELINE_NOT_FOUND", reason(err))
	}
	set, err := settle(usualPipeline)
	require.NoError(t, err)
	require.True(t, set.GetLeadSettings().GetAutoConversion().GetDeal())
	require.Equal(t, 4*time.Hour, set.GetLeadSettings().GetUntouchedLimit().AsDuration(), "not named, not changed")

	known := w.contact(boss, &contactsv1.Contact{FirstName: "Known", Phones: []*typev1.PhoneNumber{{Number: "030 901822"}}})
	l := ask(boss, "2nd")
	first := take(boss, l, "once")
	require.Equal(t, status["Converted"], first.GetStatusId())
	require.Equal(t, known.GetId(), first.GetConversion().GetContactId())
	require.NotEmpty(t, first.GetConversion().GetCompanyId())
	require.NotEmpty(t, first.GetConversion().GetDealId())
	require.Equal(t, first.GetConversion().GetDealId(), take(boss, l, "once").GetConversion().GetDealId())
	count, err := w.contacts.CountContacts(boss.ctx, &contactsv1.CountContactsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 1, count.GetCount())

	// To junk, or within what is worked on: no conversion. A lead that was taken before stays as it is.
	other := ask(boss, "3rd")
	moved, err := w.leads.MoveLead(boss.ctx, &contactsv1.MoveLeadRequest{Id: other.GetId(), StatusId: status["Junk"]})
	require.NoError(t, err)
	require.Nil(t, moved.GetLead().GetConversion())
	require.Nil(t, take(boss, other, "").GetConversion())

	// As far as the caller may: who may not make companies and deals gets the contact alone.
	clerk := w.member(boss.org, "", own("lead", "contact")...)
	mine := take(clerk, ask(clerk, "4th"), "")
	require.NotEmpty(t, mine.GetConversion().GetContactId())
	require.Empty(t, mine.GetConversion().GetCompanyId())
	require.Empty(t, mine.GetConversion().GetDealId())
}
