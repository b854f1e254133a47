package app_test

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// taken reads an export to its end.
func taken[M any](stream grpc.ServerStreamingClient[M], err error, part func(*M) *typev1.ExportPart) (name, content string, failure error) {
	if err != nil {
		return "", "", err
	}
	var b strings.Builder
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return name, b.String(), nil
		}
		if err != nil {
			return "", "", err
		}
		if name == "" {
			name = part(m).GetName()
		}
		b.Write(part(m).GetData())
	}
}

func (w *world) exportContacts(ctx context.Context, list *typev1.ExportList) (name, content string, err error) {
	s, err := contactsv1.NewExportServiceClient(w.conn).ExportContacts(ctx, &contactsv1.ExportContactsRequest{List: list})
	return taken(s, err, (*contactsv1.ExportContactsResponse).GetPart)
}

// CON-18: a list is exported as it is shown, as CSV, workbook and cards, which can be imported again; it is told.
func TestExportContacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	firm := w.company(m, &contactsv1.Company{Name: "Acme"})
	w.contact(m, &contactsv1.Contact{
		FirstName: "=Ann", LastName: "Lee", Position: "Buyer", Comment: "one\ntwo; three",
		Phones:      []*typev1.PhoneNumber{{Number: "030 901820"}, {Number: "+49 170 1234567", Kind: "mobile"}},
		Emails:      []*typev1.EmailAddress{{Address: "ann@example.com", Kind: "work"}},
		Addresses:   []*typev1.Address{{Street: "Main Street 1", City: "Berlin", PostalCode: "10115", Country: "DE"}},
		Employments: []*contactsv1.Employment{{CompanyId: firm.GetId(), Primary: true}},
	})
	w.contact(m, &contactsv1.Contact{FirstName: "Bob"})
	w.contact(m, &contactsv1.Contact{FirstName: "Cid"})
	name, text, err := w.exportContacts(m.ctx, &typev1.ExportList{
		Columns: []string{"name", "phones", "employments", "responsible_id"}, OrderBy: "name desc", Filter: `name != "Cid"`,
	})
	require.NoError(t, err)
	require.Equal(t, "contact-2026-11-21.csv", name)
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	user, _ := w.dir.User(m.org, m.user)
	require.Equal(t, [][]string{
		{"name", "phones", "employments", "responsible_id"},
		{"Bob", "", "", user.Name},
		{"'=Ann Lee", "'+4930901820; mobile: +491701234567", "Acme", user.Name},
	}, rows)
	_, text, err = w.exportContacts(m.ctx, &typev1.ExportList{})
	require.NoError(t, err)
	rows, err = csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 4)

	var kind string
	var told contactsv1.ListExported
	var payload []byte
	require.NoError(t, w.db.App.QueryRow(t.Context(), m.org, `SELECT kind, payload FROM events WHERE kind = 'export' ORDER BY happened_at, record_id LIMIT 1`).Scan(&kind, &payload))
	require.NoError(t, proto.Unmarshal(payload, &told))
	require.Equal(t, m.user, told.GetExport().GetUserId())
	require.Equal(t, "contact", told.GetExport().GetKind())

	_, _, err = w.exportContacts(m.ctx, &typev1.ExportList{Columns: []string{"none"}})
	require.Equal(t, "EXPORT_COLUMN_UNKNOWN", reason(err))
	_, _, err = w.exportContacts(m.ctx, &typev1.ExportList{Filter: "("})
	require.Equal(t, "INVALID_FILTER", reason(err))

	// What was exported can be imported elsewhere.
	other := w.organization()
	_, text, err = w.exportContacts(m.ctx, &typev1.ExportList{Format: typev1.ExportFormat_EXPORT_FORMAT_VCARD})
	require.NoError(t, err)
	require.Equal(t, outcome(3, 0, 0, 0), counts(w.importCards(other, text)))
	ann := w.named(other, "=Ann Lee")
	require.Equal(t, "mobile", ann.GetPhones()[1].GetKind())
	require.Equal(t, "Main Street 1", ann.GetAddresses()[0].GetStreet())
	require.Contains(t, ann.GetComment(), "one\ntwo; three")
	require.Contains(t, ann.GetComment(), "Company: Acme")
	name, text, err = w.exportContacts(m.ctx, &typev1.ExportList{Columns: []string{"first_name", "emails"}, Format: typev1.ExportFormat_EXPORT_FORMAT_XLSX})
	require.NoError(t, err)
	require.Equal(t, "contact-2026-11-21.xlsx", name)
	op := w.importContacts(w.organization(), "kind: contact\nfields:\n  first_name: {column: first_name}\n  emails: {column: emails, split: \"; \"}\n", text)
	require.Equal(t, outcome(3, 0, 0, 0), counts(op), "%v", op.GetErrors())
}

// CON-18, ID-6: nobody exports what is not in reach, and nobody at all without the right.
func TestExportsStayWithinRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	agent := w.member(m.org, "", view("contact"),
		&accessv1.DirectoryGrant{Kind: "contact", Action: optionsv1.Action_ACTION_EXPORT, Scope: accessv1.Scope_SCOPE_OWN})
	w.contact(m, &contactsv1.Contact{FirstName: "Theirs"})
	w.contact(m, &contactsv1.Contact{FirstName: "Ours", ResponsibleId: agent.user})
	_, text, err := w.exportContacts(agent.ctx, &typev1.ExportList{Columns: []string{"name"}})
	require.NoError(t, err)
	require.Equal(t, "name\nOurs\n", text)
	_, _, err = w.exportContacts(w.member(m.org, "", view("contact")).ctx, &typev1.ExportList{})
	require.Equal(t, "NOT_PERMITTED", reason(err))
}

// CON-18: companies and leads too, in more than one page; the names of what they lead to are written.
func TestExportCompaniesAndLeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	var file strings.Builder
	file.WriteString("name\n")
	for i := range 1200 {
		file.WriteString("Firm " + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + "\n")
	}
	op := w.importCompanies(m, "kind: company\nduplicates: make\nfields:\n  name: {column: name}\n", file.String())
	require.Equal(t, 1200, counts(op)["created"], "%v", op.GetErrors())
	client := contactsv1.NewExportServiceClient(w.conn)
	s, err := client.ExportCompanies(m.ctx, &contactsv1.ExportCompaniesRequest{List: &typev1.ExportList{Columns: []string{"name", "parent_id"}, OrderBy: "name"}})
	_, text, err := taken(s, err, (*contactsv1.ExportCompaniesResponse).GetPart)
	require.NoError(t, err)
	require.Equal(t, 1201, strings.Count(text, "\n"))

	w.lead(m, &contactsv1.Lead{Title: "Offer", FirstName: "Ann"})
	l, err := client.ExportLeads(m.ctx, &contactsv1.ExportLeadsRequest{List: &typev1.ExportList{Columns: []string{"title", "status_id"}}})
	_, text, err = taken(l, err, (*contactsv1.ExportLeadsResponse).GetPart)
	require.NoError(t, err)
	require.Equal(t, "title,status_id\nOffer,New\n", text)
}
