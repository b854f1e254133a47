package store_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/testkit"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
	"kontor.internal/services/contacts/internal/store/migrations"
)

// bundle is a database of the test's own, and two organisations in it.
type bundle struct {
	custom    *customfields.Definitions
	db        *testkit.Database
	store     *store.Store
	org, user string
	other     string
	contacts  *contact.Contacts
	companies *company.Companies
}

func setup(t testing.TB) *bundle {
	t.Helper()
	db := testkit.Postgres(t, "contacts", migrations.Files)
	defs := &customfields.Definitions{DB: db.App, Topic: "kontor.contacts.v1", Kinds: []customfields.KindSpec{{Name: "contact"}, {Name: "company"}}}
	b := &bundle{db: db, store: store.New(db.App, defs), custom: defs, org: id.New(), user: id.New(), other: id.New()}
	b.contacts = contact.New(b.store.Contacts(), everybody{}, fieldsOf[contact.Contact](defs, record.Contact), clock.System)
	b.companies = company.New(b.store.Companies(), everybody{}, fieldsOf[company.Company](defs, record.Company), clock.System)
	return b
}

// fieldsOf is the custom fields of a kind.
func fieldsOf[T any](d *customfields.Definitions, kind record.Kind) record.Custom[T] {
	return record.Custom[T]{Fields: func(ctx context.Context, org string) (*customfields.Kind, error) {
		return d.Kind(ctx, org, string(kind))
	}}
}

// everybody is a directory in which every user is active.
type everybody struct{}

func (everybody) Active(string, string) bool { return true }
func (everybody) Country(string) string      { return "DE" }

// ctx is a call by the bundle's user.
func (b *bundle) ctx(t testing.TB) context.Context {
	return authn.With(t.Context(), authn.Principal{OrganizationID: b.org, UserID: b.user})
}

// all is a caller who may do everything in the organisation.
func (b *bundle) all() record.Caller {
	return record.Caller{OrganizationID: b.org, UserID: b.user, View: authz.All(), Act: authz.All()}
}

func (b *bundle) addContact(t *testing.T, name string, change ...func(*contact.Contact)) *contact.Contact {
	t.Helper()
	c := &contact.Contact{FirstName: name}
	c.ID = id.New()
	for _, f := range change {
		f(c)
	}
	c, err := b.contacts.Create(b.ctx(t), b.all(), c)
	require.NoError(t, err)
	return c
}

func (b *bundle) addCompany(t *testing.T, name string, change ...func(*company.Company)) *company.Company {
	t.Helper()
	c := &company.Company{Name: name}
	c.ID = id.New()
	for _, f := range change {
		f(c)
	}
	c, err := b.companies.Create(b.ctx(t), b.all(), c)
	require.NoError(t, err)
	return c
}

// query is a list request.
type query struct {
	filter, order, token string
	size                 int32
	deleted              bool
}

func (q query) GetFilter() string    { return q.filter }
func (q query) GetOrderBy() string   { return q.order }
func (q query) GetPageToken() string { return q.token }
func (q query) GetPageSize() int32   { return q.size }
func (q query) GetShowDeleted() bool { return q.deleted }

func names(cs []*contact.Contact) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.Name()
	}
	return out
}

// The schema could be spread over machines by organisation (decisions 26), and shows nobody another's rows.
func TestEveryKeyBeginsWithTheOrganization(t *testing.T) {
	t.Parallel()
	testkit.AssertTenantKeys(t, setup(t).db, "outbox", "inbox_positions", "inbox_parked")
}

// CON-7: a contact comes back with every field it was made with.
func TestContactComesBackWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	firm := b.addCompany(t, "Acme")
	given := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	want := b.addContact(t, "Ann", func(c *contact.Contact) {
		c.MiddleName, c.LastName, c.Honorific, c.Position = "M.", "Lee", "Dr", "Buyer"
		c.Birthday, c.PhotoFileID, c.Type, c.Source = "0000-02-29", id.New(), "client", "referral"
		c.Language, c.Channel, c.VIP, c.Comment = "de", "phone", true, "two\nlines"
		c.ObserverIDs, c.Everyone = []string{id.New(), id.New()}, true
		c.ExternalIDs = []record.ExternalID{{Source: "shop", ID: "7"}}
		c.Phones = []reach.Phone{{Number: "030 901820", Kind: "work", Primary: true}}
		c.Emails = []reach.Email{{Address: "Ann.Lee@Exämple.com", Kind: "work"}}
		c.Links = []reach.Link{{Kind: "site", Value: "https://example.com"}}
		c.Addresses = []reach.Address{{Kind: "work", City: "Berlin", Country: "DE"}}
		c.Employments = []contact.Employment{{CompanyID: firm.ID, Role: "buyer", Start: "2020-01-01", Primary: true}}
		c.Consents = []contact.Consent{{Purpose: "newsletter", Method: "form", GivenAt: &given}}
	})
	got, err := b.contacts.Get(b.ctx(t), b.all(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, "+4930901820", got.Phones[0].E164, "CON-11: in E.164, by the organisation's country")
	require.Equal(t, "ann.lee@xn--exmple-cua.com", got.Emails[0].Normalized, "CON-11: normalised")
	require.Equal(t, record.Origin{Kind: "user", ID: b.user}, got.Origin, "CON-9")
}

