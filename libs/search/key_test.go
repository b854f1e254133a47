package search

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// CON-14: names in other alphabets have the key of the Latin one, or one within the mistakes that are tolerated.
func TestNamesOfOneSoundFindEachOther(t *testing.T) {
	t.Parallel()
	for typed, kept := range map[string]string{
		"Иванов": "Ivanov", "Ivanov": "Иванов", "Сергей": "Sergey", "Алексей Юрьев": "Alexey Yuryev", "Yulia": "Юлия",
		"Zhukov": "Жуков", "Γιώργος": "Giorgos", "Papadopoulos": "Παπαδόπουλος", "Kumar": "குமார்", "குமார்": "Kumar",
		"Sharma": "शर्मा", "रमेश": "Ramesh", "Rahman": "রহমান", "রহমান": "Rahman", "Muller": "Müller", "Mueller": "Müller",
		"Strasse": "Straße", "Kowalski": "Ковальский", "Obrien": "O'Brien", "ｗｉｄｅ": "wide",
	} {
		score, matches := Parse(typed).Score([]Field{{Name: "name", Text: kept, Weight: 1}})
		require.Positive(t, score, "%s finds %s: %q %q", typed, kept, Key(typed), Key(kept))
		require.NotEmpty(t, matches[0].Ranges)
	}
}

// CON-14: what anybody may type does no harm and means nothing.
func TestKeysOfHostileText(t *testing.T) {
	t.Parallel()
	for text, key := range map[string]string{
		"": "", "%": "", "_%\\": "", "\x00": "", "😀": "", "\u202Eabc\u202C": " abc", "a%b": " a b", "\xff\xfe": "",
		"100200": " 100200", "Anna  Maria": " ana maria", "a\x00b": " ab", "ООО «Ромашка»": " o romashka",
	} {
		require.Equal(t, key, Key(text), "%q", text)
	}
	require.LessOrEqual(t, len(Key(strings.Repeat("длинный ", 10_000))), maxKey+10)
	require.Len(t, Parse(strings.Repeat("a ", 1000)).words, maxWords)
}

// CON-14: mistakes that are tolerated, and those that are not.
func TestScoreToleratesMistakes(t *testing.T) {
	t.Parallel()
	name := []Field{{Name: "name", Text: "Katharina Schmidtbauer", Weight: 1}, {Name: "emails", Text: "k.s@acme.de", Weight: 0.9}}
	for typed, hit := range map[string]string{
		"schmidtbauer": "Schmidtbauer", "Schmitbauer": "Schmidtbauer", "smidtbauer": "Schmidtbauer", "kathrina": "Katharina",
		"schmidt": "Schmidt", "bauer": "bauer", "schmdt": "Schmidt", "hcsmidt": "Schmidt", "anna": "", "xyzz": "",
		"acme": "acme", "kat": "Kat",
	} {
		score, matches := Parse(typed).Score(name)
		if hit == "" {
			require.Zero(t, score, typed)
			continue
		}
		require.Len(t, matches, 1, typed)
		r := matches[0].Ranges[0]
		require.Equal(t, hit, string([]rune(matches[0].Snippet)[r.Start:r.End]), typed)
	}
	score, matches := Parse("bauer kat acm").Score(name)
	require.Positive(t, score, "words in any order, over fields")
	require.Len(t, matches, 2)
	exact, _ := Parse("Katharina Schm").Score(name)
	wrong, _ := Parse("Kathrina Schm").Score(name)
	require.Greater(t, exact, wrong)
	_, matches = Parse("zz end").Score([]Field{{Name: "title", Text: strings.Repeat("é ", 300) + "zz end", Weight: 1}})
	require.Len(t, []rune(matches[0].Snippet), maxSnippet)
	require.Equal(t, maxSnippet, matches[0].Ranges[len(matches[0].Ranges)-1].End)
}

func FuzzScore(f *testing.F) {
	for _, s := range []string{"Иванов", "a%b_", "कुमार", "\xff", "O'Brien 😀"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, typed, kept string) {
		_, matches := Parse(typed).Score([]Field{{Name: "name", Text: kept, Weight: 1}})
		for _, m := range matches {
			for _, r := range m.Ranges {
				_ = []rune(m.Snippet)[r.Start:r.End]
			}
		}
		if part := Within(typed); !strings.Contains(Key(typed+" "+kept), part) {
			t.Fatalf("%q is no part", part)
		}
	})
}

// CON-14: numbers are found however they are parted.
func TestSolidNumbers(t *testing.T) {
	t.Parallel()
	number := []Field{{Name: "tax_ids", Text: "DE 123 456-789", Weight: 1, Solid: true}}
	for _, typed := range []string{"DE123456789", "123456789", "DE 123 456 789", "123-456", "de1234"} {
		q := Parse(typed)
		score, _ := q.Score(number)
		if joined := q.joined(); joined != "" {
			other, _ := Query{words: []string{joined}}.Score(number)
			score = max(score, other)
		}
		require.Positive(t, score, typed)
	}
	score, _ := Parse("123456780").Score(number)
	require.Zero(t, score, "no mistakes are let pass in numbers")
	digits, international := Parse("+49 (30) 12-34").Digits()
	require.Equal(t, "49301234", digits)
	require.True(t, international)
	digits, international = Parse("0049 30 ١٢٣٤").Digits()
	require.Equal(t, "49301234", digits)
	require.True(t, international)
	digits, _ = Parse("030 abc").Digits()
	require.Empty(t, digits)
}
