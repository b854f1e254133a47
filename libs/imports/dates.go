package imports

import (
	"fmt"
	"strings"
	"time"
)

// dateFormat is a way to write a day or an instant.
type dateFormat struct {
	name   string // as in the mapping
	layout string
	zoned  bool // the text names its zone
}

// dateTokens are what a format is made of, the longer before what it begins with.
var dateTokens = []struct{ token, layout string }{ //nolint:gochecknoglobals // constant
	{"YYYY", "2006"},
	{"YY", "06"},
	{"MMMM", "January"},
	{"MMM", "Jan"},
	{"MM", "01"},
	{"M", "1"},
	{"DD", "02"},
	{"D", "2"},
	{"HH", "15"},
	{"H", "15"},
	{"hh", "03"},
	{"h", "3"},
	{"mm", "04"},
	{"m", "4"},
	{"ss", "05"},
	{"s", "5"},
	{"A", "PM"},
	{"Z", "Z07:00"},
}

// parseDateFormat reads a format such as "M/D/YYYY" or "DD.MM.YYYY HH:mm". "ISO" is RFC 3339.
func parseDateFormat(s string) (dateFormat, error) {
	if strings.EqualFold(s, "iso") {
		return dateFormat{name: s, layout: time.RFC3339, zoned: true}, nil
	}
	f := dateFormat{name: s}
	var b strings.Builder
	year, month, day := false, false, false
next:
	for rest := s; rest != ""; {
		for _, t := range dateTokens {
			if strings.HasPrefix(rest, t.token) {
				b.WriteString(t.layout)
				rest = rest[len(t.token):]
				year = year || t.token[0] == 'Y'
				month = month || t.token[0] == 'M'
				day = day || t.token[0] == 'D'
				f.zoned = f.zoned || t.token == "Z"
				continue next
			}
		}
		c := rest[0]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' && c != 'T' || c >= 'B' && c <= 'Z' && c != 'T' {
			return f, fmt.Errorf("%q is no date format: %q is not one of YYYY, YY, MMMM, MMM, MM, M, DD, D, HH, H, hh, h, mm, ss, A, Z", s, string(c))
		}
		b.WriteByte(c)
		rest = rest[1:]
	}
	if !year || !month || !day {
		return f, fmt.Errorf("%q is no date format: it needs year, month and day, such as YYYY-MM-DD", s)
	}
	f.layout = b.String()
	return f, nil
}

// standardDates are understood when a mapping names no format. Only what cannot be mistaken is among them: 3/4/2017
// is March in one country and April in another.
var standardDates = []dateFormat{ //nolint:gochecknoglobals // constant
	{name: "YYYY-MM-DD", layout: time.DateOnly},
	{name: "ISO", layout: time.RFC3339, zoned: true},
	{name: "YYYY-MM-DD HH:mm:ss", layout: time.DateTime},
}

// parseDate reads a date or an instant; text without a zone is in loc.
func parseDate(s string, formats []dateFormat, loc *time.Location) (time.Time, bool) {
	if len(formats) == 0 {
		formats = standardDates
	}
	for _, f := range formats {
		if t, err := time.ParseInLocation(f.layout, s, loc); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func formatNames(formats []dateFormat) string {
	if len(formats) == 0 {
		formats = standardDates
	}
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return strings.Join(names, " or ")
}
