package store_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// CON-11: looked up by phone or e-mail, over all kinds, as far as the caller may see.
func TestLookUpByPoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := id.New()
	b.addCompany(t, "Acme", func(c *company.Company) { c.Phones = []reach.Phone{{Number: "030 901820"}} })
	mine := b.addContact(t, "Ann", func(c *contact.Contact) {
		c.ResponsibleID = me
		c.Phones = []reach.Phone{{Number: "+49 (30) 90-18-20"}, {Number: "+4930901820", Kind: "home"}}
	})
	points := []reach.Point{{Kind: reach.PhonePoint, Value: reach.E164("٠٣٠ ٩٠١٨٢٠", "DE")}}
	found, err := b.store.LookUpPoints(b.ctx(t), b.all(), b.all(), b.all(), points)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, record.Contact, found[0].Kind, "contacts first")
	require.Equal(t, "Ann", found[0].Name)
	require.Equal(t, "Acme", found[1].Name)

	who := record.Caller{OrganizationID: b.org, UserID: me, View: authz.Of(me)}
	found, err = b.store.LookUpPoints(b.ctx(t), who, who, who, points)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, mine.ID, found[0].ID)

	// A number taken off a record is not found any more.
	_, err = b.contacts.Update(b.ctx(t), b.all(), mine.ID, 0, func(c *contact.Contact) (*contact.Contact, error) {
		next := *c
		next.Phones = nil
		return &next, nil
	})
	require.NoError(t, err)
	found, err = b.store.LookUpPoints(b.ctx(t), who, who, who, points)
	require.NoError(t, err)
	require.Empty(t, found)
}

// Other contexts' imports ask for many at a time.
func TestLookUpMany(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.addCompany(t, "Acme  Corporation", func(c *company.Company) {
		c.ExternalIDs = []record.ExternalID{{Source: "erp", ID: "A1"}}
		c.Emails = []reach.Email{{Address: "info@acme.example"}}
	})
	twin := b.addCompany(t, "ACME corporation")
	hits, err := b.store.LookUpCompanies(b.ctx(t), b.all(), store.Keys{
		Names: []string{"nobody", "acme CORPORATION"}, Emails: []string{"INFO@acme.example"},
		ExternalIDs: []record.ExternalID{{Source: "erp", ID: "A1"}, {Source: "erp", ID: "A2"}},
	})
	require.NoError(t, err)
	require.ElementsMatch(t, []store.Hit{
		{ID: acme.ID, By: store.ByName, Index: 1},
		{ID: twin.ID, By: store.ByName, Index: 1},
		{ID: acme.ID, By: store.ByExternalID, Index: 0},
		{ID: acme.ID, By: store.ByEmail, Index: 0},
	}, hits)
}

// CON-8: a company cannot come to belong to itself, however long the way round is.
func TestParentsMakeNoCircle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	top := b.addCompany(t, "top")
	middle := b.addCompany(t, "middle", func(c *company.Company) { c.ParentID = top.ID })
	bottom := b.addCompany(t, "bottom", func(c *company.Company) { c.ParentID = middle.ID })
	under := func(parent string) func(*company.Company) (*company.Company, error) {
		return func(c *company.Company) (*company.Company, error) {
			next := *c
			next.ParentID = parent
			return &next, nil
		}
	}
	for _, parent := range []string{top.ID, middle.ID, bottom.ID} {
		_, err := b.companies.Update(b.ctx(t), b.all(), top.ID, 0, under(parent))
		require.ErrorIs(t, err, company.ErrParentCycle)
	}
	_, err := b.companies.Update(b.ctx(t), b.all(), top.ID, 0, under(id.New()))
	require.ErrorIs(t, err, company.ErrParentNotFound)
	_, err = b.companies.Update(b.ctx(t), b.all(), bottom.ID, 0, under(top.ID))
	require.NoError(t, err)
}