// CON-8: a company comes back with its requisites, and its exact turnover.
func TestCompanyComesBackWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	parent := b.addCompany(t, "Holding")
	want := b.addCompany(t, "Acme", func(c *company.Company) {
		c.LegalName, c.Type, c.Industry, c.Employees, c.ParentID = "Acme GmbH", "client", "medical", 2822, parent.ID
		c.Turnover = usd("1100040000.10")
		c.Requisites = []company.Requisites{{
			Name: "Main", Country: "DE", LegalForm: "GmbH", VATNumber: "de 136 695 976",
			LegalAddress: &reach.Address{Street: "Hauptstr. 1", City: "Berlin"},
			BankAccounts: []company.BankAccount{{IBAN: "DE89 3704 0044 0532 0130 00", BIC: "COBADEFFXXX", Currency: "EUR"}},
			Signatories:  []company.Signatory{{Name: "Ann Lee", Position: "CEO"}}, Primary: true,
		}}
	})
	got, err := b.companies.Get(b.ctx(t), b.all(), want.ID)
	require.NoError(t, err)
	require.Equal(t, "1100040000.1 USD", got.Turnover.Amount.String()+" "+got.Turnover.Currency)
	require.True(t, want.Turnover.Equal(got.Turnover))
	got.Turnover = want.Turnover // decimals are equal but not identical
	require.Equal(t, want, got)
	require.Equal(t, "DE136695976", got.Requisites[0].VATNumber)
	require.Equal(t, "DE89370400440532013000", got.Requisites[0].BankAccounts[0].IBAN)
}

// Another organisation's record is not there: by its ID, in lists, in look-ups, for updates (README rule: tenant isolation).
func TestAnotherOrganizationSeesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.addContact(t, "Ann", func(c *contact.Contact) {
		c.Phones = []reach.Phone{{Number: "+4930901820"}}
		c.ExternalIDs = []record.ExternalID{{Source: "shop", ID: "7"}}
	})
	stranger := b.all()
	stranger.OrganizationID = b.other
	_, err := b.contacts.Get(b.ctx(t), stranger, c.ID)
	require.ErrorIs(t, err, contact.ErrNotFound)
	_, err = b.contacts.Update(b.ctx(t), stranger, c.ID, 0, same)
	require.ErrorIs(t, err, contact.ErrNotFound)
	_, err = b.contacts.Delete(b.ctx(t), stranger, c.ID, 0)
	require.ErrorIs(t, err, contact.ErrNotFound)
	page, err := b.contacts.List(b.ctx(t), stranger, query{filter: "name:ann"})
	require.NoError(t, err)
	require.Empty(t, page.Records)
	page, err = b.contacts.List(b.ctx(t), stranger, query{filter: `phones = "+4930901820"`})
	require.NoError(t, err)
	require.Empty(t, page.Records)
	found, err := b.store.LookUpPoints(b.ctx(t), stranger, stranger, stranger, []reach.Point{{Kind: reach.PhonePoint, Value: "+4930901820"}})
	require.NoError(t, err)
	require.Empty(t, found)
	_, err = b.contacts.History(b.ctx(t), stranger, c.ID, 0, 10)
	require.ErrorIs(t, err, contact.ErrNotFound)
}

// A statement that forgot its condition shows nothing of another organisation: row-level security, the search functions
// included.
func TestRowLevelSecurityHoldsWithoutAWhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addContact(t, "Ann")
	for _, sql := range []string{
		`SELECT count(*) FROM contacts`, `SELECT count(*) FROM contacts_named('%ann%', '%an%', 9)`, `SELECT count(*) FROM events`,
	} {
		var n int
		require.NoError(t, b.db.App.QueryRow(t.Context(), b.org, sql).Scan(&n))
		require.Equal(t, 1, n, sql)
		require.NoError(t, b.db.App.QueryRow(t.Context(), b.other, sql).Scan(&n))
		require.Zero(t, n, sql)
	}
}

