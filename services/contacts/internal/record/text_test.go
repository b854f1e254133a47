package record_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/contacts/internal/record"
)

// Names are the same whatever the case, the width, the composition and the blanks between them.
func TestKey(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"Acme Corporation", "  ACME\tcorporation "},
		{"Łuczak", "ŁUCZAK"},
		{"Élise", "E\u0301LISE"},
		{"Straße", "STRASSE"},
		{"Борис", "БОРИС"},
		{"ＡＣＭＥ", "acme"},
		{"Σίσυφος", "ΣΊΣΥΦΟΣ"},
		{"", "   "},
	} {
		require.Equal(t, record.Key(same[0]), record.Key(same[1]))
	}
	require.NotEqual(t, record.Key("Luczak"), record.Key("Łuczak"))
	require.Equal(t, "acme corporation", record.Key("Acme  Corporation"))
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "Acme", "É", "\x00", "\xff", "Σ", "İ", "\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k := record.Key(s); record.Key(k) != k {
			t.Errorf("%q has the key %q, whose key is %q", s, k, record.Key(k))
		}
	})
}
