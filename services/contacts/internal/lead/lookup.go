package lead

import (
	"kontor.internal/services/contacts/internal/alike"
	"kontor.internal/services/contacts/internal/reach"
)

// LookUp lists the distinct points by which the lead is found: numbers and addresses (CON-11), and what duplicates are
// recognised by (CON-15).
func (l *Lead) LookUp() []reach.Point {
	name := alike.Person(l.FirstName, l.LastName)
	if name == "" {
		name = alike.Company(l.CompanyName)
	}
	var addresses []reach.Address
	if l.Address != nil {
		addresses = append(addresses, *l.Address)
	}
	return append(l.Points.LookUp(), alike.Points(name, addresses...)...)
}
