package deal

import (
	"context"
	"slices"
	"time"
)

// Clientele is whom a deal refers to in contacts: what changes when records there are merged and parted again (CON-16).
type Clientele struct {
	CompanyID string  `json:"company_id,omitempty"`
	ContactID string  `json:"contact_id,omitempty"`
	LeadID    string  `json:"lead_id,omitempty"`
	Parties   []Party `json:"parties,omitempty"`
}

// Clientele returns whom the deal refers to.
func (d *Deal) Clientele() Clientele {
	return Clientele{CompanyID: d.CompanyID, ContactID: d.ContactID, LeadID: d.LeadID, Parties: slices.Clone(d.Parties)}
}

// Follow makes the deal refer to another record instead of one that is part of it now. A party that is there already with the
// same role is there once.
func (d *Deal) Follow(kind, from, to string, now time.Time) []Event {
	next := d.Clientele()
	one := func(of string, id *string) {
		if kind == of && *id == from {
			*id = to
		}
	}
	one(KindCompany, &next.CompanyID)
	one(KindContact, &next.ContactID)
	one(KindLead, &next.LeadID)
	parties := next.Parties[:0]
	for _, p := range next.Parties {
		one(p.Kind, &p.ID)
		if !slices.Contains(parties, p) {
			parties = append(parties, p)
		}
	}
	next.Parties = parties
	return d.refer(next, now)
}

// Return takes back what Follow has made of before. What was changed since stays.
func (d *Deal) Return(before, after Clientele, now time.Time) []Event {
	next := d.Clientele()
	one := func(was, became string, id *string) {
		if *id == became {
			*id = was
		}
	}
	one(before.CompanyID, after.CompanyID, &next.CompanyID)
	one(before.ContactID, after.ContactID, &next.ContactID)
	one(before.LeadID, after.LeadID, &next.LeadID)
	next.Parties = unfollow(next.Parties, before.Parties, after.Parties)
	return d.refer(next, now)
}

// unfollow puts the parties of before back in the place of those that a merge had made of them, wherever other merges that were
// followed or taken back meanwhile have left these. If one of them is not there any more nothing is put back.
func unfollow(now, before, after []Party) []Party {
	if slices.Equal(now, after) {
		return slices.Clone(before)
	}
	next := slices.Clone(now)
	for _, p := range after {
		if slices.Contains(before, p) {
			continue
		}
		at := slices.Index(next, p)
		if at < 0 {
			return now
		}
		next = slices.Delete(next, at, at+1)
	}
	for i, p := range before {
		if !slices.Contains(after, p) {
			next = slices.Insert(next, min(i, len(next)), p)
		}
	}
	return next
}

func (d *Deal) refer(next Clientele, now time.Time) []Event {
	if d.CompanyID == next.CompanyID && d.ContactID == next.ContactID && d.LeadID == next.LeadID && slices.Equal(d.Parties, next.Parties) {
		return nil
	}
	before := d.clone()
	d.CompanyID, d.ContactID, d.LeadID, d.Parties = next.CompanyID, next.ContactID, next.LeadID, next.Parties
	d.touch(Env{Now: now})
	return []Event{Updated{Before: before, After: d.clone()}}
}

// current puts the records of now in the place of those in a draft that are part of another.
func (in *Draft) current(merged map[string]string) {
	one := func(id *string) {
		if into, ok := merged[*id]; ok {
			*id = into
		}
	}
	one(&in.CompanyID)
	one(&in.ContactID)
	one(&in.LeadID)
	in.Parties = slices.Clone(in.Parties)
	for i := range in.Parties {
		one(&in.Parties[i].ID)
	}
}

// named are the IDs of companies, contacts and the lead in a draft.
func (in *Draft) named() []string {
	var ids []string
	for _, id := range []string{in.CompanyID, in.ContactID, in.LeadID} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	for _, p := range in.Parties {
		ids = append(ids, p.ID)
	}
	return ids
}

// followMerges puts the records of now in the place of those in a draft that are part of another.
func (s *Service) followMerges(ctx context.Context, org string, in *Draft) error {
	ids := in.named()
	if len(ids) == 0 || s.Merged == nil {
		return nil
	}
	merged, err := s.Merged(ctx, org, ids)
	if err != nil {
		return err
	}
	in.current(merged)
	return nil
}