// Many records are saved in a handful of statements, with the same rows, look-ups and events as one by one.
func TestSaveMany(t *testing.T) {
	t.Parallel()
	b := setup(t)
	contacts := b.store.Contacts()
	firm := b.addCompany(t, "Acme")
	old := b.addContact(t, "old", func(c *contact.Contact) { c.Phones = []reach.Phone{{Number: "+4930901820"}} })
	var changes []*record.Change[contact.Contact]
	check, err := b.contacts.Checker(b.ctx(t), b.org)
	require.NoError(t, err)
	for i := range 3 {
		c := &contact.Contact{FirstName: fmt.Sprint("new ", i), Employments: []contact.Employment{{CompanyID: firm.ID}}}
		c.ID = id.New()
		c.ExternalIDs = []record.ExternalID{{Source: "file", ID: strconv.Itoa(i)}}
		c.Emails = []reach.Email{{Address: fmt.Sprintf("n%d@example.com", i)}}
		require.NoError(t, b.contacts.Prepare(b.all(), c, check, false))
		changes = append(changes, &record.Change[contact.Contact]{What: record.Created, After: c, Cause: "import/x"})
	}
	err = b.db.App.Write(b.ctx(t), b.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		locked, err := contacts.LockMany(ctx, tx, b.org, []string{old.ID})
		require.NoError(t, err)
		next := *locked[old.ID]
		next.LastName, next.Phones = `quo"te, {brace} \back 'slash`, nil
		change := &record.Change[contact.Contact]{What: record.Updated, Before: locked[old.ID], After: &next}
		return contacts.SaveMany(ctx, tx, b.org, append(changes, change))
	})
	require.NoError(t, err)
	for _, ch := range changes {
		got, err := b.contacts.Get(b.ctx(t), b.all(), ch.After.ID)
		require.NoError(t, err)
		require.Equal(t, ch.After, got)
	}
	got, err := b.contacts.Get(b.ctx(t), b.all(), old.ID)
	require.NoError(t, err)
	require.Equal(t, `old quo"te, {brace} \back 'slash`, got.Name())
	require.EqualValues(t, 2, got.Version)
	page, err := b.contacts.List(b.ctx(t), b.all(), query{filter: `company_id = "` + firm.ID + `"`, order: "name"})
	require.NoError(t, err)
	require.Equal(t, []string{"new 0", "new 1", "new 2"}, names(page.Records))
	known := store.Known{}
	err = b.db.App.Read(t.Context(), b.org, func(ctx context.Context, tx pgx.Tx) error {
		known, err = contacts.FindKnown(ctx, tx, b.org, []record.ExternalID{{Source: "file", ID: "1"}}, store.EmailKey, []string{"n2@example.com"})
		return err
	})
	require.NoError(t, err)
	require.Equal(t, changes[1].After.ID, known.ByExternalID[record.ExternalID{Source: "file", ID: "1"}])
	require.Equal(t, changes[2].After.ID, known.ByKey["n2@example.com"])
}

// CON-17: which rows of a batch are about records that are there costs an index search each, however many records there
// are; and of several with the same key the oldest counts.
func TestFindKnownSearches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	contacts := b.store.Contacts()
	const there = 300
	changes := make([]*record.Change[contact.Contact], there)
	ids, emails := make([]record.ExternalID, there), make([]string, there)
	check, err := b.contacts.Checker(b.ctx(t), b.org)
	require.NoError(t, err)
	for i := range changes {
		c := &contact.Contact{FirstName: fmt.Sprint("person ", i)}
		c.ID = id.New()
		ids[i], emails[i] = record.ExternalID{Source: "file", ID: strconv.Itoa(i)}, fmt.Sprintf("p%d@example.com", i)
		c.ExternalIDs = []record.ExternalID{ids[i]}
		c.Emails = []reach.Email{{Address: emails[i]}, {Address: "shared@example.com"}}
		require.NoError(t, b.contacts.Prepare(b.all(), c, check, false))
		changes[i] = &record.Change[contact.Contact]{What: record.Created, After: c, Cause: "import/x"}
	}
	require.NoError(t, b.db.App.Write(b.ctx(t), b.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		return contacts.SaveMany(ctx, tx, b.org, changes)
	}))
	firm := b.addCompany(t, "Acme")
	b.addCompany(t, "Acme")

	require.NoError(t, b.db.App.Read(t.Context(), b.org, func(ctx context.Context, tx pgx.Tx) error {
		known, err := contacts.FindKnown(ctx, tx, b.org, ids, store.EmailKey, append(emails, "shared@example.com", "nobody@example.com"))
		require.NoError(t, err)
		require.Len(t, known.ByExternalID, there)
		require.Len(t, known.ByKey, there+1)
		for i, ch := range changes {
			require.Equal(t, ch.After.ID, known.ByExternalID[ids[i]])
			require.Equal(t, ch.After.ID, known.ByKey[emails[i]])
		}
		require.Equal(t, changes[0].After.ID, known.ByKey["shared@example.com"])
		var searches, reads int
		require.NoError(t, tx.QueryRow(ctx, `
			SELECT sum(idx_scan), sum(seq_scan) FROM pg_stat_xact_user_tables
			WHERE relname IN ('external_ids', 'contact_points')`).Scan(&searches, &reads))
		require.Equal(t, 2*there+2, searches)
		require.Zero(t, reads)

		known, err = b.store.Companies().FindKnown(ctx, tx, b.org, nil, store.NameKey, []string{"acme", "nothing"})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"acme": firm.ID}, known.ByKey)
		return nil
	}))
}
