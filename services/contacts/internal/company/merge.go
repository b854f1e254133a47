package company

import "slices"

// Merged decides what of a company that others are merged into no caller sets: it does not belong to one that is part of it.
func Merged(records []*Company, after *Company) error {
	for slices.ContainsFunc(records, func(c *Company) bool { return c.ID == after.ParentID }) {
		at := slices.IndexFunc(records, func(c *Company) bool { return c.ID == after.ParentID })
		next := records[at].ParentID
		if after.ParentID = next; next == "" || at == 0 {
			after.ParentID = ""
			break
		}
		records = slices.Delete(slices.Clone(records), at, at+1)
	}
	return nil
}
