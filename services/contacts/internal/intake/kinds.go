package intake

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/imports"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// Targets returns what files can be imported into, by kind.
func Targets(s *store.Store, contacts *contact.Contacts, companies *company.Companies, leads *lead.Leads) map[string]imports.Target {
	return map[string]imports.Target{
		string(record.Contact): contactTarget(s.Contacts(), contacts),
		string(record.Company): companyTarget(s.Companies(), companies),
		string(record.Lead):    leadTarget(s.Leads(), leads),
	}
}

func contactTarget(t *store.Contacts, book *contact.Contacts) imports.Target {
	k := &kind[contact.Contact, *contact.Contact]{
		name: record.Contact, book: book, table: t, natural: store.EmailKey,
		key: func(row imports.Row) string {
			first := ""
			items(row, "emails", func(_, address string) {
				if first == "" {
					first = reach.NormalizeEmail(address)
				}
			})
			return first
		},
		start: func(context.Context, string) (fill[contact.Contact], error) { return fillContact, nil },
	}
	return imports.Target{
		Kind: string(record.Contact), Apply: k.apply, More: k.more,
		Keys: func(row imports.Row) []string { // a contact is found by each of its addresses
			var keys []string
			items(row, "emails", func(_, address string) { keys = append(keys, reach.NormalizeEmail(address)) })
			return keys
		},
		Fields: append(commonFields(),
			imports.Field{Name: "honorific", Type: imports.Text, MaxLen: 64, Doc: "form of address"},
			imports.Field{Name: "first_name", Type: imports.Text, MaxLen: 256, Doc: "first name, or the name as one"},
			imports.Field{Name: "middle_name", Type: imports.Text, MaxLen: 256, Doc: "middle name"},
			imports.Field{Name: "last_name", Type: imports.Text, MaxLen: 256, Doc: "last name"},
			imports.Field{Name: "position", Type: imports.Text, MaxLen: 256, Doc: "position"},
			imports.Field{Name: "birthday", Type: imports.Date, Doc: "birthday"},
			imports.Field{Name: "type", Type: imports.Text, MaxLen: 64, Doc: "client, supplier, partner, other …"},
			imports.Field{Name: "language", Type: imports.Text, MaxLen: 35, Doc: "language the person is addressed in"},
			imports.Field{Name: "vip", Type: imports.Bool, Doc: "whether to be treated with particular care"},
			imports.Field{Name: "company", Type: imports.Ref, RefKind: string(record.Company), Doc: "company the person represents"},
			imports.Field{Name: "company_role", Type: imports.Text, MaxLen: 128, Doc: "what the person is there"},
			imports.Field{Name: "company_name", Type: imports.Text, MaxLen: 512, Doc: "name of a company that may not be here; kept in the remark then"},
			imports.Field{Name: "addresses", Type: imports.TextList, MaxLen: 1200, Doc: "postal addresses: \"work: box;extension;street;city;region;code;country\""},
			imports.Field{Name: "photo", Type: imports.Text, MaxLen: 36, Doc: "ID of the file with the photograph"},
		),
	}
}

func fillContact(row imports.Row, c *contact.Contact, _ bool) error {
	fillCommon(row, &c.Meta, &c.Points)
	set(row, "honorific", &c.Honorific)
	set(row, "first_name", &c.FirstName)
	set(row, "middle_name", &c.MiddleName)
	set(row, "last_name", &c.LastName)
	set(row, "position", &c.Position)
	set(row, "type", &c.Type)
	set(row, "language", &c.Language)
	set(row, "source", &c.Source)
	set(row, "comment", &c.Comment)
	if row.Mapped("vip") {
		c.VIP = row.Bool("vip")
	}
	if row.Mapped("birthday") {
		c.Birthday = ""
		if day, ok := row.Time("birthday"); ok {
			c.Birthday = day.Format(time.DateOnly)
		}
	}
	c.Addresses = addresses(row, c.Addresses)
	if row.Mapped("addresses") {
		c.Addresses = postal(row)
	}
	if row.Has("photo") {
		c.PhotoFileID = row.Text("photo")
	}
	employ(row, c)
	if name := row.Text("company_name"); name != "" && row.Ref("company") == "" {
		remark(&c.Comment, "Company: "+name)
	}
	return nil
}

// employ ties the contact to the row's company, or changes the role in it.
func employ(row imports.Row, c *contact.Contact) {
	companyID := row.Ref("company")
	if companyID == "" {
		return
	}
	list := append([]contact.Employment(nil), c.Employments...)
	for i := range list {
		if list[i].CompanyID == companyID {
			set(row, "company_role", &list[i].Role)
			c.Employments = list
			return
		}
	}
	c.Employments = append(list, contact.Employment{
		CompanyID: companyID, Role: row.Text("company_role"), Primary: len(list) == 0,
	})
}

