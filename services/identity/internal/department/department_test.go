package department_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/identity/internal/department"
)

// ID-3: a tree of any shape, no circles, at most 32 deep.
func TestBelow(t *testing.T) {
	t.Parallel()
	parents := map[string]string{"sales": "", "east": "sales", "team": "east", "west": "sales"}
	require.NoError(t, department.Below("team", "west", parents))
	require.ErrorIs(t, department.Below("sales", "team", parents), department.ErrCycle)
	require.ErrorIs(t, department.Below("east", "east", parents), department.ErrCycle)
	require.NoError(t, department.Below("new", "team", parents))

	chain := map[string]string{"d1": ""}
	for i := 2; i <= department.MaxDepth; i++ {
		chain[fmt.Sprintf("d%d", i)] = fmt.Sprintf("d%d", i-1)
	}
	require.ErrorIs(t, department.Below("new", "d32", chain), department.ErrTooDeep)
	require.NoError(t, department.Below("new", "d31", chain))
	// What hangs below what is moved counts too.
	chain["top"], chain["leaf"] = "", "top"
	require.ErrorIs(t, department.Below("top", "d31", chain), department.ErrTooDeep)
	require.NoError(t, department.Below("top", "d30", chain))
}
