package app_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/testkit"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

func (w *world) define(m member, kind string, f *customfieldsv1.CustomField) *customfieldsv1.CustomField {
	w.t.Helper()
	resp, err := w.custom.CreateCustomField(m.ctx, &customfieldsv1.CreateCustomFieldRequest{Kind: kind, CustomField: f})
	require.NoError(w.t, err)
	return resp.GetCustomField()
}

func (w *world) contactWith(m member, name string, custom map[string]*structpb.Value) (*contactsv1.Contact, error) {
	resp, err := w.contacts.CreateContact(m.ctx, &contactsv1.CreateContactRequest{
		Contact: &contactsv1.Contact{FirstName: name, CustomFields: custom},
	})
	return resp.GetContact(), err
}

func number(f float64) *structpb.Value { return structpb.NewNumberValue(f) }
func text(s string) *structpb.Value    { return structpb.NewStringValue(s) }

// CON-12: values are made, changed key by key, taken away, listed by and counted, and leave a trace in the history.
func TestCustomFieldsOfAContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	area := w.define(m, "contact", &customfieldsv1.CustomField{Label: "Area", Type: customfieldsv1.Type_TYPE_NUMBER})
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Word", Type: customfieldsv1.Type_TYPE_STRING})
	c, err := w.contactWith(m, "Ann", map[string]*structpb.Value{"area": number(12.5), "word": text("alpha")})
	require.NoError(t, err)
	_, err = w.contactWith(m, "Bo", map[string]*structpb.Value{"area": number(3)})
	require.NoError(t, err)
	_, err = w.contactWith(m, "Cy", nil)
	require.NoError(t, err)

	update := func(values map[string]*structpb.Value, paths ...string) *contactsv1.Contact {
		resp, err := w.contacts.UpdateContact(m.ctx, &contactsv1.UpdateContactRequest{
			Id: c.GetId(), Contact: &contactsv1.Contact{CustomFields: values}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
		require.NoError(t, err)
		return resp.GetContact()
	}
	got := update(map[string]*structpb.Value{"area": number(20)}, "custom_fields")
	require.InEpsilon(t, 20, got.GetCustomFields()["area"].GetNumberValue(), 0)
	require.Equal(t, "alpha", got.GetCustomFields()["word"].GetStringValue(), "the others stay")
	got = update(nil, "custom_fields.word")
	require.NotContains(t, got.GetCustomFields(), "word")
	got = update(map[string]*structpb.Value{"word": text("beta"), "area": structpb.NewNullValue()}, "custom_fields")
	require.Equal(t, "beta", got.GetCustomFields()["word"].GetStringValue())
	require.NotContains(t, got.GetCustomFields(), "area")
	update(map[string]*structpb.Value{"area": number(7)}, "custom_fields.area")

	list := func(filter, orderBy string) (names []string) {
		resp, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: filter, OrderBy: orderBy})
		require.NoError(t, err)
		for _, c := range resp.GetContacts() {
			names = append(names, c.GetFirstName())
		}
		n, err := w.contacts.CountContacts(m.ctx, &contactsv1.CountContactsRequest{Filter: filter})
		require.NoError(t, err)
		require.Len(t, names, int(n.GetCount()))
		return names
	}
	require.Equal(t, []string{"Bo", "Ann", "Cy"}, list("", "custom_fields.area"))
	require.Equal(t, []string{"Ann", "Bo", "Cy"}, list("", "custom_fields.area desc"))
	require.Equal(t, []string{"Ann"}, list("custom_fields.area > 3", "name"))
	require.Equal(t, []string{"Bo", "Cy"}, list(`NOT custom_fields.word:"et"`, "name"))
	require.Empty(t, list(`custom_fields.word = "alpha"`, "name"), "what was changed is not found by its old value")

	_, err = w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: "custom_fields.nope = 1"})
	require.Equal(t, "INVALID_FILTER", reason(err))
	_, err = w.contactWith(m, "Di", map[string]*structpb.Value{"area": text("large")})
	require.Equal(t, "CUSTOM_FIELDS_INVALID", reason(err))

	// Retired: neither shown nor taken; restored with its data.
	_, err = w.custom.RetireCustomField(m.ctx, &customfieldsv1.RetireCustomFieldRequest{Kind: "contact", Id: area.GetId()})
	require.NoError(t, err)
	shown, err := w.contacts.GetContact(m.ctx, &contactsv1.GetContactRequest{Id: c.GetId()})
	require.NoError(t, err)
	require.NotContains(t, shown.GetContact().GetCustomFields(), "area")
	require.NotContains(t, update(map[string]*structpb.Value{"word": text("gamma")}, "custom_fields").GetCustomFields(), "area")
	_, err = w.custom.RestoreCustomField(m.ctx, &customfieldsv1.RestoreCustomFieldRequest{Kind: "contact", Id: area.GetId()})
	require.NoError(t, err)
	shown, err = w.contacts.GetContact(m.ctx, &contactsv1.GetContactRequest{Id: c.GetId()})
	require.NoError(t, err)
	require.InEpsilon(t, 7, shown.GetContact().GetCustomFields()["area"].GetNumberValue(), 0)
}