func same(c *contact.Contact) (*contact.Contact, error) {
	next := *c
	return &next, nil
}

func renamed(to string) func(*contact.Contact) (*contact.Contact, error) {
	return func(c *contact.Contact) (*contact.Contact, error) {
		next := *c
		next.FirstName = to
		return &next, nil
	}
}

func TestAStaleEtagChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.addContact(t, "Ann")
	_, err := b.contacts.Update(b.ctx(t), b.all(), c.ID, 1, renamed("Anna"))
	require.NoError(t, err)
	_, err = b.contacts.Update(b.ctx(t), b.all(), c.ID, 1, renamed("Anne"))
	require.ErrorIs(t, err, contact.ErrStale)
	got, err := b.contacts.Get(b.ctx(t), b.all(), c.ID)
	require.NoError(t, err)
	require.Equal(t, "Anna", got.FirstName)
	require.EqualValues(t, 2, got.Version)
}

func TestAChangeOfNothingMakesNoVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.addContact(t, "Ann")
	got, err := b.contacts.Update(b.ctx(t), b.all(), c.ID, 0, same)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Version)
}

// Twenty changes at once all take place, one after another, each with its own event.
func TestTwentyConcurrentUpdates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.addContact(t, "Ann")
	ctx := b.ctx(t)
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = b.contacts.Update(ctx, b.all(), c.ID, 0, func(c *contact.Contact) (*contact.Contact, error) {
				next := *c
				next.Comment += fmt.Sprintf("%d;", i)
				return &next, nil
			})
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	got, err := b.contacts.Get(ctx, b.all(), c.ID)
	require.NoError(t, err)
	require.EqualValues(t, 21, got.Version)
	evs, err := b.contacts.History(ctx, b.all(), c.ID, 0, 100)
	require.NoError(t, err)
	require.Len(t, evs, 21)
	for i, ev := range evs {
		require.EqualValues(t, 21-i, ev.Version)
	}
}

// Every page size gives every record once, in order, whatever the sort keys.
func TestFullPaging(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const n = 7
	for i := range n {
		b.addContact(t, fmt.Sprintf("name %d", i%3), func(c *contact.Contact) { c.LastName = strconv.Itoa(i) })
	}
	for _, order := range []string{"", "name", "name desc", "create_time", "update_time desc, name"} {
		var whole []string
		for _, size := range []int32{1, n - 1, n, n + 1} {
			var got []string
			token := ""
			for pages := 0; ; pages++ {
				require.LessOrEqual(t, pages, n)
				page, err := b.contacts.List(b.ctx(t), b.all(), query{order: order, size: size, token: token})
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Records), int(size))
				got = append(got, names(page.Records)...)
				if token = page.Next; token == "" {
					break
				}
			}
			require.Len(t, got, n)
			if whole == nil {
				whole = got
			}
			require.Equal(t, whole, got, "order %q, pages of %d", order, size)
		}
		if order == "name" {
			require.True(t, slices.IsSorted(whole))
		}
	}
	page, err := b.contacts.List(b.ctx(t), b.all(), query{size: 1})
	require.NoError(t, err)
	_, err = b.contacts.List(b.ctx(t), b.all(), query{size: 1, token: page.Next, filter: "vip = true"})
	require.ErrorIs(t, err, aip.ErrPageToken)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	firm := b.addCompany(t, "Acme")
	mine := id.New()
	b.addContact(t, "Ann", func(c *contact.Contact) {
		c.LastName, c.ResponsibleID, c.VIP = "Łuczak", mine, true
		c.Phones = []reach.Phone{{Number: "+49 30 901820"}}
		c.Employments = []contact.Employment{{CompanyID: firm.ID}}
	})
	b.addContact(t, "Борис", func(c *contact.Contact) {
		c.Emails = []reach.Email{{Address: "Boris@Example.com"}}
		c.ExternalIDs = []record.ExternalID{{Source: "shop", ID: "42"}}
	})
	b.addContact(t, "100% pure_gold")
	bin := b.addContact(t, "Gone")
	_, err := b.contacts.Delete(b.ctx(t), b.all(), bin.ID, 0)
	require.NoError(t, err)

	for filter, want := range map[string][]string{
		"":                                {"100% pure_gold", "Ann Łuczak", "Борис"},
		"name:łucz":                       {"Ann Łuczak"},
		`name:"ŁUCZAK"`:                   {"Ann Łuczak"},
		"name:борис":                      {"Борис"},
		"name:nn":                         {"Ann Łuczak"},
		`name:"%"`:                        {"100% pure_gold"},
		`name:"e_g"`:                      {"100% pure_gold"},
		`name = "ann łuczak"`:             {"Ann Łuczak"},
		`name = "ann*"`:                   {"Ann Łuczak"},
		"luczak":                          {},
		"Борис":                           {"Борис"},
		`responsible_id = "` + mine + `"`: {"Ann Łuczak"},
		"vip = true":                      {"Ann Łuczak"},
		"NOT vip = true":                  {"100% pure_gold", "Борис"},
		`phones = "+49 30 901820"`:        {"Ann Łuczak"},
		"phones:90182":                    {"Ann Łuczak"},
		`emails = "BORIS@example.com"`:    {"Борис"},
		"emails:example":                  {"Борис"},
		`company_id = "` + firm.ID + `"`:  {"Ann Łuczak"},
		`external_ids.shop = "42"`:        {"Борис"},
		"vip = true OR name:борис":        {"Ann Łuczak", "Борис"},
		`create_time > "2020-01-01"`:      {"100% pure_gold", "Ann Łuczak", "Борис"},
		`create_time < "2020-01-01"`:      {},
		`name:"'; DROP TABLE contacts"`:   {},
	} {
		t.Run(filter, func(t *testing.T) {
			page, err := b.contacts.List(b.ctx(t), b.all(), query{filter: filter, order: "name"})
			require.NoError(t, err)
			require.Equal(t, want, names(page.Records))
			n, more, err := b.contacts.Count(b.ctx(t), b.all(), filter, false)
			require.NoError(t, err)
			require.Equal(t, len(want), n)
			require.False(t, more)
		})
	}
	// CON-23: the bin instead, by the same filters.
	page, err := b.contacts.List(b.ctx(t), b.all(), query{order: "name", filter: "name:gone OR name:ann", deleted: true})
	require.NoError(t, err)
	require.Equal(t, []string{"Gone"}, names(page.Records))
	n, _, err := b.contacts.Count(b.ctx(t), b.all(), "", true)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	for _, bad := range []string{"deleted = true", "nothing = 1", "name = ", "vip = maybe", "(", `responsible_id = "x"`} {
		_, err := b.contacts.List(b.ctx(t), b.all(), query{filter: bad})
		require.ErrorIs(t, err, aip.ErrFilter, bad)
	}
	_, err = b.contacts.List(b.ctx(t), b.all(), query{order: "comment"})
	require.ErrorIs(t, err, aip.ErrOrderBy)
}

