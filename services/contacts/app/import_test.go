package app_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func (w *world) importCompanies(m member, mapping, content string) *operationv1.Operation {
	w.t.Helper()
	resp, err := w.companies.ImportCompanies(m.ctx, &contactsv1.ImportCompaniesRequest{FileId: w.files.put(content), Mapping: mapping})
	require.NoError(w.t, err)
	return w.finished(m, resp.GetOperation().GetId())
}

func (w *world) importContacts(m member, mapping, content string) *operationv1.Operation {
	w.t.Helper()
	resp, err := w.contacts.ImportContacts(m.ctx, &contactsv1.ImportContactsRequest{FileId: w.files.put(content), Mapping: mapping})
	require.NoError(w.t, err)
	return w.finished(m, resp.GetOperation().GetId())
}

func counts(op *operationv1.Operation) map[string]int {
	out := map[string]int{}
	for k, v := range op.GetResult().AsMap() {
		out[k] = int(v.(float64))
	}
	return out
}

func outcome(created, updated, skipped, rejected int) map[string]int {
	return map[string]int{"created": created, "updated": updated, "skipped": skipped, "rejected": rejected}
}

const accounts = `account,sector,year_established,revenue,employees,office_location,subsidiary_of
Acme Corporation,technolgy,1996,1100.04,2822,United States,
Bluth Company,technolgy,1993,1242.32,3027,United States,Acme Corporation
Treequote,telecommunications,1988,5266.09,8595,United States,Sonron
Sonron,marketing,1999,1699.85,5108,United States,
Bioholding,medical,2012,587.34,1356,Philipines,
`

// Issue, main job: companies with industry, turnover, employees and parent, by the example mapping. Parents may stand
// further down. Done again nothing is doubled (CON-17, decisions 18, 19).
func TestImportCompaniesByTheExampleMapping(t *testing.T) {
	t.Parallel()
	mapping, err := os.ReadFile("../../../docs/examples/sales/30-companies.yaml")
	require.NoError(t, err)
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	op := w.importCompanies(m, string(mapping), accounts)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, outcome(5, 0, 0, 0), counts(op), "%v", op.GetErrors())

	list, err := w.companies.ListCompanies(m.ctx, &contactsv1.ListCompaniesRequest{OrderBy: "name"})
	require.NoError(t, err)
	by := map[string]*contactsv1.Company{}
	for _, c := range list.GetCompanies() {
		by[c.GetName()] = c
	}
	require.Len(t, by, 5)
	acme := by["Acme Corporation"]
	require.Equal(t, "technology", acme.GetIndustry())
	require.Equal(t, "1100040000.00", acme.GetAnnualTurnover().GetAmount())
	require.Equal(t, "USD", acme.GetAnnualTurnover().GetCurrencyCode())
	require.EqualValues(t, 2822, acme.GetEmployees())
	require.Equal(t, "import", acme.GetOrigin().GetKind())
	require.True(t, strings.HasSuffix(op.GetId(), acme.GetOrigin().GetId()), "it says which import made it (CON-9)")
	require.Equal(t, m.user, acme.GetResponsibleId())
	require.Equal(t, "Philippines", by["Bioholding"].GetAddresses()[0].GetCountry())
	require.Equal(t, acme.GetId(), by["Bluth Company"].GetParentId())
	require.Equal(t, by["Sonron"].GetId(), by["Treequote"].GetParentId(), "found when all were in")
	below, err := w.companies.ListCompanies(m.ctx, &contactsv1.ListCompaniesRequest{Filter: `parent_id = "` + acme.GetId() + `"`})
	require.NoError(t, err)
	require.Len(t, below.GetCompanies(), 1)

	require.Equal(t, outcome(0, 0, 5, 0), counts(w.importCompanies(m, string(mapping), accounts)))
	stranger := w.organization()
	require.Equal(t, outcome(5, 0, 0, 0), counts(w.importCompanies(stranger, string(mapping), accounts)))
}

const people = `
kind: contact
external_id: {source: crm, column: id}
duplicates: update
fields:
  first_name: {column: first}
  last_name: {column: last}
  birthday: {column: born}
  phones: {list: [{column: phone}, {column: mobile}]}
  emails: {list: [{column: mail}]}
  company: {column: firm, lookup: {kind: company, by: name}}
  company_role: {column: role}
  responsible: {column: owner, lookup: {kind: user, by: email}}
`