// CON-12: definitions are for who may change settings; everybody signed in reads them; other organisations see nothing.
func TestRightsOnDefinitions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	f := w.define(m, "company", &customfieldsv1.CustomField{Label: "Size", Type: customfieldsv1.Type_TYPE_NUMBER})
	plain := w.member(m.org, "", own("contact")...)
	list, err := w.custom.ListCustomFields(plain.ctx, &customfieldsv1.ListCustomFieldsRequest{Kind: "company"})
	require.NoError(t, err)
	require.Len(t, list.GetCustomFields(), 1)
	_, err = w.custom.CreateCustomField(plain.ctx, &customfieldsv1.CreateCustomFieldRequest{Kind: "company", CustomField: f})
	require.Equal(t, "NOT_PERMITTED", reason(err))

	other := w.organization()
	list, err = w.custom.ListCustomFields(other.ctx, &customfieldsv1.ListCustomFieldsRequest{Kind: "company", ShowRetired: true})
	require.NoError(t, err)
	require.Empty(t, list.GetCustomFields())
	_, err = w.custom.UpdateCustomField(other.ctx, &customfieldsv1.UpdateCustomFieldRequest{
		Kind: "company", Id: f.GetId(), CustomField: &customfieldsv1.CustomField{Label: "Mine"},
	})
	require.Equal(t, "CUSTOM_FIELD_NOT_FOUND", reason(err))
	_, err = w.contactWith(other, "Ann", map[string]*structpb.Value{"size": number(1)})
	require.Equal(t, "CUSTOM_FIELDS_INVALID", reason(err))

	again, err := w.custom.CreateCustomField(m.ctx, &customfieldsv1.CreateCustomFieldRequest{Kind: "company", CustomField: &customfieldsv1.CustomField{
		Label: "Once", Type: customfieldsv1.Type_TYPE_NUMBER,
	}, RequestId: "k-1"})
	require.NoError(t, err)
	same, err := w.custom.CreateCustomField(m.ctx, &customfieldsv1.CreateCustomFieldRequest{Kind: "company", CustomField: &customfieldsv1.CustomField{
		Label: "Once", Type: customfieldsv1.Type_TYPE_NUMBER,
	}, RequestId: "k-1"})
	require.NoError(t, err)
	require.Equal(t, again.GetCustomField().GetId(), same.GetCustomField().GetId())
	_, err = w.custom.ListCustomFields(m.ctx, &customfieldsv1.ListCustomFieldsRequest{Kind: "deal"})
	require.Equal(t, "CUSTOM_FIELD_KIND_UNKNOWN", reason(err), "deals are kept elsewhere")
}