func companyTarget(t *store.Companies, book *company.Companies) imports.Target {
	k := &kind[company.Company, *company.Company]{
		name: record.Company, book: book, table: t, natural: store.NameKey,
		key:   func(row imports.Row) string { return record.Key(row.Text("name")) },
		start: func(context.Context, string) (fill[company.Company], error) { return fillCompany, nil },
	}
	return imports.Target{
		Kind: string(record.Company), Apply: k.apply, More: k.more,
		Keys: func(row imports.Row) []string { return []string{k.key(row)} },
		Link: func(ctx context.Context, tx pgx.Tx, b imports.LinkBatch) ([]imports.Result, []event.Event, error) {
			return linkParents(ctx, tx, t, book, b)
		},
		Fields: append(commonFields(),
			imports.Field{Name: "name", Type: imports.Text, Required: true, MaxLen: 512, Doc: "name as used every day"},
			imports.Field{Name: "legal_name", Type: imports.Text, MaxLen: 512, Doc: "name as registered"},
			imports.Field{Name: "type", Type: imports.Text, MaxLen: 64, Doc: "client, supplier, partner …"},
			imports.Field{Name: "industry", Type: imports.Text, MaxLen: 128, Doc: "industry"},
			imports.Field{Name: "annual_turnover", Type: imports.Money, Doc: "turnover of a year"},
			imports.Field{Name: "employees", Type: imports.Integer, Doc: "number of employees"},
			imports.Field{Name: "parent", Type: imports.Ref, RefKind: string(record.Company), Doc: "company it belongs to"},
			imports.Field{Name: "legal_form", Type: imports.Text, MaxLen: 64, Doc: "legal form"},
			imports.Field{Name: "vat_number", Type: imports.Text, MaxLen: 32, Doc: "VAT number, checked by the country's rules"},
			imports.Field{Name: "tax_number", Type: imports.Text, MaxLen: 32, Doc: "national tax number, checked likewise"},
			imports.Field{Name: "registration_number", Type: imports.Text, MaxLen: 64, Doc: "number in the register of companies"},
			imports.Field{Name: "iban", Type: imports.Text, MaxLen: 42, Doc: "IBAN of a bank account"},
			imports.Field{Name: "bic", Type: imports.Text, MaxLen: 11, Doc: "BIC of its bank"},
		),
	}
}

func fillCompany(row imports.Row, c *company.Company, _ bool) error {
	fillCommon(row, &c.Meta, &c.Points)
	set(row, "name", &c.Name)
	set(row, "legal_name", &c.LegalName)
	set(row, "type", &c.Type)
	set(row, "industry", &c.Industry)
	set(row, "source", &c.Source)
	set(row, "comment", &c.Comment)
	if row.Mapped("annual_turnover") {
		c.Turnover, _ = row.Money("annual_turnover")
	}
	if row.Mapped("employees") {
		n := row.Integer("employees")
		if n < 0 || n > 1<<31-1 {
			return record.ErrField.WithField("employees", "is not a number of people")
		}
		c.Employees = int32(n)
	}
	if ref := row.Ref("parent"); ref != "" {
		c.ParentID = ref
	}
	c.Addresses = addresses(row, c.Addresses)
	return fillRequisites(row, c)
}

// fillRequisites fills the company's first set of requisites, if the mapping fills any of it.
func fillRequisites(row imports.Row, c *company.Company) error {
	var r company.Requisites
	if len(c.Requisites) > 0 {
		r = c.Requisites[0]
	}
	has := false
	for field, to := range map[string]*string{
		"legal_form": &r.LegalForm, "vat_number": &r.VATNumber, "tax_number": &r.TaxNumber,
		"registration_number": &r.RegistrationNumber,
	} {
		set(row, field, to)
		has = has || row.Text(field) != ""
	}
	if row.Text("iban") != "" {
		has = true
		r.BankAccounts = []company.BankAccount{{IBAN: row.Text("iban"), BIC: row.Text("bic")}}
	}
	if !has {
		return nil
	}
	if r.Country == "" {
		r.Country = strings.ToUpper(c.Country())
	}
	if len(r.Country) != 2 {
		return record.ErrField.WithField("country", "requisites need the country as its ISO code, such as DE")
	}
	r.Primary = true
	c.Requisites = append([]company.Requisites{r}, c.Requisites[min(len(c.Requisites), 1):]...)
	return nil
}

// linkParents sets the parents that stood further down the file than their children.
func linkParents(
	ctx context.Context, tx pgx.Tx, t *store.Companies, book *company.Companies, b imports.LinkBatch,
) ([]imports.Result, []event.Event, error) {
	ids, parents := make([]string, len(b.Links)), make([]string, len(b.Links))
	for i, l := range b.Links {
		ids[i], parents[i] = l.RecordID, l.TargetID
	}
	locked, err := t.LockMany(ctx, tx, b.Organization, ids)
	if err != nil {
		return nil, nil, err
	}
	if err := t.CheckParents(ctx, tx, b.Organization, ids, parents); err != nil {
		return nil, nil, err
	}
	results := make([]imports.Result, len(b.Links))
	var changes []*record.Change[company.Company]
	for i, l := range b.Links {
		before, ok := locked[l.RecordID]
		if !ok {
			results[i] = imports.Refuse(l.Field, company.ErrNotFound.Reason, "the company has been removed meanwhile")
			continue
		}
		after := *before
		after.ParentID, after.UpdatedAt = l.TargetID, book.Clock.Now()
		changes = append(changes, &record.Change[company.Company]{
			What: record.Updated, Before: before, After: &after, Cause: publish.Cause(b.OperationID),
		})
		results[i] = imports.Result{Outcome: imports.Updated, RecordID: l.RecordID}
	}
	evs, err := t.SaveMany(ctx, tx, b.Organization, changes)
	if err != nil {
		return nil, nil, err
	}
	return results, evs, nil
}