// CON-17: rows at fault are rejected one by one, with the line, the field and the reason, in a file too; the others go
// in. Duplicates are updated, in the file itself as well.
func TestImportContactsWithDirt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	agent := w.member(m.org, "", own("contact")...)
	firm := w.company(m, &contactsv1.Company{Name: "Acme"})
	const head = "id,first,last,born,phone,mobile,mail,firm,role,owner\n"
	op := w.importContacts(m, people, head+
		"1,Ann,Lee,1990-05-03,030 901820,,ann@example.com,acme,buyer,"+agent.user+"@example.com\n"+
		"2,Bob,,,,,not an address,,,\n"+
		"3,Cid,,1990-02-30,,,,,,\n"+
		"4,Dee,,,,,,No such firm,,\n"+
		"5,Eve,,,,,,,,nobody@example.com\n"+
		"6,,,,,,,,,\n"+
		"7,Fay\x00,,,,,,,,\n"+
		"8,"+strings.Repeat("x", 10<<20)+",,,,,,,,\n"+
		"9,Gus,,,12,,,,,\n"+
		"1,Ann,Bell,1990-05-03,030 901820,0170 1234567,ann@example.com,acme,director,"+agent.user+"@example.com\n")
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, outcome(2, 1, 0, 7), counts(op), "%v", op.GetErrors())
	got := map[int64]string{}
	for _, e := range op.GetErrors() {
		got[e.GetLine()] = e.GetField()
		require.NotEmpty(t, e.GetMessage())
	}
	require.Equal(t, "emails[0].address", got[3])
	require.Equal(t, "birthday", got[4])
	require.Equal(t, "company", got[5])
	require.Equal(t, "responsible", got[6])
	require.Equal(t, "first_name", got[7])
	for _, line := range []int64{8, 9} {
		require.Contains(t, got, line)
	}
	rejects, ok := w.files.get(op.GetRejectsFileId())
	require.True(t, ok)
	require.Contains(t, rejects, "2,Bob,")

	list, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: `external_ids.crm = "1"`})
	require.NoError(t, err)
	require.Len(t, list.GetContacts(), 1)
	ann := list.GetContacts()[0]
	require.Equal(t, "Ann Bell", ann.GetName())
	require.Equal(t, agent.user, ann.GetResponsibleId())
	require.Equal(t, firm.GetId(), ann.GetEmployments()[0].GetCompanyId())
	require.Equal(t, "director", ann.GetEmployments()[0].GetRole())
	require.Len(t, ann.GetPhones(), 2)
	require.Equal(t, "v1", ann.GetEtag(), "two rows of one file about one record make one version")

	op = w.importContacts(m, people, head+"1,Ann,Gray,,,,,,,\n")
	require.Equal(t, outcome(0, 1, 0, 0), counts(op))
	read, err := w.contacts.GetContact(m.ctx, &contactsv1.GetContactRequest{Id: ann.GetId()})
	require.NoError(t, err)
	require.Equal(t, "Ann Gray", read.GetContact().GetName())
	require.Empty(t, read.GetContact().GetPhones(), "mapped and empty: taken away")
	found, err := w.contacts.LookupContactPoint(m.ctx, &contactsv1.LookupContactPointRequest{Phone: "030901820"})
	require.NoError(t, err)
	require.Empty(t, found.GetMatches())

	gone := w.member(m.org, "", own("contact")...)
	w.leave(gone)
	op = w.importContacts(m, people, head+"1,Ann,Gray,,,,,,,"+gone.user+"@example.com\n")
	require.Equal(t, outcome(0, 0, 0, 1), counts(op), "nobody is handed to who has left")
}