// CON-12: a unique value names its field when it is taken; the bin gives it up and takes it back only if it is free.
func TestUniqueCustomFieldAndTheBin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Number", Type: customfieldsv1.Type_TYPE_STRING, Unique: true})
	one := map[string]*structpb.Value{"number": text("N-1")}
	a, err := w.contactWith(m, "Ann", one)
	require.NoError(t, err)
	_, err = w.contactWith(m, "Bo", one)
	require.Equal(t, "CUSTOM_FIELD_VALUE_TAKEN", reason(err))
	require.ErrorContains(t, err, "another record has this value")
	_, err = w.contacts.DeleteContact(m.ctx, &contactsv1.DeleteContactRequest{Id: a.GetId()})
	require.NoError(t, err)
	b, err := w.contactWith(m, "Bo", one)
	require.NoError(t, err)
	_, err = w.contacts.UndeleteContact(m.ctx, &contactsv1.UndeleteContactRequest{Id: a.GetId()})
	require.Equal(t, "CUSTOM_FIELD_VALUE_TAKEN", reason(err))
	_, err = w.contacts.DeleteContact(m.ctx, &contactsv1.DeleteContactRequest{Id: b.GetId()})
	require.NoError(t, err)
	_, err = w.contacts.UndeleteContact(m.ctx, &contactsv1.UndeleteContactRequest{Id: a.GetId()})
	require.NoError(t, err)
}

// CON-12: a field that a lead needs from a status on holds it back before that status; a converted lead hands over what
// its contact and company have fields of the same key and type for (CON-4).
func TestCustomFieldsOfALead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	statuses, err := w.settings.ListLeadStatuses(m.ctx, &contactsv1.ListLeadStatusesRequest{})
	require.NoError(t, err)
	by := map[string]string{}
	for _, s := range statuses.GetLeadStatuses() {
		by[s.GetName()] = s.GetId()
	}
	w.define(m, "lead", &customfieldsv1.CustomField{
		Label: "Budget", Type: customfieldsv1.Type_TYPE_NUMBER,
		Required: customfieldsv1.Required_REQUIRED_FROM_STAGE, RequiredStageId: by["Waiting"],
	})
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Budget", Type: customfieldsv1.Type_TYPE_NUMBER})
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Must", Type: customfieldsv1.Type_TYPE_NUMBER, Required: customfieldsv1.Required_REQUIRED_ALWAYS})
	w.define(m, "company", &customfieldsv1.CustomField{Label: "Budget", Type: customfieldsv1.Type_TYPE_STRING})
	l, err := w.leads.CreateLead(m.ctx, &contactsv1.CreateLeadRequest{Lead: &contactsv1.Lead{Title: "Ask", FirstName: "Ann", CompanyName: "Acme"}})
	require.NoError(t, err)
	leadID := l.GetLead().GetId()
	move := func(to string) error {
		_, err := w.leads.MoveLead(m.ctx, &contactsv1.MoveLeadRequest{Id: leadID, StatusId: by[to]})
		return err
	}
	require.NoError(t, move("Processing"))
	require.Equal(t, "CUSTOM_FIELDS_INVALID", reason(move("Waiting")))
	require.NoError(t, move("Junk"), "junk needs nothing")
	_, err = w.leads.UpdateLead(m.ctx, &contactsv1.UpdateLeadRequest{Id: leadID, Lead: &contactsv1.Lead{
		CustomFields: map[string]*structpb.Value{"budget": number(500)},
	}})
	require.NoError(t, err)
	require.NoError(t, move("Waiting"))
	made, err := w.leads.ConvertLead(m.ctx, &contactsv1.ConvertLeadRequest{
		Id: leadID, Contact: &contactsv1.ConversionTarget{}, Company: &contactsv1.ConversionTarget{},
	})
	require.NoError(t, err)
	require.InEpsilon(t, 500, made.GetContact().GetCustomFields()["budget"].GetNumberValue(), 0)
	require.Empty(t, made.GetCompany().GetCustomFields(), "of another type")
}

