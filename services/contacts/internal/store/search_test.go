package store_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/id"
	"kontor.internal/libs/search"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// find searches as who and returns the titles of the hits, best first, and the first hit.
func (b *bundle) find(t *testing.T, who record.Caller, typed string) ([]string, *searchv1.Hit) {
	t.Helper()
	q := search.Parse(typed)
	digits, international := q.Digits()
	resp, err := search.Serve(b.ctx(t), &searchv1.SearchRequest{Query: typed, Patient: true}, q, "contacts",
		b.store.SearchParts(who, who, who, q, reach.Beginnings(digits, international, "DE"))...)
	require.NoError(t, err, "%q", typed)
	titles := []string{}
	for _, h := range resp.GetHits() {
		titles = append(titles, h.GetTitle())
	}
	if len(titles) == 0 {
		return titles, nil
	}
	return titles, resp.GetHits()[0]
}

// CON-14: names, numbers, addresses; mistakes and alphabets; where the hit is.
func TestSearch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addContact(t, "Пётр Иванов", func(c *contact.Contact) {
		c.Phones = []reach.Phone{{Number: "030 901820"}}
		c.Emails = []reach.Email{{Address: "petja@nordwind.example"}}
	})
	b.addContact(t, "Katharina Schmidtbauer")
	b.addContact(t, "குமார்")
	b.addCompany(t, "Nordlicht GmbH", func(c *company.Company) {
		c.Requisites = []company.Requisites{{Country: "DE", VATNumber: "DE 136 695 976"}}
	})
	for typed, want := range map[string]struct{ title, field string }{
		"ivanov":             {"Пётр Иванов", "name"},
		"Ivanof petr":        {"Пётр Иванов", "name"},
		"Иван":               {"Пётр Иванов", "name"},
		"+49 30 9018":        {"Пётр Иванов", "phones"},
		"030/90 18-20":       {"Пётр Иванов", "phones"},
		"0049 (30) 901820":   {"Пётр Иванов", "phones"},
		"petja@nordwind":     {"Пётр Иванов", "emails"},
		"nordwind.example":   {"Пётр Иванов", "emails"},
		"schmitbauer":        {"Katharina Schmidtbauer", "name"},
		"bauer kat":          {"Katharina Schmidtbauer", "name"},
		"Шмидтбауер":         {"Katharina Schmidtbauer", "name"},
		"ka":                 {"Katharina Schmidtbauer", "name"},
		"kumar":              {"குமார்", "name"},
		"nordlicth":          {"Nordlicht GmbH", "name"},
		"DE136695976":        {"Nordlicht GmbH", "tax_ids"},
		"136 695 976":        {"Nordlicht GmbH", "tax_ids"},
		"\u202Enordlicht😀%_": {"Nordlicht GmbH", "name"},
		"nord\x00licht":      {"Nordlicht GmbH", "name"},
	} {
		titles, hit := b.find(t, b.all(), typed)
		require.Equal(t, []string{want.title}, titles, typed)
		var fields []string
		for _, m := range hit.GetMatches() {
			fields = append(fields, m.GetField())
			require.NotEmpty(t, m.GetRanges(), typed)
		}
		require.Contains(t, fields, want.field, typed)
	}
	for _, typed := range []string{"%", "_", "😀", "'; DROP TABLE contacts; --", "*", "\x00", "\\", strings.Repeat("я", 200), "zzzz", "0000"} {
		titles, _ := b.find(t, b.all(), typed)
		require.Empty(t, titles, "%q", typed)
	}
	stranger := record.Caller{OrganizationID: b.other, UserID: b.user, View: authz.All()}
	titles, _ := b.find(t, stranger, "ivanov")
	require.Empty(t, titles, "another organisation")
}

// CON-14, ID-6: only what the caller sees is found, by scope, as an observer, or because everybody sees it.
func TestSearchKeepsToTheScope(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, other := id.New(), id.New()
	b.addContact(t, "Garibaldi mine", func(c *contact.Contact) { c.ResponsibleID = me })
	b.addContact(t, "Garibaldi theirs", func(c *contact.Contact) {
		c.ResponsibleID, c.Phones = other, []reach.Phone{{Number: "+49 30 901820"}}
	})
	b.addContact(t, "Garibaldi observed", func(c *contact.Contact) { c.ResponsibleID, c.ObserverIDs = other, []string{me} })
	b.addContact(t, "Garibaldi common", func(c *contact.Contact) { c.ResponsibleID, c.Everyone = other, true })
	gone := b.addContact(t, "Garibaldi gone", func(c *contact.Contact) { c.ResponsibleID = me })
	_, err := b.contacts.Delete(b.ctx(t), b.all(), gone.ID, 0)
	require.NoError(t, err)
	who := record.Caller{OrganizationID: b.org, UserID: me, View: authz.Of(me)}
	for _, typed := range []string{"garibaldi", "garibldi", "ga"} {
		titles, _ := b.find(t, who, typed)
		require.ElementsMatch(t, []string{"Garibaldi mine", "Garibaldi observed", "Garibaldi common"}, titles, typed)
	}
	titles, _ := b.find(t, who, "030901820")
	require.Empty(t, titles)
	none := record.Caller{OrganizationID: b.org, UserID: me, View: authz.None()}
	titles, _ = b.find(t, none, "garibaldi")
	require.Empty(t, titles, "nothing to see, nothing to find")
	titles, _ = b.find(t, b.all(), "garibaldi")
	require.Len(t, titles, 4, "not what is in the bin")
}

