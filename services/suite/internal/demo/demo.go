// Package demo makes up a small sales office: sections, products, companies, contacts, leads and deals in every stage. It
// is loaded through the ordinary import, and every record carries an external ID of the source "demo", by which it is
// found and removed again.
package demo

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// Source is the external source that marks sample data.
const Source = "demo"

// Stages are the names of the stages that deals are put into.
type Stages struct {
	Pipeline string
	Open     []string
	Won      string
	Lost     string
}

// File is one file of sample data with the mapping it is imported by.
type File struct {
	Kind, Name, Mapping string
	Content             []byte
}

// Section is a shelf of the catalog.
type Section struct{ ID, Name string }

// Data is the sample data. Batch keeps the external IDs of one making from those of an earlier one, which may still be in
// the bin.
type Data struct {
	Batch  string
	Now    time.Time
	Stages Stages

	rand *rand.Rand
}

// New returns sample data that looks the same whenever it is made, dates aside.
func New(batch string, now time.Time, s Stages) *Data {
	return &Data{Batch: batch, Now: now, Stages: s, rand: rand.New(rand.NewPCG(20, 26))} //nolint:gosec // Sample data, not secrets.
}

// How many there are of each.
const (
	companies = 40
	contacts  = 80
	leads     = 30
	deals     = 120
)

// Sections are the shelves that the products stand on.
func (d *Data) Sections() []Section {
	var out []Section
	for i, s := range shelves() {
		out = append(out, Section{ID: d.id("section", i), Name: s.name})
	}
	return out
}

// Files are what is imported, in order.
func (d *Data) Files() []File {
	return []File{d.products(), d.companies(), d.contacts(), d.leads(), d.deals()}
}

