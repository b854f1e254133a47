package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/identity/internal/account"
)

// ID-7: length and strength.
func TestPolicy(t *testing.T) {
	t.Parallel()
	p := account.DefaultPolicy()
	for name, c := range map[string]struct {
		password string
		about    []string
		want     error
	}{
		"several words are fine":                   {password: "tidal marble lantern"},
		"random letters are fine":                  {password: "mzqkvhtrwpdb"},
		"mixed kinds are fine":                     {password: "gT7!pw_Zq2x"},
		"another alphabet is fine":                 {password: "зелёный-чайник-у-окна"},
		"nine characters are too few":              {password: "gT7!pw_Zq", want: account.ErrTooShort},
		"ten are counted, not bytes":               {password: "ünïcödé-ñß"},
		"130 characters are too many":              {password: strings.Repeat("a1B!x", 26), want: account.ErrTooLong},
		"a common word with decoration is weak":    {password: "Password123!", want: account.ErrWeak},
		"a disguised common word is weak":          {password: "P@$$w0rd2026", want: account.ErrWeak},
		"a run on the keyboard is weak":            {password: "qwertyuiop12", want: account.ErrWeak},
		"a run of digits is weak":                  {password: "012345678901", want: account.ErrWeak},
		"one character many times is weak":         {password: "aaaaaaaaaaaaaaaa", want: account.ErrWeak},
		"a short pattern repeated is weak":         {password: "abababababab", want: account.ErrWeak},
		"the product's name is weak":               {password: "Kontor-Kontor-1", want: account.ErrWeak},
		"one's own address is weak":                {password: "ann.lee@acme.example", about: []string{"ann.lee@acme.example", "Ann Lee"}, want: account.ErrWeak},
		"one's own name with a year is weak":       {password: "annabella1987", about: []string{"a@b.example", "Annabella Lee"}, want: account.ErrWeak},
		"bytes that are no text are refused":       {password: "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6", want: account.ErrWeak},
		"a character that ends strings is refused": {password: "tidal\x00marble-lantern", want: account.ErrWeak},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := p.Check(c.password, c.about...)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" Ann.Lee@Example.COM ":           "ann.lee@example.com",
		"a+b@x.example":                   "a+b@x.example",
		"":                                "",
		"ann":                             "",
		"ann@":                            "",
		"Ann <ann@example.com>":           "",
		"ann@example.com\r\nBcc: x@y.z":   "",
		"a b@example.com":                 "",
		"ann@example.com, bob@x.example":  "",
		strings.Repeat("a", 252) + "@b.c": "",
	} {
		got, err := account.NormalizeEmail(in)
		if want == "" {
			require.ErrorIs(t, err, account.ErrEmail, in)
			continue
		}
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
}

func TestHasher(t *testing.T) {
	t.Parallel()
	h, err := account.NewHasher(2)
	require.NoError(t, err)
	a, err := h.Hash(t.Context(), "tidal marble")
	require.NoError(t, err)
	b, err := h.Hash(t.Context(), "tidal marble")
	require.NoError(t, err)
	require.NotEqual(t, a, b, "each hash has a salt of its own")
	require.True(t, strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$"), a)
	ok, err := h.Verify(t.Context(), a, "tidal marble")
	require.NoError(t, err)
	require.True(t, ok)
	ok, err = h.Verify(t.Context(), a, "tidal marbles")
	require.NoError(t, err)
	require.False(t, ok)
	// ID-9: no account is compared with as well, and never right.
	ok, err = h.Verify(t.Context(), "", "")
	require.NoError(t, err)
	require.False(t, ok)
	_, err = h.Verify(t.Context(), "$2a$10$bcrypt", "x")
	require.Error(t, err)
}

// ID-9: whether there is an account does not show in the time: a hash is computed in any case. How long that takes
// depends on the machine, but none does 19 MiB twice in two milliseconds.
func TestUnknownAccountTakesAHash(t *testing.T) {
	t.Parallel()
	h, err := account.NewHasher(1)
	require.NoError(t, err)
	begin := time.Now()
	_, err = h.Verify(t.Context(), "", "wrong")
	require.NoError(t, err)
	require.Greater(t, time.Since(begin), 2*time.Millisecond)
}

// ID-7: as many passwords are remembered as the policy says, the present one included.
func TestRememberedPasswords(t *testing.T) {
	t.Parallel()
	p := account.Policy{Remember: 3}
	a := &account.Account{}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, h := range []string{"h1", "h2", "h3", "h4"} {
		a.SetPassword(p, h, false, now)
	}
	require.Equal(t, "h4", a.PasswordHash)
	require.Equal(t, []string{"h3", "h2"}, a.PreviousHashes)

	p.MaxAge = 24 * time.Hour
	require.False(t, a.Expired(p, now.Add(23*time.Hour)))
	require.True(t, a.Expired(p, now.Add(25*time.Hour)), "optional rotation")
}

func TestAccountOpensWhereItIsLookedAfter(t *testing.T) {
	t.Parallel()
	a := account.Account{PasswordHash: "h", HomeID: "here"}
	require.True(t, a.Opens("here"))
	require.False(t, a.Opens("there"), "an administrator who set the password must not get in elsewhere")
	a.HomeID = ""
	require.True(t, a.Opens("there"))
	a.PasswordHash = ""
	require.False(t, a.Opens("here"))
}
