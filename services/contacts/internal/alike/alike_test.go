package alike_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/contacts/internal/alike"
	"kontor.internal/services/contacts/internal/reach"
)

// CON-15: names meet across spelling, order, accents and alphabets.
func TestPersonsThatAreTheSame(t *testing.T) {
	t.Parallel()
	for _, same := range [][2][2]string{
		{{"Hans", "Müller"}, {"HANS", "Mueller"}},
		{{"Hans", "Müller"}, {"Muller", "hans"}},
		{{"Борис", "Иванов"}, {"Boris", "Ivanov"}},
		{{"Дмитрий", "Юрьев"}, {"Dmitry", "Yurev"}},
		{{"Łukasz", "Żuk"}, {"Lukasz", "Zuk"}},
		{{"Γιώργος", ""}, {"Giorgos", ""}},
		{{"José", "Núñez"}, {"Jose", "Nunez"}},
		{{"Anne-Marie", "O'Neil"}, {"Anne Marie", "ONeil"}},
	} {
		require.Equal(t, alike.Person(same[0][0], same[0][1]), alike.Person(same[1][0], same[1][1]), "%v", same)
	}
	require.NotEqual(t, alike.Person("Hans", "Müller"), alike.Person("Hans", "Möller"))
	require.Empty(t, alike.Person("", " - "))
	require.Equal(t, "அன்பு", alike.Person("அன்பு", ""), "scripts without a table stay as they are")
}

// CON-15: a company is the same whatever legal form stands beside its name.
func TestCompaniesThatAreTheSame(t *testing.T) {
	t.Parallel()
	for _, same := range [][2]string{
		{"Acme GmbH & Co. KG", "ACME"}, {"ООО «Ромашка»", "Romashka OOO"}, {"Globex, Inc.", "globex"}, {"G.m.b.H. Nord", "Nord GmbH"},
	} {
		require.Equal(t, alike.Company(same[0]), alike.Company(same[1]), "%v", same)
	}
	require.NotEmpty(t, alike.Company("AG"))
	require.LessOrEqual(t, len(alike.Company(strings.Repeat("ж ", 5000)+strings.Repeat("в", 9000))), 256)
}

// CON-15: an address is the same whatever way its street is written.
func TestAddressesThatAreTheSame(t *testing.T) {
	t.Parallel()
	a := alike.Address(reach.Address{Street: "Müllerstraße 11", City: "Berlin", PostalCode: "13353"})
	require.Equal(t, a, alike.Address(reach.Address{Street: "Muellerstr. 11", PostalCode: "13353"}))
	require.NotEqual(t, a, alike.Address(reach.Address{Street: "Müllerstraße 1", PostalCode: "13353"}))
	require.Empty(t, alike.Address(reach.Address{City: "Berlin"}))
}

// CON-15: each thing in common counts; a number that people with different names share counts less.
func TestScore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		e    alike.Evidence
		want float64
	}{
		{alike.Evidence{}, 0},
		{alike.Evidence{Tax: true}, 0.95},
		{alike.Evidence{Phone: true}, 0.75},
		{alike.Evidence{Phone: true, Names: true, Name: 0.1}, 0.375},
		{alike.Evidence{Phone: true, Names: true, Name: 1}, 0.875},
		{alike.Evidence{Names: true, Name: 1, Address: true}, 0.65},
		{alike.Evidence{Tax: true, Email: true, Phone: true, Address: true, Names: true, Name: 1}, 0.999},
	} {
		require.InDelta(t, c.want, c.e.Score(), 0.001, "%+v", c.e)
	}
}

// The trigrams are those of pg_trgm: SELECT similarity('ivanov boris', 'ivanof boris') is 0.73333335.
func TestSimilarity(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 0.7333, alike.Similarity("ivanov boris", "ivanof boris"), 0.001)
	require.Zero(t, alike.Similarity("a", ""))
	require.InDelta(t, 1, alike.Similarity("", ""), 0)
}
