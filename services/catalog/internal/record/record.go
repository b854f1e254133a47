// Package record holds what all records of the catalog have: names in other systems, where they come from, the bin.
package record

import (
	"strings"
	"time"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
)

// BinDays is how long a deleted record can be restored.
const BinDays = 30

// ExternalID is a record's ID in another system.
type ExternalID struct{ Source, ID string }

// Origin says what made a record.
type Origin struct {
	// Kind is "user", "service" or "import".
	Kind string
	// ID of the user or of the import's operation.
	ID string
}

// Head is what every record has.
type Head struct {
	ID string
	// Version grows by one with each change.
	Version   int64
	Origin    Origin
	CreatedAt time.Time
	UpdatedAt time.Time
	// DeletedAt is when it was put into the bin; nil if it is not there.
	DeletedAt *time.Time
}

// Touch counts a change.
func (h *Head) Touch(now time.Time) {
	h.Version++
	h.UpdatedAt = now
}

// Restorable reports whether a record in the bin can still be taken out.
func (h *Head) Restorable(now time.Time) bool {
	return h.DeletedAt != nil && now.Sub(*h.DeletedAt) <= BinDays*24*time.Hour
}

// Text trims a text and checks that it is not too long nor holds what cannot be stored. invalid is the sentinel that is
// returned with the field named.
func Text(field string, s *string, most int, invalid *apperr.Error) error {
	*s = strings.TrimSpace(*s)
	switch {
	case utf8.RuneCountInString(*s) > most:
		return invalid.WithField(field, "is too long")
	case strings.ContainsRune(*s, 0) || !utf8.ValidString(*s):
		return invalid.WithField(field, "is not text")
	}
	return nil
}

// CheckExternalIDs trims the IDs and checks that there is at most one for each source.
func CheckExternalIDs(ids []ExternalID, invalid *apperr.Error) error {
	seen := map[string]bool{}
	for i := range ids {
		x := &ids[i]
		x.Source, x.ID = strings.TrimSpace(x.Source), strings.TrimSpace(x.ID)
		switch {
		case x.Source == "" || x.ID == "":
			return invalid.WithField("external_ids", "an external ID needs a source and an ID")
		case seen[x.Source]:
			return invalid.WithField("external_ids", "there are two IDs of the source "+x.Source)
		}
		seen[x.Source] = true
	}
	return nil
}
