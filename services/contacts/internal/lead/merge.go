package lead

import "kontor.internal/services/contacts/internal/merge"

// Merged decides what of a lead that others are merged into no caller sets. A converted lead can only be the one that stays:
// records and jobs hang on its ID.
func Merged(records []*Lead, after *Lead) error {
	for _, l := range records[1:] {
		if l.Conversion != nil {
			return merge.ErrConverted.With("id", l.ID)
		}
		if after.TouchedAt.IsZero() || !l.TouchedAt.IsZero() && l.TouchedAt.Before(after.TouchedAt) {
			after.TouchedAt = l.TouchedAt
		}
	}
	return nil
}
