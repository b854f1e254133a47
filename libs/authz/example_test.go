package authz_test

import (
	"fmt"

	"kontor.internal/libs/authz"
)

func ExampleScope_SQL() {
	args := []any{"0192f0c4-0000-7000-8000-000000000001"}
	where := "organization_id = $1 AND " + authz.Of("ann", "ben").SQL("responsible_id", &args)
	fmt.Println(where)
	fmt.Println(len(args))
	// Output:
	// organization_id = $1 AND responsible_id = ANY($2::uuid[])
	// 2
}
