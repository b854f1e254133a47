package id_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
)

func TestNewIsValidAndAscending(t *testing.T) {
	t.Parallel()
	last := ""
	for range 1000 {
		s := id.New()
		require.True(t, id.Valid(s), s)
		require.Greater(t, s, last)
		last = s
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, s string
		want    bool
	}{
		{"canonical", "0192f0c4-1234-7abc-8def-0123456789ab", true},
		{"empty", "", false},
		{"upper case", "0192F0C4-1234-7ABC-8DEF-0123456789AB", false},
		{"braces", "{0192f0c4-1234-7abc-8def-0123456789ab}", false},
		{"no dashes", "0192f0c412347abc8def0123456789ab", false},
		{"dashes astray", "0192f0c41-234-7abc-8def-0123456789ab", false},
		{"not hexadecimal", "0192f0c4-1234-7abc-8def-0123456789ag", false},
		{"too long", "0192f0c4-1234-7abc-8def-0123456789ab0", false},
		{"an injection", "0192f0c4-1234-7abc-8def-' OR 1=1 --a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, id.Valid(tt.s))
		})
	}
}
