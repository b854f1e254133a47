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
	taxWeight     = 0.95
	emailWeight   = 0.85
	phoneWeight   = 0.75
	nameWeight    = 0.5
	addressWeight = 0.3

	// SimilarFrom is how alike names must be to speak for a duplicate.
	SimilarFrom = 0.55
	// strangers is below which names speak against one: families and offices share numbers.
	strangers = 0.3
)

// Score is how sure it is that the records are the same, from 0 to 1. The scan of the base reckons alike in SQL
// (store.scoreSQL).
func (e Evidence) Score() float64 {
	doubt := 1.0
	weigh := func(has bool, weight float64) {
		if has {
			doubt *= 1 - weight
		}
	}
	shared := 1.0 // what a shared number or address is worth
	if e.Names && e.Name < strangers {
		shared = 0.5
	}
	weigh(e.Tax, taxWeight)
	weigh(e.Email, emailWeight*shared)
	weigh(e.Phone, phoneWeight*shared)
	weigh(e.Name >= SimilarFrom, nameWeight*e.Name)
	weigh(e.Address, addressWeight)
	return math.Round((1-doubt)*1000) / 1000
}
