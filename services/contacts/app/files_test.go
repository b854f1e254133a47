package app_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
)

// carried waits until the lead's files were copied to exactly these records, to each once.
func (w *world) carried(leadID string, to ...string) {
	w.t.Helper()
	want := make(map[string]int, len(to))
	for _, r := range to {
		want["lead/"+leadID+" → "+r] = 1
	}
	testkit.Eventually(w.t, func() error {
		if _, copied := w.files.state(); !maps.Equal(want, copied) {
			return fmt.Errorf("copied %v, want %v", copied, want)
		}
		return nil
	})
}

// CON-4: a lead's files are carried over to every record made.
func TestConversionCarriesFilesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	l := w.lead(m, enquiry())
	made := w.convert(m, &contactsv1.ConvertLeadRequest{
		Id: l.GetId(), Contact: &contactsv1.ConversionTarget{}, Company: &contactsv1.ConversionTarget{},
	}).GetLead().GetConversion()
	contact, company := "contact/"+made.GetContactId(), "company/"+made.GetCompanyId()
	w.carried(l.GetId(), contact, company)

	// A later conversion carries them to what it adds.
	made = w.convert(m, &contactsv1.ConvertLeadRequest{
		Id: l.GetId(), Contact: &contactsv1.ConversionTarget{}, Deal: &contactsv1.DealTarget{},
	}).GetLead().GetConversion()
	w.carried(l.GetId(), contact, company, "deal/"+made.GetDealId())
	require.Equal(t, "Bearer "+m.org+"."+m.user, w.files.callers[0], "on behalf of who converted")
}

// CON-4: to those attached as well.
func TestConversionCarriesFilesToWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	contact := w.contact(m, &contactsv1.Contact{FirstName: "Ann"})
	company := w.company(m, &contactsv1.Company{Name: "Acme"})
	first := w.lead(m, enquiry())
	dealID := w.convert(m, &contactsv1.ConvertLeadRequest{Id: first.GetId(), Deal: &contactsv1.DealTarget{}}).GetLead().GetConversion().GetDealId()
	w.carried(first.GetId(), "deal/"+dealID)
	w.files.mu.Lock()
	w.files.copied = nil
	w.files.mu.Unlock()

	second := w.lead(m, enquiry())
	w.convert(m, &contactsv1.ConvertLeadRequest{
		Id: second.GetId(), Contact: &contactsv1.ConversionTarget{AttachId: contact.GetId()},
		Company: &contactsv1.ConversionTarget{AttachId: company.GetId()}, Deal: &contactsv1.DealTarget{AttachId: dealID},
	})
	w.carried(second.GetId(), "contact/"+contact.GetId(), "company/"+company.GetId(), "deal/"+dealID)
}

// CON-4: also when the files service is down half-way, and ours goes away meanwhile: the deal is told of at once, the
// files follow.
func TestConversionWhileFilesAreDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.files.set(true, nil)
	stop := w.runJobs()
	l := w.lead(m, enquiry())
	req := &contactsv1.ConvertLeadRequest{Id: l.GetId(), Contact: &contactsv1.ConversionTarget{}, Deal: &contactsv1.DealTarget{}}
	made := w.convert(m, req).GetLead().GetConversion()
	require.Equal(t, contactsv1.DealState_DEAL_STATE_DONE, w.settled(m, l.GetId()).GetDealState(), "it does not wait for the files")
	testkit.Eventually(t, func() error {
		if asked, _ := w.files.state(); asked < 2 {
			return errors.New("not asked yet")
		}
		return nil
	})
	again := w.convert(m, req).GetLead()
	require.Equal(t, made.GetContactId(), again.GetConversion().GetContactId())
	stop()

	w.files.set(false, nil)
	w.runJobs()
	w.carried(l.GetId(), "contact/"+made.GetContactId(), "deal/"+made.GetDealId())
	asked, deals := w.deals.state()
	require.Len(t, deals, 1)
	require.Equal(t, 1, asked, "the deal is not made again for its files' sake")
}

// CON-4: what the files service refuses for good is not tried for ever.
func TestFilesThatAreRefusedAreGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.files.set(false, apperr.NotFound("RECORD_NOT_FOUND", "there is no such record to hang a file on"))
	w.runJobs()
	l := w.lead(m, enquiry())
	w.convert(m, &contactsv1.ConvertLeadRequest{Id: l.GetId(), Contact: &contactsv1.ConversionTarget{}})
	testkit.Eventually(t, func() error {
		var open int
		err := w.db.System.Pool().QueryRow(t.Context(), `
			SELECT count(*) FROM river.river_job WHERE kind = 'contacts.files' AND state <> 'completed'`).Scan(&open)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d jobs left", open)
		}
		return err
	})
	asked, _ := w.files.state()
	require.Equal(t, 1, asked)
}
