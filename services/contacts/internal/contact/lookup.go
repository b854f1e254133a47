package contact

import (
	"kontor.internal/services/contacts/internal/alike"
	"kontor.internal/services/contacts/internal/reach"
)

// LookUp lists the distinct points by which the contact is found: numbers and addresses (CON-11), and what duplicates are
// recognised by (CON-15).
func (c *Contact) LookUp() []reach.Point {
	return append(c.Points.LookUp(), alike.Points(alike.Person(c.FirstName, c.LastName), c.Addresses...)...)
}
