package company

import (
	"slices"

	"kontor.internal/services/contacts/internal/alike"
	"kontor.internal/services/contacts/internal/reach"
)

// LookUp lists the distinct points by which the company is found: numbers and addresses (CON-11), and what duplicates are
// recognised by (CON-15), tax, VAT and registration numbers among them.
func (c *Company) LookUp() []reach.Point {
	addresses := slices.Clone(c.Addresses)
	var out []reach.Point
	for i := range c.Requisites {
		r := &c.Requisites[i]
		for _, n := range []string{r.VATNumber, r.TaxNumber, r.RegistrationNumber} {
			if p := (reach.Point{Kind: alike.TaxPoint, Value: r.Country + "/" + n}); n != "" && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
		for _, a := range []*reach.Address{r.LegalAddress, r.PostalAddress} {
			if a != nil {
				addresses = append(addresses, *a)
			}
		}
	}
	return slices.Concat(c.Points.LookUp(), out, alike.Points(alike.Company(c.Name), addresses...))
}
