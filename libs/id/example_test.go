package id_test

import (
	"fmt"

	"kontor.internal/libs/id"
)

func Example() {
	first, second := id.New(), id.New()
	fmt.Println(id.Valid(first), first < second)
	// Output: true true
}
