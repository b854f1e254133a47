package file_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/files/internal/file"
)

func TestCleanName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ж", 300) + ".pdf"
	for in, want := range map[string]string{
		"offer.pdf":                      "offer.pdf",
		"../../etc/passwd":               "passwd",
		`C:\Users\ann\Angebot für X.pdf`: "Angebot für X.pdf",
		"a\r\nSet-Cookie: x=y.txt":       "aSet-Cookie_ x=y.txt",
		"evil\u202Efdp.exe":              "evilfdp.exe",
		"tab\there":                      "tabhere",
		"trailing. . .":                  "trailing",
		"what?*<now>|\".txt":             "what___now___.txt",
		".htaccess":                      ".htaccess",
		long:                             strings.Repeat("ж", 125) + ".pdf",
		"":                               "",
		"..":                             "",
		" / ":                            "",
		"\x00":                           "",
	} {
		got, err := file.CleanName(in)
		if want == "" {
			require.ErrorIs(t, err, file.ErrName, "%q", in)
			continue
		}
		require.NoError(t, err, "%q", in)
		require.Equal(t, want, got, "%q", in)
	}
}

// Whatever comes in, what comes out can be shown and saved.
func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"a/b", "\xff\xfe", "x.\u202e", strings.Repeat("é", 200) + ".tar.gz", "..\\..", "_"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := file.CleanName(in)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(got))
		require.NotEmpty(t, got)
		require.LessOrEqual(t, len(got), file.MaxName)
		require.False(t, strings.ContainsAny(got, `/\`))
		require.False(t, strings.ContainsFunc(got, unicode.IsControl))
		again, err := file.CleanName(got)
		require.NoError(t, err)
		require.Equal(t, got, again, "clean names stay as they are")
	})
}

// decisions 24: 30 days in the bin.
func TestBin(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f := &file.File{Name: "a.txt"}
	_, err := f.Restore(now)
	require.ErrorIs(t, err, file.ErrNotDeleted)
	_, err = f.Delete(now)
	require.NoError(t, err)
	_, err = f.Delete(now)
	require.ErrorIs(t, err, file.ErrNotFound)
	_, err = f.Change(func(f *file.File) { f.Name = "b.txt" })
	require.ErrorIs(t, err, file.ErrNotFound)
	_, err = f.Replace(file.Content{})
	require.ErrorIs(t, err, file.ErrNotFound)
	_, err = f.Restore(now.Add(31 * 24 * time.Hour))
	require.ErrorIs(t, err, file.ErrNotFound)
	ev, err := f.Restore(now.Add(29 * 24 * time.Hour))
	require.NoError(t, err)
	require.IsType(t, file.Restored{}, ev)
}