func (d *Data) id(kind string, i int) string { return fmt.Sprintf("%s-%s-%03d", d.Batch, kind, i+1) }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// table writes rows as CSV.
func table(header []string, rows [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(header) // a buffer takes everything
	_ = w.WriteAll(rows)
	return b.Bytes()
}

const productMapping = `
kind: product
external_id: {source: demo, column: id}
fields:
  name: {column: name}
  sku: {column: sku}
  section: {path: ["{section}"]}
  unit: {column: unit}
  tax_rate: {column: tax}
  price: {column: price}
`

func (d *Data) products() File {
	var rows [][]string
	for _, s := range shelves() {
		for _, p := range s.products {
			i := len(rows)
			rows = append(rows, []string{d.id("product", i), p.name, fmt.Sprintf("DEMO-%s-%03d", d.Batch, i+1), s.name, p.unit, "20", p.price})
		}
	}
	return File{Kind: "product", Name: "products.csv", Mapping: productMapping, Content: table([]string{"id", "name", "sku", "section", "unit", "tax", "price"}, rows)}
}

const companyMapping = `
kind: company
external_id: {source: demo, column: id}
duplicates: make
fields:
  name: {column: name}
  type: {constant: client}
  industry: {column: industry}
  annual_turnover: {column: turnover}
  employees: {column: employees}
  phones: {list: ["{phone}"]}
  emails: {list: ["{email}"]}
  sites: {list: ["{site}"]}
  city: {column: city}
  country: {column: country}
`

func (d *Data) companies() File {
	rows := make([][]string, companies)
	for i := range rows {
		name, site := d.company(i)
		place := pick(d.rand, places())
		rows[i] = []string{
			d.id("company", i), name, pick(d.rand, industries()), strconv.Itoa((1 + d.rand.IntN(400)) * 100_000), strconv.Itoa(5 + d.rand.IntN(2000)),
			phone(i), "office@" + site, "https://www." + site, place[0], place[1],
		}
	}
	return File{
		Kind: "company", Name: "companies.csv", Mapping: companyMapping,
		Content: table([]string{"id", "name", "industry", "turnover", "employees", "phone", "email", "site", "city", "country"}, rows),
	}
}

// company is the name of company i and the domain of its site.
func (d *Data) company(i int) (name, site string) {
	first, second := companyWords()
	a, b := first[i%len(first)], second[(i/len(first)+i)%len(second)]
	return a + " " + b, fmt.Sprintf("%s-%d.example.com", slug(a), i+1)
}

const contactMapping = `
kind: contact
external_id: {source: demo, column: id}
duplicates: make
fields:
  first_name: {column: first}
  last_name: {column: last}
  position: {column: position}
  phones: {list: ["{phone}"]}
  emails: {list: ["{email}"]}
  company: {column: company, lookup: {kind: company, by: external_id, source: demo}}
`

func (d *Data) contacts() File {
	rows := make([][]string, contacts)
	for i := range rows {
		first, last := d.person(i)
		c := i % companies
		_, site := d.company(c)
		rows[i] = []string{
			d.id("contact", i), first, last, pick(d.rand, positions()), phone(100 + i), fmt.Sprintf("%s.%s%d@%s", slug(first), slug(last), i+1, site), d.id("company", c),
		}
	}
	return File{
		Kind: "contact", Name: "contacts.csv", Mapping: contactMapping,
		Content: table([]string{"id", "first", "last", "position", "phone", "email", "company"}, rows),
	}
}

func (d *Data) person(i int) (first, last string) {
	firsts, lasts := names()
	return firsts[i%len(firsts)], lasts[(i*7+i/len(firsts))%len(lasts)]
}

const leadMapping = `
kind: lead
external_id: {source: demo, column: id}
duplicates: make
fields:
  title: {column: title}
  request: {column: request}
  first_name: {column: first}
  last_name: {column: last}
  company_name: {column: company}
  phones: {list: ["{phone}"]}
  emails: {list: ["{email}"]}
  source: {column: source}
  amount: {column: amount}
`

func (d *Data) leads() File {
	rows := make([][]string, leads)
	for i := range rows {
		first, last := d.person(contacts + i)
		shelf := pick(d.rand, shelves())
		p := pick(d.rand, shelf.products)
		rows[i] = []string{
			d.id("lead", i), "Enquiry about " + p.name, fmt.Sprintf("Please send an offer for %d of %s.", 1+d.rand.IntN(20), p.name),
			first, last, pick(d.rand, leadCompanies()), phone(300 + i), fmt.Sprintf("%s.%s@enquiry-%d.example.com", slug(first), slug(last), i+1),
			pick(d.rand, []string{"site form", "call", "mail", "referral", "event"}), strconv.Itoa((1 + d.rand.IntN(90)) * 100),
		}
	}
	return File{
		Kind: "lead", Name: "leads.csv", Mapping: leadMapping,
		Content: table([]string{"id", "title", "request", "first", "last", "company", "phone", "email", "source", "amount"}, rows),
	}
}

// dealMapping gets the pipeline's name.
const dealMapping = `
kind: deal
external_id: {source: demo, column: id}
fields:
  name: {column: name}
  pipeline: {constant: %q, lookup: {kind: pipeline, by: name}}
  stage: {column: stage, lookup: {kind: stage, by: name, within: pipeline}}
  begin_stage: {column: begin_stage, lookup: {kind: stage, by: name, within: pipeline}}
  amount: {column: amount}
  company: {column: company, lookup: {kind: company, by: external_id, source: demo}}
  contact: {column: contact, lookup: {kind: contact, by: external_id, source: demo}}
  product: {column: product, lookup: {kind: product, by: external_id, source: demo}}
  quantity: {column: quantity}
  begin_time: {column: begin}
  close_time: {column: close}
  planned_close_date: {column: planned}
  lost_reason: {column: reason}
`

func (d *Data) deals() File {
	var products []item
	for _, s := range shelves() {
		products = append(products, s.products...)
	}
	rows := make([][]string, deals)
	for i := range rows {
		n := d.rand.IntN(len(products))
		p, quantity := products[n], 1+d.rand.IntN(12)
		price, _ := strconv.Atoi(p.price) // written below as whole numbers
		c := d.rand.IntN(companies)
		company, _ := d.company(c)
		begin := d.Now.AddDate(0, 0, -1-d.rand.IntN(180))
		row := map[string]string{
			"id": d.id("deal", i), "name": fmt.Sprintf("%s for %s", p.name, company), "amount": strconv.Itoa(price * quantity),
			"company": d.id("company", c), "contact": d.id("contact", c+companies*d.rand.IntN(contacts/companies)), "product": d.id("product", n),
			"quantity": strconv.Itoa(quantity), "begin": begin.Format(time.DateOnly),
		}
		d.place(row, begin)
		for _, k := range dealColumns() {
			rows[i] = append(rows[i], row[k])
		}
	}
	return File{Kind: "deal", Name: "deals.csv", Mapping: fmt.Sprintf(dealMapping, d.Stages.Pipeline), Content: table(dealColumns(), rows)}
}

func dealColumns() []string {
	return []string{"id", "name", "stage", "begin_stage", "amount", "company", "contact", "product", "quantity", "begin", "close", "planned", "reason"}
}

// place puts a deal into a stage: a third is won, a sixth lost, the others are open, some of them overdue.
func (d *Data) place(row map[string]string, begin time.Time) {
	outcome := d.rand.IntN(6)
	if outcome > 2 {
		row["stage"] = pick(d.rand, d.Stages.Open)
		row["planned"] = d.Now.AddDate(0, 0, d.rand.IntN(75)-15).Format(time.DateOnly)
		return
	}
	row["stage"], row["begin_stage"] = d.Stages.Won, d.Stages.Open[0]
	if outcome == 2 {
		row["stage"], row["reason"] = d.Stages.Lost, pick(d.rand, []string{"Price", "Chose another supplier", "No budget"})
	}
	days := int(d.Now.Sub(begin).Hours() / 24)
	row["close"] = begin.AddDate(0, 0, d.rand.IntN(days+1)).Format(time.DateOnly)
}

// phone is a number of the range that Ofcom keeps for fiction.
func phone(i int) string { return fmt.Sprintf("+44 20 7946 %04d", i%1000) }