// ID-4 and blueprint of scopes: own records, observed ones and those open to everyone are visible; only the scope of the
// action lets one change them.
func TestScopes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, boss := id.New(), id.New()
	own := b.addContact(t, "own", func(c *contact.Contact) { c.ResponsibleID = me })
	observed := b.addContact(t, "observed", func(c *contact.Contact) { c.ResponsibleID, c.ObserverIDs = boss, []string{me} })
	open := b.addContact(t, "open", func(c *contact.Contact) { c.ResponsibleID, c.Everyone = boss, true })
	hidden := b.addContact(t, "hidden", func(c *contact.Contact) { c.ResponsibleID = boss })

	who := record.Caller{OrganizationID: b.org, UserID: me, View: authz.Of(me), Act: authz.Of(me)}
	page, err := b.contacts.List(b.ctx(t), who, query{order: "name"})
	require.NoError(t, err)
	require.Equal(t, []string{"observed", "open", "own"}, names(page.Records))
	n, _, err := b.contacts.Count(b.ctx(t), who, "", false)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	for _, c := range []*contact.Contact{own, observed, open} {
		_, err := b.contacts.Get(b.ctx(t), who, c.ID)
		require.NoError(t, err)
	}
	_, err = b.contacts.Get(b.ctx(t), who, hidden.ID)
	require.ErrorIs(t, err, contact.ErrNotFound)

	_, err = b.contacts.Update(b.ctx(t), who, own.ID, 0, renamed("mine"))
	require.NoError(t, err)
	_, err = b.contacts.Update(b.ctx(t), who, open.ID, 0, renamed("mine"))
	require.ErrorIs(t, err, record.ErrForbidden)
	_, err = b.contacts.Update(b.ctx(t), who, hidden.ID, 0, renamed("mine"))
	require.ErrorIs(t, err, contact.ErrNotFound)
	_, err = b.contacts.Create(b.ctx(t), who, &contact.Contact{FirstName: "x", Meta: record.Meta{ID: id.New(), ResponsibleID: boss}})
	require.ErrorIs(t, err, record.ErrForbidden)

	// A page token of one caller is not good for another.
	first, err := b.contacts.List(b.ctx(t), who, query{size: 1})
	require.NoError(t, err)
	_, err = b.contacts.List(b.ctx(t), b.all(), query{size: 1, token: first.Next})
	require.ErrorIs(t, err, aip.ErrPageToken)
}