func leadTarget(t *store.Leads, leads *lead.Leads) imports.Target {
	k := &kind[lead.Lead, *lead.Lead]{
		name: record.Lead, book: &leads.Book, table: t, key: none,
		start: func(ctx context.Context, org string) (fill[lead.Lead], error) {
			cfg, err := leads.Config.Config(ctx, org)
			if err != nil {
				return nil, err
			}
			return func(row imports.Row, l *lead.Lead, made bool) error {
				return fillLead(cfg, leads.Clock.Now(), row, l, made)
			}, nil
		},
	}
	return imports.Target{
		Kind: string(record.Lead), Apply: k.apply, More: k.more,
		Keys: func(imports.Row) []string { return nil },
		Fields: append(commonFields(),
			imports.Field{Name: "title", Type: imports.Text, MaxLen: 512, Doc: "what it is about; the name if empty"},
			imports.Field{Name: "request", Type: imports.Text, MaxLen: 20000, Doc: "what is asked"},
			imports.Field{Name: "first_name", Type: imports.Text, MaxLen: 256, Doc: "first name, or the name as one"},
			imports.Field{Name: "middle_name", Type: imports.Text, MaxLen: 256, Doc: "middle name"},
			imports.Field{Name: "last_name", Type: imports.Text, MaxLen: 256, Doc: "last name"},
			imports.Field{Name: "position", Type: imports.Text, MaxLen: 256, Doc: "position"},
			imports.Field{Name: "company_name", Type: imports.Text, MaxLen: 512, Doc: "name of the company"},
			imports.Field{Name: "status", Type: imports.Text, MaxLen: 128, Doc: "name of the status; the first New one if empty"},
			imports.Field{Name: "importance", Type: imports.Integer, Doc: "how much it matters, from 1 to 5"},
			imports.Field{Name: "referrer", Type: imports.Text, MaxLen: 2048, Doc: "page or person that referred"},
			imports.Field{Name: "utm_source", Type: imports.Text, MaxLen: 256, Doc: "utm_source"},
			imports.Field{Name: "utm_medium", Type: imports.Text, MaxLen: 256, Doc: "utm_medium"},
			imports.Field{Name: "utm_campaign", Type: imports.Text, MaxLen: 256, Doc: "utm_campaign"},
			imports.Field{Name: "utm_term", Type: imports.Text, MaxLen: 256, Doc: "utm_term"},
			imports.Field{Name: "utm_content", Type: imports.Text, MaxLen: 256, Doc: "utm_content"},
			imports.Field{Name: "amount", Type: imports.Money, Doc: "what the sale may be worth"},
			imports.Field{Name: "product", Type: imports.Ref, RefKind: "product", Doc: "product of interest"},
			imports.Field{Name: "product_name", Type: imports.Text, MaxLen: 512, Doc: "product of interest as it was asked for, also one that the catalogue does not have"},
			imports.Field{Name: "quantity", Type: imports.Number, Doc: "how many of it; 1 if empty"},
		),
	}
}

func fillLead(cfg lead.Config, now time.Time, row imports.Row, l *lead.Lead, made bool) error {
	fillCommon(row, &l.Meta, &l.Points)
	set(row, "title", &l.Title)
	set(row, "request", &l.Request)
	set(row, "first_name", &l.FirstName)
	set(row, "middle_name", &l.MiddleName)
	set(row, "last_name", &l.LastName)
	set(row, "position", &l.Position)
	set(row, "company_name", &l.CompanyName)
	set(row, "source", &l.Source)
	set(row, "referrer", &l.Referrer)
	set(row, "utm_source", &l.UTM.Source)
	set(row, "utm_medium", &l.UTM.Medium)
	set(row, "utm_campaign", &l.UTM.Campaign)
	set(row, "utm_term", &l.UTM.Term)
	set(row, "utm_content", &l.UTM.Content)
	set(row, "comment", &l.Comment)
	if row.Mapped("amount") {
		l.Amount, _ = row.Money("amount")
	}
	if row.Mapped("importance") {
		l.Importance = int32(min(max(row.Integer("importance"), -1), lead.MostImportant+1)) // the rest is refused with the field
	}
	if productID, name := row.Ref("product"), row.Text("product_name"); productID != "" || name != "" {
		p := lead.Product{ProductID: productID, Name: name}
		if row.Has("quantity") {
			p.Quantity = row.Number("quantity").String()
		}
		l.Products = []lead.Product{p}
	}
	if a := address(row, l.Address); a != nil {
		l.Address = a
	}
	return cfg.Place(l, row.Text("status"), now, made)
}
