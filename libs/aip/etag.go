package aip

import (
	"strconv"
	"strings"

	"kontor.internal/libs/apperr"
)

// ErrEtag says that an etag is not one of ours.
var ErrEtag = apperr.Invalid("INVALID_ETAG", "the etag is not one that was given out; read the record again")

// Etag is the etag of a record's version: "v5".
func Etag(version int64) string { return "v" + strconv.FormatInt(version, 10) }

// Version is the version that an etag asks for, 0 if the caller does not mind. The forms of the HTTP header, quoted and
// weak, are read as well; "*" means any version.
func Version(etag string) (int64, error) {
	e := strings.Trim(strings.TrimPrefix(strings.TrimSpace(etag), "W/"), `"`)
	if e == "" || e == "*" {
		return 0, nil
	}
	v, err := strconv.ParseInt(strings.TrimPrefix(e, "v"), 10, 64)
	if err != nil || v < 1 || !strings.HasPrefix(e, "v") {
		return 0, ErrEtag.WithField("etag", "expected a value such as v5")
	}
	return v, nil
}