// Records from before there were search keys get them, and parts of their names are found by lists meanwhile.
func TestSearchKeysAreFilledIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addContact(t, "Ольга", func(c *contact.Contact) { c.Emails = []reach.Email{{Address: "olga@nordwind.example"}} })
	b.addCompany(t, "Nordlicht", func(c *company.Company) {
		c.Requisites = []company.Requisites{{Country: "DE", VATNumber: "DE136695976"}}
	})
	kept := func() (keys []string) {
		rows, err := b.db.System.Pool().Query(t.Context(),
			`SELECT coalesce(search_key, '') FROM contacts UNION ALL SELECT coalesce(search_key, '') FROM companies`)
		require.NoError(t, err)
		keys, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return keys
	}
	want := kept()
	_, err := b.db.System.Pool().Exec(t.Context(), `UPDATE contacts SET search_key = NULL`)
	require.NoError(t, err)
	_, err = b.db.System.Pool().Exec(t.Context(), `UPDATE companies SET search_key = NULL`)
	require.NoError(t, err)
	filler := &search.Filler{DB: b.db.System, Tables: store.Fillings()}
	require.NoError(t, filler.Once(t.Context()))
	require.Equal(t, want, kept())
	titles, _ := b.find(t, b.all(), "olga")
	require.Equal(t, []string{"Ольга"}, titles)
}

// CON-14: under row-level security too, what is typed is looked for by indexes, whatever it is.
func TestSearchGoesByIndexes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fillSearch(t, 30_000)
	b.addContact(t, "Wilhelmina Oppenheimer")
	scans := func(index string) (n int64) {
		require.NoError(t, b.db.System.Pool().QueryRow(t.Context(),
			`SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE indexrelname = $1`, index).Scan(&n))
		return n
	}
	sequential := func() (n int64) {
		require.NoError(t, b.db.System.Pool().QueryRow(t.Context(),
			`SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'contacts'`).Scan(&n))
		return n
	}
	keys, rows := scans("contacts_search"), sequential()
	for _, typed := range []string{"Oppenheimer", "Openhaimer", "wilh opp"} {
		titles, _ := b.find(t, b.all(), typed)
		require.Equal(t, []string{"Wilhelmina Oppenheimer"}, titles, typed)
	}
	titles, _ := b.find(t, b.all(), "an")
	require.Len(t, titles, 20, "a frequent beginning")
	require.Eventually(t, func() bool { return scans("contacts_search") >= keys+4 }, 30*time.Second, 200*time.Millisecond)
	require.Equal(t, rows, sequential())
}

// fillSearch adds n contacts with names that are put together of some, and an e-mail address each.
func (b *bundle) fillSearch(t testing.TB, n int) {
	t.Helper()
	_, err := b.db.System.Pool().Exec(t.Context(), `
		WITH names AS (
			SELECT n, first[1 + n % 40] AS first, last[1 + n / 40 % 25] || substr(md5((n / 1000)::text), 1, 3) AS last
			FROM generate_series(1, $3::int) AS n,
				(SELECT string_to_array('Anna,Peter,Maria,Hans,Ursula,Klaus,Andrea,Juergen,Sabine,Stefan,Petra,Michael,Monika,Thomas,Susanne,Werner,Karin,Manfred,Brigitte,Helmut,Olga,Ivan,Sergei,Natalia,Dmitri,Elena,Kumar,Priya,Rahul,Anita,Carlos,Lucia,Paolo,Giulia,Jean,Claire,John,Mary,David,Emma', ',') AS first,
					string_to_array('Mueller,Schmidt,Schneider,Fischer,Weber,Meyer,Wagner,Becker,Schulz,Hoffmann,Ivanov,Petrov,Sidorov,Smirnov,Kuznetsov,Sharma,Patel,Rossi,Ferrari,Dupont,Martin,Smith,Johnson,Garcia,Fernandez', ',') AS last) AS lists
		)
		INSERT INTO contacts (organization_id, id, version, responsible_id, observer_ids, everyone, external_ids, origin_kind, origin_id,
			created_at, updated_at, phones, emails, links, honorific, first_name, middle_name, last_name, name_key, position, birthday,
			type, addresses, employments, source, language, preferred_channel, consents, vip, comment, search_key)
		SELECT $1, gen_random_uuid(), 1, $2, '{}', false, '[]', '', '', now() - n * interval '1 s', now(), '[]', '[]', '[]', '',
			first, '', last, lower(first || ' ' || last), '', '', '', '[]', '[]', '', '', '', '[]', false, repeat('x', 100),
			lower(' ' || first || ' ' || last || ' ' || last || n || ' example com')
		FROM names`, b.org, b.user, n)
	require.NoError(t, err)
	owner, err := pgx.Connect(t.Context(), b.db.OwnerURL)
	require.NoError(t, err)
	defer func() { _ = owner.Close(t.Context()) }()
	_, err = owner.Exec(t.Context(), `VACUUM ANALYZE contacts`)
	require.NoError(t, err, strconv.Itoa(n))
}