// CON-12: a formula made later is computed for the records that are there, each once, and follows what it uses.
func TestFormulaOfRecordsThatAreThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Area", Type: customfieldsv1.Type_TYPE_NUMBER})
	c, err := w.contactWith(m, "Ann", map[string]*structpb.Value{"area": number(2)})
	require.NoError(t, err)
	_, err = w.contactWith(m, "Bo", nil)
	require.NoError(t, err)
	w.runJobs()
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Price", Type: customfieldsv1.Type_TYPE_FORMULA, Formula: "custom_fields.area * 10.0"})
	testkit.Eventually(t, func() error {
		resp, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: "custom_fields.price = 20"})
		if err == nil && len(resp.GetContacts()) != 1 {
			err = fmt.Errorf("%d contacts", len(resp.GetContacts()))
		}
		return err
	})
	got, err := w.contacts.UpdateContact(m.ctx, &contactsv1.UpdateContactRequest{
		Id: c.GetId(), Contact: &contactsv1.Contact{CustomFields: map[string]*structpb.Value{"area": number(3)}},
	})
	require.NoError(t, err)
	require.InEpsilon(t, 30, got.GetContact().GetCustomFields()["price"].GetNumberValue(), 0)
}

// CON-12, CON-17: a mapping fills custom fields like others; rows with values that cannot be are rejected by the field.
func TestImportOfCustomFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Customer number", Key: "number", Type: customfieldsv1.Type_TYPE_STRING, Unique: true})
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Since", Type: customfieldsv1.Type_TYPE_DATE})
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Size", Type: customfieldsv1.Type_TYPE_CHOICE, Choices: []*customfieldsv1.Choice{{Label: "Small"}, {Label: "Large"}}})
	op := w.importContacts(m, `
kind: contact
duplicates: make
fields:
  first_name: {column: name}
  custom_fields.number: {column: no}
  custom_fields.since: {column: since}
  custom_fields.size: {column: size}
`, "name,no,since,size\nAnn,1,2024-02-29,large\nBo,2,,Small\nCy,1,,\nDi,3,,Huge\n")
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, outcome(2, 0, 0, 2), counts(op), "%v", op.GetErrors())
	reasons := map[string]string{}
	for _, r := range op.GetErrors() {
		reasons[strconv.FormatInt(r.GetLine(), 10)] = r.GetReason()
	}
	require.Equal(t, map[string]string{"4": "CUSTOM_FIELD_VALUE_TAKEN", "5": "CUSTOM_FIELDS_INVALID"}, reasons)
	list, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{Filter: `custom_fields.size = "Large" AND custom_fields.since < "2025-01-01"`})
	require.NoError(t, err)
	require.Len(t, list.GetContacts(), 1)
	require.Equal(t, "1", list.GetContacts()[0].GetCustomFields()["number"].GetStringValue())
}

// CON-12, ID-6: a list by a custom field shows no more than the caller's scope, pages included.
func TestListByCustomFieldStaysInScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	w.define(m, "contact", &customfieldsv1.CustomField{Label: "Area", Type: customfieldsv1.Type_TYPE_NUMBER})
	plain := w.member(m.org, "", own("contact")...)
	for i := range 6 {
		who := m
		if i%2 == 0 {
			who = plain
		}
		_, err := w.contactWith(who, strconv.Itoa(i), map[string]*structpb.Value{"area": number(float64(i))})
		require.NoError(t, err)
	}
	var seen []string
	for token := ""; ; {
		resp, err := w.contacts.ListContacts(plain.ctx, &contactsv1.ListContactsRequest{OrderBy: "custom_fields.area desc", PageSize: 1, PageToken: token})
		require.NoError(t, err)
		for _, c := range resp.GetContacts() {
			seen = append(seen, c.GetFirstName())
		}
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
		_, err = w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{OrderBy: "custom_fields.area desc", PageSize: 1, PageToken: token})
		require.Equal(t, "INVALID_PAGE_TOKEN", reason(err), "a page of somebody else")
	}
	require.Equal(t, []string{"4", "2", "0"}, seen)
}