// CON-17 for leads: statuses by name, products, UTM marks.
func TestImportLeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	resp, err := w.leads.ImportLeads(m.ctx, &contactsv1.ImportLeadsRequest{Mapping: `
kind: lead
fields:
  title: {column: title}
  first_name: {column: name}
  status: {column: status}
  utm_campaign: {column: campaign}
  product: {column: product, lookup: {kind: product, by: name, missing: empty}}
  product_name: {column: product}
  quantity: {column: quantity}
  amount: {column: amount, currency: EUR}
`, FileId: w.files.put("title,name,status,campaign,product,quantity,amount\nOffer,Ann,waiting,autumn,Chair,2.5,100\n,Bob,,,,,\nBad,Cid,Lost,,,,\n")})
	require.NoError(t, err)
	op := w.finished(m, resp.GetOperation().GetId())
	require.Equal(t, outcome(2, 0, 0, 1), counts(op), "%v", op.GetErrors())
	require.Equal(t, "LEAD_STATUS_NOT_FOUND", op.GetErrors()[0].GetReason())
	list, err := w.leads.ListLeads(m.ctx, &contactsv1.ListLeadsRequest{OrderBy: "title"})
	require.NoError(t, err)
	require.Len(t, list.GetLeads(), 2)
	statuses := w.statuses(m)
	bob, offer := list.GetLeads()[0], list.GetLeads()[1]
	require.Equal(t, statuses["Waiting"].GetId(), offer.GetStatusId())
	require.NotNil(t, offer.GetTouchTime())
	require.Equal(t, "2.5", offer.GetProducts()[0].GetQuantity())
	require.Equal(t, "Chair", offer.GetProducts()[0].GetName())
	require.Empty(t, offer.GetProducts()[0].GetProductId(), "kept as a name")
	require.Equal(t, "autumn", offer.GetUtm().GetCampaign())
	require.Equal(t, "100.00", offer.GetAmount().GetAmount())
	require.Equal(t, statuses["New"].GetId(), bob.GetStatusId())
	require.Nil(t, bob.GetTouchTime())
}

// CON-1, CON-17: products of interest are the catalogue's, by name or external ID; what it does not have is rejected with
// its reason unless the mapping says otherwise. The preview tells beforehand and changes nothing.
func TestImportedLeadsFindTheirProducts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	const mapping = `
kind: lead
fields:
  title: {column: title}
  product: {first_of: [
    {column: product, lookup: {kind: product, by: name, missing: empty}},
    {column: product, lookup: {kind: product, by: external_id, source: shop}}]}
  product_name: {column: product, lookup: {kind: product, by: name, attribute: name, missing: empty}}
`
	fileID := w.files.put("title,product\nA,Desk\nB,d-1\nC,Chair\n")
	shown, err := w.leads.PreviewLeadImport(m.ctx, &contactsv1.PreviewLeadImportRequest{FileId: fileID, Mapping: mapping})
	require.NoError(t, err)
	rows := shown.GetPreview().GetRows()
	require.Equal(t, typev1.ImportOutcome_IMPORT_OUTCOME_CREATE, rows[0].GetOutcome(), "%v", rows[0])
	require.Equal(t, typev1.ImportOutcome_IMPORT_OUTCOME_CREATE, rows[1].GetOutcome())
	require.Equal(t, "LOOKUP_NOT_FOUND", rows[2].GetProblem().GetReason())
	require.Equal(t, "product", rows[2].GetProblem().GetField())
	n, err := w.leads.CountLeads(m.ctx, &contactsv1.CountLeadsRequest{})
	require.NoError(t, err)
	require.Zero(t, n.GetCount())

	resp, err := w.leads.ImportLeads(m.ctx, &contactsv1.ImportLeadsRequest{FileId: fileID, Mapping: mapping})
	require.NoError(t, err)
	op := w.finished(m, resp.GetOperation().GetId())
	require.Equal(t, outcome(2, 0, 0, 1), counts(op), "%v", op.GetErrors())
	require.Equal(t, "LOOKUP_NOT_FOUND", op.GetErrors()[0].GetReason())
	list, err := w.leads.ListLeads(m.ctx, &contactsv1.ListLeadsRequest{OrderBy: "title"})
	require.NoError(t, err)
	for _, l := range list.GetLeads() {
		require.Equal(t, desk, l.GetProducts()[0].GetProductId())
	}
	require.Equal(t, "Desk", list.GetLeads()[0].GetProducts()[0].GetName())
}