// The same request ID has one effect and one answer, also after the record has changed; with another request it is refused.
func TestARepeatedRequestHasOneEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	request := func(hash string) context.Context {
		return idem.With(b.ctx(t), idem.Request{Method: "/CreateContact", ID: "r1", Hash: []byte(hash)})
	}
	fresh := func() *contact.Contact {
		c := &contact.Contact{FirstName: "Ann"}
		c.ID = id.New()
		c.ExternalIDs = []record.ExternalID{{Source: "shop", ID: "1"}}
		return c
	}
	first, err := b.contacts.Create(request("a"), b.all(), fresh())
	require.NoError(t, err)
	_, err = b.contacts.Update(b.ctx(t), b.all(), first.ID, 0, renamed("Anna"))
	require.NoError(t, err)
	again, err := b.contacts.Create(request("a"), b.all(), fresh())
	require.NoError(t, err)
	require.Equal(t, first, again, "the answer is the first one, not the record as it is now")
	_, err = b.contacts.Create(request("b"), b.all(), fresh())
	require.ErrorIs(t, err, idem.ErrReused)
	n, _, err := b.contacts.Count(b.ctx(t), b.all(), "", false)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// A write that fails leaves neither row nor event.
func TestAFailedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := &contact.Contact{FirstName: "Ann", Employments: []contact.Employment{{CompanyID: id.New()}}}
	c.ID = id.New()
	_, err := b.contacts.Create(b.ctx(t), b.all(), c)
	require.ErrorIs(t, err, company.ErrNotFound)
	_, err = b.contacts.Get(b.ctx(t), b.all(), c.ID)
	require.ErrorIs(t, err, contact.ErrNotFound)
	var n int
	require.NoError(t, b.db.App.QueryRow(t.Context(), b.org, `SELECT count(*) FROM events`).Scan(&n))
	require.Zero(t, n)
}

// External IDs are unique per kind and source; the bin gives them up and asks for them back (CON-23, decisions 18, 24).
func TestExternalIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	with := func(c *contact.Contact) { c.ExternalIDs = []record.ExternalID{{Source: "shop", ID: "1"}} }
	first := b.addContact(t, "first", with)
	b.addCompany(t, "not the same kind", func(c *company.Company) { c.ExternalIDs = []record.ExternalID{{Source: "shop", ID: "1"}} })
	second := &contact.Contact{FirstName: "second"}
	second.ID = id.New()
	with(second)
	_, err := b.contacts.Create(b.ctx(t), b.all(), second)
	require.ErrorIs(t, err, record.ErrExternalIDTaken)

	_, err = b.contacts.Delete(b.ctx(t), b.all(), first.ID, 0)
	require.NoError(t, err)
	_, err = b.contacts.Create(b.ctx(t), b.all(), second)
	require.NoError(t, err)
	_, err = b.contacts.Undelete(b.ctx(t), b.all(), first.ID)
	require.ErrorIs(t, err, record.ErrExternalIDTaken)
}

func TestBin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.addContact(t, "Ann", func(c *contact.Contact) { c.Phones = []reach.Phone{{Number: "+4930901820"}} })
	gone, err := b.contacts.Delete(b.ctx(t), b.all(), c.ID, 0)
	require.NoError(t, err)
	require.True(t, gone.Deleted())
	again, err := b.contacts.Delete(b.ctx(t), b.all(), c.ID, 0)
	require.NoError(t, err)
	require.Equal(t, gone.Version, again.Version)
	_, err = b.contacts.Update(b.ctx(t), b.all(), c.ID, 0, renamed("x"))
	require.ErrorIs(t, err, contact.ErrDeleted)
	points := []reach.Point{{Kind: reach.PhonePoint, Value: "+4930901820"}}
	found, err := b.store.LookUpPoints(b.ctx(t), b.all(), b.all(), b.all(), points)
	require.NoError(t, err)
	require.Empty(t, found)
	back, err := b.contacts.Undelete(b.ctx(t), b.all(), c.ID)
	require.NoError(t, err)
	require.False(t, back.Deleted())
	found, err = b.store.LookUpPoints(b.ctx(t), b.all(), b.all(), b.all(), points)
	require.NoError(t, err)
	require.Len(t, found, 1)
	_, err = b.contacts.Undelete(b.ctx(t), b.all(), c.ID)
	require.ErrorIs(t, err, contact.ErrNotDeleted)
}
