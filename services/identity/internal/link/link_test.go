package link_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/link"
	"kontor.internal/services/identity/internal/organization"
	"kontor.internal/services/identity/internal/user"
)

// ID-12: a token is good for the link it was made for, and nothing else can be made of it.
func TestTokens(t *testing.T) {
	t.Parallel()
	keys, err := link.NewKeys("one installation")
	require.NoError(t, err)
	org, one := id.New(), id.New()
	token, err := keys.Token(org, one)
	require.NoError(t, err)
	gotOrg, gotID, err := keys.Open(token)
	require.NoError(t, err)
	require.Equal(t, []string{org, one}, []string{gotOrg, gotID})

	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	for i := range raw {
		raw[i] ^= 1
		_, _, err := keys.Open(base64.RawURLEncoding.EncodeToString(raw))
		require.ErrorIs(t, err, link.ErrInvalid, "byte %d changed", i)
		raw[i] ^= 1
	}
	other, err := link.NewKeys("another installation")
	require.NoError(t, err)
	for _, bad := range []string{"", "x", token + "A", token[:40], " " + token} {
		_, _, err = keys.Open(bad)
		require.ErrorIs(t, err, link.ErrInvalid, "%q", bad)
	}
	_, _, err = other.Open(token)
	require.ErrorIs(t, err, link.ErrInvalid)
}

// ID-12: single use, expiry, and what makes a link worthless.
func TestWorks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*link.Held)
		works  bool
	}{
		"fresh":             {func(*link.Held) {}, true},
		"used":              {func(h *link.Held) { h.Link.UsedAt = now }, false},
		"taken back":        {func(h *link.Held) { h.Link.RevokedAt = now }, false},
		"expired":           {func(h *link.Held) { h.Link.ExpiresAt = now }, false},
		"user gone":         {func(h *link.Held) { h.User.Active = false }, false},
		"address changed":   {func(h *link.Held) { h.User.Email = "new@acme.example" }, false},
		"account elsewhere": {func(h *link.Held) { h.Account.HomeID = "globex" }, false},
		"owner known":       {func(h *link.Held) { h.Account.HomeID = "" }, false},
		"newer password":    {func(h *link.Held) { h.Account.PasswordSetAt = now }, false},
		"newer password, change of address": {func(h *link.Held) {
			h.Link.Purpose, h.Account.PasswordSetAt = link.Address, now
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &link.Held{
				Link: link.Link{
					Purpose: link.Reset, UserEmail: "ann@acme.example", CreatedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Minute),
				},
				User: user.User{Email: "ann@acme.example", Active: true}, Account: account.Account{HomeID: "acme"},
				Organization: organization.Settings{ID: "acme"},
			}
			c.change(h)
			require.Equal(t, c.works, h.Works(now))
		})
	}
}