// CON-17: contacts and companies have a preview too, of a mapping that is proposed from the header.
func TestPreviewOfContactsAndCompanies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.company(m, &contactsv1.Company{Name: "Acme"})
	contacts, err := w.contacts.PreviewContactImport(m.ctx, &contactsv1.PreviewContactImportRequest{
		FileId: w.files.put("Vorname;Nachname;Firma;E-Mail\nAnn;Lee;Acme;ann@example.com\nBob;Ray;Nobody;bob@example.com\n"),
	})
	require.NoError(t, err)
	require.Empty(t, contacts.GetPreview().GetProblem())
	require.Equal(t, typev1.ImportOutcome_IMPORT_OUTCOME_CREATE, contacts.GetPreview().GetRows()[0].GetOutcome())
	require.Equal(t, "LOOKUP_NOT_FOUND", contacts.GetPreview().GetRows()[1].GetProblem().GetReason())
	companies, err := w.companies.PreviewCompanyImport(m.ctx, &contactsv1.PreviewCompanyImportRequest{
		FileId: w.files.put("account,sector,employees\nAcme,retail,3\nNew,tech,x\n"), Rows: 1,
	})
	require.NoError(t, err)
	require.Len(t, companies.GetPreview().GetRows(), 1)
	require.Equal(t, typev1.ImportOutcome_IMPORT_OUTCOME_SKIP, companies.GetPreview().GetRows()[0].GetOutcome())

	agent := w.member(m.org, "", own("lead")...)
	_, err = w.contacts.PreviewContactImport(agent.ctx, &contactsv1.PreviewContactImportRequest{FileId: w.files.put("name\nx\n")})
	require.Equal(t, "NOT_PERMITTED", reason(err))
}

// file is a CSV of n contacts with a phone and an e-mail each.
func file(n int) string {
	var b strings.Builder
	b.WriteString("id,first,last,phone,mail\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,First%d,Last%d,+4930%07d,person%d@example.com\n", i, i, i%1000, 1000000+i, i)
	}
	return b.String()
}

const many = `
kind: contact
external_id: {source: crm, column: id}
fields:
  first_name: {column: first}
  last_name: {column: last}
  phones: {list: [{column: phone}]}
  emails: {list: [{column: mail}]}
`

// CON-17: an import whose process goes away in the middle is taken up where it stood; nothing is lost or doubled.
func TestImportGoesOnAfterTheProcessIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.runJobs()
	m := w.organization()
	const n = 20_000
	resp, err := w.contacts.ImportContacts(m.ctx, &contactsv1.ImportContactsRequest{FileId: w.files.put(file(n)), Mapping: many})
	require.NoError(t, err)
	opID := resp.GetOperation().GetId()
	var done int64
	testkit.EventuallyWithin(t, time.Minute, func() error {
		resp, err := w.operations.GetOperation(m.ctx, &operationv1.GetOperationRequest{Id: opID})
		if err != nil {
			return err
		}
		if done = resp.GetOperation().GetDone(); done == 0 {
			return errors.New("not begun")
		}
		return nil
	})
	// Cut off as a crash would: what is under way in the database is thrown away.
	_, err = w.db.System.Pool().Exec(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil { // the role may not: then only the process goes
		t.Log(err)
	}
	stop()
	w.runJobs()
	op := w.finished(m, opID)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, outcome(n, 0, 0, 0), counts(op), "%v", op.GetErrors())
	var rows, events, points int
	require.NoError(t, w.db.App.QueryRow(t.Context(), m.org, `
		SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM events WHERE kind = 'contact'),
			(SELECT count(*) FROM contact_points WHERE kind IN ('phone', 'email'))`).
		Scan(&rows, &events, &points))
	require.Equal(t, [3]int{n, n, 2 * n}, [3]int{rows, events, points})
}

// The target of the issue: 100,000 contacts at 10,000 rows a second. Its time is logged, not judged: the machine of a test
// is shared. Runs with KONTOR_TEST_LARGE=1.
func TestImportOfAHundredThousandContacts(t *testing.T) {
	if os.Getenv("KONTOR_TEST_LARGE") == "" {
		t.Skip("set KONTOR_TEST_LARGE=1 to run it")
	}
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	const n = 100_000
	content := file(n)
	start := time.Now()
	op := w.importContacts(m, many, content)
	took := time.Since(start)
	require.Equal(t, outcome(n, 0, 0, 0), counts(op))
	t.Logf("%d contacts in %s: %.0f rows/s", n, took, n/took.Seconds())
}
