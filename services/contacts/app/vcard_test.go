package app_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

// importCards imports a file of cards as it is proposed.
func (w *world) importCards(m member, content string) *operationv1.Operation {
	w.t.Helper()
	fileID := w.files.put(content)
	shown, err := w.contacts.PreviewContactImport(m.ctx, &contactsv1.PreviewContactImportRequest{FileId: fileID})
	require.NoError(w.t, err)
	require.Equal(w.t, "vcard", shown.GetPreview().GetSource().GetFormat())
	require.Empty(w.t, shown.GetPreview().GetProblem())
	resp, err := w.contacts.ImportContacts(m.ctx, &contactsv1.ImportContactsRequest{FileId: fileID, Mapping: shown.GetPreview().GetMapping()})
	require.NoError(w.t, err)
	return w.finished(m, resp.GetOperation().GetId())
}

func (w *world) named(m member, name string) *contactsv1.Contact {
	w.t.Helper()
	list, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{PageSize: 200})
	require.NoError(w.t, err)
	var names []string
	for _, c := range list.GetContacts() {
		if strings.Contains(c.GetName(), name) {
			return c
		}
		names = append(names, c.GetName())
	}
	require.Failf(w.t, "no such contact", "%q among %q", name, names)
	return nil
}

// CON-18: cards of all versions, in any character set, with every field they can hold; what has no field of its own is
// kept in the remark. A broken card is rejected with its reason, and the others go on.
func TestImportCards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	firm := w.company(m, &contactsv1.Company{Name: "Acme"})
	photo := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x89PNG picture", 1000)))
	op := w.importCards(m, "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=windows-1251;ENCODING=QUOTED-PRINTABLE:=C8=E2=E0=ED=EE=E2;=C8=E2=E0=ED\r\n"+
		"TEL;CELL:+7 495 1234567\r\nNOTE;ENCODING=QUOTED-PRINTABLE:two=0D=0A=\r\nlines\r\nPHOTO;PNG;BASE64:\r\n "+photo+"\r\n\r\nEND:VCARD\r\n"+
		"BEGIN:VCARD\nVERSION:3.0\nN:Broken;Bea\nBEGIN:VCARD\nVERSION:3.0\nFN:Ann Lee\nORG:acme;Sales\nTITLE:Buyer\n"+
		"item1.TEL:030 901820\nitem1.X-ABLabel:_$!<Assistant>!$_\nEMAIL;TYPE=WORK:ann@example.com\nEMAIL;TYPE=HOME:ann@home.example\n"+
		"ADR;TYPE=WORK:;Floor 2;Main Street 1;Berlin;;10115;Germany\nURL:https://example.com\nIMPP:xmpp:ann@chat.example\nX-SKYPE:ann.lee\n"+
		"BDAY:19900503\nNICKNAME:Annie\nX-UNHEARD;X=1:kept\\, too\nCATEGORIES:a,b\nEND:VCARD\nstray line\n"+
		"begin:vcard\nVERSION:4.0\nFN:Cid\nBDAY:--0229\nTEL;VALUE=uri;TYPE=\"work,voice\":tel:+49-30-901821\nLANG:fr\n"+
		"PHOTO:data:image/jpeg;base64,"+photo+"\nend:vcard\nBEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n"+
		"BEGIN:VCARD\nVERSION:2.1\nN:M\xFCller;J\xF6rg\nEND:VCARD\nBEGIN:VCARD\nFN:Cut off\n")
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, outcome(4, 0, 0, 4), counts(op), "%v", op.GetErrors())
	reasons := map[string]int{}
	for _, e := range op.GetErrors() {
		reasons[e.GetReason()]++
	}
	require.Equal(t, 2, reasons["CARD_UNCLOSED"], "%v", op.GetErrors())
	require.Equal(t, 1, reasons["NOT_A_CARD"])
	rejects, _ := w.files.get(op.GetRejectsFileId())
	require.Contains(t, rejects, "Broken;Bea")

	ivan := w.named(m, "Иван Иванов")
	require.Equal(t, "mobile", ivan.GetPhones()[0].GetKind())
	require.Equal(t, "two\nlines", ivan.GetComment())
	kept, ok := w.files.get(ivan.GetPhotoFileId())
	require.True(t, ok)
	require.Equal(t, strings.Repeat("\x89PNG picture", 1000), kept)

	ann := w.named(m, "Ann Lee")
	require.Equal(t, firm.GetId(), ann.GetEmployments()[0].GetCompanyId())
	require.Equal(t, "Buyer", ann.GetPosition())
	require.Equal(t, "assistant", ann.GetPhones()[0].GetKind())
	require.Equal(t, "home", ann.GetEmails()[1].GetKind())
	require.Equal(t, "Main Street 1\nFloor 2", ann.GetAddresses()[0].GetStreet())
	require.Equal(t, "10115", ann.GetAddresses()[0].GetPostalCode())
	require.EqualValues(t, 1990, ann.GetBirthday().GetYear())
	require.Len(t, ann.GetLinks(), 3)
	for _, text := range []string{"Department: Sales", "NICKNAME: Annie", "X-UNHEARD: kept, too", "CATEGORIES: a,b"} {
		require.Contains(t, ann.GetComment(), text)
	}
	cid := w.named(m, "Cid")
	require.EqualValues(t, 29, cid.GetBirthday().GetDay())
	require.Zero(t, cid.GetBirthday().GetYear())
	require.Equal(t, "+4930901821", cid.GetPhones()[0].GetE164())
	require.NotEmpty(t, cid.GetPhotoFileId())
	w.named(m, "Jörg Müller")
}

// CON-18: the cards that other programs write, of the shared data.
func TestImportCardsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("KONTOR_SHARED_DATA")
	if dir == "" {
		dir = "../../../../shared/data"
	}
	files, err := filepath.Glob(filepath.Join(dir, "vcard", "*.vcf"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the shared data is not here")
	}
	w := newWorld(t)
	w.runJobs()
	for _, name := range files {
		m := w.organization()
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		op := w.importCards(m, string(content))
		want := strings.Count(strings.ToUpper(string(content)), "BEGIN:VCARD")
		require.Equal(t, outcome(want, 0, 0, 0), counts(op), "%s: %v", name, op.GetErrors())
		list, err := w.contacts.ListContacts(m.ctx, &contactsv1.ListContactsRequest{PageSize: 100})
		require.NoError(t, err)
		for _, c := range list.GetContacts() {
			if strings.Contains(strings.ToUpper(string(content)), "\nPHOTO") && want == 1 {
				require.NotEmpty(t, c.GetPhotoFileId(), name)
			}
			require.NotEmpty(t, c.GetEmails(), name)
		}
	}
}
