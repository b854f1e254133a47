package alike

import "math"

// Evidence is what two records have in common.
type Evidence struct {
	Phone, Email, Tax, Address bool
	// Name is how alike the names are, from 0 to 1. Names is whether both have one.
	Name  float64
	Names bool
}

// What each thing in common is worth by itself. They are put together as independent evidence: the doubt that is left is
// the product of the doubts.
const (
	TaxWeight     = 0.95
	EmailWeight   = 0.85
	PhoneWeight   = 0.75
	NameWeight    = 0.5
	AddressWeight = 0.3

	// SimilarFrom is how alike names must be to speak for a duplicate.
	SimilarFrom = 0.55
	// Strangers is below which names speak against one: families and offices share numbers.
	Strangers = 0.3
	// PairScore is the least score of a pair that a scan keeps.
	PairScore = 0.5
)

// Score is how sure it is that the records are the same, from 0 to 1. The scan of the base reckons alike in SQL
// (store.scanSQL).
func (e Evidence) Score() float64 {
	doubt := 1.0
	weigh := func(has bool, weight float64) {
		if has {
			doubt *= 1 - weight
		}
	}
	shared := 1.0 // what a shared number or address is worth
	if e.Names && e.Name < Strangers {
		shared = 0.5
	}
	weigh(e.Tax, TaxWeight)
	weigh(e.Email, EmailWeight*shared)
	weigh(e.Phone, PhoneWeight*shared)
	weigh(e.Name >= SimilarFrom, NameWeight*e.Name)
	weigh(e.Address, AddressWeight)
	return math.Round((1-doubt)*1000) / 1000
}
